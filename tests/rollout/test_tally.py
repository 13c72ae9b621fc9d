"""What an update would do, in one line."""

from __future__ import annotations

import pytest

from homie_ota.rollout.eligibility import LIFTABLE
from homie_ota.rollout.members import RUNS_IT
from homie_ota.rollout.tally import WORDS, Left, count

SAME, BUSY, SMALL = Left("runs-it"), Left("busy"), Left("flash-too-small", "1 MB flash")
LINES: list[tuple[int, list[Left], str]] = [
    (7, [SAME, SAME, SMALL], "7 change, 2 already run it, 1 no: 1 MB flash"),
    (1, [SAME], "1 changes, 1 already runs it"),
    (0, [SMALL, BUSY, BUSY], "0 change, 2 no: being updated, 1 no: 1 MB flash"),
    (2, [Left("same-image")], "2 change, 1 already runs it"),
    (0, [Left("never-heard-of")], "0 change, 1 no: never heard of"),
]


@pytest.mark.parametrize(("change", "left", "line"), LINES, ids=[each[2] for each in LINES])
def test_every_device_is_in_one_number(change: int, left: list[Left], line: str) -> None:
    tally = count(change, left)
    assert tally.text == line
    assert tally.change + tally.same + sum(number for _, number in tally.no) == change + len(left)


def test_every_refusal_has_its_few_words() -> None:
    assert set(LIFTABLE) - RUNS_IT <= set(WORDS)

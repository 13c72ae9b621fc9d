"""A rollout in sentences: who runs the image, how long it took, how fast it went."""

from __future__ import annotations

import pytest

from homie_ota.rollout import story
from homie_ota.rollout.plan import MemberState
from homie_ota.rollout.story import GOOD, NOT_BROUGHT, Sent

M = MemberState


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({}, "nobody"),
        ({M.VERIFIED: 38, M.HARMFUL: 1, M.ABSENT: 2}, "38 run it and are well, 1 took harm, 2 never woke up"),
        ({M.VERIFIED: 1}, "1 runs it and is well"),
        ({M.WAITING: 3, M.QUEUED: 2, M.RUNNING: 1}, "1 is being updated, 5 wait"),
        ({M.BOOTED: 12_000}, "12,000 run it, their health is not known"),
        ({M.SKIPPED: 0, M.SAME: 1}, "1 ran it already"),
    ],
)
def test_what_became_of_them_is_counted(counts: dict[MemberState, int], text: str) -> None:
    assert story.counted(counts) == text


def test_every_outcome_is_told() -> None:
    told = {state for states, _, _ in story._TOLD for state in states}
    assert told == set(MemberState)
    assert {*GOOD, *NOT_BROUGHT} == set(MemberState) - {M.WAITING, M.QUEUED, M.RUNNING}


RUN_IT = "2 of 3 devices run the image: 2 run it and are well, 1 took harm, 4 were left out."


@pytest.mark.parametrize(
    ("began", "ended", "text"),
    [
        (None, None, "It has not started. 3 devices wait for it."),
        (0.0, None, f"{RUN_IT} It has been going on for 1 h 1 min."),
        (0.0, 45.0, f"{RUN_IT} It took 45 s."),
    ],
)
def test_the_headline_says_how_many_of_whom_and_how_long(
    began: float | None, ended: float | None, text: str
) -> None:
    counts = {M.VERIFIED: 2, M.HARMFUL: 1, M.SKIPPED: 4}
    assert story.headline(counts, began, ended, 3700.0) == text


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (Sent(), "Nothing was sent."),
        (Sent(1, 599_040, 0, 30.0), "1 image sent, 585 KB."),
        (Sent(41, 17_196_646, 3, 2520.0), "41 images sent, 16.4 MB, in 42 min: 59 an hour; 3 of them again."),
        (Sent(2, 2048, 0, 0.0), "2 images sent, 2 KB."),
    ],
)
def test_throughput(sent: Sent, text: str) -> None:
    assert story.throughput(sent) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5.0, "0 s"), (0.4, "0 s"), (45.9, "45 s"), (60.0, "1 min"), (75.0, "1 min 15 s"), (3600.0, "1 h"),
        (11_520.0, "3 h 12 min"), (86_400.0, "1 d"), (90_061.0, "1 d 1 h"), (86_460.0, "1 d"),
    ],
)  # fmt: skip
def test_a_time_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert story.span(seconds) == text

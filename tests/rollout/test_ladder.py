"""A deployment as a ladder: what was, with its times, and what is expected."""

from __future__ import annotations

from typing import Any

import pytest

from homie_ota.model import Deployment, DeploymentState
from homie_ota.rollout.deadlines import Past
from homie_ota.rollout.ladder import Mark, climb, expect

S = DeploymentState
LIMITS = {"offered": 90.0, "transferring": 120.0, "rebooting": 240.0, "verifying": 180.0}


def attempt(state: DeploymentState, since: float = 100.0, **more: Any) -> Deployment:
    return Deployment(7, 1, "a" * 64, 1, state, since, 90.0, **more)


def told(*moves: tuple[DeploymentState, float], reason: str = "") -> list[dict[str, Any]]:
    rows = [{"kind": "deployment", "at": at, "data": {"state": state.value}} for state, at in moves]
    rows[-1]["data"] = {**rows[-1]["data"], "reason": reason}  # type: ignore[dict-item]
    return rows


def test_a_running_one_shows_what_was_what_is_and_what_comes() -> None:
    events = told((S.QUEUED, 90.0), (S.OFFERED, 95.0), (S.TRANSFERRING, 96.5))
    rungs = climb(attempt(S.TRANSFERRING, 96.5), events)
    assert [(each.step, each.mark) for each in rungs] == [
        ("queued", Mark.DONE),
        ("offered", Mark.DONE),
        ("transferring", Mark.NOW),
        ("rebooting", Mark.NEXT),
        ("verifying", Mark.NEXT),
        ("succeeded", Mark.NEXT),
    ]
    assert [each.took for each in rungs[:3]] == [5.0, 1.5, None]


def test_one_that_failed_ends_where_it_failed_with_the_reason() -> None:
    events = told((S.QUEUED, 90.0), (S.OFFERED, 95.0), (S.FAILED, 99.0), reason="No room.")
    rungs = climb(attempt(S.FAILED, 99.0, reason="No room."), events)
    assert (rungs[-1].step, rungs[-1].mark, rungs[-1].note) == ("failed", Mark.ENDED, "No room.")
    assert len(rungs) == 3


def test_a_late_success_goes_on_from_the_failure() -> None:
    events = told((S.QUEUED, 1.0), (S.OFFERED, 2.0), (S.FAILED, 3.0), (S.VERIFYING, 9.0), (S.SUCCEEDED, 20.0))
    rungs = climb(attempt(S.SUCCEEDED, 20.0, late=True), events)
    assert [each.step for each in rungs] == ["queued", "offered", "failed", "verifying", "succeeded"]
    assert {each.mark for each in rungs} == {Mark.DONE}


def test_without_its_events_the_state_is_still_shown() -> None:
    assert [each.step for each in climb(attempt(S.CANCELLED), [])] == ["cancelled"]


def test_notes_of_other_kinds_are_no_steps() -> None:
    rows = [*told((S.QUEUED, 90.0)), {"kind": "ota", "at": 91.0, "data": {"answer": "200"}}]
    assert [each.mark for each in climb(attempt(S.QUEUED), rows)][:2] == [Mark.NOW, Mark.NEXT]


def test_the_rate_counts_to_the_last_news_and_not_to_now() -> None:
    # The last news came at 110: the deadline is 120 s after it.
    of = attempt(S.TRANSFERRING, 100.0, deadline=230.0, bytes_done=200_000, bytes_total=400_000)
    found = expect(of, Past(), LIMITS)
    assert (found.rate, found.done_at, found.by) == (20_000.0, 120.0, 230.0)


def test_before_the_first_byte_the_past_tells_how_long_it_takes() -> None:
    of = attempt(S.TRANSFERRING, 100.0, deadline=220.0, bytes_total=400_000)
    assert expect(of, Past(rates=(20_000.0,)), LIMITS)[1:4] == (20.0, 120.0, None)
    assert expect(of, Past(), LIMITS)[1:4] == (None, None, None)


def test_a_reboot_takes_as_long_as_it_usually_does() -> None:
    found = expect(attempt(S.REBOOTING, deadline=160.0), Past(reboots=(8.0, 9.0, 30.0)), LIMITS)
    assert (found.by, found.usual) == (160.0, 9.0)


@pytest.mark.parametrize(("rounds", "seen"), [(0, 0), (1, 0), (3, 2), (9, 3), (None, 0)])
def test_a_soak_counts_the_statistics_that_count(rounds: int | None, seen: int) -> None:
    soak: dict[str, object] = {} if rounds is None else {"rounds": rounds}
    found = expect(attempt(S.VERIFYING, soak=soak), Past(), LIMITS, intervals=3)
    assert (found.rounds, found.of_rounds) == (seen, 3)


def test_what_waits_expects_nothing() -> None:
    assert expect(attempt(S.QUEUED), Past(), LIMITS).by is None

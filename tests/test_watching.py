"""What who watches waits for: attempts that follow failed ones, and waves, but not late joiners."""

from __future__ import annotations

from typing import Any

import pytest

from homie_ota.client import watching

Json = dict[str, Any]


def attempt(number: int = 1, state: str = "failed", followed: str | None = "nothing", **more: Any) -> Json:
    return {
        "id": number, "state": state, "followed": followed if state == "failed" else None, "device": "homie~hall",
        "firmware": "aa", "purpose": "update", "code": "", "outcome": None, **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("found", "over", "goes_on"),
    [
        (attempt(state="queued"), False, False),
        (attempt(state="transferring"), False, False),
        (attempt(state="succeeded"), True, False),
        (attempt(state="cancelled"), True, False),
        (attempt(followed=None), False, False),  # nobody has decided yet
        (attempt(followed="nothing"), True, False),
        (attempt(followed="quarantine"), True, False),
        (attempt(followed="retry"), True, True),
        (attempt(followed="cure"), True, True),
        (attempt(followed="cured"), True, True),
        ({"id": 1, "state": "failed"}, True, False),  # an older server does not say it
    ],
)
def test_a_failure_is_an_end_when_nothing_follows_it(found: Json, over: bool, goes_on: bool) -> None:
    assert (watching.is_over(found), over and watching.goes_on(found)) == (over, goes_on)


def test_the_next_attempt_is_the_first_later_one_of_the_same_image_for_the_same_end() -> None:
    of_device = [
        attempt(9),
        attempt(7),
        attempt(6, firmware="bb"),
        attempt(5, purpose="revert"),
        attempt(4),
        attempt(3),
    ]
    assert watching.next_of(attempt(4), of_device) == 7
    assert watching.next_of(attempt(9), of_device) is None


@pytest.mark.parametrize(
    ("found", "good"),
    [
        (attempt(state="succeeded"), True),
        (attempt(state="failed"), False),
        (attempt(state="cancelled", code="cancelled"), False),
        (attempt(state="cancelled", code="runs-it"), True),  # an earlier attempt succeeded late
    ],
)
def test_a_device_that_runs_it_after_all_is_a_success(found: Json, good: bool) -> None:
    assert watching.has_succeeded(found) is good


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (attempt(state="succeeded"), ""),
        (attempt(followed="retry"), ""),
        (attempt(followed="quarantine"), "homie-ota release hall"),
        (attempt(followed="nothing", outcome="unharmed"), "Nothing more is tried"),
    ],
)
def test_the_end_of_a_chain_says_what_to_do(found: Json, words: str) -> None:
    told = watching.ending(found)
    assert words in told
    assert bool(words) is bool(told)


def rollout(
    state: str = "running", waves: str = "passed passed", lane: Json | None = None, **more: Any
) -> Json:
    lane = lane or {}
    found = [{"lane": False, "state": each, "counts": {}} for each in waves.split()]
    counts = {"verified": 5, **lane}
    return {
        "state": state,
        "standing": False,
        "waves": [*found, {"lane": True, "state": "running", "counts": lane}],
        "counts": counts,
        **more,
    }


@pytest.mark.parametrize(
    ("found", "settled", "follow", "well"),
    [
        (rollout("finished"), True, "", True),
        (rollout("finished", counts={"verified": 4, "harmful": 1}), True, "", False),
        (rollout("paused", "failed waiting"), True, "", False),
        (rollout("aborted"), True, "", False),
        (rollout(waves="passed running"), False, "", False),
        (rollout(waves="passed waiting"), False, "", False),
        (rollout(lane={"absent": 3}), True, "3 absent devices follow when they come, as late joiners.", True),
        (rollout(lane={"absent": 1}), True, "1 absent device follows when it comes, as late joiners.", True),
        (rollout(lane={"absent": 2, "running": 1}), False, None, False),
        (rollout(lane={"queued": 1}), False, "", False),
        (rollout(lane={"queued": 1}, standing=True), True, "New devices join as they come.", True),
        (rollout("draining"), False, "", False),
        (rollout("reverting"), False, "", False),
    ],
)
def test_a_rollout_is_watched_until_its_waves_have_ended(
    found: Json, settled: bool, follow: str | None, well: bool
) -> None:
    assert watching.is_settled(found) is settled
    assert follow is None or watching.to_follow(found) == follow
    assert watching.went_well(found) is well

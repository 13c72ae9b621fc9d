"""What comes next for a device, sentence by sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.model import DeploymentState, State, Way
from homie_ota.model.standing import Need
from homie_ota.rollout.needs import FAILURES, MEANINGS, RANK_UPDATING, need_of, rank
from homie_ota.rollout.next import Flying, How, Known, percent, plain, say
from homie_ota.rollout.reasons import HARMS
from homie_ota.rollout.rhythm import Chance, Fit

S = DeploymentState
NOON = 43_200.0
IDLE = Known(State.READY)


def told(known: Known) -> str:
    """The sentence with moments as minutes of the day, and counted down from noon."""
    return plain(
        say(known), lambda at: f"{at // 3600:02.0f}:{at % 3600 // 60:02.0f}", lambda at: f"{at - NOON:.0f} s"
    )


def flying(state: DeploymentState, **more: object) -> Known:
    return replace(IDLE, flying=replace(Flying(state, "lamp 2.1.0"), **more))  # type: ignore[arg-type]


QUEUED = flying(S.QUEUED)
ASLEEP = replace(QUEUED, state=State.SLEEPING)
CHANCE = Chance(NOON + 7500, 20.0)
SENTENCES: list[tuple[Known, str]] = [
    (IDLE, ""),
    (flying(S.OFFERED), "offered; waits for its answer"),
    (flying(S.OFFERED, back_by=NOON + 60), "offered; waits for its answer until 12:01"),
    (flying(S.TRANSFERRING), "transferring"),
    (flying(S.TRANSFERRING, done=43, total=100), "43 %"),
    (flying(S.TRANSFERRING, done=43, total=100, ends_at=NOON + 12), "43 %, 12 s left"),
    (flying(S.REBOOTING), "restarting"),
    (flying(S.REBOOTING, back_by=NOON + 200, usual=9.0), "restarting; back by 12:03, usually 9 s"),
    (flying(S.VERIFYING), "verifying"),
    (flying(S.VERIFYING, seen=2, wanted=3), "verifying, 2 of 3 statistics"),
    (flying(S.VERIFYING, seen=1, wanted=3, by_wakes=True), "verifying, 1 of 3 wake-ups"),
    (flying(S.VERIFYING, seen=3, wanted=3, back_by=NOON + 60), "verifying, until 12:01"),
    (QUEUED, "next: lamp 2.1.0, as soon as a slot is free"),
    (replace(QUEUED, pinned_until=NOON, pin_reason="guests"), "held: pinned until 12:00 (guests)"),
    (replace(QUEUED, leftover=True), "held: the broker keeps something it acts on; clear it"),
    (flying(S.QUEUED, fresh=True), "held: has to come back once before the next attempt"),
    (flying(S.QUEUED, not_before=NOON + 300), "next attempt at 12:05"),
    (replace(QUEUED, rollout="rollout 7 is paused"), "held: rollout 7 is paused"),
    (replace(QUEUED, window=NOON + 3600), "held: the window opens at 13:00"),
    (ASLEEP, "gets lamp 2.1.0 when it comes back"),
    (replace(ASLEEP, chance=CHANCE), "wakes about 14:05 for 20 s; then gets lamp 2.1.0"),
    (
        replace(ASLEEP, chance=CHANCE, fit=Fit(False, 45.0, 20.0)),
        "wakes about 14:05 for 20 s; the image needs 45 s: will not fit",
    ),
    (
        replace(ASLEEP, chance=CHANCE, fit=Fit(True, 12.0, 20.0), due=True),
        "should wake about now for 20 s; the image needs 12 s: will fit",
    ),
    (replace(IDLE, state=State.SLEEPING, chance=CHANCE), "wakes about 14:05 for 20 s"),
    (replace(IDLE, pinned_until=NOON, pin_reason=""), "pinned until 12:00"),
    (replace(IDLE, need=Need.HARMED, trouble="failed: has not come back"), "failed: has not come back"),
    (replace(IDLE, need=Need.ALERT), "says alert"),
    (replace(QUEUED, need=Need.ALERT), "next: lamp 2.1.0, as soon as a slot is free"),
    (replace(IDLE, rollout="wave 2 of rollout 7"), "wave 2 of rollout 7"),
    (replace(IDLE, wanted="lamp 2.1.0"), "should run lamp 2.1.0; nothing is ordered"),
    (replace(IDLE, way=Way.NONE), "cannot be updated from here"),
    (replace(IDLE, ota_enabled=False), "updates are off in its configuration"),
]


@pytest.mark.parametrize(("known", "sentence"), SENTENCES, ids=[each[1] or "nothing" for each in SENTENCES])
def test_the_next_thing_is_said_in_one_sentence(known: Known, sentence: str) -> None:
    assert told(known) == sentence
    assert bool(say(known).code) == bool(sentence)


def test_an_update_under_way_is_said_whatever_else_is_the_matter() -> None:
    everything = replace(
        flying(S.TRANSFERRING, done=1, total=2),
        need=Need.ALARM,
        leftover=True,
        pinned_until=NOON,
        rollout="x",
    )
    assert told(everything) == "50 %"


def test_every_state_of_an_active_deployment_has_a_sentence() -> None:
    for state in DeploymentState:
        if state not in (S.SUCCEEDED, S.FAILED, S.CANCELLED):
            assert told(flying(state)), state


def test_a_moment_is_a_piece_of_its_own() -> None:
    pieces = say(flying(S.TRANSFERRING, done=1, total=2, ends_at=NOON)).pieces
    assert [(each.text, each.at, each.how) for each in pieces] == [
        ("50 %, ", None, How.CLOCK), ("", NOON, How.LEFT), (" left", None, How.CLOCK),
    ]  # fmt: skip


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_percentage_is_between_nothing_and_all(done: int, total: int) -> None:
    assert 0 <= percent(done, total) <= 100


def test_needs_are_ranked_before_everything_else_and_each_is_explained() -> None:
    ranks = [rank(need) for need in Need]
    assert ranks == sorted(ranks)
    assert max(ranks) < RANK_UPDATING
    assert [need_of(each) for each in ranks] == list(Need)
    assert need_of(None) is None
    assert set(MEANINGS) == set(Need)


def test_every_harm_has_its_few_words() -> None:
    assert {reason.code for reason in HARMS.values()} <= set(FAILURES)

"""Who may be offered an image at this moment; what holds the others back, and until when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout.plan import CANARY, Limits, Plan, RolloutState, WaveState, Window
from homie_ota.rollout.starting import Guarded, InFlight, MemberView, Start, may_start, room
from homie_ota.rollout.why import Hold
from homie_ota.rollout.windows import LocalTime

NOW = 1000.0
NOON = LocalTime(0, 720)
PLAN = Plan((CANARY,), Limits(parallel=3))
MEMBER = MemberView(size=400_000)
NIGHT = Plan((CANARY,), windows=(Window(frozenset(range(7)), 120, 240),))
PIN = Hold("pinned", "Pinned by ada: runs the heating until Monday.", 5000.0)


NOTHING = InFlight()


def ask(member: MemberView, plan: Plan = PLAN, in_flight: InFlight = NOTHING) -> Start | Hold:
    return may_start(member, plan, in_flight, NOON, NOW)


def test_a_queued_member_of_a_running_wave_that_is_awake_may_go() -> None:
    assert ask(MEMBER) == Start()


@pytest.mark.parametrize(
    ("member", "plan", "in_flight", "code", "until"),
    [
        (MEMBER._replace(wave=WaveState.WAITING), PLAN, InFlight(), "wave", None),
        (MEMBER._replace(wave=WaveState.FAILED), PLAN, InFlight(), "wave", None),
        (MEMBER._replace(busy=True), PLAN, InFlight(), "busy", None),
        (MEMBER._replace(pinned=PIN), PLAN, InFlight(), "pinned", 5000.0),
        (MEMBER, NIGHT, InFlight(), "window", NOW + 14 * 3600),
        (MEMBER._replace(not_before=NOW + 60), PLAN, InFlight(), "not-before", NOW + 60),
        (MEMBER._replace(awake=False), PLAN, InFlight(), "asleep", None),
        (MEMBER._replace(late=True), PLAN, InFlight(late=1), "late-joiner", None),
        (MEMBER, PLAN, InFlight(transfers=3), "parallel", None),
        (MEMBER, PLAN, InFlight(transfers=2, sleepers=True), "kept-slot", None),
    ],
)
def test_what_holds_it_back_has_a_code_and_where_known_an_end(
    member: MemberView, plan: Plan, in_flight: InFlight, code: str, until: float | None
) -> None:
    found = ask(member, plan, in_flight)
    assert isinstance(found, Hold)
    assert (found.code, found.until) == (code, until)
    assert found.text


@pytest.mark.parametrize("state", sorted(set(RolloutState) - {RolloutState.RUNNING}))
def test_nothing_starts_in_a_rollout_that_does_not_run(state: RolloutState) -> None:
    found = ask(MEMBER._replace(rollout=state))
    assert isinstance(found, Hold)
    assert (found.code, found.text) == ("rollout", f"The rollout is {state}.")


def test_the_way_back_waits_for_no_wave_and_no_window_but_keeps_the_limits() -> None:
    back = MEMBER._replace(back=True, rollout=RolloutState.REVERTING, wave=WaveState.FAILED, late=True)
    assert ask(back, NIGHT, InFlight(late=1)) == Start()
    for held in (back._replace(rollout=RolloutState.RUNNING), back._replace(pinned=PIN)):
        assert isinstance(ask(held), Hold)
    assert isinstance(ask(back, PLAN, InFlight(transfers=3)), Hold)


def test_members_of_a_passed_wave_still_get_their_image() -> None:
    assert ask(MEMBER._replace(wave=WaveState.PASSED)) == Start()


def test_a_guard_that_does_not_fit_says_what_it_waits_for_and_what_the_device_says() -> None:
    guards = (Guarded("battery/level:>30", True), Guarded("relay/on:false", False, "relay/on is true"))
    found = ask(MEMBER._replace(guards=guards))
    assert isinstance(found, Hold)
    assert found.text == "It waits until relay/on:false is so. It says: relay/on is true."
    assert ask(MEMBER._replace(guards=guards[:1])) == Start()


def test_what_a_person_has_to_know_comes_before_what_passes_by_itself() -> None:
    both = MEMBER._replace(pinned=PIN, awake=False, not_before=NOW + 60)
    assert ask(both) == PIN


def test_one_slot_is_kept_for_a_device_that_just_woke_and_only_while_somebody_sleeps() -> None:
    busy = InFlight(transfers=2, sleepers=True)
    assert isinstance(ask(MEMBER, PLAN, busy), Hold)
    assert ask(MEMBER._replace(woken=True), PLAN, busy) == Start()
    assert ask(MEMBER, PLAN, busy._replace(sleepers=False)) == Start()


def test_a_single_slot_is_for_whoever_comes() -> None:
    single = Plan((CANARY,), Limits(parallel=1))
    assert ask(MEMBER, single, InFlight(sleepers=True)) == Start()


def test_late_joiners_go_one_at_a_time_until_a_standing_rollout_has_verified_one() -> None:
    late = MEMBER._replace(late=True)
    assert ask(late, PLAN, InFlight()) == Start()
    assert isinstance(ask(late, PLAN, InFlight(transfers=1, late=1)), Hold)
    assert ask(late._replace(trusted=True), PLAN, InFlight(transfers=1, late=1)) == Start()


def test_bytes_in_flight_are_capped_and_an_image_larger_than_the_cap_goes_alone() -> None:
    plan = Plan((CANARY,), Limits(parallel=9, bytes_in_flight=1_000_000))
    assert ask(MEMBER, plan, InFlight(transfers=1, bytes=600_000)) == Start()
    assert isinstance(ask(MEMBER, plan, InFlight(transfers=2, bytes=600_001)), Hold)
    huge = MEMBER._replace(size=2_000_000)
    assert ask(huge, plan, InFlight()) == Start()
    assert isinstance(ask(huge, plan, InFlight(transfers=1, bytes=1)), Hold)


def test_starts_are_spread_over_the_minute() -> None:
    plan = Plan((CANARY,), Limits(parallel=0, starts_per_minute=6))
    assert ask(MEMBER, plan, InFlight(last_start=NOW - 10)) == Start()
    found = ask(MEMBER, plan, InFlight(last_start=NOW - 4))
    assert isinstance(found, Hold)
    assert (found.code, found.until) == ("pace", NOW + 6)


def test_no_limit_is_no_limit() -> None:
    assert room(Limits(parallel=0), InFlight(10_000, 10**10, sleepers=True), 1, woken=False, now=NOW) is None


limits = st.builds(Limits, st.integers(1, 6), st.integers(0, 3_000_000), st.just(0.0))
flights = st.builds(
    InFlight, st.integers(0, 8), st.integers(0, 4_000_000), st.integers(0, 3), st.none(), st.booleans()
)
members = st.builds(
    MemberView,
    size=st.integers(1, 2_000_000),
    awake=st.booleans(),
    woken=st.booleans(),
    late=st.booleans(),
    busy=st.booleans(),
    rollout=st.sampled_from(RolloutState),
    wave=st.sampled_from(WaveState),
)


@given(members, limits, flights)
def test_whoever_starts_keeps_every_limit(member: MemberView, limits: Limits, in_flight: InFlight) -> None:
    if ask(member, Plan((CANARY,), limits), in_flight) != Start():
        return
    assert in_flight.transfers < limits.parallel
    assert (
        not limits.bytes_in_flight
        or not in_flight.transfers
        or (in_flight.bytes + member.size <= limits.bytes_in_flight)
    )
    assert member.awake
    assert not member.busy
    assert not (member.late and in_flight.late)
    assert member.rollout is RolloutState.RUNNING
    assert member.wave in (WaveState.RUNNING, WaveState.PASSED)

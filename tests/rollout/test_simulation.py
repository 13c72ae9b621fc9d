"""Rollouts played on given presences; the decisions are the engine's own, so these are tests of it as well."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homie_ota.rollout import fates
from homie_ota.rollout.actions import FailWave, MarkAbsent, PassWave, StartWave, Substitute
from homie_ota.rollout.fates import Fate, Fates, Terms, by_chance, nothing_fails
from homie_ota.rollout.plan import (
    CANARY,
    Gate,
    Limits,
    MemberState,
    OnHarm,
    Plan,
    RolloutState,
    WaveRule,
    WaveState,
)
from homie_ota.rollout.plan import Window as PlanWindow
from homie_ota.rollout.rhythm import Awake
from homie_ota.rollout.simulation import Played, Subject, again, simulate, utc
from homie_ota.rollout.waves import Member
from homie_ota.rollout.windows import LocalTime

SIZE = 400_000
HOUR, DAY = 3600.0, 86_400.0
ALWAYS = [Awake(0.0, None)]
ENDS = frozenset(MemberState) - {
    MemberState.WAITING,
    MemberState.QUEUED,
    MemberState.RUNNING,
    MemberState.REVERTING,
}
M = MemberState


def subject(pk: int, presences: Sequence[Awake] = ALWAYS, **values: Any) -> Subject:
    bench, last = values.pop("bench", False), values.pop("last", False)
    return Subject(Member(pk, f"lamp-{pk:05}", bench=bench, last=last), presences, **values)


def hourly(pk: int, awake: float = 90.0, hours: int = 24) -> Subject:
    """Wakes once an hour; the minute is its own."""
    first = (pk * 37) % 3400
    return subject(pk, [Awake(hour * HOUR + first, hour * HOUR + first + awake) for hour in range(hours)])


def only(which: dict[int, Fate]) -> Fates:
    return lambda pk, _attempt: which.get(pk, Fate.GOOD)


def play(
    subjects: Sequence[Subject], plan: Plan, fate: Fates = nothing_fails, *, ends: float = 2 * DAY, **kw: Any
) -> Played:
    return simulate(subjects, SIZE, plan, begins=0.0, ends=ends, fates=fate, **kw)


def states(played: Played) -> dict[int, MemberState]:
    return {end.device_pk: end.state for end in played.ends}


def most_at_once(played: Played) -> int:
    """Counted from the flights alone; what lands at a moment makes room for what starts at the same one."""
    moments = [(each.since, 1) for each in played.flights] + [(each.until, -1) for each in played.flights]
    return max(itertools.accumulate(change for _, change in sorted(moments)), default=0)


SOON = Gate(verified=0.9, harmful=0, soak=60.0)
PLAN = Plan(
    (
        WaveRule(count=1, gate=Gate(verified=1.0, soak=120.0)),
        WaveRule(share=0.1, gate=SOON),
        WaveRule(gate=SOON),
    )
)
FLEET = [subject(pk) for pk in range(1, 31)]
HARMFUL = (Fate.OLD, Fate.GONE, Fate.WORSE)


# --- the good way ---


def test_everybody_gets_it_wave_after_wave_and_the_rollout_is_finished() -> None:
    played = play(FLEET, PLAN)
    assert set(states(played).values()) == {M.VERIFIED}
    assert (played.state, played.reason) == (RolloutState.FINISHED, "30 of 30 run it.")
    assert [wave.tally.members for wave in played.waves] == [1, 3, 26, 0]
    for earlier, later in itertools.pairwise(played.waves[:-1]):
        assert earlier.state is WaveState.PASSED
        assert earlier.passed_at is not None
        assert later.started_at == earlier.passed_at


def test_the_next_wave_waits_for_the_soak_of_the_last_success() -> None:
    played = play(FLEET, PLAN)
    canary = next(end for end in played.ends if end.wave == 0)
    assert played.waves[0].passed_at == canary.since + 120.0


def test_lost_statuses_and_unknown_health_are_successes_and_are_told_apart() -> None:
    played = play(FLEET, PLAN, only({1: Fate.QUIET, 2: Fate.UNKNOWN}))
    assert (states(played)[1], states(played)[2]) == (M.VERIFIED, M.BOOTED)


def test_a_bench_device_goes_first_and_whom_last_names_goes_when_all_others_are_done() -> None:
    plug, bench = subject(99, last=True), subject(98, bench=True)
    played = play([plug, *FLEET, bench], PLAN)
    order = [each.device for each in sorted(played.flights, key=lambda each: each.since)]
    assert (order[0], order[-1]) == (98, 99)
    others = max(end.since for end in played.ends if end.device_pk != 99)
    assert next(each.since for each in played.flights if each.device == 99) >= others


# --- harm ---


@pytest.mark.parametrize("fate", HARMFUL)
def test_harm_in_the_canary_stops_everything(fate: Fate) -> None:
    played = play(FLEET, PLAN, lambda _pk, _attempt: fate)
    assert played.state is RolloutState.PAUSED
    assert len(played.flights) == 1
    assert Counter(states(played).values()) == {M.HARMFUL: 1, M.WAITING: 29}
    assert played.reason.startswith("More devices took harm in wave 1")


def test_after_a_pause_nothing_starts_any_more_and_what_was_sent_ends() -> None:
    played = play(FLEET, PLAN, only({3: Fate.OLD}))
    assert played.state is RolloutState.PAUSED
    stopped = next(at for at, action in played.story if isinstance(action, FailWave))
    assert max(each.since for each in played.flights) <= stopped
    assert M.RUNNING not in states(played).values()


def test_drained_is_what_waited_and_what_was_sent_ends() -> None:
    plan = Plan(PLAN.waves, on_harm=OnHarm.DRAIN)
    played = play(FLEET, plan, only({4: Fate.GONE}))
    assert played.state is RolloutState.FINISHED
    assert set(states(played).values()) <= {M.VERIFIED, M.HARMFUL, M.WITHDRAWN}
    assert all(end.reason for end in played.ends)


def test_reverted_is_every_updated_device_that_has_a_way_back_and_once_only() -> None:
    plan = Plan(PLAN.waves, on_harm=OnHarm.REVERT)
    fleet = [*FLEET[:20], *(each._replace(way_back=False) for each in FLEET[20:])]
    played = play(fleet, plan, lambda pk, attempt: Fate.WORSE if pk == 29 and attempt == 1 else Fate.GOOD)
    assert played.state is RolloutState.FINISHED
    assert set(states(played).values()) <= {M.REVERTED, M.STRANDED, M.WITHDRAWN}
    flown = Counter(each.device for each in played.flights)
    assert max(flown.values()) == 2
    for end in played.ends:
        if flown[end.device_pk]:
            assert end.state is (M.REVERTED if end.device_pk <= 20 else M.STRANDED)
            assert flown[end.device_pk] == (2 if end.device_pk <= 20 else 1)


def test_a_way_back_that_fails_strands_its_device_and_is_not_tried_again() -> None:
    plan = Plan(PLAN.waves, on_harm=OnHarm.REVERT)
    played = play(FLEET, plan, lambda pk, attempt: Fate.OLD if pk == 1 or attempt > 1 else Fate.GOOD)
    assert states(played)[1] is M.STRANDED
    assert Counter(each.device for each in played.flights)[1] == 2


def test_harm_within_the_limit_of_a_later_wave_lets_it_go_on() -> None:
    careful = Gate(verified=0.9, harmful=1, soak=0.0)
    plan = Plan((CANARY, WaveRule(gate=careful)))
    played = play(FLEET, plan, only({17: Fate.OLD}))
    assert played.state is RolloutState.FINISHED
    assert Counter(states(played).values()) == {M.VERIFIED: 29, M.HARMFUL: 1}


def test_a_late_success_counts() -> None:
    played = play(FLEET, PLAN, only({1: Fate.LATE}))
    assert states(played)[1] is M.VERIFIED
    assert played.state is RolloutState.PAUSED  # it had looked like harm; a person goes on
    assert any(isinstance(action, FailWave) for _, action in played.story)


# --- attempts ---


def test_a_broken_transfer_is_tried_again_later_within_the_budget() -> None:
    played = play(FLEET, PLAN, lambda pk, attempt: Fate.BROKEN if pk == 1 and attempt < 3 else Fate.GOOD)
    first, second, third = [each for each in played.flights if each.device == 1]
    assert states(played)[1] is M.VERIFIED
    assert second.since >= first.until + 60
    assert third.since >= second.until + 120


def test_when_the_budget_is_used_up_a_person_has_to_release_it() -> None:
    for budget in (1, 2, 3):
        played = play(FLEET, Plan(PLAN.waves, attempts=budget), only({30: Fate.BROKEN}))
        end = next(end for end in played.ends if end.device_pk == 30)
        assert (end.state, end.attempts) == (M.UNHARMED, budget)
        assert "until somebody releases it" in end.reason


def test_a_refusal_is_not_repeated() -> None:
    played = play(FLEET, PLAN, only({30: Fate.REFUSED}))
    end = next(end for end in played.ends if end.device_pk == 30)
    assert (end.state, end.attempts) == (M.UNHARMED, 1)
    assert "switched off" in end.reason


def test_a_transfer_that_kills_itself_is_foretold() -> None:
    slow = subject(1, rate=SIZE / 60)
    played = play([slow], Plan((CANARY,)))
    assert "dropped its own connection" in played.ends[0].reason
    assert play([slow], Plan((CANARY,)), terms=Terms(self_drop=0)).ends[0].state is M.VERIFIED


def test_one_that_was_too_slow_gets_the_air_for_itself() -> None:
    slow = subject(31, rate=SIZE / 60)
    played = play([*FLEET, slow], Plan((WaveRule(gate=SOON),), Limits(parallel=5)))
    again_ = [each for each in played.flights if each.device == 31][1:]
    assert len(again_) == 2
    for alone in again_:
        assert not [
            o for o in played.flights if o is not alone and o.since < alone.until and o.until > alone.since
        ]


def test_an_image_that_does_not_fit_into_the_time_awake_never_arrives() -> None:
    played = play([hourly(1, awake=10.0)], Plan((CANARY,)))
    assert played.ends[0].state is M.UNHARMED
    assert (
        "lost its connection" in played.ends[0].reason or "left during the transfer" in played.ends[0].reason
    )
    assert 1 <= played.ends[0].attempts <= 3


def test_one_that_never_answered_is_sent_the_next_image_only_when_it_came_back() -> None:
    back = 5 * HOUR
    presences = [Awake(0.0, back - 60), Awake(back, None)]
    played = play(
        [subject(1, presences)],
        Plan((CANARY,)),
        lambda _pk, attempt: Fate.DEAF if attempt == 1 else Fate.GOOD,
    )
    assert [each.since >= back for each in played.flights] == [False, True]
    assert states(played)[1] is M.VERIFIED


# --- the absent ---


def test_who_never_wakes_is_absent_and_outside_the_count() -> None:
    fleet = [*FLEET, *(subject(pk, []) for pk in range(31, 36))]
    played = play(fleet, Plan(PLAN.waves, absent_after=HOUR, late_for=DAY))
    assert Counter(states(played).values()) == {M.VERIFIED: 30, M.ABSENT: 5}
    assert (played.state, played.reason) == (
        RolloutState.FINISHED,
        "30 of 35 run it. 5 could not be reached.",
    )


def test_a_rollout_to_one_device_that_never_wakes_comes_to_an_end() -> None:
    played = play([subject(1, [])], Plan((CANARY,), absent_after=HOUR, late_for=DAY))
    assert (played.state, played.ended_at) == (RolloutState.FINISHED, DAY)
    assert states(played) == {1: M.ABSENT}


def test_for_an_absent_canary_another_device_goes() -> None:
    fleet = [subject(1, [], bench=True), *FLEET[1:]]
    played = play(fleet, Plan(PLAN.waves, absent_after=HOUR, late_for=DAY))
    assert played.waves[0].state is WaveState.PASSED
    assert [type(action) for _, action in played.story if isinstance(action, Substitute | MarkAbsent)] == [
        MarkAbsent,
        Substitute,
    ]
    assert states(played)[1] is M.ABSENT


def test_late_joiners_go_one_at_a_time() -> None:
    late = [subject(pk, [Awake(10 * HOUR, None)]) for pk in range(31, 36)]
    played = play([*FLEET, *late], Plan(PLAN.waves, Limits(parallel=5), absent_after=HOUR))
    assert set(states(played).values()) == {M.VERIFIED}
    assert played.waves[-1].tally.verified == 5
    flights = sorted(each for each in played.flights if each.device > 30)
    ends = {end.device_pk: end.since for end in played.ends}
    starts = sorted((each.since, each.device) for each in flights)
    for (_, before), (at, _) in itertools.pairwise(starts):
        assert at >= ends[before]


def test_harm_among_late_joiners_stops_the_rest_of_them() -> None:
    late = [subject(pk, [Awake(10 * HOUR, None)]) for pk in range(31, 41)]
    played = play(
        [*FLEET, *late], Plan(PLAN.waves, absent_after=HOUR), only(dict.fromkeys(range(31, 41), Fate.OLD))
    )
    assert played.state is RolloutState.PAUSED
    assert Counter(states(played).values())[M.HARMFUL] == 1
    assert Counter(states(played).values())[M.ABSENT] == 9


# --- limits, windows ---


@pytest.mark.parametrize("parallel", [1, 2, 7])
def test_never_more_than_the_limit_is_on_the_air(parallel: int) -> None:
    plan = Plan(PLAN.waves, Limits(parallel=parallel))
    played = play([*FLEET, *(hourly(pk) for pk in range(31, 61))], plan)
    assert most_at_once(played) == played.figures.peak <= parallel


def test_bytes_in_flight_are_a_limit_of_their_own() -> None:
    played = play(FLEET, Plan(PLAN.waves, Limits(parallel=9, bytes_in_flight=3 * SIZE)))
    assert played.figures.peak_bytes == 3 * SIZE
    assert most_at_once(played) == 3


def test_starts_are_spread() -> None:
    played = play(FLEET, Plan((WaveRule(gate=SOON),), Limits(parallel=0, starts_per_minute=2)))
    starts = sorted(each.since for each in played.flights)
    assert min(b - a for a, b in itertools.pairwise(starts)) >= 30


def test_nothing_starts_outside_the_windows() -> None:
    night = PlanWindow(frozenset(range(7)), 120, 180)
    played = play(FLEET, Plan(PLAN.waves, windows=(night,)))
    assert set(states(played).values()) == {M.VERIFIED}
    assert all(120 <= utc(each.since).minute < 180 for each in played.flights)


def test_one_that_wakes_for_a_moment_finds_a_free_slot() -> None:
    """The last slot is kept while somebody sleeps, however many stay awake and want it."""
    sleeper = subject(99, [Awake(500.0, 540.0)])
    plan = Plan((WaveRule(gate=SOON),), Limits(parallel=2))
    played = play([*FLEET, sleeper], plan)
    assert next(each.since for each in played.flights if each.device == 99) == 500.0


def test_utc_knows_the_day_of_the_week() -> None:
    assert utc(0.0) == LocalTime(3, 0)
    assert utc(4 * DAY + 90 * 60 + 59) == LocalTime(0, 90)


# --- a fleet's own past ---


def test_the_past_of_a_device_is_repeated() -> None:
    past = [Awake(HOUR, HOUR + 60), Awake(20 * HOUR, 20 * HOUR + 60)]
    found = again(past, DAY, 3 * DAY, DAY)
    assert [each.since / HOUR for each in found] == [25, 44, 49, 68]
    assert again([], DAY, 3 * DAY, DAY) == []


def test_who_is_awake_now_stays_so_and_who_was_not_seen_for_long_does_not_come() -> None:
    assert again([Awake(HOUR, None)], DAY, 3 * DAY, DAY) == [Awake(HOUR, None)]
    assert again([Awake(HOUR, 2 * HOUR)], 5 * DAY, 7 * DAY, DAY) == []


def test_chance_has_the_shares_that_were_asked_for_and_is_the_same_every_time() -> None:
    drawn = by_chance({Fate.GONE: 0.1, Fate.BROKEN: 0.2}, seed=7)
    found = Counter(drawn(device, 1) for device in range(20_000))
    assert found == Counter(drawn(device, 1) for device in range(20_000))
    assert abs(found[Fate.GONE] - 2000) < 200
    assert abs(found[Fate.BROKEN] - 4000) < 300
    assert {drawn(1, attempt) for attempt in range(50)} == set(found)
    assert found != Counter(
        by_chance({Fate.GONE: 0.1, Fate.BROKEN: 0.2}, seed=8)(d, 1) for d in range(20_000)
    )


def test_there_is_a_script_for_every_fate_with_a_reason_for_every_failure() -> None:
    course = fates.foresee(0.0, 20.0, 1e9, ALWAYS, Terms())
    for fate in Fate:
        steps = fates.script(fate, course, Terms())
        assert [step.at for step in steps] == sorted(step.at for step in steps)
        assert steps[-1].reason is not None


# --- a day of ten thousand, and any fleet at all ---


def check(played: Played, plan: Plan) -> None:
    """What holds for every rollout, read from its flights, its story and its ends."""
    assert most_at_once(played) <= plan.limits.parallel
    by_device: dict[int, list[tuple[float, float]]] = {}
    for flight in played.flights:
        by_device.setdefault(flight.device, []).append((flight.since, flight.until))
    for flown in by_device.values():
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(sorted(flown)))
    back = plan.on_harm is OnHarm.REVERT
    assert max(map(len, by_device.values()), default=0) <= plan.attempts * (2 if back else 1)
    passed: set[int] = set()
    for _, action in played.story:
        if isinstance(action, PassWave):
            assert action.reading.passed
            passed.add(action.wave)
        if isinstance(action, StartWave) and action.wave < len(played.waves) - 1:
            assert set(range(action.wave)) <= passed
    assert all(end.reason for end in played.ends)
    limit = plan.waves[-1].gate.harmful
    assert played.state is not RolloutState.RUNNING or played.waves[-2].tally.harmful <= limit


def test_a_day_of_ten_thousand_devices_that_wake_every_hour() -> None:
    careful = Gate(verified=0.9, harmful=300, soak=600.0)
    rest = Gate(verified=0.9, harmful=500, soak=0.0)
    plan = Plan(
        (PLAN.waves[0], WaveRule(share=0.1, gate=careful), WaveRule(gate=rest)),
        Limits(parallel=150),
    )  # fmt: skip
    chances = {
        Fate.BROKEN: 0.05, Fate.REFUSED: 0.02, Fate.GONE: 0.01, Fate.OLD: 0.01, Fate.LATE: 0.01, Fate.QUIET: 0.1,
        Fate.UNKNOWN: 0.05, Fate.WORSE: 0.005,
    }  # fmt: skip
    fleet = [hourly(pk) for pk in range(10_000)]
    played = play(fleet, plan, by_chance(chances, seed=3), ends=DAY)
    check(played, plan)
    ends = Counter(states(played).values())
    assert set(ends) <= ENDS
    assert ends[M.VERIFIED] + ends[M.BOOTED] > 9_400
    assert 0 < ends[M.HARMFUL] <= 500
    assert played.state is RolloutState.FINISHED
    # No look through the fleet: what was done is a small number for each wake-up, and for each attempt.
    assert played.events <= 24 * 10_000 + 6 * len(played.flights) + 10_000
    assert played.figures.asked <= 4 * len(played.flights)
    assert played.figures.decisions <= 20


def test_a_day_of_ten_thousand_devices_with_a_bad_image_hurts_one() -> None:
    fleet = [hourly(pk) for pk in range(10_000)]
    played = play(fleet, Plan(PLAN.waves, Limits(parallel=150)), by_chance({Fate.GONE: 1.0}), ends=DAY)
    assert Counter(states(played).values()) == {M.HARMFUL: 1, M.WAITING: 9_999}


presences = st.lists(st.tuples(st.floats(1, 9000), st.floats(1, 9000)), max_size=6).map(
    lambda spans: [
        Awake(sum(a + b for a, b in spans[:i]) + spans[i][0], sum(a + b for a, b in spans[: i + 1]))
        for i in range(len(spans))
    ]
)
subjects = st.lists(presences | st.just(ALWAYS), min_size=1, max_size=12).map(
    lambda found: [subject(pk, each) for pk, each in enumerate(found)]
)
plans = st.builds(
    Plan,
    st.sampled_from(
        [PLAN.waves, (CANARY, WaveRule(gate=Gate(verified=0.5, harmful=2, soak=0))), (WaveRule(),)]
    ),
    st.builds(Limits, st.integers(1, 4), st.sampled_from([0, SIZE, 3 * SIZE]), st.sampled_from([0.0, 1.0])),
    on_harm=st.sampled_from(OnHarm),
    attempts=st.integers(1, 3),
    absent_after=st.sampled_from([600.0, DAY]),
    late_for=st.sampled_from([0.0, DAY]),
)


@settings(max_examples=150, deadline=None)
@given(subjects, plans, st.integers(0, 9999))
def test_whatever_the_fleet_does_the_promises_are_kept(fleet: list[Subject], plan: Plan, seed: int) -> None:
    some = by_chance(dict.fromkeys([each for each in Fate if each is not Fate.GOOD], 0.06), seed)
    played = play(fleet, plan, some, ends=4 * DAY)
    check(played, plan)
    assert len(played.ends) == len(fleet)
    assert played == play(fleet, plan, some, ends=4 * DAY)
    if played.state is RolloutState.FINISHED:
        assert {end.state for end in played.ends} <= ENDS


# --- what holds, and stepping stones ---


def test_a_held_canary_asks_for_a_person_when_its_patience_is_over() -> None:
    held = subject(1, held="It waits until relay/on:false is so.")
    played = play([held, *FLEET[1:]], replace(PLAN, absent_after=HOUR))
    assert played.state is RolloutState.PAUSED
    assert "1 device is held back: It waits until relay/on:false is so." in played.reason
    assert states(played)[1] is M.ABSENT
    assert set(list(states(played).values())[1:]) == {M.WAITING}


def test_who_is_held_in_a_later_wave_is_left_behind_and_said_why() -> None:
    held = subject(30, held="It waits until relay/on:false is so.")
    played = play([*FLEET[:-1], held], replace(PLAN, absent_after=HOUR, late_for=DAY))
    assert (played.state, played.reason) == (
        RolloutState.FINISHED,
        "29 of 30 run it. 1 could not be reached.",
    )
    (end,) = (each for each in played.ends if each.device_pk == 30)
    assert (end.state, end.attempts) == (M.ABSENT, 0)
    assert "relay/on:false" in end.reason


def test_a_device_that_goes_over_a_stone_is_sent_two_images_and_its_wave_waits_for_the_second() -> None:
    one, two = play([subject(1)], PLAN), play([subject(1, steps=2)], PLAN)
    assert (states(two)[1], two.state) == (M.VERIFIED, RolloutState.FINISHED)
    assert ([each.attempts for each in two.ends], len(two.flights)) == ([2], 2)
    assert two.waves[0].passed_at is not None
    assert one.waves[0].passed_at is not None
    assert two.waves[0].passed_at > one.waves[0].passed_at + 195.0

"""What other rollout engines get wrong, one test each: ours does not (named after what was read in their sources)."""

from __future__ import annotations

from collections import Counter

import pytest

from homie_ota.model import DeploymentState
from homie_ota.rollout.actions import FailWave, MarkAbsent, PassWave, StartWave
from homie_ota.rollout.fates import Fate, by_chance
from homie_ota.rollout.ledger import Ledger
from homie_ota.rollout.lifecycle import Event, advance
from homie_ota.rollout.plan import Gate, Limits, MemberState, OnHarm, Plan, RolloutState, WaveRule, WaveState
from homie_ota.rollout.revert import Case
from homie_ota.rollout.rhythm import Awake
from homie_ota.rollout.simulation import Played, Subject, simulate
from homie_ota.rollout.strategy import decide
from homie_ota.rollout.waves import Member, arrange, sensible

M = MemberState
DAY = 86_400.0
ALWAYS, NEVER = (Awake(0.0, None),), ()
GATE = Gate(verified=0.9, harmful=0, soak=600.0)
THREE = (
    WaveRule(count=1, gate=Gate(verified=1.0, soak=600.0)),
    WaveRule(count=10, gate=GATE),
    WaveRule(gate=GATE),
)
PLAN = Plan(THREE, Limits(parallel=5), absent_after=DAY, late_for=7 * DAY)


def fleet(count: int, presences: tuple[Awake, ...] = ALWAYS) -> list[Subject]:
    return [Subject(Member(pk, f"plug-{pk:03}"), presences) for pk in range(count)]


def play(
    subjects: list[Subject], plan: Plan = PLAN, fates: dict[int, Fate] | None = None, days: int = 10
) -> Played:
    found = fates or {}
    return simulate(
        subjects, 400_000, plan, begins=0.0, ends=days * DAY, fates=lambda pk, _: found.get(pk, Fate.GOOD)
    )


def states(played: Played) -> Counter[MemberState]:
    return Counter(end.state for end in played.ends)


def in_wave(played: Played, number: int) -> list[int]:
    return [end.device_pk for end in played.ends if end.wave == number]


# --- hawkBit ---


def test_hawkbit_starts_the_next_group_when_everyone_has_ended_although_too_few_succeeded() -> None:
    second = in_wave(play(fleet(30)), 1)
    played = play(fleet(30), fates=dict.fromkeys(second[:2], Fate.REFUSED))
    assert played.waves[1].state is WaveState.FAILED
    assert played.waves[2].state is WaveState.WAITING
    assert all(end.state is M.WAITING for end in played.ends if end.wave == 2)


def test_hawkbit_has_no_timeout_and_a_device_that_never_returns_runs_for_ever() -> None:
    gone = play(fleet(30), fates={29: Fate.GONE})
    assert states(gone)[M.RUNNING] == 0
    asleep = play([*fleet(30), *(each._replace(member=Member(99)) for each in fleet(1, NEVER))])
    assert asleep.state is RolloutState.FINISHED
    assert [(at, action.wave) for at, action in asleep.story if isinstance(action, MarkAbsent)]


def test_hawkbit_starts_the_next_group_two_seconds_after_the_last_success() -> None:
    played = play(fleet(30))
    for wave in played.waves[:2]:
        last = max(end.since for end in played.ends if end.wave == wave.number)
        assert wave.passed_at == last + 600.0


def test_hawkbit_can_only_pause_and_leaves_what_was_updated_as_it_is() -> None:
    plan = Plan(THREE, PLAN.limits, on_harm=OnHarm.REVERT)
    bad = play(fleet(30), plan, {in_wave(play(fleet(30)), 1)[4]: Fate.OLD})
    assert set(states(bad)) <= {M.REVERTED, M.STRANDED, M.WITHDRAWN}
    assert states(bad)[M.REVERTED] >= 5


def test_hawkbit_counts_a_device_without_a_result_as_a_success() -> None:
    second = in_wave(play(fleet(30)), 1)
    played = play(fleet(30), fates=dict.fromkeys(second, Fate.DEAF), days=2)
    assert played.waves[1].state is not WaveState.PASSED
    assert played.waves[1].tally.good == 0


def test_hawkbit_runs_every_scheduler_on_every_node_and_ours_may_decide_twice_without_harm() -> None:
    """One engine moves a rollout, by a lease; and if two looked at the same rows, the second would change nothing."""
    waves = [[member.device_pk for member in wave] for wave in arrange([Member(pk) for pk in range(5)], PLAN)]
    ledger = Ledger(PLAN, waves, lambda _: Case(M.VERIFIED, "", stored=False))
    ledger.state = RolloutState.RUNNING
    first, second = decide(ledger.view(), 1.0), decide(ledger.view(), 1.0)
    assert first == second == [StartWave(0)]
    assert len(ledger.carry_out(first[0], 1.0)) == 1
    assert ledger.carry_out(second[0], 1.0) == []


# --- AWS IoT Jobs ---


def test_aws_steps_its_rate_up_on_notified_devices_without_one_success() -> None:
    for fate in (Fate.DEAF, Fate.GONE, Fate.REFUSED):
        played = play(fleet(30), fates=dict.fromkeys(range(30), fate), days=3)
        assert len({flight.device for flight in played.flights}) == 1
        assert not [action for _, action in played.story if isinstance(action, PassWave)]


def test_aws_starts_the_timer_when_the_device_starts_so_one_that_never_starts_never_times_out() -> None:
    played = play([*fleet(30), Subject(Member(99), NEVER)], days=3)
    (end,) = [end for end in played.ends if end.device_pk == 99]
    assert end.state is M.ABSENT
    assert end.since <= 2 * DAY


def test_aws_aborts_only_after_a_minimum_count_and_a_percentage() -> None:
    """One harmful failure in the canary is enough, and one more than its limit in any wave."""
    first = in_wave(play(fleet(30)), 0)
    second = in_wave(play(fleet(30)), 1)
    for bad in (first[0], second[0], second[-1]):
        played = play(fleet(30), fates={bad: Fate.WORSE})
        (failed,) = [action for _, action in played.story if isinstance(action, FailWave)]
        assert (failed.code, failed.reading.harmful) == ("harm", 1)
        assert played.state is RolloutState.PAUSED


def test_aws_cancels_only_what_was_queued() -> None:
    """So do we, because an offer cannot be taken back; but whoever was updated gets back what it ran before."""
    plan = Plan(THREE, Limits(parallel=5), on_harm=OnHarm.REVERT)
    played = play(fleet(30), plan, {in_wave(play(fleet(30)), 2)[0]: Fate.GONE})
    sent = {flight.device for flight in played.flights}
    for end in played.ends:
        assert end.state in ((M.REVERTED, M.STRANDED) if end.device_pk in sent else (M.WITHDRAWN,))


# --- Mender, ThingsBoard, TasmoAdmin, homie-ota ---


@pytest.mark.parametrize("first", [0, 7, 19])
def test_mender_lets_polling_decide_who_lands_in_the_first_phase(first: int) -> None:
    late = [Subject(Member(pk), (Awake(0.0 if pk == first else 60.0, None),)) for pk in range(20)]
    assert in_wave(play(late), 0) == in_wave(play(fleet(20)), 0)


def test_mender_fixes_phases_at_creation_and_a_phase_may_hold_nobody_who_is_there() -> None:
    canary = in_wave(play(fleet(30)), 0)[0]
    subjects = [
        each._replace(presences=NEVER) if each.member.device_pk == canary else each for each in fleet(30)
    ]
    played = play(subjects, days=4)
    assert played.waves[0].tally.verified == 1
    assert states(played) == {M.VERIFIED: 29, M.ABSENT: 1}


def test_thingsboard_says_updated_before_there_is_proof() -> None:
    """`200` is a state on the way; success needs the announce of the target, and more than that."""
    state: DeploymentState | None = DeploymentState.QUEUED
    for event in (Event.OFFER, Event.ACCEPT, Event.FLASH):
        assert state is not None
        state = advance(state, event)
    assert state is DeploymentState.REBOOTING
    assert advance(state, Event.CONFIRM) is DeploymentState.VERIFYING


def test_tasmoadmin_updates_all_at_once_and_one_bad_image_puts_nine_of_thirteen_in_a_boot_loop() -> None:
    loop = by_chance({Fate.WORSE: 9 / 13}, seed=5)
    plan = sensible(13)
    assert sum(loop(pk, 1) is Fate.WORSE for pk in range(13)) > 4
    played = simulate(fleet(13), 400_000, plan, begins=0.0, ends=DAY, fates=loop)
    assert played.state is RolloutState.PAUSED
    assert states(played)[M.HARMFUL] <= 2


def test_the_old_homie_ota_stops_at_publish_and_an_offline_device_misses_it() -> None:
    back = 3 * DAY + 5.0
    played = play([*fleet(12), Subject(Member(99), (Awake(back, back + 300),))])
    assert [flight.since for flight in played.flights if flight.device == 99] == [back]
    assert states(played) == {M.VERIFIED: 13}

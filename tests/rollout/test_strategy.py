"""What a rollout does next, from what its rows say: waves, failures, late joiners, the way back, the end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout.actions import (
    Action,
    Drain,
    FailWave,
    Finish,
    MarkAbsent,
    MarkStranded,
    PassWave,
    Pause,
    Revert,
    StartWave,
    Substitute,
    View,
    WaveView,
)
from homie_ota.rollout.gates import Tally
from homie_ota.rollout.plan import BY_DEFAULT, CANARY, Gate, OnHarm, Plan, RolloutState, WaveRule, WaveState
from homie_ota.rollout.strategy import decide, gate_of, next_look

W, R, P, F = WaveState.WAITING, WaveState.RUNNING, WaveState.PASSED, WaveState.FAILED
NOW = 100_000.0
LONG_AGO = 1_000.0


def wave(number: int, state: WaveState, **counts: Any) -> WaveView:
    about = {name: counts.pop(name) for name in WaveView._fields if name in counts}
    usual = {"started_at": None if state is W else LONG_AGO, "last_good_at": LONG_AGO}
    return WaveView(number, state, Tally(members=sum(counts.values()), **counts), **{**usual, **about})


def view(*waves: WaveView, state: RolloutState = RolloutState.RUNNING, **values: Any) -> View:
    return View(state, values.pop("plan", BY_DEFAULT), waves, **values)


def kinds(actions: list[Action]) -> list[str]:
    return [type(action).__name__ for action in actions]


def with_harm_action(on_harm: OnHarm) -> Plan:
    return Plan(BY_DEFAULT.waves, on_harm=on_harm)


# --- waves ---


def test_the_canary_starts_first_and_alone() -> None:
    """AWS IoT Jobs: the rate may step up on notified devices, without one success."""
    assert decide(view(wave(0, W, waiting=1), wave(1, W, waiting=2), wave(2, W, waiting=7)), NOW) == [
        StartWave(0)
    ]


@pytest.mark.parametrize("canary", [{"queued": 1}, {"running": 1}, {"waiting": 1}])
def test_nothing_more_happens_while_the_canary_is_under_way(canary: dict[str, int]) -> None:
    assert decide(view(wave(0, R, **canary), wave(1, W, waiting=9)), NOW) == []


def test_a_gate_that_is_met_passes_its_wave_and_starts_the_next() -> None:
    found = decide(view(wave(0, R, verified=1), wave(1, W, waiting=2), wave(2, W, waiting=7)), NOW)
    assert kinds(found) == ["PassWave", "StartWave"]
    assert isinstance(found[0], PassWave)
    assert found[0].reading.text.startswith("verified 1/1 ≥ 100 %")


def test_the_soak_is_waited_for_and_the_moment_is_known() -> None:
    """hawkBit has no soak: the next group starts with the next tick."""
    before = view(wave(0, R, verified=1, last_good_at=NOW - 60), wave(1, W, waiting=2))
    assert decide(before, NOW) == []
    assert next_look(before, NOW) == NOW + 60
    assert kinds(decide(before, NOW + 60)) == ["PassWave", "StartWave"]


def test_the_last_wave_passes_and_then_the_rollout_is_finished() -> None:
    assert kinds(decide(view(wave(0, P, verified=1), wave(1, R, verified=9)), NOW)) == ["PassWave"]
    (end,) = decide(view(wave(0, P, verified=1), wave(1, P, verified=9)), NOW)
    assert end == Finish("10 of 10 run it.")


def test_a_wave_that_passed_may_still_have_some_under_way_and_the_end_waits_for_them() -> None:
    assert decide(view(wave(0, P, verified=1), wave(1, P, verified=9, running=1)), NOW) == []


def test_empty_waves_behind_a_tried_one_are_passed_over() -> None:
    found = decide(view(wave(0, R, verified=1), wave(1, W), wave(2, W), wave(3, W, waiting=1)), NOW)
    assert kinds(found) == ["PassWave", "PassWave", "PassWave", "StartWave"]
    assert found[-1] == StartWave(3)


def test_no_wave_starts_past_one_that_missed_its_gate_even_when_everybody_has_ended() -> None:
    """hawkBit: error threshold, then success *or* "everyone has ended": the next group starts."""
    missed = view(wave(0, P, verified=1), wave(1, R, verified=1, unharmed=1), wave(2, W, waiting=8))
    assert kinds(decide(missed, NOW)) == ["FailWave", "Pause"]


def test_a_wave_behind_the_plan_has_the_gate_of_the_last_rule() -> None:
    assert gate_of(BY_DEFAULT, 7) == BY_DEFAULT.waves[-1].gate


# --- harm ---


def test_one_harmful_failure_in_the_canary_stops_the_rollout_whatever_its_gate_says() -> None:
    """TasmoAdmin: one bad image put nine of thirteen devices in a boot loop."""
    careless = Plan((WaveRule(count=1, gate=Gate(verified=0, harmful=9)), WaveRule()))
    found = decide(view(wave(0, R, harmful=1), wave(1, W, waiting=12), plan=careless), NOW)
    assert kinds(found) == ["FailWave", "Pause"]


@pytest.mark.parametrize(
    ("on_harm", "action"), [(OnHarm.PAUSE, Pause), (OnHarm.DRAIN, Drain), (OnHarm.REVERT, Revert)]
)
def test_what_follows_from_harm_was_chosen(on_harm: OnHarm, action: type) -> None:
    """hawkBit can only pause."""
    hurt = view(
        wave(0, P, verified=1), wave(1, R, verified=5, harmful=1, queued=4), plan=with_harm_action(on_harm)
    )
    failed, follows = decide(hurt, NOW)
    assert isinstance(failed, FailWave)
    assert (failed.wave, failed.code) == (1, "harm")
    assert failed.reason.startswith(
        "More devices took harm in wave 2 than it may have (verified 5/10 < 90 %, harm 1 > 0"
    )
    assert isinstance(follows, action)
    assert failed.reason == getattr(follows, "reason")  # noqa: B009


def test_harm_within_the_limit_stops_nothing() -> None:
    rest = wave(2, R, verified=5, harmful=1, queued=20)
    assert decide(view(wave(0, P, verified=1), wave(1, P, verified=2), rest), NOW) == []


def test_harm_that_shows_after_its_wave_has_passed_stops_the_rollout_too() -> None:
    late = view(wave(0, P, verified=1), wave(1, P, verified=9, harmful=1), wave(2, R, queued=80))
    failed, pause = decide(late, NOW)
    assert isinstance(failed, FailWave)
    assert failed.wave == 1
    assert isinstance(pause, Pause)


def test_too_many_refusals_pause_and_never_revert_devices_that_run_it_well() -> None:
    for on_harm, action in ((OnHarm.PAUSE, Pause), (OnHarm.DRAIN, Drain), (OnHarm.REVERT, Pause)):
        plan = with_harm_action(on_harm)
        short = view(wave(0, P, verified=1), wave(1, R, verified=5, unharmed=2, queued=3), plan=plan)
        failed, follows = decide(short, NOW)
        assert isinstance(failed, FailWave)
        assert failed.code == "short"
        assert isinstance(follows, action)


def test_a_rollout_that_fell_short_with_nothing_left_to_start_is_finished_not_paused() -> None:
    found = decide(view(wave(0, P, verified=1), wave(1, R, verified=3, unharmed=1)), NOW)
    assert kinds(found) == ["FailWave", "Finish"]


# --- pause and going on ---


def test_a_paused_rollout_starts_nothing_and_passes_nothing() -> None:
    for waves in (
        [wave(0, W, waiting=1)],
        [wave(0, R, verified=1), wave(1, W, waiting=9)],
        [wave(0, P, verified=1)],
    ):
        assert decide(view(*waves, state=RolloutState.PAUSED), NOW) == []


def test_harm_during_a_pause_is_written_down_once_and_nothing_follows_from_it_yet() -> None:
    paused = RolloutState.PAUSED
    found = decide(view(wave(0, P, verified=1), wave(1, R, harmful=1), state=paused), NOW)
    assert kinds(found) == ["FailWave"]
    assert decide(view(wave(0, P, verified=1), wave(1, F, harmful=1), state=paused), NOW) == []
    both = view(wave(0, F, harmful=1), wave(1, R, harmful=1), state=paused)
    assert [each.wave for each in decide(both, NOW) if isinstance(each, FailWave)] == [1]


def test_resumed_with_the_same_harm_it_stops_again_and_with_accepted_harm_it_goes_on() -> None:
    harm = wave(1, F, verified=19, harmful=1)
    again = view(wave(0, P, verified=1), harm, wave(2, W, waiting=8))
    assert kinds(decide(again, NOW)) == ["FailWave", "Pause"]
    accepted = view(wave(0, P, verified=1), harm._replace(borne=1), wave(2, W, waiting=8))
    assert decide(accepted, NOW) == [StartWave(1)]


def test_a_late_success_heals_a_failed_wave_and_counts() -> None:
    healed = view(wave(0, F, verified=1), wave(1, W, waiting=8))
    assert decide(healed, NOW) == [StartWave(0)]
    assert kinds(decide(view(wave(0, R, verified=1), wave(1, W, waiting=8)), NOW)) == [
        "PassWave",
        "StartWave",
    ]


def test_a_reopened_wave_that_passes_again_does_not_start_the_next_one_twice() -> None:
    found = decide(view(wave(0, P, verified=1), wave(1, R, verified=2), wave(2, R, queued=5)), NOW)
    assert kinds(found) == ["PassWave"]


def test_drafts_and_ended_rollouts_do_nothing() -> None:
    for state in (RolloutState.DRAFT, RolloutState.FINISHED, RolloutState.ABORTED):
        assert decide(view(wave(0, R, verified=1, harmful=5), wave(1, W, waiting=5), state=state), NOW) == []


# --- absent, substitutes, late joiners ---


def test_who_never_woke_up_is_marked_absent_when_its_time_is_over() -> None:
    """hawkBit: a device that never returns is RUNNING for ever. AWS: the timer starts when the device starts."""
    away = wave(1, R, queued=10, away_since=NOW - 86_400)
    assert decide(view(wave(0, P, verified=1), away), NOW) == [MarkAbsent(1, NOW - 86_400)]
    before = view(wave(0, P, verified=1), away)
    assert decide(before, NOW - 1) == []
    assert next_look(before, NOW - 1) == NOW


def test_also_in_waves_that_passed_without_them() -> None:
    passed = wave(0, P, verified=9, queued=1, away_since=0.0)
    assert MarkAbsent(0, NOW - 86_400) in decide(view(passed), NOW)


def test_an_absent_canary_proves_nothing_so_another_device_goes_instead() -> None:
    found = decide(view(wave(0, R, absent=1), wave(1, W, waiting=2), wave(2, W, waiting=7)), NOW)
    assert found == [Substitute(0, 1, 1, "Too few of wave 1 were there to be tried; 1 of wave 2 go instead.")]


@pytest.mark.parametrize("canary", [{"same": 1}, {"withdrawn": 1}, {"skipped": 1}, {}])
@pytest.mark.parametrize("state", [W, R])
def test_so_is_one_that_was_never_tried(canary: dict[str, int], state: WaveState) -> None:
    found = decide(view(wave(0, state, **canary), wave(1, W), wave(2, W, waiting=7)), NOW)
    assert [(each.wave, each.source) for each in found if isinstance(each, Substitute)] == [(0, 2)]
    assert len(found) == 1


def test_as_many_substitutes_come_as_the_gate_asks() -> None:
    plan = Plan((WaveRule(count=5, gate=Gate(verified=0.5, minimum=4)), WaveRule()))
    found = decide(view(wave(0, R, verified=1, absent=4), wave(1, W, waiting=2), plan=plan), NOW)
    assert [(each.source, each.members) for each in found if isinstance(each, Substitute)] == [(1, 2)]


def test_while_the_only_device_sleeps_the_rollout_waits_for_it_but_not_for_ever() -> None:
    plan = Plan((CANARY,), late_for=1000.0)
    asleep = view(wave(0, R, absent=1, started_at=NOW), plan=plan)
    assert decide(asleep, NOW) == []
    assert decide(asleep, NOW + 1000) == [Finish("0 of 1 run it. 1 could not be reached.")]


def test_when_nobody_is_left_to_try_it_is_over() -> None:
    assert decide(view(wave(0, R, same=1), wave(1, W, same=3)), NOW) == [Finish("0 of 0 run it.")]


def test_late_joiners_may_go_when_the_canary_has_passed() -> None:
    lane = wave(2, W, waiting=0)
    assert decide(view(wave(0, R, running=1), wave(1, W, waiting=5), lane=lane), NOW) == []
    assert decide(view(wave(0, P, verified=1), wave(1, R, queued=5), lane=lane), NOW) == [StartWave(2)]


def test_late_joiners_wait_for_the_soak_of_the_canary_too() -> None:
    soaking = view(wave(0, R, verified=1, last_good_at=NOW), wave(1, W, waiting=5), lane=wave(2, W))
    assert decide(soaking, NOW) == []
    over = decide(soaking, NOW + gate_of(BY_DEFAULT, 0).soak)
    assert kinds(over) == ["PassWave", "StartWave"]  # the lane follows when the rows say so


def test_late_joiners_do_not_go_together_with_the_substitute_of_an_absent_canary() -> None:
    absent = view(wave(0, R, absent=1, started_at=NOW), wave(1, W, waiting=5), lane=wave(2, W))
    assert kinds(decide(absent, NOW)) == ["Substitute"]


def test_or_when_there_is_nobody_else_to_prove_the_image() -> None:
    assert decide(view(wave(0, R, absent=1, started_at=NOW), lane=wave(1, W)), NOW) == [StartWave(1)]


def test_late_joiners_are_waited_for_until_their_time_is_over() -> None:
    waiting = view(wave(0, P, verified=1, absent=1), lane=wave(1, R), passed_at=NOW)
    assert decide(waiting, NOW) == []
    assert next_look(waiting, NOW) == NOW + BY_DEFAULT.late_for
    (end,) = decide(waiting, NOW + BY_DEFAULT.late_for)
    assert end == Finish("1 of 2 run it. 1 could not be reached.")


def test_harm_in_the_lane_stops_the_rollout_as_harm_in_a_wave_does() -> None:
    hurt = view(wave(0, P, verified=1), lane=wave(1, R, harmful=2), passed_at=NOW)
    failed, pause = decide(hurt, NOW)
    assert isinstance(failed, FailWave)
    assert "the lane of late joiners" in failed.reason
    assert isinstance(pause, Pause)


def test_refusals_in_the_lane_fail_no_gate() -> None:
    assert decide(view(wave(0, P, verified=1), lane=wave(1, R, unharmed=5, queued=1)), NOW) == []


def test_a_standing_rollout_never_finishes() -> None:
    assert decide(view(wave(0, P, verified=9), lane=wave(1, R, verified=3), standing=True), NOW) == []


# --- draining, going back ---


def test_draining_ends_when_nothing_is_left() -> None:
    drain = RolloutState.DRAINING
    for left in ("waiting", "queued", "running"):
        assert decide(view(wave(0, F, verified=1, **{left: 1}), state=drain), NOW) == []
    assert kinds(decide(view(wave(0, F, verified=1, withdrawn=5), state=drain), NOW)) == ["Finish"]


def test_who_ends_after_the_way_back_began_goes_back_too() -> None:
    back = RolloutState.REVERTING
    for state in ("verified", "booted", "harmful"):
        assert kinds(decide(view(wave(0, F, reverted=3, **{state: 1}), state=back), NOW)) == ["Revert"]
    assert decide(view(wave(0, F, running=1, reverting=2), state=back), NOW) == []


def test_the_way_back_ends_when_everybody_is_back_or_stranded() -> None:
    (end,) = decide(view(wave(0, F, reverted=7, stranded=1, withdrawn=4), state=RolloutState.REVERTING), NOW)
    assert end == Finish("Back: 7 devices; no way back: 1.")


def test_who_never_comes_back_to_be_reverted_is_stranded_when_its_time_is_over() -> None:
    waiting = view(wave(0, F, reverting=1), state=RolloutState.REVERTING, reverting_since=NOW - 86_400)
    assert decide(waiting, NOW) == [MarkStranded(NOW - 86_400)]
    assert next_look(waiting, NOW - 1) == NOW


# --- whatever the rows say ---

FIELDS = [name for name in Tally._fields if name != "members"]
tallies = st.dictionaries(st.sampled_from(FIELDS), st.integers(0, 5))
waves = st.builds(
    lambda state, counts, last, away: (state, {**counts, "last_good_at": last, "away_since": away}),
    st.sampled_from(WaveState),
    tallies,
    st.none() | st.floats(0, NOW),
    st.none() | st.floats(0, NOW),
)
plans = st.sampled_from(
    [BY_DEFAULT, with_harm_action(OnHarm.REVERT), with_harm_action(OnHarm.DRAIN), Plan((CANARY,))]
)


@given(st.lists(waves, min_size=1, max_size=4), st.sampled_from(RolloutState), plans, st.booleans())
def test_no_wave_starts_unless_all_before_it_have_passed_and_none_has_failed(
    found: list[tuple[WaveState, dict[str, Any]]], state: RolloutState, plan: Plan, standing: bool
) -> None:
    rows = [wave(number, each, **counts) for number, (each, counts) in enumerate(found)]
    actions = decide(view(*rows, state=state, plan=plan, standing=standing), NOW)
    passed = {row.number for row in rows if row.state is P} | {
        a.wave for a in actions if isinstance(a, PassWave)
    }
    for action in actions:
        if isinstance(action, StartWave | PassWave):
            assert state is RolloutState.RUNNING
            assert not [each for each in actions if isinstance(each, FailWave)]
            assert set(range(action.wave)) <= passed
    hurt = [
        row for row in rows if row.state is not W and row.tally.harmful > gate_of(plan, row.number).harmful
    ]
    if hurt and state is RolloutState.RUNNING:
        assert [each for each in actions if isinstance(each, Pause | Drain | Revert)]
        assert len([each for each in actions if isinstance(each, Pause | Drain | Revert | Finish)]) == 1


@given(st.lists(waves, min_size=1, max_size=4), plans)
def test_asked_twice_it_says_the_same(found: list[tuple[WaveState, dict[str, Any]]], plan: Plan) -> None:
    rows = view(
        *(wave(number, each, **dict(counts)) for number, (each, counts) in enumerate(found)), plan=plan
    )
    assert decide(rows, NOW) == decide(rows, NOW)

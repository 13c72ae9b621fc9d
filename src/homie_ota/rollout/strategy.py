"""What a rollout does next: which wave starts, passes or fails, when it pauses, drains, goes back or is finished.

Rule: a pure function of rows and the time, in the number of waves; it repeats itself until the rows have followed, so
losing an answer does no harm. Who of the queued may go now is `starting.may_start`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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
from homie_ota.rollout.gates import GateReading, Tally, read_gate
from homie_ota.rollout.plan import Gate, OnHarm, Plan, RolloutState, WaveState
from homie_ota.rollout.plandata import plan_as_data, plan_from_data
from homie_ota.rollout.starting import Guarded, InFlight, MemberView, Start, may_start
from homie_ota.rollout.waves import Member, arrange, assign
from homie_ota.rollout.windows import LocalTime

__all__ = [
    "Action", "Drain", "FailWave", "Finish", "GateReading", "Guarded", "InFlight", "LocalTime", "MarkAbsent",
    "MarkStranded", "Member", "MemberView", "PassWave", "Pause", "Revert", "Start", "StartWave", "Substitute", "Tally",
    "View", "WaveView", "arrange", "assign", "decide", "gate_of", "may_start", "next_look", "plan_as_data",
    "plan_from_data", "read_gate", "reading_of",
]  # fmt: skip


def gate_of(plan: Plan, number: int) -> Gate:
    """The gate of a wave; a wave behind the plan's (of `last`, and the lane) has that of the last one."""
    return plan.waves[min(number, len(plan.waves) - 1)].gate


def decide(view: View, now: float) -> list[Action]:
    """What is to be done now, in this order; empty when nothing is."""
    by_state = _DECIDE.get(view.state)
    return by_state(view, now) if by_state else []


def next_look(view: View, now: float) -> float | None:
    """When `decide` may say something new by time alone; None when something has to happen first."""
    readings = [reading_of(view, wave, now).next_at for wave in view.waves if wave.state is WaveState.RUNNING]
    absent = [
        wave.away_since + view.plan.absent_after for wave in _begun(view) if wave.away_since is not None
    ]
    back = [] if view.reverting_since is None else [view.reverting_since + view.plan.absent_after]
    return min(
        (at for at in [*readings, *absent, _patience(view, now), *back] if at is not None and at > now),
        default=None,
    )


def _run(view: View, now: float) -> list[Action]:
    absent = _absent(view, now)
    failed = _failure(view, now)
    return [*failed, *absent] if failed else [*_onward(view, now), *_open_lane(view, now), *absent]


def _wait(view: View, now: float) -> list[Action]:
    """Paused: harm is still seen and written down; what follows from it waits for the person."""
    known = {wave.number for wave in _begun(view) if wave.state is WaveState.FAILED}
    return [each for each in _failure(view, now) if isinstance(each, FailWave) and each.wave not in known]


def _drain(view: View, _now: float) -> list[Action]:
    if any(wave.tally.open for wave in _all(view)):
        return []
    return [Finish("Stopped: nothing waits any more, and what had been sent has ended.")]


def _go_back(view: View, now: float) -> list[Action]:
    """Also who ended after the way back began goes back; each goes once, because it is REVERTING or REVERTED then."""
    total = _sum(view)
    actions: list[Action] = []
    if view.reverting_since is not None and view.reverting_since <= now - view.plan.absent_after:
        actions.append(MarkStranded(now - view.plan.absent_after))
    if total.good or total.harmful:
        actions.append(Revert("Ended after the way back had begun."))
    if not (total.good or total.harmful or total.open or total.reverting):
        actions.append(Finish(f"Back: {total.reverted} devices; no way back: {total.stranded}."))
    return actions


_DECIDE: dict[RolloutState, Callable[[View, float], list[Action]]] = {
    RolloutState.RUNNING: _run,
    RolloutState.PAUSED: _wait,
    RolloutState.DRAINING: _drain,
    RolloutState.REVERTING: _go_back,
}


def _failure(view: View, now: float) -> list[Action]:
    """Every wave that fails, and what follows from the first. Harm counts in passed waves, too: it may come late."""
    failed: list[FailWave] = []
    for wave in _begun(view):
        reading = reading_of(view, wave, now)
        if reading.code == "harm" or (reading.code == "short" and _is_current(view, wave)):
            reason = f"{_NAMES[reading.code].format(_name(view, wave))} ({reading.text})."
            failed.append(FailWave(wave.number, reading, reading.code, reason))
    return [*failed, _error_action(view, failed[0].code, failed[0].reason)] if failed else []


_NAMES = {
    "harm": "More devices took harm in {} than it may have",
    "short": "Too few devices of {} can still get there",
}


def _error_action(view: View, code: str, reason: str) -> Action:
    if code == "short" and not any(wave.tally.open or wave.tally.absent for wave in _all(view)):
        return Finish(reason)  # there is nothing left that could start, so nothing for a person to decide
    if view.plan.on_harm is OnHarm.DRAIN:
        return Drain(reason)
    # Without harm nobody goes back: devices that run the new image well are no worse for those that refused it.
    return Revert(reason) if code == "harm" and view.plan.on_harm is OnHarm.REVERT else Pause(reason)


def _onward(view: View, now: float) -> list[Action]:
    actions: list[Action] = []
    tried = 0
    for wave in view.waves:
        tried += wave.tally.tried
        if wave.state is WaveState.PASSED:
            continue
        if wave.state is WaveState.FAILED or (wave.state is WaveState.WAITING and wave.tally.open):
            return [
                *actions,
                StartWave(wave.number),
            ]  # FAILED: a person went on, and its gate no longer says so
        reading = reading_of(view, wave, now)
        if missing := _missing(view, wave, tried):
            return [*actions, *(_ask(view, wave) or _substitute(view, wave, missing) or _ending(view, now))]
        if wave.state is WaveState.RUNNING and not reading.passed:
            return actions
        actions.append(PassWave(wave.number, reading))
    return actions or _ending(view, now)


def _missing(view: View, wave: WaveView, tried: int) -> int:
    """How many more must be tried here, when nobody is left to do it.

    A wave that never had anybody is passed over, but not before something was `tried` at all.
    """
    tally = wave.tally
    least = min(gate_of(view.plan, wave.number).minimum, max(1, tally.counted + tally.absent))
    if tally.open or (wave.state is WaveState.WAITING and tried):
        return 0
    return max(0, least - tally.tried)


def _ask(view: View, wave: WaveView) -> list[Action]:
    """A person is asked when what keeps the whole canary from its image may keep all others from it, too."""
    if wave.number or not view.held:
        return []
    return [Pause(f"Nobody of the first wave can be tried. {view.held} {WHAT_TO_DO}")]


WHAT_TO_DO = (
    "Let go of what holds it (unpin it, clear what is kept, make the guard true), then resume: it is tried after all. "
    "Resume without that, and others are tried first."
)


def _substitute(view: View, wave: WaveView, missing: int) -> list[Action]:
    """Others instead of those who are absent: a wave that nobody could try has proven nothing."""
    source = next((each for each in view.waves[wave.number + 1 :] if each.tally.waiting), None)
    if source is None:
        return []
    members = min(missing, source.tally.waiting)
    reason = f"Too few of {_name(view, wave)} were there to be tried; {members} of wave {source.number + 1} go instead."
    return [Substitute(wave.number, source.number, members, reason)]


def _ending(view: View, now: float) -> list[Action]:
    """The end, unless somebody can still come; late joiners are waited for, but not for ever."""
    total = _sum(view)
    if view.standing or total.open:
        return []
    if total.absent and now < _patience(view, now):
        return []
    absent = f" {total.absent} could not be reached." if total.absent else ""
    return [Finish(f"{total.good} of {total.counted + total.absent} run it.{absent}")]


def _patience(view: View, now: float) -> float:
    """Until when late joiners are waited for."""
    began = max((wave.started_at for wave in view.waves if wave.started_at is not None), default=now)
    return (began if view.passed_at is None else view.passed_at) + view.plan.late_for


def _open_lane(view: View, now: float) -> list[Action]:
    """Late joiners may go once the canary has proven the image, or when there is nobody else to prove it."""
    lane, first = view.lane, view.waves[0]
    if lane is None or lane.state is not WaveState.WAITING:
        return []
    has_ended = first.state is not WaveState.WAITING and not first.tally.open
    nobody_else = has_ended and not any(wave.tally.waiting for wave in view.waves)
    if first.state is WaveState.PASSED or (nobody_else and reading_of(view, first, now).next_at is None):
        return [StartWave(lane.number)]
    return []  # also while the canary is well and its gate only waits for the end of the soak


def _absent(view: View, now: float) -> list[Action]:
    before = now - view.plan.absent_after
    return [
        MarkAbsent(wave.number, before)
        for wave in _begun(view)
        if wave.away_since is not None and wave.away_since <= before
    ]


def reading_of(view: View, wave: WaveView, now: float) -> GateReading:
    """What the gate of this wave of this rollout says now."""
    gate = gate_of(view.plan, wave.number)
    if wave.number == 0 and view.plan.waves[0].count == 1:
        gate = replace(
            gate, harmful=0
        )  # one harmful failure in the canary stops the rollout, whatever was set
    return read_gate(
        gate,
        wave.tally,
        started_at=wave.started_at,
        last_good_at=wave.last_good_at,
        now=now,
        borne=wave.borne,
    )


def _is_current(view: View, wave: WaveView) -> bool:
    return wave.state is not WaveState.PASSED and wave is not view.lane


def _all(view: View) -> list[WaveView]:
    return [*view.waves, view.lane] if view.lane is not None else list(view.waves)


def _begun(view: View) -> list[WaveView]:
    return [wave for wave in _all(view) if wave.state is not WaveState.WAITING]


def _sum(view: View) -> Tally:
    return Tally(*map(sum, zip(*(wave.tally for wave in _all(view)), strict=True)))


def _name(view: View, wave: WaveView) -> str:
    return "the lane of late joiners" if wave is view.lane else f"wave {wave.number + 1}"

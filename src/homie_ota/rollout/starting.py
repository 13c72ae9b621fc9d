"""Whether one queued member may be offered its image at this moment, and if not, why and until when.

Rule: the first thing in RULES that holds it back is the reason; first what a person has to know, last what passes by
itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from homie_ota.model import DeploymentState
from homie_ota.rollout import windows
from homie_ota.rollout.plan import Limits, Plan, RolloutState, WaveState
from homie_ota.rollout.why import Hold
from homie_ota.rollout.windows import LocalTime

ON_AIR = frozenset({DeploymentState.OFFERED, DeploymentState.TRANSFERRING, DeploymentState.REBOOTING})
"""States that hold a transfer slot: until the device is back, its image may be on the air."""


class Start(NamedTuple):
    """It may go now."""


class Guarded(NamedTuple):
    """A guard of the plan as it was found for this device: `fits`, and else what the device says."""

    query: str
    fits: bool
    found: str = ""


class MemberView(NamedTuple):
    """One queued member at this moment. `size` is the bytes of its image.

    `woken`: it became awake after it was queued, so it may not stay until a slot is free. `late`: it is in the lane;
    `trusted`: the lane has verified one already (only of a standing target, which then goes on at the usual pace).
    `back`: it goes back to what it ran before; that does not wait for waves and windows. `busy`: an image may still be
    on its way to this device. `pinned` is the hold of a pin.
    """

    size: int
    awake: bool = True
    woken: bool = False
    late: bool = False
    trusted: bool = False
    back: bool = False
    busy: bool = False
    not_before: float | None = None
    pinned: Hold | None = None
    guards: Sequence[Guarded] = ()
    rollout: RolloutState = RolloutState.RUNNING
    wave: WaveState = WaveState.RUNNING


class InFlight(NamedTuple):
    """What this rollout has on the air now: transfers and their bytes, how many of them are of the lane.

    `last_start` is when it last started one. `sleepers`: some that wait are away now, so a slot is kept for them.
    """

    transfers: int = 0
    bytes: int = 0
    late: int = 0
    last_start: float | None = None
    sleepers: bool = False


def may_start(
    member: MemberView, plan: Plan, in_flight: InFlight, local: LocalTime, now: float
) -> Start | Hold:
    """Whether this member may be offered its image now."""
    asked = _Asked(member, plan, in_flight, local, now)
    return next((hold for rule in RULES if (hold := rule(asked)) is not None), Start())


def room(limits: Limits, in_flight: InFlight, size: int, *, woken: bool, now: float) -> Hold | None:
    """What limits hold back one more transfer of `size` bytes; None when there is room.

    Of several slots one is kept for a device that just woke, as long as any is away (rule 20); the limit itself is
    never passed, not even for it. An image larger than all the bytes that may be in flight goes alone.
    """
    free = limits.parallel - in_flight.transfers if limits.parallel else 2
    if free <= 0:
        return Hold("parallel", f"{in_flight.transfers} transfers run; more at a time are not allowed.")
    if free == 1 and limits.parallel > 1 and in_flight.sleepers and not woken:
        return Hold(
            "kept-slot", "The last free slot is kept for devices that just woke; this one stays awake."
        )
    if limits.bytes_in_flight and in_flight.transfers and in_flight.bytes + size > limits.bytes_in_flight:
        return Hold(
            "bytes", f"{in_flight.bytes} bytes are on their way; {size} more would be too many at once."
        )
    return _pace(limits, in_flight, now)


def _pace(limits: Limits, in_flight: InFlight, now: float) -> Hold | None:
    """Starts are spread evenly: 6 a minute are one each ten seconds, not six at once."""
    if not limits.starts_per_minute or in_flight.last_start is None:
        return None
    at = in_flight.last_start + 60.0 / limits.starts_per_minute
    return Hold("pace", f"At most {limits.starts_per_minute:g} start a minute.", at) if now < at else None


class _Asked(NamedTuple):
    member: MemberView
    plan: Plan
    in_flight: InFlight
    local: LocalTime
    now: float


def _state(asked: _Asked) -> Hold | None:
    state, wanted = asked.member.rollout, _MOVING[asked.member.back]
    return None if state is wanted else Hold("rollout", f"The rollout is {state}.")


_MOVING = {False: RolloutState.RUNNING, True: RolloutState.REVERTING}
"""In which state of the rollout members go forward, and back."""


def _wave(asked: _Asked) -> Hold | None:
    if asked.member.back or asked.member.wave not in _WAVES:
        return None
    which = "The lane of late joiners" if asked.member.late else "Its wave"
    return Hold("wave", f"{which} has {_WAVES[asked.member.wave]}.")


_WAVES = {WaveState.WAITING: "not begun", WaveState.FAILED: "failed"}


def _busy(asked: _Asked) -> Hold | None:
    return Hold("busy", "An image may still be on its way to it.") if asked.member.busy else None


def _pinned(asked: _Asked) -> Hold | None:
    return asked.member.pinned


def _guarded(asked: _Asked) -> Hold | None:
    missed = next((each for each in asked.member.guards if not each.fits), None)
    if missed is None:
        return None
    found = f" It says: {missed.found}." if missed.found else ""
    return Hold("guard", f"It waits until {missed.query} is so.{found}")


def _window(asked: _Asked) -> Hold | None:
    minutes = windows.opens_in(asked.plan.windows, asked.local)
    if asked.member.back or minutes == 0:  # harm is there now; a window some other night would leave it
        return None
    until = None if minutes is None else asked.now + 60.0 * minutes
    return Hold("window", "No window is open.", until)


def _backoff(asked: _Asked) -> Hold | None:
    at = asked.member.not_before
    return (
        None if at is None or at <= asked.now else Hold("not-before", "The next attempt waits a while.", at)
    )


def _away(asked: _Asked) -> Hold | None:
    return None if asked.member.awake else Hold("asleep", "It is away; its image goes out when it wakes.")


def _late(asked: _Asked) -> Hold | None:
    if asked.member.back or not asked.member.late or asked.member.trusted or not asked.in_flight.late:
        return None
    return Hold("late-joiner", "Late joiners go one at a time, and another one is being updated.")


def _room(asked: _Asked) -> Hold | None:
    member = asked.member
    return room(asked.plan.limits, asked.in_flight, member.size, woken=member.woken, now=asked.now)


RULES = (_state, _wave, _busy, _pinned, _guarded, _window, _backoff, _away, _late, _room)

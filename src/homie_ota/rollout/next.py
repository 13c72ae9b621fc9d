"""What comes next for a device, as one short sentence for a list.

Rule: the first thing in RULES that holds is said. A sentence is a row of pieces, and a moment is a piece of its own,
written by whoever shows it in the zone of its reader: so a sentence changes when something happened, never because
time passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from homie_ota.model import AWAKE, DeploymentState, State, Way
from homie_ota.model.standing import Need
from homie_ota.rollout.needs import MEANINGS
from homie_ota.rollout.rhythm import Chance, Fit, spell

S = DeploymentState


class How(StrEnum):
    """How a moment is written."""

    CLOCK = "clock"  # `14:05`, with the day where it is not today
    LEFT = "left"  # the time until then, counting down: `12 s`


class Piece(NamedTuple):
    """A text, or (with `at`) a moment."""

    text: str = ""
    at: float | None = None
    how: How = How.CLOCK


class Next(NamedTuple):
    """The sentence; `code` is a stable word, empty where nothing is to be said."""

    code: str = ""
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Flying:
    """The deployment that has not ended. `ends_at`: when its transfer will be over at the rate so far, None: not known.

    `back_by` is the deadline, `usual` seconds that this device's restarts took (0: not known). `seen` of `wanted`
    rounds were heard while verifying; `by_wakes`: wake-ups are counted instead of statistics.
    """

    state: DeploymentState
    firmware: str = ""
    done: int = 0
    total: int = 0
    ends_at: float | None = None
    back_by: float | None = None
    usual: float = 0.0
    seen: int = 0
    wanted: int = 0
    by_wakes: bool = False
    not_before: float | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one device that can be said of its future; empty and None where there is nothing.

    `trouble` is the sentence that belongs to `need`. `chance` and `fit` are those of a device that is away; `due`: its
    time has come. `rollout` says what its rollout does with it, `window` when its window opens.
    """

    state: State
    way: Way = Way.MQTT
    ota_enabled: bool | None = None
    flying: Flying | None = None
    need: Need | None = None
    trouble: str = ""
    leftover: bool = False
    pinned_until: float | None = None
    pin_reason: str = ""
    chance: Chance | None = None
    due: bool = False
    fit: Fit | None = None
    rollout: str = ""
    window: float | None = None
    wanted: str = ""


def say(known: Known) -> Next:
    """The sentence for one device; empty when there is nothing to come."""
    return next((found for rule in RULES if (found := rule(known)) is not None), Next())


def plain(said: Next, clock: Callable[[float], str], left: Callable[[float], str]) -> str:
    """The sentence as one text; `clock` and `left` write its moments."""
    write = {How.CLOCK: clock, How.LEFT: left}
    return "".join(each.text if each.at is None else write[each.how](each.at) for each in said.pieces)


def _told(code: str, *parts: str | Piece) -> Next:
    return Next(code, tuple(each if isinstance(each, Piece) else Piece(each) for each in parts))


def percent(done: int, total: int) -> int:
    """The part of an image that went over; never 100 before all of it did."""
    return min(100, 100 * done // total) if total > 0 else 0


# --- Under way ------------------------------------------------------------------------------------------------------


def _offered(flying: Flying) -> Next:
    if flying.back_by is None:
        return _told("offered", "offered; waits for its answer")
    return _told("offered", "offered; waits for its answer until ", Piece(at=flying.back_by))


def _transferring(flying: Flying) -> Next:
    if not flying.total:
        return _told("transferring", "transferring")
    done = f"{percent(flying.done, flying.total)} %"
    if flying.ends_at is None:
        return _told("transferring", done)
    return _told("transferring", f"{done}, ", Piece(at=flying.ends_at, how=How.LEFT), " left")


def _rebooting(flying: Flying) -> Next:
    parts: list[str | Piece] = ["restarting"]
    if flying.back_by is not None:
        parts += ["; back by ", Piece(at=flying.back_by)]
    if flying.usual:
        parts.append(f", usually {spell(flying.usual)}")
    return _told("rebooting", *parts)


def _verifying(flying: Flying) -> Next:
    what = "wake-ups" if flying.by_wakes else "statistics"
    if flying.wanted and flying.seen < flying.wanted:
        return _told("verifying", f"verifying, {flying.seen} of {flying.wanted} {what}")
    if flying.back_by is None:
        return _told("verifying", "verifying")
    return _told("verifying", "verifying, until ", Piece(at=flying.back_by))


_UNDER_WAY: dict[DeploymentState, Callable[[Flying], Next]] = {
    S.OFFERED: _offered,
    S.TRANSFERRING: _transferring,
    S.REBOOTING: _rebooting,
    S.VERIFYING: _verifying,
}


def _under_way(known: Known) -> Next | None:
    flying = known.flying
    return None if flying is None or flying.state is S.QUEUED else _UNDER_WAY[flying.state](flying)


# --- Waiting --------------------------------------------------------------------------------------------------------


def _queued(known: Known) -> Flying | None:
    return known.flying if known.flying is not None and known.flying.state is S.QUEUED else None


def _held_by_leftover(known: Known) -> Next | None:
    if not known.leftover:
        return None
    return _told(
        "leftover", "held: " if _queued(known) else "", "the broker keeps something it acts on; clear it"
    )


def _held_by_pin(known: Known) -> Next | None:
    if known.pinned_until is None:
        return None
    held = "held: pinned until " if _queued(known) else "pinned until "
    return _told(
        "pinned", held, Piece(at=known.pinned_until), f" ({known.pin_reason})" if known.pin_reason else ""
    )


def _asleep(known: Known) -> Next | None:
    flying = _queued(known)
    if flying is None or known.state in AWAKE:
        return None
    chance = known.chance
    if known.way is Way.ASKS:
        when: list[str | Piece] = [] if chance is None else [", about ", Piece(at=chance.at)]
        return _told("asleep", f"gets {flying.firmware or 'its image'} when it asks", *when)
    if chance is None:
        return _told("asleep", f"gets {flying.firmware or 'its image'} when it comes back")
    parts = _waking(chance, known.due)
    if known.fit is None:
        parts.append(f"; then gets {flying.firmware or 'its image'}")
    elif known.fit.fits:
        parts.append(f"; the image needs {spell(known.fit.needs)}: will fit")
    else:
        parts.append(f"; the image needs {spell(known.fit.needs)}: will not fit")
    return _told("asleep" if known.fit is None or known.fit.fits else "will-not-fit", *parts)


def _waking(chance: Chance, due: bool) -> list[str | Piece]:
    awake_for = f" for {spell(chance.for_seconds)}"
    if due:
        return ["should wake about now" + awake_for]
    return ["wakes about ", Piece(at=chance.at), awake_for]


def _held_otherwise(known: Known) -> Next | None:
    flying = _queued(known)
    if flying is None:
        return None
    if flying.fresh:
        return _told("fresh-announce", "held: has to come back once before the next attempt")
    if flying.not_before is not None:
        return _told("not-before", "next attempt at ", Piece(at=flying.not_before))
    if known.rollout:
        return _told("rollout", f"held: {known.rollout}")
    if known.window is not None:
        return _told("window", "held: the window opens at ", Piece(at=known.window))
    return _told("next", f"next: {flying.firmware}, as soon as a slot is free")


# --- Nothing under way ----------------------------------------------------------------------------------------------


_BROKEN = frozenset({Need.HARMED, Need.QUARANTINED, Need.FAILED})


def _broken(known: Known) -> Next | None:
    return _trouble(known) if known.need in _BROKEN else None


def _trouble(known: Known) -> Next | None:
    if known.need is None:
        return None
    return _told(known.need.value, known.trouble or MEANINGS[known.need].words)


def _in_rollout(known: Known) -> Next | None:
    return _told("rollout", known.rollout) if known.rollout else None


def _behind(known: Known) -> Next | None:
    return _told("behind", f"should run {known.wanted}; nothing is ordered") if known.wanted else None


def _wakes(known: Known) -> Next | None:
    if known.state in AWAKE or known.chance is None:
        return None
    if known.way is Way.ASKS:
        return _told("asks", "asks about ", Piece(at=known.chance.at))
    return _told(
        "sleeps", "wakes about ", Piece(at=known.chance.at), f" for {spell(known.chance.for_seconds)}"
    )


def _cannot(known: Known) -> Next | None:
    if known.way is Way.NONE:
        return _told("no-way", "cannot be updated from here")
    if known.ota_enabled is False:
        return _told("ota-disabled", "updates are off in its configuration")
    return None


RULES: Sequence[Callable[[Known], Next | None]] = (
    _under_way,
    _held_by_leftover,
    _broken,
    _held_by_pin,
    _asleep,
    _held_otherwise,
    _trouble,
    _in_rollout,
    _behind,
    _wakes,
    _cannot,
)
"""The first that holds is said."""

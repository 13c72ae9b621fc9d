"""What people do with rollouts: preview, create, start, pause, resume, drain, abort, revert; for pages, API and CLI.

Rule: as in `actions`: each is one function that leaves a row in the audit log in its transaction and tells the bus.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

from homie_ota.errors import WrongUse
from homie_ota.model import Firmware
from homie_ota.query import parse
from homie_ota.rollout import constraint
from homie_ota.rollout.course import Move
from homie_ota.rollout.plan import Plan
from homie_ota.rollout.simulation import Played
from homie_ota.store import firmware as firmwares
from homie_ota.store import playback, previews, steering
from homie_ota.store.database import Connection
from homie_ota.store.previews import Preview
from homie_ota.store.rollouts import Rollout
from homie_ota.store.steering import Steered
from homie_ota.web.actions import Actor, note
from homie_ota.web.shell import Shell

SIMULATED = 7 * 86400.0
"""Seconds that a simulation looks ahead."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a rollout is to be: `firmware` as a person names it; without a plan a sensible one."""

    query: str
    firmware: str
    plan: Plan | None = None
    name: str = ""
    standing: bool = False
    follow: str = ""
    start: bool = False


class Created(NamedTuple):
    """The rollout, what its preview said, and the sentence of its start (empty: not started)."""

    rollout: Rollout
    preview: Preview
    sentence: str


def check(wanted: Wanted) -> None:
    """Raise WrongUse for what cannot be meant."""
    parse(wanted.query)
    if not wanted.query.strip():
        raise WrongUse("Which devices? A rollout needs a query; id:* finds all of them.")
    if wanted.follow and (constraint.read(wanted.follow) is None or not wanted.standing):
        raise WrongUse(
            f"{wanted.follow[:64]!r} is to follow newer versions: give a constraint such as 2.* or >=2.0,<3, with "
            "standing."
        )


def preview_of(conn: Connection, wanted: Wanted, now: float) -> Preview:
    """What the rollout would do; NotFound for the firmware, WrongUse for a query without meaning."""
    return previews.make(conn, image_of(conn, wanted), wanted.query, wanted.plan, now=now)


def image_of(conn: Connection, wanted: Wanted) -> Firmware:
    """The image that is wanted; NotFound, or Conflict with the hashes where it could be several."""
    return firmwares.resolve(conn, wanted.firmware)


async def preview(shell: Shell, wanted: Wanted) -> Preview:
    """What a rollout would do, before anything is done."""
    check(wanted)
    now = shell.clock()
    return await shell.database.read(lambda conn: preview_of(conn, wanted, now))


async def simulate(shell: Shell, seen: Preview) -> Played:
    """The preview played for a week on when its devices were awake before."""
    begins = shell.clock()
    ends = begins + SIMULATED
    found = await shell.database.read(lambda conn: playback.subjects(conn, seen, begins=begins, ends=ends))
    return await asyncio.to_thread(playback.play, seen, found, begins=begins, ends=ends)


async def create(shell: Shell, actor: Actor, wanted: Wanted) -> Created:
    """Store a rollout, and start it where that is wanted; NotFound, NotEligible, Conflict, WrongUse."""
    now = shell.clock()
    # Judging a fleet takes a while, for which a device that wakes must not wait; each is judged again in its wave.
    seen = await preview(shell, wanted)

    def write(conn: Connection) -> Created:
        made = previews.found(
            conn, seen, wanted.query, by=actor.name, now=now, name=wanted.name.strip(),
            standing=wanted.standing, follow=wanted.follow.strip(),
        )  # fmt: skip
        image = f"{seen.firmware.name} {seen.firmware.version} ({seen.firmware.sha256[:12]})"
        what = (
            f"rollout {made.id} of {image} to {wanted.query!r}: {seen.members}, {len(seen.left_out)} left out"
        )
        note(conn, actor, now, "created a rollout", what)
        if not wanted.start:
            return Created(made, seen, "")
        note(conn, actor, now, "started a rollout", f"rollout {made.id}")
        steered = steering.steer(conn, made.id, Move.START, now=now, by=actor.name)
        return Created(steered.rollout, seen, steered.sentence)

    created = await shell.database.write(write, durable=True)
    shell.bus.say("rollout", id=created.rollout.id)
    return created


_DONE = {
    Move.START: "started a rollout",
    Move.PAUSE: "paused a rollout",
    Move.RESUME: "resumed a rollout",
    Move.DRAIN: "drained a rollout",
    Move.ABORT: "aborted a rollout",
    Move.REVERT: "reverted a rollout",
}


async def steer(shell: Shell, actor: Actor, number: int, how: Move, reason: str = "") -> Steered:
    """Start, pause, resume, drain, abort or revert a rollout.

    NotFound, Conflict with what can be done instead, or WrongUse where a reason is missing.
    """
    now = shell.clock()

    def write(conn: Connection) -> Steered:
        done = steering.steer(conn, number, how, now=now, by=actor.name, reason=reason.strip())
        note(conn, actor, now, _DONE[how], f"rollout {number} {reason.strip()}".strip())
        return done

    steered = await shell.database.write(write, urgent=True, durable=True)
    shell.bus.say("rollout", id=number)
    shell.bus.say("order", rollout=number)
    return steered

"""Standing targets: devices that come anew join through the lane, and a newer image becomes the next rollout.

Rule: only a rollout that runs takes anything in; one that was paused waits for its person.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from functools import partial

from homie_ota.bus import Bus
from homie_ota.errors import HomieOtaError
from homie_ota.rollout.course import Move
from homie_ota.rollout.eligibility import Ask
from homie_ota.rollout.plan import MemberState, RolloutState
from homie_ota.store import firmware as firmwares
from homie_ota.store import judging, memberships, previews, rollouts, targets
from homie_ota.store.database import Connection, Database
from homie_ota.store.memberships import Place
from homie_ota.store.rollouts import Rollout

log = logging.getLogger(__name__)

EVERY = 10.0
"""Seconds between two looks at who came anew."""


class Standing:
    """Looks after the standing rollouts of a server."""

    def __init__(self, database: Database, bus: Bus, clock: Callable[[], float]) -> None:
        self._database, self._bus, self._clock = database, bus, clock
        self._looked_at = -math.inf

    async def step(self, found: Sequence[Rollout]) -> float:
        """Take in what is new for these rollouts; the seconds until the next look."""
        running = [each for each in found if each.state is RolloutState.RUNNING]
        if not running:
            return math.inf
        left = self._looked_at + EVERY - self._clock()
        if left > 0:
            return left
        self._looked_at = self._clock()
        for each in running:
            if not await self._follow(each):
                await self._take_in(each)
        return EVERY

    async def _follow(self, of: Rollout) -> bool:
        """Begin a rollout of the newest image, if there is a newer one; True when this one ends with it."""
        now = self._clock()
        if await self._database.read(lambda connection: targets.newest(connection, of)) is None:
            return False
        try:
            made = await self._database.write(lambda connection: _succeed(connection, of, now))
        except HomieOtaError as error:
            log.warning("Rollout %d cannot go on to a newer image: %s", of.id, error)
            return False
        if made is not None:
            self._bus.say("rollout", id=of.id)
            self._bus.say("rollout", id=made.id)
        return made is not None

    async def _take_in(self, of: Rollout) -> None:
        after = 0
        while True:
            ask = partial(_newcomers, of=of, after=after, now=self._clock())
            found, places = await self._database.read(ask)
            if places:
                await self._database.write(partial(_join, of=of, places=places, now=self._clock()))
                self._bus.say("rollout", id=of.id)
            if len(found) < targets.FEW:
                return
            after = max(found)


def _newcomers(connection: Connection, of: Rollout, after: int, now: float) -> tuple[list[int], list[Place]]:
    """Devices that are no members, and places for those of them that can be updated, or run the image already."""
    pks = targets.newcomers(connection, of, after=after, now=now)
    firmware = firmwares.get(connection, of.sha256) if pks else None
    if firmware is None:
        return [], []
    judged = judging.judge(connection, firmware, pks, now=now, ask=Ask(named=False))
    places = [Place(each.pk, of.lane, 0) for each in judged if not each.code]
    same = [
        Place(each.pk, memberships.SKIPPED_WAVE, 0, MemberState.SAME, each.reason)
        for each in judged
        if each.runs_it
    ]
    return pks, [*places, *same]


def _join(connection: Connection, of: Rollout, places: Sequence[Place], now: float) -> None:
    first = targets.next_position(connection, of)
    memberships.join(
        connection, of.id, [each._replace(position=first + at) for at, each in enumerate(places)], now=now
    )
    coming = [each.device_pk for each in places if each.outcome is MemberState.WAITING]
    if coming:
        data = {"event": "join", "wave": of.lane, "count": len(coming), "devices": coming[:50]}
        rollouts.note(connection, of, data, now=now)


def _succeed(connection: Connection, seen: Rollout, now: float) -> Rollout | None:
    """End `seen`, and start the same for the newest image; None when somebody moved it meanwhile."""
    of, image = rollouts.get(connection, seen.id), targets.newest(connection, seen)
    if of is None or image is None or of.state is not RolloutState.RUNNING:
        return None
    preview = previews.make(connection, image, of.query, of.plan, now=now)
    made = previews.found(
        connection, preview, of.query, by=of.created_by, now=now, standing=True, follow=of.follow
    )
    ended = f"{image.name} {image.version} is newer: rollout {made.id} goes on with it."
    memberships.withdraw(connection, of.id, ended, now=now)
    if rollouts.move(connection, of, Move.FINISH, now=now, reason=ended) is None:
        raise HomieOtaError("it was moved by somebody else")
    return rollouts.move(connection, made, Move.START, now=now, reason=f"It goes on from rollout {of.id}.")

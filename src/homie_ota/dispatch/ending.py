"""The clock: deployments of which nothing was heard for too long, and soaks that are over.

Rule: a deadline goes on while we are away, but the silence of a device that is being verified counts only while we
listened: it may have told its statistics to nobody.
"""

from __future__ import annotations

from collections.abc import Callable

from homie_ota.bus import Bus
from homie_ota.model import Deployment, DeploymentState, Way
from homie_ota.rollout import asking, proof, reasons
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import attempts, deployments, verifying
from homie_ota.store.database import Connection, Database


class Ending:
    """Ends what is overdue; `is_listening` is True while the broker is connected and every device's state is known."""

    def __init__(
        self, database: Database, bus: Bus, is_listening: Callable[[], bool], clock: Callable[[], float]
    ) -> None:
        self._database, self._bus = database, bus
        self._is_listening, self._clock = is_listening, clock
        self._listening_since: float | None = None

    async def run(self) -> None:
        """End, or put off, every deployment whose deadline has passed."""
        now = self._clock()
        self._listen(now)
        for late in await self._database.read(lambda connection: deployments.overdue(connection, now)):
            moved = await self._verified(late, now) if _is_verifying(late) else await self._expire(late, now)
            if moved is not None:
                self._bus.say("deployment", id=moved.id, device_pk=moved.device_pk)

    def _listen(self, now: float) -> None:
        if not self._is_listening():
            self._listening_since = None
        elif self._listening_since is None:
            self._listening_since = now

    async def _verified(self, late: Deployment, now: float) -> Deployment | None:
        since = self._listening_since
        if since is None:
            return None
        return await self._database.write(
            lambda connection: _followed(
                connection, verifying.look(connection, late.id, now=now, listening_since=since), now
            ),
            urgent=True,
        )

    async def _expire(self, late: Deployment, now: float) -> Deployment | None:
        way = Way(str(late.before.get("way", Way.MQTT)))
        complete = proof.is_complete(late)
        reason = asking.expired(late.state, way) or reasons.expired(late.state, way, complete=complete)
        return await self._database.write(
            lambda connection: _followed(
                connection, deployments.advance(connection, late, Event.EXPIRE, now=now, reason=reason), now
            ),
            urgent=True,
        )


def _followed(connection: Connection, moved: Deployment | None, now: float) -> Deployment | None:
    """What ended, and in the same transaction what follows it: nobody may see the one without the other."""
    if moved is not None:
        attempts.follow(connection, moved, now)
    return moved


def _is_verifying(late: Deployment) -> bool:
    return late.state is DeploymentState.VERIFYING

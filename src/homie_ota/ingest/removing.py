"""A device taken off the broker and out of the fleet, as a person wants it; and put back while its copy is kept.

Rule: the copy is on the disk before the first topic is cleared. What the broker keeps is looked at first, so that
topics which nobody understands go too; put back is only what no device acts on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from homie_ota import homie
from homie_ota.errors import Unreachable
from homie_ota.fleet import Changed, KnownDevice
from homie_ota.homie import removal
from homie_ota.homie.evidence import ASKS
from homie_ota.ingest import Ingest
from homie_ota.model import Address, Publish, State
from homie_ota.mqtt import Kept, Session
from homie_ota.store import devices, removed
from homie_ota.store.removed import Removed

Look = Callable[[Sequence[str]], Awaitable[list[Kept] | None]]
"""What the broker keeps on some filters, with whole payloads up to `removal.LONGEST`; None when it was disturbed."""


class Removing:
    """Removes devices and puts them back, in the rows, in the fleet in memory and on the broker."""

    def __init__(self, ingest: Ingest, look: Look) -> None:
        self._ingest, self._look = ingest, look

    def topics(self, pk: int) -> list[str]:
        """The topics of a device as far as they were heard, in the order in which they would be cleared.

        May be asked from another thread, for a device that is away: nothing of it changes meanwhile.
        """
        known = self._ingest.identity.current.get(pk)
        return _ordered(known, homie.topics_of(known)) if known is not None else []

    def _known(self, pk: int) -> list[KnownDevice]:
        return [each for each in self._ingest.fleet.devices if each.pk == pk]

    async def forget(self, session: Session, pk: int, *, by: str, where: str = "") -> int:
        """Copy a device, forget it, and clear its retained topics; returns how many topics were cleared.

        Raises Conflict while it is online or being updated, Unreachable without a connection to the broker.
        """
        ingest = self._ingest
        await ingest.database.read(lambda connection: devices.check_removable(connection, pk))
        if not session.connected:
            raise Unreachable(
                "There is no connection to the broker, and without it its topics cannot be cleared."
            )
        known = self._known(pk)
        kept = {topic: payload for each in known for topic, payload in (await self._kept(each)).items()}
        topics = [topic for each in known for topic in _ordered(each, [*homie.topics_of(each), *kept])]
        copy: dict[str, str] = {}
        for each in known:
            copy |= removal.may_be_put_back(each.address, kept)
        now = ingest.clock()
        await ingest.database.write(
            lambda connection: removed.take(
                connection, pk, by=by, now=now, where=where, topics=copy, cleared=len(topics)
            ),
            durable=True,
        )
        for topic in topics:
            session.send(Publish(topic, b"", qos=1, retain=True))
        for address in {each.address for each in known} | set(ingest.identity.forget(pk)):
            ingest.fleet.forget(address)
        ingest.bus.say("device", device_pk=pk, state="gone")
        return len(topics)

    async def _kept(self, known: KnownDevice) -> dict[str, bytes]:
        """What the broker keeps of it; empty where that could not be seen: then what was heard has to do."""
        try:
            found = await self._look(homie.reread(known.address, homie.generation(known.facts)))
        except Unreachable:
            found = None
        return {each.topic: each.head for each in found or () if len(each.head) == each.size}

    async def put_back(self, session: Session, pk: int, *, by: str, where: str = "") -> Removed:
        """The device as it was, on the broker too where it did not come back by itself. NotFound, Conflict."""
        ingest, now = self._ingest, self._ingest.clock()
        found = await ingest.database.write(
            lambda connection: removed.put_back(connection, pk, by=by, now=now, where=where), durable=True
        )
        stored = await ingest.database.read(lambda connection: devices.load(connection, pk))
        if stored[0].row["facts"].get(ASKS):  # it was never on the broker, and the fleet does not know it
            ingest.bus.say("device", device_pk=pk)
            return found
        addresses = await ingest.database.read(devices.addresses)
        came_back = ingest.fleet.get(found.address)
        if came_back is None:
            self._restore(stored[0], pk)
            self._publish(session, found, stored[0].row["homie"])
        known = ingest.fleet.get(found.address)
        assert known is not None
        young = ingest.identity.put_back(pk, known, [each for each, of in addresses.items() if of == pk])
        if young is not None:
            # A batch may have been on its way with the row that was made for it meanwhile.
            await ingest.database.write(lambda connection: removed.tidy(connection, young))
            ingest.fleet.touch(known, Changed.FACT)
        ingest.bus.say("device", device_pk=pk)
        return found

    def _restore(self, each: devices.Stored, pk: int) -> None:
        row = each.row
        self._ingest.fleet.restore(
            Address(row["base"], row["device_id"]),
            pk=pk,
            state=State(row["state"]),
            state_since=row["state_since"],
            facts=row["facts"],
            nodes=row["nodes"],
            readings=each.readings,
            first_seen=row["first_seen"],
            last_seen=row["last_seen"],
            recent=row["recent"],
        )

    def _publish(self, session: Session, found: Removed, generation: str) -> None:
        """Give the broker back what it kept, what says that the device exists last; without a connection nothing."""
        if not session.connected:
            return
        for topic in reversed(removal.ordered(found.address, generation, found.topics)):
            session.send(Publish(topic, found.topics[topic].encode(), qos=1, retain=True))


def _ordered(known: KnownDevice, topics: Sequence[str]) -> list[str]:
    return removal.ordered(known.address, homie.generation(known.facts), topics)

"""One batch of changes: rows of devices, readings, news of updates; and whose rows they are.

Rule: a device is a row of its own. An address that was never seen joins an older device when its MAC, or the image that
a running deployment was to bring, says that it is the same one, and that one is not alive under its old address.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from homie_ota.fleet import Changed, Fleet, KnownDevice
from homie_ota.homie import facts_row
from homie_ota.homie.rows import mac as mac_of
from homie_ota.model import AWAKE, FIRST_ASKER, Address, Deployment
from homie_ota.rollout.proof import News, StatsNews
from homie_ota.rollout.versions import version_key
from homie_ota.store import alternation, changes, devices, events, identities, rhythm, transcript, turns
from homie_ota.store import news as news_of_devices
from homie_ota.store.database import Connection, Database
from homie_ota.store.news import Presence
from homie_ota.store.transcript import Said

YOUNG = 120.0
"""Seconds in which a new address may still turn out to be an older device: its MAC may come late."""


class Link(NamedTuple):
    """An address that belongs to an older device; `young` is the row made for it meanwhile, None when there is none."""

    address: Address
    young: int | None
    old: int


class Identity:
    """Which row each address writes to."""

    def __init__(self) -> None:
        self.current: dict[int, KnownDevice] = {}
        self._rows: dict[Address, int] = {}
        self._young: dict[Address, float] = {}
        self._saved: set[Address] = set()
        self._next = 1

    def start(self, addresses: dict[Address, int], stored: Iterable[devices.Stored], taken: int = 0) -> None:
        """Take over what the rows say; no new device gets a `pk` up to `taken`, which deleted ones may need again."""
        self._rows, self._saved = dict(addresses), set(addresses)
        pks = [each.row["pk"] for each in stored] + list(addresses.values())
        self._next = max((pk for pk in pks if pk < FIRST_ASKER), default=0) + 1
        self._next = max(self._next, taken + 1)

    def is_new(self, address: Address) -> bool:
        """True once for each address that has no row yet."""
        new = address not in self._saved
        self._saved.add(address)
        return new

    def owns(self, known: KnownDevice) -> bool:
        """True when this address is the device's present one; a live announce makes an older address present again."""
        present = self.current.get(known.pk or 0)
        if present is None or present is known:
            return True
        return known.state in AWAKE and known.live_since is not None and present.state not in AWAKE

    def forget(self, pk: int) -> list[Address]:
        """The device's row is gone: the addresses that it had are new ones again."""
        gone = [address for address, each in self._rows.items() if each == pk]
        for address in gone:
            del self._rows[address]
            self._saved.discard(address)
        self.current.pop(pk, None)
        return gone

    def put_back(self, pk: int, known: KnownDevice, addresses: Iterable[Address]) -> int | None:
        """A device has its old row again; the row that was made for it meanwhile, None when there was none."""
        young = known.pk if known.pk != pk else None
        for address in addresses:
            self._rows[address] = pk
            self._saved.add(address)
            self._young.pop(address, None)
        if young is not None:
            self.current.pop(young, None)
        known.pk = pk
        self.current[pk] = known
        return young

    async def find(self, database: Database, dirty: list[KnownDevice], now: float) -> list[Link]:
        """Give every device of `dirty` its `pk`; the links are addresses that turned out to be older devices."""
        unsure = [known for known in dirty if known.address not in self._rows or known.address in self._young]
        links: list[Link] = []
        if unsure:
            clues = _clues(unsure)
            found = (
                await database.read(lambda connection: identities.older(connection, *clues))
                if any(clues)
                else ({}, {})
            )
            links = [link for known in unsure if (link := self._link(known, *found))]
        for known in dirty:
            self._assign(known, now)
        for address, since in list(self._young.items()):
            if now - since > YOUNG:
                del self._young[address]
        return links

    def _link(self, known: KnownDevice, macs: dict[str, int], targets: dict[str, int]) -> Link | None:
        facts = known.facts
        mac = mac_of(facts.get("mac", ""))
        live_md5 = facts.get("md5", "").lower() if known.live_since is not None else ""
        old = macs.get(mac) or targets.get(live_md5)
        mine = self._rows.get(known.address)
        if old is None or old == mine:
            return None
        present = self.current.get(old)
        if present is not None and present.state in AWAKE:
            return None  # two devices, or one id under two bases: not one that moved
        self._rows[known.address] = old
        self._young.pop(known.address, None)
        known.pk = old
        self.current[old] = known
        if mine is not None:
            self.current.pop(mine, None)
        return Link(known.address, mine, old)

    def _assign(self, known: KnownDevice, now: float) -> None:
        row = self._rows.get(known.address)
        if row is None:
            row, self._next = self._next, self._next + 1
            self._rows[known.address] = row
            self._young[known.address] = now
        known.pk = row
        if self.owns(known):
            self.current[row] = known


def _clues(unsure: list[KnownDevice]) -> tuple[set[str], set[str]]:
    macs = {mac_of(known.facts.get("mac", "")) for known in unsure}
    md5s = {known.facts.get("md5", "").lower() for known in unsure if known.live_since is not None}
    return macs - {""}, md5s - {""}


@dataclass
class Batch:
    """What one transaction writes."""

    now: float
    links: list[Link] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    addresses: list[dict[str, Any]] = field(default_factory=list)
    readings: list[dict[str, Any]] = field(default_factory=list)
    cleared: list[dict[str, Any]] = field(default_factory=list)
    news: dict[int, list[News]] = field(default_factory=dict)
    presences: dict[int, Presence] = field(default_factory=dict)
    requests: dict[int, str] = field(default_factory=dict)
    woken: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    said: dict[int, list[Said]] = field(default_factory=dict)
    # Filled in by `write_batch`: devices that said something and run no update.
    unwatched: set[int] = field(default_factory=set)
    watching: bool = True  # what is heard now happens now; False while the broker tells what it kept

    @property
    def is_empty(self) -> bool:
        """True when there is nothing to write."""
        return not (
            self.rows
            or self.readings
            or self.cleared
            or self.news
            or self.requests
            or self.links
            or self.said
        )

    @property
    def is_urgent(self) -> bool:
        """True when it may move a deployment at once; statistics may only in the end, and half the fleet tells some."""
        return any(not isinstance(each, StatsNews) for heard in self.news.values() for each in heard)

    def add_row(self, known: KnownDevice, fleet: Fleet, identity: Identity) -> None:
        """The device's row and address, when this address is its present one."""
        if known.pk is None or not identity.owns(known):
            return
        facts = facts_row(known)
        base, device_id = known.address
        state = fleet.effective_state(known)
        if known.take_changed() & Changed.STATE:
            (self.woken if state in AWAKE else self.left).append(known.pk)
        version = version_key(facts["fw_version"])
        self.rows.append(
            {
                "pk": known.pk,
                "base": base,
                "device_id": device_id,
                "state": state.value,
                "state_since": known.state_since,
                "version_key": version,
                "first_seen": known.first_seen,
                "last_seen": known.last_seen,
                "recent": [list(each) for each in known.recent.rounds] if known.recent else [],
                **facts,
            }
        )
        if identity.is_new(known.address):
            found = {"base": base, "device_id": device_id, "device_pk": known.pk, "since": known.first_seen}
            self.addresses.append({**found, "dialect": facts["way"]})

    def add_readings(self, known: KnownDevice, identity: Identity) -> None:
        """The readings of this device that changed since they were last written."""
        for node, prop, value, at in known.take_values():
            if known.pk is None or not identity.owns(known):
                continue
            row = {"device_pk": known.pk, "node": node, "prop": prop}
            if value is None:
                self.cleared.append(row)
            else:
                self.readings.append({**row, "value": value, "at": at, "num": devices.number(value)})

    def add_news(self, known: KnownDevice | None, news: list[News], fleet: Fleet) -> bool:
        """What the device said that may move its deployment; False while the device has no row yet."""
        if known is None or known.pk is None:
            return known is None
        self.news.setdefault(known.pk, []).extend(news)
        self.presences[known.pk] = Presence(fleet.effective_state(known), known.live_since)
        return True

    def add_request(self, known: KnownDevice | None, wanted: str) -> bool:
        """What somebody published to the device's `$ota`; False while the device has no row yet."""
        if known is None or known.pk is None:
            return known is None
        self.requests[known.pk] = wanted
        return True


def write_batch(connection: Connection, batch: Batch) -> list[Deployment]:
    """Write everything in one transaction; returns the deployments that moved."""
    for link in batch.links:
        base, device_id = link.address
        devices.link(connection, link.young, link.old, base=base, device_id=device_id, now=batch.now)
        data = {"address": link.address.key}
        events.add(connection, "address", at=batch.now, device_pk=link.old, data=data)
    # Before the news: what ends a deployment still belongs to it.
    batch.unwatched = transcript.heard(connection, batch.said)
    changed = changes.note(connection, batch.news)
    devices.save(connection, batch.rows)
    rhythm.note(connection, batch.woken, batch.left, now=batch.now, watching=batch.watching)
    turns.woke(connection, batch.woken)
    turns.left(connection, batch.left)
    devices.save_addresses(connection, batch.addresses)
    devices.save_readings(connection, batch.readings)
    devices.clear_readings(connection, batch.cleared)
    for pk, wanted in batch.requests.items():
        devices.note_ota_request(connection, pk, wanted, now=batch.now)
    moved = news_of_devices.apply(connection, batch.news, batch.presences) if batch.news else []
    for pk in changed:
        alternation.notice(connection, pk, batch.now)
    return moved

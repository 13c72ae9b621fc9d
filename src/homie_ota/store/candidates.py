"""What eligibility asks about devices and images, read from rows: a few statements for any number of devices.

Rule: what is read here is all that is judged by. A device that tells no checksum is taken to run the one stored image
of its name and version, if there is just one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.homie import v1, way
from homie_ota.model import Address, Firmware, Way
from homie_ota.rollout.eligibility import (
    Candidate,
    Circumstances,
    Fact,
    Hold,
    Running,
    Siblings,
    lessons,
)
from homie_ota.store import learned
from homie_ota.store.matching import Condition
from homie_ota.store.tables import device, firmware, quarantine
from homie_ota.store.tables import learned as learned_table

TOPIC_LIMIT = 128
"""Characters of a topic that homie-esp8266 reads (homie-ota.md rule 17)."""

_COLUMNS = [
    device.c[name]
    for name in (
        "pk", "base", "device_id", "way", "implementation", "ota_enabled", "fw_name", "fw_version", "md5", "mac",
        "pinned_until", "pin_reason",
    )
]  # fmt: skip
VENDOR = 8
"""Characters of a MAC that name its vendor: `A0:20:A6`."""

FEW = 2000
"""So many devices are named in a statement; for more it is quicker to look at all."""

Alike = tuple[str, str]
"""MAC vendor and firmware name: what siblings share."""
Counts = Counter[tuple[str, str, str]]
"""Devices by vendor, firmware name, and what they have in common besides."""


class Subject(NamedTuple):
    """A device to be judged: its `pk`, where it lives, whom it is like, and what is known of it."""

    pk: int
    address: Address
    alike: Alike
    known: Candidate

    def said(self, md5: str) -> Subject:
        """The same device after it said itself what it runs."""
        return self if md5 in ("", self.known.md5) else self._replace(known=replace(self.known, md5=md5))


def load(
    conn: Connection, where: Condition | None = None, *, now: float | None, md5: str = ""
) -> list[Subject]:
    """The devices that `where` finds (all: None), by id. `md5` is what the one device said that it runs.

    Without `now` pins are not looked at: they hold back what is queued, and do not end it.
    """
    query = sa.select(*_COLUMNS).order_by(device.c.device_id, device.c.pk)
    rows = conn.execute(query if where is None else query.where(where)).all()
    facts = learned.facts(conn, where)
    evidence = ways(conn, where)
    images = Images(conn, rows, facts, md5)
    return [subject(row, facts.get(row.pk, {}), images, evidence.get(row.pk, ""), now, md5) for row in rows]


def subject(
    row: Any, facts: Mapping[str, Fact], images: Images, evidence: str, now: float | None, md5: str = ""
) -> Subject:
    """The device of a row, with what was learned of it; `evidence` says why it has no way, where it has none."""
    held = now is not None and row.pinned_until is not None and row.pinned_until > now
    known = Candidate(
        device_id=row.device_id,
        way=Way(row.way),
        way_evidence=evidence,
        implementation=row.implementation.lower(),
        ota_enabled=row.ota_enabled,
        fw_name=row.fw_name,
        fw_version=row.fw_version,
        md5=md5 or row.md5,
        running=images.running(row, md5 or row.md5, facts),
        pinned=Hold(row.pin_reason, until=row.pinned_until) if held else None,
        facts=facts,
    )
    return Subject(row.pk, Address(row.base, row.device_id), (row.mac[:VENDOR], row.fw_name), known)


def ways(conn: Connection, where: Condition | None = None) -> dict[int, str]:
    """Why devices without a way have none; the facts of all others are not read."""
    query = sa.select(device.c.pk, device.c.facts).where(device.c.way == Way.NONE.value)
    rows = conn.execute(query if where is None else query.where(where))
    return {pk: way(facts)[1] for pk, facts in rows}


# --- What runs -----------------------------------------------------------------------------------------------------


class Images:
    """The stored images that devices run, found by what they announce."""

    def __init__(
        self, conn: Connection, rows: Sequence[Any], facts: Mapping[int, Mapping[str, Fact]], md5: str
    ) -> None:
        signed = firmware.c.inspection["signed"].as_boolean().label("signed")
        names = ("sha256", "md5", "name", "version", "size", "chip", "flash", "mode")
        query = sa.select(*(firmware.c[name] for name in names), signed)
        if len(rows) == 1:
            query = query.where(_may_run(rows[0], facts.get(rows[0].pk, {}), md5))
        images = [Running(*each[:8], bool(each.signed)) for each in conn.execute(query)]
        named = Counter((each.name, each.version) for each in images)
        self._by_md5 = {each.md5: _known_by(each, "its MD5") for each in images}
        self._by_name = {
            (each.name, each.version): _known_by(each, "its name and version, which no other has")
            for each in images
            if named[each.name, each.version] == 1
        }
        self._by_sha256 = {each.sha256: each for each in images}

    def running(self, row: Any, md5: str, facts: Mapping[str, Fact]) -> Running | None:
        """The image that this device runs, None when it is not stored here."""
        if not md5:
            return self._by_name.get((row.fw_name, row.fw_version))
        found = self._by_md5.get(md5)
        if found is None and facts.get(lessons.REWRITTEN_MD5, Fact("")).value == md5:
            seen = facts.get(lessons.REWRITTEN_AS, Fact(""))
            image = self._by_sha256.get(seen.value)
            # Which mode it has now is not known: its updater changed that byte.
            found = image._replace(flash_mode="", evidence=seen.evidence) if image else None
        return found


def _known_by(image: Running, by: str) -> Running:
    return image._replace(evidence=f"It runs {image.name} {image.version}, known by {by}.")


def _may_run(row: Any, facts: Mapping[str, Fact], md5: str) -> Condition:
    rewritten = facts.get(lessons.REWRITTEN_AS, Fact("")).value
    named = (firmware.c.name == row.fw_name) & (firmware.c.version == row.fw_version)
    return sa.or_(firmware.c.md5 == (md5 or row.md5), named, firmware.c.sha256 == rewritten)


# --- Device and image together -------------------------------------------------------------------------------------


class Surroundings:
    """What is known of devices together with some images; read once."""

    def __init__(self, conn: Connection, images: Sequence[Firmware], subjects: Sequence[Subject]) -> None:
        self._held = _quarantined(conn, images)
        self._siblings = _Siblings(conn, images, {each.alike for each in subjects})

    def of(self, subject: Subject, image: Firmware) -> Circumstances:
        """Of this device and this image."""
        fits, siblings = _offer_fits(subject, image), self._siblings.of(subject, image)
        held = self._held.get((subject.pk, image.sha256)) if self._held else None
        if fits and held is None and siblings is _ALONE:
            return _NOTHING_SPECIAL
        return Circumstances(fits, held, siblings)


_ALONE, _NOTHING_SPECIAL = Siblings(), Circumstances()


def _offer_fits(subject: Subject, image: Firmware) -> bool:
    if subject.known.way is Way.HTTP:
        return v1.wanted_text(image.name, image.version, subject.known.fw_name) is not None
    if subject.known.way is not Way.MQTT:
        return True
    return len(f"{subject.address.topic}/$implementation/ota/firmware/{image.md5}") <= TOPIC_LIMIT


def _quarantined(conn: Connection, images: Sequence[Firmware]) -> dict[tuple[int, str], Hold]:
    columns = (quarantine.c.device_pk, quarantine.c.sha256, quarantine.c.reason, quarantine.c.since)
    query = sa.select(*columns).where(quarantine.c.sha256.in_([each.sha256 for each in images]))
    return {(pk, sha256): Hold(reason, since) for pk, sha256, reason, since in conn.execute(query)}


class _Siblings:
    """How devices that are alike fared with these images: counted once, by vendor and name."""

    def __init__(self, conn: Connection, images: Sequence[Firmware], alike: set[Alike]) -> None:
        self._conn, self._images = conn, images
        self._vendors = {vendor for vendor, _ in alike if vendor}
        self._took = _count(conn, device.c.md5, [each.md5 for each in images], self._vendors)
        self._refused = _count_facts(
            conn, lessons.IMAGE_REFUSED, [each.sha256 for each in images], self._vendors
        )

    @cached_property
    def _flash(self) -> Counts:
        """Who took an image for such a flash; asked only when one runs another, for it is most of the fleet."""
        sizes = {str(each.flash_size) for each in self._images if each.flash_size}
        return _count_facts(self._conn, lessons.TOOK_FLASH, sorted(sizes), self._vendors)

    def of(self, subject: Subject, image: Firmware) -> Siblings:
        """Without the device itself."""
        if not subject.alike[0]:
            return _ALONE
        known, own = subject.known, subject.known.facts
        took = self._took[(*subject.alike, image.md5)] - (known.md5 == image.md5)
        refused = self._refused[(*subject.alike, image.sha256)]
        refused -= _is(own, lessons.IMAGE_REFUSED, image.sha256)
        flash = 0
        if (
            not took
            and image.flash_size
            and (not known.running or known.running.flash_size != image.flash_size)
        ):
            flash = self._flash[(*subject.alike, str(image.flash_size))]
            flash -= _is(own, lessons.TOOK_FLASH, str(image.flash_size))
        return Siblings(took, refused, flash) if took or refused or flash else _ALONE


def _is(facts: Mapping[str, Fact], fact: str, value: str) -> bool:
    return fact in facts and facts[fact].value == value


def _count(
    conn: Connection, column: sa.ColumnElement[str], values: Sequence[str], vendors: set[str]
) -> Counts:
    return _counted(conn, sa.select(column.label("value")), column.in_(values), vendors)


def _count_facts(conn: Connection, fact: str, values: Sequence[str], vendors: set[str]) -> Counts:
    mine = (learned_table.c.fact == fact) & learned_table.c.value.in_(values)
    query = sa.select(learned_table.c.value).join(device, device.c.pk == learned_table.c.device_pk)
    return _counted(conn, query, mine, vendors)


def _counted(conn: Connection, query: sa.Select[Any], where: Condition, vendors: set[str]) -> Counts:
    """Devices by vendor, firmware name and the value that `query` selects."""
    value = query.selected_columns[0]
    counts: Counts = Counter()
    if len(vendors) == 1:
        # Without the vendor in it the grouping follows an index, and nothing has to be sorted.
        only = next(iter(vendors))
        alike = query.add_columns(device.c.fw_name, sa.func.count()).where(where, _made_by(only))
        for told, name, number in conn.execute(alike.group_by(value, device.c.fw_name)):
            counts[only, name, told] = number
    elif vendors:
        vendor = sa.func.substr(device.c.mac, 1, VENDOR)
        found = query.add_columns(vendor, device.c.fw_name, sa.func.count()).where(where, device.c.mac != "")
        for told, maker, name, number in conn.execute(found.group_by(value, vendor, device.c.fw_name)):
            counts[maker, name, told] = number
    return counts


def _made_by(vendor: str) -> Condition:
    """Devices whose MAC begins so; `~` is behind everything that stands in a MAC."""
    return device.c.mac.between(vendor, f"{vendor}~")

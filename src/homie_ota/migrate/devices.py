"""The devices of the old inventory, as history: known by name and last firmware, and not online until they are heard.

Rule: what is told goes through the ingest like the broker's retained messages; a device that this server knows already,
by its address or its MAC, stays as it is, for what is heard is newer than what is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from homie_ota.bus import Bus
from homie_ota.esp.image import clean
from homie_ota.homie import Reader
from homie_ota.ingest import Ingest
from homie_ota.migrate import topics
from homie_ota.migrate.into import Into
from homie_ota.migrate.places import INVENTORY, SENSORS, Old, read_records
from homie_ota.migrate.records import Record, Records
from homie_ota.migrate.report import Report, Took
from homie_ota.model import Address
from homie_ota.store import devices
from homie_ota.store.database import Connection, Database

KIND = "device"
EVIDENCE = "the old server's inventory says so"


class Past(NamedTuple):
    """A device of the old inventory: where it lived, what is told again, what it said when it asked for an image."""

    address: Address
    messages: list[tuple[str, str]]
    strange: list[str]
    asked: dict[str, str]
    mac: str
    name: str


def collect(old: Old, prefix: str, report: Report) -> tuple[list[Past], float]:
    """The devices of both files, and when they were last written; what is wrong with the files is told."""
    inventory, at = _read(old, INVENTORY, report)
    sensors, last = _read(old, SENSORS, report)
    reader = Reader([prefix])
    base = reader.bases[0]
    found = []
    for device_id in dict.fromkeys([*inventory, *sensors]):
        past = _past(reader, base, device_id, inventory.get(device_id, {}), sensors.get(device_id, {}))
        if past.messages:
            found.append(past)
        else:
            text = "Nothing is told of it, or its id is none that a topic can have."
            report.add(KIND, clean(device_id, 60), Took.LEFT, text)
    return found, at or last


def _read(old: Old, name: str, report: Report) -> tuple[Mapping[str, Record], float]:
    found = read_records(old, name)
    if found is None:
        report.add("file", name, Took.LEFT, "There is none.")
        return {}, 0.0
    records, path = found
    _tell_file(records, path, report)
    return records.by_device, path.stat().st_mtime


def _tell_file(records: Records, path: Path, report: Report) -> None:
    count = len(records.by_device)
    text = f"{count} {'device' if count == 1 else 'devices'}"
    if records.repaired:
        text += f"; {records.repaired} values as Python 3 wrote them (b'…'), set right"
    took = Took.REFUSED if records.problem and not count else Took.TAKEN
    report.add("file", path.name, took, f"{text}; {records.problem}" if records.problem else text)


def _past(reader: Reader, base: str, device_id: str, told: Record, values: Record) -> Past:
    good, strange = topics.messages(reader, base, device_id, told, values)
    mac = topics.station_mac(told.get("mac", ""))
    return Past(Address(base, device_id), good, strange, topics.asked(told), mac, told.get("name", ""))


async def take(past: list[Past], at: float, into: Into, report: Report) -> None:
    """Make a row for each device that is not known, or in a dry run say so."""
    none: dict[Address, int] = {}
    known = into.ask(devices.addresses, none)
    new = []
    for each in past:
        if each.address in known or into.ask(partial(devices.by_mac, mac=each.mac), None):
            text = "This server knows it already; what it has heard is newer."
            report.add(KIND, each.address.topic, Took.THERE, text)
        else:
            new.append(each)
            report.add(KIND, each.address.topic, Took.TAKEN, _told(each))
    if into.rows is not None:
        await _feed(new, at, into.rows)


async def _feed(new: list[Past], at: float, database: Database) -> None:
    """As if the broker had told it, at the time of the file."""
    ingest = Ingest(database, Bus(), [each.address.base for each in new[:1]], clock=lambda: at)
    await ingest.restore()
    for each in new:
        for topic, text in each.messages:
            ingest.receive(topic, text.encode(errors="replace"), 1, True)
    await ingest.write()

    def learn(conn: Connection) -> None:
        for each in new:
            pk = devices.by_address(conn, each.address)
            if pk is not None and each.asked:
                devices.learn(conn, pk, each.asked, evidence=EVIDENCE, now=at)

    await database.write(learn)


def _told(each: Past) -> str:
    said = {topic.removeprefix(f"{each.address.topic}/"): text for topic, text in each.messages}
    words = [said.get(new) or said.get(old, "") for new, old in _FIRMWARE]
    running = clean(" ".join(filter(None, words)), 80) or "a firmware that it did not name"
    text = f"{clean(each.name, 64) or 'without a name'}, last known with {running}"
    if each.strange:
        text += f"; left, for they are no topics of Homie: {clean(', '.join(sorted(each.strange)), 200)}"
    return text


_FIRMWARE = (("$fw/name", "$fwname"), ("$fw/version", "$fwversion"))

"""What is asked about some devices at once: which they are, which image they should get, and what that would do.

Rule: the numbers are those of the preview that a rollout starts with; nothing is judged here, and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from homie_ota.errors import WrongUse
from homie_ota.model import Address, Firmware
from homie_ota.query import parse
from homie_ota.rollout import tally
from homie_ota.rollout.eligibility import lessons
from homie_ota.rollout.tally import Left, Tally
from homie_ota.store import devices, previews, search
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.store.previews import Line, Preview
from homie_ota.web import views

NAMED = 200
"""So many devices can be chosen one by one; for more there is all that a query finds."""

MOST = search.MOST
"""Devices that something is done to at once, one after another."""

Fields = Mapping[str, Sequence[str]]


class Chosen(NamedTuple):
    """Some devices: the query that finds just them, and their ids in routes with the ids that people read."""

    query: str
    devices: list[tuple[str, str]]


class Seen(NamedTuple):
    """What an image would do to them: the numbers, whom it begins with, and who is left out and why."""

    firmware: Firmware
    tally: Tally
    first: str
    waves: tuple[int, ...]
    left_out: list[tuple[str, str]]
    warnings: tuple[str, ...]
    way_back: str


def first_of(fields: Fields, name: str) -> str:
    """One value of a form; empty where it is not there."""
    return next(iter(fields.get(name, ())), "")


def chosen(conn: Connection, fields: Fields, now: float) -> Chosen:
    """The devices that a form names, or all that its query finds; WrongUse for none or too many, NotFound."""
    if first_of(fields, "all"):
        return _all(conn, fields, now)
    names = list(dict.fromkeys(fields.get("device", ())))
    if not names:
        raise WrongUse("No device is chosen. Choose some in the list (key x), then repeat.")
    if len(names) > NAMED:
        raise WrongUse(
            f"{len(names)} devices are chosen, {NAMED} are the most. Find them by a query, and choose all."
        )
    rows = [devices.row(conn, devices.resolve(conn, name)) for name in names]
    addresses = [Address(row["base"], row["device_id"]) for row in rows if row is not None]
    return Chosen(query_of(addresses), [(each.key, each.device_id) for each in addresses])


def _all(conn: Connection, fields: Fields, now: float) -> Chosen:
    query = first_of(fields, "q").strip() or "id:*"
    state = first_of(fields, "state")
    query = f"({query}) state:{state}" if state else query
    parse(query)
    found = search.find(conn, query, sort="id", limit=search.MOST, now=now, whole=False)
    if found.total > search.MOST:
        # An update takes the query as it is; what goes device by device says that these are too many.
        return Chosen(query, [])
    listed = [(Address(row["base"], row["device_id"]).key, row["device_id"]) for row in found.items]
    if not listed:
        raise WrongUse(f"No device fits {query!r}.")
    return Chosen(query, listed)


def query_of(addresses: Sequence[Address]) -> str:
    """The query that finds just these devices."""
    quoted = (each.topic.replace("\\", "\\\\").replace('"', '\\"') for each in addresses)
    return "id:" + ",".join(f'"{each}"' for each in quoted)


def images_for(conn: Connection, query: str, now: float) -> list[Firmware]:
    """The stored images, those named as what these devices run first, the newest of each name first."""
    found = firmwares.find(conn, sort="name")
    page = search.find(conn, query, sort="fw", limit=search.MOST, now=now, whole=False)
    names = {row["fw_name"] for row in page.items}
    return sorted(found, key=lambda each: (each.name not in names, each.name, -each.uploaded_at))


def judge(conn: Connection, chosen: Chosen, wanted: str, now: float) -> Seen:
    """What the image that `wanted` names would do to them; NotFound, Conflict."""
    return seen(conn, previews.make(conn, firmwares.resolve(conn, wanted), chosen.query, None, now=now))


def seen(conn: Connection, preview: Preview) -> Seen:
    """The preview of a rollout in the few words of a strip."""
    left = [Left(line.judged.code, _exactly(conn, line)) for line in preview.left_out]
    members = [line for wave in preview.waves for line in wave]
    return Seen(
        preview.firmware,
        tally.count(preview.members, left),
        members[0].judged.row["device_id"] if members else "",
        tuple(len(wave) for wave in preview.waves),
        [(line.judged.row["device_id"], line.place.reason) for line in preview.left_out],
        tuple(each for each in preview.warnings if each != preview.way_back.text),
        _sentence(preview.way_back.text) if members else "",
    )


def _sentence(text: str) -> str:
    """With a capital letter; what follows keeps its own."""
    return text[:1].upper() + text[1:]


def _exactly(conn: Connection, line: Line) -> str:
    """How large a flash is that is too small, where that was learned."""
    if line.judged.code != "flash-too-small":
        return ""
    told = devices.learned_facts(conn, line.judged.pk).get(lessons.CHIP_SIZE, "")
    return f"{int(told) / 1024 / 1024:g} MB flash" if told.isdecimal() else ""


def read(conn: Connection, fields: Fields, now: float) -> dict[str, Any]:
    """The values of the strip for these fields."""
    found = chosen(conn, fields, now)
    wanted = first_of(fields, "firmware")
    images = images_for(conn, found.query, now)
    return {
        "chosen": found,
        "kept": [
            (name, value)
            for name in ("device", "all", "q", "state")
            for value in fields.get(name, ())
            if value
        ],
        "images": images,
        "twins": views.twins(images),
        "wanted": wanted,
        "seen": judge(conn, found, wanted, now) if wanted else None,
        "done": None,
    }

"""What was found kept on the broker that a device would act on at every connect, and what somebody wants cleared.

Rule: a row is what the last look found; nothing is cleared unless a person asked, and both leave an event row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, NotFound
from homie_ota.homie import leftovers
from homie_ota.homie.leftovers import Kind
from homie_ota.homie.leftovers import Leftover as Seen
from homie_ota.model import AWAKE, Address, Publish
from homie_ota.rollout.starting import ON_AIR
from homie_ota.store import devices, events
from homie_ota.store.database import upsert
from homie_ota.store.tables import deployment, device, leftover

KIND = "leftover"
LONGEST_TOPIC = 255


class Found(NamedTuple):
    """What a look found on a topic."""

    topic: str
    seen: Seen
    size: int


class Leftover(NamedTuple):
    """One row; `asked_at` is when somebody asked to clear it, None when nobody did."""

    topic: str
    device_pk: int | None
    kind: Kind
    text: str
    size: int
    found_at: float
    asked_at: float | None
    asked_by: str


_COLUMNS = [leftover.c[name] for name in Leftover._fields]


def _rows(connection: Connection, query: sa.Select[Any]) -> list[Leftover]:
    rows = connection.execute(query).mappings()
    return [Leftover(**{**row, "kind": Kind(row["kind"])}) for row in rows]


def every(connection: Connection) -> list[Leftover]:
    """All of them, by topic."""
    return _rows(connection, sa.select(*_COLUMNS).order_by(leftover.c.topic))


def get(connection: Connection, topic: str) -> Leftover:
    """The one on this topic; NotFound."""
    found = _rows(connection, sa.select(*_COLUMNS).where(leftover.c.topic == topic))
    if not found:
        raise NotFound("Nothing was found on this topic. Look again; somebody may have cleared it.")
    return found[0]


def of_device(connection: Connection, device_pk: int) -> list[Leftover]:
    """Those of one device."""
    query = sa.select(*_COLUMNS).where(leftover.c.device_pk == device_pk)
    return _rows(connection, query.order_by(leftover.c.topic))


def note(connection: Connection, found: Sequence[Found], *, now: float) -> tuple[int, int]:
    """Write what a whole look found; how many are new, and how many are gone."""
    here = {each.topic: each for each in found if len(each.topic) <= LONGEST_TOPIC}
    known = {each.topic: each for each in every(connection)}
    for topic in here.keys() - known.keys():
        _tell(
            connection,
            "found",
            topic,
            here[topic].seen.kind,
            devices.by_address(connection, here[topic].seen.device),
            now,
        )
    for topic in known.keys() - here.keys():
        _tell(connection, "gone", topic, known[topic].kind, known[topic].device_pk, now)
        connection.execute(leftover.delete().where(leftover.c.topic == topic))
    upsert(
        connection,
        leftover,
        [_row(connection, each, now) for each in here.values()],
        ["topic"],
        ["device_pk", "kind", "text", "size"],
    )
    return len(here.keys() - known.keys()), len(known.keys() - here.keys())


def _row(connection: Connection, found: Found, now: float) -> dict[str, object]:
    return {
        "topic": found.topic,
        "device_pk": devices.by_address(connection, found.seen.device),
        "kind": found.seen.kind.value,
        "text": found.seen.text,
        "size": found.size,
        "found_at": now,
        "asked_at": None,
        "asked_by": "",
    }


def _tell(
    connection: Connection, what: str, topic: str, kind: Kind, device_pk: int | None, now: float, by: str = ""
) -> None:
    data = {"event": what, "topic": topic, "kind": kind.value}
    events.add(connection, KIND, at=now, device_pk=device_pk, actor=by, data=data)


# --- Clearing -------------------------------------------------------------------------------------------------------


class Clearing(NamedTuple):
    """What is to be published to clear a leftover."""

    of: Leftover
    message: Publish


def ask(connection: Connection, topic: str, *, by: str, now: float) -> Leftover:
    """Note that somebody wants it cleared; NotFound, or Conflict when that cannot be done now."""
    wanted = get(connection, topic)
    _message(connection, wanted)
    values = {"asked_at": now, "asked_by": by[:64]}
    connection.execute(leftover.update().where(leftover.c.topic == topic).values(**values))
    _tell(connection, "asked", topic, wanted.kind, wanted.device_pk, now, by)
    return wanted._replace(asked_at=now, asked_by=by[:64])


def due(connection: Connection) -> list[Clearing]:
    """What is to be published now; nothing goes to a device while it takes in an image."""
    flying = sa.select(deployment.c.device_pk).where(deployment.c.state.in_(sorted(ON_AIR)))
    free = leftover.c.device_pk.is_(None) | leftover.c.device_pk.not_in(flying)
    found = _rows(connection, sa.select(*_COLUMNS).where(leftover.c.asked_at.is_not(None), free))
    clearings = []
    for each in found:
        try:
            clearings.append(Clearing(each, _message(connection, each)))
        except Conflict:
            continue  # the device came back, or changed, since it was asked: a person sees it in the list
    return clearings


def cleared(connection: Connection, done: Clearing, *, now: float) -> None:
    """It was published: an image is gone; a `$ota` stays and says what the device runs."""
    of, here = done.of, leftover.c.topic == done.of.topic
    _tell(connection, "cleared", of.topic, of.kind, of.device_pk, now, of.asked_by)
    if not done.message.payload:
        connection.execute(leftover.delete().where(here))
        return
    text = done.message.payload.decode(errors="replace")
    connection.execute(leftover.update().where(here).values(text=text, asked_at=None, asked_by=""))


def _message(connection: Connection, of: Leftover) -> Publish:
    """What clears it; Conflict with the reason when nothing does now."""
    row = _device(connection, of)
    running = row.fw_version if row is not None else ""
    settled = of.kind is Kind.REQUEST and bool(running) and of.text == running
    if settled and row is not None and row.state in AWAKE:
        raise Conflict(
            f"{of.topic} says {running}, which the device runs: it does nothing at its next connect. To take it away "
            "switch the device off first: a connected one reads garbage from an empty message."
        )
    message = leftovers.clear(_address(of), of.topic, of.kind, running, settled=settled)
    if message is None:
        raise Conflict(
            f"Which version the device of {of.topic} runs is not known, and only that makes it harmless. Let the "
            "device announce itself here first."
        )
    return message


def _device(connection: Connection, of: Leftover) -> Any:
    query = sa.select(device.c.fw_version, device.c.state).where(device.c.pk == of.device_pk)
    return connection.execute(query).first() if of.device_pk is not None else None


def _address(of: Leftover) -> Address:
    base, _, device_id = of.topic.partition("/$")[0].rpartition("/")
    return Address(f"{base}/", device_id)


# --- For people -----------------------------------------------------------------------------------------------------


def sentence(connection: Connection, of: Leftover) -> str:
    """What was found, what it does, and what clears it."""
    if of.kind is Kind.REQUEST:
        row = _device(connection, of)
        if row is not None and row.fw_version == of.text:
            return (
                f"The broker keeps {of.text} on {of.topic}, which the device runs: harmless now, but after an update "
                "it would call this version back. Switch the device off and clear it."
            )
        return (
            f"The broker keeps {of.text!r} on {of.topic}: the device restarts at every connect to fetch it. Clearing "
            "it writes the version that it runs there (`homie-ota leftovers`)."
        )
    what = "an image" if of.kind is Kind.IMAGE else "the address of an image"
    return (
        f"The broker keeps {what} on {of.topic} ({of.size} bytes): the device takes it in at every connect. Clearing "
        "it sends an empty retained message to that topic."
    )


def sentences(connection: Connection, device_pk: int) -> tuple[str, ...]:
    """The same of everything kept for one device."""
    return tuple(sentence(connection, each) for each in of_device(connection, device_pk))

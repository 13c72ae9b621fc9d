"""Rows of devices, their addresses, readings and what was learned about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, NotFound
from homie_ota.model import ACTIVE, AWAKE, Address, Way
from homie_ota.store.database import upsert
from homie_ota.store.tables import deployment, device, device_address, learned, ota_request, reading

HOMIE, ASKER = "homie", "http"
"""Kinds of address: a topic on the broker, and the MAC of a device that asks over HTTP."""

KEPT = ("pk", "first_seen", "pinned_until", "pin_reason")
"""Columns of `device` that an announce never changes."""

_CHANGING = [column.name for column in device.columns if column.name not in KEPT]


class Stored(NamedTuple):
    """One device as it was when the server last wrote it; `readings` are (node, prop, value, at)."""

    row: dict[str, Any]
    readings: list[tuple[str, str, str, float]]


def load(connection: Connection, pk: int | None = None) -> list[Stored]:
    """Every device with its readings, for the fleet in memory at start; or one of them."""
    rows, columns = (
        sa.select(device),
        sa.select(reading.c.device_pk, reading.c.node, reading.c.prop, reading.c.value, reading.c.at),
    )
    if pk is not None:
        rows, columns = rows.where(device.c.pk == pk), columns.where(reading.c.device_pk == pk)
    stored = {row["pk"]: Stored(dict(row), []) for row in connection.execute(rows).mappings()}
    for of, node, prop, value, at in connection.execute(columns):
        stored[of].readings.append((node, prop, value, at))
    return list(stored.values())


def addresses(connection: Connection) -> dict[Address, int]:
    """Every address ever seen on MQTT, with the device that has it."""
    columns = (device_address.c.base, device_address.c.device_id, device_address.c.device_pk)
    query = sa.select(*columns).where(device_address.c.kind == HOMIE)
    return {Address(base, device_id): pk for base, device_id, pk in connection.execute(query)}


def save(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert or change rows of devices; every row has all columns but the pin."""
    # A 1.5 device announces no MAC: what its HTTP request told stays.
    upsert(connection, device, rows, ["pk"], _CHANGING, keep_if_empty=("mac",))


def save_addresses(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Note addresses (`base, device_id, device_pk, dialect, since`); a known one gets its device and dialect anew."""
    rows = [{"kind": HOMIE, "until": None, **row} for row in rows]
    upsert(connection, device_address, rows, ["kind", "base", "device_id"], ["device_pk", "dialect", "until"])


def save_readings(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert or change readings: `device_pk, node, prop, value, num, at`."""
    upsert(connection, reading, rows, ["device_pk", "node", "prop"], ["value", "num", "at"])


def clear_readings(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Forget readings (`device_pk, node, prop`) whose topics were cleared on the broker."""
    for each in rows:
        here = (reading.c.node == each["node"]) & (reading.c.prop == each["prop"])
        connection.execute(reading.delete().where(here, reading.c.device_pk == each["device_pk"]))


def number(value: str) -> float | None:
    """The number in a reading, None when it is none (booleans are 1 and 0)."""
    if value in ("true", "false"):
        return float(value == "true")
    try:
        found = float(value)
    except ValueError:
        return None
    return found if abs(found) < 1e300 else None  # neither infinity nor NaN can be drawn or compared


def link(
    connection: Connection, young: int | None, old: int, *, base: str, device_id: str, now: float
) -> None:
    """Make the address of device `young` one of device `old`, and forget the row that was made for it, if any."""
    here = (device_address.c.base == base) & (device_address.c.device_id == device_id)
    connection.execute(device_address.update().where(device_address.c.device_pk == old).values(until=now))
    connection.execute(device_address.update().where(here).values(device_pk=old, until=None))
    if young is not None:
        connection.execute(device.delete().where(device.c.pk == young))


def row(connection: Connection, pk: int) -> dict[str, Any] | None:
    """All columns of one device, and its `addresses` (newest first)."""
    found = connection.execute(sa.select(device).where(device.c.pk == pk)).mappings().first()
    if found is None:
        return None
    query = (
        sa.select(device_address)
        .where(device_address.c.device_pk == pk)
        .order_by(device_address.c.until.is_not(None), device_address.c.since.desc())
    )
    return {**found, "addresses": [dict(each) for each in connection.execute(query).mappings()]}


def resolve(connection: Connection, text: str) -> int:
    """The device that `text` names: `homie~hall-lamp`, or a bare device id where only one device has it.

    Raises NotFound, or Conflict with the ids to choose from.
    """
    base, slash, device_id = text.replace("~", "/").rpartition("/")
    query = sa.select(device_address.c.device_pk, device_address.c.base, device_address.c.device_id)
    exact = query.where(device_address.c.base == base + slash, device_address.c.device_id == device_id)
    found = connection.execute(exact).all() if slash else []
    # A base or an id may itself hold a `~`, so the text is also tried as it is.
    found = found or connection.execute(query.where(device_address.c.device_id == text)).all()
    if not found:
        raise NotFound(f"There is no device {text!r}. Look at the list of devices for its id.")
    if len({each.device_pk for each in found}) > 1:
        ids = ", ".join(sorted(Address(each.base, each.device_id).key for each in found))
        raise Conflict(f"Several devices are called {text!r}: {ids}. Use one of these ids.")
    return int(found[0].device_pk)


def by_address(connection: Connection, address: Address) -> int | None:
    """The device at this address, None when it was never seen."""
    here = (device_address.c.base == address.base) & (device_address.c.device_id == address.device_id)
    return connection.execute(sa.select(device_address.c.device_pk).where(here)).scalar()


def by_mac(connection: Connection, mac: str) -> int | None:
    """The device with this MAC (`AA:BB:CC:DD:EE:FF`), None when no or more than one has it."""
    found = (
        connection.execute(sa.select(device.c.pk).where(device.c.mac == mac)).scalars().all() if mac else []
    )
    return found[0] if len(found) == 1 else None


def by_fetching_id(connection: Connection, device_id: str) -> int | None:
    """The device of this id that fetches its image itself, None when no or more than one does.

    An id may be in use below other base topics, too; such a request tells none.
    """
    mine = (device.c.device_id == device_id) & (device.c.way == Way.HTTP.value)
    found = connection.execute(sa.select(device.c.pk).where(mine)).scalars().all()
    return found[0] if len(found) == 1 else None


def readings(connection: Connection, pk: int) -> list[tuple[str, str, str, float | None, float]]:
    """The readings of one device: node, property, value as text, as number, when."""
    columns = (reading.c.node, reading.c.prop, reading.c.value, reading.c.num, reading.c.at)
    query = sa.select(*columns).where(reading.c.device_pk == pk).order_by(reading.c.node, reading.c.prop)
    return [(node, prop, value, num, at) for node, prop, value, num, at in connection.execute(query)]


def learned_facts(connection: Connection, pk: int) -> dict[str, str]:
    """What was learned of one device, by fact."""
    query = sa.select(learned.c.fact, learned.c.value).where(learned.c.device_pk == pk)
    return {row.fact: row.value for row in connection.execute(query)}


def learn(connection: Connection, pk: int, facts: dict[str, str], *, evidence: str, now: float) -> None:
    """Remember facts of a device with where they come from."""
    rows = [
        {"device_pk": pk, "fact": fact, "value": value, "evidence": evidence, "at": now}
        for fact, value in facts.items()
    ]
    upsert(connection, learned, rows, ["device_pk", "fact"], ["value", "evidence", "at"])


def note_mac(connection: Connection, pk: int, mac: str) -> None:
    """Fill in the MAC of a device that does not announce one (1.5 tells it in its HTTP request)."""
    connection.execute(device.update().where(device.c.pk == pk, device.c.mac == "").values(mac=mac))


def note_ota_request(connection: Connection, pk: int, wanted: str, *, now: float) -> None:
    """Remember what somebody published to the device's `$ota`."""
    upsert(
        connection,
        ota_request,
        [{"device_pk": pk, "wanted": wanted, "at": now}],
        ["device_pk"],
        ["wanted", "at"],
    )


def ota_requested(connection: Connection, pk: int) -> tuple[str, float] | None:
    """What was last published to the device's `$ota`, and when; None when nothing was."""
    query = sa.select(ota_request.c.wanted, ota_request.c.at).where(ota_request.c.device_pk == pk)
    found = connection.execute(query).first()
    return (found.wanted, found.at) if found else None


def check_removable(connection: Connection, pk: int) -> None:
    """Raise Conflict while the device is online or being updated, NotFound when it is not known."""
    found = connection.execute(sa.select(device.c.state, device.c.device_id).where(device.c.pk == pk)).first()
    if found is None:
        raise NotFound("This device is not known any more.")
    if found.state in AWAKE:
        raise Conflict(f"{found.device_id} is online; it would announce itself again. Switch it off first.")
    active = sa.select(deployment.c.id).where(deployment.c.device_pk == pk, deployment.c.state.in_(ACTIVE))
    if connection.execute(active).first():
        raise Conflict(f"{found.device_id} is being updated. Wait for the end, or cancel the deployment.")


def remove(connection: Connection, pk: int) -> None:
    """Forget a device and its history; raises as `check_removable` does."""
    check_removable(connection, pk)
    connection.execute(device.delete().where(device.c.pk == pk))


def counts(connection: Connection) -> dict[str, int]:
    """How many devices are in which state."""
    query = sa.select(device.c.state, sa.func.count().label("number")).group_by(device.c.state)
    return {row.state: row.number for row in connection.execute(query)}

"""Devices that a person deleted: copied whole before their rows go, and put back while the copy is kept.

Rule: a copy is made in the transaction that deletes, and taken away in the one that puts back. What would start an
update is in no copy: no licence for an image, no token, no topic below `$implementation/ota`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, NotFound
from homie_ota.model import FIRST_ASKER, Address
from homie_ota.store import audit, devices, events
from homie_ota.store.database import upsert
from homie_ota.store.tables import (
    deployment,
    device,
    device_address,
    event,
    membership,
    metadata,
    ota_request,
    ota_token,
    removed,
    rollout,
)

KEPT = 86_400.0
"""Seconds for which a copy is kept."""

KIND = "removal"
_NEVER = frozenset({ota_token, ota_request})
"""Tables whose rows would let a device have an image."""

Rows = dict[str, list[dict[str, Any]]]


class Removed(NamedTuple):
    """A device that was deleted: what it was, when and by whom, and how many topics can be put back."""

    device_pk: int
    address: Address
    name: str
    at: float
    by: str
    topics: dict[str, str]

    @property
    def until(self) -> float:
        """When the copy goes."""
        return self.at + KEPT


def take(
    connection: Connection,
    pk: int,
    *,
    by: str,
    now: float,
    where: str = "",
    topics: Mapping[str, str] | None = None,
    cleared: int = 0,
) -> None:
    """Copy a device and delete it; raises NotFound, and Conflict while it is online or being updated.

    `where` it was asked from; `cleared` topics go on the broker once this is written.
    """
    row = devices.row(connection, pk)
    devices.check_removable(connection, pk)
    assert row is not None
    forget_old(connection, now)
    copied = {table.name: list(_copy(connection, table, pk)) for table in _tables()}
    values = {
        "device_pk": pk,
        "base": row["base"],
        "device_id": row["device_id"],
        "name": row["name"],
        "at": now,
        "by": by[:64],
        "rows": {name: rows for name, rows in copied.items() if rows},
        "topics": dict(topics or {}),
    }
    connection.execute(removed.delete().where(removed.c.device_pk == pk))
    connection.execute(removed.insert().values(**values))
    _tell(connection, "deleted", pk, by, now)
    key = Address(row["base"], row["device_id"]).key
    what = f"{key}, {cleared} retained topics cleared"
    audit.add(connection, at=now, who=by, what="deleted a device", why=what, from_where=where)
    devices.remove(connection, pk)


def _tables() -> Iterator[sa.Table]:
    """The device's own table first, then all whose rows go with it."""
    yield device
    for table in metadata.sorted_tables:
        if table is not device and table not in _NEVER and _column(table) is not None:
            yield table


def _column(table: sa.Table) -> sa.Column[Any] | None:
    """The column that points to a device; None where there is none."""
    if table is device:
        return device.c.pk
    found = (key.parent for key in table.foreign_keys if key.column is device.c.pk)
    return next(found, None)


def _copy(connection: Connection, table: sa.Table, pk: int) -> Iterator[dict[str, Any]]:
    column = _column(table)
    assert column is not None
    for row in connection.execute(sa.select(table).where(column == pk)).mappings():
        yield {name: _as_json(value) for name, value in row.items()}


def _as_json(value: Any) -> Any:
    return {"$bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _from_json(value: Any) -> Any:
    is_bytes = isinstance(value, dict) and value.keys() == {"$bytes"}
    return base64.b64decode(value["$bytes"]) if is_bytes else value


# --- Putting back ---------------------------------------------------------------------------------------------------


def put_back(connection: Connection, pk: int, *, by: str, now: float, where: str = "") -> Removed:
    """The device as it was; one that announced itself anew meanwhile is joined with its history.

    Raises NotFound when the copy is gone, Conflict while what came back is being updated.
    """
    found = get(connection, pk, now)
    rows: Rows = connection.execute(sa.select(removed.c.rows).where(removed.c.device_pk == pk)).scalar_one()
    for young in _came_back(connection, pk, rows):
        if connection.execute(sa.select(deployment.c.id).where(deployment.c.device_pk == young)).first():
            raise Conflict(
                f"{found.address.device_id} came back by itself and was updated since. Its older history is kept "
                "until tomorrow and cannot be joined with that."
            )
        connection.execute(device.delete().where(device.c.pk == young))
    for table in _tables():
        _insert(connection, table, rows.get(table.name, []))
    connection.execute(removed.delete().where(removed.c.device_pk == pk))
    _tell(connection, "put back", pk, by, now)
    audit.add(connection, at=now, who=by, what="put a device back", why=found.address.key, from_where=where)
    return found


def _came_back(connection: Connection, pk: int, rows: Rows) -> list[int]:
    """Devices that were made since at one of its addresses."""
    found: set[int] = set()
    for each in rows.get(device_address.name, []):
        same = (device_address.c.base == each["base"]) & (device_address.c.device_id == each["device_id"])
        query = sa.select(device_address.c.device_pk).where(same, device_address.c.device_pk != pk)
        found.update(connection.execute(query).scalars())
    return sorted(found)


def _insert(connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    known = table.columns.keys()
    wanted = [{name: _from_json(each[name]) for name in known if name in each} for each in rows]
    if table is membership and wanted:
        there = set(connection.execute(sa.select(rollout.c.id)).scalars())
        wanted = [each for each in wanted if each["rollout_id"] in there]
    keys = [column.name for column in table.primary_key.columns]
    upsert(connection, table, wanted, keys, [])


# --- What is kept ---------------------------------------------------------------------------------------------------

_COLUMNS = ("device_pk", "base", "device_id", "name", "at", "by", "topics")


def get(connection: Connection, pk: int, now: float) -> Removed:
    """The copy of one device; NotFound when there is none any more."""
    found = _find(connection, removed.c.device_pk == pk, now)
    if not found:
        raise NotFound(
            "There is no copy of this device any more. It comes back when it announces itself again."
        )
    return found[0]


def recent(connection: Connection, now: float) -> list[Removed]:
    """Everything that can be put back, the newest first."""
    return _find(connection, sa.true(), now)


def named(connection: Connection, text: str, now: float) -> Removed | None:
    """The copy of the device that `text` names as routes do; None when there is none."""
    base, slash, device_id = text.replace("~", "/").rpartition("/")
    at = removed.c.base == base + slash if slash else sa.true()
    return next(iter(_find(connection, at & (removed.c.device_id == device_id), now)), None)


def _find(connection: Connection, where: sa.ColumnElement[bool], now: float) -> list[Removed]:
    columns = [removed.c[name] for name in _COLUMNS]
    query = sa.select(*columns).where(where, removed.c.at > now - KEPT).order_by(removed.c.at.desc())
    return [
        Removed(row.device_pk, Address(row.base, row.device_id), row.name, row.at, row.by, row.topics)
        for row in connection.execute(query)
    ]


def taken(connection: Connection) -> int:
    """The highest `pk` that a copy or an event knows, 0 for none: no new device may get one that was somebody's."""
    copied = (
        connection.execute(sa.select(sa.func.max(removed.c.device_pk)).where(_HEARD[removed])).scalar() or 0
    )
    told = connection.execute(sa.select(sa.func.max(event.c.device_pk)).where(_HEARD[event])).scalar() or 0
    return max(copied, told)


_HEARD = {table: table.c.device_pk < FIRST_ASKER for table in (removed, event)}
"""Numbers of devices that were heard on MQTT; adopted ones have their own."""


def tidy(connection: Connection, young: int) -> None:
    """Take away the row that was made for a device which has its old one again."""
    connection.execute(device.delete().where(device.c.pk == young))


def forget_old(connection: Connection, now: float) -> None:
    """Take away copies that were kept long enough."""
    connection.execute(removed.delete().where(removed.c.at <= now - KEPT))


def _tell(connection: Connection, what: str, pk: int, by: str, now: float) -> None:
    events.add(connection, KIND, at=now, device_pk=pk, actor=by, data={"event": what})

"""Pages of devices: filtered by a query, sorted, and each page begun where the last one ended.

Rule: a page goes on behind the last device that was shown (keyset), not after a count of rows, so that devices which
come, go or change in between are neither shown twice nor skipped.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import WrongUse
from homie_ota.model import ACTIVE, State
from homie_ota.model.standing import Need
from homie_ota.query import parse
from homie_ota.rollout.needs import RANK_REST, need_of
from homie_ota.store import overview
from homie_ota.store.conditions import Asked, condition
from homie_ota.store.matching import Condition
from homie_ota.store.tables import deployment, device, firmware, tag, target

MOST = 1000
"""Devices on one page, whatever is asked for."""


class Page(NamedTuple):
    """Some devices, how many there are in all, and the cursor of the next page (None: this is the last one)."""

    items: list[dict[str, Any]]
    total: int
    next: str | None


class _Sort(NamedTuple):
    """Expressions to sort by; `missing` stands for NULL and sorts last, upwards and downwards."""

    columns: tuple[sa.ColumnElement[Any], ...]
    downwards: bool = False
    may_miss: bool = False


BY_NEED = "needs"
"""Sorts those who need a person first; upwards only."""

SORTS: dict[str, _Sort] = {
    "id": _Sort((device.c.device_id,)),
    "name": _Sort((sa.func.lower(device.c.name, type_=sa.String),)),
    "state": _Sort((device.c.state,)),
    "fw": _Sort((device.c.fw_name, device.c.version_key)),
    "version": _Sort((device.c.version_key,)),
    "signal": _Sort((device.c.signal,), may_miss=True),
    "uptime": _Sort((device.c.uptime,), may_miss=True),
    "heap": _Sort((device.c.heap,), may_miss=True),
    "seen": _Sort((device.c.last_seen,), downwards=True),  # an age: the latest news has the smallest
}
"""What lists sort by; with a `-` in front downwards."""

_MISSING = 1e300
_LONGEST_CURSOR = 4000


def find(
    connection: Connection,
    text: str = "",
    *,
    state: str | None = None,
    sort: str = "id",
    limit: int = 50,
    cursor: str | None = None,
    now: float,
    whole: bool = True,
) -> Page:
    """A page of the devices that the query `text` finds; items are rows with what `complete` adds.

    Not `whole`: without what is large, which lists do not show (`facts`, `nodes`, `recent`).

    Raises WrongUse for a query, state, sort or cursor without meaning.
    """
    where = _where(connection, text, state, now)
    limit = max(1, min(limit, MOST))
    look = _by_need if sort == BY_NEED else _by_columns
    keys = look(connection, where, sort, limit + 1, cursor)
    is_all = cursor is None and len(keys) <= limit
    total = len(keys) if is_all else _count(connection, where)
    following = _closed(sort, keys[limit - 1]) if len(keys) > limit else None
    rows = _rows(connection, [key[-1] for key in keys[:limit]], whole)
    needs = {key[-1]: need_of(key[0]) for key in keys} if sort == BY_NEED else None
    return Page(complete(connection, rows, needs), total, following)


def _count(connection: Connection, where: Condition) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(device).where(where)).scalar() or 0


Keys = list[Any]


def _by_columns(
    connection: Connection, where: Condition, sort: str, most: int, cursor: str | None
) -> list[Keys]:
    """The keys of the first `most` behind the cursor."""
    order, downwards = _order(sort)
    # Only what is sorted by: an index holds it, while the rows with their JSON are two thousand bytes each.
    query = sa.select(*order).where(where).limit(most)
    query = query.order_by(*(column.desc() if downwards else column for column in order))
    if cursor:
        query = query.where(_behind(order, downwards, _opened(cursor, sort, order)))
    return [list(row) for row in connection.execute(query)]


def _by_need(
    connection: Connection, where: Condition, sort: str, most: int, cursor: str | None
) -> list[Keys]:
    """The same for those who need a person first: the few that have a rank, then all others by id."""
    ranks = overview.RANKS
    order = [ranks.c.rank, device.c.device_id, device.c.pk]
    begin = _opened(cursor, sort, order) if cursor else None
    found: list[Keys] = []
    if begin is None or begin[0] < RANK_REST:
        ranked = sa.select(*order).join(device, device.c.pk == ranks.c.pk).where(where)
        ranked = ranked.where(_behind(order, False, begin)) if begin is not None else ranked
        found = [list(row) for row in connection.execute(ranked.order_by(*order).limit(most))]
        begin = None
    if len(found) < most:
        rest = sa.select(*order[1:]).where(where, (device.c.pk + 0).not_in(sa.select(ranks.c.pk)))
        rest = rest.where(_behind(order[1:], False, begin[1:])) if begin is not None else rest
        rows = connection.execute(rest.order_by(*order[1:]).limit(most - len(found)))
        found += [[RANK_REST, *row] for row in rows]
    return found


_LIGHT = [each for each in device.columns if each.name not in ("facts", "nodes", "recent")]


def _rows(connection: Connection, pks: Sequence[int], whole: bool) -> list[dict[str, Any]]:
    query = sa.select(device) if whole else sa.select(*_LIGHT)
    rows = {row["pk"]: dict(row) for row in connection.execute(query.where(device.c.pk.in_(pks))).mappings()}
    return [rows[pk] for pk in pks if pk in rows]


def matching(connection: Connection, text: str, *, now: float) -> list[int]:
    """The `pk` of every device that the query finds, by id."""
    where = _where(connection, text, None, now)
    return list(
        connection.execute(sa.select(device.c.pk).where(where).order_by(device.c.device_id)).scalars()
    )


def _where(connection: Connection, text: str, state: str | None, now: float) -> Condition:
    where = condition(parse(text), Asked(connection, now))
    if not state:
        return where
    if state not in set(State):
        raise WrongUse(f"There is no state {state[:40]!r}; it is one of {', '.join(State)}.")
    return sa.and_(where, device.c.state == state)


def complete(
    connection: Connection, rows: Sequence[dict[str, Any]], needs: Mapping[int, Need | None] | None = None
) -> list[dict[str, Any]]:
    """Rows of `device` with what is kept elsewhere: `sha256` of the image each runs ("" where it is not stored),
    `target` (`{sha256, name, version}` or None), `deployment` (`{id, state, bytes_done, bytes_total}` while one is
    active, else None), `tags`, and `needs` (what a person is needed for, None: nothing; given where it is known
    already).
    """
    pks = [row["pk"] for row in rows]
    running = _running(connection, {row["md5"] for row in rows if row["md5"]})
    targets, active, tags = _targets(connection, pks), _active(connection, pks), _tags(connection, pks)
    if needs is None:
        needs = overview.needs(connection, pks)
    return [
        {
            **row,
            "sha256": running.get(row["md5"], ""),
            "target": targets.get(row["pk"]),
            "deployment": active.get(row["pk"]),
            "tags": tags.get(row["pk"], []),
            "needs": needs.get(row["pk"]),
        }
        for row in rows
    ]


def _running(connection: Connection, md5s: set[str]) -> dict[str, str]:
    query = sa.select(firmware.c.md5, firmware.c.sha256).where(firmware.c.md5.in_(sorted(md5s)))
    return {row.md5: row.sha256 for row in connection.execute(query)}


def _targets(connection: Connection, pks: list[int]) -> dict[int, dict[str, Any]]:
    query = (
        sa.select(target.c.device_pk, target.c.sha256, firmware.c.name, firmware.c.version)
        .outerjoin(firmware, firmware.c.sha256 == target.c.sha256)
        .where(target.c.device_pk.in_(pks))
    )
    return {
        row.device_pk: {"sha256": row.sha256, "name": row.name or "", "version": row.version or ""}
        for row in connection.execute(query)
    }


def _active(connection: Connection, pks: list[int]) -> dict[int, dict[str, Any]]:
    columns = (deployment.c.id, deployment.c.state, deployment.c.bytes_done, deployment.c.bytes_total)
    query = sa.select(deployment.c.device_pk, *columns).where(
        deployment.c.device_pk.in_(pks), deployment.c.state.in_(sorted(ACTIVE))
    )
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return {row.pop("device_pk"): row for row in rows}


def _tags(connection: Connection, pks: list[int]) -> dict[int, list[str]]:
    query = sa.select(tag.c.device_pk, tag.c.tag).where(tag.c.device_pk.in_(pks)).order_by(tag.c.tag)
    found: dict[int, list[str]] = {}
    for row in connection.execute(query):
        found.setdefault(row.device_pk, []).append(row.tag)
    return found


# --- Order and cursor ----------------------------------------------------------------------------------------------


def _order(sort: str) -> tuple[list[sa.ColumnElement[Any]], bool]:
    """The expressions to sort by, unique by the `pk` at their end, and whether downwards."""
    found = SORTS.get(sort.removeprefix("-"))
    if found is None:
        raise WrongUse(
            f"Devices cannot be sorted by {sort[:40]!r}; it is one of {', '.join(SORTS)}, needs, or -id, …."
        )
    downwards = sort.startswith("-") is not found.downwards
    columns = list(found.columns)
    if found.may_miss:
        last = -_MISSING if downwards else _MISSING
        columns = [sa.func.coalesce(column, sa.literal(last, sa.Float)) for column in columns]
    return [*columns, device.c.pk], downwards


def _behind(order: Sequence[sa.ColumnElement[Any]], downwards: bool, keys: Sequence[Any]) -> Condition:
    values = [sa.literal(key, column.type) for key, column in zip(keys, order, strict=True)]
    here, there = sa.tuple_(*order), sa.tuple_(*values)
    return here < there if downwards else here > there


def _closed(sort: str, keys: list[Any]) -> str:
    text = json.dumps([sort, *keys], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _opened(cursor: str, sort: str, order: Sequence[sa.ColumnElement[Any]]) -> list[Any]:
    try:
        keys = json.loads(base64.urlsafe_b64decode(cursor[:_LONGEST_CURSOR].encode() + b"==="))
    except (ValueError, RecursionError):
        keys = None
    types = [column.type.python_type for column in order]
    if not isinstance(keys, list) or keys[:1] != [sort] or [_type(key) for key in keys[1:]] != types:
        raise WrongUse("This cursor does not belong to this list. Begin again without a cursor.")
    return keys[1:]


def _type(key: Any) -> type | None:
    """The type of a sort key, or None when no row can have it: a cursor is what a stranger sends."""
    if isinstance(key, str):
        return None if "\0" in key or any("\ud800" <= char <= "\udfff" for char in key) else str
    return type(key) if not isinstance(key, int) or abs(key) < 2**63 else None

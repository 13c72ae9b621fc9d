"""A query → the SQL condition that finds its devices, for SQLite and PostgreSQL alike.

Rule: what a person typed is always a bound value, with the signs of LIKE escaped; no condition is ever NULL, so that
NOT finds every device that the condition does not.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, Way
from homie_ota.query import And, Not, Op, Or, Property, Query, Term, Text, Value, Word
from homie_ota.query.fields import number
from homie_ota.rollout.versions import version_key
from homie_ota.store import overview
from homie_ota.store.matching import Column, Condition, exactly, fits, has, replaced, there_is
from homie_ota.store.tables import deployment, device, firmware, membership, reading, tag, target

_COMPARE: dict[Op, Callable[[Any, Any], Any]] = {
    Op.EQ: operator.eq,
    Op.LT: operator.lt,
    Op.LE: operator.le,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
}
_REVERSED = {Op.EQ: Op.EQ, Op.LT: Op.GT, Op.LE: Op.GE, Op.GT: Op.LT, Op.GE: Op.LE}
_HASH_PREFIX = 8
"""So many characters of a SHA-256 name an image."""
_MOST_HOMIES = 1000
"""How many different versions of the convention are compared; nobody but an attacker has more."""


class Asked(NamedTuple):
    """When, and of which database, a query is asked."""

    connection: Connection
    now: float


def condition(query: Query, asked: Asked) -> Condition:
    """The condition on table `device` that `query` stands for."""
    if isinstance(query, Not):
        return sa.not_(condition(query.part, asked))
    if isinstance(query, And):
        return sa.and_(sa.true(), *(condition(part, asked) for part in query.parts))
    if isinstance(query, Or):
        return sa.or_(sa.false(), *(condition(part, asked) for part in query.parts))
    if isinstance(query, Word):
        return sa.or_(*(_contains(text) for text in query.values))
    if isinstance(query, Property):
        return sa.or_(*(_property(query, value) for value in query.values))
    return sa.or_(*(_term(query, value, asked) for value in query.values))


def _term(term: Term, value: Value, asked: Asked) -> Condition:
    if isinstance(value, Text) and term.field in _TEXTS:
        return _TEXTS[term.field](value)
    if isinstance(value, Text) and term.field in _WORDS:
        return _WORDS[term.field](value.plain or "", asked)
    if term.field in _NUMBERS:
        return _number(_NUMBERS[term.field], term.op, value)
    return _OTHERS[term.field](term.op, value, asked)


# --- Texts ---------------------------------------------------------------------------------------------------------


def _contains(text: Text) -> Condition:
    anywhere = Text(("", *text.parts, "")) if text.plain is not None else text
    columns = (device.c.device_id, device.c.name, device.c.fw_name)
    topic = [fits(_TOPIC, replaced(anywhere, "~", "/"))] if has(text, "/~") else []
    return sa.or_(*(fits(column, anywhere) for column in columns), *topic)


_TOPIC = device.c.base + device.c.device_id


def _id(text: Text) -> Condition:
    plain = fits(device.c.device_id, text)
    return sa.or_(plain, fits(_TOPIC, replaced(text, "~", "/"))) if has(text, "/~") else plain


def _base(text: Text) -> Condition:
    *parts, last = text.parts
    return fits(sa.func.rtrim(device.c.base, "/"), Text((*parts, last.rstrip("/"))))


def _named(name: Column, version: Column, text: Text) -> Condition:
    """Name, or `name@version`."""
    return fits(name + "@" + version if has(text, "@") else name, text)


def _mac(text: Text) -> Condition:
    bare = replaced(replaced(text, ":", ""), "-", "")
    return fits(sa.func.replace(device.c.mac, ":", ""), bare)


def _chip(text: Text) -> Condition:
    """The chip word of the stored image that the device runs; what it announces says only the family."""
    running = sa.select(firmware.c.chip).where(firmware.c.md5 == device.c.md5, firmware.c.chip != "")
    return fits(sa.func.coalesce(running.limit(1).scalar_subquery(), device.c.implementation), text)


def _fact(name: str) -> Callable[[Text], Condition]:
    return lambda text: fits(sa.func.coalesce(device.c.facts[name].as_string(), ""), text)


def _tag(text: Text) -> Condition:
    return there_is(tag.c.device_pk == device.c.pk, fits(tag.c.tag, text))


def _target(text: Text) -> Condition:
    """The firmware that is wanted, also one whose image is not stored here (any more)."""
    mine = target.c.device_pk == device.c.pk
    if text.plain == "none":
        return sa.not_(there_is(mine))
    by_hash = text.plain is not None and len(text.plain) >= _HASH_PREFIX
    hashes = fits(target.c.sha256, Text((text.parts[0], "")) if by_hash else text)
    named = _named(firmware.c.name, firmware.c.version, text)
    image = sa.exists().where(firmware.c.sha256 == target.c.sha256, named)
    return there_is(mine, sa.or_(hashes, image))


def _nodes() -> Any:
    """The nodes of a device as rows: `key` is the id, `value` what is known of it."""
    columns = (sa.column("key", sa.String), sa.column("value", sa.JSON))
    return sa.func.json_each(device.c.nodes).table_valued(*columns).c


def _node(text: Text) -> Condition:
    return there_is(fits(_nodes().key, text))


def _type(text: Text) -> Condition:
    of_node = sa.func.coalesce(_nodes().value["type"].as_string(), "")
    return sa.or_(_fact("type")(text), there_is(fits(of_node, text)))


def _column(column: Column) -> Callable[[Text], Condition]:
    return lambda text: fits(column, text)


_TEXTS: dict[str, Callable[[Text], Condition]] = {
    "id": _id,
    "name": _column(device.c.name),
    "base": _base,
    "state": _column(device.c.state),
    "fw": lambda text: _named(device.c.fw_name, device.c.fw_version, text),
    "md5": _column(device.c.md5),
    "target": _target,
    "brand": _fact("brand"),
    "impl": _column(device.c.implementation),
    "chip": _chip,
    "ip": _column(device.c.ip),
    "mac": _mac,
    "tag": _tag,
    "node": _node,
    "type": _type,
}


# --- Words ---------------------------------------------------------------------------------------------------------

_UPDATABLE = sa.and_(
    device.c.way != Way.NONE.value, sa.or_(device.c.ota_enabled.is_(None), device.c.ota_enabled.is_(True))
)
_OTA: dict[str, Condition] = {
    "true": _UPDATABLE,
    "false": sa.not_(_UPDATABLE),
    "enabled": sa.and_(device.c.ota_enabled.is_not(None), device.c.ota_enabled.is_(True)),
    "disabled": sa.and_(device.c.ota_enabled.is_not(None), device.c.ota_enabled.is_(False)),
}
_DEPLOYED = deployment.c.device_pk == device.c.pk


def _ota(word: str, _asked: Asked) -> Condition:
    return _OTA.get(word, device.c.way == word)


def _pinned(word: str, asked: Asked) -> Condition:
    pinned = sa.and_(device.c.pinned_until.is_not(None), device.c.pinned_until > asked.now)
    return pinned if word == "true" else sa.not_(pinned)


def _deployment_state(word: str, _asked: Asked) -> Condition:
    if word == "none":
        return sa.not_(there_is(_DEPLOYED))
    if word == "active":
        return there_is(_DEPLOYED, deployment.c.state.in_(sorted(ACTIVE)))
    newest = sa.select(deployment.c.state).where(_DEPLOYED).order_by(deployment.c.id.desc()).limit(1)
    return sa.func.coalesce(newest.scalar_subquery(), "") == word


_WORDS: dict[str, Callable[[str, Asked], Condition]] = {
    "ota": _ota,
    "pinned": _pinned,
    "deployment": _deployment_state,
    "is": lambda word, _: overview.is_so(word),
    "needs": lambda word, _: overview.needs_so(word),
}


# --- Numbers and versions ------------------------------------------------------------------------------------------


def _number(column: Column, op: Op, value: Value) -> Condition:
    known = column.is_not(None)
    return known if isinstance(value, Text) else sa.and_(known, _COMPARE[op](column, value))


_NUMBERS: dict[str, Column] = {"signal": device.c.signal, "uptime": device.c.uptime, "heap": device.c.heap}


def _seen(op: Op, value: Value, asked: Asked) -> Condition:
    if isinstance(value, Text):
        return device.c.last_seen > 0
    return sa.and_(sa.true(), _COMPARE[_REVERSED[op]](device.c.last_seen, asked.now - value))


def _numbered(column: Column) -> Callable[[Op, Value, Asked], Condition]:
    return lambda op, value, _: there_is(_DEPLOYED, _number(column, op, value))


def _rollout(op: Op, value: Value, _asked: Asked) -> Condition:
    """Members; who was left out takes no part."""
    mine = (membership.c.device_pk == device.c.pk, membership.c.wave >= 0)
    return there_is(*mine, _number(membership.c.rollout_id, op, value))


def _version(op: Op, value: Value, _asked: Asked) -> Condition:
    assert isinstance(value, Text)
    if value.plain is None:
        return fits(device.c.fw_version, value)
    compared = _COMPARE[op](device.c.version_key, version_key(value.plain))
    return sa.and_(device.c.fw_version != "", compared)


def _homie(op: Op, value: Value, asked: Asked) -> Condition:
    """Few versions of the convention exist, and no column sorts them: compare those that are there."""
    assert isinstance(value, Text)
    if value.plain is None:
        return fits(device.c.homie, value)
    there = asked.connection.execute(sa.select(device.c.homie).distinct().limit(_MOST_HOMIES)).scalars()
    wanted = version_key(value.plain)
    return device.c.homie.in_([each for each in there if each and _COMPARE[op](version_key(each), wanted)])


_OTHERS: dict[str, Callable[[Op, Value, Asked], Condition]] = {
    "seen": _seen,
    "deployment": _numbered(deployment.c.id),
    "rollout": _rollout,
    "version": _version,
    "homie": _homie,
}


# --- Properties ----------------------------------------------------------------------------------------------------


def _property(query: Property, value: Value) -> Condition:
    here = (
        reading.c.device_pk == device.c.pk,
        exactly(reading.c.node, query.node),
        exactly(reading.c.prop, query.prop),
    )
    if isinstance(value, float):
        return there_is(*here, _number(reading.c.num, query.op, value))
    as_number = number(value.plain or "")
    same = [] if as_number is None else [_number(reading.c.num, Op.EQ, as_number)]
    return there_is(*here, sa.or_(fits(reading.c.value, value), *same))

"""Devices that are alike for the decision about an image, put together by the database: some hundreds, not all.

Rule: two devices are of one kind only if everything that eligibility looks at is the same, but for their names; whoever
cannot be compared so (evidence that contradicts other evidence, a quarantine) is a kind of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import Way
from homie_ota.rollout.eligibility import Fact, lessons
from homie_ota.store import candidates
from homie_ota.store.candidates import Subject
from homie_ota.store.tables import device
from homie_ota.store.tables import learned as learned_table

NAMELESS = "the device"
"""Stands for each of them in what is said of a kind."""

_LONGEST_TOPIC = candidates.TOPIC_LIMIT - len("/$implementation/ota/firmware/") - 32


class Kind(NamedTuple):
    """Devices that are alike, by `pk`; `subject` stands for all of them and has no name."""

    subject: Subject
    pks: tuple[int, ...]


def load(conn: Connection, apart: Collection[int] = (), *, now: float, called: str = NAMELESS) -> list[Kind]:
    """The whole fleet; those of `apart` each by itself. What is said of a kind names the device as `called`."""
    rows = conn.execute(_alike(apart, now)).all()
    lonely = [row.pk for row in rows if row.alone is not None]
    known = {each.pk: each for each in candidates.load(conn, _among(lonely), now=now)} if lonely else {}
    images = candidates.Images(conn, rows, {}, "")
    without_way = candidates.ways(conn) if any(row.way == Way.NONE for row in rows) else {}
    return [
        Kind(nameless(kind.subject, called), kind.pks)
        for row in rows
        for kind in _kinds(row, known.get(row.pk), images, without_way, now)
        if kind.pks
    ]


def _among(pks: list[int]) -> sa.ColumnElement[bool] | None:
    # Beyond some thousand a statement with all their numbers is slower than to look at everybody.
    return device.c.pk.in_(pks) if len(pks) <= candidates.FEW else None


def _kinds(
    row: Any, alone: Subject | None, images: candidates.Images, without_way: Mapping[int, str], now: float
) -> Iterator[Kind]:
    """One kind of a row; of devices without a way one for each reason that they have none."""
    if alone is not None:
        yield Kind(alone, (row.pk,))
        return
    facts = dict(_facts(row.said or ""))
    pks = tuple(map(int, row.pks.split(",")))
    by_reason: dict[str, list[int]] = {}
    if row.way == Way.NONE:
        for pk in pks:
            by_reason.setdefault(without_way.get(pk, ""), []).append(pk)
    else:
        by_reason[""] = list(pks)
    for why, of in by_reason.items():
        found = candidates.subject(row, facts, images, why, now)
        yield Kind(found._replace(pk=min(of)), tuple(of))


def nameless(subject: Subject, called: str = NAMELESS) -> Subject:
    """The same without its name, so that a sentence about it is one about all that are like it."""
    return subject._replace(known=replace(subject.known, device_id=called))


def _facts(said: str) -> Iterator[tuple[str, Fact]]:
    """Takes apart what `_said` put together: `fact:length:value` one behind the other."""
    while said:
        fact, length, rest = said.split(":", 2)
        end = int(length)
        yield fact, Fact(rest[:end])
        said = rest[end + 1 :]


# --- Asking the database --------------------------------------------------------------------------------------------


def _alike(apart: Collection[int], now: float) -> sa.Select[Any]:
    said = _said()
    pinned = device.c.pinned_until > now
    alone = sa.func.coalesce(said.c.alone, sa.case((device.c.pk.in_(apart), device.c.pk)))
    # What a device is known by counts in length alone: the topic of an image must not be longer than it reads.
    is_long = sa.func.length(device.c.base) + sa.func.length(device.c.device_id) > _LONGEST_TOPIC
    same = {
        "way": device.c.way,
        "implementation": device.c.implementation,
        "ota_enabled": device.c.ota_enabled,
        "fw_name": device.c.fw_name,
        "fw_version": device.c.fw_version,
        "md5": device.c.md5,
        "vendor": sa.func.substr(device.c.mac, 1, candidates.VENDOR),
        "pin_reason": sa.case((pinned, device.c.pin_reason), else_=""),
        "is_pinned": sa.case((pinned, 1), else_=0),
        "is_long": sa.case((is_long, 1), else_=0),
        "said": said.c.said,
        "alone": alone,
    }
    told = [column.label(name) for name, column in same.items()]
    whole = sa.select(
        *told,
        sa.func.min(device.c.pk).label("pk"),
        sa.func.min(device.c.base).label("base"),
        sa.func.max(device.c.device_id).label("device_id"),
        sa.func.max(device.c.mac).label("mac"),
        sa.func.max(device.c.pinned_until).label("pinned_until"),
        sa.func.aggregate_strings(sa.cast(device.c.pk, sa.String), ",").label("pks"),
    )
    return whole.join_from(device, said, said.c.device_pk == device.c.pk, isouter=True).group_by(*told)


def _said() -> sa.Subquery:
    """Of each device what was learned of it, as one text; with its number where that contradicts itself.

    Of evidence that contradicts other evidence the moments count, so such a device is like no other.
    """
    table = learned_table.c
    one = table.fact + ":" + sa.cast(sa.func.length(table.value), sa.String) + ":" + table.value
    against = table.fact.in_(sorted(lessons.AGAINST))
    query = sa.select(
        table.device_pk,
        sa.func.aggregate_strings(one, ",").label("said"),
        sa.func.max(sa.case((against, table.device_pk))).label("alone"),
    )
    asked = table.fact.in_(lessons.ASKED) & (table.value != "")
    return query.where(asked).group_by(table.device_pk).subquery()

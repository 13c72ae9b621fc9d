"""Which events, transcripts and deployments are old enough to go, and that they went.

Rule: what decides anything stays: attempts that count for a budget, ways back, whatever a rollout that goes on, a
release or a cure refers to, and the newest of each device. History is never edited; that a part of it went is an event
row with the counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, DeploymentState, Outcome
from homie_ota.rollout.attempts import INTERRUPTED, Followed
from homie_ota.rollout.course import ENDED
from homie_ota.store import alarms, attempts, changes, events, needed, quarantine
from homie_ota.store.tables import deployment, event, rollout, target, transcript
from homie_ota.store.tables import quarantine as quarantine_table

KIND = "retention"
DAY = 86_400.0

YOUNG = 30 * DAY
"""Seconds for which a deployment that ended stays whatever the settings say: device pages and aftercare look at it."""

A_PAGE = 150
"""Rows that one look goes through."""

KEPT_KINDS = frozenset({changes.KIND, "rollout"})
"""Events that stay: what each device ran (a few, counted there), and the story of every rollout."""


_TRIED = [Outcome.UNHARMED.value, Outcome.HARMFUL.value]
_RAN = [Outcome.VERIFIED.value, Outcome.BOOTED.value]


@dataclass(frozen=True, slots=True)
class Keep:
    """Days that events, transcripts and curves are kept, and newest deployments of each device; 0: all."""

    events_days: int = 90
    transcripts_days: int = 30
    deployments: int = 20
    series_days: int = 35


SETTINGS: dict[str, Keep] = {"keep": Keep()}
"""What the settings say (`use_keep`)."""


class Page(NamedTuple):
    """What a look found among the next rows: keys that may go, and where the next look begins; None: at the end."""

    old: list[int]
    last: int | None


class Part(NamedTuple):
    """One sort of history: its word in the event row, its keys in the order of time, which of some may go, and how.

    `over` tells whether any of some keys is old enough at all; where none is, those behind them are not either.
    """

    name: str
    key: sa.ColumnElement[int]
    old: Callable[[Connection, Sequence[int], float, Keep], list[int]]
    over: Callable[[Connection, Sequence[int], float, Keep], bool]
    drop: Callable[[Connection, Sequence[int]], None]


def use_keep(keep: Keep) -> None:
    """Take what is kept from the settings; called once, at start."""
    SETTINGS["keep"] = keep


def look(connection: Connection, part: Part, after: int, now: float, keep: Keep) -> Page:
    """Look at the next page behind the key `after`; for a read transaction."""
    query = sa.select(part.key).where(part.key > after).order_by(part.key).limit(A_PAGE)
    keys = list(connection.execute(query).scalars())
    if not keys or not part.over(connection, keys, now, keep):
        return Page([], None)
    return Page(part.old(connection, keys, now, keep), keys[-1] if len(keys) == A_PAGE else None)


def write(connection: Connection, part: Part, found: Sequence[int], now: float, keep: Keep) -> int:
    """Delete what a look found, as far as it may still go, and say so; how many rows went."""
    going = part.old(connection, found, now, keep)
    if going:
        part.drop(connection, going)
        data = {"event": "pruned", "what": part.name, "count": len(going)}
        events.add(connection, KIND, at=now, actor="retention", data=data)
    return len(going)


# --- Deployments ----------------------------------------------------------------------------------------------------


def old_deployments(connection: Connection, ids: Sequence[int], now: float, keep: Keep) -> list[int]:
    """Those that ended long ago, and that nothing refers to or counts."""
    may_go = [
        deployment.c.id.in_(ids),
        deployment.c.state.not_in(sorted(ACTIVE)),
        deployment.c.state_since < now - YOUNG,
        _has_later(keep.deployments),
        *_decides_nothing(),
    ]
    query = sa.select(deployment.c.id).where(*may_go).order_by(deployment.c.id)
    return list(connection.execute(query).scalars())


def over_deployments(_connection: Connection, _ids: Sequence[int], _now: float, keep: Keep) -> bool:
    """Always: an old one may end late."""
    return keep.deployments > 0


def _decides_nothing() -> list[sa.ColumnElement[bool]]:
    failed = deployment.c.state == DeploymentState.FAILED.value
    undecided = failed & deployment.c.followed.in_(["", Followed.CURE.value])
    goes_on = sa.select(rollout.c.id).where(rollout.c.state.not_in(sorted(ENDED)))
    wanted, held = (
        sa.exists().where(each.c.device_pk == deployment.c.device_pk, each.c.sha256 == deployment.c.sha256)
        for each in (target, quarantine_table)
    )
    # `is_not(True)`: where there is no rollout, or no answer, it is not so.
    return [
        ~undecided,
        deployment.c.rollout_id.in_(goes_on).is_not(True),
        ~wanted,
        ~held,
        ~_latest(lambda d: d.c.offered_at.is_not(None)),
        ~_latest(lambda d: d.c.code.in_(sorted(INTERRUPTED))),
        *(~_latest(also) for _, _, also in needed.LATEST),
        ~_counts(),
        ~_leads_back(),
    ]


def _latest(also: Callable[[Any], sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    """It is the latest of its device that is `also` so."""
    later = deployment.alias("later")
    newer = sa.exists().where(_after(later), also(later))
    return sa.and_(also(deployment), ~newer)


def _counts() -> sa.ColumnElement[bool]:
    """It counts for the budget (`attempts.past`): the image did not run since; or it did here, which settles others."""
    same = deployment.alias("same")
    of_image = (same.c.device_pk == deployment.c.device_pk) & (same.c.sha256 == deployment.c.sha256)
    ran_later = sa.exists().where(of_image, same.c.id > deployment.c.id, same.c.outcome.in_(_RAN))
    failed_before = sa.exists().where(of_image, same.c.id < deployment.c.id, same.c.outcome.in_(_TRIED))
    is_ran = deployment.c.outcome.in_(_RAN) & failed_before
    return sa.and_(~ran_later, deployment.c.outcome.in_(_TRIED) | is_ran)


def _leads_back() -> sa.ColumnElement[bool]:
    """Of a rollout, as long as the device runs nothing that came later: a rollout that ended can still be reverted."""
    later = deployment.alias("later")
    moved_on = sa.exists().where(
        _after(later),
        later.c.state == DeploymentState.SUCCEEDED.value,
        later.c.rollout_id.is_distinct_from(deployment.c.rollout_id),
    )
    return deployment.c.rollout_id.is_not(None) & ~moved_on


def _after(later: Any) -> sa.ColumnElement[bool]:
    return sa.and_(later.c.device_pk == deployment.c.device_pk, later.c.id > deployment.c.id)


def _has_later(count: int) -> sa.ColumnElement[bool]:
    """So many newer ones of the same device are there."""
    later = deployment.alias("newer")
    nth = sa.select(later.c.id).where(_after(later)).order_by(later.c.id).limit(1).offset(count - 1)
    return nth.correlate(deployment).scalar_subquery().is_not(None)


def drop_deployments(connection: Connection, ids: Sequence[int]) -> None:
    """Delete them with their moves and messages; what outlives them (a cure, a release) stays."""
    moves = event.c.deployment_id.in_(ids) & event.c.kind.in_(["deployment", "ota", "device"])
    connection.execute(event.delete().where(moves))
    connection.execute(transcript.delete().where(transcript.c.deployment_id.in_(ids)))
    connection.execute(deployment.delete().where(deployment.c.id.in_(ids)))


# --- Events ---------------------------------------------------------------------------------------------------------


def old_events(connection: Connection, seqs: Sequence[int], now: float, keep: Keep) -> list[int]:
    """Those that are older than the settings want, and that nothing is told by any more."""
    may_go = _is_plain() | _is_old_alarm() | _is_old_cure() | _is_old_quarantine()
    over = event.c.at < now - keep.events_days * DAY
    query = sa.select(event.c.seq).where(event.c.seq.in_(seqs), over, ~_is_running(event), may_go)
    return list(connection.execute(query.order_by(event.c.seq)).scalars())


def over_events(connection: Connection, seqs: Sequence[int], now: float, keep: Keep) -> bool:
    """Whether one of them is older than the settings want."""
    return keep.events_days > 0 and _any_before(connection, event, seqs, now - keep.events_days * DAY)


def _is_plain() -> sa.ColumnElement[bool]:
    special = (*KEPT_KINDS, alarms.KIND, attempts.CURE, quarantine.KIND)
    return event.c.kind.not_in(sorted(special))


def _is_old_alarm() -> sa.ColumnElement[bool]:
    """The end of an alarm; its beginning goes with it, or it would stand, or count, for ever."""
    return (event.c.kind == alarms.KIND) & (_word(event, "event") == "ended")


def _is_old_cure() -> sa.ColumnElement[bool]:
    """Not the latest of its device: that one says that an interrupted transfer was cured."""
    other = event.alias("other")
    later = sa.exists().where(
        other.c.kind == attempts.CURE,
        other.c.device_pk == event.c.device_pk,
        other.c.seq > event.c.seq,
        other.c.at >= event.c.at,
    )
    return (event.c.kind == attempts.CURE) & later


def _is_old_quarantine() -> sa.ColumnElement[bool]:
    """A release makes older attempts not count, as long as there are any."""
    forgiven = sa.exists().where(
        deployment.c.device_pk == event.c.device_pk,
        deployment.c.sha256 == _word(event, "sha256"),
        deployment.c.state_since <= event.c.at,
    )
    released = (_word(event, "event") == "released") & forgiven
    return (event.c.kind == quarantine.KIND) & ~released


def _word(table: Any, name: str) -> sa.ColumnElement[str]:
    found: sa.ColumnElement[str] = sa.func.coalesce(table.c.data[name].as_string(), "")
    return found


def drop_events(connection: Connection, seqs: Sequence[int]) -> None:
    """Delete these events, and with the end of an alarm its beginning."""
    ended, began = event.alias("ended"), event.alias("began")
    same = (began.c.kind == alarms.KIND) & (began.c.device_pk == ended.c.device_pk)
    same &= (began.c.seq < ended.c.seq) & (_word(began, "event") == "began")
    same &= _word(began, "code") == _word(ended, "code")
    latest = sa.select(sa.func.max(began.c.seq)).join(ended, same)
    of_these = latest.where(ended.c.seq.in_(seqs), ended.c.kind == alarms.KIND).group_by(ended.c.seq)
    beginnings = list(connection.execute(of_these).scalars())
    connection.execute(event.delete().where(event.c.seq.in_([*seqs, *beginnings])))


# --- Transcripts ----------------------------------------------------------------------------------------------------


def old_transcripts(connection: Connection, seqs: Sequence[int], now: float, keep: Keep) -> list[int]:
    """Messages of deployments that have ended, older than the settings want."""
    over = transcript.c.at < now - keep.transcripts_days * DAY
    query = sa.select(transcript.c.seq).where(transcript.c.seq.in_(seqs), over, ~_is_running(transcript))
    return list(connection.execute(query.order_by(transcript.c.seq)).scalars())


def over_transcripts(connection: Connection, seqs: Sequence[int], now: float, keep: Keep) -> bool:
    """Whether one of them is older than the settings want."""
    days = keep.transcripts_days
    return days > 0 and _any_before(connection, transcript, seqs, now - days * DAY)


def drop_transcripts(connection: Connection, seqs: Sequence[int]) -> None:
    """Delete these messages."""
    connection.execute(transcript.delete().where(transcript.c.seq.in_(seqs)))


def _is_running(table: sa.Table) -> sa.ColumnElement[bool]:
    """It belongs to a deployment that has not ended."""
    return sa.exists().where(deployment.c.id == table.c.deployment_id, deployment.c.state.in_(sorted(ACTIVE)))


def _any_before(connection: Connection, table: sa.Table, seqs: Sequence[int], moment: float) -> bool:
    oldest = sa.select(sa.func.min(table.c.at)).where(table.c.seq.in_(seqs))
    return (connection.execute(oldest).scalar() or moment) < moment


PARTS = (
    Part("deployments", deployment.c.id, old_deployments, over_deployments, drop_deployments),
    Part("events", event.c.seq, old_events, over_events, drop_events),
    Part("transcripts", transcript.c.seq, old_transcripts, over_transcripts, drop_transcripts),
)
"""Deployments first: what is told of them goes with them."""

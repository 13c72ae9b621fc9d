"""Who needs a person, who runs what it should, who sleeps or is being updated: as conditions, and as counts of all.

Rule: each word of `is:` and of `needs:` is one condition here, and the counts of the top line are counted with the very
same conditions; nothing is kept beside the rows, so a count is as true as they are. Every condition begins with the
rows that give reason for it and with an index, never with the devices one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, AWAKE, DeploymentState, State
from homie_ota.model.standing import Need, Standing
from homie_ota.rollout.attempts import Followed
from homie_ota.rollout.eligibility.lessons import REWRITTEN_AS, REWRITTEN_MD5
from homie_ota.rollout.needs import RANK_UPDATING, RANK_WAITING, need_of, rank
from homie_ota.rollout.plan import RolloutState
from homie_ota.store.tables import (
    deployment,
    device,
    event,
    firmware,
    learned,
    leftover,
    quarantine,
    rollout,
    target,
)

Condition = sa.ColumnElement[bool]
Pks = sa.Select[Any]
"""A statement that finds `pk`s of devices; one may come twice."""

ANYBODY = "you"
"""`needs:you`: any need at all."""

_UNDER_WAY = sorted(ACTIVE - {DeploymentState.QUEUED})
_GOES_ON = sorted([Followed.RETRY, Followed.CURE, Followed.CURED, Followed.SEEN])
"""After these a failure needs nobody: something follows it, or a person has looked."""


# --- Who needs a person ---------------------------------------------------------------------------------------------


def _leftovers() -> Pks:
    return sa.select(leftover.c.device_pk).join(device, device.c.pk == leftover.c.device_pk)


_HARMED = deployment.c.harmful.is_(True)


def _failures() -> sa.Select[Any]:
    """The newest deployments of devices that failed, and stay so."""
    failed = deployment.c.state == DeploymentState.FAILED.value
    return sa.select(deployment.c.device_pk).where(failed, deployment.c.followed.not_in(_GOES_ON), ~_newer())


def _newer() -> sa.Exists:
    """Whether the device of a deployment has a later one, whatever became of it."""
    later = deployment.alias("later")
    return sa.exists().where(later.c.device_pk == deployment.c.device_pk, later.c.id > deployment.c.id)


def _quarantined() -> Pks:
    """Whose target is kept from it, and nobody has said that he looked."""
    looked = sa.exists().where(
        deployment.c.device_pk == quarantine.c.device_pk,
        deployment.c.sha256 == quarantine.c.sha256,
        deployment.c.followed == Followed.SEEN.value,
    )
    wanted = sa.and_(target.c.device_pk == quarantine.c.device_pk, target.c.sha256 == quarantine.c.sha256)
    return sa.select(quarantine.c.device_pk).join(target, wanted).where(~looked)


def _alarmed() -> Pks:
    """Of whom more alarms of one kind began than ended."""
    began = sa.case((event.c.data["event"].as_string() == "began", 1), else_=-1)
    standing = (
        sa.select(event.c.device_pk)
        .where(event.c.kind == sa.literal_column("'alarm'"))
        .group_by(event.c.device_pk, event.c.data["code"].as_string())
        .having(sa.func.sum(began) > 0)
        .subquery()
    )
    return sa.select(standing.c.device_pk).join(device, device.c.pk == standing.c.device_pk)


def _in_state(*states: State) -> Pks:
    return sa.select(device.c.pk).where(device.c.state.in_([each.value for each in states]))


WHO: Mapping[Need, Pks] = {
    Need.LEFTOVER: _leftovers(),
    Need.HARMED: _failures().where(_HARMED),
    Need.QUARANTINED: _quarantined(),
    Need.FAILED: _failures().where(deployment.c.harmful.is_not(True)),
    Need.ALARM: _alarmed(),
    Need.ALERT: _in_state(State.ALERT),
    Need.UNKNOWN: _in_state(State.UNKNOWN),
}


def _ranked(who: Pks, number: int) -> sa.Select[Any]:
    found = who.subquery()
    return sa.select(found.columns[0].label("pk"), sa.literal_column(str(number), sa.Integer).label("rank"))


_BOTH = (Need.HARMED, Need.FAILED)
# The two in one look: most failed deployments have a later one, and to find that out is what it costs.
_RANKED_FAILURES = _failures().with_only_columns(
    deployment.c.device_pk.label("pk"),
    sa.case((_HARMED, rank(Need.HARMED)), else_=rank(Need.FAILED)).label("rank"),
)

NEEDS = sa.union_all(
    _RANKED_FAILURES, *(_ranked(who, rank(need)) for need, who in WHO.items() if need not in _BOTH)
).subquery("needs")
"""Every need with its device and its rank; a device has a row for each of its needs."""


def _with_deployment(*states: str) -> Pks:
    return sa.select(deployment.c.device_pk).where(deployment.c.state.in_(states))


_BUSY = (
    _ranked(_with_deployment(*_UNDER_WAY), RANK_UPDATING),
    _ranked(_with_deployment(DeploymentState.QUEUED.value), RANK_WAITING),
)


def _ranks() -> sa.Subquery:
    every = sa.union_all(sa.select(NEEDS.c.pk, NEEDS.c.rank), *_BUSY).subquery()
    return (
        sa.select(every.c.pk, sa.func.min(every.c.rank).label("rank")).group_by(every.c.pk).subquery("ranks")
    )


RANKS = _ranks()
"""The best rank of each device that has one (`pk`, `rank`): who needs a person, is updated, or waits."""


def needs(connection: Connection, pks: Sequence[int]) -> dict[int, Need]:
    """The most urgent need of each of these devices that has one."""
    mine = sa.select(NEEDS.c.pk, sa.func.min(NEEDS.c.rank)).where(NEEDS.c.pk.in_(list(pks)))
    found = connection.execute(mine.group_by(NEEDS.c.pk))
    return {pk: need for pk, number in found if (need := need_of(number)) is not None}


# --- Who runs what it should ----------------------------------------------------------------------------------------


_SAME = device.c.md5 == firmware.c.md5
# 1.5 and esp32-homie tell no checksum: of them name and version have to do.
_UNCHECKED = (
    (device.c.md5 == "") & (device.c.fw_name == firmware.c.name) & (device.c.fw_version == firmware.c.version)
)


def _aimed_at() -> Pks:
    return sa.select(target.c.device_pk).join(firmware, firmware.c.sha256 == target.c.sha256)


def _rewritten() -> Pks:
    """Devices that announce the checksum which they have of their target since their updater rewrote its flash mode."""
    rewritten, told = learned.alias("rewritten"), learned.alias("told")
    mine = rewritten.c.device_pk == target.c.device_pk
    return (
        sa.select(target.c.device_pk)
        .join(rewritten, mine & (rewritten.c.fact == REWRITTEN_AS))
        .join(told, (told.c.device_pk == target.c.device_pk) & (told.c.fact == REWRITTEN_MD5))
        .join(device, (device.c.pk == target.c.device_pk) & (device.c.md5 == told.c.value))
        .where(rewritten.c.value == target.c.sha256)
    )


AIMED: Pks = sa.select(target.c.device_pk)
ON_TARGET = sa.union_all(
    # Image by image: an index holds checksum and pk of the devices. The sum keeps SQLite from asking one by one.
    _aimed_at().join(device, _SAME & (target.c.device_pk == device.c.pk + 0)),
    _aimed_at().join(device, (device.c.pk == target.c.device_pk) & _UNCHECKED),
    _rewritten(),
)
"""Who runs it: by checksum, by name and version, or by the checksum that it has since it was rewritten."""

_IS: Mapping[Standing, Condition] = {
    # Most devices: with a sum again, or SQLite would read the row of each.
    Standing.ON_TARGET: (device.c.pk + 0).in_(ON_TARGET),
    Standing.BEHIND: (device.c.pk + 0).in_(AIMED) & (device.c.pk + 0).not_in(ON_TARGET),
    Standing.UPDATING: device.c.pk.in_(_with_deployment(*_UNDER_WAY)),
    Standing.WAITING: device.c.pk.in_(_with_deployment(DeploymentState.QUEUED.value)),
    Standing.ASLEEP: device.c.state == State.SLEEPING.value,
    Standing.AWAY: device.c.state.in_([State.LOST.value, State.DISCONNECTED.value]),
    Standing.AWAKE: device.c.state.in_(sorted(AWAKE)),
}


def is_so(word: str) -> Condition:
    """The condition of a word of `is:`."""
    return _IS[Standing(word)]


def needs_so(word: str) -> Condition:
    """The condition of a word of `needs:`."""
    if word == ANYBODY:
        return device.c.pk.in_(sa.select(NEEDS.c.pk))
    return device.c.pk.in_(WHO[Need(word)])


# --- The top line ---------------------------------------------------------------------------------------------------

TERMS: tuple[tuple[str, str], ...] = (
    ("devices", ""),
    ("on target", "is:on-target"),
    ("behind", "is:behind"),
    ("waiting", "is:waiting"),
    ("updating", "is:updating"),
    ("asleep", "is:asleep"),
    ("away", "is:away"),
    ("need you", "needs:you"),
)
"""The numbers of the top line: their words, and the query that finds those who are counted."""


def counts(connection: Connection) -> dict[str, int]:
    """How many devices each number of TERMS counts."""
    devices = sa.select(device.c.pk)
    found = {
        "devices": devices,
        "on target": ON_TARGET,
        "behind": AIMED,
        "waiting": _with_deployment(DeploymentState.QUEUED.value),
        "updating": _with_deployment(*_UNDER_WAY),
        "asleep": devices.where(_IS[Standing.ASLEEP]),
        "away": devices.where(_IS[Standing.AWAY]),
        "need you": sa.select(NEEDS.c.pk).distinct(),
    }
    numbers = [
        sa.select(sa.func.count()).select_from(pks.subquery()).scalar_subquery() for pks in found.values()
    ]
    told: dict[str, int] = dict(zip(found, connection.execute(sa.select(*numbers)).one(), strict=True))
    # Who runs it is one of those who should: so the others need not be looked for.
    return told | {"behind": told["behind"] - told["on target"]}


def stopped(connection: Connection) -> list[dict[str, Any]]:
    """Rollouts that stand still until a person decides: `id, name, reason`; the newest first."""
    columns = (rollout.c.id, rollout.c.name, rollout.c.reason)
    query = sa.select(*columns).where(rollout.c.state == RolloutState.PAUSED.value)
    return [dict(row) for row in connection.execute(query.order_by(rollout.c.id.desc()).limit(5)).mappings()]

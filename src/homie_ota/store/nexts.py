"""What comes next for each device of a page: the rows that `rollout/next.py` is asked about, in a few statements.

Rule: nothing is decided here, and the number of statements does not grow with the number of devices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, AWAKE, DeploymentState, State, Way
from homie_ota.model.standing import Need
from homie_ota.rollout import deadlines, rhythm, windows
from homie_ota.rollout import next as nexts
from homie_ota.rollout import soak as soaks
from homie_ota.rollout.deadlines import Past
from homie_ota.rollout.needs import FAILURES
from homie_ota.rollout.next import Flying, Known, Next
from homie_ota.rollout.plan import MemberState, RolloutState
from homie_ota.rollout.plandata import plan_from_data
from homie_ota.rollout.rhythm import Awake
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import deployments, naming, pace, scene, verifying
from homie_ota.store import rhythm as rhythms
from homie_ota.store.tables import deployment, device, event, leftover, membership, quarantine, rollout

Row = Mapping[str, Any]
S = DeploymentState

_STOPPED = (RolloutState.PAUSED, RolloutState.DRAINING)
_OPEN = (RolloutState.RUNNING, RolloutState.REVERTING, *_STOPPED)


@dataclass(frozen=True, slots=True)
class _Found:
    """What was asked once for all devices of the page."""

    active: Mapping[int, Row]
    names: Mapping[str, tuple[str, str]]
    troubles: Mapping[int, str]
    leftovers: frozenset[int]
    presences: Mapping[int, list[Awake]]
    pasts: Mapping[int, Past]
    usual_rate: float | None
    rollouts: Mapping[int, Row]
    guarded: Mapping[int, str]
    members: Mapping[int, Row]
    local: LocalTime
    now: float


def of(connection: Connection, rows: Sequence[Row], local: LocalTime, now: float) -> dict[int, Next]:
    """The sentence of each of these devices, rows as `search.complete` gives them; `local` is now on the wall clock."""
    found = _gather(connection, rows, local, now)
    return {row["pk"]: nexts.say(_known(row, found)) for row in rows}


def _gather(connection: Connection, rows: Sequence[Row], local: LocalTime, now: float) -> _Found:
    pks = [row["pk"] for row in rows]
    active = _active(connection, pks)
    away = [row["pk"] for row in rows if row["state"] not in AWAKE]
    members = _members(connection, [pk for pk in pks if pk not in active])
    open_ = {row["rollout_id"] for row in (*active.values(), *members.values())} - {None}
    known = _rollouts(connection, open_)
    measured = [*away, *active]
    rates = pace.rates(connection, latest=rhythms.FEW) if measured else ()
    return _Found(
        active,
        naming.images(connection, {row["sha256"] for row in active.values()}),
        {**_failures(connection, rows), **_quarantines(connection, rows), **_alarms(connection, rows)},
        frozenset(_leftovers(connection, pks)),
        rhythms.of_all(connection, away) if away else {},
        pace.past_of(connection, measured) if measured else {},
        median(rates) if rates else None,
        known,
        _guarded(connection, known, active, now),
        members,
        local,
        now,
    )


# --- Asked of the database ------------------------------------------------------------------------------------------


def _active(connection: Connection, pks: Sequence[int]) -> dict[int, Row]:
    mine = deployment.c.device_pk.in_(pks) & deployment.c.state.in_(sorted(ACTIVE))
    rows = connection.execute(sa.select(deployment).where(mine)).mappings()
    return {row["device_pk"]: dict(row) for row in rows}


def _who(rows: Iterable[Row], *needs: Need) -> list[int]:
    return [row["pk"] for row in rows if row["needs"] in needs]


def _failures(connection: Connection, rows: Sequence[Row]) -> dict[int, str]:
    """Why the newest deployment of those that failed did."""
    pks = _who(rows, Need.HARMED, Need.FAILED)
    columns = (deployment.c.device_pk, deployment.c.code, deployment.c.reason)
    query = sa.select(*columns).where(deployment.c.device_pk.in_(pks)).order_by(deployment.c.id)
    found = connection.execute(query) if pks else ()
    return {pk: f"failed: {FAILURES.get(code) or _first_sentence(why)}" for pk, code, why in found}


def _quarantines(connection: Connection, rows: Sequence[Row]) -> dict[int, str]:
    pks = _who(rows, Need.QUARANTINED)
    query = sa.select(quarantine.c.device_pk, quarantine.c.reason).where(quarantine.c.device_pk.in_(pks))
    found = connection.execute(query.order_by(quarantine.c.since)) if pks else ()
    return {pk: f"in quarantine: {_first_sentence(reason)}" for pk, reason in found}


def _alarms(connection: Connection, rows: Sequence[Row]) -> dict[int, str]:
    pks = _who(rows, Need.ALARM)
    mine = (event.c.kind == sa.literal_column("'alarm'")) & event.c.device_pk.in_(pks)
    query = sa.select(event.c.device_pk, event.c.data).where(mine).order_by(event.c.seq)
    found = connection.execute(query) if pks else ()
    return {pk: _first_sentence(str(data["text"])) for pk, data in found if data.get("event") == "began"}


def _first_sentence(text: str) -> str:
    """The row of a list has room for one; the page of the device has them all."""
    return text.partition(". ")[0].rstrip(".")


def _leftovers(connection: Connection, pks: Sequence[int]) -> Iterable[int]:
    return connection.execute(sa.select(leftover.c.device_pk).where(leftover.c.device_pk.in_(pks))).scalars()


def _members(connection: Connection, pks: Sequence[int]) -> dict[int, Row]:
    """The places of devices that wait in a rollout without a deployment of their own."""
    columns = (membership.c.device_pk, membership.c.rollout_id, membership.c.wave, membership.c.outcome)
    waits = membership.c.outcome.in_([MemberState.WAITING.value, MemberState.ABSENT.value])
    query = (
        sa.select(*columns)
        .join(rollout, rollout.c.id == membership.c.rollout_id)
        .where(membership.c.device_pk.in_(pks), waits, rollout.c.state.in_(_OPEN))
        .order_by(membership.c.rollout_id)
    )
    return {row["device_pk"]: dict(row) for row in connection.execute(query).mappings()}


def _rollouts(connection: Connection, numbers: Iterable[int]) -> dict[int, Row]:
    columns = (rollout.c.id, rollout.c.name, rollout.c.state, rollout.c.plan, rollout.c.wave)
    query = sa.select(*columns).where(rollout.c.id.in_(list(numbers)))
    return {row["id"]: dict(row) for row in connection.execute(query).mappings()}


def _guarded(
    connection: Connection, known: Mapping[int, Row], active: Mapping[int, Row], now: float
) -> dict[int, str]:
    """The first guard that each queued device does not fit, of the rollouts that have guards."""
    found: dict[int, str] = {}
    for number, row in known.items():
        plan = plan_from_data(row["plan"])
        mine = [
            pk for pk, each in active.items() if each["rollout_id"] == number and each["state"] == S.QUEUED
        ]
        for text, fits in zip(plan.guards, scene.guards(connection, plan, now), strict=True):
            missed = sa.select(device.c.pk).where(device.c.pk.in_(mine), ~fits)
            found |= {pk: text for pk in connection.execute(missed).scalars() if pk not in found}
    return found


# --- Put together ---------------------------------------------------------------------------------------------------


def _known(row: Row, found: _Found) -> Known:
    active = found.active.get(row["pk"])
    flying = _flying(row, active, found) if active is not None else None
    chance = _chance(row, found)
    fit = (
        rhythm.will_fit(chance, active["bytes_total"], _rate(row["pk"], found))
        if active is not None
        else None
    )
    pinned = row["pinned_until"] is not None and row["pinned_until"] > found.now
    said, opens = _of_rollout(row["pk"], active, found)
    return Known(
        state=State(row["state"]),
        way=Way(row["way"]),
        ota_enabled=row["ota_enabled"],
        flying=flying,
        need=row["needs"],
        trouble=found.troubles.get(row["pk"], ""),
        leftover=row["pk"] in found.leftovers,
        pinned_until=row["pinned_until"] if pinned else None,
        pin_reason=row["pin_reason"] if pinned else "",
        chance=chance,
        due=chance is not None and chance.at <= found.now,
        fit=fit,
        rollout=said,
        window=opens,
        wanted=_wanted(row),
    )


def _wanted(row: Row) -> str:
    """The target, where the device runs something else."""
    aim = row["target"]
    if aim is None or aim["sha256"] == row["sha256"]:
        return ""
    if not row["md5"] and (aim["name"], aim["version"]) == (row["fw_name"], row["fw_version"]):
        return ""
    return f"{aim['name']} {aim['version']}".strip() or f"{aim['sha256'][:12]}…"


def _chance(row: Row, found: _Found) -> rhythm.Chance | None:
    known = found.presences.get(row["pk"])
    return rhythm.next_chance(rhythm.learn(known), known, found.now) if known else None


def _rate(pk: int, found: _Found) -> float | None:
    own = found.pasts.get(pk, Past()).rates
    return median(own) if own else found.usual_rate


def _flying(row: Row, active: Row, found: _Found) -> Flying:
    past = found.pasts.get(row["pk"], Past())
    seen, wanted, by_wakes = _rounds(active) if active["state"] == S.VERIFYING else (0, 0, False)
    later = active["not_before"] if active["not_before"] and active["not_before"] > found.now else None
    after = active["fresh_after"]
    return Flying(
        state=S(active["state"]),
        firmware=" ".join(found.names[active["sha256"]]).strip(),
        done=active["bytes_done"],
        total=active["bytes_total"],
        ends_at=_ends_at(active, past, _rate(row["pk"], found)),
        back_by=active["deadline"],
        usual=median(past.reboots) if past.reboots else 0.0,
        seen=seen,
        wanted=wanted,
        by_wakes=by_wakes,
        not_before=later,
        fresh=after is not None and row["state_since"] <= after,
    )


def _ends_at(active: Row, past: Past, rate: float | None) -> float | None:
    """When the transfer is over: from the rate so far, or the usual one; None where neither is known.

    When its last news came is told by its deadline, which every news puts off.
    """
    if active["state"] != S.TRANSFERRING or not active["deadline"] or not active["bytes_total"]:
        return None
    limits = deadlines.limits(past, active["bytes_total"], deployments.LIMITS, pace.BOUNDS["deadlines"])
    heard = active["deadline"] - limits[S.TRANSFERRING]
    took = heard - active["state_since"]
    measured = active["bytes_done"] / took if took > 1 and active["bytes_done"] else rate
    left = active["bytes_total"] - active["bytes_done"]
    return heard + left / measured if measured else None


def _rounds(active: Row) -> tuple[int, int, bool]:
    """How many rounds of how many were seen while verifying, and whether wake-ups are counted."""
    soak, terms = soaks.from_data(active["soak"] or {}, active["state_since"]), verifying.SETTINGS["terms"]
    if soak.slept:
        return soak.wakes, terms.wakes, True
    if not soak.tells:
        return 0, 0, False
    # The first round comes with `ready` and counts for nothing (`Soak.is_enough`).
    return max(0, soak.rounds - soak.slept_through - 1), terms.intervals, False


def _of_rollout(pk: int, active: Row | None, found: _Found) -> tuple[str, float | None]:
    """What the rollout does with a device that waits in it, and when its window opens."""
    place: Row | None = active or found.members.get(pk)
    this = found.rollouts.get(place["rollout_id"]) if place is not None else None
    if place is None or this is None:
        return "", None
    if this["state"] in _STOPPED:
        return f"rollout {this['id']} is {this['state']}", None
    if active is None:
        late = place["outcome"] == MemberState.ABSENT
        where = "late joiner" if late else f"wave {place['wave'] + 1}"
        return f"{where} of rollout {this['id']}", None
    if pk in found.guarded:
        return f"waits until {found.guarded[pk]} is so", None
    minutes = windows.opens_in(plan_from_data(this["plan"]).windows, found.local)
    return "", found.now // 60 * 60 + 60.0 * minutes if minutes else None

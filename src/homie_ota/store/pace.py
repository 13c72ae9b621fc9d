"""How fast a device was: its reboots and transfers, learned from deployments, and the deadlines that follow.

Rule: what was measured is kept as the last few values under `reboot_seconds` and `bytes_per_second`, with where it
comes from, like everything that is learned of a device.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import Deployment, DeploymentState, Way
from homie_ota.rollout import deadlines, patience
from homie_ota.rollout.deadlines import Bounds, Past
from homie_ota.store.database import upsert
from homie_ota.store.tables import event, learned, presence

REBOOT, RATE = "reboot_seconds", "bytes_per_second"

BOUNDS: dict[str, Bounds] = {"deadlines": Bounds()}
"""The settings' floor and ceiling (`use_bounds`)."""

S = DeploymentState


def use_bounds(bounds: Bounds) -> None:
    """Take floor and ceiling from the settings; called once, at start."""
    BOUNDS["deadlines"] = bounds


def past(connection: Connection, device_pk: int) -> Past:
    """What was measured of a device."""
    told = {fact: _numbers(value) for fact, value in connection.execute(_PAST, {"device": device_pk})}
    return Past(reboots=told.get(REBOOT, ()), rates=told.get(RATE, ()))


_PAST = sa.select(learned.c.fact, learned.c.value).where(
    learned.c.device_pk == sa.bindparam("device"), learned.c.fact.in_([REBOOT, RATE])
)


def past_of(connection: Connection, device_pks: Collection[int]) -> dict[int, Past]:
    """The same of many devices; those of which nothing was measured are left out."""
    query = sa.select(learned.c.device_pk, learned.c.fact, learned.c.value).where(
        learned.c.device_pk.in_(list(device_pks)), learned.c.fact.in_([REBOOT, RATE])
    )
    told: dict[int, dict[str, tuple[float, ...]]] = {}
    for pk, fact, value in connection.execute(query):
        told.setdefault(pk, {})[fact] = _numbers(value)
    return {pk: Past(each.get(REBOOT, ()), each.get(RATE, ())) for pk, each in told.items()}


def rates(connection: Connection, *, latest: int) -> tuple[float, ...]:
    """Bytes a second of whole transfers, of the devices that were measured last."""
    query = (
        sa.select(learned.c.value).where(learned.c.fact == RATE).order_by(learned.c.at.desc()).limit(latest)
    )
    return tuple(number for text in connection.execute(query).scalars() for number in _numbers(text))


def limits(connection: Connection, of: Deployment, usual: Mapping[str, float]) -> dict[str, float]:
    """Seconds without news by state for this deployment; `usual` where nothing was learned."""
    found = deadlines.limits(past(connection, of.device_pk), of.bytes_total, usual, BOUNDS["deadlines"])
    if of.before.get("way") == Way.ASKS.value:
        found[S.REBOOTING] = patience.wait(asked_at(connection, of.device_pk), usual[S.REBOOTING])
    return found


def asked_at(connection: Connection, device_pk: int) -> list[float]:
    """When a device that comes by itself asked, the last few times, oldest first."""
    query = sa.select(presence.c.since).where(presence.c.device_pk == device_pk)
    newest = connection.execute(query.order_by(presence.c.since.desc()).limit(patience.KEPT)).scalars()
    return sorted(newest)


def note(
    connection: Connection, before: Deployment, state: DeploymentState, *, now: float, whole: bool
) -> None:
    """Learn from a move of `before` to `state`: how long a reboot took, how fast a `whole` image went over."""
    if before.state is S.TRANSFERRING and state is S.REBOOTING and whole and before.bytes_total:
        took = now - before.state_since
        if took > 0:
            _learn(connection, before, RATE, before.bytes_total / took, now)
    if state is S.VERIFYING:
        began = _rebooting_since(connection, before)
        if began is not None and now > began:
            _learn(connection, before, REBOOT, now - began, now)


def _rebooting_since(connection: Connection, before: Deployment) -> float | None:
    """When it began to reboot; of one that comes late its history knows."""
    if before.state is not S.FAILED:
        return before.state_since if before.state is S.REBOOTING else None
    query = sa.select(sa.func.max(event.c.at)).where(
        event.c.deployment_id == before.id, event.c.data["state"].as_string() == S.REBOOTING.value
    )
    return connection.execute(query).scalar()


def _learn(connection: Connection, of: Deployment, fact: str, measured: float, now: float) -> None:
    known = past(connection, of.device_pk)
    kept = deadlines.joined(known.reboots if fact == REBOOT else known.rates, measured)
    row = {
        "device_pk": of.device_pk,
        "fact": fact,
        "value": " ".join(f"{each:.1f}" for each in kept),
        "evidence": f"deployment {of.id}"
        if len(kept) == 1
        else f"its last {len(kept)} deployments, the newest is {of.id}",
        "at": now,
    }
    upsert(connection, learned, [row], ["device_pk", "fact"], ["value", "evidence", "at"])


def _numbers(text: str) -> tuple[float, ...]:
    """The numbers in a learned value; what is none, or cannot be, is left out."""
    found = []
    for word in text.split():
        try:
            number = float(word)
        except ValueError:
            continue
        if math.isfinite(number) and number > 0:
            found.append(number)
    return tuple(found)

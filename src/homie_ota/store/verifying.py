"""The soak of a deployment in rows: moved by each news of its device, looked at by the clock, judged once.

Rule: a step of the soak and what follows from it are one transaction; the row holds all that is needed to go on after a
restart.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota import health
from homie_ota.health import Health, Thresholds
from homie_ota.model import Deployment, DeploymentState
from homie_ota.rollout import soak as soaks
from homie_ota.rollout import verification
from homie_ota.rollout.proof import News
from homie_ota.rollout.soak import Found, Soak, Terms
from homie_ota.rollout.verification import Compared, Neighbours
from homie_ota.store import deployments, pace, snapshots
from homie_ota.store import firmware as firmwares
from homie_ota.store.tables import deployment

SETTINGS: dict[str, Any] = {"terms": Terms(), "thresholds": Thresholds()}
"""What the settings ask for (`use_terms`)."""


def use_terms(terms: Terms, thresholds: Thresholds) -> None:
    """Take soak and margins from the settings; called once, at start."""
    SETTINGS.update(terms=terms, thresholds=thresholds)


def _terms(connection: Connection, of: Deployment) -> Terms:
    limits = pace.limits(connection, of, deployments.LIMITS)
    terms: Terms = SETTINGS["terms"]
    return replace(terms, ready=limits["verifying"], away=limits["rebooting"])


def begin(connection: Connection, of: Deployment, *, at: float) -> Deployment | None:
    """The soak of a device that announced the target at `at` begins; the deployment with it."""
    row, before = snapshots.row_of(connection, of.device_pk), of.before
    soak = Soak(
        since=at,
        told=bool(before.get("told")),
        interval=snapshots.interval(row, ()) or _number(before.get("interval")),
        sleeps=bool(before.get("sleeps")),
        every=_number(before.get("every")),
    )
    return _save(connection, of, soak, _terms(connection, of))


def heard(connection: Connection, of: Deployment, news: News) -> Deployment | None:
    """Take in what a verifying device said; the deployment as it is then, None when it meant nothing."""
    terms, soak = _terms(connection, of), _soak(of)
    after, found = verification.step(soak, news, terms)
    if found is not None:
        return _judge(connection, of, after, found, terms, now=news.at)
    return _save(connection, of, after, terms) if after != soak else None


def look(connection: Connection, number: int, *, now: float, listening_since: float) -> Deployment | None:
    """The clock looks at a verifying deployment: the deployment as it is then, None when it is verifying no more.

    `listening_since`: when our present connection to the broker became whole; silence before that is ours.
    """
    of = deployments.get(connection, number)  # what the caller saw may have moved on
    if of is None or of.state is not DeploymentState.VERIFYING:
        return None
    terms, soak = _terms(connection, of), _soak(of)
    due, found = soaks.due(soak, terms, listening_since)
    if due > now:
        return _write(connection, of, {"deadline": due})
    return _judge(connection, of, soak, found, terms, now=now)


def _judge(
    connection: Connection, of: Deployment, soak: Soak, found: Found, terms: Terms, *, now: float
) -> Deployment | None:
    compared, neighbours, after = _compare(connection, of, soak, now)
    judged = verification.judge(found, soak, compared, neighbours, terms, now)
    if judged.event is None:
        return _save(connection, of, judged.soak or soak, terms)
    told = {**of.after, **after, "restarts": soak.restarts, "wakes": soak.wakes}
    return deployments.advance(
        connection, of, judged.event, now=now, reason=judged.reason, after=told, soak=soaks.as_data(soak)
    )


def _compare(
    connection: Connection, of: Deployment, soak: Soak, now: float
) -> tuple[Compared, Neighbours, dict[str, object]]:
    """What is better or worse, how the siblings fared, and both as they are stored."""
    target = firmwares.get(connection, of.sha256)
    row = snapshots.row_of(connection, of.device_pk)
    before, after = snapshots.of_soak(of, soak, row, target.name if target else row["fw_name"])
    siblings_before, siblings_after, neighbours = snapshots.untouched(connection, of, soak, now)
    found = health.compare(before, after, siblings_before, siblings_after, SETTINGS["thresholds"])
    siblings = snapshots.summary(siblings_after) | neighbours._asdict()
    told: dict[str, object] = {
        "heap": after.heap,
        "signal": after.signal,
        "uptime": soak.uptime,
        "rounds": soak.rounds,
        "nodes": None if after.nodes is None else list(after.nodes),
        "siblings": siblings,
        "verdict": found.verdict.value,
        "findings": [each._asdict() for each in found.findings],
    }
    return _as_compared(found), neighbours, told


def _as_compared(found: Health) -> Compared:
    worst = found.worst
    return Compared(worst.code if worst else "", worst.text if worst else "", found.text)


def _soak(of: Deployment) -> Soak:
    return soaks.from_data(of.soak, of.state_since)


def _save(connection: Connection, of: Deployment, soak: Soak, terms: Terms) -> Deployment | None:
    return _write(connection, of, {"soak": soaks.as_data(soak), "deadline": soaks.due(soak, terms)[0]})


def _write(connection: Connection, of: Deployment, values: dict[str, object]) -> Deployment | None:
    row = connection.execute(_STILL, {"number": of.id, **values}).mappings().first()
    return None if row is None else deployments.read(row)


_STILL = (
    deployment.update()
    .where(deployment.c.id == sa.bindparam("number"), deployment.c.state == DeploymentState.VERIFYING.value)
    .returning(*deployments.ALL.selected_columns)
)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0

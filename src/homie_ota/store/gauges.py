"""How much there is of everything, counted in rows: devices, deployments, rollouts, what waits for a person.

Rule: each number is one statement that an index answers, however many devices there are.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.store import devices, recipients, troubles
from homie_ota.store.recipients import Recipient
from homie_ota.store.tables import deployment, device, leftover, quarantine, rollout

VERSIONS = 50
"""So many firmware versions are told one by one, those that most devices run; the others together."""


class Gauges(NamedTuple):
    """Counts by what they are counted by; `others` are the devices whose firmware is not among `firmware`."""

    states: dict[str, int]
    firmware: dict[tuple[str, str], int]
    others: int
    deployments: dict[tuple[str, str, str], int]
    rollouts: dict[str, int]
    quarantined: int
    leftovers: int
    troubles: dict[str, int]
    recipients: dict[tuple[str, str], int]


def read(connection: Connection, versions: int = VERSIONS) -> Gauges:
    """All of it, as the rows say now."""
    states = devices.counts(connection)
    ran = _firmware(connection, versions)
    return Gauges(
        states=states,
        firmware=ran,
        others=max(0, sum(states.values()) - sum(ran.values())),
        deployments=_deployments(connection),
        rollouts=_grouped(connection, rollout.c.state),
        quarantined=_count(connection, quarantine),
        leftovers=_count(connection, leftover),
        troubles=dict(Counter(key.code for key in troubles.standing(connection))),
        recipients=_recipients(connection),
    )


def _firmware(connection: Connection, versions: int) -> dict[tuple[str, str], int]:
    """The most common first; of those that are as common, by name."""
    what = (device.c.fw_name, device.c.fw_version)
    number = sa.func.count()
    query = sa.select(*what, number).group_by(*what).order_by(number.desc(), *what).limit(versions)
    return {(name, version): count for name, version, count in connection.execute(query)}


def _deployments(connection: Connection) -> dict[tuple[str, str, str], int]:
    """By state, outcome and the stable word of the reason."""
    what = (deployment.c.code, deployment.c.outcome, deployment.c.state)
    query = sa.select(*what, sa.func.count()).group_by(*what)
    return {(state, outcome, code): count for code, outcome, state, count in connection.execute(query)}


def _grouped(connection: Connection, column: sa.ColumnElement[Any]) -> dict[str, int]:
    rows = connection.execute(sa.select(column, sa.func.count()).group_by(column))
    return {word: count for word, count in rows}  # noqa: C416 - typed, unlike dict(rows)


def _recipients(connection: Connection) -> dict[tuple[str, str], int]:
    """By kind (notify, webhook), and how it goes."""
    rows = recipients.every(connection).values()
    return dict(Counter((each.name.partition("-")[0], _standing(each)) for each in rows))


def _standing(of: Recipient) -> str:
    return "dead" if of.is_dead else "failing" if of.failing_since is not None else "well"


def _count(connection: Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()

"""The rows behind the story of a rollout: counted by wave, by what they ran before, and by name where it matters.

Rule: what is the same for thousands is counted in the database; names are read of the first of each, and of all who
were not brought to the image as far as a page can show them.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import DeploymentState, Purpose
from homie_ota.rollout import story
from homie_ota.rollout.plan import MemberState
from homie_ota.rollout.story import GOOD, NOT_BROUGHT, Sent
from homie_ota.store import naming
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import deployment, device, membership

NAMED = 100
"""Devices of a wave that are named."""
EXCEPTIONS = 300
"""Devices that were not brought to the image, each with its reason."""


class Chapter(NamedTuple):
    """One wave: what became of its members, when the first and the last of them got there, and what they ran before.

    `before`: names of images with how many ran each; `names` of the first that were brought to the image.
    """

    number: int
    counts: dict[MemberState, int]
    first_at: float | None
    last_at: float | None
    before: list[tuple[str, int]]
    names: list[str]


class NotBrought(NamedTuple):
    """A device that was not brought to the image: its address, wave, and what became of it."""

    base: str
    device_id: str
    wave: int
    outcome: MemberState
    reason: str
    since: float
    deployment_id: int | None


def chapters(connection: Connection, of: Rollout) -> list[Chapter]:
    """The waves in order; who is left out comes last."""
    good = sa.case((membership.c.outcome.in_([each.value for each in GOOD]), membership.c.since))
    query = (
        sa.select(
            membership.c.wave, membership.c.outcome, sa.func.count(), sa.func.min(good), sa.func.max(good)
        )
        .where(membership.c.rollout_id == of.id)
        .group_by(membership.c.wave, membership.c.outcome)
    )
    found: dict[int, dict[MemberState, int]] = {}
    moments: dict[int, list[float]] = {}
    for wave, outcome, count, first, last in connection.execute(query):
        found.setdefault(wave, {})[MemberState(outcome)] = count
        moments.setdefault(wave, []).extend(at for at in (first, last) if at is not None)
    before = _before(connection, of)
    return [
        Chapter(
            wave,
            found[wave],
            min(moments[wave], default=None),
            max(moments[wave], default=None),
            before.get(wave, []),
            _names(connection, of, wave) if story.total(found[wave], *GOOD) else [],
        )
        for wave in sorted(found, key=lambda each: (each < 0, each))
    ]


def _before(connection: Connection, of: Rollout) -> dict[int, list[tuple[str, int]]]:
    """What the devices ran that got the image, by wave, the most first."""
    told = deployment.c.before["fw_name"].as_string(), deployment.c.before["fw_version"].as_string()
    unknown = deployment.c.previous_sha256 == ""
    # Only what is not stored is asked for in the snapshot: reading ten thousand of them takes a while.
    name, version = (sa.case((unknown, each), else_="") for each in told)
    query = (
        sa.select(membership.c.wave, deployment.c.previous_sha256, name, version, sa.func.count())
        .join(deployment, deployment.c.id == membership.c.deployment_id)
        .where(
            membership.c.rollout_id == of.id,
            membership.c.outcome.in_([each.value for each in GOOD]),
        )
        .group_by(membership.c.wave, deployment.c.previous_sha256, name, version)
        .order_by(sa.func.count().desc())
    )
    rows = connection.execute(query).all()
    images = naming.images(connection, [row[1] for row in rows if row[1]])
    named = Counter(images[each] for each in {row[1] for row in rows} if each)
    found: dict[int, list[tuple[str, int]]] = {}
    for wave, sha256, name_, version_, count in rows:
        said = " ".join(images[sha256]) if sha256 else f"{name_ or ''} {version_ or ''}"
        # Two builds of one version: only their hashes tell them apart.
        build = f" ({sha256[:8]})" if sha256 and named[images[sha256]] > 1 else ""
        found.setdefault(wave, []).append((said.strip() + build, count))
    return found


def _names(connection: Connection, of: Rollout, wave: int) -> list[str]:
    query = (
        sa.select(device.c.device_id)
        .join(membership, membership.c.device_pk == device.c.pk)
        .where(
            membership.c.rollout_id == of.id,
            membership.c.wave == wave,
            membership.c.outcome.in_([each.value for each in GOOD]),
        )
        .order_by(membership.c.position)
        .limit(NAMED)
    )
    return list(connection.execute(query).scalars())


def exceptions(connection: Connection, of: Rollout) -> list[NotBrought]:
    """Who was not brought to the image and why, the worst first; EXCEPTIONS of them."""
    rank = sa.case({state.value: at for at, state in enumerate(NOT_BROUGHT)}, value=membership.c.outcome)
    query = (
        sa.select(
            device.c.base, device.c.device_id, membership.c.wave, membership.c.outcome, membership.c.reason,
            membership.c.since, membership.c.deployment_id,
        )
        .join(device, device.c.pk == membership.c.device_pk)
        .where(membership.c.rollout_id == of.id, membership.c.outcome.in_([each.value for each in NOT_BROUGHT]))
        .order_by(rank, membership.c.wave, membership.c.position)
        .limit(EXCEPTIONS)
    )  # fmt: skip
    rows = connection.execute(query).mappings()
    return [NotBrought(**{**row, "outcome": MemberState(row["outcome"])}) for row in rows]


def sent(connection: Connection, of: Rollout) -> Sent:
    """What this rollout sent, ways back not counted."""
    again = sa.func.sum(sa.case((deployment.c.attempt > 1, 1), else_=0))
    ended = deployment.c.state.in_([DeploymentState.SUCCEEDED.value, DeploymentState.FAILED.value])
    query = sa.select(
        sa.func.count(),
        sa.func.sum(deployment.c.bytes_total),
        again,
        sa.func.min(deployment.c.offered_at),
        sa.func.max(sa.case((ended, deployment.c.state_since), else_=deployment.c.offered_at)),
    ).where(
        deployment.c.rollout_id == of.id,
        deployment.c.offered_at.is_not(None),
        deployment.c.purpose != Purpose.REVERT.value,
    )
    images, size, retries, first, last = connection.execute(query).one()
    return Sent(images or 0, int(size or 0), int(retries or 0), (last or 0.0) - (first or 0.0))

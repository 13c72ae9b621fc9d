"""What was learned of devices, with the evidence and when: read for eligibility, written when a deployment ends.

Rule: what an end teaches is decided in `rollout/eligibility/lessons.py`; an empty value is a fact that was taken back.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import Deployment, DeploymentState
from homie_ota.rollout.eligibility import Fact, Running, lessons
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import upsert
from homie_ota.store.matching import Condition
from homie_ota.store.tables import device, learned

_ARRIVED = (DeploymentState.VERIFYING, DeploymentState.SUCCEEDED)
"""States in which a device has come back with the image: that is taught before its health is known."""


class Lesson(NamedTuple):
    """One row of what was learned of a device: the fact, its value, how that is known, and when."""

    fact: str
    value: str
    evidence: str
    at: float


def of_device(conn: Connection, device_pk: int) -> list[Lesson]:
    """Everything that was learned of a device and not taken back, by fact."""
    columns = (learned.c.fact, learned.c.value, learned.c.evidence, learned.c.at)
    query = sa.select(*columns).where(learned.c.device_pk == device_pk, learned.c.value != "")
    return [Lesson(*row) for row in conn.execute(query.order_by(learned.c.fact))]


def facts(conn: Connection, where: Condition | None = None) -> dict[int, dict[str, Fact]]:
    """Everything that eligibility asks for, of the devices that `where` finds (all: None), by `pk` and fact."""
    columns = (learned.c.device_pk, learned.c.fact, learned.c.value, learned.c.evidence, learned.c.at)
    query = sa.select(*columns).where(learned.c.fact.in_(lessons.ASKED), learned.c.value != "")
    if where is not None:
        query = query.join(device, device.c.pk == learned.c.device_pk).where(where)
    found: dict[int, dict[str, Fact]] = {}
    for pk, fact, value, evidence, at in conn.execute(query):
        found.setdefault(pk, {})[fact] = Fact(value, evidence, at)
    return found


def from_end(conn: Connection, moved: Deployment, now: float) -> None:
    """Learn what this move of a deployment teaches: that it arrived, or why it was refused; others nothing."""
    arrived = moved.state in _ARRIVED
    if not arrived and (moved.state is not DeploymentState.FAILED or moved.code not in lessons.TEACHING):
        return
    target = firmwares.get(conn, moved.sha256)
    if target is None:
        return
    end = lessons.End(arrived, moved.code, _md5(moved.before), _md5(moved.after) if arrived else "", moved.id)
    known = facts(conn, device.c.pk == moved.device_pk).get(moved.device_pk, {})
    news = lessons.learn(end, target, _ran(conn, moved), known)
    rows = [
        {"device_pk": moved.device_pk, "fact": fact, "value": value, "evidence": evidence, "at": now}
        for fact, (value, evidence) in news.items()
        if known.get(fact, Fact("")).value != value
    ]
    upsert(conn, learned, rows, ["device_pk", "fact"], ["value", "evidence", "at"])


def _md5(told: dict[str, object]) -> str:
    return str(told.get("md5") or "")


def _ran(conn: Connection, moved: Deployment) -> Running | None:
    """The image that ran before, as far as this server held it when it was ordered."""
    found = firmwares.get(conn, moved.previous_sha256) if moved.previous_sha256 else None
    if found is None:
        return None
    return Running(
        found.sha256, found.md5, found.name, found.version, found.size, found.chip, found.flash_size
    )

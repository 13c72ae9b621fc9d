"""Lamps in a queue: devices with an image that runs and one that is wanted, on either database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from homie_ota.model import Deployment, DeploymentState
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import Limits
from homie_ota.rollout.reasons import Reason
from homie_ota.store import attempts, deployments, devices, orders, turns, waiting
from homie_ota.store.database import Connection, Database
from homie_ota.store.tables import firmware
from homie_ota.store.waiting import Look, Ready

OLD, NEW = "a" * 32, "b" * 32
WANTED, BEFORE = "f" * 64, "e" * 64
BROKEN = Reason("transfer-broken", "It broke.", False)
SILENT = Reason("transfer-silent", "Nothing more was heard.", False)


@contextmanager
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """A connection inside a transaction, on the database that `request.param` names, with both images."""
    is_sqlite = request.param == "sqlite"
    address = str(tmp_path / "x.sqlite3") if is_sqlite else request.getfixturevalue("postgres")
    database = Database(address.replace("+psycopg", ""))
    database.migrate()
    with database._durable.begin() as found:
        add_image(found, WANTED, NEW, "2.0.0")
        add_image(found, BEFORE, OLD, "1.0.0")
        yield found
    database.close()


@contextmanager
def on_sqlite(path: Path) -> Iterator[Connection]:
    """The same on a file of its own."""
    database = Database(str(path))
    database.migrate()
    with database._durable.begin() as found:
        add_image(found, WANTED, NEW, "2.0.0")
        yield found
    database.close()


def add_image(conn: Connection, sha256: str, md5: str, version: str, size: int = 1000) -> None:
    row = {"sha256": sha256, "md5": md5, "name": "lamp", "version": version, "filename": f"lamp-{version}.bin",
           "chip": "esp8266", "size": size, "uploaded_at": 1.0}  # fmt: skip
    conn.execute(firmware.insert().values(**row))


def row_of(pk: int, **values: Any) -> dict[str, Any]:
    return {
        "pk": pk, "base": "homie/", "device_id": f"lamp-{pk}", "name": f"Lamp {pk}", "mac": "", "ip": "",
        "homie": "3.0.1", "implementation": "esp8266", "way": "mqtt", "ota_enabled": True, "state": "ready",
        "state_since": 1.0, "fw_name": "lamp", "fw_version": "1.0.0", "version_key": "", "md5": OLD, "signal": 80.0,
        "uptime": 1.0, "heap": None, "facts": {}, "nodes": {}, "recent": [], "first_seen": 1.0, "last_seen": 1.0,
        **values,
    }  # fmt: skip


def add_devices(conn: Connection, *rows: dict[str, Any]) -> None:
    devices.save(conn, list(rows))
    here = ("base", "device_id")
    devices.save_addresses(
        conn,
        [
            {key: row[key] for key in here} | {"device_pk": row["pk"], "dialect": "mqtt", "since": 1.0}
            for row in rows
        ],
    )


def add_device(conn: Connection, pk: int = 1, **values: Any) -> None:
    add_devices(conn, row_of(pk, **values))


def sleeps(conn: Connection, pk: int, now: float) -> None:
    """As ingest writes it."""
    devices.save(conn, [row_of(pk, state="sleeping", state_since=now)])
    turns.left(conn, [pk])


def wakes(conn: Connection, pk: int, now: float, **values: Any) -> None:
    devices.save(conn, [row_of(pk, state="ready", state_since=now, **values)])
    turns.woke(conn, [pk])


def ordered(conn: Connection, pk: int = 1, now: float = 10.0) -> Deployment:
    return orders.order(conn, device_pk=pk, sha256=WANTED, by="me", now=now)


def next_ready(conn: Connection, now: float, parallel: int = 1, **limits: Any) -> Ready | None:
    return waiting.next_ready(conn, Look(now, limits=Limits(parallel, **limits))).ready


def next_pk(conn: Connection, now: float, parallel: int = 1, **limits: Any) -> int | None:
    found = next_ready(conn, now, parallel, **limits)
    return found.deployment.device_pk if found else None


def offered(conn: Connection, of: Deployment, now: float) -> Deployment:
    moved = deployments.advance(conn, of, Event.OFFER, now=now)
    assert moved is not None
    assert deployments.claim_image(conn, of.id, now=now)
    return moved


def failed(conn: Connection, of: Deployment, now: float, reason: Reason = BROKEN) -> Deployment:
    """Offered and ended so, without what follows."""
    expired = reason.code in ("transfer-silent", "no-answer", "gone")
    moved = of if of.state is not DeploymentState.QUEUED else offered(conn, of, now - 1.0)
    event = Event.EXPIRE if expired else Event.REFUTE
    ended = deployments.advance(conn, moved, event, now=now, reason=reason)
    assert ended is not None
    return ended


def followed(conn: Connection, of: Deployment, now: float, reason: Reason = BROKEN) -> Deployment | None:
    """The same with what follows: the next attempt, if there is one."""
    return attempts.follow(conn, failed(conn, of, now, reason), now)

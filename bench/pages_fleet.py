"""What the pages of (j) and (k) show: a fleet with a past, written straight into the database of an installation.

Rule: the sizes are those of the target: 10,000 devices, 20 images, 5 rollouts, 20,000 deployments, whose states, times
and versions are spread as in a fleet that lives. The same seed makes the same fleet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from random import Random
from typing import Any, NamedTuple

import sqlalchemy as sa

from homie_ota.model import Firmware
from homie_ota.rollout.plan import BY_DEFAULT
from homie_ota.rollout.versions import version_key
from homie_ota.simulator.images import make_image
from homie_ota.store import intake, rollouts, tables, target_rows
from homie_ota.store.database import Connection, Database
from homie_ota.store.images import ImageFiles

DAY = 86400.0
NAMES = ("lamp", "plug", "sensor", "blind")
NODES = {
    "relay": {"name": "Relay", "properties": {"on": {"name": "On", "datatype": "boolean", "settable": True}}},
    "air": {
        "name": "Air",
        "properties": {
            "temperature": {"name": "Temperature", "datatype": "float", "unit": "°C"},
            "humidity": {"name": "Humidity", "datatype": "float", "unit": "%"},
        },
    },
}
STATES = ("ready",) * 16 + ("sleeping",) * 3 + ("lost",)
ENDS = ("succeeded",) * 17 + ("failed",) * 2 + ("cancelled",)


class Sizes(NamedTuple):
    """How much of everything."""

    devices: int = 10_000
    images: int = 20
    rollouts: int = 5
    deployments: int = 20_000


def fill(database: Database, files: ImageFiles, sizes: Sizes, now: float) -> None:
    """Write all of it."""
    images = asyncio.run(_images(database, files, sizes, now))
    random = Random(5)
    for rows, table in (
        (list(_devices(sizes, images, random, now)), tables.device),
        (list(_addresses(sizes, now)), tables.device_address),
        (list(_readings(sizes, random, now)), tables.reading),
        (list(_tags(sizes)), tables.tag),
    ):
        _insert(database, table, rows)
    database.write_now(lambda conn: _rollouts(conn, sizes, images, random, now))
    made = list(_deployments(sizes, images, random, now))
    _insert(database, tables.deployment, made)
    _insert(database, tables.target, list(_targets(made)))
    _insert(database, tables.event, list(_events(sizes, now)))
    database.write_now(lambda conn: conn.execute(sa.text("ANALYZE")))


def _insert(database: Database, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        database.write_now(lambda conn: conn.execute(table.insert(), rows))


async def _images(database: Database, files: ImageFiles, sizes: Sizes, now: float) -> list[Firmware]:
    found = []
    for number in range(sizes.images):
        image = make_image(
            NAMES[number % len(NAMES)], f"{1 + number // 4}.{number % 4}.0", "brand", size=40_000
        )
        received = await files.receive(_once(image), filename="x.bin", max_size=1 << 24)
        found.append(await intake.accept(database, files, received, now=now - (sizes.images - number) * DAY))
    return found


async def _once(image: bytes) -> AsyncIterator[bytes]:
    yield image


def _devices(sizes: Sizes, images: list[Firmware], random: Random, now: float) -> Iterator[dict[str, Any]]:
    for pk in range(1, sizes.devices + 1):
        runs, state = images[pk % len(images)], random.choice(STATES)
        seen = now - (random.uniform(0, 60) if state == "ready" else random.uniform(60, 40_000))
        yield {
            "pk": pk, "base": "homie/", "device_id": f"{runs.name}-{pk:05}", "name": f"{runs.name} {pk}".title(),
            "mac": f"A0:20:A6:{pk >> 16 & 255:02X}:{pk >> 8 & 255:02X}:{pk & 255:02X}",
            "ip": f"10.0.{pk // 250}.{pk % 250}",
            "homie": "3.0.1", "implementation": "esp8266", "way": "mqtt", "ota_enabled": True, "state": state,
            "state_since": seen - random.uniform(0, 10 * DAY), "fw_name": runs.name, "fw_version": runs.version,
            "version_key": version_key(runs.version), "md5": runs.md5, "signal": random.randrange(20, 100),
            "uptime": random.uniform(60, 30 * DAY), "heap": random.randrange(15_000, 30_000), "nodes": NODES,
            "facts": {"stats/interval": "60", "implementation/version": "3.0.0"}, "first_seen": now - 100 * DAY,
            "last_seen": seen, "recent": [],
        }  # fmt: skip


def _addresses(sizes: Sizes, now: float) -> Iterator[dict[str, Any]]:
    for pk in range(1, sizes.devices + 1):
        name = NAMES[pk % sizes.images % len(NAMES)]
        yield {
            "kind": "homie", "base": "homie/", "device_id": f"{name}-{pk:05}", "device_pk": pk, "dialect": "v3",
            "since": now - 100 * DAY, "until": None,
        }  # fmt: skip


def _readings(sizes: Sizes, random: Random, now: float) -> Iterator[dict[str, Any]]:
    for pk in range(1, sizes.devices + 1):
        for node, prop in (("relay", "on"), ("air", "temperature"), ("air", "humidity")):
            number = round(random.uniform(15, 60), 1)
            value = ("true" if number > 30 else "false") if prop == "on" else str(number)
            at = now - random.uniform(0, 60)
            yield {"device_pk": pk, "node": node, "prop": prop, "value": value, "num": number, "at": at}


def _tags(sizes: Sizes) -> Iterator[dict[str, Any]]:
    for pk in range(1, sizes.devices + 1, 5):
        yield {"device_pk": pk, "tag": ("attic", "cellar", "garden")[pk % 3]}


def _rollouts(conn: Connection, sizes: Sizes, images: list[Firmware], random: Random, now: float) -> None:
    members = max(1, sizes.devices // max(1, sizes.rollouts))
    for number in range(sizes.rollouts):
        at, image = now - (sizes.rollouts - number) * DAY, images[-1 - number % len(images)]
        made = rollouts.insert(
            conn, sha256=image.sha256, query=f"fw:{image.name}", plan=BY_DEFAULT, by="anna", now=at
        )
        last = number == sizes.rollouts - 1
        state = {"state": "running" if last else "finished", "wave": 1 if last else 2, "started_at": at}
        conn.execute(tables.rollout.update().where(tables.rollout.c.id == made.id).values(**state))
        first, rows = 1 + number * members, []
        for place in range(members):
            wave = 0 if place == 0 else 1 if place < members / 10 else 2
            outcome = "waiting" if last and wave == 2 else random.choice(("verified",) * 9 + ("absent",))
            rows.append({
                "rollout_id": made.id, "device_pk": first + place, "wave": wave, "position": place,
                "outcome": outcome, "since": at,
            })  # fmt: skip
        conn.execute(tables.membership.insert(), rows)


def _deployments(
    sizes: Sizes, images: list[Firmware], random: Random, now: float
) -> Iterator[dict[str, Any]]:
    active = max(1, sizes.devices // 100)
    for number in range(1, sizes.deployments + 1):
        pk, image = 1 + number % sizes.devices, images[number % len(images)]
        at = now - (sizes.deployments - number) * 100.0
        is_active = number > sizes.deployments - active
        state = random.choice(("queued", "transferring", "verifying")) if is_active else random.choice(ENDS)
        yield {
            "device_pk": pk, "sha256": image.sha256, "attempt": 1, "state": state, "state_since": at + 90,
            "created_at": at, "offered_at": None if state == "queued" else at + 5, "bytes_total": image.size,
            "bytes_done": 0 if state == "queued" else image.size // 2 if is_active else image.size,
            "reason": "" if state != "failed" else "The device did not come back within 180 s.",
            "code": "" if state != "failed" else "not-back", "harmful": state == "failed" or None,
            "rollout_id": 1 + number % max(1, sizes.rollouts) if number % 2 else None,
            "before": {"fw_name": image.name, "fw_version": "1.0.0", "md5": "0" * 32}, "created_by": "anna",
        }  # fmt: skip


def _targets(made: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What was ordered last, or brought by a rollout; what was taken back is no target."""
    last = {each["device_pk"]: each for each in made}
    for pk, each in last.items():
        if each["state"] != "cancelled":
            rollout = each["rollout_id"]
            yield {
                "device_pk": pk, "sha256": each["sha256"],
                "source": f"rollout {rollout}" if rollout else target_rows.ORDERED,
            }  # fmt: skip


def _events(sizes: Sizes, now: float) -> Iterator[dict[str, Any]]:
    moves = ("offered", "transferring", "rebooting", "verifying", "succeeded")
    for number in range(1, sizes.deployments + 1):
        pk, at = 1 + number % sizes.devices, now - (sizes.deployments - number) * 100.0
        yield {
            "at": at, "kind": "order", "device_pk": pk, "deployment_id": number, "actor": "anna",
            "data": {},
        }  # fmt: skip
        for step, state in enumerate(moves):
            yield {
                "at": at + 5 + 20 * step, "kind": "deployment", "device_pk": pk, "deployment_id": number,
                "actor": "", "data": {"state": state},
            }  # fmt: skip

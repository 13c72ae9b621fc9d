"""Images and devices that the tests of the firmware store begin with, and uploads as the web makes them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy.engine import Connection

from homie_ota.esp.image import Inspection
from homie_ota.model import DeploymentState, Firmware
from homie_ota.store import firmware, intake
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles
from homie_ota.store.tables import deployment, device

NOW = 1_700_000_000.0


def image(name: str, version: str, filename: str = "", content: str = "", **more: Any) -> Firmware:
    digest = hashlib.sha256(f"{name} {version} {content}".encode()).hexdigest()
    return Firmware(digest, digest[:32], name, version, filename or f"{name}-{version}.bin", 1000, **more)


def put(conn: Connection, *images: Firmware) -> list[Firmware]:
    return [
        firmware.add(conn, each, Inspection(chip="esp8266"), NOW + at, "jo") for at, each in enumerate(images)
    ]


def put_device(conn: Connection, pk: int, md5: str = "") -> None:
    row = {"pk": pk, "base": "homie/", "device_id": f"d{pk}", "md5": md5, "first_seen": NOW, "last_seen": NOW}
    conn.execute(device.insert().values(**row))


def put_deployment(conn: Connection, pk: int, sha256: str, state: DeploymentState, **more: Any) -> None:
    row = {"device_pk": pk, "sha256": sha256, "state": state.value, "state_since": NOW, "created_at": NOW}
    conn.execute(deployment.insert().values(**row, **more))


async def upload(database: Database, files: ImageFiles, data: bytes, **more: Any) -> Firmware:
    """Take an image in as an upload; `now`, `by` and `filename` may be said."""

    async def chunks() -> AsyncIterator[bytes]:
        yield data

    told = {"now": NOW, "by": "jo", **more}
    received = await files.receive(chunks(), filename=told.pop("filename", "up.bin"), max_size=16 << 20)
    return await intake.accept(database, files, received, **told)


def listed(files: ImageFiles) -> list[str]:
    """Everything in the directory, hidden files too: litter counts."""
    return sorted(path.name for path in files.directory.glob("*")) if files.directory.exists() else []

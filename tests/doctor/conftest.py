"""Installations for the doctor: a data folder with a database, and what an examination of it finds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homie_ota.config import Settings
from homie_ota.doctor import Finding, Patient
from homie_ota.doctor.nouns import Check
from homie_ota.doctor.patient import patient_of
from homie_ota.store import devices
from homie_ota.store.database import Connection, Database


class Installation:
    """A data folder; the settings of it may be changed by keyword: `patient(http={...})`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.database = Database(str(self.data / "homie-ota.sqlite3"))
        self.database.migrate()
        self.firmware = self.data / "firmwares"
        self.firmware.mkdir()
        self.settings_file: Path | None = None
        self._devices = 0

    def settings(self, **sections: dict[str, Any]) -> Settings:
        return Settings(**{"storage": {"data_dir": self.data}, **sections})  # type: ignore[arg-type]

    def patient(self, **sections: dict[str, Any]) -> Patient:
        found = patient_of(self.settings(**sections), "192.0.2.7", self.settings_file)
        return replace(found, contained=False)  # the machine of the test may well be a container

    def write(self, work: Callable[[Connection], Any]) -> Any:
        return self.database.write_now(work)

    def device(self, device_id: str, base: str = "homie/", **columns: Any) -> int:
        """A device of 3.0.1 that is ready, unless said otherwise."""
        now, self._devices = time.time(), self._devices + 1
        row: dict[str, Any] = {
            "pk": self._devices, "base": base, "device_id": device_id, "name": "", "mac": "", "ip": "",
            "homie": "3.0.1",
            "implementation": "esp8266", "way": "mqtt", "ota_enabled": True, "state": "ready", "state_since": now,
            "fw_name": "lamp", "fw_version": "1.0.0", "version_key": "", "md5": "", "signal": None, "uptime": None,
            "heap": None, "facts": {}, "nodes": {}, "first_seen": now, "last_seen": now,
        }  # fmt: skip
        row |= columns
        address = {"base": base, "device_id": device_id, "device_pk": row["pk"], "dialect": "", "since": now}
        self.write(lambda conn: devices.save(conn, [row]))
        self.write(lambda conn: devices.save_addresses(conn, [address]))
        return self._devices


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.database.close()


def look(check: Check, patient: Patient) -> list[Finding]:
    """What one check finds."""

    async def run() -> list[Finding]:
        return await check(patient)

    return asyncio.run(run())


def only(findings: list[Finding], verdict: str) -> list[Finding]:
    """Those that are so."""
    return [each for each in findings if each.verdict == verdict]

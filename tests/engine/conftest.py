"""Engines and virtual fleets for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engines import Engine
from homie_ota.mqtt import Broker
from homie_ota.rollout.attempts import Budget
from homie_ota.store import attempts
from servers import Mosquitto


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second attempt follows within the time of a test: on a busy machine a transfer may break by itself."""
    monkeypatch.setitem(attempts.BUDGET, "budget", Budget(backoff=2.0, longest=2.0))


@pytest.fixture
async def engine(tmp_path: Path, mosquitto: Mosquitto) -> AsyncIterator[Engine]:
    """A running engine on a broker of its own."""
    async with Engine(tmp_path / "engine", Broker(mosquitto.host, mosquitto.port)) as running:
        yield running

"""Engines and virtual fleets for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engines import Engine
from homie_ota.mqtt import Broker
from servers import Mosquitto


@pytest.fixture
async def engine(tmp_path: Path, mosquitto: Mosquitto) -> AsyncIterator[Engine]:
    """A running engine on a broker of its own."""
    async with Engine(tmp_path / "engine", Broker(mosquitto.host, mosquitto.port)) as running:
        yield running

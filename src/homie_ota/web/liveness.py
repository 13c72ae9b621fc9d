"""Whether the server lives: its broker, its database, and how late its loop is; the same wherever it is told.

Rule: without the broker pages can still be served, so that is `degraded` and no failure.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from homie_ota.store import devices
from homie_ota.web.shell import Shell


async def told(shell: Shell) -> dict[str, Any]:
    """What is told of it, as JSON; raises when the database does not answer."""
    began = time.perf_counter()
    await asyncio.sleep(0)
    turned = time.perf_counter()
    counts = await shell.database.read(devices.counts)
    asked = time.perf_counter()
    broker = shell.broker_status()
    return {
        "status": "ok" if broker.connected else "degraded",
        "broker": {"connected": broker.connected, "since": broker.since, "dropped": broker.dropped},
        "database": {"ms": round(1000 * (asked - turned), 2)},
        "lag_ms": round(1000 * (turned - began), 2),
        "devices": sum(counts.values()),
    }

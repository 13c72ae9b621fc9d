"""The virtual devices of (i), as one process: `python -m bench.waves_fleet`; says when all are ready.

They live three times as fast as real ones: a restart takes them 1.3 s, an image of 40 KB a quarter of a second.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from typing import Any

from bench.waves import image
from homie_ota.service import run_loop, stop_signal
from homie_ota.simulator.fleet import FleetOptions, make_device, make_fleet
from homie_ota.simulator.images import read_sketch
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import Timing

RESTART = Timing(reboot=3.0, reconnect=1.0, interval=600.0)
SPEED = 3.0


async def _main(about: dict[str, Any]) -> int:
    stop = stop_signal()
    options = FleetOptions(
        mqtt=f"mqtt://127.0.0.1:{about['port']}", devices=about["devices"], mix={"v3": 1}, timing=RESTART,
        speed=SPEED, readings_every=0,
    )  # fmt: skip
    sketch = read_sketch(image(about, "1.0.0"))
    alike = [
        make_device(each.generation, replace(each._setup, sketch=sketch))  # noqa: SLF001 - all lamps, for one image
        for each in make_fleet(options, ("127.0.0.1", about["port"]))
    ]
    async with VirtualFleet(options, alike) as fleet:
        await fleet.all_ready(120)
        await asyncio.to_thread(sys.stdout.write, json.dumps({"ready": True}) + "\n")
        sys.stdout.flush()
        await stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(run_loop(_main(json.loads(sys.argv[1]))))

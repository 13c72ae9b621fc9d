"""Our side of (d): offers made and delivered as the dispatch does it; `python -m bench.push_ours`.

The whole server's modules are loaded, so that memory is a server's.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from typing import Any

from bench.push import image
from bench.traffic import BASE, device_id
from homie_ota.homie import v2
from homie_ota.model import Address, Publish
from homie_ota.mqtt import Broker, Session
from homie_ota.service import run_loop


async def _main(about: dict[str, Any]) -> int:
    data = image(about["size"])
    connected = asyncio.Event()
    session = Session(
        Broker("127.0.0.1", about["port"]),
        client_id="bench-push",
        on_message=lambda *_: None,
        on_connect=connected.set,
    )
    running = asyncio.create_task(session.run())
    await connected.wait()
    print(json.dumps({"ready": True}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(json.dumps({"began": time.monotonic()}), flush=True)
    for n in range(about["count"]):
        await session.deliver(_offer(n, data))
    print(json.dumps({"sent": about["count"]}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    running.cancel()
    return 0


def _offer(n: int, data: bytes) -> Publish:
    offer = v2.offer(Address(BASE, device_id(n)), hashlib.md5(data).hexdigest(), data)
    assert offer is not None
    return offer


if __name__ == "__main__":
    sys.exit(run_loop(_main(json.loads(sys.argv[1]))))

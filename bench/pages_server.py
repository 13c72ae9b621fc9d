"""The server of (j) and (k): the web application over a database with a fleet, without a broker.

`python -m bench.pages_server '{"data": …, "sizes": […], "port": …}'`; says when it serves. A line on its standard
input, `{"change": 50, "pks": […]}`, lets so many of these devices change a second.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.pages_fleet import Sizes, fill
from homie_ota.bus import Bus
from homie_ota.config import Settings
from homie_ota.store.database import Connection, Database
from homie_ota.store.images import ImageFiles
from homie_ota.store.tables import device
from homie_ota.web.app import BrokerStatus, Shell, build
from homie_ota.web.render import page

TICK = 0.1


async def _empty(request: Request) -> Response:
    return page(request, "base.html")


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        print(json.dumps({"ready": True}), flush=True)


async def _main(about: dict[str, Any]) -> int:
    folder = Path(about["data"])
    database, files = Database(str(folder / "pages.sqlite3")), ImageFiles(folder / "firmwares")
    database.migrate()
    await asyncio.to_thread(fill, database, files, Sizes(*about["sizes"]), time.time())
    broker = BrokerStatus(connected=True, address="127.0.0.1:1883", since=time.time())
    shell = Shell(Settings(auth={"mode": "none"}), database, files, Bus(), broker_status=lambda: broker)  # type: ignore[arg-type]
    app = build(shell)
    app.router.routes.insert(0, Route("/empty", _empty))
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=about["port"],
        log_config=None,
        access_log=False,
        lifespan="off",
        http="httptools",
    )
    serving = asyncio.create_task(_Server(config).serve())
    changing = asyncio.create_task(_obey(shell))
    await serving
    changing.cancel()
    return 0


async def _obey(shell: Shell) -> None:
    loop = asyncio.get_running_loop()
    about = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    a_tick, turn = max(1, round(about["change"] * TICK)), itertools.cycle(about["pks"])
    while True:
        began = loop.time()
        pks = list(itertools.islice(turn, a_tick))
        await shell.database.write(lambda conn, pks=pks: _change(conn, pks))  # type: ignore[misc]
        for pk in pks:
            shell.bus.say("device", device_pk=pk, state="ready")
        await asyncio.sleep(max(0.0, TICK - (loop.time() - began)))


def _change(conn: Connection, pks: list[int]) -> None:
    now = time.time()
    values = {"last_seen": now, "signal": now % 60 // 1 + 30, "uptime": device.c.uptime + 10}
    conn.execute(device.update().where(device.c.pk.in_(pks)).values(**values))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(_main(json.loads(sys.argv[1]))))

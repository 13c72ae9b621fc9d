"""(k) What it costs that many look at a page of a hundred devices while fifty change a second.

Rule: real connections, each a stream of its own; the changes go through rows and bus as those of the ingest do, and
are all on the page that is shown. Beside it: a process that writes as much, in as many pieces, to as many sockets.
"""

from __future__ import annotations

import http.client
import json
import re
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from html import unescape
from pathlib import Path
from typing import NamedTuple

from bench.figures import Figure, Target
from bench.pages_fleet import Sizes
from bench.processes import cpu_seconds, python, two_cores, unused_port
from bench.scale import Scale

CHANGES = 50
"""Devices that change, a second."""
SETTLE = 3.0
_DEVICE = re.compile(r'href="/device/homie~\w+-(\d{5})"')
_STREAM = re.compile(r'hx-sse:connect="([^"]+)"')


class Watched(NamedTuple):
    """What the viewers saw in a time: all bytes, those of the one that got least, and pieces a viewer."""

    total: int
    least: int
    pieces: int


def run(scale: Scale, folder: Path) -> Iterator[Figure]:
    """The figures of (k)."""
    one, others = two_cores()
    port = unused_port()
    about = {
        "data": str(folder),
        "sizes": Sizes(scale.page_devices, 20, 5, 2 * scale.page_devices),
        "port": port,
    }
    with python("bench.pages_server", about, folder / "log", cores=one) as server, ExitStack() as stack:
        server.hear()
        server.tell(json.dumps({"change": CHANGES, "pks": _shown(port)}))
        alone = _share(server.pid, SETTLE)
        sockets = [stack.enter_context(closing(_look(port))) for _ in range(scale.viewers)]
        _watch(sockets, SETTLE)
        before, began = cpu_seconds(server.pid), time.monotonic()
        seen = _watch(sockets, scale.viewing_seconds)
        seconds = time.monotonic() - began
        ours = 100 * (cpu_seconds(server.pid) - before) / seconds
    if not seen.least:
        raise RuntimeError("some viewers saw nothing")
    reference = _raw(scale, folder, seen, others)
    yield Figure(
        "k", f"CPU of {scale.viewers} live viewers of the inventory, {CHANGES} changes a second", ours, "%", reference,
        "a process that writes the same bytes to as many sockets", (Target("≤", 40),),
        f"{seen.total / seconds / scale.viewers / 1024:.1f} KB/s a viewer; nobody looking: {alone:.0f} %",
    )  # fmt: skip


def _share(pid: int, seconds: float) -> float:
    before = cpu_seconds(pid)
    time.sleep(seconds)
    return 100 * (cpu_seconds(pid) - before) / seconds


def _page(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with closing(connection):
        connection.request("GET", "/", headers={"Accept": "text/html"})
        return connection.getresponse().read().decode()


def _shown(port: int) -> list[int]:
    """The keys of the devices on the first page: `pages_fleet` has them at the end of the ids."""
    return sorted({int(number) for number in _DEVICE.findall(_page(port))})


def _look(port: int) -> socket.socket:
    """Load the inventory and open its stream, as a browser does."""
    found = _STREAM.search(_page(port))
    if found is None:
        raise RuntimeError("the inventory is not live")
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    told = f"GET {unescape(found[1])} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\nAccept: text/html\r\n\r\n"
    sock.sendall(told.encode())
    sock.setblocking(False)
    return sock


def _watch(sockets: list[socket.socket], seconds: float) -> Watched:
    """Read everything for so long."""
    counts = dict.fromkeys(sockets, 0)
    pieces, end = 0, time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for sock in sockets:
            selector.register(sock, selectors.EVENT_READ)
        while (left := end - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                assert isinstance(key.fileobj, socket.socket)
                piece = key.fileobj.recv(1 << 20)
                if not piece:
                    raise RuntimeError("a stream ended")
                counts[key.fileobj] += len(piece)
                pieces += key.fileobj is sockets[0]
    return Watched(sum(counts.values()), min(counts.values()), pieces)


def _raw(scale: Scale, folder: Path, seen: Watched, cores: set[int] | None) -> float:
    """The share of a core that a process takes for writing as much, and nothing else."""
    pieces = max(1, seen.pieces)
    about = {
        "viewers": scale.viewers,
        "size": max(1, seen.total // scale.viewers // pieces),
        "pause": scale.viewing_seconds / pieces,
    }
    with python("bench.viewers_raw", about, folder / "raw.log", cores=cores) as writer, ExitStack() as stack:
        port = int(writer.hear()["port"])
        sockets = []
        for _ in range(scale.viewers):
            sockets.append(stack.enter_context(closing(socket.create_connection(("127.0.0.1", port)))))
            sockets[-1].setblocking(False)
        before, began = cpu_seconds(writer.pid), time.monotonic()
        _watch(sockets, min(10.0, scale.viewing_seconds))
        return max(0.01, 100 * (cpu_seconds(writer.pid) - before) / (time.monotonic() - began))

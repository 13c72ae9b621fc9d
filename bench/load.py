"""A client of HTTP as a process of its own: `python -m bench.load`; what it does is said in JSON, line by line.

Lines on standard input: `fetch` (many whole answers as fast as possible), `slow` (open slow readers), `small` (time
requests). Bodies are dropped inside the kernel, so that the client costs as little as it can for both servers.
"""

from __future__ import annotations

import json
import resource
import selectors
import socket
import sys
import threading
import time
from typing import Any

_CHUNK = 1 << 20
_SIP = 2048
"""What a slow reader takes at a time: less than the window of an ESP8266."""
_RECEIVE_BUFFER = 4096


def fetch(about: dict[str, Any]) -> dict[str, Any]:
    """Fetch `requests` one after another on each of so many threads; seconds, and bytes for proof."""
    lists = [about["requests"][start :: about["connections"]] for start in range(about["connections"])]
    done: list[int] = []
    threads = [threading.Thread(target=_fetch, args=(about, each, done)) for each in lists]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"seconds": time.monotonic() - began, "complete": sum(n >= about["size"] for n in done)}


def _fetch(about: dict[str, Any], requests: list[str], done: list[int]) -> None:
    where, scratch = (about["host"], about["port"]), bytearray(_CHUNK)
    for request in requests:
        with socket.create_connection(where, timeout=60) as sock:
            sock.sendall(request.encode())
            head = sock.recv(_CHUNK)
            total = len(head) if head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")) else -_CHUNK
            while more := sock.recv_into(scratch, _CHUNK, socket.MSG_TRUNC):
                total += more
            done.append(total)


class SlowReaders:
    """Connections that each read a sip now and then; `start` opens all, `stop` hangs up."""

    def __init__(self, about: dict[str, Any]) -> None:
        self._about = about
        self._sockets: list[socket.socket] = []
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._sip)

    def start(self) -> dict[str, Any]:
        """Open all; says how many were answered with 200."""
        for request in self._about["requests"]:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            sock.settimeout(30)
            sock.connect((self._about["host"], self._about["port"]))
            sock.sendall(request.encode())
            self._sockets.append(sock)
        answered = sum(sock.recv(15)[9:12] == b"200" for sock in self._sockets)
        self._running.set()
        self._thread.start()
        return {"answered": answered}

    def _sip(self) -> None:
        chosen = selectors.DefaultSelector()
        for each in self._sockets:
            each.setblocking(False)
            chosen.register(each, selectors.EVENT_READ)
        while self._running.is_set():
            for key, _ in chosen.select(0.1):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                if not sock.recv(_SIP):
                    chosen.unregister(sock)
            time.sleep(0.2)

    def stop(self) -> dict[str, Any]:
        """Hang up, all at once."""
        self._running.clear()
        self._thread.join()
        for sock in self._sockets:
            sock.close()
        return {"stopped": len(self._sockets)}


def small(about: dict[str, Any]) -> dict[str, Any]:
    """Seconds of each of so many small requests, one after another, each on a connection of its own."""
    seconds = []
    for request in about["requests"]:
        began = time.monotonic()
        with socket.create_connection((about["host"], about["port"]), timeout=60) as sock:
            sock.sendall(request.encode())
            answer = b""
            while more := sock.recv(65536):
                answer += more
        if b" 200 " not in answer[:20]:
            raise ConnectionError(answer[:100].decode(errors="replace"))
        seconds.append(time.monotonic() - began)
        time.sleep(0.005)
    return {"seconds": seconds}


def main() -> int:
    """Do what each line says, answer with a line."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    readers: SlowReaders | None = None
    for line in sys.stdin:
        about = json.loads(line)
        if about["do"] == "slow":
            readers = SlowReaders(about)
            answer = readers.start()
        elif about["do"] == "hang up":
            answer = readers.stop() if readers else {}
        else:
            answer = {"fetch": fetch, "small": small}[about["do"]](about)
        print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

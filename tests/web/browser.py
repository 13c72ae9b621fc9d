"""A real browser that a test drives: Chromium over its debugging pipe, so that live pages can be watched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from types import TracebackType
from typing import Any

from servers import Chromium

# The browser reads its orders from file descriptor 3 and answers on 4.
_START = """
import fcntl, os, sys
pair = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 50) for number in sys.argv[1:3]]
for wanted, held in zip((3, 4), pair):
    os.dup2(held, wanted)
os.execvp(sys.argv[3], sys.argv[3:])
"""


class BrowserError(Exception):
    """The browser did not do what it was told."""


class Tab:
    """One page of a headless Chromium; `run` evaluates JavaScript in it."""

    def __init__(self, chromium: Chromium) -> None:
        to_browser, self._to = os.pipe()
        self._from, from_browser = os.pipe()
        command = chromium.command("--remote-debugging-pipe", "about:blank")
        start = [sys.executable, "-c", _START, str(to_browser), str(from_browser), *command]
        self._process = subprocess.Popen(
            start,
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._number = 0
        self._rest = b""
        self._session: str | None = None
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")

    def __enter__(self) -> Tab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._to)
        os.close(self._from)

    def open(self, url: str) -> None:
        """Load a page, scripts and all."""
        self._ask("Page.navigate", url=url)
        self.run(
            "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))"
        )

    def run(self, script: str) -> Any:
        """The value of an expression, waited for where it is a promise."""
        told = self._ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def wait_for(self, condition: str, seconds: float = 20.0) -> None:
        """Wait until an expression is true in the page, whichever page that is by then."""
        end = time.monotonic() + seconds
        while not self._is(condition):
            if time.monotonic() > end:
                raise AssertionError(
                    f"never {condition}; the page says: {self.run('document.body.innerText')}"
                )
            time.sleep(0.05)

    def _is(self, condition: str) -> bool:
        try:
            return bool(self.run(f"Boolean({condition})"))
        except BrowserError:  # it is just loading another page
            return False

    def _ask(self, method: str, **params: Any) -> Any:
        self._number += 1
        order: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            order["sessionId"] = self._session
        os.write(self._to, json.dumps(order).encode() + b"\0")
        while True:
            told = json.loads(self._message())
            if told.get("id") == self._number:
                if "error" in told:
                    raise BrowserError(told["error"]["message"])
                return told["result"]

    def _message(self) -> bytes:
        while b"\0" not in self._rest:
            piece = os.read(self._from, 65536)
            assert piece, "the browser ended"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return message

"""What one connection may cost: time for its headers, a way to cut it, and a bound on how many there are.

Rule: uvicorn itself waits for ever for a header that never comes, and its `close` waits for ever for a reader that
never reads. `guarded` makes a class of its protocol that does neither. The web may not know uvicorn (only `service`
does), so the class is handed in: `uvicorn.Config(app, http=guarded(HttpToolsProtocol))`.
"""

from __future__ import annotations

import asyncio
from typing import Any

ABORT = "homie_ota.abort"
"""Key in an ASGI scope's `extensions`: call it to cut the connection, whatever has not been read by then."""

HEADER_SECONDS = 20.0
"""From the connection, or the end of the last answer, to the end of the request's headers."""


def guarded(protocol: type[Any], *, header_seconds: float = HEADER_SECONDS) -> type[Any]:
    """A subclass of uvicorn's HTTP protocol that ends connections which bring no request."""

    class Guarded(protocol):  # type: ignore[misc]
        _waiting: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self._waiting = asyncio.get_running_loop().call_later(header_seconds, transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            if self._waiting is None:  # a further request on the same connection
                loop = asyncio.get_running_loop()
                self._waiting = loop.call_later(header_seconds, self.transport.abort)
            self.scope.setdefault("extensions", {})[ABORT] = self.transport.abort

        def on_headers_complete(self) -> None:
            self._stop_waiting()
            super().on_headers_complete()

        def _stop_waiting(self) -> None:
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

    return Guarded

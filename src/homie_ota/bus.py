"""“Something changed”: what wakes the dispatch and keeps live pages fresh.

Rule: a notice says where to look, never what is there: rows are the truth, and a lost notice costs freshness only.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple, Protocol

QUEUE = 1000
"""Notices kept for one listener; beyond that the oldest go and it is told that it missed some."""


class Notice(NamedTuple):
    """One change: its kind (`device`, `deployment`, `firmware`, `order`, `broker`) and keys of the rows."""

    kind: str
    about: dict[str, Any]


class Hears(Protocol):
    """Whoever wants to be told at once, before `say` returns."""

    def hear(self, notice: Notice) -> None:
        """Take one notice; must not wait."""


class Listener:
    """One reader of the bus; iterate over it. `missed` is True after notices were dropped, until it is reset."""

    def __init__(self) -> None:
        self._notices: deque[Notice] = deque(maxlen=QUEUE)
        self._something = asyncio.Event()
        self.missed = False

    def hear(self, notice: Notice) -> None:
        """Keep one more notice; the bus calls this."""
        self.missed = self.missed or len(self._notices) == QUEUE
        self._notices.append(notice)
        self._something.set()

    async def wait(self, at_most: float | None = None) -> list[Notice]:
        """Everything that was said since the last call; waits for the first, `at_most` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self._something.wait()
        self._something.clear()
        notices, self._notices = list(self._notices), deque(maxlen=QUEUE)
        return notices

    async def __aiter__(self) -> AsyncIterator[Notice]:
        while True:
            for notice in await self.wait():
                yield notice


class Bus:
    """The bus of one process; everything on it happens in the event loop's thread."""

    def __init__(self) -> None:
        self._listeners: set[Hears] = set()

    def say(self, kind: str, **about: Any) -> None:
        """Tell every listener; never waits."""
        notice = Notice(kind, about)
        for listener in self._listeners:
            listener.hear(notice)

    def join(self, who: Hears) -> None:
        """Tell `who` of everything from now on, for as long as the bus lives."""
        self._listeners.add(who)

    @contextlib.contextmanager
    def listen(self) -> Iterator[Listener]:
        """A listener for as long as the `with` block runs."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

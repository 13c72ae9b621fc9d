"""Sends one message by Apprise to one address.

Rule: the library is loaded in a thread, and only where somebody is to be told. What it writes into its log may name the
address, so it is read for the one word that helps, and goes nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from typing import Any

from homie_ota import __version__
from homie_ota.announce.tact import Message

PATIENCE = 60.0
"""Seconds for one message, all that the service does included."""
_STATUS = re.compile(r"error=(\d{3})")
_LOUD = ("urllib3", "requests")
"""Loggers below Apprise that name addresses."""
_SAID = threading.local()
"""What Apprise said in this thread, as `lines`."""


class Bell:
    """One address; `check` says whether it is one, `ring` sends a message."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._service: Any = None

    async def check(self) -> str:
        """Empty, or why this can be no address; nothing is sent."""
        return await self._in_a_thread(self._check)

    async def ring(self, message: Message) -> str:
        """Empty when it was taken, else a sentence without the address."""
        return await self._in_a_thread(self._ring, message)

    async def _in_a_thread(self, work: Callable[..., str], *given: Any) -> str:
        # A thread of its own each time: who hangs must not use up those that others need, or hold up the end.
        future: Future[str] = Future()
        threading.Thread(target=_finish, args=(future, work, given), name="notify", daemon=True).start()
        try:
            async with asyncio.timeout(PATIENCE):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            return f"It did not take the message within {PATIENCE:.0f} s."

    def _check(self) -> str:
        if self._service is None:
            self._service = _service(self._address)
        return (
            ""
            if self._service is not None
            else "Apprise knows no such address: look at its beginning, xyz://."
        )

    def _ring(self, message: Message) -> str:
        why = self._check()
        if why:
            return why
        _SAID.lines = []
        # No line break may get into a header, such as the subject of a mail.
        title = " ".join(message.title.split())
        taken = self._service.notify(
            body=message.body, title=title, notify_type=_kind(message.level), body_format="text"
        )
        return "" if taken else _reason("\n".join(_SAID.lines))


def _finish(future: Future[str], work: Callable[..., str], given: tuple[Any, ...]) -> None:
    try:
        found = work(*given)
    except BaseException as error:  # noqa: BLE001 - it belongs to who waits for the result
        outcome: Callable[[], None] = partial(future.set_exception, error)
    else:
        outcome = partial(future.set_result, found)
    with suppress(InvalidStateError):  # nobody waits any more
        outcome()


def _service(address: str) -> Any:
    """The service of Apprise; None where the address is none."""
    import apprise

    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("apprise").addFilter(_EAR)
    asset = apprise.AppriseAsset(
        app_id="homie-ota",
        app_desc=f"homie-ota {__version__}",
        app_url="",
        async_mode=False,
        plugin_paths=[],
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    return apprise.Apprise.instantiate(address, asset=asset)


def _kind(level: str) -> Any:
    import apprise

    return apprise.NotifyType(level)


class _Ear(logging.Filter):
    """Hears what Apprise says, and lets nothing of it into the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep it for `_reason`."""
        if record.levelno >= logging.WARNING and hasattr(_SAID, "lines"):
            _SAID.lines.append(record.getMessage())
        return False


_EAR = _Ear()


def _reason(said: str) -> str:
    """The sentence for what was said."""
    status = _STATUS.search(said)
    if status:
        return f"It answered {status[1]}."
    return "It cannot be reached." if "onnection" in said else "It did not take the message."

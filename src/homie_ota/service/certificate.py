"""The certificate of the pages: read from its files, and read again when they change, without a restart.

Rule: a pair that cannot be read, or whose halves do not belong together, changes nothing: the old one is served on.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

from homie_ota.errors import WrongUse

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
"""Seconds between two looks whether the files changed."""

_Mark = tuple[tuple[int, int, int], ...]


class Certificate:
    """A certificate with its chain and its key, both PEM; `context` is what a server speaks TLS with.

    Raises WrongUse with a sentence when the files cannot be used at the start.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self._certificate, self._key = certificate, key
        self._served: _Mark | None = None
        self._refused: _Mark | None = None
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._served = self._mark()
        if why := self._load(self.context):
            raise WrongUse(
                f"The pages cannot be served by https: {why}. See tls_certificate and tls_key in [http]."
            )

    def look(self) -> bool:
        """Serve what is in the files now; True when that is another certificate than before."""
        mark = self._mark()
        if mark is None or mark in (self._served, self._refused):
            return False
        # First into a context of its own: a load that fails half-way would leave a certificate without its key.
        why = self._load(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)) or self._load(self.context)
        if why:
            self._refused = mark
            log.warning("The new certificate is not used, the old one is served on: %s.", why)
            return False
        self._served, self._refused = mark, None
        log.info("The certificate %s was read again.", self._certificate)
        return True

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await asyncio.to_thread(self.look)

    def _load(self, context: ssl.SSLContext) -> str:
        """Put the files into a context; why that was not possible, empty when it was."""
        try:
            context.load_cert_chain(self._certificate, self._key, password="")
        except ssl.SSLError as error:
            word = (
                "do not belong together"
                if "MISMATCH" in str(error.reason)
                else "are not what they should be (PEM)"
            )
            return f"{self._certificate} and {self._key} {word}"
        except OSError as error:
            missing = [each for each in (self._certificate, self._key) if not Path(each).is_file()]
            return f"{', '.join(missing) or self._certificate} cannot be read: {error.strerror}"
        return ""

    def _mark(self) -> _Mark | None:
        """What tells one state of the files from another; None while one of them is missing."""
        try:
            found = [Path(each).stat() for each in (self._certificate, self._key)]
        except OSError:
            return None
        return tuple((each.st_mtime_ns, each.st_size, each.st_ino) for each in found)

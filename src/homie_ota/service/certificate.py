"""The certificate of the pages: read from its files, and read again when they change, without a restart.

Rule: a pair that cannot be read, or whose halves do not belong together, changes nothing: the old one is served on.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import time
from datetime import UTC, datetime
from pathlib import Path

from homie_ota.errors import WrongUse

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
"""Seconds between two looks whether the files changed."""

SOON = 14 * 86400.0
"""Seconds before the end of a certificate from which on it is warned of, once a day."""

# Validity of RFC 5280, 4.1.2.5: a sequence of two times, each UTCTime (13 signs) or GeneralizedTime (15 signs).
_TIME = rb"(?:\x17\x0d(\d{12})Z|\x18\x0f(\d{14})Z)"
_VALIDITY = re.compile(rb"\x30[\x1e\x20\x22]" + _TIME + _TIME)

_Mark = tuple[tuple[int, int, int], ...]


class Certificate:
    """A certificate with its chain and its key, both PEM; `context` is what a server speaks TLS with.

    `ends_at` is when it ends (Unix seconds), None where that cannot be read.
    Raises WrongUse with a sentence when the files cannot be used at the start.
    """

    def __init__(self, certificate: str, key: str) -> None:
        self._certificate, self._key = certificate, key
        self._served: _Mark | None = None
        self._refused: _Mark | None = None
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._served = self._mark()
        self._warned = 0.0
        if why := self._load(self.context):
            raise WrongUse(
                f"The pages cannot be served by https: {why}. See tls_certificate and tls_key in [http]."
            )
        self.ends_at = ends_at(Path(certificate).read_bytes())

    def warning(self, now: float) -> str:
        """What is to be said of a certificate that ends soon, or has ended; empty else."""
        if self.ends_at is None or self.ends_at - now > SOON:
            return ""
        day = datetime.fromtimestamp(self.ends_at, UTC).strftime("%Y-%m-%d %H:%M")
        word = "ended" if self.ends_at <= now else "ends"
        return f"The certificate {self._certificate} {word} on {day} UTC; browsers refuse one that has ended. Renew it."

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
        self._served, self._refused, self._warned = mark, None, 0.0
        self.ends_at = ends_at(Path(self._certificate).read_bytes())
        log.info("The certificate %s was read again.", self._certificate)
        return True

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await asyncio.to_thread(self.look)
            self._warn(time.time())

    def _warn(self, now: float) -> None:
        if now - self._warned >= 86400.0 and (sentence := self.warning(now)):
            self._warned = now
            log.warning("%s", sentence)

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


def ends_at(pem: bytes) -> float | None:
    """When the first certificate of a PEM file ends, in Unix seconds; None where that cannot be read."""
    _, _, rest = pem.partition(b"-----BEGIN CERTIFICATE-----")
    body, _, _ = rest.partition(b"-----END CERTIFICATE-----")
    try:
        der = ssl.PEM_cert_to_DER_cert(f"-----BEGIN CERTIFICATE-----{body.decode()}-----END CERTIFICATE-----")
    except ValueError:
        return None
    found = _VALIDITY.search(der)
    if found is None:
        return None
    short, long = found.group(3), found.group(4)
    if long is None:  # two digits of a year: 50 and above are of the last century
        long = (b"19" if short >= b"50" else b"20") + short
    try:
        return datetime.strptime(long.decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None

"""One HTTP request as an ESP8266 sends it, and what came back, byte by byte: no library may put anything right here.

Rule: HTTP/1.0, no redirect is followed, nothing is read beyond a short answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from homie_ota.doctor.nouns import Patient
from homie_ota.web.ota import NOT_FOR_PEOPLE, NOT_FROM_THERE, PROBE

SECONDS = 5.0
MOST = 64 << 10
UNKNOWN = "this device is not known here"
"""What the endpoint says to a device of Homie 1.5 that does not exist (`web/asked.py`)."""

ESP = {
    "User-Agent": "ESP8266-http-Update",
    "Connection": "close",
    "x-ESP8266-STA-MAC": "02:00:00:00:00:01",
    "x-ESP8266-AP-MAC": "02:00:00:00:00:02",
    "x-ESP8266-free-space": "2740224",
    "x-ESP8266-sketch-size": "404368",
    "x-ESP8266-chip-size": "4194304",
    "x-ESP8266-sdk-version": "2.2.1(cfd48f3)",
    "x-ESP8266-mode": "version",
    "x-ESP8266-version": f"{PROBE}=probe=0.0.0=0.0.1",
}
"""Headers of a device of Homie 1.5 that does not exist (esp-http-update.md); `mode` lets nothing be moved."""


class Answer(NamedTuple):
    """Status, headers (names in lower case), and the beginning of the body."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def is_ours(self) -> bool:
        """Whether a refusal is our endpoint's."""
        return any(sentence in self.body for sentence in (UNKNOWN, NOT_FOR_PEOPLE, NOT_FROM_THERE))


class Place(NamedTuple):
    """Where an address leads."""

    tls: bool
    host: str
    port: int
    path: str


def place_of(url: str) -> Place:
    """The parts of an address that the settings took for one."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    return Place(tls, parts.hostname or "", parts.port or (443 if tls else 80), parts.path or "/")


async def ask(place: Place, headers: dict[str, str] | None = None, seconds: float = SECONDS) -> Answer:
    """Ask as a device does; OSError where there is nobody, or no HTTP."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(
            place.host, place.port, ssl=_unverified() if place.tls else None, limit=MOST
        )
        try:
            told = {"Host": f"{place.host}:{place.port}", **(ESP if headers is None else headers)}
            lines = [
                f"GET {place.path} HTTP/1.0",
                *(f"{name}: {value}" for name, value in told.items()),
                "",
                "",
            ]
            writer.write("\r\n".join(lines).encode("latin-1"))
            return _read(await reader.read(MOST) + await _rest(reader))
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def health(patient: Patient) -> dict[str, Any] | None:
    """What the server says of itself where the settings say that it listens; None where it does not run."""
    host, port = patient.listens
    for each in dict.fromkeys((host, "127.0.0.1")):
        with contextlib.suppress(OSError, TimeoutError, ValueError):
            answer = await ask(Place(patient.settings.http.tls, each, port, "/healthz"), {})
            told = json.loads(answer.body)
            if isinstance(told, dict) and isinstance(told.get("broker"), dict):
                return told
    return None


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """What comes in a second piece; the end of a short answer is the end of the connection."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            return await reader.read(MOST)
    return b""


def _read(data: bytes) -> Answer:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split()
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdecimal():
        raise OSError("what answers there speaks no HTTP")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}
    return Answer(int(words[1]), headers, body.decode("utf-8", errors="replace")[:2000])


def _unverified() -> ssl.SSLContext:
    """Whose certificate it is does not matter here: nothing secret is sent."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

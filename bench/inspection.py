"""(f) Inspecting firmware files beside reading and hashing them, as an upload has to anyway (MD5 and SHA-256).

Rule: files on disk, read in the same chunks by both; each figure is the slowest of the makes, which differ in what is
to be verified: checksums (ESP8266), a CRC over the whole file (its newer cores), a SHA-256 (ESP32).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from hashlib import md5, sha256
from pathlib import Path
from random import Random
from struct import pack
from typing import NamedTuple
from zlib import crc32

from bench.figures import Figure, Target, median
from bench.scale import Scale
from homie_ota.esp.image import Inspector, refusal
from homie_ota.simulator.images import homie_magic, make_image

CHUNK = 1 << 16
SECRETS = (("the broker's password", b"correct-horse-battery"), ("the Wi-Fi password", b"staple-my-router"))
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Times(NamedTuple):
    """Seconds for one file: inspected without and with the search for secrets, and only read and hashed."""

    plain: float
    scanned: float
    hashed: float


def run(scale: Scale, folder: Path) -> Iterator[Figure]:
    """The figures of (f)."""
    for size in (scale.image_bytes, scale.large_image_bytes):
        times = {name: _measured(scale, folder, make(size)) for name, make in MAKES.items()}
        plain = {name: (one.plain, one.hashed) for name, one in times.items()}
        scanned = {name: (one.scanned, one.hashed) for name, one in times.items()}
        yield _slowest(f"inspecting an image of {size / 1e6:.1f} MB", 3, plain)
        yield _slowest(
            f"inspecting an image of {size / 1e6:.1f} MB, with the search for secrets", 10, scanned
        )
        hostile = _measured(scale, folder, _hostile(size))
        what = f"inspecting {size / 1e6:.1f} MB of marks that lead nowhere, with the search for secrets"
        yield _slowest(what, 10, {"hostile": (hostile.scanned, hostile.hashed)})


def _slowest(what: str, at_most: float, makes: dict[str, tuple[float, float]]) -> Figure:
    """The figure of the make that takes longest beside its hashing; `makes` are (ours, hashed) in seconds."""
    name, (ours, hashed) = max(makes.items(), key=lambda item: item[1][0] / item[1][1])
    return Figure(
        "f", what, 1000 * ours, "ms", 1000 * hashed, "read, MD5 and SHA-256", (Target("≤", at_most, ratio=True),),
        f"{1 / ours:,.0f} files/s" + (f"; the slowest make: {name}" if len(makes) > 1 else ""),
    )  # fmt: skip


def _measured(scale: Scale, folder: Path, data: bytes) -> Times:
    path = folder / "image.bin"
    path.write_bytes(data)
    runs = [
        Times(
            _seconds(scale, lambda: _inspected(path, scan=False)),
            _seconds(scale, lambda: _inspected(path, scan=True)),
            _seconds(scale, lambda: _hashed(path)),
        )
        for _ in range(scale.repetitions)
    ]
    return Times(*(median(each) for each in zip(*runs, strict=True)))


def _seconds(scale: Scale, work: Callable[[], None]) -> float:
    """Of one time; of so many that a clock's tick and a neighbour's burst do not count."""
    began, times = time.perf_counter(), 0
    while times < 3 or time.perf_counter() - began < scale.inspecting_seconds:
        work()
        times += 1
    return (time.perf_counter() - began) / times


def _inspected(path: Path, *, scan: bool) -> None:
    inspector = Inspector(SECRETS, scan_secrets=scan)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            inspector.feed(chunk)
    refusal(inspector.finish())


def _hashed(path: Path) -> None:
    digests = md5(), sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            for digest in digests:
                digest.update(chunk)
    for digest in digests:
        digest.digest()


# --- Files --------------------------------------------------------------------------------------------------------


def _esp8266(size: int) -> bytes:
    return make_image("hall-lamp", "1.0.3", "acme", size=size, flash_size=4 << 20)


def _esp8266_crc(size: int) -> bytes:
    data = bytearray(_esp8266(size))
    data[0x1010:0x1018] = bytes(8)
    backwards = crc32(bytes(data).translate(_REVERSED)) ^ 0xFFFFFFFF
    data[0x1010:0x1018] = pack("<II", len(data), int(f"{backwards:032b}"[::-1], 2))
    return bytes(data)


def _esp32(size: int) -> bytes:
    """One segment of constants, its checksum and the hash."""
    magic = homie_magic("hall-lamp", "1.0.3", "acme")
    constants = Random(size).randbytes(max(0, size - size % 16 - len(magic) - 80)) + magic
    body = pack("<BBBBI", 0xE9, 1, 2, 0x20, 0x40080040) + pack("<B3xH9xB", 0xEE, 0, 1)
    body += pack("<II", 0x3F400020, len(constants)) + constants
    body = body.ljust(len(body) + 15 - len(body) % 16, b"\0") + bytes([_xor(constants)])
    return body + sha256(body).digest()


def _xor(data: bytes) -> int:
    folded = 0xEF
    for byte in data:
        folded ^= byte
    return folded


MAKES: dict[str, Callable[[int], bytes]] = {
    "ESP8266": _esp8266,
    "ESP8266 with CRC": _esp8266_crc,
    "ESP32": _esp32,
}


def _hostile(size: int) -> bytes:
    """Marks of names, addresses and keys without an end, and half of a secret, behind an image's beginning."""
    marks = b"\xbf\x84\xe4\x13\x54" + b"http://a:" + b"-----BEGIN RSA " + b"correct-horse-batter"
    return (_esp8266(0x4000)[:0x2000] + marks * (size // len(marks)))[:size]

"""Sample images that look like ESP32 firmware: an application with its descriptor, checksum and hash.

Rule: as for `images`; what runs from flash memory lies at the same place of its page there as in the file
(esp-image.md, ESP32).
"""

from __future__ import annotations

from hashlib import sha256
from random import Random
from struct import pack

from homie_ota.simulator.images import LABEL, xor

_DROM, _DRAM, _IRAM, _IROM = 0x3F400020, 0x3FFB0000, 0x40080000, 0x400D0000
_PAGE = 0x10000
_RAM_BYTES = 1024
_HEADER = 24
_FOUR_MB_40_MHZ = 0x20
_MOST_CODE = 0x300000


def make_image_32(name: str, version: str, *, size: int = 40_960) -> bytes:
    """A whole application of about `size` bytes; its descriptor and a label tell what it is."""
    noise = Random(f"{name}@{version} esp32")
    constants = _descriptor(name, version) + noise.randbytes(512)
    constants += LABEL + f"{name}@{version}".encode() + b"\0" + noise.randbytes(64)
    constants += bytes(-len(constants) % 4)
    before = _HEADER + 8 * 4 + len(constants) + 2 * _RAM_BYTES
    code = noise.randbytes(max(1024, min(_MOST_CODE, size - before - 48) & ~3))
    segments = (
        (_DROM, constants),
        (_DRAM, noise.randbytes(_RAM_BYTES)),
        (_IRAM, noise.randbytes(_RAM_BYTES)),
        (_IROM + _PAGE + before % _PAGE, code),
    )
    body = _header(len(segments))
    body += b"".join(pack("<II", address, len(data)) + data for address, data in segments)
    body += bytes(15 - len(body) % 16) + bytes((xor(b"".join(data for _, data in segments)),))
    return body + sha256(body).digest()


def _header(segments: int) -> bytes:
    """The common header and the 16 bytes of the family: an ESP32 of any revision, a hash behind the image."""
    common = bytes((0xE9, segments, 2, _FOUR_MB_40_MHZ)) + pack("<I", _IRAM + 0x40)
    return common + pack("<B3xHBHH4xB", 0xEE, 0, 0, 0, 0, 1)


def _descriptor(name: str, version: str) -> bytes:
    """`esp_app_desc_t`, the first thing in the constants."""
    texts = ((version, 32), (name, 32), ("12:00:00", 16), ("Jan  1 2024", 16), ("v5.1.4", 32))
    said = b"".join(text.encode()[: width - 1].ljust(width, b"\0") for text, width in texts)
    return (pack("<II8x", 0xABCD5432, 0) + said + sha256(f"{name}{version}".encode()).digest()).ljust(
        256, b"\0"
    )

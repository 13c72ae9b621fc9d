"""Makes the digests of a mutated image right again, so that the fuzzer gets behind them.

Rule: only what a walk along the segments of the first image reaches; anything else stays as it was mutated.
"""

from __future__ import annotations

from hashlib import sha256
from struct import unpack_from

MOST_SEGMENTS = 16


def mended(data: bytes) -> bytes:
    """The same image with the checksum, and where one is appended the hash, that its content asks for."""
    if len(data) < 24 or data[0] != 0xE9:
        return data
    return _mended(data, 24) or _mended(data, 8) or data


def _mended(data: bytes, header: int) -> bytes | None:
    walked = _walk(data, header)
    if walked is None:
        return None
    end, folded = walked
    place = end - end % 16 + 15
    if place >= len(data):
        return None
    body = data[:place] + bytes([folded & 0xFF])
    if header == 24 and data[23] == 1:
        return body + sha256(body).digest() + data[place + 33 :]
    return body + data[place + 1 :]


def _walk(data: bytes, header: int) -> tuple[int, int] | None:
    """Where the segments end and the XOR of their data; None when they lead out of the file."""
    at, folded = header, 0xEF
    if not 1 <= data[1] <= MOST_SEGMENTS:
        return None
    for _ in range(data[1]):
        if at + 8 > len(data):
            return None
        (length,) = unpack_from("<I", data, at + 4)
        if at + 8 + length > len(data):
            return None
        for byte in data[at + 8 : at + 8 + length]:
            folded ^= byte
        at += 8 + length
    return at, folded

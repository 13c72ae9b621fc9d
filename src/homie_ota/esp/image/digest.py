"""Sums over the bytes of an image, taken as they pass: the XOR of all bytes, and the CRC of newer ESP8266 cores.

Rule: no loop over bytes. A block is XORed as one big integer and folded at the end; the CRC with the highest bit first
is zlib's, which takes the lowest first, over bytes with their bits turned round.
"""

from __future__ import annotations

import zlib

XOR_SEED = 0xEF
"""What the XOR over the segments' data begins with (esp-image.md, common header)."""

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Xor:
    """XOR of all bytes, with the seed of Espressif's images."""

    def __init__(self) -> None:
        self._sum = 0

    def update(self, data: bytes | memoryview) -> None:
        """Take the next bytes; blocks should be of bounded size."""
        self._sum ^= int.from_bytes(data, "little")

    def value(self) -> int:
        """The checksum byte of all that was taken."""
        width = 1 << max(0, (self._sum.bit_length() - 1).bit_length() - 3)
        folded = self._sum
        while width:
            folded = (folded >> (8 * width)) ^ (folded & ((1 << (8 * width)) - 1))
            width //= 2
        return folded ^ XOR_SEED


class Crc32:
    """CRC-32 with the polynomial 0x04C11DB7, highest bit first, seed 0xFFFFFFFF, no final XOR (esp-image.md)."""

    def __init__(self) -> None:
        self._crc = 0

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        self._crc = zlib.crc32(data.translate(_MIRRORED), self._crc)

    def value(self) -> int:
        """The CRC of all that was taken."""
        return int(f"{self._crc ^ 0xFFFFFFFF:032b}"[::-1], 2)

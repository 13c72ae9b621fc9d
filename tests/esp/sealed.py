"""Images that are signed or encrypted, as the Arduino core and Espressif's secure boot and flash encryption leave them.

Rule: everything is in its place, but the signatures are noise: nobody without the key can tell.
"""

from __future__ import annotations

from hashlib import sha256
from struct import pack
from zlib import crc32

from esp.builders import app, noise


def signed(built: bytes, length: int = 256) -> bytes:
    """The image, its signature, and the signature's length as the last four bytes, as the Arduino core signs."""
    return built + noise(length, "signature") + pack("<I", length)


def secure_boot_1(chip: str = "esp32", seed: object = 0) -> bytes:
    """Application with hash, padding, and the signature of secure boot 1: version 0 and 64 bytes of ECDSA."""
    return app(chip, seed) + bytes(12) + pack("<I", 0) + noise(64, "ecdsa")


def secure_boot_2(chip: str = "esp32-s3", seed: object = 0) -> bytes:
    """Application padded to 4 KB, then the sector with the signature block of secure boot 2 (RSA)."""
    padded = app(chip, seed)
    padded = padded.ljust(len(padded) + -len(padded) % 0x1000, b"\xff")
    block = pack("<BB2x32s", 0xE7, 2, sha256(padded).digest()) + noise(384 + 4 + 384 + 4 + 384, "rsa")
    return padded + (block + pack("<I", crc32(block)) + bytes(16)).ljust(0x1000, b"\xff")


def encrypted(seed: object = 0, first: int = 0x83) -> bytes:
    """Flash encryption leaves nothing that could be read; its length is a multiple of 32."""
    return bytes([first]) + noise(0x4000 - 1, f"aes {seed}")

"""Files of the ESP world, built from the documents: each is right in every field that its format has.

Rule: nothing here comes from the parser that is tried with it, nor from the simulator. What a format says is in
esp-image.md and in Espressif's ESP-IDF guide ("App image format", "Partition tables", "Secure boot"); the vendor's
esptool confirms it in test_inspection_oracle.py. The same arguments give the same bytes.
"""

from __future__ import annotations

from functools import reduce
from hashlib import md5, sha256
from operator import xor
from random import Random
from struct import pack
from typing import NamedTuple

SKETCH = 0x1000
APP = 0x10000
BLOCK = 16


class Piece(NamedTuple):
    """One segment: where it is loaded, and its bytes."""

    address: int
    data: bytes


class Chip(NamedTuple):
    """One chip of the ESP32 family: its id, where its boot loader lies in flash, and its memories."""

    id: int
    boot: int
    drom: int
    dram: int
    iram: int
    irom: int


#: Espressif's chip ids (`esp_chip_id_t`) and the first addresses of the memories in the technical reference manuals.
CHIPS = {
    "esp32": Chip(0, 0x1000, 0x3F400000, 0x3FFB0000, 0x40080000, 0x400D0000),
    "esp32-s2": Chip(2, 0x1000, 0x3F000000, 0x3FFC0000, 0x40024000, 0x40080000),
    "esp32-c3": Chip(5, 0, 0x3C000000, 0x3FC88000, 0x40380000, 0x42000000),
    "esp32-s3": Chip(9, 0, 0x3C000000, 0x3FC90000, 0x40374000, 0x42000000),
    "esp32-c2": Chip(12, 0, 0x3C000000, 0x3FCA0000, 0x4037C000, 0x42000000),
    "esp32-c6": Chip(13, 0, 0x42800000, 0x40810000, 0x40800000, 0x42000000),
    "esp32-h2": Chip(16, 0, 0x42800000, 0x40810000, 0x40800000, 0x42000000),
    "esp32-p4": Chip(18, 0x2000, 0x40100000, 0x4FF10000, 0x4FF00000, 0x40000000),
    "esp32-c61": Chip(20, 0, 0x42800000, 0x40810000, 0x40800000, 0x42000000),
    "esp32-c5": Chip(23, 0x2000, 0x42800000, 0x40810000, 0x40800000, 0x42000000),
}

LEFT_RIGHT = (
    (bytes.fromhex("bf84e41354"), bytes.fromhex("93446ba775")),
    (bytes.fromhex("6a3f3e0ee1"), bytes.fromhex("b03048d41a")),
    (bytes.fromhex("fb2af568c0"), bytes.fromhex("6e2f0feb2d")),
)


def noise(length: int, seed: object = 0) -> bytes:
    """Bytes like code: without structure, the same for the same seed."""
    return Random(str(seed)).randbytes(length)


XTENSA = bytes.fromhex("0000000020 40f0ff12 c1213100")
ARM = bytes.fromhex("0000000046 70b5bdf0 08682021")


def code(length: int, seed: object = 0, common: bytes = XTENSA) -> bytes:
    """Bytes of which a few are far more common than others, as in real code: nothing encrypted looks like it."""
    chance = Random(str(seed))
    return bytes(chance.choice(common) ^ (chance.random() < 0.2) for _ in range(length))


def magic(name: str = "hall-lamp", version: str = "1.0.3", brand: str = "acme") -> bytes:
    """What a Homie sketch says of itself."""
    said = zip(LEFT_RIGHT, (name, version, brand), strict=True)
    return b"%HOMIE_ESP8266_FW%\0" + b"\0".join(
        left + value.encode() + right for (left, right), value in said
    )


def checksum(pieces: list[Piece]) -> int:
    """XOR of all the data of the segments, begun with 0xEF; the slow way, on purpose."""
    return reduce(xor, b"".join(piece.data for piece in pieces), 0xEF)


def image(
    pieces: list[Piece],
    mode: int,
    size_and_frequency: int,
    entry: int,
    extended: bytes = b"",
    before: int = 0,
) -> bytes:
    """Header, segments, padding and the checksum as the last byte of a block of 16, counted from `before` on."""
    body = pack("<BBBBI", 0xE9, len(pieces), mode, size_and_frequency, entry) + extended
    body += b"".join(pack("<II", piece.address, len(piece.data)) + piece.data for piece in pieces)
    body += bytes(BLOCK - 1 - (len(body) + before) % BLOCK)
    return body + bytes([checksum(pieces)])


# --- ESP8266 ------------------------------------------------------------------------------------------------------


def sketch_pieces(seed: object = 0, extra: bytes = magic(), code_bytes: int = 4016) -> list[Piece]:
    """Code in flash, code in RAM, constants with the magic near the end; lengths as odd as real ones."""
    return [
        Piece(0x40201010, noise(code_bytes, f"irom {seed}")),
        Piece(0x40100000, noise(464, f"iram {seed}")),
        Piece(0x401001D0, noise(1021, f"more iram {seed}")),
        Piece(0x3FFE8000, noise(300, f"data {seed}") + extra + noise(100, f"end {seed}")),
    ]


def arduino(
    seed: object = 0,
    extra: bytes = magic(),
    mode: int = 2,
    size: int = 4,
    frequency: int = 0,
    code_bytes: int = 4016,
) -> bytes:
    """What the Arduino core builds: the boot loader's image, and the sketch as a second image at 0x1000."""
    flash = size << 4 | frequency
    boot = image([Piece(0x4010F000, noise(1384, "eboot"))], mode, flash, 0x4010F29C)
    sketch = image(sketch_pieces(seed, extra, code_bytes), mode, flash, 0x40100004)
    return boot.ljust(SKETCH, b"\xaa") + sketch


def arduino_crc(seed: object = 0, extra: bytes = magic(), place: int = SKETCH + 16, **others: int) -> bytes:
    """The same of newer cores: length and CRC at 0x1010, written after the checksum was computed; or at 0xFF8."""
    built = bytearray(arduino(seed, extra, **others))
    built[place : place + 8] = bytes(8)
    built[place : place + 8] = pack("<II", len(built), crc32_msb(bytes(built)))
    return bytes(built)


def crc32_msb(data: bytes) -> int:
    """CRC-32: polynomial 0x04C11DB7, first bit first, seed 0xFFFFFFFF, no final XOR; bit by bit, on purpose."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc >> 31 else 0)) & 0xFFFFFFFF
    return crc


def plain_with_code(seed: object = 0) -> bytes:
    """One ESP8266 image with its code of the flash as a segment, to be run without a boot loader."""
    pieces = [Piece(0x40100000, noise(2816, seed)), Piece(0x3FFE8000, noise(300, f"data {seed}"))]
    return image([Piece(0x40210000, code(3000, f"irom {seed}")), *pieces], 2, 0x40, 0x40100004)


def eboot() -> bytes:
    """The boot loader of the Arduino core alone: what stands before 0x1000."""
    return image([Piece(0x4010F000, noise(1384, "eboot"))], 2, 0x40, 0x4010F29C)


def flash_dump(seed: object = 0, length: int = 0x20000) -> bytes:
    """All of an ESP8266's flash, read back by cable: the image, erased flash, and what else was there."""
    return arduino(seed).ljust(length - 0x1000, b"\xff") + noise(0x1000, "settings")


def rtos(seed: object = 0, extra: bytes = b"") -> bytes:
    """An application of ESP8266_RTOS_SDK 3: descriptor and hash like an ESP32's, behind the ESP8266's short header."""
    pieces = [
        Piece(0x40210010, descriptor() + noise(2000, f"irom {seed}") + extra),
        Piece(0x40100000, noise(512, f"iram {seed}")),
        Piece(0x3FFE8000, noise(260, f"data {seed}")),
    ]
    built = image(pieces, 2, 0x20, 0x401000E8)
    return built + sha256(built).digest()


def plain(seed: object = 0, extra: bytes = b"") -> bytes:
    """One ESP8266 image whose segments all go to RAM, exactly to its checksum: the half of a split image at 0x00000."""
    pieces = [Piece(0x40100000, noise(2816, seed)), Piece(0x3FFE8000, noise(300, f"data {seed}") + extra)]
    return image(pieces, 0, 0x20, 0x40100004)


def split_rest(seed: object = 0) -> bytes:
    """The half of a split image at 0x10000: code of the flash, without any header."""
    return bytes.fromhex("00feef3fe0bf234010c02340d4071040") + code(5000, f"irom0 {seed}")


def nodemcu(seed: object = 0, extra: bytes = b"", length: int = 0x18000) -> bytes:
    """Both halves in one file, as NodeMCU gives them out: nothing tells where it ends."""
    return (plain(seed, extra).ljust(APP, b"\xff") + split_rest(seed)).ljust(length, b"\xff")


def micropython(seed: object = 0) -> bytes:
    """MicroPython's: the length before 0x9000, code of the flash from there on, and the MD5 of all but 4 bytes."""
    rest = split_rest(seed)
    built = plain(seed).ljust(0x8FFC, b"\xff") + pack("<I", 0x9000 + len(rest)) + rest
    return built + md5(built[4:]).digest()


# --- ESP32 family -------------------------------------------------------------------------------------------------


def descriptor(project: str = "hall-lamp", version: str = "1.0.3", idf: str = "v5.1.4") -> bytes:
    """`esp_app_desc_t`: 256 bytes, the first of the first segment of an application."""
    texts = (version, 32), (project, 32), ("20:11:05", 16), ("Jun 26 2024", 16), (idf, 32)
    said = b"".join(text.encode().ljust(width, b"\0") for text, width in texts)
    return (pack("<II8x", 0xABCD5432, 7) + said + sha256(b"elf").digest()).ljust(256, b"\0")


def extended(chip: str, hashed: bool = True) -> bytes:
    """The 16 bytes behind the common header."""
    return pack("<B3xHBHH4xB", 0xEE, CHIPS[chip].id, 0, 0, 0xFFFF if chip != "esp32" else 0, hashed)


def app_pieces(
    chip: str,
    seed: object = 0,
    extra: bytes = magic(),
    code_bytes: int = 2048,
    about_itself: bytes = descriptor(),
) -> list[Piece]:
    """Constants with the descriptor, data, code in RAM and code in flash of an application.

    What runs from flash is at the same place of its page there as in the file.
    """
    about = CHIPS[chip]
    constants = (
        about_itself + noise(1000, f"rodata {seed}") + extra.ljust(120, b"\0") + noise(96, f"end {seed}")
    )
    ram = [Piece(about.dram, noise(260, f"data {seed}")), Piece(about.iram, noise(512, f"iram {seed}"))]
    offset = 24 + 8 * 4 + len(constants) + sum(len(piece.data) for piece in ram)
    code_of_flash = Piece(about.irom + 0x10000 + offset % 0x10000, noise(code_bytes, f"irom {seed}"))
    return [Piece(about.drom + 0x20, constants), *ram, code_of_flash]


def app(
    chip: str,
    seed: object = 0,
    extra: bytes = magic(),
    hashed: bool = True,
    mode: int = 2,
    flash: int = 0x20,
    code_bytes: int = 2048,
) -> bytes:
    """An application with its checksum and, if `hashed`, with the SHA-256 behind it."""
    about = CHIPS[chip]
    built = image(
        app_pieces(chip, seed, extra, code_bytes), mode, flash, about.iram + 0x40, extended(chip, hashed)
    )
    return built + (sha256(built).digest() if hashed else b"")


def old_app(chip: str = "esp32", header: bytes = bytes(15) + b"\1") -> bytes:
    """An application of the first years: no descriptor, and an extended header of zeros."""
    built = image(app_pieces(chip, about_itself=b""), 2, 0x20, CHIPS[chip].iram + 0x40, header)
    return built + (sha256(built).digest() if header[15] else b"")

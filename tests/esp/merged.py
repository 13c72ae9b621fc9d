"""What is in an ESP32's flash besides the application, alone and merged into one file.

Rule: as in builders.py. Formats: Espressif's ESP-IDF guide, "Bootloader image format" and "Partition tables".
"""

from __future__ import annotations

from hashlib import md5, sha256
from struct import pack

from esp.builders import APP, CHIPS, Piece, app, extended, image, noise

PARTITIONS = 0x8000
OTA_CHOICE = 0xE000


def boot_loader(chip: str, described: bool = False, mode: int = 2, flash: int = 0x20) -> bytes:
    """A boot loader: all of it goes to RAM. Since IDF 5.2 it begins with a description of its own (`described`)."""
    about = CHIPS[chip]
    told = (
        pack("<B3xI32s24s16x", 80, 1, b"v5.2.1", b"Jun 26 2024 20:11:05")
        if described
        else b"\xff\xff\xff\xff"
    )
    pieces = [
        Piece(about.dram + 0x6000, told.ljust(96, b"\0") + noise(400, f"boot data {chip}")),
        Piece(about.iram + 0x8000, noise(1200, f"boot {chip}")),
        Piece(about.iram + 0xA000, noise(800, f"more boot {chip}")),
    ]
    built = image(pieces, mode, flash, about.iram + 0x8040, extended(chip))
    return built + sha256(built).digest()


def partition_table() -> bytes:
    """Rows of 32 bytes, a row with their MD5, erased flash up to 3,072 bytes."""
    rows = (
        (1, 2, 0x9000, 0x5000, "nvs"),
        (1, 0, OTA_CHOICE, 0x2000, "otadata"),
        (0, 0x10, APP, 0x140000, "app0"),
    )
    table = b"".join(pack("<2sBBII16sI", b"\xaa\x50", *row[:4], row[4].encode(), 0) for row in rows)
    return (table + b"\xeb\xeb" + b"\xff" * 14 + md5(table).digest()).ljust(3072, b"\xff")


def boot_app0() -> bytes:
    """Which application is to be started: sequence number 1 with its CRC, and an empty second sector."""
    row = pack("<I24sI", 1, b"\xff" * 24, 0x4743989A)
    return row.ljust(0x1000, b"\xff").ljust(0x2000, b"\xff")


def factory(chip: str, seed: object = 0, whole: bytes = b"", described: bool = False) -> bytes:
    """Boot loader, partition table and application in one file, erased flash between them."""
    built = b"".ljust(CHIPS[chip].boot, b"\xff") + boot_loader(chip, described)
    built = built.ljust(PARTITIONS, b"\xff") + partition_table()
    return built.ljust(OTA_CHOICE, b"\xff") + boot_app0() + (whole or app(chip, seed))


def factory_from_boot_loader(chip: str = "esp32") -> bytes:
    """A factory image that does not begin at 0 of the flash but with the boot loader (`merge-bin --target-offset`)."""
    return factory(chip)[CHIPS[chip].boot :]

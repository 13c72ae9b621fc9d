"""What a file is that does not begin like an image: people upload many things by mistake.

Rule: the first recogniser that knows the beginning decides; each looks at the first block only. A file that nobody
knows is said to be foreign, or encrypted when it looks random.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from struct import unpack_from
from typing import NamedTuple

from homie_ota.esp.image.chips import MAGIC, SHORTEST
from homie_ota.esp.image.findings import finding
from homie_ota.esp.image.nouns import Finding


class Kind(NamedTuple):
    """A kind of file (a word of KINDS) and what is to be said about it."""

    kind: str
    finding: Finding


def recognise(head: bytes, size: int) -> Kind:
    """What a file of `size` bytes with this beginning is; `head` holds at least 4,096 bytes or the whole file."""
    for look in _RECOGNISERS:
        found = look(head, size)
        if found:
            return found
    return Kind("foreign", finding("foreign", first=_first(head)))


def looks_random(head: bytes) -> bool:
    """Whether all 256 bytes are about equally frequent, as in what was encrypted or packed well."""
    if len(head) < 2048:
        return False
    sample = head[: 1 << 14]
    squares = sum(count * count for count in map(sample.count, map(_byte, range(256))))
    # Of n evenly drawn bytes the squares sum up to n²/256 + n; code and data have several times that.
    return squares < 1.15 * (len(sample) ** 2 / 256 + len(sample))


def _byte(value: int) -> bytes:
    return bytes((value,))


def _first(head: bytes) -> str:
    return head[:4].hex(" ").upper()


# --- Recognisers --------------------------------------------------------------------------------------------------


def _nothing(head: bytes, size: int) -> Kind | None:
    if not size:
        return Kind("empty", finding("empty"))
    if size < SHORTEST and head[0] == MAGIC:
        return Kind("truncated", finding("too-short", what="the beginning of an ESP image", size=size))
    return None


_MACHINES = {94: " for an ESP8266 or ESP32", 243: " for a RISC-V chip like the ESP32-C3"}
"""`e_machine` of the ELF header, as far as Espressif builds have it (System V ABI, supplement for the processor)."""


def _elf(head: bytes, _size: int) -> Kind | None:
    if not head.startswith(b"\x7fELF"):
        return None
    (machine,) = unpack_from("<H", head, 18) if len(head) >= 20 else (0,)
    return Kind("elf", finding("elf", machine=_MACHINES.get(machine, "")))


_BEGINNINGS: tuple[tuple[bytes, str, str, str], ...] = (
    (b"UF2\n", "uf2", "uf2", ""),
    (b"PK\x03\x04", "archive", "zip", ""),
    (b"PK\x05\x06", "archive", "archive", "an empty zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive", "archive", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "archive", "archive", "a RAR archive"),
    (b"\xfd7zXZ\x00", "archive", "archive", "an xz file"),
    (b"BZh", "archive", "archive", "a bzip2 file"),
    (b"\x28\xb5\x2f\xfd", "archive", "archive", "a Zstandard file"),
    (b"\x1f\x8b", "gzip", "gzip", ""),
    (b"\xaa\x50", "partition-table", "partition-table", ""),
    (b"%PDF", "foreign", "document", "a PDF document"),
    (b"\x89PNG", "foreign", "document", "a picture"),
    (b"\xff\xd8\xff", "foreign", "document", "a picture"),
    (b"GIF8", "foreign", "document", "a picture"),
    (b"MZ", "foreign", "other-chip", "a program for Windows"),
    (b"\xcf\xfa\xed\xfe", "foreign", "other-chip", "a program for macOS"),
    (b"\xca\xfe\xba\xbe", "foreign", "other-chip", "a program for macOS or Java"),
    (b"\x27\x05\x19\x56", "foreign", "other-chip", "an image for the boot loader U-Boot, as routers have it"),
    (b"RBL\0", "foreign", "other-chip", "an update package for Beken chips (BK7231 and the like)"),
    (b"PHYINIT\0", "rf-init", "rf-init", "phy_init_data.bin"),
    (b"\xea\x04", "foreign", "sdk-image", ""),
)
"""How files begin → kind, row of FINDINGS, and what the row calls it."""


def _by_beginning(head: bytes, _size: int) -> Kind | None:
    for start, kind, row, what in _BEGINNINGS:
        if head.startswith(start):
            return Kind(kind, finding(row, what=what))
    return None


def boot_choice_is_right(head: bytes) -> bool:
    """Whether `esp_ota_select_entry_t` (a count, 20 bytes of label, state, CRC of the count) has the right CRC."""
    return len(head) >= 32 and unpack_from("<I", head, 28)[0] == zlib.crc32(head[:4], 0xFFFFFFFF)


def _boot_app0(head: bytes, _size: int) -> Kind | None:
    count, label, state = head[:4], head[4:24], head[24:28]
    as_shipped = count == b"\x01\0\0\0" and label == b"\xff" * 20 and state == b"\xff" * 4
    right = boot_choice_is_right(head) and count != b"\xff" * 4
    return Kind("boot-app0", finding("boot-app0")) if right or as_shipped else None


def _rf_init(head: bytes, size: int) -> Kind | None:
    if size == 128 and head[0] == 5 and head[2:6] == b"\x04\x02\x05\x05":
        return Kind("rf-init", finding("rf-init", what="esp_init_data_default.bin"))
    return None


def _file_system(head: bytes, size: int) -> Kind | None:
    if b"littlefs" in (head[8:16], head[0x1008:0x1010]):
        return Kind("file-system", finding("file-system", what="LittleFS"))
    if (
        head[510:512] == b"\x55\xaa"
        and head[0] in (0xEB, 0xE9)
        and (b"FAT" in head[3:90] or b"MSDOS" in head[3:11])
    ):
        return Kind("file-system", finding("file-system", what="FAT"))
    if _spiffs(head, size):
        return Kind("file-system", finding("file-system", what="SPIFFS"))
    return None


_PAGE = 256
_LARGEST_OBJECT = 0x400
_SPIFFS_MARK = 0x20140529
_SPIFFS_BLOCKS = (0x1000, 0x2000, 0x10000)


def _spiffs(head: bytes, size: int) -> bool:
    """The first page of a block lists the objects of the other pages (16 bits each), the next page is the first's.

    In an empty one only the mark at the end of the list tells: a number made of page size and count of blocks.
    """
    if size % 0x1000 or len(head) < 2 * _PAGE:
        return False
    listed, (mark,) = unpack_from("<120H", head), unpack_from("<H", head, _PAGE - 4)
    if mark in [(_SPIFFS_MARK ^ _PAGE ^ size // block) & 0xFFFF for block in _SPIFFS_BLOCKS]:
        return True
    known = [each for each in listed if each != 0xFFFF]
    in_front = bool(known) and listed[: len(known)] == tuple(known)
    plausible = all(0 < each & 0x7FFF < _LARGEST_OBJECT or not each for each in known)
    return in_front and plausible and head[_PAGE : _PAGE + 2] == head[:2] != b"\0\0"


def _stored_settings(head: bytes, size: int) -> Kind | None:
    """A page of NVS: state (erased bits count it), number, version 2 or 1, and unused bytes FF."""
    states = (b"\xfe\xff\xff\xff", b"\xfc\xff\xff\xff")
    is_page = head[:4] in states and head[8:9] in (b"\xfe", b"\xff") and head[9:28] == b"\xff" * 19
    return Kind("file-system", finding("settings")) if is_page and not size % 0x1000 else None


_HTML = re.compile(rb"\s{0,200}(<!doctype|<html|<head|<body|<\?xml|<!--)", re.IGNORECASE)
_INTEL_HEX = re.compile(rb":[0-9A-Fa-f]{10}")
_S_RECORD = re.compile(rb"S[0-37-9][0-9A-Fa-f]{6}")


def _page_or_text(head: bytes, _size: int) -> Kind | None:
    start = head[:512].removeprefix(b"\xef\xbb\xbf")
    if _HTML.match(start):
        return Kind("html", finding("html"))
    if _INTEL_HEX.match(start):
        return Kind("intel-hex", finding("intel-hex"))
    if _S_RECORD.match(start):
        return Kind("foreign", finding("s-record"))
    return Kind("text", finding("text")) if _is_text(start) else None


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # not just a letter cut by the end of the head
            return False
        text = start[: error.start].decode()
    return all(c.isprintable() or c in "\r\n\t\f" for c in text)


def _second_half(head: bytes, _size: int) -> Kind | None:
    """Code for the ESP8266's flash memory without a header: words that point into it, and beginnings of functions."""
    if len(head) < 64:
        return None
    words = unpack_from(f"<{min(len(head), 1024) // 4}I", head)
    inside = sum(0x40200000 <= word < 0x40300000 or 0x3FFE8000 <= word < 0x40000000 for word in words)
    functions = head[:4096].count(b"\x12\xc1")  # addi a1, a1, …: makes room on the stack
    calls = inside >= 2 and functions >= 2
    return Kind("split-half", finding("split-second")) if calls else None


def _other_chip(head: bytes, _size: int) -> Kind | None:
    if len(head) < 16:
        return None
    stack, *vectors = unpack_from("<4I", head)
    flash = all(0x08000000 <= each < 0x08200000 or 0 < each < 0x00200000 for each in vectors)
    if 0x20000000 < stack <= 0x20100000 and flash and all(each & 1 for each in vectors):
        return Kind(
            "foreign", finding("other-chip", what="a program for an ARM Cortex-M (STM32, nRF, RP2040, …)")
        )
    return None


def _random(head: bytes, _size: int) -> Kind | None:
    return Kind("encrypted", finding("encrypted", first=_first(head))) if looks_random(head) else None


_RECOGNISERS: tuple[Callable[[bytes, int], Kind | None], ...] = (
    _nothing,
    _elf,
    _by_beginning,
    _boot_app0,
    _rf_init,
    _file_system,
    _stored_settings,
    _page_or_text,
    _other_chip,
    _second_half,
    _random,
)

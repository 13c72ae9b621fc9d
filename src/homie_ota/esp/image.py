"""What a firmware file says about itself, and what a file is that is no firmware.

Rule: bytes are looked at once, as they pass, in bounded memory; what is found is data, cleaned, never a path. Facts are
those of the Espressif image format and of the Homie magic (near the end of homie-esp8266 images). Deep checks
(checksums, the second image, merged images) would be further readers of the same stream in `Inspector.feed`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from struct import unpack_from

from homie_ota.model import MAX_NAME

MAGIC = 0xE9
HEAD_BYTES = 0x1010
"""How much of the beginning `refusal` wants to see: a merged image shows its boot loader only at 0x1000."""

SHORTEST = 24
"""Bytes of the smallest thing that could be an image: a header and the header of one segment, or the ESP32's header."""

FLASH_MODES = ("qio", "qout", "dio", "dout")
ESP8266_FLASH = {
    0: 512 << 10,
    1: 256 << 10,
    2: 1 << 20,
    3: 2 << 20,
    4: 4 << 20,
    5: 2 << 20,
    6: 4 << 20,
    8: 8 << 20,
    9: 16 << 20,
}
ESP32_FLASH = {nibble: 1 << (20 + nibble) for nibble in range(8)}
ESP32_CHIPS = {
    0: "esp32",
    2: "esp32-s2",
    5: "esp32-c3",
    9: "esp32-s3",
    12: "esp32-c2",
    13: "esp32-c6",
    16: "esp32-h2",
    18: "esp32-p4",
}
"""Chip id of the extended header → our word for the chip."""

_ESP8266_ADDRESSES = ((0x3FFE8000, 0x40000000), (0x40100000, 0x40110000), (0x40200000, 0x40300000))
"""Where an ESP8266 loads segments: data, RAM code, flash code. An ESP32's bytes 8–11 are never such an address."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file says about itself; empty words and 0 where it says nothing.

    `chip` is `esp8266`, `esp32`, `esp32-c3`, …; `flash_size` in bytes; `warnings` are sentences for a person.
    """

    kind: str = "application"
    name: str = ""
    version: str = ""
    brand: str = ""
    chip: str = ""
    flash_size: int = 0
    flash_mode: str = ""
    warnings: tuple[str, ...] = ()


def clean(text: str, limit: int = MAX_NAME) -> str:
    """Text from a file without control characters and spaces around it, at most `limit` characters."""
    seen = (c for c in text[: 4 * limit] if not unicodedata.category(c).startswith("C"))
    return "".join(seen).strip()[:limit].strip()


@dataclass(frozen=True, slots=True)
class _Mark:
    """One value of the Homie magic: what stands left and right of it, and how long it may be."""

    word: str
    left: bytes
    right: bytes
    longest: int

    def pattern(self) -> re.Pattern[bytes]:
        bounds = re.escape(self.left), self.longest, re.escape(self.right)
        return re.compile(b"%s(.{1,%d}?)%s" % bounds, re.DOTALL)


_MARKS = (
    _Mark("name", b"\xbf\x84\xe4\x13\x54", b"\x93\x44\x6b\xa7\x75", 32),
    _Mark("version", b"\x6a\x3f\x3e\x0e\xe1", b"\xb0\x30\x48\xd4\x1a", 16),
    _Mark("brand", b"\xfb\x2a\xf5\x68\xc0", b"\x6e\x2f\x0f\xeb\x2d", 32),
)
_PATTERNS = tuple((mark, mark.pattern()) for mark in _MARKS)
_OVERLAP = max(len(mark.left) + mark.longest + len(mark.right) for mark in _MARKS) - 1
"""Bytes kept from one chunk to the next, so that a value across the border is still seen whole."""


class Inspector:
    """Looks at a file chunk by chunk; keeps its head, a short tail and what was found, whatever the file's size."""

    def __init__(self) -> None:
        self.head = b""
        self.size = 0
        self._tail = b""
        self._found: dict[str, str] = {}
        self._contradicted: set[str] = set()

    def feed(self, chunk: bytes) -> None:
        """Look at the next bytes of the file."""
        self.size += len(chunk)
        if len(self.head) < HEAD_BYTES:
            self.head += chunk[: HEAD_BYTES - len(self.head)]
        window = self._tail + chunk
        for mark, pattern in _PATTERNS:
            for match in pattern.finditer(window):
                self._remember(mark, match.group(1))
        self._tail = window[-_OVERLAP:]

    def _remember(self, mark: _Mark, value: bytes) -> None:
        # A left mark may stand twice: the shortest value is the one after the last of them.
        text = clean(value.rpartition(mark.left)[2].decode(errors="replace"))
        if text and self._found.setdefault(mark.word, text) != text:
            self._contradicted.add(mark.word)

    def finish(self) -> Inspection:
        """What was seen; call it after the last chunk."""
        chip, sizes = _chip(self.head)
        mode, size = (self.head[2], self.head[3] >> 4) if len(self.head) > 3 else (-1, -1)
        return Inspection(
            chip=chip,
            flash_size=sizes.get(size, 0) if chip else 0,
            flash_mode=FLASH_MODES[mode] if 0 <= mode < len(FLASH_MODES) and chip else "",
            warnings=self._warnings(chip),
            **self._found,
        )

    def _warnings(self, chip: str) -> tuple[str, ...]:
        several = [
            f"The Homie magic names more than one {word}; the first one was taken: {self._found[word]}."
            for word in sorted(self._contradicted)
        ]
        half = {"name", "version"} & self._found.keys()
        if len(half) == 1:
            several.append(f"The Homie magic is incomplete: it has only the {half.pop()}.")
        if not chip:
            several.append("The header does not tell whether this is for an ESP8266 or for an ESP32.")
        return tuple(several)


def inspect(data: bytes) -> Inspection:
    """The same for a file that is in memory."""
    inspector = Inspector()
    inspector.feed(data)
    return inspector.finish()


def _chip(head: bytes) -> tuple[str, dict[int, int]]:
    """The chip's word, and what the flash size nibble means on it; an ESP8266's header has no chip id."""
    if len(head) < SHORTEST or head[0] != MAGIC:
        return "", {}
    (first_address,) = unpack_from("<I", head, 8)
    if any(low <= first_address < high for low, high in _ESP8266_ADDRESSES):
        return "esp8266", ESP8266_FLASH
    (chip_id,) = unpack_from("<H", head, 12)
    return (ESP32_CHIPS.get(chip_id, "") if head[23] in (0, 1) else ""), ESP32_FLASH


# --- What is no firmware ------------------------------------------------------------------------------------------

_BUILD = (
    "Upload the .bin that the build makes (PlatformIO: .pio/build/<environment>/firmware.bin; Arduino IDE: "
    "Sketch → Export compiled Binary)."
)
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\x7fELF", f"an ELF file, what the linker makes for the debugger. {_BUILD}"),
    (b"PK\x03\x04", f"a zip archive. Unpack it and upload the .bin inside. {_BUILD}"),
    (b"PK\x05\x06", f"an empty zip archive. {_BUILD}"),
    (b"\x1f\x8b", "a gzip file, which Homie devices refuse. Unpack it (gunzip) and upload what is inside."),
    (b"UF2\n", f"a UF2 file, made to be dropped on a USB drive. {_BUILD}"),
    (
        b"\xaa\x50",
        f"a partition table (partitions.bin): it says where things lie in the flash, and is no firmware. {_BUILD}",
    ),
    (b"BZh", "a bzip2 file. Unpack it and upload what is inside."),
    (b"\xfd7zXZ\x00", "an xz file. Unpack it and upload what is inside."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive. Unpack it and upload the .bin inside."),
    (b"Rar!", "a RAR archive. Unpack it and upload the .bin inside."),
    (b"\x01\0\0\0" + b"\xff" * 20, f"boot_app0.bin, which tells an ESP32 where to start. {_BUILD}"),
    (b"%PDF", f"a PDF document. {_BUILD}"),
    (b"\x89PNG", f"a picture. {_BUILD}"),
)
_HTML = re.compile(rb"\s*(<!doctype|<html|<head|<body|<\?xml|<!--)", re.IGNORECASE)
_INTEL_HEX = re.compile(rb":[0-9A-Fa-f]{10}")


def refusal(head: bytes, size: int, filename: str) -> str | None:
    """The sentence that says what a file is when it cannot be an ESP image, and what to upload instead; else None.

    `head` is the beginning of the file (HEAD_BYTES, or all of it), `size` the whole file's length.
    """
    for recognise in (_nothing, _by_beginning, _erased, _page_or_text, _stranger):
        what = recognise(head, size)
        if what:
            return f"{clean(filename) or 'The file'}: this is {what}"
    return None


def _nothing(head: bytes, size: int) -> str:
    if not size or not head:
        return "an empty file. Check that the build or the download ended well, and upload it again."
    if size < SHORTEST and head[0] == MAGIC:
        return f"the beginning of an ESP image, cut off after {size} bytes. Upload the whole file."
    return ""


def _by_beginning(head: bytes, _size: int) -> str:
    if head[8:16] == b"littlefs":
        return f"a LittleFS file system, not a program; it would wipe the device's configuration. {_BUILD}"
    return next((what for start, what in _BEGINNINGS if head.startswith(start)), "")


def _erased(head: bytes, size: int) -> str:
    if head[0] != 0xFF:
        return ""
    if head[0x1000:0x1001] == bytes((MAGIC,)):
        return (
            "a factory image with boot loader and partition table, made for the serial cable. "
            "Upload the application alone (firmware.bin of the same build)."
        )
    if head.strip(b"\xff"):
        return ""
    whole = "" if size <= len(head) else " at the beginning, for example a dump of a whole flash chip"
    return f"erased flash, nothing but FF{whole}. {_BUILD}"


def _page_or_text(head: bytes, _size: int) -> str:
    start = head[:512].removeprefix(b"\xef\xbb\xbf")
    if _HTML.match(start):
        return (
            "an HTML page saved under this name, usually the error or login page of a download. "
            "Download the file itself and upload that."
        )
    if _INTEL_HEX.match(start):
        return f"an Intel HEX file. {_BUILD}"
    return f"a text file. {_BUILD}" if _is_text(start) else ""


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # not just a letter cut by the end of the head
            return False
        text = start[: error.start].decode()
    return all(c.isprintable() or c in "\r\n\t\f" for c in text)


def _stranger(head: bytes, _size: int) -> str:
    if head[0] == MAGIC:
        return ""
    return (
        f"no ESP image: those begin with E9, this begins with {head[:4].hex(' ').upper()}. It may be an encrypted "
        "image, a file system, one half of an image that was split, or made for another kind of chip. "
        f"{_BUILD}"
    )

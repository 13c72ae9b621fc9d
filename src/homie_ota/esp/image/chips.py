"""Which chip an image is for, and what its header says about the flash memory there.

Rule: one row a chip. The ids are those of the extended header; the ESP8266 has none and is known by where its segments
are loaded. Facts: esp-image.md, and the memory maps in Espressif's data sheets and technical reference manuals.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import unpack_from

from homie_ota.esp.image.nouns import Segment

MAGIC = 0xE9
FLASH_MODES = ("qio", "qout", "dio", "dout")
_KB, _MB = 1 << 10, 1 << 20
ESP8266_SIZES = {
    0: 512 * _KB,
    1: 256 * _KB,
    2: _MB,
    3: 2 * _MB,
    4: 4 * _MB,
    5: 2 * _MB,
    6: 4 * _MB,
    8: 8 * _MB,
    9: 16 * _MB,
}
ESP32_SIZES = {nibble: _MB << nibble for nibble in range(8)}

_AT_80 = {0: "40m", 1: "26m", 2: "20m", 15: "80m"}
_AT_60 = {0: "30m", 1: "20m", 2: "15m", 15: "60m"}
_AT_48 = {0: "24m", 1: "16m", 2: "12m", 15: "48m"}
_AT_48_OR_24 = {0: "24m", 15: "48m"}
_WITHOUT_26 = {0: "40m", 2: "20m", 15: "80m"}
_C6 = {0: "80m", 2: "20m"}  # its ROM divides wrongly, so the builds write 0 for 80 MHz too

_SKETCH = 0x1000
_SMALLEST_PAGE = 0x2000
_PADDING = 0x10000

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Chip:
    """One chip: `flash` is where program code in flash memory is seen, `ram` what else segments are loaded to.

    `boot` is where in the flash memory its boot loader lies; `header` the bytes before the first segment.
    """

    word: str
    flash: Ranges
    ram: Ranges
    boot: int = 0
    frequencies: dict[int, str] | None = None
    header: int = 24

    def holds(self, address: int, length: int) -> bool:
        """Whether the chip has memory where this segment goes; low addresses are padding, which goes nowhere."""
        if address < _PADDING and self.header > 8:
            return True
        # How much flash memory is seen at once differs with the settings of a chip: there the beginning has to do.
        in_ram = any(low <= address and address + length <= high for low, high in self.ram)
        return in_ram or self.runs_from_flash(address)

    def fits(self, segment: Segment, image: int) -> bool:
        """Whether the chip has memory where a segment of the image at byte `image` of the file goes.

        What runs from flash memory is not loaded but seen, page by page: it has to be at the same place in its page.
        """
        if not self.holds(segment.address, segment.length):
            return False
        if not self.word or not self.runs_from_flash(segment.address):
            return True
        if self.header == 8:  # the ESP8266 sees all of the first megabyte from its first byte on
            return image != _SKETCH or segment.address - self.flash[0][0] == segment.offset
        return (segment.address - (segment.offset - image)) % _SMALLEST_PAGE == 0

    def runs_from_flash(self, address: int) -> bool:
        """Whether this address is in flash memory: an application has such segments, a boot loader has none."""
        return any(low <= address < high for low, high in self.flash)


_RTC = (0x50000000, 0x50008000)
_C_RAM = ((0x40800000, 0x40880000), _RTC, (0x600FE000, 0x60100000))
_C_FLASH = ((0x42000000, 0x44000000),)
_C3_RAM = ((0x3FC80000, 0x3FD00000), (0x40370000, 0x403E0000), _RTC, (0x600FE000, 0x60100000))

ESP8266 = Chip(
    "esp8266",
    flash=((0x40200000, 0x40300000),),
    ram=((0x3FFE8000, 0x40000000), (0x40100000, 0x40110000)),
    header=8,
)
ESP32_CHIPS: dict[int, Chip] = {
    0: Chip(
        "esp32",
        flash=((0x3F400000, 0x3F800000), (0x400D0000, 0x40400000)),
        ram=((0x3F800000, 0x3FC00000), (0x3FF80000, 0x40000000), (0x40070000, 0x400C2000), _RTC),
        boot=0x1000,
    ),
    2: Chip(
        "esp32-s2",
        flash=((0x3F000000, 0x3F500000), (0x40080000, 0x40C00000)),
        ram=((0x3F500000, 0x3FF80000), (0x3FF9E000, 0x40000000), (0x40020000, 0x40072000), _RTC),
        boot=0x1000,
    ),
    5: Chip("esp32-c3", ((0x3C000000, 0x3C800000), (0x42000000, 0x42800000)), _C3_RAM),
    9: Chip("esp32-s3", ((0x3C000000, 0x3E000000), (0x42000000, 0x44000000)), _C3_RAM),
    12: Chip("esp32-c2", ((0x3C000000, 0x3C400000), (0x42000000, 0x42400000)), _C3_RAM, 0, _AT_60),
    13: Chip("esp32-c6", _C_FLASH, _C_RAM, 0, _C6),
    16: Chip("esp32-h2", _C_FLASH, _C_RAM, 0, _AT_48),
    18: Chip(
        "esp32-p4",
        flash=((0x40000000, 0x4C000000),),
        ram=((0x30100000, 0x30102000), (0x4FF00000, 0x4FFC0000), (0x50108000, 0x50110000)),
        boot=0x2000,
    ),
    20: Chip("esp32-c61", _C_FLASH, _C_RAM, 0, _WITHOUT_26),
    23: Chip("esp32-c5", _C_FLASH, _C_RAM, 0x2000, _WITHOUT_26),
    25: Chip("esp32-h21", _C_FLASH, _C_RAM, 0, _AT_48_OR_24),
    28: Chip("esp32-h4", _C_FLASH, _C_RAM, 0x2000, _AT_48_OR_24),
    31: Chip("esp32-e22", ((0x3C000000, 0x40000000),), ((0x30FE0000, 0x31200000), (0xC0000000, 0xC0008000))),
    32: Chip("esp32-s31", ((0x40000000, 0x54000000),), ((0x2E000000, 0x2F080000),), 0x2000),
}
"""Chip id of the extended header → chip."""

UNKNOWN = Chip("", flash=(), ram=((0, 1 << 32),))
"""A chip of the ESP32 family that came after this table."""

BY_WORD = {chip.word: chip for chip in (ESP8266, *ESP32_CHIPS.values())}

SHORTEST = 24
"""Bytes of the smallest thing that could be an image: header, and first segment's header or extended header."""


@dataclass(frozen=True, slots=True)
class Flash:
    """What the header says of the flash memory; 0 and empty where it says nothing that is known."""

    size: int = 0
    mode: str = ""
    frequency: str = ""


def chip_of(head: bytes) -> Chip | None:
    """The chip that an image is for, from its first 24 bytes; None where they are no header of an image.

    An ESP32's bytes 8–11 (pins and drive strengths) are never an address of the ESP8266.
    """
    if len(head) < SHORTEST or head[0] != MAGIC:
        return None
    (first_address,) = unpack_from("<I", head, 8)
    if ESP8266.holds(first_address, 0):
        return ESP8266
    (chip_id,) = unpack_from("<H", head, 12)
    if head[23] > 1 or head[2] > 5 or not 1 <= head[1] <= 16:
        return None
    return ESP32_CHIPS.get(chip_id) or (UNKNOWN if not any(head[19:23]) else None)


def flash_of(head: bytes, chip: Chip) -> Flash:
    """Size, mode and frequency from bytes 2 and 3 of a header of this chip."""
    if not chip.word or len(head) < 4:
        return Flash()
    sizes = ESP32_SIZES if chip.header > 8 else ESP8266_SIZES
    mode = FLASH_MODES[head[2]] if head[2] < len(FLASH_MODES) else ""
    return Flash(sizes.get(head[3] >> 4, 0), mode, (chip.frequencies or _AT_80).get(head[3] & 15, ""))

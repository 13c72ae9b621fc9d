"""Writing a new image into flash: the updater of the ESP8266 core, with the checks it makes and does not make.

Rule: an error is a word of UPDATE_ERRORS; what it becomes on the wire is the table's business. The order of the
checks at the end is size, digest, header (homie-ota.md rules 10 and 11).
"""

from __future__ import annotations

from hashlib import md5

from homie_ota.simulator.images import Sketch, read_sketch, with_flash_mode
from homie_ota.simulator.values import Faults, Hardware

UPDATE_ERRORS = {
    "size": "400 BAD_FIRMWARE",
    "magic": "400 BAD_FIRMWARE",
    "flash-size": "400 BAD_FIRMWARE",
    "md5": "400 BAD_CHECKSUM",
    "space": "400 NOT_ENOUGH_SPACE",
    "flash": "500 FLASH_ERROR",
    "busy": "500 INTERNAL_ERROR 0",
}

_SECTOR = 4096
_SIZE_BY_NIBBLE = {
    0: 512 << 10,
    1: 256 << 10,
    2: 1 << 20,
    3: 2 << 20,
    4: 4 << 20,
    8: 8 << 20,
    9: 16 << 20,
}


def rounded(size: int) -> int:
    """Bytes that an image takes in flash: whole sectors."""
    return size + -size % _SECTOR


def free_space(hardware: Hardware, sketch: Sketch, faults: Faults) -> int:
    """Bytes left beside the running sketch (homie-ota.md rule 17)."""
    return _SECTOR if faults.no_space else max(0, hardware.sketch_area - rounded(sketch.size))


class Updater:
    """The core's `Update` object; `busy` after an update that nobody ended."""

    def __init__(self, hardware: Hardware, faults: Faults) -> None:
        self._hardware = hardware
        self._faults = faults
        self._written = bytearray()
        self.size = 0
        self.busy = False
        self.wanted_md5 = ""

    def begin(self, size: int, room: int) -> str:
        """Start an image of `size` bytes; an error's word, or an empty string."""
        if self.busy:
            return "busy"
        if rounded(size) > room:
            return "space"
        self._written.clear()
        self.size = size
        self.busy = True
        return ""

    def write(self, data: bytes) -> str:
        """Take in the next bytes; an error's word, or an empty string."""
        limit = self._faults.flash_error_at
        if limit and len(self._written) + len(data) >= limit:
            return "flash"
        self._written += data
        return ""

    def end(self) -> str:
        """Check what was written; an error's word, or an empty string when the boot loader may have it."""
        if len(self._written) != self.size:
            return "size"
        if self.wanted_md5 and md5(self._written).hexdigest() != self.wanted_md5.lower():
            return "md5"
        return self._header_error()

    def abort(self) -> None:
        """Forget the image."""
        self.busy = False
        self._written.clear()

    def boots(self) -> Sketch:
        """What the boot loader copies over the running sketch: the flash mode is the chip's now (rule 12)."""
        image = bytes(self._written)
        mode = self._hardware.flash_mode
        if self._faults.mode_rewritten:
            mode = (image[2] + 1) % 4 if len(image) > 2 else mode
        if len(image) > 2 and image[2] != mode:
            image = with_flash_mode(image, mode)
        return read_sketch(image)

    def _header_error(self) -> str:
        if self._written[:1] != b"\xe9":
            return "magic"
        if len(self._written) > 3 and not flash_size_fits(self._written[3], self._hardware):
            return "flash-size"
        return ""


def flash_size_fits(byte3: int, hardware: Hardware) -> bool:
    """Whether header byte 3 names a flash no bigger than the real one; unknown nibbles are never refused."""
    return _SIZE_BY_NIBBLE.get(byte3 >> 4, 0) <= hardware.flash_size

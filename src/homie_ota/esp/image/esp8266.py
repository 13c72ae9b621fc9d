"""Images for the ESP8266 as the Arduino core builds them: boot loader and sketch, two images in one file.

Rule: the boot loader's image is at 0, the sketch's at 0x1000, and the file ends where the sketch does, but for a
signature. Newer cores store length and CRC of the file at 0x1010 (the XOR does not count then) or at 0xFF8 (it
does). Facts: esp-image.md; the CRC at 0xFF8 was found in a real image and is right there.
"""

from __future__ import annotations

from struct import unpack_from

from homie_ota.esp.image import versions
from homie_ota.esp.image.chips import ESP8266, MAGIC, flash_of
from homie_ota.esp.image.digest import Crc32
from homie_ota.esp.image.esp8266_plain import Plain
from homie_ota.esp.image.findings import finding
from homie_ota.esp.image.nouns import Check, CheckResult, Finding, Inspection
from homie_ota.esp.image.rest import Rest
from homie_ota.esp.image.verdicts import headers_check, length_check, of_program, of_rest, of_walk
from homie_ota.esp.image.walk import Walk

SKETCH = 0x1000
_FLASH_SEEN_AT = 0x40200000
_BOOT_LOADER_AT = 0x4010F000
_FILLINGS = (b"\xaa" * 8, b"\xff" * 8, bytes(8))
_CRC_PLACES = (0xFF8, 0x1010)
_LONGEST = 16 << 20
_SIGNED_BY_CORE = "by the Arduino core; it is not part of the checksum that devices report"


def sketch_follows(head: bytes) -> bool:
    """Whether a sketch's image begins at 0x1000, whatever the boot loader's header before it looks like."""
    sketch = head[SKETCH : SKETCH + 12]
    return (
        len(sketch) == 12
        and sketch[0] == MAGIC
        and unpack_from("<I", sketch, 8)[0] >> 20 == _FLASH_SEEN_AT >> 20
    )


def begins_with_boot_loader(head: bytes) -> Walk | None:
    """The walk through the Arduino core's boot loader at the beginning of a file; None when it is something else."""
    boot = Walk("boot loader", 0, ESP8266, hashing=False)
    boot.feed(0, head[:SKETCH])
    is_small = boot.end is not None and not any(
        ESP8266.runs_from_flash(each.address) for each in boot.segments
    )
    return boot if sketch_follows(head) or (is_small and boot.entry >> 12 == _BOOT_LOADER_AT >> 12) else None


class Crc:
    """The CRC over a file that says its length and CRC at `place`."""

    def __init__(self, place: int, head: bytes) -> None:
        self.place = place
        self.length: int
        self.stored: int
        self.length, self.stored = unpack_from("<II", head, place)
        self._crc = Crc32()
        self._at = 0

    def feed(self, at: int, block: bytes) -> None:
        """Take the block that stands at `at` of the file."""
        if at == 0:
            block = block[: self.place] + bytes(8) + block[self.place + 8 :]
        piece = block[: max(0, self.length - at)]
        self._crc.update(piece)
        self._at += len(piece)

    def is_right(self) -> bool:
        """Whether the bytes have this CRC."""
        return self._at == self.length and self._crc.value() == self.stored

    def check(self) -> Check:
        """What was verified."""
        if self.is_right():
            return Check("crc32", "image", CheckResult.VERIFIED, f"{self.stored:08X}")
        detail = f"the image says {self.stored:08X}, its bytes give {self._crc.value():08X}"
        return Check("crc32", "image", CheckResult.WRONG, detail)

    def findings(self) -> list[Finding]:
        """What is wrong."""
        return [] if self.is_right() else [finding("bad-crc", expected=self.stored, got=self._crc.value())]


def _crc_of(head: bytes) -> Crc | None:
    """Where length and CRC of the file may be stored: before the sketch, when that is no filling, else inside it."""
    before = head[_CRC_PLACES[0] : SKETCH]
    place = _CRC_PLACES[1] if before in _FILLINGS else _CRC_PLACES[0]
    if len(head) < place + 8:
        return None
    crc = Crc(place, head)
    return crc if place < crc.length <= _LONGEST else None


class Arduino:
    """A file with boot loader and sketch."""

    forms = versions.ARDUINO_ESP8266

    def __init__(self, head: bytes, boot: Walk) -> None:
        self._head = head[: SKETCH + 8]
        self._boot = boot
        self._sketch = Walk("sketch", SKETCH, ESP8266, hashing=False)
        self._crc = _crc_of(head)
        self._rest: Rest | None = None

    def feed(self, at: int, block: bytes) -> None:
        """Take the block that stands at `at` of the file."""
        self._sketch.feed(at, block)
        if self._crc:
            self._crc.feed(at, block)
        if self._sketch.end is not None:
            self._rest = self._rest or Rest(self._sketch.end)
            self._rest.feed(at, block)

    def finish(self, size: int) -> Inspection:
        """What was found in a file of `size` bytes."""
        if size <= SKETCH and self._boot.end is not None:
            return self._only_boot_loader(size)
        crc, trailer = self._told_crc(), self._trailer()
        sum_counts = crc is None or crc.place < SKETCH
        found = [*of_walk(self._boot, size), *of_walk(self._sketch, size, sum_counts)]
        if not found:
            found = [*(crc.findings() if crc else self._lost_crc()), *self._behind(trailer)]
        if not found:
            found = [*of_program(self._sketch), *self._odd()]
        checks = [*self._boot.checks(size), *self._sketch_checks(size, crc), *self._ends(trailer)]
        flash = flash_of(self._head, ESP8266)
        return Inspection(
            chip=ESP8266.word,
            flash_size=flash.size,
            flash_mode=flash.mode,
            flash_frequency=flash.frequency,
            parts=(self._boot.part(), self._sketch.part()),
            checks=tuple(checks),
            signed=trailer > 0,
            versions=versions.sdk_version(self._sketch.beginnings),
            findings=tuple(found) + ((finding("signed", how=_SIGNED_BY_CORE),) if trailer else ()),
        )

    def _only_boot_loader(self, size: int) -> Inspection:
        rest = Rest(self._boot.end or 0)
        rest.feed(0, self._head[:size])
        behind = of_rest(rest) if rest.start.strip(b"\xaa") or size != SKETCH else None
        checks = [*self._boot.checks(size), length_check(self._boot, rest, "boot loader")]
        return Inspection(
            kind="boot-loader",
            chip=ESP8266.word,
            parts=(self._boot.part(),),
            checks=(*checks, headers_check("boot loader")),
            findings=(finding("boot-loader"), *of_walk(self._boot, size), *([behind] if behind else [])),
        )

    # --- The CRC

    def _told_crc(self) -> Crc | None:
        """The CRC, when the file really has one: its length is where the sketch ends."""
        return self._crc if self._crc and self._crc.length == self._sketch.end else None

    def _lost_crc(self) -> list[Finding]:
        """A length before the sketch that is not the sketch's; at 0x1010 older cores have code."""
        crc = self._crc
        if crc is None or crc.place > SKETCH:
            return []
        return [finding("bad-length", place=crc.place, expected=crc.length, got=self._sketch.end)]

    def _sketch_checks(self, size: int, crc: Crc | None) -> list[Check]:
        checks = self._sketch.checks(size)
        if crc is None:
            absent = Check("crc32", "image", CheckResult.ABSENT, "this core stores none")
            return [*checks, absent, headers_check("image")]
        if crc.place > SKETCH:
            checks[-1] = Check("checksum", "sketch", CheckResult.ABSENT, "this core stores a CRC instead")
        return [*checks, crc.check()]

    # --- Around the two images

    def _odd(self) -> list[Finding]:
        odd = []
        boot, sketch = self._head[2:4], self._head[SKETCH + 2 : SKETCH + 4]
        if boot != sketch:
            odd.append(finding("flash-disagrees", boot=boot.hex(), sketch=sketch.hex()))
        end = _CRC_PLACES[0] if self._crc and self._crc.place < SKETCH else SKETCH
        filling = self._head[self._boot.end or 0 : end]
        if filling and filling != filling[:1] * len(filling):
            odd.append(finding("odd-filling", where="between boot loader and sketch"))
        return odd

    def _trailer(self) -> int:
        """Bytes of the signature behind the image: signature, then its length as the file's last four bytes."""
        rest = self._rest.start if self._rest else b""
        if not 68 <= len(rest) <= 1028 or self._rest is None or len(rest) != self._rest.length:
            return 0
        (length,) = unpack_from("<I", rest, len(rest) - 4)
        return len(rest) if length == len(rest) - 4 else 0

    def _behind(self, trailer: int) -> list[Finding]:
        behind = of_rest(self._rest) if self._rest and not trailer else None
        return [behind] if behind else []

    def _ends(self, trailer: int) -> list[Check]:
        if not trailer:
            absent = Check("signature-trailer", "image", CheckResult.ABSENT)
            return [length_check(self._sketch, self._rest, "image"), absent]
        detail = f"{trailer - 4} bytes; only a device that has the public key can verify it"
        return [
            Check("length", "image", CheckResult.VERIFIED, f"{self._sketch.end:,} bytes and a signature"),
            Check("signature-trailer", "image", CheckResult.UNKNOWN, detail),
        ]


def layout_of(head: bytes) -> Arduino | Plain:
    """The reader for an ESP8266's file with this beginning."""
    boot = begins_with_boot_loader(head)
    return Arduino(head, boot) if boot else Plain(head)

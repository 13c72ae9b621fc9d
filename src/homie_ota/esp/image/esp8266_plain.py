"""Images for the ESP8266 of other frameworks: one image at the beginning, and often code without a header behind it.

Rule: the plain walk applies. Code behind the image has no checksum of its own, which is said; MicroPython stores a
length at 0x8FFC and an MD5 at the end. Facts: esp-image.md; the build scripts of NodeMCU and MicroPython.
"""

from __future__ import annotations

import hashlib
from struct import unpack_from

from homie_ota.esp.image import versions
from homie_ota.esp.image.chips import ESP8266, MAGIC, flash_of
from homie_ota.esp.image.descriptor import descriptor_of
from homie_ota.esp.image.findings import finding
from homie_ota.esp.image.nouns import Check, CheckResult, Finding, Inspection, Part, Segment
from homie_ota.esp.image.rest import Rest
from homie_ota.esp.image.verdicts import headers_check, length_check, of_program, of_rest, of_walk
from homie_ota.esp.image.walk import Walk, compared

_CODE = 0x9000
"""Where MicroPython has its code in the file; NodeMCU has it at 0x10000."""
_PAGE = 0x1000
_FLASH_SEEN_AT = 0x40200000
_LONGEST = 16 << 20
_DESCRIPTOR = 16
"""Where the vendor's RTOS SDK has its app descriptor: after the header and that of the first segment, 8 bytes each."""
_MD5 = 16
_HASH = 32


_FIRST_FOUR = Check("headers", "image", CheckResult.UNKNOWN, "the MD5 leaves out the first four bytes")


class MicroPython:
    """The MD5 behind a MicroPython image, over everything before it but the first four bytes."""

    def __init__(self, length: int) -> None:
        self.length = length
        self._stored = b""
        self._md5 = hashlib.md5(usedforsecurity=False)

    def feed(self, at: int, block: bytes) -> None:
        """Take the block that stands at `at` of the file."""
        inside = max(0, self.length - at)
        # The first four bytes change when the image is written to a chip.
        self._md5.update(block[4 if at == 0 else 0 : inside])
        self._stored += block[inside:][: _MD5 - len(self._stored)]

    def finish(self, size: int) -> tuple[list[Finding], list[Check]]:
        """What was verified in a file of `size` bytes."""
        end = self.length + _MD5
        if size != end:
            wrong = Check(
                "length", "image", CheckResult.WRONG, f"the image says {end:,} bytes, the file has {size:,}"
            )
            return [self._wrong_length(size, end)], [wrong]
        length = Check("length", "image", CheckResult.VERIFIED, f"{end:,} bytes")
        stored, got = self._stored.hex(), self._md5.hexdigest()
        wrong_md5 = [] if stored == got else [finding("bad-md5", expected=stored[:12], got=got[:12])]
        return wrong_md5, [length, compared("md5", "image", stored, got)]

    def _wrong_length(self, size: int, end: int) -> Finding:
        if size < end:
            return finding("truncated", expected=end, got=size)
        return finding("trailing", end=end, count=size - end)


class Plain:
    """A file with one image at its beginning: NodeMCU, MicroPython, the vendor's SDKs, a half of a split image."""

    forms = versions.OTHER_ESP8266

    def __init__(self, head: bytes) -> None:
        self._head = head[:8]
        self._image = Walk("image", 0, ESP8266)
        self._rest: Rest | None = None
        self._micropython: MicroPython | None = None

    def feed(self, at: int, block: bytes) -> None:
        """Take the block that stands at `at` of the file."""
        self._image.feed(at, block)
        if self._image.end is not None:
            self._rest = self._rest or Rest(self._image.end)
            self._rest.feed(at, block)
        if at == 0:
            self._micropython = self._recognise(block)
        if self._micropython:
            self._micropython.feed(at, block)

    def _recognise(self, head: bytes) -> MicroPython | None:
        """MicroPython has its length in front of the code at 0x9000, after filling."""
        end = self._image.end
        if end is None or end >= _CODE - 4 or len(head) <= _CODE or head[end : _CODE - 4].strip(b"\xff"):
            return None
        (length,) = unpack_from("<I", head, _CODE - 4)
        return MicroPython(length) if _CODE < length <= _LONGEST else None

    def finish(self, size: int) -> Inspection:
        """What was found in a file of `size` bytes."""
        code, found = self._code_behind(size), of_walk(self._image, size)
        kind, checks = "application", self._image.checks(size)
        if not found:
            kind, found, more = self._ends(size, code)
            checks += more
        if not any(each.what == "sha256" for each in checks):
            checks.append(headers_check("image") if not self._micropython else _FIRST_FOUR)
        flash, descriptor = flash_of(self._head, ESP8266), descriptor_of(self._image.start, _DESCRIPTOR)
        return Inspection(
            kind=kind,
            chip=ESP8266.word,
            flash_size=flash.size,
            flash_mode=flash.mode,
            flash_frequency=flash.frequency,
            parts=(self._image.part(), *([code] if code else [])),
            checks=tuple(checks),
            descriptor=descriptor,
            compiled=descriptor.compiled if descriptor else "",
            findings=tuple(found or of_program(self._image)),
        )

    def _code_behind(self, size: int) -> Part | None:
        """Code for the flash memory behind the image, at a page of its own, after filling or nothing."""
        rest = self._rest
        if rest is None or not rest.length or rest.only_filling:
            return None
        begin = _CODE if self._micropython else rest.offset + rest.filled
        if begin % _PAGE or begin < _CODE or rest.beyond[:1] == bytes((MAGIC,)):
            return None
        return Part(
            "code in flash", begin, size - begin, 0, (Segment(_FLASH_SEEN_AT + begin, size - begin, begin),)
        )

    def _ends(self, size: int, code: Part | None) -> tuple[str, list[Finding], list[Check]]:
        rest = self._rest
        assert rest is not None
        if code:
            return "application", *self._code_checked(size)
        if any(ESP8266.runs_from_flash(each.address) for each in self._image.segments):
            return "application", *self._whole(rest)
        if not rest.length or rest.only_filling:
            return "split-half", [finding("split-first")], [length_check(self._image, rest, "image")]
        return "application", *self._nothing_behind(rest)

    def _nothing_behind(self, rest: Rest) -> tuple[list[Finding], list[Check]]:
        behind = of_rest(rest)
        return [behind] if behind else [], [length_check(self._image, rest, "image")]

    def _whole(self, rest: Rest) -> tuple[list[Finding], list[Check]]:
        """One image with everything in it; the vendor's RTOS SDK appends a SHA-256 that no flag announces."""
        if rest.length != _HASH or rest.only_filling:
            return self._nothing_behind(rest)
        stored, got = rest.start.hex(), self._image.sha256.hexdigest()
        wrong = [] if stored == got else [finding("bad-hash", expected=stored[:12], got=got[:12])]
        return wrong, [compared("sha256", "image", stored, got)]

    def _code_checked(self, size: int) -> tuple[list[Finding], list[Check]]:
        if self._micropython:
            return self._micropython.finish(size)
        detail = "this format has no checksum over the code in flash memory: a change or a cut there cannot be told"
        return [], [
            Check(what, "code in flash", CheckResult.UNKNOWN, detail) for what in ("checksum", "length")
        ]

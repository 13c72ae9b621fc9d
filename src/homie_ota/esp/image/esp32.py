"""Images for the ESP32 family: the application alone, with its hash and perhaps a signature behind it; a boot loader.

Rule: an application has segments that run from flash memory, a boot loader has none. Behind the image may stand one
signature: 68 bytes of secure boot V1, or a sector of secure boot V2 at the next 4,096. Facts: esp-image.md; ESP-IDF
programming guide, secure boot V1 and V2 (signature block format).
"""

from __future__ import annotations

import zlib
from struct import unpack_from
from typing import NamedTuple

from homie_ota.esp.image import versions
from homie_ota.esp.image.chips import Chip, flash_of
from homie_ota.esp.image.descriptor import descriptor_of
from homie_ota.esp.image.findings import finding
from homie_ota.esp.image.nouns import Check, CheckResult, Finding, Inspection
from homie_ota.esp.image.rest import Rest
from homie_ota.esp.image.verdicts import length_check, of_program, of_rest, of_walk
from homie_ota.esp.image.walk import Walk

_SECTOR = 4096
_V1 = 68
_V1_PADDED = 80  # with 12 bytes more the image ends with a page of 64 KB, as `--secure-pad` makes it
_V2_BLOCK = 1216
_V2_CRC_AT = 1196
_V2_MAGIC = b"\xe7"


_V2 = "secure boot V2"
_ECDSA_384 = (3, 1)
"""Version of the block and of its hash where the hash is no SHA-256."""


class Signature(NamedTuple):
    """A signature behind an image: which secure boot, and what can be said of it without its key."""

    how: str
    check: Check
    wrong: str = ""


def signature_of(walk: Walk, rest: Rest | None, alone: bool = True) -> Signature | None:
    """The secure boot signature behind an image, None when none is there; with `alone` nothing may stand behind it."""
    if rest is None or walk.end is None or not rest.length:
        return None
    return _version_1(rest, alone) or _version_2(walk, rest, alone)


def _version_1(rest: Rest, alone: bool) -> Signature | None:
    start = rest.start
    if alone and rest.length not in (_V1, _V1_PADDED):
        return None
    if start[:4] != bytes(4) or len(set(start[4:_V1])) < 16:
        return None
    detail = "ECDSA, 64 bytes; only who has the public key can verify it"
    return Signature("secure boot V1", Check("signature", "app", CheckResult.UNKNOWN, detail))


def _version_2(walk: Walk, rest: Rest, alone: bool) -> Signature | None:
    assert walk.end is not None
    padding = -(walk.end - walk.offset) % _SECTOR
    block = rest.start[padding : padding + _V2_BLOCK]
    if alone and rest.length != padding + _SECTOR:
        return None
    if len(block) < _V2_BLOCK or block[:1] != _V2_MAGIC or block[1] not in (2, 3):
        return None
    if zlib.crc32(block[:_V2_CRC_AT]) != unpack_from("<I", block, _V2_CRC_AT)[0]:
        return _wrong("the CRC of the signature block is wrong")
    if (block[1], block[2]) == _ECDSA_384:
        detail = "ECDSA over a SHA-384, which is not verified here"
        return Signature(_V2, Check("signature", "app", CheckResult.UNKNOWN, detail))
    signed = walk.sha256.copy()
    signed.update(walk.stored_hash + rest.start[:padding])
    if block[4:36] != signed.digest():
        return _wrong("the SHA-256 in it is not that of the image")
    detail = "its SHA-256 is that of the image; only who has the public key can verify the signature"
    return Signature(_V2, Check("signature", "app", CheckResult.UNKNOWN, detail))


def _wrong(why: str) -> Signature:
    return Signature(_V2, Check("signature", "app", CheckResult.WRONG, why), why)


class Family:
    """A file that begins with an image for a chip of the ESP32 family, and has nothing else but a signature."""

    forms = versions.ESP32

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self._image = Walk("app", 0, chip)
        self._rest: Rest | None = None

    def feed(self, at: int, block: bytes) -> None:
        """Take the block that stands at `at` of the file."""
        self._image.feed(at, block)
        if self._image.end is not None:
            self._rest = self._rest or Rest(self._image.end)
            self._rest.feed(at, block)

    def finish(self, size: int) -> Inspection:
        """What was found in a file of `size` bytes."""
        walk, signature = self._image, signature_of(self._image, self._rest)
        descriptor, found = descriptor_of(walk.start), of_walk(walk, size)
        boots = is_boot_loader(walk)
        walk.what = "boot loader" if boots else walk.what
        if not found:
            found = [*self._behind(signature), *of_program(walk)]
        flash = flash_of(walk.start, self._chip)
        return Inspection(
            kind="boot-loader" if boots else "application",
            chip=self._chip.word,
            flash_size=flash.size,
            flash_mode=flash.mode,
            flash_frequency=flash.frequency,
            parts=(walk.part(),),
            checks=(*walk.checks(size), *self._ends(signature)),
            descriptor=descriptor,
            signed=signature is not None,
            compiled=descriptor.compiled if descriptor else "",
            versions=(f"ESP-IDF {descriptor.idf}",) if descriptor and descriptor.idf else (),
            findings=(*([finding("boot-loader")] if boots else []), *found, *self._notes(signature)),
        )

    def _behind(self, signature: Signature | None) -> list[Finding]:
        if signature:
            return [finding("bad-signature", why=signature.wrong)] if signature.wrong else []
        behind = of_rest(self._rest) if self._rest else None
        return [behind] if behind else []

    def _notes(self, signature: Signature | None) -> list[Finding]:
        notes = [finding("signed", how=signature.how)] if signature and not signature.wrong else []
        if not self._chip.word:
            notes.append(finding("unknown-chip", id=unpack_from("<H", self._image.start, 12)[0]))
        return notes

    def _ends(self, signature: Signature | None) -> list[Check]:
        if signature is None:
            absent = Check("signature", self._image.what, CheckResult.ABSENT)
            return [length_check(self._image, self._rest, "image"), absent]
        detail = f"{self._image.end:,} bytes and a signature"
        return [Check("length", "image", CheckResult.VERIFIED, detail), signature.check]


def is_boot_loader(walk: Walk) -> bool:
    """Whether a whole image has nothing that runs from flash memory; an application is never like that."""
    if walk.end is None or not walk.chip.word:
        return False
    return not any(walk.chip.runs_from_flash(each.address) for each in walk.segments if each.length)

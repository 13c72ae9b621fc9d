"""Files that are no image, or whose header cannot be read: what they are instead.

Rule: the beginning tells the kind (see `kinds`); the whole file only whether it is erased flash throughout.
"""

from __future__ import annotations

from homie_ota.esp.image.chips import MAGIC, SHORTEST
from homie_ota.esp.image.findings import finding
from homie_ota.esp.image.kinds import Kind, boot_choice_is_right, looks_random, recognise
from homie_ota.esp.image.nouns import Check, CheckResult, Inspection, Part
from homie_ota.esp.image.partitions import ROW, read_table
from homie_ota.esp.image.rest import Rest
from homie_ota.esp.image.versions import Forms

_HEAD = 1 << 14


class Stranger:
    """A file that is no image that could be walked."""

    forms: Forms = ()

    def __init__(self, head: bytes) -> None:
        self._head = head[:_HEAD]
        self._all = Rest(0)

    def feed(self, at: int, block: bytes) -> None:
        """Take the block that stands at `at` of the file."""
        if not at or self._all.only_filling:
            self._all.feed(at, block)

    def finish(self, size: int) -> Inspection:
        """What was found in a file of `size` bytes."""
        kind, found = self._kind(size)
        parts, checks = self._checked(kind)
        return Inspection(kind=kind, parts=parts, checks=checks, findings=(found,))

    def _checked(self, kind: str) -> tuple[tuple[Part, ...], tuple[Check, ...]]:
        if kind == "partition-table":
            return self._table()
        if kind == "boot-app0":
            right = boot_choice_is_right(self._head)
            return (), (Check("crc32", "boot_app0", CheckResult.VERIFIED if right else CheckResult.WRONG),)
        detail = f"what a file of this kind ({kind}) should hold is not checked"
        return (), (Check("content", "file", CheckResult.UNKNOWN, detail),)

    def _kind(self, size: int) -> Kind:
        if self._all.only_filling and self._all.length == size:
            return Kind("erased", finding("erased", filling=f"{self._all.filling:02X}"))
        if self._head.startswith(b"\xff" * 0x1000):
            return Kind("erased", finding("dump"))
        known = recognise(self._head, size)
        if self._head[:1] != bytes((MAGIC,)) or size < SHORTEST or known.kind == "file-system":
            return known
        if looks_random(self._head[SHORTEST:]):
            return Kind("encrypted", finding("encrypted-e9"))
        return Kind("foreign", finding("bad-header", why=_why(self._head)))

    def _table(self) -> tuple[tuple[Part, ...], tuple[Check, ...]]:
        table = read_table(self._head)
        if table is None:
            return (), (Check("rows", "partition table", CheckResult.WRONG, "its first row is none"),)
        return (Part("partition table", 0, ROW * len(table.partitions)),), (table.check(),)


def _why(head: bytes) -> str:
    """What in the header of an image is impossible."""
    if not 1 <= head[1] <= 16:
        return f"it counts {head[1]} segments, and 1 to 16 are possible"
    if head[2] > 5:
        return f"its flash mode is {head[2]}"
    return f"neither an ESP8266's addresses nor an ESP32's fields stand where they should ({head[8:24].hex(' ')})"

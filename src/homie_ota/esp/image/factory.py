"""Files for the serial cable: boot loader, partition table and applications in one, and dumps of whole flash chips.

Rule: a table of partitions, or a boot loader behind a boot loader's distance of erased flash, makes a file one. The
first application in it is what the file tells about; of slots that overlap only the first is read, so every byte is
read once. Facts: esp-image.md (AA 50 at 0x8000); ESP-IDF programming guide, partition tables.
"""

from __future__ import annotations

from dataclasses import dataclass

from homie_ota.esp.image.chips import BY_WORD, MAGIC, Chip, chip_of, flash_of
from homie_ota.esp.image.descriptor import descriptor_of
from homie_ota.esp.image.findings import finding
from homie_ota.esp.image.nouns import Check, CheckResult, Finding, Inspection, Part
from homie_ota.esp.image.partitions import ROW, Partition, Table, read_table
from homie_ota.esp.image.verdicts import of_walk
from homie_ota.esp.image.walk import Walk

_BOOT_PLACES = (0, 0x1000, 0x2000)
_TABLE_PLACES = range(0x3000, 0xF001, 0x1000)
_TABLE_BYTES = 0xC00


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are in a merged file; `base` is what the file's first byte has as its place in the flash memory."""

    chip: Chip
    boot: int | None
    table_at: int
    table: Table | None
    base: int = 0


def layout_of(head: bytes) -> Layout | None:
    """How a merged file with this beginning is made; None when it is none. `head` is its first 64 KB, or all of it."""
    if not head or head[0] not in (MAGIC, 0xFF, 0x00):
        return None
    boot = next((at for at in _BOOT_PLACES if _begins_image(head, at)), None)
    chip = chip_of(head[boot:]) if boot is not None else None
    for at in _TABLE_PLACES:
        table = read_table(head[at : at + _TABLE_BYTES]) if head[at : at + 2] == b"\xaa\x50" else None
        if table and any(each.holds_app for each in table.partitions) and _fits(chip, head, boot, at):
            base = chip.boot if chip and boot == 0 else 0
            return Layout(chip or BY_WORD["esp32"], boot, at, table, base)
    if boot and chip and not head[:boot].strip(head[:1]):
        return Layout(chip, boot, 0, None)
    return None


def _begins_image(head: bytes, at: int) -> bool:
    blank = not head[:at].strip(b"\xff") or not head[:at].strip(b"\0")
    return blank and chip_of(head[at : at + 24]) is not None


def _fits(chip: Chip | None, head: bytes, boot: int | None, table_at: int) -> bool:
    """Whether the boot loader ends before the table: in a program AA 50 may stand there by chance."""
    if chip is None or boot is None:
        return not head[:0x1000].strip(b"\xff")
    walk = Walk("boot loader", boot, chip, hashing=False)
    walk.feed(0, head[:table_at])
    return walk.end is not None


class Factory:
    """A merged file."""

    def __init__(self, head: bytes, layout: Layout) -> None:
        self._layout = layout
        self._by_cable = head[0] != MAGIC
        self._boot = Walk("boot loader", layout.boot, layout.chip) if layout.boot is not None else None
        table = layout.table
        slots = (
            sorted((each for each in table.partitions if each.holds_app), key=lambda p: p.offset)
            if table
            else []
        )
        self._slots = [slot for slot in slots if slot.offset >= layout.base]
        self._apps: list[Walk] = []
        self._current: Walk | None = None

    def feed(self, at: int, block: bytes) -> None:
        """Take the block that stands at `at` of the file."""
        if self._boot:
            self._boot.feed(at, block)
        while self._current or self._opens(at, block):
            assert self._current is not None
            self._current.feed(at, block)
            if not self._current.over:
                return
            self._current = None

    def _opens(self, at: int, block: bytes) -> bool:
        """Begin with the next slot that has an image and begins in this block."""
        while self._slots and self._place(self._slots[0]) < at + len(block):
            slot = self._slots.pop(0)
            place = self._place(slot)
            if place >= max(at, self._read_to()) and block[place - at] == MAGIC:
                self._current = Walk(
                    f"app in {slot.label or 'a slot without a name'}", place, self._layout.chip
                )
                self._apps.append(self._current)
                return True
        return False

    def _place(self, slot: Partition) -> int:
        return slot.offset - self._layout.base

    def _read_to(self) -> int:
        return self._apps[-1].reached if self._apps else 0

    def finish(self, size: int) -> Inspection:
        """What was found in a file of `size` bytes."""
        walks = [*([self._boot] if self._boot else []), *self._apps]
        head = walks[0].start if walks else b""
        flash = flash_of(head, self._layout.chip)
        descriptor = next((d for d in (descriptor_of(app.start) for app in self._apps) if d), None)
        return Inspection(
            kind="factory",
            chip=self._layout.chip.word,
            flash_size=flash.size,
            flash_mode=flash.mode,
            flash_frequency=flash.frequency,
            parts=tuple(
                sorted((*(walk.part() for walk in walks), *self._table_part()), key=lambda p: p.offset)
            ),
            checks=(
                *self._table_checks(),
                *(check for walk in walks for check in walk.checks(size)),
                self._unknown(),
            ),
            descriptor=descriptor,
            compiled=descriptor.compiled if descriptor else "",
            findings=tuple(self._findings(walks, size)),
        )

    def _findings(self, walks: list[Walk], size: int) -> list[Finding]:
        first = finding("factory" if self._by_cable else "factory-e9")
        damages = [found for walk in walks for found in of_walk(walk, size)]
        return [first, *damages]

    def _table_part(self) -> list[Part]:
        table = self._layout.table
        length = ROW * len(table.partitions) if table else 0
        return [Part("partition table", self._layout.table_at, length)] if table else []

    def _table_checks(self) -> list[Check]:
        return [self._layout.table.check()] if self._layout.table else []

    def _unknown(self) -> Check:
        detail = "a merged file may end anywhere behind its last part, and what lies between the parts has no checksum"
        return Check("length", "file", CheckResult.UNKNOWN, detail)

"""Files for the serial cable: boot loader, partition table and applications in one, and dumps of whole flash chips.

Rule: a table of partitions, or a boot loader behind a boot loader's distance of erased flash, makes a file one. The
first application in it is what the file tells about; of slots that overlap only the first is read, so every byte is
read once. Facts: esp-image.md (AA 50 at 0x8000); ESP-IDF programming guide, partition tables.
"""

from __future__ import annotations

from dataclasses import dataclass

from homie_ota.esp.image import versions
from homie_ota.esp.image.chips import BY_WORD, MAGIC, Chip, chip_of, flash_of
from homie_ota.esp.image.descriptor import descriptor_of
from homie_ota.esp.image.esp32 import signature_of
from homie_ota.esp.image.findings import finding
from homie_ota.esp.image.nouns import Check, CheckResult, Finding, Inspection, Part
from homie_ota.esp.image.partitions import ROW, Partition, Table, read_table
from homie_ota.esp.image.rest import Rest
from homie_ota.esp.image.verdicts import of_rest, of_walk
from homie_ota.esp.image.walk import Walk

_BOOT_PLACES = (0, 0x1000, 0x2000)
_TABLE_PLACES = range(0x3000, 0xF001, 0x1000)
_TABLE_BYTES = 0xC00
_ERASED = 0xFF


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


class Slot:
    """One partition for an application: its image, and what stands behind that up to the partition's end."""

    def __init__(self, partition: Partition, place: int, chip: Chip) -> None:
        self.place = place
        self.end = place + partition.size
        self.walk = Walk(f"app in {partition.label or 'a slot without a name'}", place, chip)
        self.rest: Rest | None = None
        self.first: int | None = None

    def feed(self, at: int, block: bytes) -> None:
        """Take the block that stands at `at` of the file."""
        if self.first is None:
            self.first = block[self.place - at]
        if self.first != MAGIC:
            return
        self.walk.feed(at, block)
        inside = block[: max(0, self.end - at)]
        if self.walk.end is not None and not (self.rest and self.rest.beyond):
            self.rest = self.rest or Rest(self.walk.end)
            self.rest.feed(at, inside)

    @property
    def holds_image(self) -> bool:
        """Whether an image begins here."""
        return self.first == MAGIC

    @property
    def damaged(self) -> bool:
        """Whether something is here that is neither an image nor erased flash."""
        return self.first not in (None, MAGIC, _ERASED)

    def findings(self, size: int) -> list[Finding]:
        """What is wrong with the image and behind it, in a file of `size` bytes."""
        found, rest = of_walk(self.walk, size), self.rest
        if found or rest is None or signature_of(self.walk, rest, alone=False):
            return found
        behind = (
            of_rest(rest) if rest.length and not (rest.only_filling and rest.filling == _ERASED) else None
        )
        return [behind] if behind else []


class Factory:
    """A merged file."""

    forms = versions.ESP32

    def __init__(self, head: bytes, layout: Layout) -> None:
        self._layout = layout
        self._by_cable = head[0] != MAGIC
        self._boot = Walk("boot loader", layout.boot, layout.chip) if layout.boot is not None else None
        self._behind_boot: Rest | None = None
        apps = [each for each in layout.table.partitions if each.holds_app] if layout.table else []
        slots = [Slot(each, each.offset - layout.base, layout.chip) for each in apps]
        self._waiting = sorted((each for each in slots if each.place >= 0), key=lambda slot: slot.place)
        self._slots: list[Slot] = []

    def feed(self, at: int, block: bytes) -> None:
        """Take the block that stands at `at` of the file."""
        if self._boot:
            self._boot.feed(at, block)
        if at == 0 and self._boot and self._boot.end:
            self._behind_boot = Rest(self._boot.end)
            self._behind_boot.feed(0, block[: self._layout.table_at or self._boot.end])
        if self._slots:
            self._slots[-1].feed(at, block)
        while self._waiting and self._waiting[0].place < at + len(block):
            slot = self._waiting.pop(0)
            # A slot inside another one's image: what stands there was read.
            if slot.place >= max(at, self._slots[-1].walk.reached if self._slots else 0):
                slot.feed(at, block)
                self._slots.append(slot)

    def finish(self, size: int) -> Inspection:
        """What was found in a file of `size` bytes."""
        apps = [slot.walk for slot in self._slots if slot.holds_image]
        walks = [*([self._boot] if self._boot else []), *apps]
        flash = flash_of(walks[0].start if walks else b"", self._layout.chip)
        descriptor = next((d for d in (descriptor_of(app.start) for app in apps) if d), None)
        parts = (*(walk.part() for walk in walks), *self._table_part())
        return Inspection(
            kind="factory",
            chip=self._layout.chip.word,
            flash_size=flash.size,
            flash_mode=flash.mode,
            flash_frequency=flash.frequency,
            parts=tuple(sorted(parts, key=lambda part: part.offset)),
            checks=(
                *self._table_checks(),
                *(check for walk in walks for check in walk.checks(size)),
                self._unknown(),
            ),
            descriptor=descriptor,
            compiled=descriptor.compiled if descriptor else "",
            versions=(f"ESP-IDF {descriptor.idf}",) if descriptor and descriptor.idf else (),
            findings=tuple(self._findings(size)),
        )

    def _findings(self, size: int) -> list[Finding]:
        first = finding("factory" if self._by_cable else "factory-e9")
        boot = of_walk(self._boot, size) if self._boot else []
        apps = [found for slot in self._slots if slot.holds_image for found in slot.findings(size)]
        return [first, *boot, *self._odd_filling(), *apps, *self._no_application()]

    def _odd_filling(self) -> list[Finding]:
        """Erased flash stands between boot loader and partition table, but for a signature."""
        rest = self._behind_boot
        if (
            self._boot is None
            or rest is None
            or not rest.length
            or signature_of(self._boot, rest, alone=False)
        ):
            return []
        alike = rest.only_filling or not any(rest.start.strip(rest.start[:1]))
        return [] if alike else [finding("odd-filling", where="behind the boot loader")]

    def _no_application(self) -> list[Finding]:
        damaged = [slot.place for slot in self._slots if slot.damaged]
        missing = [slot.place for slot in (*self._slots, *self._waiting)]
        none = not any(slot.holds_image for slot in self._slots)
        places = damaged or (missing if none else [])
        return [finding("no-application", place=places[0])] if places else []

    def _table_part(self) -> list[Part]:
        table = self._layout.table
        length = ROW * len(table.partitions) if table else 0
        return [Part("partition table", self._layout.table_at, length)] if table else []

    def _table_checks(self) -> list[Check]:
        return [self._layout.table.check()] if self._layout.table else []

    def _unknown(self) -> Check:
        detail = "a merged file may end anywhere behind its last part, and what lies between the parts has no checksum"
        return Check("length", "file", CheckResult.UNKNOWN, detail)

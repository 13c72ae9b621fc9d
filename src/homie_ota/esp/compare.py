"""What two images have in common and in what they differ, as lines of a table: one value for page, API and terminal.

Rule: differences come first, each group in the order of TOPICS; a line that is empty on both sides is none. Segments
are compared by their place in the image, versions of libraries by the library's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from homie_ota.esp.image import Inspection
from homie_ota.model import Firmware

TOPICS = ("image", "flash", "build", "versions", "parts", "segments", "checks", "findings")

_LIBRARY = re.compile(r"(.*?)\s+((?:[A-Z][a-z]{2} +)?v?\d.*)", re.DOTALL)
"""`Arduino core 2.7.4` or `SDK compiled Jan 10 2019`: whose version, and which one."""


class Side(NamedTuple):
    """One of the two: its row, and what is inside."""

    firmware: Firmware
    seen: Inspection


class Line(NamedTuple):
    """One thing about both; empty where a side has none. `note` says by how much numbers differ: `+144 bytes`."""

    topic: str
    what: str
    a: str
    b: str
    note: str = ""

    @property
    def differs(self) -> bool:
        """Whether the sides are not alike."""
        return self.a != self.b


def compare(a: Side, b: Side) -> list[Line]:
    """Everything that can be set beside each other, differences first."""
    left, right = _told(a), _told(b)
    keys = dict.fromkeys([*left, *right])
    lines = [_line(key, left.get(key, _NOTHING), right.get(key, _NOTHING)) for key in keys]
    return sorted(
        (line for line in lines if line.a or line.b),
        key=lambda line: (not line.differs, TOPICS.index(line.topic)),
    )


class _Value(NamedTuple):
    text: str
    size: int | None = None  # in bytes, where the difference of two of them says something


_NOTHING = _Value("")
_Key = tuple[str, str]


def _line(key: _Key, a: _Value, b: _Value) -> Line:
    note = ""
    if a.size is not None and b.size is not None and a.size != b.size:
        note = f"{b.size - a.size:+,} bytes"
    return Line(*key, a.text, b.text, note)


def _told(side: Side) -> dict[_Key, _Value]:
    """Topic and name of every line of one side, with the value."""
    found: dict[_Key, _Value] = {}
    for topic, what, value in _everything(side):
        known = found.get((topic, what))
        found[topic, what] = value if known is None else _Value(f"{known.text}; {value.text}")
    return found


def _everything(side: Side) -> Iterator[tuple[str, str, _Value]]:
    plain = (
        ("image", _of_image(side)),
        ("flash", _of_flash(side.firmware, side.seen)),
        ("build", _of_build(side)),
    )
    for topic, pairs in plain:
        yield from ((topic, what, _Value(text)) for what, text in pairs)
    yield "image", "size", _sized(side.firmware.size)
    yield from _versions(side.seen.versions)
    yield from _parts(side.seen)
    for check in side.seen.checks:
        yield "checks", f"{check.what} of the {check.part}", _Value(check.result)
    for each in side.seen.findings:
        yield "findings", each.code, _Value(each.text)


def _of_image(side: Side) -> Iterable[tuple[str, str]]:
    image, seen = side
    yield "name", image.name
    yield "version", image.version
    yield "brand", image.brand
    yield "kind", image.kind
    yield "chip", image.chip
    yield "signed", "yes" if seen.signed else "no"
    yield "uploaded", _day(image.uploaded_at)


def _of_flash(image: Firmware, seen: Inspection) -> Iterable[tuple[str, str]]:
    kilobytes = image.flash_size // 1024
    yield "size", f"{kilobytes // 1024} MB" if kilobytes >= 1024 else f"{kilobytes} KB" if kilobytes else ""
    yield "mode", image.flash_mode
    yield "frequency", seen.flash_frequency.replace("m", " MHz")


def _of_build(side: Side) -> Iterable[tuple[str, str]]:
    yield "compiled", side.seen.compiled
    if told := side.seen.descriptor:
        yield "project", told.project
        yield "project version", told.version
        yield "IDF", told.idf
        yield "ELF SHA-256", told.elf_sha256
        yield "secure version", str(told.secure_version)


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC") if at else ""


def _sized(count: int) -> _Value:
    return _Value(f"{count:,} bytes", count)


def library_of(text: str) -> tuple[str, str]:
    """Whose version a text is, and which: `Arduino core 2.7.4` is (`Arduino core`, `2.7.4`); (text, `yes`) where it
    does not tell.
    """
    known = _LIBRARY.fullmatch(text)
    return (known[1], known[2]) if known else (text, "yes")


def _versions(texts: Iterable[str]) -> Iterator[tuple[str, str, _Value]]:
    for library, version in map(library_of, texts):
        yield "versions", library, _Value(version)


def _parts(seen: Inspection) -> Iterator[tuple[str, str, _Value]]:
    for part in seen.parts:
        place = f"{part.length:,} bytes at {part.offset:#x}" + (
            f", begins at {part.entry:#010x}" if part.entry else ""
        )
        yield "parts", part.what, _Value(place, part.length)
        for number, each in enumerate(part.segments, 1):
            text = f"{each.length:,} bytes to {each.address:#010x}"
            yield "segments", f"{part.what}, segment {number}", _Value(text, each.length)

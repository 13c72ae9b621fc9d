"""What an inspection finds, as values: parts, checks, findings, and all of them together.

Rule: values only. They go to the row of the firmware as JSON and come back, and rows of older versions are read too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, NamedTuple


class Severity(StrEnum):
    """How much a finding stops: nothing, until one click, until a typed reason (`override`), for ever."""

    NOTE = "note"
    WARNING = "warning"
    REFUSAL = "refusal"
    IMPOSSIBLE = "impossible"


GRAVEST_FIRST = (Severity.IMPOSSIBLE, Severity.REFUSAL, Severity.WARNING, Severity.NOTE)


class Finding(NamedTuple):
    """One thing to say about a file.

    `code` is stable; `text` is a whole sentence without the file's name; `advice` says what to do, empty where nothing
    needs doing.
    """

    code: str
    severity: Severity
    text: str
    advice: str = ""


class CheckResult(StrEnum):
    """What came of a check: good, bad, the format has nothing to check here, it could not be told."""

    VERIFIED = "verified"
    WRONG = "wrong"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class Check(NamedTuple):
    """One verification: `what` (`checksum`, `sha256`, …) of which `part`, and in `detail` expected and got."""

    what: str
    part: str
    result: CheckResult
    detail: str = ""


class Segment(NamedTuple):
    """A piece that is loaded to `address`; its `length` bytes are at `offset` of the file."""

    address: int
    length: int
    offset: int


class Part(NamedTuple):
    """One image (or other piece) in the file; `length` with checksum and hash, 0 where its end was not found."""

    what: str
    offset: int
    length: int
    entry: int = 0
    segments: tuple[Segment, ...] = ()


class AppDescriptor(NamedTuple):
    """`esp_app_desc_t` of the ESP32 family (esp-image.md); `compiled` is an ISO date and time, or empty."""

    project: str
    version: str
    compiled: str
    idf: str
    elf_sha256: str
    secure_version: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file is and what it says about itself; empty words and 0 where it says nothing.

    `kind` is one of KINDS; `chip` is `esp8266`, `esp32`, `esp32-c3`, …; `flash_size` in bytes, `flash_frequency` like
    `40m`; `magic` is every (word, value) of the Homie magic as they stand in the file, at most 16; `findings` come
    with the gravest first.
    """

    kind: str = "application"
    size: int = 0
    name: str = ""
    version: str = ""
    brand: str = ""
    chip: str = ""
    flash_size: int = 0
    flash_mode: str = ""
    flash_frequency: str = ""
    parts: tuple[Part, ...] = ()
    checks: tuple[Check, ...] = ()
    descriptor: AppDescriptor | None = None
    signed: bool = False
    compiled: str = ""
    magic: tuple[tuple[str, str], ...] = ()
    versions: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings among the findings, as sentences."""
        return tuple(said(each) for each in self.findings if each.severity is Severity.WARNING)

    def as_data(self) -> dict[str, Any]:
        """The same as what JSON can hold; `from_data` reads it back."""
        data = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            **data,
            "parts": [{**part._asdict(), "segments": [*map(list, part.segments)]} for part in self.parts],
            "checks": [each._asdict() for each in self.checks],
            "descriptor": self.descriptor and self.descriptor._asdict(),
            "magic": [*map(list, self.magic)],
            "versions": [*self.versions],
            "findings": [each._asdict() for each in self.findings],
            "warnings": [*self.warnings],
        }


def said(finding: Finding) -> str:
    """Text and advice of a finding as one line."""
    return f"{finding.text} {finding.advice}".strip()


KINDS: dict[str, str] = {
    "application": "an application",
    "factory": "a factory image: boot loader, partition table and application in one file",
    "boot-loader": "a boot loader",
    "partition-table": "a partition table",
    "file-system": "a file system",
    "boot-app0": "the choice of the partition to start (boot_app0.bin)",
    "split-half": "one half of an image that was split",
    "encrypted": "an encrypted image",
    "elf": "an ELF file",
    "uf2": "a UF2 file",
    "intel-hex": "an Intel HEX file",
    "archive": "an archive",
    "gzip": "a gzip file",
    "html": "an HTML page",
    "text": "a text file",
    "erased": "erased flash",
    "rf-init": "settings of the radio",
    "empty": "an empty file",
    "truncated": "the beginning of an image",
    "foreign": "no image for an ESP",
}
"""Every kind of file that is told apart, and how it is called."""


# --- Back from a row ----------------------------------------------------------------------------------------------

_PLAIN: dict[str, type] = {
    **dict.fromkeys(
        ("kind", "name", "version", "brand", "chip", "flash_mode", "flash_frequency", "compiled"), str
    ),
    **dict.fromkeys(("size", "flash_size"), int),
    "signed": bool,
}


def from_data(data: Mapping[str, Any]) -> Inspection:
    """An inspection from a row; what is missing or strange there stays empty. Rows of 0.1.0 have warnings only."""
    plain = {name: data[name] for name, kind in _PLAIN.items() if isinstance(data.get(name), kind)}
    descriptor = _read(AppDescriptor, data.get("descriptor"))
    findings = tuple(_each(_finding, data.get("findings")))
    known = {said(each) for each in findings}
    noted = (text for text in _list(data.get("warnings")) if isinstance(text, str) and text not in known)
    return Inspection(
        **plain,
        parts=tuple(_each(_part, data.get("parts"))),
        checks=tuple(_each(_check, data.get("checks"))),
        descriptor=descriptor,
        magic=tuple((row[0], row[1]) for row in _rows(data.get("magic"), str) if len(row) == 2),
        versions=tuple(text for text in _list(data.get("versions")) if isinstance(text, str)),
        findings=gravest_first((*findings, *(Finding("noted", Severity.WARNING, text) for text in noted))),
    )


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings in the order of their severity, each said once."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda each: GRAVEST_FIRST.index(each.severity)))


def _list(value: Any) -> list[Any]:
    return [*value] if isinstance(value, list | tuple) else []


def _rows(value: Any, kind: type) -> list[Any]:
    """The lists of a list, as JSON has tuples of tuples; one with anything else in it is left out."""
    return [tuple(row) for row in _list(value) if _list(row) and all(isinstance(each, kind) for each in row)]


def _each(read: Any, value: Any) -> list[Any]:
    return [each for each in map(read, _list(value)) if each is not None]


def _read(noun: Any, value: Any) -> Any:
    """A named tuple from an object that has just its fields, words for words and numbers for numbers, else None."""
    if not isinstance(value, Mapping) or set(value) != set(noun._fields):
        return None
    kinds = {name: _KINDS_OF_FIELDS.get(name, str) for name in noun._fields}
    return noun(**value) if all(isinstance(value[name], kind) for name, kind in kinds.items()) else None


_KINDS_OF_FIELDS: dict[str, type] = {
    **dict.fromkeys(("offset", "length", "entry", "secure_version"), int),
    "segments": list,
}


def _finding(value: Any) -> Finding | None:
    found = _read(Finding, value)
    known = found and found.severity in GRAVEST_FIRST
    return found._replace(severity=Severity(found.severity)) if known else None


def _check(value: Any) -> Check | None:
    found = _read(Check, value)
    known = found and found.result in [*CheckResult]
    return found._replace(result=CheckResult(found.result)) if known else None


def _part(value: Any) -> Part | None:
    found = _read(Part, value)
    if found is None:
        return None
    segments = tuple(Segment(*row) for row in _rows(found.segments, int) if len(row) == 3)
    return Part(found.what, found.offset, found.length, found.entry, segments)

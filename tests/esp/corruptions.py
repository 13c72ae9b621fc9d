"""Ways in which a good file becomes a bad one, and whether its format lets anybody tell.

Rule: what a format covers is written here by hand (esp-image.md): a CRC or SHA-256 covers every byte before it, the XOR
checksum the data of the segments, the walk along the segments their lengths and the length of the file; nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from struct import pack, unpack_from
from typing import NamedTuple

from esp import strangers
from esp.builders import APP, CHIPS, SKETCH, app, arduino, noise
from esp.catalogue import BY_NAME, CASES, Case
from homie_ota.esp.image import CheckResult, Inspection, Severity


class Outcome(StrEnum):
    """What became of a damaged file."""

    TOLD = "told"
    SAID = "the format cannot tell, and that is said"
    MISSED = "missed"


class Damage(NamedTuple):
    """One damaged file; `covered` is whether the format has anything that is not right any more."""

    how: str
    where: str
    data: bytes
    covered: bool


class Field(NamedTuple):
    """A piece of a file: its name, where it is, and what covers it: `walk`, `xor`, `hash`, or nothing."""

    name: str
    at: int
    length: int
    cover: str = ""


HEADER = (
    ("magic", 1, "walk"),
    ("segment count", 1, "walk"),
    ("flash mode", 1, ""),
    ("flash size", 1, ""),
    ("entry", 4, ""),
)
EXTENDED = (
    ("write protect pin", 1, ""), ("drive", 3, ""), ("chip id", 2, ""), ("min revision", 1, ""), ("min full", 2, ""),
    ("max full", 2, ""), ("reserved", 4, ""), ("hash flag", 1, "walk"),
)  # fmt: skip


def fields_of(data: bytes, start: int, extended: bool, hashed: bool) -> list[Field]:
    """The fields of one image, one after the other, up to its checksum or hash."""
    fields, at = [], start
    for name, length, cover in (*HEADER, *(EXTENDED if extended else ())):
        fields.append(Field(name, at, length, cover))
        at += length
    for number in range(data[start + 1]):
        (length,) = unpack_from("<I", data, at + 4)
        last = number == data[start + 1] - 1
        fields.append(Field(f"address {number}", at, 4))
        # Zeros follow the last segment: one byte more of it is one of them, and the checksum stays.
        fields.append(Field(f"length {number}", at + 4, 4, "" if last else "walk"))
        fields.append(Field(f"data {number}", at + 8, length, "xor"))
        at += 8 + length
    end = at - at % 16 + 15
    fields += [Field("padding", at, end - at), Field("checksum", end, 1, "xor")]
    return [*fields, Field("hash", end + 1, 32, "hash")] if hashed else fields


def layout(case: Case) -> list[Field]:
    """Every field of a file of the catalogue, the gaps between its parts too."""
    data, extended = case.data, case.chip != "esp8266"
    starts = _starts(case)
    fields: list[Field] = []
    for start in starts:
        fields = [*_with_gap(fields, start), *fields_of(data, start, extended, _hashed(case, start))]
    return [field for field in _with_gap(fields, len(data)) if field.length]


def _hashed(case: Case, start: int) -> bool:
    return bool(case.data[start + 23]) if case.chip != "esp8266" else "RTOS" in case.name


def _starts(case: Case) -> list[int]:
    if case.name.startswith("Arduino"):
        return [0, SKETCH]
    if case.kinds[0] == "factory":
        return [0, APP - (CHIPS[case.chip].boot if "from" in case.name else 0)]
    return [0]


def _with_gap(fields: list[Field], until: int) -> list[Field]:
    at = fields[-1].at + fields[-1].length if fields else 0
    return [*fields, Field("between" if fields else "before", at, until - at)] if at < until else fields


# --- Damages ------------------------------------------------------------------------------------------------------

GOOD_FILES = {case.data for case in CASES}


def damages(case: Case) -> Iterator[Damage]:
    """Every damaged form of a file that is not by chance another good one."""
    for ways in (_truncated, _flipped, _padded, _joined, _mangled):
        for damage in ways(case):
            if damage.data not in GOOD_FILES:
                yield damage


def digested(case: Case, at: int) -> bool:
    """Whether a CRC, MD5 or SHA-256 counts this byte of the file."""
    if "(MD5)" in case.name:
        return at >= 4
    return _has_digest(case) and at < _image_end(case)


def _has_digest(case: Case) -> bool:
    if case.chip != "esp8266":
        return "without hash" not in case.name
    return any(word in case.name for word in ("(CRC)", "(MD5)", "RTOS"))


def _truncated(case: Case) -> Iterator[Damage]:
    fields = layout(case)
    cuts = {edge for field in fields for edge in (field.at, field.at + 1, field.at + field.length // 2)}
    for cut in sorted(cuts | {8, 16, 23, 24, 25, len(case.data) - 1}):
        if 0 < cut < len(case.data):
            where = f"after {cut} of {len(case.data)} bytes"
            yield Damage("truncated", where, case.data[:cut], not _may_end(case, cut))


def _may_end(case: Case, at: int) -> bool:
    """Whether a file of this format may end here: nothing says how much code follows, or whether a hash does."""
    if case.name == "both halves in one":
        return at >= _image_end(case)
    return case.name.startswith("RTOS") and at == len(case.data) - 32


def _image_end(case: Case) -> int:
    last = [field for field in layout(case) if field.name in ("checksum", "hash")][-1]
    return last.at + last.length


def _flipped(case: Case) -> Iterator[Damage]:
    for field in layout(case):
        how = _how(field.name)
        inside = digested(case, field.at) and (field.name != "between" or case.chip == "esp8266")
        for at in sorted({field.at, field.at + field.length // 2, field.at + field.length - 1}):
            for bits in (0x01, 0x80, 0xFF):
                data = case.data[:at] + bytes([case.data[at] ^ bits]) + case.data[at + 1 :]
                yield Damage(how, f"{field.name} at {at:#x} ^ {bits:#04x}", data, inside or bool(field.cover))


def _how(name: str) -> str:
    if name.startswith(("address", "length")):
        return "segment header changed"
    if name.startswith(("data", "padding", "between", "before")) or name in ("checksum", "hash"):
        return "content changed"
    return "header changed"


def _padded(case: Case) -> Iterator[Damage]:
    tails = {
        "one zero": bytes(1), "16 zeros": bytes(16), "4 KB of FF": b"\xff" * 4096, "noise": noise(100, "tail"),
        "a line break": b"\n", "a length": pack("<I", 256), "half a signature": noise(200) + pack("<I", 256),
    }  # fmt: skip
    for name, tail in tails.items():
        # A factory image may be filled up to the size of the flash.
        told = case.name != "both halves in one" and not (case.kinds[0] == "factory" and "FF" in name)
        yield Damage("something appended", name, case.data + tail, told)


def _joined(case: Case) -> Iterator[Damage]:
    others = {
        "itself": case.data,
        "an ESP32 image": app("esp32", 1),
        "an ESP8266 image": arduino(1),
        "a page": strangers.html(),
    }
    for name, other in others.items():
        yield Damage("two files in one", f"and {name}", case.data + other, case.name != "both halves in one")


def _mangled(case: Case) -> Iterator[Damage]:
    """What transfers do: text mode, a decoder for UTF-8, a lost sector, blocks in the wrong order."""
    data, whole = case.data, _has_digest(case)
    text = data.replace(b"\n", b"\r\n")
    yield Damage("mangled", "text mode", text, case.name != "both halves in one")
    yield Damage("mangled", "as UTF-8", data.decode("utf-8", "replace").encode(), True)
    code = max(
        (field for field in layout(case) if field.name.startswith("data")), key=lambda field: field.length
    )
    a, b, width = code.at + 64, code.at + code.length // 2, min(256, code.length // 4)
    lost = data[:b] + b"\xff" * width + data[b + width :]
    yield Damage("mangled", "a lost piece", lost, True)
    moved = data[:a] + data[b : b + 32] + data[a + 32 : b] + data[a : a + 32] + data[b + 32 :]
    yield Damage("mangled", "pieces exchanged", moved, whole)


# --- What was said ------------------------------------------------------------------------------------------------

GRAVE = (Severity.WARNING, Severity.REFUSAL, Severity.IMPOSSIBLE)


def outcome(good: Inspection, bad: Inspection) -> Outcome:
    """Whether the inspection of the damaged file differs as it should from that of the good one."""
    grave = {finding.code for finding in bad.findings if finding.severity in GRAVE}
    if grave - {finding.code for finding in good.findings}:
        return Outcome.TOLD
    wrong = {check[:2] for check in bad.checks if check.result is CheckResult.WRONG}
    if wrong - {check[:2] for check in good.checks if check.result is CheckResult.WRONG}:
        return Outcome.TOLD
    open_questions = (CheckResult.UNKNOWN, CheckResult.ABSENT)
    return Outcome.SAID if any(check.result in open_questions for check in bad.checks) else Outcome.MISSED


def enough(damage: Damage, found: Outcome) -> bool:
    """Whether as much was said as the format allows."""
    return found is Outcome.TOLD or (found is Outcome.SAID and not damage.covered)


DAMAGED = tuple(
    case
    for case in CASES
    if case.data[:1] == b"\xe9"
    and len(case.data) > 24
    and (case.kinds[0] == "application" or case.chip in ("esp8266", "esp32", "esp32-c3"))
    and case is not BY_NAME["dump of the flash"]
)
"""The cases that are worth damaging: of each kind with a format, and the applications of every chip."""

"""Write docs/reference/inspection.md: every file the inspection was tried with, what it said, and every miss.

`make inspection` rewrites the page. The part about real files needs ../shared/firmware; without it that part stays as
it was. tests/esp/test_inspection_page.py fails when the page is not what the code says today.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from esp.catalogue import ACCEPTED, CASES, CLEAN, IMPOSSIBLE, REAL_WRONG, REFUSED, Case
from esp.corruptions import DAMAGED, Outcome
from esp.survey import Tried, is_right, seen, tried, verdict
from homie_ota.esp.image import CheckResult, Inspection, inspect, refusal

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "reference" / "inspection.md"
SHARED = Path(os.environ.get("HOMIE_OTA_SHARED", PROJECT.parent / "shared")) / "firmware"
BEGIN, END = "<!-- real files: made by `make inspection` -->", "<!-- real files: end -->"
WAYS = (
    "truncated",
    "header changed",
    "segment header changed",
    "content changed",
    "something appended",
    "two files in one",
    "mangled",
)
VERDICTS = {CLEAN: "taken", ACCEPTED: "taken", REFUSED: "refused", IMPOSSIBLE: "impossible"}


def table(head: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> str:
    """Rows as Markdown; numbers to the right, the first column to the left."""
    lines = [" | ".join(head), " | ".join(["---", *["--:"] * (len(head) - 1)])]
    lines += [" | ".join(str(cell) if cell != 0 else "·" for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


# --- Files that the tests build -----------------------------------------------------------------------------------


def kinds() -> str:
    """The confusion matrix of kinds; a kind that is right as well counts where it was said."""
    said = Counter((case.kinds[0], seen(case).kind) for case in CASES)
    names = sorted({name for pair in said for name in pair})
    head = ("what it is", *(str(number) for number in range(1, len(names) + 1)))
    rows = ((f"{n} {a}", *(said[a, b] for b in names)) for n, a in enumerate(names, 1))
    return table(head, rows)


def chips() -> str:
    """The confusion matrix of chips; the last column is files that tell none."""
    said = Counter((case.chip or "none", seen(case).chip or "none") for case in CASES)
    names = sorted({name for pair in said for name in pair}, key=lambda name: (name == "none", name))
    return table(("for", *names), ((a, *(said[a, b] for b in names)) for a in names))


def verdicts() -> str:
    """The confusion matrix of what happens to a file."""
    names = tuple(dict.fromkeys(VERDICTS.values()))
    said = Counter((VERDICTS[case.verdict], VERDICTS[verdict(seen(case))]) for case in CASES)
    return table(("should be", *names), ((a, *(said[a, b] for b in names)) for a in names))


def damaged() -> str:
    """Each format and way to damage it: tried; told; said that it cannot be told; missed."""
    rows = []
    for name, cases in _formats().items():
        found = [each for case in cases for each in tried(case)]
        cells = (_cell([each for each in found if each.how == way]) for way in WAYS)
        rows.append((f"{name} ({len(cases)})" if len(cases) > 1 else name, *cells))
    return table(("format", *WAYS), iter(rows))


def _formats() -> dict[str, list[Case]]:
    formats: dict[str, list[Case]] = {}
    for case in DAMAGED:
        name = case.name if case.chip == "esp8266" else case.name.replace(case.chip, "ESP32 family", 1)
        formats.setdefault(name, []).append(case)
    return formats


def _cell(found: list[Tried]) -> str:
    told = Counter(each.outcome for each in found)
    missed = sum(not each.enough for each in found)
    if not found:
        return ""
    return f"{told[Outcome.TOLD]} + {told[Outcome.SAID]}" + (f", **{missed} missed**" if missed else "")


def misses() -> Iterator[str]:
    """Every file that was not known for what it is, and every damage of which too little was said."""
    for case in CASES:
        if not is_right(case, seen(case)):
            yield f"{case.name}: {_short(seen(case))}; it is {case.kinds[0]} {case.chip}, {VERDICTS[case.verdict]}"
    for case in DAMAGED:
        yield from (f"{case.name}: {each}" for each in tried(case) if not each.enough)


def _short(inspection: Inspection) -> str:
    return f"{inspection.kind} {inspection.chip}".strip() + f", {VERDICTS[verdict(inspection)]}"


# --- Real files ---------------------------------------------------------------------------------------------------


def real() -> str | None:
    """The part about real files; None where there are none."""
    if not (SHARED / "good").is_dir():
        return None
    rows, missed = [], []
    for path in sorted(SHARED.glob("*/*.bin")) + sorted(SHARED.glob("*/*.zip")):
        data = path.read_bytes()
        inspection = inspect(data)
        if not _real_is_right(path, inspection):
            missed.append(f"{path.name}: {_short(inspection)}")
        told = _real_damages(path.name, data, missed) if path.parent.name == "good" else ""
        rows.append((path.name, f"{len(data):,}", _short(inspection), _verified(inspection), told))
    head = ("file", "bytes", "said", "verified", "damaged: told + said that it cannot be told")
    listed = "\n".join(f"- {line}" for line in missed) or "None."
    return f"{table(head, iter(rows))}\n\nMisses among them:\n\n{listed}"


def _real_is_right(path: Path, inspection: Inspection) -> bool:
    if path.parent.name == "good":
        return inspection.kind == "application" and refusal(inspection) is None
    return inspection.kind in REAL_WRONG.get(path.name, ()) and refusal(inspection) is not None


def _verified(inspection: Inspection) -> str:
    return ", ".join(
        dict.fromkeys(check.what for check in inspection.checks if check.result is CheckResult.VERIFIED)
    )


def _real_damages(name: str, data: bytes, missed: list[str]) -> str:
    """Cut off, one bit changed, something appended, at places all over the file."""
    told = Counter[Outcome]()
    for where, broken in _broken(data):
        inspection = inspect(broken)
        open_questions = any(
            check.result in (CheckResult.UNKNOWN, CheckResult.ABSENT) for check in inspection.checks
        )
        found = Outcome.TOLD if refusal(inspection) else Outcome.SAID if open_questions else Outcome.MISSED
        told[found] += 1
        if found is Outcome.MISSED:
            missed.append(f"{name}, {where}")
    return f"{told[Outcome.TOLD]} + {told[Outcome.SAID]}"


def _broken(data: bytes) -> Iterator[tuple[str, bytes]]:
    step = len(data) // 40
    for at in [*range(32), *range(32, len(data), step), len(data) - 1]:
        yield f"bit changed at {at:#x}", data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
    for length in [1, 24, 0x1000, 0x8000, *range(step, len(data), step), len(data) - 5000, len(data) - 1]:
        yield f"cut off after {length} bytes", data[:length]
    for tail in (b"\0", bytes(16), b"\xff" * 4096, data, b"<html>"):
        yield f"{len(tail)} bytes appended", data + tail


# --- The page -----------------------------------------------------------------------------------------------------


def built() -> str:
    """Everything above the part about real files."""
    missed = list(misses())
    every = [each for case in DAMAGED for each in tried(case)]
    outcomes = Counter(each.outcome for each in every)
    listed = "\n".join(f"- {line}" for line in missed) or "None."
    return f"""# Inspection: what was tried, and what was missed

Written by `make inspection`; a test compares. {len(CASES)} files of every kind and chip, which the tests build from the
documents (`tests/esp/catalogue.py`; the vendor's esptool confirms its good ones), and {len(every):,} damaged forms of
{len(DAMAGED)} of them (`tests/esp/corruptions.py`). Of those, {outcomes[Outcome.TOLD]:,} were told from the good file
and of {outcomes[Outcome.SAID]:,} a check says that their format cannot tell. **Misses: {len(missed)}.**

## Kinds

Rows are what a file is, columns what was said, by the same numbers. A file beside the diagonal is no miss where two
words are right (the half of a split image without its header may as well be called foreign); misses are listed below.

{kinds()}

## Chips

{chips()}

## What happens to a file

Taken, with or without a warning; refused unless a person gives a reason; impossible, whatever the reason.

{verdicts()}

## Damaged files

Each cell: told + said that the format cannot tell. An XOR checksum covers the data of the segments, not their
addresses, not the header, and not two changes that cancel out; a file of NodeMCU does not say where it ends. What a
format covers is refused, not only warned of.

{damaged()}

## Misses

{listed}

## Real files

Files of others, which are not part of the project. Where they are absent, `make inspection` leaves this part as it was.
Damaged means some 120 ways a file: one bit changed or cut off, at places all over it, or something appended.

"""


def page(before: str) -> str:
    """The whole page; the part about real files is that of `before` where there are none here."""
    kept = before.partition(BEGIN)[2].partition(END)[0].strip("\n")
    return f"{built()}{BEGIN}\n\n{real() or kept}\n\n{END}\n"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8") if PAGE.exists() else ""), "utf-8")
    sys.stdout.write(f"{PAGE.relative_to(PROJECT)}: {len(list(misses()))} misses\n")

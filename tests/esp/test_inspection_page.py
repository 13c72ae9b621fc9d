"""docs/reference/inspection.md says what the code does today, and no miss stays without a word."""

from __future__ import annotations

import re
from pathlib import Path

import inspection
from esp.catalogue import CASES


def _parts(text: str) -> tuple[str, str]:
    above, _, rest = text.partition(inspection.BEGIN)
    return above, rest.partition(inspection.END)[0].strip("\n")


def test_the_page_is_what_make_inspection_would_write_today() -> None:
    above, _ = _parts(inspection.PAGE.read_text("utf-8"))
    assert above == inspection.built(), "run `make inspection`"


def test_the_part_about_real_files_is_too_where_they_are_at_hand(shared: Path) -> None:
    _, real = _parts(inspection.PAGE.read_text("utf-8"))
    assert real == inspection.real(), "run `make inspection`"


def test_where_real_files_are_absent_their_part_stays(tmp_path: Path) -> None:
    before = inspection.PAGE.read_text("utf-8")
    kept, inspection.SHARED = inspection.SHARED, tmp_path
    try:
        assert _parts(inspection.page(before))[1] == _parts(before)[1]
    finally:
        inspection.SHARED = kept


def test_the_matrix_counts_every_file_and_what_is_beside_the_diagonal_is_allowed_or_listed() -> None:
    rows = [line.split("|")[2:-1] for line in inspection.kinds().splitlines()[2:]]
    counts = [[0 if cell.strip() == "·" else int(cell) for cell in row] for row in rows]
    assert sum(map(sum, counts)) == len(CASES)
    beside = sum(count for n, row in enumerate(counts) for m, count in enumerate(row) if n != m)
    several = sum(len(case.kinds) > 1 for case in CASES)
    assert beside <= several + len(list(inspection.misses()))


def test_the_number_of_misses_is_told_above_their_list() -> None:
    text = inspection.built()
    (number,) = re.findall(r"Misses: (\d+)\.", text)
    assert int(number) == len(list(inspection.misses()))

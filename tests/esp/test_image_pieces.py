"""The small parts of the inspection against the slow and obvious way to do the same."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise
from operator import xor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from esp.builders import CHIPS, app, arduino, crc32_msb, eboot, noise
from homie_ota.esp.image import CheckResult, Segment
from homie_ota.esp.image.chips import BY_WORD, ESP32_CHIPS, ESP8266, Flash, chip_of, flash_of
from homie_ota.esp.image.descriptor import descriptor_of, iso
from homie_ota.esp.image.digest import Crc32, Xor
from homie_ota.esp.image.rest import LONGEST, Rest
from homie_ota.esp.image.walk import Walk
from homie_ota.esp.image.window import AFTER, BEFORE, Marks, Windows

sizes = st.lists(st.integers(1, 4000), min_size=1, max_size=8)


def cut(data: bytes, widths: list[int]) -> list[tuple[int, bytes]]:
    """The data in blocks of these widths, over and over, each with its place."""
    blocks: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        width = widths[len(blocks) % len(widths)]
        blocks.append((at, data[at : at + width]))
        at += width
    return blocks


@given(st.binary(max_size=700), sizes)
def test_the_folded_sum_is_the_xor_of_all_bytes(data: bytes, widths: list[int]) -> None:
    total = Xor()
    for _, block in cut(data, widths):
        total.update(block)
    assert total.value() == reduce(xor, data, 0xEF)


@given(st.binary(max_size=300), sizes)
def test_the_crc_is_the_one_that_takes_the_highest_bit_first(data: bytes, widths: list[int]) -> None:
    crc = Crc32()
    for _, block in cut(data, widths):
        crc.update(block)
    assert crc.value() == crc32_msb(data)


def test_the_crc_of_the_catalogue_of_crcs() -> None:
    crc = Crc32()
    crc.update(b"123456789")
    assert crc.value() == 0x0376E6E7  # CRC-32/MPEG-2


# --- Windows and marks

MARK = b"\xbf\x84\xe4"


@given(
    st.lists(st.sampled_from([MARK, MARK[:2], b"\xbf", b"x" * 700, bytes(90)]), max_size=40).map(b"".join),
    sizes,
    st.sampled_from([None, 0, 1]),
)
@example(MARK * 3000, [1024], 0)
def test_every_mark_is_seen_once_with_all_that_stands_around_it(
    data: bytes, widths: list[int], rare: int | None
) -> None:
    windows, marks, seen, end = Windows(), Marks(MARK, 10_000, rare), [], 0
    for at, block in [*cut(data, widths), (len(data), b"")]:
        window = windows.feed(block, last=at == len(data))
        end = at + len(block)
        offset = end - len(window.data)
        for position in marks.in_window(window):
            place = offset + position
            seen.append(place)
            assert window.data[max(0, position - BEFORE) :].startswith(data[max(0, place - BEFORE) : place])
            assert window.data[position : position + AFTER] == data[place : place + AFTER]
    assert seen == [at for at in range(len(data)) if data.startswith(MARK, at)]


def test_only_so_many_marks_are_looked_at_and_that_is_known() -> None:
    for count, exhausted in ((10, False), (11, True)):
        marks = Marks(MARK, 10)
        assert len(list(marks.in_window(Windows().feed(MARK * count, last=True)))) == 10
        assert marks.exhausted is exhausted


def test_a_window_keeps_no_more_than_anybody_may_want_to_see() -> None:
    windows = Windows()
    kept = [len(windows.feed(bytes(5000)).data) for _ in range(20)]
    assert max(kept) == 5000 + BEFORE + AFTER


# --- What stands behind an image


@given(
    st.integers(0, 300),
    st.sampled_from([b"\xff", b"\0", b"\xaa"]),
    st.integers(0, 20_000),
    st.binary(max_size=100),
    sizes,
)
def test_filling_and_what_comes_after_it_are_told_apart(
    before: int, filling: bytes, count: int, tail: bytes, widths: list[int]
) -> None:
    behind = filling * count + tail
    rest = Rest(before)
    for at, block in cut(bytes(before) + behind, widths):
        rest.feed(at, block)
    first = behind[:1]
    filled = len(behind) - len(behind.lstrip(first)) if first in (b"\xff", b"\0") else 0
    assert (rest.length, rest.filled, rest.start) == (len(behind), filled, behind[:LONGEST])
    assert rest.beyond == (behind[filled : filled + 64] if filled else b"")
    assert rest.only_filling == (0 < filled == len(behind))


# --- The walk


@given(sizes, st.sampled_from([0, 16, 4096, 70_000]))
def test_a_walk_reads_the_same_wherever_the_blocks_and_the_image_begin(
    widths: list[int], before: int
) -> None:
    image = app("esp32")
    walk = Walk("app", before, BY_WORD["esp32"])
    for at, block in cut(noise(before) + image + noise(5000, "behind"), widths):
        walk.feed(at, block)
    assert walk.end == before + len(image)
    assert walk.sum_is_right()
    assert walk.hash_is_right()
    assert walk.part().segments[0] == Segment(
        CHIPS["esp32"].drom + 0x20, walk.segments[0].length, before + 32
    )
    assert walk.start == image[:288]
    assert walk.beginnings[1] == image[walk.segments[1].offset - before :][:32]


def test_a_walk_that_ends_too_early_knows_how_much_is_missing_at_least() -> None:
    walk = Walk("boot loader", 0, ESP8266)
    walk.feed(0, eboot()[:100])
    assert (walk.end, walk.needs) == (None, 16 + 1384)
    assert [check.result for check in walk.checks(100)] == [CheckResult.WRONG, CheckResult.UNKNOWN]


# --- Chips and descriptors


@pytest.mark.parametrize(("number", "chip"), ESP32_CHIPS.items(), ids=lambda value: str(value)[:12])
def test_the_memories_of_a_chip_do_not_overlap(number: int, chip: object) -> None:
    of = ESP32_CHIPS[number]
    assert of is chip
    ranges = sorted((*of.flash, *of.ram))
    assert all(low < high for low, high in ranges)
    assert all(a[1] <= b[0] for a, b in pairwise(ranges))


def test_an_esp8266_is_known_by_where_its_first_segment_goes() -> None:
    assert chip_of(arduino()[:24]) is ESP8266
    assert chip_of(app("esp32-c6")[:24]) is ESP32_CHIPS[13]
    assert chip_of(bytes(24)) is None
    assert chip_of(arduino()[:23]) is None


def test_a_nibble_that_means_nothing_on_this_chip_says_nothing() -> None:
    head = bytes((0xE9, 1, 4, 0x7E)) + bytes(20)
    assert flash_of(head, ESP8266) == Flash(0, "", "")
    assert flash_of(bytes((0xE9, 1, 3, 0x4F)), ESP8266) == Flash(4 << 20, "dout", "80m")
    assert flash_of(bytes((0xE9, 1, 3, 0x4F)), ESP32_CHIPS[12]) == Flash(16 << 20, "dout", "60m")


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("Jun 26 2024", "20:11:05", "2024-06-26T20:11:05"),
        ("Jun  6 2024", "", "2024-06-06"),
        ("Jun 26 2024", "at noon", "2024-06-26"),
        ("Foo 26 2024", "20:11:05", ""),
        ("", "20:11:05", ""),
        ("Feb 31 2024", "", ""),
        ("Feb  0 2024", "", ""),
    ],
)
def test_the_date_of_a_compiler_becomes_an_iso_date_or_nothing(date: str, time: str, expected: str) -> None:
    assert iso(date, time) == expected


def test_the_date_of_arduinos_libraries_is_not_taken_for_that_of_the_sketch() -> None:
    start = app("esp32")[:288]
    assert (seen := descriptor_of(start)) is not None
    assert seen.compiled == "2024-06-26T20:11:05"
    arduinos = descriptor_of(
        start.replace(b"hall-lamp".ljust(32, b"\0"), b"arduino-lib-builder".ljust(32, b"\0"))
    )
    assert arduinos is not None
    assert (arduinos.project, arduinos.compiled) == ("arduino-lib-builder", "")

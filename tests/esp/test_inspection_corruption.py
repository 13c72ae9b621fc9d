"""Every way to damage a good file is told, or it is said that its format cannot tell; see corruptions.py."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable

import pytest

from esp import strangers
from esp.builders import CHIPS, app, arduino, arduino_crc
from esp.catalogue import ACCEPTED, BY_NAME, CASES, CLEAN, Case
from esp.corruptions import DAMAGED, Outcome
from esp.survey import tried
from homie_ota.esp.image import inspect, refusal


def flashes(case: Case) -> bool:
    return case.verdict in (CLEAN, ACCEPTED)


@pytest.mark.parametrize("case", DAMAGED, ids=lambda case: case.name)
def test_what_the_format_covers_is_told_and_what_it_does_not_is_said(case: Case) -> None:
    assert [str(each) for each in tried(case) if not each.enough] == []


@pytest.mark.parametrize("case", [case for case in DAMAGED if flashes(case)], ids=lambda case: case.name)
def test_a_damaged_application_is_refused_not_only_warned_of(case: Case) -> None:
    assert [str(each) for each in tried(case) if each.covered and not each.refused] == []


@pytest.mark.parametrize("case", [case for case in DAMAGED if not flashes(case)], ids=lambda case: case.name)
def test_no_damage_makes_a_file_acceptable_that_was_not(case: Case) -> None:
    assert [str(each) for each in tried(case) if not each.refused] == []


def test_every_way_is_tried_on_many_files() -> None:
    """So that nothing above passes for want of something to do."""
    ways = Counter(each.how for case in DAMAGED for each in tried(case))
    assert len(ways) == 7
    assert min(ways.values()) > 50, ways
    assert len({case.chip for case in DAMAGED}) == 1 + len(CHIPS)


def test_what_only_an_xor_covers_is_not_silent_where_it_covers_nothing() -> None:
    """An address or a flash mode of a file without CRC or hash: silence is the only wrong answer."""
    open_to_all = [each for each in tried(BY_NAME["Arduino (XOR)"]) if not each.covered]
    assert len(open_to_all) > 50
    assert {each.outcome for each in open_to_all} <= {Outcome.TOLD, Outcome.SAID}


@pytest.mark.parametrize("build", [arduino, arduino_crc, lambda: app("esp32-s2"), lambda: app("esp32-c6")])
def test_every_length_that_is_not_the_whole_one_is_refused(build: Callable[[], bytes]) -> None:
    data = build()
    taken = [length for length in range(0, len(data), 37) if refusal(inspect(data[:length])) is None]
    assert taken == []


@pytest.mark.parametrize("chip", CHIPS)
def test_every_single_bit_of_a_hashed_application_counts(chip: str) -> None:
    data = app(chip)
    taken = []
    for at in [*range(56), *range(56, len(data), 61)]:
        broken = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        if refusal(inspect(broken)) is None:
            taken.append(at)
    assert taken == []


def test_two_flips_that_cancel_out_in_an_xor_are_found_by_a_crc_or_a_hash() -> None:
    for data, at in ((arduino_crc(), 0x1100), (app("esp32"), 0x200), (app("esp32-c3"), 0x200)):
        twice = bytearray(data)
        twice[at] ^= 0x10
        twice[at + 7] ^= 0x10
        assert refusal(inspect(bytes(twice))) is not None


@pytest.mark.parametrize("name", ["Arduino (XOR)", "Arduino (CRC)", "esp32-c3", "esp32"])
def test_a_download_that_began_again_in_the_middle_is_refused(name: str) -> None:
    data = BY_NAME[name].data
    half = len(data) // 2
    for broken in (
        data[:half] + data,
        data[half:] + data,
        data[half:],
        data[1:],
        b"\0" + data,
        data[:half] * 2,
    ):
        assert refusal(inspect(broken)) is not None


@pytest.mark.parametrize("case", [case for case in CASES if case.data], ids=lambda case: case.name)
def test_nothing_becomes_acceptable_by_being_named_otherwise_or_wrapped(case: Case) -> None:
    """A file within another, and every beginning of it, is not flashed by mistake."""
    wrapped = (strangers.zipped(case.data), gzip.compress(case.data, mtime=0), strangers.bzip2(case.data))
    for data in wrapped:
        assert refusal(inspect(data)) is not None

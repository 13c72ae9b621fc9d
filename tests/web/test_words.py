"""How values are said; and what a part of an image is."""

from __future__ import annotations

import pytest

from homie_ota.web import words
from homie_ota.web.recent import Recent
from homie_ota.web.sending import Part, part
from homie_ota.web.spelling import Name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hall lamp", "hall lamp"),
        ("ä€😀", "ä€😀"),
        ("a\nb\tc\x00d\x1b[31m", "a�b�c�d�[31m"),
        ("abc\u202edcba", "abc�dcba"),  # right-to-left override: shows another name than there is
        ("x" * 300, "x" * 199 + "…"),
        ("x" * 200, "x" * 200),
        (12, "12"),
    ],
)
def test_texts_of_devices_are_cut_and_cleaned(text: object, said: str) -> None:
    assert words.clean(text) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (-5, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172_800, "2 d"),
    ],
)
def test_durations_are_said_in_one_unit(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


def test_ages_moments_and_sizes() -> None:
    assert [words.age(at, 1000.0) for at in (None, 999.5, 900.0)] == ["", "now", "100 s"]
    assert words.moment(0.0) == ""
    assert words.moment(1_700_000_000.0) == "2023-11-14 22:13:20"
    assert [words.size(n) for n in (0, 12, 2048, 20_971_520)] == ["", "12 B", "2 KB", "20.0 MB"]
    assert [words.flash(n) for n in (0, 524_288, 4_194_304)] == ["", "512 KB", "4 MB"]


WHOLE = Part(0, 100, 100)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, WHOLE), ("", WHOLE), ("bytes=0-", WHOLE), ("bytes=-", WHOLE), ("bytes=x-y", WHOLE), ("lines=1-2", WHOLE),
        ("bytes=0-1,5-6", WHOLE), ("bytes=10-19", Part(10, 20, 100)), ("bytes=90-", Part(90, 100, 100)),
        ("bytes=90-500", Part(90, 100, 100)), ("bytes=-10", Part(90, 100, 100)), ("bytes=-500", WHOLE),
        ("BYTES=0-0", Part(0, 1, 100)), ("bytes=100-", None), ("bytes=20-10", None), ("bytes=-0", None),
        ("bytes=" + "9" * 5000 + "-", WHOLE),
    ],
)  # fmt: skip
def test_a_range_is_a_part_or_all_or_outside(header: str | None, wanted: Part | None) -> None:
    assert part(header, 100) == wanted


def test_a_header_name_keeps_its_spelling_and_equals_any_other() -> None:
    name = Name(b"Content-Length")
    assert name.lower() == b"content-length"
    assert b": ".join([name.lower(), b"1"]) == b"Content-Length: 1"
    assert name != b"x-MD5"
    assert len({name, Name(b"content-LENGTH")}) == 1


def test_what_is_remembered_is_forgotten_in_a_moment_and_bounded() -> None:
    recent: Recent[str] = Recent(seconds=1.0, most=2)
    for key in "abc":
        recent.put(key, key, 10.0)
    assert [recent.get(key, 10.5) for key in "abc"] == [None, "b", "c"]
    assert recent.get("c", 11.0) is None
    assert recent.get("c", 9.0) is None  # the clock was set back

"""Versions sort as people mean them, and nobody claims to know what cannot be known."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout.versions import LONGEST, compare, version_key

RISING = [
    ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11"],
    ["1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.1", "1.9", "1.10", "2.0.0-beta.2", "v2", "V2.0.1"],
    ["1.0b1", "1.0rc1", "1.0", "1.0b", "1.0.1"],
    ["1.0", "1.0-3-gabc1234", "1.0-12-g0a1b2c3-dirty", "1.0.1"],
    ["1.0", "1.0-post1", "1.0-post2", "1.1"],
    ["20231231", "20240101", "20240101-2", "20240102", "20241111"],
    ["2023-12-31", "2024-01-09", "2024-1-10", "2024-02-01"],
    ["2024.9.1", "2024.10.01", "2024.10.11", "2025.1"],
    ["9", "10", "100", "99999999999999999999", "100000000000000000000"],
    ["0.9", "0.10", "0.10.1"],
]


@pytest.mark.parametrize("versions", RISING)
def test_versions_rise_in_this_order(versions: list[str]) -> None:
    mixed = versions[::2] + versions[1::2]
    assert sorted(mixed, key=version_key) == versions
    for older, newer in pairwise(versions):
        assert (compare(older, newer), compare(newer, older)) == (-1, 1), (older, newer)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1.0", "1.0.0"),
        ("v2", "2.0"),
        ("1.0.0+build7", "1.0.0+build8"),
        ("1.0.0-RC.1", "1.0.0-rc.1"),
        (" 1.0 ", "1.0"),
        ("01.02", "1.2"),
        ("master", "master"),
        ("", ""),
    ],
)
def test_these_are_the_same_version(a: str, b: str) -> None:
    assert compare(a, b) == 0


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("master", "1.0"),
        ("master", "develop"),
        ("", "1.0"),
        ("20240131", "1.2.0"),
        ("0a1b2c3", "1.0"),
        ("ffee123", "9abcdef"),
    ],
)
def test_nobody_can_say_which_of_these_is_newer(a: str, b: str) -> None:
    assert compare(a, b) is None
    assert compare(b, a) is None


def test_what_has_no_number_sorts_lowest() -> None:
    assert sorted(["0.0.1-a", "master", "", "0a1b2c3"], key=version_key) == [
        "",
        "0a1b2c3",
        "master",
        "0.0.1-a",
    ]


@given(st.text())
def test_a_key_holds_small_letters_and_digits_and_fits_its_column(text: str) -> None:
    key = version_key(text)
    assert len(key) <= LONGEST
    assert all(c in "0123456789abcdefghijklmnopqrstuvwxyz" for c in key)


_version = st.from_regex(r"v?[0-9]{1,3}(\.[0-9]{1,3}){0,3}(-(alpha|beta|rc)(\.[0-9]{1,2})?)?", fullmatch=True)


@given(_version, _version, _version)
def test_comparing_is_an_order(a: str, b: str, c: str) -> None:
    first, second = compare(a, b), compare(b, c)
    assert first is not None
    assert second is not None
    assert compare(b, a) == -first
    if first <= 0 and second <= 0:
        assert (compare(a, c) or 0) <= 0


_numbers = st.lists(st.integers(0, 10**6), min_size=1, max_size=5)


@given(_numbers, _numbers)
def test_numbers_compare_as_numbers(a: list[int], b: list[int]) -> None:
    left, right = (".".join(str(number) for number in numbers) for numbers in ([1, *a], [1, *b]))
    width = max(len(a), len(b))
    padded = [numbers + [0] * (width - len(numbers)) for numbers in (a, b)]
    assert compare(left, right) == (padded[0] > padded[1]) - (padded[0] < padded[1])

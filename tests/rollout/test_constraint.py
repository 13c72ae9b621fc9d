"""Which versions a text like `>=1.5,<2` means; what cannot be compared is not guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout.constraint import LONGEST, read


@pytest.mark.parametrize(
    ("text", "version", "holds"),
    [
        ("", "1.0", True),
        ("*", "master", True),
        ("1.5", "1.5.0", True),
        ("1.5", "1.5.1", False),
        (">=1.5", "1.10", True),
        (">=1.5", "1.5-beta", False),
        (">=1.5,<2", "2.0", False),
        (">=1.5 <2", "1.9.9", True),
        ("> 1.5 , != 1.7", "1.7", False),
        ("==1.5", "v1.5", True),
        ("2.*", "2.11", True),
        ("2.*", "20.1", False),
        ("=2.1.*", "2.10", False),
        ("!=2.*", "2.0", False),
        ("!=2.*", "3.0", True),
        (">=1.5", "master", None),
        (">=1.5", "", None),
        ("2.*", "master", None),
        ("=master", "master", True),
        ("!=master", "master", False),
        ("a1b2c3d", "a1b2c3d", True),
        (">=1.5,<2", "20240131", None),
        ("<2,>=1.5,!=*", "2.5", False),
    ],
)
def test_a_version_is_meant_or_not_or_nobody_can_tell(text: str, version: str, holds: bool | None) -> None:
    found = read(text)
    assert found is not None
    assert found.holds(version) is holds


@pytest.mark.parametrize(
    "text",
    [
        ">=",
        "≥ 1.5",
        "1.5 or so",
        "1.5,1.6",
        ">=2.*",
        "1.*.2",
        "2*",
        ">>1",
        "master.*",
        "1" * 65,
        ",",
        "<,2",
        "foo",
        ">=foo",
        "<master",
    ],
)
def test_what_is_no_constraint_is_none(text: str) -> None:
    assert read(text) is None


@given(st.text(), st.text())
def test_no_text_raises_and_no_constraint_is_longer_than_its_column(text: str, version: str) -> None:
    found = read(text)
    assert found is None or len(text.strip()) <= LONGEST
    assert found is None or found.holds(version) in (True, False, None)

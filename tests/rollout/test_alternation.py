"""Back and forth: seen where a device does it by itself, and not where people do it."""

from __future__ import annotations

import pytest

from homie_ota.rollout.alternation import WINDOW, Change, alternates

NEW, OLD, THIRD = "b" * 32, "a" * 32, "c" * 32


def changes(*what: tuple[str, bool]) -> list[Change]:
    return [Change(100.0 + 10.0 * at, key, ours) for at, (key, ours) in enumerate(what)]


@pytest.mark.parametrize(
    ("history", "found"),
    [
        # It was updated, went back by itself, and came forth again by itself.
        (changes((NEW, True), (OLD, False), (NEW, False)), True),
        # Somebody else updates it too, and undoes each of ours.
        (changes((NEW, True), (OLD, False), (NEW, True), (OLD, False)), True),
        # A person puts the old one back by cable and orders the new one again.
        (changes((NEW, True), (OLD, False), (NEW, True)), False),
        # A bench device shows that it can be updated again.
        (changes((NEW, True), (OLD, True), (NEW, True), (OLD, True)), False),
        (changes((NEW, True), (OLD, False)), False),
        (changes((NEW, False), (THIRD, False), (OLD, False)), False),
        ([], False),
    ],
)
def test_who_goes_back_and_forth_by_itself(history: list[Change], found: bool) -> None:
    assert alternates(history, 200.0) == (frozenset({NEW, OLD}) if found else frozenset())


def test_what_is_long_ago_does_not_count() -> None:
    history = changes((NEW, True), (OLD, False), (NEW, False))
    assert alternates(history, 200.0)
    assert not alternates(history, 200.0 + WINDOW)

"""Windows, waves and spans as people type them; whatever is read can be written and read again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout import spelling
from homie_ota.rollout.plan import CANARY, REST, TENTH, Gate, WaveRule, Window

WEEKDAYS, ALL = frozenset(range(5)), frozenset(range(7))


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("Mon-Fri 02:00-05:00", Window(WEEKDAYS, 120, 300)),
        ("02:00-05:00", Window(ALL, 120, 300)),
        ("sat,Sun 9:30-24:00", Window(frozenset({5, 6}), 570, 1440)),
        ("Fri-Mon 22:00-02:00", Window(frozenset({4, 5, 6, 0}), 1320, 120)),
        ("monday, wednesday-thu 00:00 - 06:00", Window(frozenset({0, 2, 3}), 0, 360)),
    ],
)
def test_a_window_is_read(text: str, window: Window) -> None:
    assert spelling.read_window(text) == window


@pytest.mark.parametrize(
    "text", ["", "Mon", "Mon-Fri", "Xon 02:00-05:00", "M 02:00-05:00", "02:00", "25:00-26:00", "02:60-03:00",
             "24:00-01:00", "02:00-05:00 Mon", "Mon- 02:00-05:00"],
)  # fmt: skip
def test_what_is_no_window_is_none(text: str) -> None:
    assert spelling.read_window(text) is None


@given(st.frozensets(st.integers(0, 6), min_size=1), st.integers(0, 1439), st.integers(0, 1440))
def test_a_window_is_read_back_from_its_text(days: frozenset[int], since: int, until: int) -> None:
    window = Window(days, since, until)
    assert spelling.read_window(spelling.window_text(window)) == window


def test_waves_have_the_gates_that_are_usual_at_their_place() -> None:
    assert spelling.read_waves("1,10%,rest") == (CANARY, TENTH, REST)
    gate = Gate(soak=5.0)
    assert spelling.read_waves("5, 50 %", gate) == (
        WaveRule(count=5, gate=gate),
        WaveRule(share=0.5, gate=gate),
    )
    assert spelling.waves_text((CANARY, TENTH, REST)) == "1,10%,rest"


@pytest.mark.parametrize(
    "text", ["", ",", "0", "x", "10%,", "rest,1", "-1", "1.5", "101%", "1,,2", "0%", "1e3"]
)
def test_what_are_no_waves_is_none(text: str) -> None:
    assert spelling.read_waves(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("1.5 h", 5400), ("2D", 172800), ("1w", 604800), ("0", 0)],
)
def test_a_span_is_read(text: str, seconds: float) -> None:
    assert spelling.read_span(text) == seconds


@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_value_or_none(text: str) -> None:
    window, waves, span = spelling.read_window(text), spelling.read_waves(text), spelling.read_span(text)
    assert window is None or spelling.read_window(spelling.window_text(window)) == window
    assert waves is None or waves
    assert span is None or span >= 0

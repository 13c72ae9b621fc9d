"""A value on its way to a property: which topic, how, and what a property of each kind takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.homie import setting
from homie_ota.homie.setting import GENERATIONS, Property, check, choices, describe, message, span
from homie_ota.model import Address, Publish

LAMP = Address("homie/", "lamp")
SETTABLE = Property(True)


@pytest.mark.parametrize("homie", ["1.5", "2.0.0-beta.1", "2.0.1", "3.0.1", "4.0.0", "5.0", "esp32-homie"])
def test_a_value_goes_to_set_and_is_never_kept_by_the_broker(homie: str) -> None:
    sent = message(LAMP, homie, "relay", "on", SETTABLE, "true")
    assert sent == Publish("homie/lamp/relay/on/set", b"true", qos=1, retain=False)


def test_a_device_of_an_unknown_generation_gets_nothing() -> None:
    assert message(LAMP, "", "relay", "on", SETTABLE, "true") is None


@pytest.mark.parametrize(
    ("homie", "payload"), [("5.0", b"\0"), ("4.0.0", b""), ("3.0.1", None), ("1.5", None)]
)
def test_an_empty_text_is_said_as_each_generation_says_it(homie: str, payload: bytes | None) -> None:
    sent = message(LAMP, homie, "text", "line", Property(True, "string"), "")
    assert (sent.payload if sent else None) == payload


def test_a_press_of_a_button_is_sent_at_most_once_in_homie_5() -> None:
    momentary = Property(True, "enum", "press", retained=False)
    five, three = (message(LAMP, homie, "b", "b", momentary, "press") for homie in ("5.0", "3.0.1"))
    assert five is not None
    assert three is not None
    assert (five.qos, three.qos) == (0, 1)


@pytest.mark.parametrize(
    ("homie", "announced", "prop", "settable"),
    [
        ("1.5", {}, "on", None),  # it has no word for it
        ("esp32-homie", {}, "on", None),
        ("2.0.1", {"settable": True, "listed": True}, "on", True),
        ("2.0.1", {}, "on", False),
        ("2.0.1", {"settable": True, "span": "1-3"}, "led", False),  # the range, not one of its elements
        ("2.0.1", {"settable": True, "span": "1-3"}, "led_2", True),
        ("3.0.1", {"settable": True}, "on", True),
        ("3.0.1", {"settable": False}, "on", False),
        ("5.0", {}, "on", False),
        ("", {}, "on", False),
    ],
)
def test_whether_a_property_can_be_set(
    homie: str, announced: dict[str, Any], prop: str, settable: bool | None
) -> None:
    assert describe(homie, announced, prop).settable is settable


GOOD = [
    ("", "", "anything at all"),
    ("string", "", " with spaces "),
    ("integer", "", "-7"),
    ("integer", "0:100", "100"),
    ("integer", "0:100:5", "0"),
    ("integer", ":10", "-99"),
    ("float", "", "21.5"),
    ("float", "-20:60", "-1e1"),
    ("boolean", "", "true"),
    ("boolean", "closed,open", "false"),  # Homie 5: only how it is shown
    ("enum", "low,high", "high"),
    ("enum", "", "whatever"),
    ("color", "rgb", "255,0,0"),
    ("color", "hsv", "360,100,100"),
    ("color", "rgb,hsv", "hsv,120,50,50"),
    ("color", "xyz", "xyz,0.25,0.34"),
    ("datetime", "", "2026-03-01T12:00:00Z"),
    ("duration", "", "PT12H5M46S"),
    ("duration", "", "P1DT1.5S"),
    ("json", "", '{"a": [1]}'),
    ("made-up", "1:2", "9"),
]
BAD = [
    ("integer", "", "1.5", "whole number"),
    ("integer", "", "", "whole number"),
    ("integer", "", "1e3", "whole number"),
    ("integer", "0:100", "101", "0 to 100"),
    ("integer", ":10", "11", "at most 10"),
    ("integer", "5:", "4", "at least 5"),
    ("float", "0:1", "1.01", "0 to 1"),
    ("float", "", "nan", "decimal point"),
    ("float", "", "inf", "decimal point"),
    ("float", "", "1_0", "decimal point"),
    ("boolean", "", "on", "true or false"),
    ("enum", "low,high", "medium", "low, high"),
    ("color", "rgb", "256,0,0", "such as 255,128,0"),
    ("color", "rgb", "red", "such as"),
    ("color", "hsv", "1,2", "such as 120,100,50"),
    ("color", "hsv", "rgb,1,2,3", "as hsv, and not as rgb"),
    ("datetime", "", "tomorrow", "2026-03-01"),
    ("duration", "", "PT", "PT12H5M46S"),
    ("duration", "", "P", "PT12H5M46S"),
    ("json", "", "{", "cannot be read"),
    ("json", "", "7", "object or list"),
    ("string", "", "x" * 1001, "longer than 1000"),
    ("string", "", "a\0b", "zero byte"),
]


@pytest.mark.parametrize(("datatype", "format_", "text"), GOOD)
def test_what_a_property_takes(datatype: str, format_: str, text: str) -> None:
    assert check(Property(True, datatype, format_), text) == (text, "")


@pytest.mark.parametrize(("datatype", "format_", "text", "part"), BAD)
def test_what_a_property_does_not_take_is_refused_with_what_it_takes(
    datatype: str, format_: str, text: str, part: str
) -> None:
    value = check(Property(True, datatype, format_), text)
    assert value.text == ""
    assert part in value.problem


def test_spaces_around_a_number_are_a_slip() -> None:
    assert check(Property(True, "integer"), " 7 ") == ("7", "")


@given(st.text(max_size=60), st.sampled_from(["", *sorted(setting._CHECKS)]), st.text(max_size=20))
def test_whatever_a_device_announces_and_a_person_types_there_is_an_answer(
    text: str, datatype: str, format_: str
) -> None:
    of = Property(True, datatype, format_)
    value = check(of, text)
    assert bool(value.problem) or value.text in (text, text.strip())
    assert len(span(of)) == 3
    assert isinstance(choices(of), tuple)


def test_few_values_are_chosen_from() -> None:
    assert choices(Property(True, "boolean")) == ("true", "false")
    assert choices(Property(True, "enum", "low, high,")) == ("low", "high")
    assert choices(Property(True, "string", "low,high")) == ()


@pytest.mark.parametrize(
    ("format_", "wanted"),
    [
        ("0:100", (0, 100, None)),
        ("0:100:5", (0, 100, 5)),
        (":10", (None, 10, None)),
        ("x", (None, None, None)),
    ],
)
def test_the_span_of_a_number(format_: str, wanted: tuple[float | None, ...]) -> None:
    assert span(Property(True, "integer", format_)) == wanted


def test_every_generation_of_the_sheets_has_a_row() -> None:
    assert set(GENERATIONS) == {"1", "2", "3", "4", "5", "e"}

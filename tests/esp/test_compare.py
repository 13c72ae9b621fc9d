"""Two images beside each other: what differs comes first, and nothing is lost."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from homie_ota.esp.compare import TOPICS, Line, Side, compare
from homie_ota.esp.image import (
    AppDescriptor,
    Check,
    CheckResult,
    Finding,
    Inspection,
    Part,
    Segment,
    Severity,
    inspect,
)
from homie_ota.model import Firmware
from homie_ota.simulator.images import make_image

IMAGE = Firmware("a" * 64, "a" * 32, "lamp", "1.0", "lamp-1.0.bin", 1000, chip="esp8266", flash_size=1 << 20)
SEEN = Inspection(flash_frequency="40m")


def side(seen: Inspection = SEEN, **more: Any) -> Side:
    return Side(dataclasses.replace(IMAGE, **more), seen)


def differing(a: Side, b: Side) -> list[Line]:
    return [line for line in compare(a, b) if line.differs]


def test_an_image_is_like_itself() -> None:
    lines = compare(side(), side())
    assert not any(line.differs for line in lines)
    assert ("image", "name", "lamp", "lamp", "") in lines
    assert ("flash", "size", "1 MB", "1 MB", "") in lines
    assert ("flash", "frequency", "40 MHz", "40 MHz", "") in lines


def test_what_differs_comes_first_and_each_half_is_in_order() -> None:
    seen = dataclasses.replace(SEEN, compiled="2024-05-01", versions=("lwIP 2.1.2",))
    lines = compare(side(), side(seen, version="2.0", flash_mode="dio"))
    assert [line.what for line in lines if line.differs] == ["version", "mode", "compiled", "lwIP"]
    halves = [[TOPICS.index(each.topic) for each in lines if each.differs is half] for half in (True, False)]
    assert halves == [sorted(half) for half in halves]
    assert [line.differs for line in lines] == sorted((line.differs for line in lines), reverse=True)


def test_sizes_say_by_how_much() -> None:
    (line,) = differing(side(size=404_368), side(size=404_224))
    assert line == ("image", "size", "404,368 bytes", "404,224 bytes", "-144 bytes")


def test_what_neither_has_is_no_line() -> None:
    assert all(line.a or line.b for line in compare(side(), side()))
    assert "brand" not in {line.what for line in compare(side(), side())}


@pytest.mark.parametrize(
    ("text", "library", "version"),
    [
        ("Arduino core 2.7.4", "Arduino core", "2.7.4"),
        ("SDK compiled Jan 10 2019 08:20:11", "SDK compiled", "Jan 10 2019 08:20:11"),
        ("MicroPython v1.22", "MicroPython", "v1.22"),
        ("SDK 2.2.1-dev(cfd48f3)", "SDK", "2.2.1-dev(cfd48f3)"),
        ("lwIP STABLE-2_1_2", "lwIP STABLE-2_1_2", "yes"),
    ],
)
def test_versions_stand_beside_those_of_the_same_library(text: str, library: str, version: str) -> None:
    (line,) = differing(side(), side(dataclasses.replace(SEEN, versions=(text,))))
    assert line[:4] == ("versions", library, "", version)


def test_two_versions_of_one_library_in_one_image_are_both_said() -> None:
    a = dataclasses.replace(SEEN, versions=("lwIP 2.0.3", "lwIP 2.1.2"))
    (line,) = differing(side(a), side(dataclasses.replace(SEEN, versions=("lwIP 2.1.2",))))
    assert (line.a, line.b) == ("2.0.3; 2.1.2", "2.1.2")


def test_segments_are_compared_one_by_one() -> None:
    def made(length: int, *more: Segment) -> Inspection:
        segments = (Segment(0x40201010, length, 0x1010), *more)
        return dataclasses.replace(SEEN, parts=(Part("sketch", 0x1000, length + 100, 0x40100004, segments),))

    found = {
        line.what: line for line in differing(side(made(4096)), side(made(5000, Segment(0x3FFE8000, 16, 99))))
    }
    assert found["sketch"].note == "+904 bytes"
    assert found["sketch, segment 1"] == (
        "segments", "sketch, segment 1", "4,096 bytes to 0x40201010", "5,000 bytes to 0x40201010", "+904 bytes",
    )  # fmt: skip
    assert found["sketch, segment 2"][2:] == ("", "16 bytes to 0x3ffe8000", "")


def test_checks_findings_and_the_descriptor_are_set_beside_each_other() -> None:
    told = AppDescriptor("blink", "v1", "2022-09-13T10:18:39", "v5.0", "", 0)
    checked = dataclasses.replace(
        SEEN,
        descriptor=told,
        checks=(Check("checksum", "app", CheckResult.WRONG),),
        findings=(Finding("secret-url", Severity.WARNING, "The image holds a password."),),
    )
    good = dataclasses.replace(SEEN, checks=(Check("checksum", "app", CheckResult.VERIFIED),))
    found = {line.what: (line.a, line.b) for line in differing(side(good), side(checked))}
    assert found["checksum of the app"] == ("verified", "wrong")
    assert found["secret-url"] == ("", "The image holds a password.")
    assert found["IDF"] == ("", "v5.0")
    assert found["project"] == ("", "blink")


def test_two_builds_are_told_apart_by_what_is_in_them() -> None:
    def built(version: str, **more: Any) -> Side:
        data = make_image("lamp", version, **more)
        seen = inspect(data)
        return side(seen, version=version, size=len(data), flash_size=seen.flash_size, chip=seen.chip)

    found = {line.what for line in differing(built("1.0"), built("2.0", size=50_000, flash_size=4 << 20))}
    assert {"version", "size", "sketch", "sketch, segment 1"} <= found
    assert "chip" not in found
    assert differing(built("1.0"), built("1.0")) == []

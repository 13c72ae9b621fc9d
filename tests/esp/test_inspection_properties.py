"""Whatever the bytes are: nothing raises, chunks do not matter, little is kept, and the work grows with the file."""

from __future__ import annotations

import dataclasses
import json
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from esp import builders, sealed
from esp.builders import LEFT_RIGHT, arduino, magic, noise
from esp.catalogue import CASES
from homie_ota.esp.image import (
    KINDS,
    AppDescriptor,
    Check,
    CheckResult,
    Finding,
    Inspection,
    Inspector,
    Part,
    Severity,
    from_data,
    inspect,
    refusal,
    sentence,
)

SECRETS = (("the Wi-Fi password", b"correct-horse-battery"), ("nothing", b""), ("a letter", b"x"))
KB, MB = 1 << 10, 1 << 20


def in_chunks(data: bytes, sizes: Iterator[int], **options: Any) -> Inspection:
    inspector, at = Inspector(**options), 0
    while at < len(data):
        step = next(sizes)
        inspector.feed(data[at : at + step])
        at += step
    return inspector.finish()


files = st.sampled_from([case.data for case in CASES if len(case.data) < 20 * KB])
pieces = st.one_of(
    st.binary(max_size=64),
    st.sampled_from([mark for pair in LEFT_RIGHT for mark in pair]),
    st.sampled_from(
        [b"mqtt://user:hunter2@h\0", b"-----BEGIN RSA PRIVATE KEY-----\nMII", b"correct-horse-battery"]
    ),
    st.sampled_from(
        [b"\xe9\x04\x02\x20", b"\xaa\x50", b"\xff" * 64, bytes(64), b"\x1f\x8b\x08", b"2.2.2-dev(38a443e)"]
    ),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good file with something cut out, put in, repeated or written over, a few times."""
    data = draw(files)
    for _ in range(draw(st.integers(0, 4))):
        a, b = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        new = draw(pieces)
        data = draw(
            st.sampled_from(
                [data[:a] + new + data[b:], data[:a] + new + data[a + len(new) :], data[:a], data[a:b] * 2]
            )
        )
    return data


anything = st.one_of(st.binary(max_size=300), st.lists(pieces, max_size=30).map(b"".join), damaged())


@settings(max_examples=400, deadline=None)
@given(anything)
@example(b"\xe9")
@example(arduino()[:0x600])
@example(builders.eboot())
def test_no_bytes_raise_and_everything_that_is_said_can_be_shown_and_stored(data: bytes) -> None:
    seen = inspect(data, known_secrets=SECRETS)
    assert seen.size == len(data)
    assert seen.kind in KINDS
    row = json.dumps(seen.as_data())
    assert len(row) < 40_000
    assert from_data(json.loads(row)) == seen
    assert list(unprintable(seen.as_data())) == []
    found = refusal(seen)
    if found:
        assert sentence("lamp.bin", found).isprintable()


def unprintable(value: object) -> Iterator[str]:
    """Every text in the data that a log or a page could not show as it is."""
    match value:
        case str() if not value.isprintable() or len(value) > 600:
            yield value
        case dict():
            yield from (text for each in value.values() for text in unprintable(each))
        case list() | tuple():
            yield from (text for each in value for text in unprintable(each))


@settings(max_examples=200, deadline=None)
@given(anything, st.lists(st.integers(1, 5000), min_size=1, max_size=8))
def test_any_chunks_give_the_same_inspection(data: bytes, sizes: list[int]) -> None:
    assert in_chunks(data, cycle(sizes), known_secrets=SECRETS) == inspect(data, known_secrets=SECRETS)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(-70, 70),
    st.sampled_from([1, 7, 4096, 65_535, 65_537]),
    st.sampled_from(["magic", "url", "known", "pem"]),
)
def test_what_lies_across_the_border_of_64_kb_is_found_all_the_same(shift: int, size: int, what: str) -> None:
    """Whatever blocks the inspector works in, nothing is lost between them."""
    text = {
        "magic": magic(), "url": b"\0mqtt://user:hunter2hunter2@broker:1883\0", "known": b"\0correct-horse-battery\0",
        "pem": b"\0-----BEGIN EC PRIVATE KEY-----\n" + b"MHcCAQEEIIGlRHHp" * 4 + b"\n-----END EC PRIVATE KEY-----\0",
    }[what]  # fmt: skip
    data = bytes(64 * KB + shift - len(text) // 2) + text
    data = data.ljust(130 * KB, b"\0") if size > 1 else data + bytes(200)
    seen = in_chunks(data, cycle([size]), known_secrets=SECRETS)
    if what == "magic":
        assert (seen.name, seen.version, seen.brand) == ("hall-lamp", "1.0.3", "acme")
    else:
        assert any(finding.code.startswith("secret") for finding in seen.findings)


@pytest.mark.parametrize("chip", ["esp32", "esp32-c3"])
def test_an_application_may_end_anywhere_around_64_kb(chip: str) -> None:
    """Header, data, checksum and hash across the border; each damage of them is still told."""
    fixed = len(builders.app(chip, extra=b"", code_bytes=0))
    for shift in range(-120, 60, 12):
        data = builders.app(chip, extra=b"", code_bytes=64 * KB - fixed + shift)
        assert refusal(inspect(data)) is None, shift
        for at in (-1, -32, -33, -60, 40, min(64 * KB, len(data)) - 1):
            broken = bytearray(data)
            broken[at] ^= 4
            assert refusal(inspect(bytes(broken))) is not None, (shift, at)
        for other in (data[:-1], data[:-33], data + b"\0", data + bytes(16)):
            assert refusal(inspect(other)) is not None, shift


@pytest.mark.parametrize("build", [builders.arduino, builders.arduino_crc])
def test_a_sketch_may_end_anywhere_around_64_kb(build: Callable[..., bytes]) -> None:
    fixed = len(build(code_bytes=0))
    for shift in (-16, 0, 16, 48):
        data = build(code_bytes=64 * KB - fixed + shift)
        assert refusal(inspect(data)) is None
        assert (inspect(data).name, inspect(data).signed) == ("hall-lamp", False)
        assert inspect(sealed.signed(data)).signed
        for other in (data[:-16], data[:-1], data + bytes(16), data[:-500] + b"\x55" + data[-499:]):
            assert refusal(inspect(other)) is not None


values: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=6,
)
NOUNS: tuple[type[Finding | Check | Part | AppDescriptor], ...] = (Finding, Check, Part, AppDescriptor)
known = {
    "severity": st.sampled_from([*map(str, Severity)]),
    "result": st.sampled_from([*map(str, CheckResult)]),
}
nouns = st.one_of(
    *(
        st.fixed_dictionaries({name: known.get(name, values) | values for name in noun._fields})
        for noun in NOUNS
    )
)
row = st.dictionaries(
    st.sampled_from([field.name for field in dataclasses.fields(Inspection)] + ["warnings", "else"]),
    values | nouns | st.lists(nouns | values, max_size=3),
)


@settings(deadline=None)
@given(row)
@example({"findings": [{"code": {}, "severity": "note", "text": [], "advice": None}]})
@example({"warnings": ["old"], "magic": True})
def test_a_row_with_anything_in_it_is_read(row: dict[str, object]) -> None:
    seen = from_data(row)
    assert isinstance(seen.warnings, tuple)
    assert from_data(seen.as_data()) == seen


def test_feeding_nothing_changes_nothing_and_finishing_twice_says_the_same() -> None:
    inspector = Inspector()
    for chunk in (b"", arduino()[:5000], b"", arduino()[5000:], b""):
        inspector.feed(chunk)
    assert inspector.finish() == inspector.finish() == inspect(arduino())
    assert inspector.head.startswith(arduino()[:1000])
    assert Inspector().finish() == inspect(b"")


@pytest.mark.parametrize("short", [b"", b"\0", b"x", b"ab", b"1234"])
def test_a_known_secret_so_short_that_it_is_everywhere_is_not_found_everywhere(short: bytes) -> None:
    data = builders.arduino(extra=magic() + bytes(64) + b"x ab 1234")
    found = [f.code for f in inspect(data, known_secrets=[("the password", short)]).findings]
    assert found == []


# --- Bounds -------------------------------------------------------------------------------------------------------

(NAME, END), *_ = LEFT_RIGHT
HOSTILE = {
    "noise": noise(4096),
    "zeros": bytes(64),
    "erased": b"\xff" * 64,
    "left marks": NAME,
    "right marks": END,
    "left marks with text": NAME + b"n" * 30,
    "names": NAME + b"lamp" + END,
    "://": b"://",
    "http://a:": b"http://a:",
    "addresses": b"mqtt://user:hunter2@h\0",
    "an endless password": b"http://u:" + b"p" * 5000,
    "-----BEGIN": b"-----BEGIN",
    "keys": b"-----BEGIN RSA PRIVATE KEY-----",
    "nearly a secret": b"correct-horse-batter",
    "secrets": SECRETS[0][1],
    "E9": b"\xe9",
    "headers": b"\xe9\x01\x02\x40\x04\0\x10\x40",
    "AA 50": b"\xaa\x50",
    "dates": b"Jun 26 2024 20:11:05\0",
    "versions": b"v1.2.3-",
    "SDK": b"SDK 2.2.2-dev(",
    "digits": b"1.",
    "at": b"a:b@",
    "%HOMIE": b"%HOMIE_ESP8266_FW%",
    "text": b"hello world ",
    "descriptors": builders.descriptor(),
}
HEADS = {
    "nothing": b"",
    "an Arduino image": arduino()[:0x1100],
    "an ESP32 image": builders.app("esp32")[:2000],
}


def hostile(name: str, head: str, size: int) -> bytes:
    start, pattern = HEADS[head], HOSTILE[name]
    return (start + pattern * (size // len(pattern) + 1))[:size]


def work(data: bytes, chunk: int = 64 * KB) -> int:
    """Calls of functions, of Python and of C, while a file is inspected: the same at every run, unlike time."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        in_chunks(data, cycle([chunk]), known_secrets=SECRETS)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", HOSTILE)
def test_four_times_the_file_is_at_most_four_times_the_work(name: str, head: str) -> None:
    small, large = (work(hostile(name, head, size)) for size in (256 * KB, 1024 * KB))
    assert large <= 4 * small + 500
    assert large < 1024 * KB


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", HOSTILE)
def test_the_memory_of_an_inspection_does_not_grow_with_the_file(name: str, head: str) -> None:
    data = hostile(name, head, 2 * MB)
    tracemalloc.start()
    try:
        in_chunks(data, cycle([64 * KB]), known_secrets=SECRETS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 900 * KB


def test_a_file_that_comes_byte_by_byte_is_not_read_again_and_again() -> None:
    data = arduino()
    assert work(data, 1) - work(data) < 12 * len(data)


def test_checks_say_unknown_where_a_file_has_more_marks_than_are_looked_at() -> None:
    """A bound is no lie: what was not looked at to the end is said."""
    data = arduino() + b"".join(islice(cycle([NAME + b"n" * 20]), 40_000))
    seen = inspect(data)
    assert any(check.result is CheckResult.UNKNOWN for check in seen.checks)

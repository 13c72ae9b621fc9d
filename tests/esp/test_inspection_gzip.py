"""Gzip files: what comes out is what went in or something is said, and never more comes out than is allowed."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import cycle
from struct import pack

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from esp import builders, strangers
from esp.builders import app, arduino, noise
from homie_ota.esp.gzip import PIECE, Unpacker
from homie_ota.esp.image import Inspector, Severity, inspect, refusal

KB, MB = 1 << 10, 1 << 20
CAP = 4 * MB


def unpack(data: bytes, *sizes: int, cap: int = CAP) -> tuple[bytes, set[str]]:
    """What comes out when the file comes in such chunks, and the codes of what is said."""
    unpacker, out, at = Unpacker(cap), bytearray(), 0
    steps = cycle(sizes or (len(data) or 1,))
    while at < len(data):
        step = next(steps)
        for piece in unpacker.feed(data[at : at + step]):
            assert 0 < len(piece) <= PIECE
            out += piece
        at += step
    found = unpacker.finish()
    assert unpacker.packed == len(data)
    assert len(out) <= cap
    return bytes(out), {finding.code for finding in found if finding.severity is not Severity.NOTE}


def packed(data: bytes, level: int = 9) -> bytes:
    return gzip.compress(data, level, mtime=0)


@pytest.mark.parametrize(
    "build", [arduino, lambda: app("esp32-c3"), strangers.zipped, bytes, lambda: noise(200_000)]
)
@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 20])
def test_what_comes_out_is_what_was_packed(build: Callable[[], bytes], size: int) -> None:
    if size == 1 and len(build()) > 20_000:
        size = 11
    assert unpack(packed(build()), size) == (build(), set())


def test_an_image_inside_is_inspected_as_if_it_came_alone() -> None:
    inspector, unpacker = Inspector(), Unpacker(CAP)
    for piece in unpacker.feed(packed(app("esp32-s3"))):
        inspector.feed(piece)
    assert inspector.finish() == inspect(app("esp32-s3"))


def test_names_and_comments_in_the_head_are_skipped() -> None:
    deflated = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = (
        deflated.compress(arduino()) + deflated.flush() + pack("<II", zlib.crc32(arduino()), len(arduino()))
    )
    head = b"\x1f\x8b\x08\x1c\0\0\0\0\0\x03" + b"\x05\0extra" + b"../../etc/passwd\0" + b"a comment\0"
    assert unpack(head + body, 3) == (arduino(), set())


def test_every_file_cut_short_is_told() -> None:
    data = packed(app("esp32"))
    silent = [length for length in [*range(40), *range(40, len(data), 29), *range(len(data) - 20, len(data))]
              if not unpack(data[:length])[1]]  # fmt: skip
    assert silent == []


def test_every_changed_bit_is_told_unless_it_is_of_the_time_or_the_system() -> None:
    data = packed(app("esp32"))
    not_covered = range(4, 10)  # MTIME, XFL and OS
    silent = []
    for at in [*range(60), *range(60, len(data) - 10, 37), *range(len(data) - 10, len(data))]:
        out, said = unpack(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
        if not said and at not in not_covered:
            silent.append((at, out == app("esp32")))
    # Bits of the flags may announce a name or a comment that swallows data; what then comes out is broken.
    assert silent == []


@pytest.mark.parametrize("tail", [b"\0", bytes(512), b"\n", b"\x1f", b"\x1f\x8b", noise(50), b"<html>"])
@pytest.mark.parametrize("size", [1, 1000])
def test_what_stands_behind_is_told(tail: bytes, size: int) -> None:
    out, said = unpack(packed(app("esp32")) + tail, size)
    assert out == app("esp32")
    assert said


def test_several_members_are_one_file_as_gzip_means_them_and_it_is_told() -> None:
    halves = packed(arduino()[:5000]) + packed(arduino()[5000:])
    for size in (1, 100, len(halves)):
        out, said = unpack(halves, size)
        assert out in (arduino(), arduino()[:5000])
        assert said


@pytest.mark.parametrize("depth", [2, 3])
def test_gzip_in_gzip_is_no_image(depth: int) -> None:
    data = arduino()
    for _ in range(depth):
        data = packed(data)
    assert refusal(inspect(unpack(data)[0])) is not None


# --- Bombs --------------------------------------------------------------------------------------------------------

BOMBS = {
    "zeros": lambda: packed(bytes(64 * MB)),
    "FF": lambda: packed(b"\xff" * (64 * MB)),
    "an image, then zeros": lambda: packed(arduino() + bytes(64 * MB)),
    "many members": lambda: packed(bytes(MB)) * 64,
    "stored": lambda: packed(noise(6 * MB), 0),
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("size", [1500, 64 * KB, 64 * MB])
def test_a_bomb_is_told_and_no_more_than_the_cap_comes_out_of_it(name: str, size: int) -> None:
    out, said = unpack(BOMBS[name](), size)
    assert len(out) <= CAP
    assert said


def test_a_bomb_takes_no_memory() -> None:
    bomb = packed(bytes(64 * MB))
    unpacker = Unpacker(32 * MB, ratio=1_000_000)
    tracemalloc.start()
    try:
        for at in range(0, len(bomb), 4096):
            for _ in unpacker.feed(bomb[at : at + 4096]):
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert unpacker.finish()
    assert peak < 600 * KB


def test_the_cap_is_the_last_size_that_is_allowed() -> None:
    data = noise(100_000)
    assert unpack(packed(data), cap=100_000) == (data, set())
    assert unpack(packed(data), cap=99_999)[1]


def test_an_image_in_much_filling_is_no_bomb_however_it_comes() -> None:
    """A dump of the flash: the ratio is that of the whole, not of the piece that just came."""
    data = packed(b"\xff" * 1_500_000 + noise(100_000))
    found = [unpack(data, size)[1] for size in (100, 1460, 16_384, 65_536, len(data))]
    assert all(each == found[0] for each in found), found


# --- Anything -----------------------------------------------------------------------------------------------------


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    data = draw(st.sampled_from([packed(builders.plain()), packed(bytes(3000)) * 2, packed(b"")]))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=3)) + data[at + draw(st.integers(0, 4)) :]
    return data


@settings(max_examples=300, deadline=None)
@given(
    broken() | st.binary(max_size=60) | st.binary(max_size=60).map(b"\x1f\x8b\x08".__add__),
    st.integers(1, 50),
)
@example(b"", 1)
@example(b"\x1f\x8b", 1)
def test_no_bytes_raise_and_chunks_do_not_matter(data: bytes, size: int) -> None:
    whole, said = unpack(data)
    pieces, also = unpack(data, size)
    assert said == also
    if not said:
        assert pieces == whole == gzip.decompress(data)

"""What is wrong with a gzip file is said in its own sentence."""

from __future__ import annotations

import gzip

import pytest

from esp.builders import arduino
from homie_ota.esp.gzip import Unpacker, told
from homie_ota.esp.image import Finding, Severity, inspect, refusal

IMAGE = arduino()
PACKED = gzip.compress(IMAGE, mtime=0)


def unpacked(data: bytes, cap: int = 1 << 20) -> tuple[bytes, tuple[Finding, ...]]:
    unpacker = Unpacker(cap)
    return b"".join(unpacker.feed(data)), unpacker.finish()


@pytest.mark.parametrize(
    ("data", "cap", "words"),
    [
        (
            PACKED[:-1],
            1 << 20,
            f"This gzip file is cut off after {len(PACKED) - 1:,} bytes, of which {len(IMAGE):,} ",
        ),
        (PACKED[:1], 1 << 20, "This gzip file is cut off after 1 bytes"),
        (b"", 1 << 20, "This gzip file is cut off after 0 bytes"),
        (PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:], 1 << 20, "its CRC is not that of the content"),
        (PACKED[:-4] + b"\0\0\0\0", 1 << 20, "its length is not that of the content"),
        (PACKED[:2] + b"\x07" + PACKED[3:], 1 << 20, "it is not what gzip writes"),
        (PACKED, len(IMAGE) - 1, "unpacks to more than 0.009643 MiB"),
        (gzip.compress(bytes(8 << 20), mtime=0), 16 << 20, "unpacks to more than 100 times its size"),
        (gzip.compress(b"", mtime=0) * 65, 1 << 20, "These are more than 64 gzip files in one."),
    ],
)
def test_each_way_to_be_broken_has_its_own_sentence_and_can_never_work(
    data: bytes, cap: int, words: str
) -> None:
    (found,) = unpacked(data, cap)[1]
    assert words in found.text
    assert found.severity is Severity.IMPOSSIBLE
    assert found.advice


def test_an_unpacked_image_says_that_it_came_packed() -> None:
    unpacker = Unpacker(1 << 20)
    seen = told(inspect(b"".join(unpacker.feed(PACKED))), unpacker)
    assert [each.code for each in seen.findings] == ["was-gzip"]
    assert (seen.name, seen.size, refusal(seen)) == ("hall-lamp", len(IMAGE), None)


def test_bytes_behind_a_gzip_file_are_left_out_and_said() -> None:
    out, found = unpacked(PACKED + b"garbage")
    assert out == IMAGE
    assert found[0][:2] == ("gzip-trailing", Severity.WARNING)
    assert "stood 7 bytes" in found[0].text


def test_two_gzip_files_in_one_are_put_together_and_that_is_said() -> None:
    out, found = unpacked(gzip.compress(IMAGE[:5000]) + gzip.compress(IMAGE[5000:]))
    assert out == IMAGE
    assert "It came as 2 gzip files in one" in found[0].text

"""What strangers send: files (inspection and gzip) and the headers of update requests, by a fuzzer that sees branches.

    python -m fuzz.inspection [options of libFuzzer] [folder of examples, or a file to try again]

Rule: no bytes raise, chunks do not matter, what is said can be stored and shown, what is kept is bounded. A breach ends
the process with a crash file. `make fuzz` runs it for long, tests/esp/test_inspection_fuzz.py for a minute.
"""

from __future__ import annotations

import json
import sys

import atheris

from fuzz.mending import mended

with atheris.instrument_imports(include=["homie_ota.esp", "homie_ota.model", "homie_ota.errors"]):
    from homie_ota.esp import request
    from homie_ota.esp.gzip import PIECE, Unpacker
    from homie_ota.esp.image import Inspection, Inspector, from_data, refusal, sentence

SECRETS = (("the Wi-Fi password", b"correct-horse-battery"), ("nothing", b""))

MOST, RATIO = 1 << 18, 50
"""What a gzip file may grow to; small, so that the limits are met often."""


def one_input(data: bytes) -> None:
    """Everything that reads what strangers send, on the same bytes."""
    whole = inspected(data, len(data) or 1)
    assert whole == inspected(data, len(data) % 251 + 1 + len(data) // 16), "chunks matter"
    row = json.dumps(whole.as_data())
    assert len(row) < 40_000, "too much is kept"
    assert from_data(json.loads(row)) == whole, "a row comes back otherwise"
    for found in whole.findings:
        assert sentence("lamp.bin", found).isprintable(), "a sentence cannot be shown"
    refusal(whole)
    if data[:2] == b"\x1f\x8b":
        assert unpacked(data, len(data)) == unpacked(data, 1 + len(data) // 8), "chunks of gzip matter"
    if len(data) < 2000:
        headers(data)


def inspected(data: bytes, step: int) -> Inspection:
    """The inspection of a file that comes in chunks of `step` bytes."""
    inspector = Inspector(SECRETS)
    for at in range(0, len(data), step):
        inspector.feed(data[at : at + step])
    return inspector.finish()


def unpacked(data: bytes, step: int) -> tuple[bytes, tuple[str, ...]] | None:
    """What comes out of a gzip file that comes in chunks of `step` bytes, and the codes of what is said of it.

    None when it is refused: of two reasons the first met is said, and that may depend on the chunks.
    """
    unpacker, out = Unpacker(MOST, RATIO), bytearray()
    for at in range(0, len(data), step):
        for piece in unpacker.feed(data[at : at + step]):
            assert len(piece) <= PIECE, "too much at once"
            out += piece
    codes = tuple(finding.code for finding in unpacker.finish())
    assert len(out) <= MOST, "more than the cap"
    return None if unpacker.trouble else (bytes(out), codes)


def headers(data: bytes) -> None:
    """The bytes as headers, one a line, read as an update request."""
    lines = (line.partition(":") for line in data.decode("latin-1").splitlines())
    read = request.read({name.strip(): value.strip() for name, _, value in lines})
    if read:
        assert read.family in ("esp8266", "esp32"), "no family"
        assert read.wanted is not None


def mutated(data: bytes, longest: int, seed: int) -> bytes:
    """The next try of libFuzzer; every other one with digests that are right, which no chance would ever make."""
    tried: bytes = atheris.Mutate(data, longest)
    return mended(tried)[:longest] if seed % 2 else tried


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input, custom_mutator=mutated)
    atheris.Fuzz()

"""A minute with a fuzzer that sees branches (fuzz/), beside all the other tests; `make fuzz` takes longer."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from fuzz.mending import mended

from esp import builders
from esp.catalogue import CASES
from esp.conftest import PROJECT, SECONDS, Fuzzing


@pytest.mark.timeout(SECONDS + 120)
def test_a_minute_of_fuzzing_finds_nothing_that_raises(fuzzing: Fuzzing) -> None:
    status, log = fuzzing.join(SECONDS + 60)
    crash = re.search(r"=== Uncaught Python exception: ===(.+?)(?:====|\Z)", log, re.DOTALL)
    assert status == 0, crash[0] if crash else log[-3000:]
    done = re.search(r"^Done (\d+) runs", log, re.MULTILINE)
    assert done, log[-3000:]
    assert int(done[1]) > len(CASES)
    assert len([*(fuzzing.folder / "corpus").iterdir()]) > len(CASES)
    assert [*(fuzzing.folder / "found").iterdir()] == []


def test_what_breaks_the_target_ends_the_fuzzer_with_a_file_to_try_again(tmp_path: Path) -> None:
    """Else the minute above could not fail."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("no fuzzer here: atheris has no wheel for this platform or Python")
    target = (
        "import sys, atheris\nimport fuzz.inspection as target\n"
        "target.request.read = lambda headers: 1 / 0\n"
        "atheris.Setup(sys.argv, target.one_input)\natheris.Fuzz()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", target, f"-artifact_prefix={tmp_path}/", "-runs=100"],
        capture_output=True, check=False, cwd=PROJECT, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert "ZeroDivisionError" in done.stdout + done.stderr
    assert [path.name[:6] for path in tmp_path.iterdir()] == ["crash-"]


@pytest.mark.parametrize("chip", ["esp32", "esp32-c3"])
def test_the_fuzzer_mends_the_digests_of_an_image_it_has_changed(chip: str) -> None:
    data = builders.app(chip)
    assert mended(data) == data
    broken = bytearray(data)
    broken[100] ^= 1
    again = mended(bytes(broken))
    assert again != bytes(broken)
    assert again[-32:] == sha256(again[:-32]).digest()


@pytest.mark.parametrize("data", [b"", b"\xe9" * 10, b"\xe9" * 100, bytes(100), builders.app("esp32")[:2000]])
def test_what_cannot_be_mended_stays_as_it_is(data: bytes) -> None:
    assert mended(data) == data


def test_a_plain_image_is_mended_too() -> None:
    data = builders.plain()
    assert mended(data[:-1] + b"\0") == data

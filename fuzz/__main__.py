"""`python -m fuzz [SECONDS] [--corpus FOLDER]`: fuzz what reads strangers' bytes, from every file the tests build on.

Exit status 0 when nothing was found in that time, else libFuzzer's; what breaks the target is left in fuzz/found/.
A found file is tried again with `python -m fuzz.inspection FILE`.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path
from typing import NoReturn

from esp.catalogue import CASES

HERE = Path(__file__).parent
LONGEST = 72_000
"""Bytes of an input: enough for a factory image with its application at 0x10000."""
MEGABYTES, SECONDS_FOR_ONE = 1024, 10
REQUESTS = (
    b"x-ESP8266-STA-MAC: A0:20:A6:14:85:06\nx-ESP8266-free-space: 2740224\nx-ESP8266-version: a=lamp=1.0=1.3\n",
    b"User-Agent: ESP32-http-Update\nx-ESP32-sketch-sha256: 8DFFB149E1859BD8\nx-ESP32-chip-size: 8388608\n",
)


def examples() -> Iterator[bytes]:
    """Every file of the tests that is not too long, some of them packed, and requests."""
    files = [case.data for case in CASES if len(case.data) <= LONGEST]
    yield from files
    yield from (gzip.compress(data, mtime=0) for data in files if len(data) < 5000)
    yield from REQUESTS


def main() -> NoReturn:
    """Write the examples and become the fuzzer."""
    parser = argparse.ArgumentParser("fuzz", description="Fuzz what reads strangers' bytes.")
    parser.add_argument("seconds", nargs="?", type=int, default=600, help="how long (600)")
    parser.add_argument(
        "--corpus", type=Path, default=HERE / "corpus", help="what it has learned, kept for the next time"
    )
    parser.add_argument("--found", type=Path, default=HERE / "found", help="where what breaks it is put")
    asked = parser.parse_args()
    asked.corpus, asked.found = asked.corpus.resolve(), asked.found.resolve()
    for folder in (asked.corpus, asked.found):
        folder.mkdir(parents=True, exist_ok=True)
    for data in examples():
        (asked.corpus / sha1(data).hexdigest()).write_bytes(data)
    options = {
        "max_total_time": asked.seconds, "max_len": LONGEST, "timeout": SECONDS_FOR_ONE, "rss_limit_mb": MEGABYTES,
        "artifact_prefix": f"{asked.found}/", "print_final_stats": 1, "reload": 0,
    }  # fmt: skip
    os.chdir(HERE.parent)
    given = [f"-{name}={value}" for name, value in options.items()]
    # In place of this process: who ends it ends the fuzzer.
    os.execv(sys.executable, [sys.executable, "-m", "fuzz.inspection", *given, str(asked.corpus)])


if __name__ == "__main__":
    main()

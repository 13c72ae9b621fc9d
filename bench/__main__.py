"""`python -m bench [a b c d e f g h i j k] [--repetitions N] [--tiny] [--json] [--write FILE]`.

Exit status 0 when everything could be measured, whether targets were met or not; 1 when something could not.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import (
    cold,
    decisions,
    first_page,
    http_images,
    inspection,
    live,
    pages,
    push,
    report,
    viewers,
    waking,
    waves,
)
from bench.figures import Figure
from bench.processes import ROOT, Missing
from bench.scale import FULL, TINY, Scale

PARTS: dict[str, Callable[[Scale, Path], Iterator[Figure]]] = {
    "a": cold.run,
    "b": live.run,
    "c": http_images.run,
    "d": push.run,
    "e": first_page.run,
    "f": inspection.run,
    "g": decisions.run,
    "h": waking.run,
    "i": waves.run,
    "j": pages.run,
    "k": viewers.run,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "bench", description="Measure homie-ota, each figure beside its reference."
    )
    parser.add_argument(
        "parts",
        nargs="*",
        help="a cold inventory, b live, c HTTP, d MQTT, e start, f inspection, g decisions, h a wake-up, i a rollout, "
        "j pages, k live viewers; else all",
    )
    parser.add_argument("--repetitions", type=int, help="what each median is made of (5)")
    parser.add_argument("--tiny", action="store_true", help="so little that it takes seconds; proves nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object for each figure")
    parser.add_argument(
        "--write", type=Path, help="the page to write; docs/reference/benchmarks.md after a full run"
    )
    found = parser.parse_args()
    if unknown := set(found.parts) - set(PARTS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return found


def _show(figure: Figure, as_json: bool) -> None:
    if as_json:
        about = {**dataclasses.asdict(figure), "ratio": figure.ratio, "met": figure.met}
        text = json.dumps(about, default=str)
    else:
        text = report.line(figure)
    print(text, flush=True)


def _measure(parts: list[str], scale: Scale, as_json: bool) -> tuple[list[Figure], list[str]]:
    """The figures, and sentences about what could not be measured."""
    figures: list[Figure] = []
    failed: list[str] = []
    for part in parts:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="homie-ota-bench-") as folder:
            Path(folder).chmod(0o755)  # nginx's worker may be another user
            try:
                for figure in PARTS[part](scale, Path(folder)):
                    figures.append(figure)
                    _show(figure, as_json)
            except Missing as missing:
                failed.append(f"({part}) {missing}")
            except Exception as error:  # noqa: BLE001 - the others are still to be measured
                traceback.print_exc()
                failed.append(f"({part}) {error}")
        print(f"({part}) took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return figures, failed


def main() -> int:
    """Measure what was asked for."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    scale = TINY if asked.tiny else FULL
    if asked.repetitions:
        scale = dataclasses.replace(scale, repetitions=asked.repetitions)
    parts, before = sorted(set(asked.parts)) or list(PARTS), report.load()
    if not asked.json:
        print(f"load of this machine in the last minute: {before}\n\n{report.HEAD}")
    figures, failed = _measure(parts, scale, asked.json)
    page = asked.write or (
        ROOT / "docs" / "reference" / "benchmarks.md" if _is_whole(parts, asked, failed) else None
    )
    if page is not None:
        page.write_text(report.page(figures, scale.repetitions, before), "utf-8")
    for word in [f"not met: {each}" for each in report.missed(figures)] + failed:
        print(word, file=sys.stderr)
    return 1 if failed or not all(math.isfinite(figure.ours) for figure in figures) else 0


def _is_whole(parts: list[str], asked: argparse.Namespace, failed: list[str]) -> bool:
    return parts == list(PARTS) and not asked.tiny and not failed


if __name__ == "__main__":
    sys.exit(main())

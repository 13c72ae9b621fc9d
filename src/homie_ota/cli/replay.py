"""`replay`: play case files again, so that a failure that a user had becomes a test."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from homie_ota.cli import show
from homie_ota.cli.asked import asked
from homie_ota.service.replay import Move, Replay, Replayed, load

DIFFERENT = 1

Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="what `homie-ota case` wrote")]
Expect = Annotated[
    str,
    typer.Option("--expect", metavar="STATE[:CODE]", help="how it has to end (default: as recorded)"),
]


def replay(ctx: typer.Context, file: Files, expect: Expect = "") -> int:
    """Play case files again; exit status 1 when one ends otherwise than recorded, or than `--expect` says."""
    differed = False
    for path in file:
        with tempfile.TemporaryDirectory(prefix="homie-ota-replay-") as folder:
            found = asyncio.run(Replay(load(path), Path(folder)).run())
        good = _is_expected(found, expect)
        differed = differed or not good
        if asked(ctx).json:
            show.as_json_line({"file": str(path), "as_expected": good, **_as_data(found)})
        else:
            _show(path, found, good)
    return DIFFERENT if differed else 0


def _is_expected(found: Replayed, expected: str) -> bool:
    if not expected:
        return found.same
    state, _, code = expected.partition(":")
    return found.found.state == state and code in ("", found.found.code)


def _as_data(found: Replayed) -> dict[str, object]:
    return {
        "recorded": found.recorded._asdict(),
        "found": found.found._asdict(),
        "moves": [move._asdict() for move in found.moves],
        "sent": found.sent,
    }


def _show(path: Path, found: Replayed, good: bool) -> None:
    show.line(f"{path}: {'as expected' if good else 'DIFFERENT'}")
    show.table(("AFTER", "RECORDED", "NOW"), _beside(found.recorded_moves, found.moves))
    for word, end in (("recorded", found.recorded), ("now", found.found)):
        show.line(f"  {word}: {end.state}{f', {end.outcome}' if end.outcome else ''} {end.code}".rstrip())


def _beside(recorded: list[Move], now: list[Move]) -> list[tuple[str, str, str]]:
    """Moves of the same number in one line."""
    rows = []
    for at in range(max(len(recorded), len(now))):
        then, today = (moves[at] if at < len(moves) else None for moves in (recorded, now))
        moment = then or today
        after = f"{moment.after:.1f} s" if moment else ""
        rows.append((after, then.state if then else "", today.state if today else ""))
    return rows

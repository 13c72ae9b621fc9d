"""`migrate`: an installation of the old homie-ota comes along, and every line says what became of it.

Rule: everything is decided in the room `migrate`; here it is only told.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from homie_ota import migrate as moving
from homie_ota.cli import show
from homie_ota.cli.asked import asked
from homie_ota.cli.here import who
from homie_ota.cli.options import Config, Data
from homie_ota.cli.settings import asked_for
from homie_ota.migrate import Report, Took, Where
from homie_ota.service.known import known_secrets

_COUNTED = {"image": ("image", "images"), "device": ("device", "devices"), "login": ("login", "logins")}


Directory = Annotated[Path, typer.Argument(metavar="DIR", help="the directory of the old server")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="only say what would be taken, and what not")]


def migrate(
    ctx: typer.Context,
    directory: Directory,
    dry_run: DryRun = False,
    config: Config = None,
    data: Data = None,
) -> int:
    """Take over a directory; 1 when something in it was refused."""
    overrides = {"storage": {"data_dir": str(data) if data else None}}
    where = Where(asked_for(config), overrides, os.environ, known_secrets)
    report = asyncio.run(moving.migrate(directory, where, by=who(), dry_run=dry_run))
    if asked(ctx).json:
        show.as_json([each._asdict() for each in report.lines])
    else:
        for each in report.lines:
            show.line(f"{each.took:<13} {each.kind} {each.name}: {each.text}")
        show.line(_summary(report, dry_run=dry_run))
    return 0 if report.is_whole else 1


def _summary(report: Report, *, dry_run: bool) -> str:
    counts = {kind: report.count(kind, Took.TAKEN) for kind in _COUNTED}
    told = ", ".join(f"{count} {_COUNTED[kind][count != 1]}" for kind, count in counts.items())
    refused = sum(1 for each in report.lines if each.took is Took.REFUSED)
    told += f"; {refused} refused" if refused else ""
    return (
        f"Dry run, nothing was written: {told}." if dry_run else f"Taken: {told}. Start it: homie-ota serve"
    )

"""`backup` and `restore`: everything the server keeps, as one file and back, on the server's own machine.

Rule: nobody is asked for a password; whoever may read the data directory could copy it anyway.
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from homie_ota import __version__
from homie_ota.cli import show
from homie_ota.cli.asked import asked
from homie_ota.cli.options import Config, Data
from homie_ota.cli.settings import settings_file, settings_of
from homie_ota.store import archive, restoring
from homie_ota.store import backup as backups
from homie_ota.store.backup import Places

To = Annotated[Path, typer.Argument(metavar="FILE", help="a tar file, which only you may read")]
From = Annotated[Path, typer.Argument(metavar="FILE", help="what `homie-ota backup` wrote")]
Replace = Annotated[bool, typer.Option("--replace", help="replace FILE once the new one is whole")]


def backup(
    ctx: typer.Context, file: To, replace: Replace = False, config: Config = None, data: Data = None
) -> int:
    """Write a backup; 1 when images are missing that the rows know."""
    places = _places(config, data)
    made = backups.make(places, file, version=__version__, now=time.time(), replace=replace)
    if asked(ctx).json:
        show.as_json(made)
    else:
        show.line(f"{file}: {_told(made)}, {file.stat().st_size:,} bytes")
    for name in made["missing"]:
        show.say(
            f"{name} is not in it as it was stored: the file in {places.firmware_dir} is gone or was changed."
        )
    return 1 if made["missing"] else 0


def restore(ctx: typer.Context, file: From, config: Config = None, data: Data = None) -> int:
    """Restore a backup into an empty directory."""
    places = _places(config, data)
    found = restoring.restore(file, places)
    if asked(ctx).json:
        show.as_json(found)
        return 0
    when = datetime.fromisoformat(found["made_at"]).astimezone().strftime("%Y-%m-%d %H:%M")
    show.line(f"{places.data_dir}: {_told(found)}, as they were on {when}. Start the server on it.")
    for name in set(archive.SETTINGS) & set(found["files"]):
        show.line(
            f"{restoring.kept_settings(places, name)}: its settings of then, which nothing reads there."
        )
    return 0


def _places(config: Path | None, data: Path | None) -> Places:
    settings = settings_of(config, data)
    return Places(settings.data_dir, settings.firmware_dir, settings.database_url, settings_file(config))


def _told(manifest: dict[str, Any]) -> str:
    words = {"device": "device", "firmware": "image", "deployment": "deployment"}
    counts = [(manifest["counts"][table], word) for table, word in words.items()]
    return ", ".join(f"{count} {word if count == 1 else f'{word}s'}" for count, word in counts)

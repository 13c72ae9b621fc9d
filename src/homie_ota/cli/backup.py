"""`backup` and `restore`: everything the server keeps, as one file and back, on the server's own machine.

Rule: nobody is asked for a password; whoever may read the data directory could copy it anyway.
"""

from __future__ import annotations

import time
from argparse import Namespace
from datetime import datetime
from typing import Any

from homie_ota import __version__
from homie_ota.cli import show
from homie_ota.cli.settings import settings_file, settings_of
from homie_ota.store import archive, restoring
from homie_ota.store import backup as backups
from homie_ota.store.backup import Places


def backup(arguments: Namespace) -> int:
    """Write a backup; 1 when images are missing that the rows know."""
    places = _places(arguments)
    made = backups.make(
        places, arguments.file, version=__version__, now=time.time(), replace=arguments.replace
    )
    if arguments.json:
        show.as_json(made)
    else:
        show.line(f"{arguments.file}: {_told(made)}, {arguments.file.stat().st_size:,} bytes")
    for name in made["missing"]:
        show.say(
            f"{name} is not in it as it was stored: the file in {places.firmware_dir} is gone or was changed."
        )
    return 1 if made["missing"] else 0


def restore(arguments: Namespace) -> int:
    """Restore a backup into an empty directory."""
    places = _places(arguments)
    found = restoring.restore(arguments.file, places)
    if arguments.json:
        show.as_json(found)
        return 0
    when = datetime.fromisoformat(found["made_at"]).astimezone().strftime("%Y-%m-%d %H:%M")
    show.line(f"{places.data_dir}: {_told(found)}, as they were on {when}. Start the server on it.")
    for name in set(archive.SETTINGS) & set(found["files"]):
        show.line(
            f"{restoring.kept_settings(places, name)}: its settings of then, which nothing reads there."
        )
    return 0


def _places(arguments: Namespace) -> Places:
    settings = settings_of(arguments)
    return Places(settings.data_dir, settings.firmware_dir, settings.database_url, settings_file(arguments))


def _told(manifest: dict[str, Any]) -> str:
    counts = manifest["counts"]
    return f"{counts['device']} devices, {counts['firmware']} images, {counts['deployment']} deployments"

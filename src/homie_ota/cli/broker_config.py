"""`broker-config`: a mosquitto for this fleet, as text or as files.

Rule: nothing is started or changed here; what is written goes to the folder that was named, and nowhere else.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from homie_ota.cli.settings import settings_of
from homie_ota.errors import WrongUse

if TYPE_CHECKING:
    from homie_ota.config import Settings
    from homie_ota.mqtt.mosquitto import Facts


def broker_config(arguments: Namespace) -> int:
    """Print both files, or write them into a folder; WrongUse."""
    from homie_ota.mqtt import mosquitto

    facts = _facts(arguments)
    files = {
        mosquitto.CONFIGURATION: mosquitto.configuration(facts),
        mosquitto.RIGHTS: mosquitto.rights(facts),
    }
    if arguments.output is not None:
        return _write(arguments.output, files)
    if arguments.json:
        sys.stdout.write(json.dumps(files, indent=2) + "\n")
        return 0
    sys.stdout.write("\n".join(f"# ==== {name} ====\n{text}" for name, text in files.items()))
    return 0


def _write(folder: Path, files: dict[str, str]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
        sys.stdout.write(f"{folder / name}\n")
    return 0


def _facts(arguments: Namespace) -> Facts:
    from homie_ota.mqtt.mosquitto import Facts

    settings = settings_of(arguments)
    server = arguments.server_user or settings.mqtt.username or "homie-ota"
    users = [server, *arguments.reader, *([arguments.shared_user] if arguments.shared_user else [])]
    _check(users)
    return Facts(
        bases=settings.mqtt.base_topics,
        server=server,
        readers=tuple(arguments.reader),
        shared_user=arguments.shared_user,
        devices=_devices(settings),
        host=arguments.host,
        port=arguments.port or settings.mqtt.port,
        largest_image=settings.ota.max_upload,
        folder=arguments.folder,
    )


def _check(users: list[str]) -> None:
    """A user name stands alone on a line of the file of rights, and names one kind of user."""
    for user in users:
        if not user.isprintable() or any(sign in user for sign in "+#:/% "):
            raise WrongUse(f"{user!r} cannot be a user name of the broker: no spaces, and none of + # : / %.")
    if len(set(users)) < len(users):
        raise WrongUse("The server, its readers and the devices need a user each; one name is given twice.")


def _devices(settings: Settings) -> tuple[str, ...]:
    """The ids that this installation knows; none before its first start."""
    from homie_ota.store import devices
    from homie_ota.store.database import Database

    url = settings.database_url
    if "://" not in url and not Path(url).is_file():
        return ()
    database = Database(url)
    try:
        database.require_current()
        return tuple(sorted({each.device_id for each in database.read_now(devices.addresses) if each.base}))
    finally:
        database.close()

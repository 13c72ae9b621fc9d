"""`broker-config`: a mosquitto for this fleet, as text or as files.

Rule: nothing is started or changed here; what is written goes to the folder that was named, and nowhere else.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from homie_ota.cli.asked import asked
from homie_ota.cli.options import Config, Data
from homie_ota.cli.plain import count
from homie_ota.cli.settings import settings_of
from homie_ota.errors import WrongUse

if TYPE_CHECKING:
    from homie_ota.config import Settings
    from homie_ota.mqtt.mosquitto import Facts


class _Users(NamedTuple):
    """Who has an account on the broker, beside the devices."""

    server: str
    readers: tuple[str, ...]
    shared: str
    home: str


Folder = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="DIR", help="write the files there (else print)")
]
Host = Annotated[str, typer.Option("--host", metavar="H", help="where the broker listens (everywhere)")]
Port = Annotated[int | None, typer.Option("--port", metavar="P", parser=count, help="its port (1883)")]
Server = Annotated[str, typer.Option("--server-user", metavar="U", help="homie-ota's user on the broker")]
Readers = Annotated[
    list[str] | None,
    typer.Option("--reader", metavar="U", help="a user who watches and sets, as Home Assistant"),
]
Home = Annotated[
    str,
    typer.Option("--home-assistant", metavar="U", help="Home Assistant's user, who may press Install, too"),
]
Shared = Annotated[
    str, typer.Option("--shared-user", metavar="U", help="all devices have this user (else each its id)")
]
There = Annotated[
    str, typer.Option("--folder", metavar="DIR", help="where mosquitto has them (/etc/mosquitto)")
]


def broker_config(
    ctx: typer.Context,
    config: Config = None,
    data: Data = None,
    output: Folder = None,
    host: Host = "",
    port: Port = None,
    server_user: Server = "",
    reader: Readers = None,
    home_assistant: Home = "",
    shared_user: Shared = "",
    folder: There = "/etc/mosquitto",
) -> int:
    """Print both files, or write them into a folder; WrongUse."""
    from homie_ota.mqtt import mosquitto

    users = _Users(server_user, tuple(reader or ()), shared_user, home_assistant)
    facts = _facts(settings_of(config, data), users, host, port, folder)
    files = {
        mosquitto.CONFIGURATION: mosquitto.configuration(facts),
        mosquitto.RIGHTS: mosquitto.rights(facts),
    }
    if output is not None:
        return _write(output, files)
    if asked(ctx).json:
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


def _facts(settings: Settings, users: _Users, host: str, port: int | None, folder: str) -> Facts:
    from homie_ota.mqtt.mosquitto import Facts

    server = users.server or settings.mqtt.username or "homie-ota"
    _check([server, *users.readers, *filter(None, (users.home, users.shared))])
    if users.home and not settings.announce.home_assistant:
        raise WrongUse(
            "Home Assistant is told nothing here: set home_assistant = true in [announce] first, or make its user a "
            "reader (--reader)."
        )
    return Facts(
        bases=settings.mqtt.base_topics,
        server=server,
        readers=users.readers,
        home_assistant=users.home,
        discovery=settings.announce.home_assistant_prefix,
        installs=not settings.announce.read_only,
        shared_user=users.shared,
        devices=_devices(settings),
        host=host,
        port=port or settings.mqtt.port,
        largest_image=settings.ota.max_upload,
        folder=folder,
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

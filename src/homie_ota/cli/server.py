"""`serve`, `demo`, `simulate` and `user`: what runs on the server's own machine.

Rule: options become settings, and that is all; the rooms do the rest.
"""

from __future__ import annotations

import ipaddress
import os
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homie_ota.cli import show
from homie_ota.errors import NotFound, WrongUse

if TYPE_CHECKING:
    from homie_ota.config import Settings
    from homie_ota.simulator.fleet import FleetOptions
    from homie_ota.store.accounts import Right


def serve(arguments: Namespace) -> int:
    """Run the server until it is told to stop."""
    _check_open_door(arguments)
    settings = _settings(arguments, arguments.auth)
    from homie_ota import service

    return service.serve(settings, embedded=arguments.embedded_broker)


def demo(arguments: Namespace) -> int:
    """Run everything on this machine, with a virtual fleet."""
    from homie_ota import service

    return service.demo(arguments.devices, arguments.port, arguments.data)


def simulate(arguments: Namespace) -> int:
    """Run virtual devices against a broker until told to stop."""
    import asyncio

    from homie_ota.simulator.options import options_from

    asyncio.run(_simulate(options_from(arguments)))
    return 0


async def _simulate(options: FleetOptions) -> None:
    import asyncio
    import signal

    from homie_ota.simulator.shell import run_fleet

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_fleet(options, stop)


def _settings(arguments: Namespace, auth: Sequence[str] | None = None) -> Settings:
    from homie_ota.config import load

    path = arguments.config or (Path(given) if (given := os.environ.get("HOMIE_OTA_CONFIG")) else None)
    options = vars(arguments)
    overrides: dict[str, dict[str, object]] = {
        "http": {"host": options.get("host"), "port": options.get("port")},
        "mqtt": {"url": options.get("mqtt")},
        "storage": {"data_dir": arguments.data},
        "auth": {"mode": auth[-1] if auth else None},
    }
    return load(path, os.environ, overrides)


def _check_open_door(arguments: Namespace) -> None:
    """Without login who reaches the port may flash every device: not beyond this machine unless asked for twice."""
    settings = _settings(arguments)
    asked = [settings.auth.mode, *(arguments.auth or [])]
    if asked[-1] != "none" or asked.count("none") > 1 or _is_loopback(settings.http.host):
        return
    raise WrongUse(
        f"Without login, everybody who reaches {settings.http.host}:{settings.http.port} could flash your devices. "
        "Add --host 127.0.0.1, or ask for it twice (--auth none --auth none) if that is what you want."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


# --- Accounts ------------------------------------------------------------------------------------------------------


def user(arguments: Namespace) -> int:
    """Change accounts in the database itself, for whoever may read its file is its owner anyway."""
    from homie_ota.store.database import Database

    url = _settings(arguments).database_url
    if "://" not in url and not Path(url).is_file():
        raise NotFound(
            f"There is no database {url}. Say where the server keeps its data: --data DIR or --config FILE."
        )
    database = Database(url)
    try:
        show.line(database.write_now(_USER[arguments.action](arguments)))
    finally:
        database.close()
    return 0


def _add(arguments: Namespace) -> Callable[[Any], str]:
    from homie_ota.store import accounts

    def add(connection: Any) -> str:
        password = accounts.create(connection, arguments.name, arguments.role, time.time())
        return f"account {arguments.name} ({arguments.role}), password {password}"

    return add


def _reset(arguments: Namespace) -> Callable[[Any], str]:
    from homie_ota.store import accounts

    return lambda connection: (
        f"account {arguments.name}, new password {accounts.reset(connection, arguments.name)}"
    )


def _token(arguments: Namespace) -> Callable[[Any], str]:
    from homie_ota.store import accounts

    def make(connection: Any) -> str:
        account = accounts.get(connection, arguments.name)
        if account is None:
            raise NotFound(f"There is no account {arguments.name!r}.")
        return accounts.make_token(
            connection,
            name=account.name,
            label=arguments.label,
            rights=_rights(arguments.rights) or account.rights,
            now=time.time(),
            seconds=arguments.days * 86400.0 if arguments.days else None,
        )

    return make


def _rights(words: str) -> list[Right]:
    from homie_ota.store.accounts import Right

    given = [word.strip() for word in words.split(",") if word.strip()]
    unknown = [word for word in given if word not in set(Right)]
    if unknown:
        raise WrongUse(f"There is no right {unknown[0]!r}; there are {', '.join(Right)}.")
    return [Right(word) for word in given]


_USER: dict[str, Callable[[Namespace], Callable[[Any], str]]] = {
    "add": _add,
    "reset": _reset,
    "token": _token,
}

"""`serve`, `demo` and `simulate`: what runs on the server's own machine.

Rule: options become settings, and that is all; the rooms do the rest.
"""

from __future__ import annotations

import ipaddress
from argparse import Namespace
from typing import TYPE_CHECKING

from homie_ota.cli.settings import settings_of
from homie_ota.errors import WrongUse

if TYPE_CHECKING:
    from homie_ota.simulator.fleet import FleetOptions


def serve(arguments: Namespace) -> int:
    """Run the server until it is told to stop."""
    _check_open_door(arguments)
    settings = settings_of(arguments, arguments.auth)
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


def _check_open_door(arguments: Namespace) -> None:
    """Without login who reaches the port may flash every device: not beyond this machine unless asked for twice."""
    settings = settings_of(arguments)
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

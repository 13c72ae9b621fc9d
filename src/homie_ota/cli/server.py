"""`serve` and `demo`: what runs on the server's own machine, until it is stopped.

Rule: options become settings, and that is all; the rooms do the rest. What runs is handed back, so that it runs when
nothing of the command line is in memory any more.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homie_ota.cli import running
from homie_ota.cli.options import Config, Data
from homie_ota.cli.plain import count, one_of
from homie_ota.cli.settings import settings_of
from homie_ota.errors import WrongUse

if TYPE_CHECKING:
    from homie_ota.config import Settings

Host = Annotated[str | None, typer.Option("--host", metavar="H", help="address to listen on")]
Port = Annotated[int | None, typer.Option("--port", metavar="P", help="port to listen on (9080)")]
Mqtt = Annotated[
    str | None,
    typer.Option("--mqtt", metavar="URL", help="the broker: mqtt://user:password@host:1883, mqtts://…"),
]
Embedded = Annotated[
    str | None,
    typer.Option("--embedded-broker", metavar="HOST:PORT", help="start a broker of our own there"),
]
Auth = Annotated[
    list[str] | None,
    typer.Option(
        "--auth",
        metavar="password|none",
        parser=one_of("password", "none"),
        help="who may come in; none twice: from anywhere",
    ),
]
Count = Annotated[
    int, typer.Option("--devices", metavar="N", parser=count, help="how many virtual devices (12)")
]
DemoPort = Annotated[int, typer.Option("--port", metavar="P", help="port of the pages (9080)")]
Kept = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="keep what happens there, not only for this run"),
]


def serve(
    config: Config = None,
    data: Data = None,
    host: Host = None,
    port: Port = None,
    mqtt: Mqtt = None,
    embedded_broker: Embedded = None,
    auth: Auth = None,
) -> Callable[[], int]:
    """Run the server until it is told to stop."""
    _check_open_door(settings_of(config, data, host=host, port=port, mqtt=mqtt), auth or ())
    settings = settings_of(config, data, host=host, port=port, mqtt=mqtt, auth=auth)
    return partial(running.serve, settings, embedded_broker)


def demo(devices: Count = 12, port: DemoPort = 9080, data: Kept = None) -> Callable[[], int]:
    """Run everything on this machine, with a virtual fleet."""
    return partial(running.demo, devices, port, data)


def _check_open_door(settings: Settings, auth: Sequence[str]) -> None:
    """Without login who reaches the port may flash every device: not beyond this machine unless asked for twice."""
    asked = [settings.auth.mode, *auth]
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

"""`simulate`: virtual devices against a broker, until they are stopped; every fault is an option.

Rule: what the options mean is the simulator's business.
"""

from __future__ import annotations

import asyncio
import inspect
import signal
from argparse import Namespace
from typing import Annotated, Any

import typer

from homie_ota.cli import show
from homie_ota.simulator.fleet import DEFAULT_MIX, EVERY, FAULTS, IMAGE_BYTES, FleetOptions
from homie_ota.simulator.options import options_from
from homie_ota.simulator.shell import run_fleet

_MIX = ",".join(f"{key}={count}" for key, count in DEFAULT_MIX.items())

Mqtt = Annotated[str, typer.Option("--mqtt", metavar="URL", help="broker, mqtt://user:password@host:1883")]
Devices = Annotated[
    int | None, typer.Option("--devices", metavar="N", help="how many (default: as many as the mix says)")
]
Mix = Annotated[str, typer.Option("--mix", help=f"generations ({', '.join(EVERY)}), default {_MIX}")]
Base = Annotated[str, typer.Option("--base", help="base topic (default: each generation's own)")]
Seed = Annotated[int, typer.Option("--seed", help="another number, another fleet (default 1)")]
Speed = Annotated[float, typer.Option("--speed", help="seconds that pass for them in one of ours")]
Rate = Annotated[float, typer.Option("--rate", help="bytes a second of an image (60000)")]
Interval = Annotated[float, typer.Option("--interval", help="seconds between statistics (60)")]
Reboot = Annotated[float, typer.Option("--reboot", help="seconds that a reboot takes (3)")]
Readings = Annotated[float, typer.Option("--readings", help="seconds between readings, 0 none (30)")]
ImageBytes = Annotated[int, typer.Option("--image-bytes", help="size of what they run at first")]
OtaUrl = Annotated[
    str,
    typer.Option(
        "--ota-url", metavar="URL", help="where devices of 1.5 ask for firmware (default: this machine)"
    ),
]


def simulate(
    mqtt: Mqtt,
    devices: Devices = None,
    mix: Mix = _MIX,
    base: Base = "",
    seed: Seed = 1,
    speed: Speed = 1.0,
    rate: Rate = 60_000.0,
    interval: Interval = 60.0,
    reboot: Reboot = 3.0,
    readings: Readings = 30.0,
    image_bytes: ImageBytes = IMAGE_BYTES,
    ota_url: OtaUrl = "http://127.0.0.1:9080/ota",
    **faults: int,
) -> int:
    """Run virtual devices against a broker until told to stop."""
    given = dict(locals())
    asyncio.run(_run(options_from(Namespace(**given.pop("faults"), **given))))
    return 0


async def _run(options: FleetOptions) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_fleet(options, stop, show.say)


def _with_faults() -> None:
    """Each fault of the simulator becomes an option of its own."""
    own = inspect.signature(simulate, eval_str=True)
    kinds = inspect.Parameter
    parameters = [each for each in own.parameters.values() if each.kind is not kinds.VAR_KEYWORD]
    for name, (what, _) in FAULTS.items():
        kind: Any = Annotated[int, typer.Option(f"--{name}", metavar="N", help=f"how many {what}")]
        parameters.append(kinds(name.replace("-", "_"), kinds.KEYWORD_ONLY, default=0, annotation=kind))
    simulate.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    simulate.__annotations__ = {each.name: each.annotation for each in parameters}


_with_faults()

"""Options and arguments that several commands have, so that they are called and told the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from homie_ota.cli import completion
from homie_ota.cli.plain import count

WHICH = "NAME@VERSION, or its SHA-256 (8 signs of it)"

Device = Annotated[
    str,
    typer.Argument(
        metavar="DEVICE", help="its id: hall-lamp, or homie~hall-lamp", autocompletion=completion.devices
    ),
]
Devices = Annotated[
    str,
    typer.Argument(
        metavar="DEVICE",
        help="its id, a glob of ids ('hall-*'), or a query: then each that it finds",
        autocompletion=completion.devices,
    ),
]
Firmware = Annotated[str, typer.Argument(metavar="FIRMWARE", help=WHICH, autocompletion=completion.firmware)]
Rollout = Annotated[
    int, typer.Argument(metavar="ROLLOUT", help="its number", autocompletion=completion.rollouts)
]
Query = Annotated[str, typer.Argument(metavar="QUERY", help="only the devices that it finds")]
To = Annotated[str, typer.Option("--to", metavar="FIRMWARE", help=WHICH, autocompletion=completion.firmware)]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]
Watch = Annotated[bool, typer.Option("--watch", help="show what happens until it ends or stops")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", parser=count, help="at most so many")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="why; is kept")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="where to (standard output)")
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="homie-ota.toml, or a homie-ota.ini as it is"),
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="where devices' rows and firmware are kept")
]

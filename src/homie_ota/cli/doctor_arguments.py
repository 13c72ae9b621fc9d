"""The options of `homie-ota doctor`, as `--help` tells them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

EPILOG = """\
it may run beside the server or without it; nothing stays on the broker, and no device hears of it.
exit status: 0 all is well, or there are only warnings; 1 something is bad"""


def add_doctor(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = command(
        commands,
        "doctor",
        "examine this installation: broker, address, clock, disk, permissions, database",
        asks=False,
        epilog=EPILOG,
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="homie-ota.toml, or a homie-ota.ini as it is"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="where devices' rows and firmware are kept")
    parser.add_argument("--mqtt", metavar="URL", help="the broker: mqtt://user:password@host:1883, mqtts://…")
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="answer as JSON")

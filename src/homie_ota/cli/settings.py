"""The settings that commands on the server's own machine work with: its file, the environment, then the options."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homie_ota.config import Settings


def settings_of(arguments: Namespace, auth: Sequence[str] | None = None) -> Settings:
    """As `serve` would have them with these options; WrongUse."""
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

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

    options = vars(arguments)
    overrides: dict[str, dict[str, object]] = {
        "http": {"host": options.get("host"), "port": options.get("port")},
        "mqtt": {"url": options.get("mqtt")},
        "storage": {"data_dir": arguments.data},
        "auth": {"mode": auth[-1] if auth else None},
    }
    return load(asked_for(arguments), os.environ, overrides)


def asked_for(arguments: Namespace) -> Path | None:
    """The settings file that was named, by --config or by the environment; None: none was."""
    given: Path | None = arguments.config
    return given or (Path(named) if (named := os.environ.get("HOMIE_OTA_CONFIG")) else None)


def settings_file(arguments: Namespace) -> Path | None:
    """The file that `settings_of` reads; None where there is none."""
    from homie_ota.config import file_of

    return file_of(asked_for(arguments), os.environ)

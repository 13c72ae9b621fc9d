"""The settings that commands on the server's own machine work with: its file, the environment, then the options."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homie_ota.config import Settings


def settings_of(
    config: Path | None,
    data: Path | None,
    *,
    host: str | None = None,
    port: int | None = None,
    mqtt: str | None = None,
    auth: Sequence[str] | None = None,
) -> Settings:
    """As `serve` would have them with these options; WrongUse."""
    from homie_ota.config import load

    overrides: dict[str, dict[str, object]] = {
        "http": {"host": host, "port": port},
        "mqtt": {"url": mqtt},
        "storage": {"data_dir": data},
        "auth": {"mode": auth[-1] if auth else None},
    }
    return load(asked_for(config), os.environ, overrides)


def asked_for(config: Path | None) -> Path | None:
    """The settings file that was named, by --config or by the environment; None: none was."""
    return config or (Path(named) if (named := os.environ.get("HOMIE_OTA_CONFIG")) else None)


def settings_file(config: Path | None) -> Path | None:
    """The file that `settings_of` reads; None where there is none."""
    from homie_ota.config import file_of

    return file_of(asked_for(config), os.environ)

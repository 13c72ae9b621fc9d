"""What those who tell others may use: the settings, the rows, the bus, the clock, and addresses of pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from homie_ota.bus import Bus
from homie_ota.config import Settings
from homie_ota.store.database import Database


@dataclass(frozen=True, slots=True)
class Around:
    """What a part may use; `link` makes the address of a page, for people elsewhere, of its path (`/device/…`)."""

    settings: Settings
    database: Database
    bus: Bus
    clock: Callable[[], float]
    link: Callable[[str], str]

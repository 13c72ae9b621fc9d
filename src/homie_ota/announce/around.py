"""What those who tell others may use: settings, rows, bus, clock, how the broker is, and addresses of pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from homie_ota.bus import Bus
from homie_ota.config import Settings
from homie_ota.store.database import Database


class Link(NamedTuple):
    """How the connection to the broker is: `since` when it last came or went.

    `dropped` is how many messages the broker says that it dropped, None as long as it has not said.
    """

    connected: bool
    since: float
    error: str = ""
    dropped: int | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """What a part may use; `link` makes the address of a page, for people elsewhere, of its path (`/device/…`)."""

    settings: Settings
    database: Database
    bus: Bus
    clock: Callable[[], float]
    link: Callable[[str], str]
    broker: Callable[[], Link]

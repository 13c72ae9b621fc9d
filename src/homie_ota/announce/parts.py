"""Which parts there are to tell: those that the settings ask for.

Rule: what nobody asked for is neither loaded nor begun.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from homie_ota.announce import Part
from homie_ota.bus import Bus
from homie_ota.config import Settings
from homie_ota.store.database import Database


@dataclass(frozen=True, slots=True)
class Around:
    """What a part may use; `link` makes the address of a page, for people elsewhere, of its path (`/devices/…`)."""

    settings: Settings
    database: Database
    bus: Bus
    clock: Callable[[], float]
    link: Callable[[str], str]


PARTS: tuple[Callable[[Around], dict[str, Part]], ...] = ()
"""Each says which parts it brings, by their names for the log; none where the settings do not ask for it."""


def parts(around: Around) -> dict[str, Part]:
    """Every part that the settings ask for."""
    return {name: part for brings in PARTS for name, part in brings(around).items()}

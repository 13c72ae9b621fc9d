"""Which parts there are to tell: those that the settings ask for.

Rule: what nobody asked for is neither loaded nor begun.
"""

from __future__ import annotations

from collections.abc import Callable

from homie_ota.announce import Part, notifying, watching, webhooks
from homie_ota.announce.around import Around

PARTS: tuple[Callable[[Around], dict[str, Part]], ...] = (
    watching.parts,
    notifying.parts,
    webhooks.parts,
)
"""Each says which parts it brings, by their names for the log; none where the settings do not ask for it."""


def parts(around: Around) -> dict[str, Part]:
    """Every part that the settings ask for."""
    return {name: part for brings in PARTS for name, part in brings(around).items()}

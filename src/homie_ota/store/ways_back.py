"""For how many devices each image is a way back: worked out once, and again when a deployment has moved.

Rule: what `needed` says. Finding each device's last update takes a look at all deployments, so the answer is kept for
as long as there are as many of them, as many have succeeded, none has moved, and no image has come or gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import DeploymentState
from homie_ota.store import needed
from homie_ota.store.tables import deployment, event, firmware


class _State(NamedTuple):
    """Changes with every move of a deployment, for each leaves an event; and with those that went with their device."""

    last_move: int
    deployments: int
    succeeded: int
    images: int
    newest_image: float


class WaysBack:
    """The memory of one process; it may be asked from several threads."""

    def __init__(self) -> None:
        self._known: tuple[_State, Mapping[str, int]] | None = None

    def counts(self, conn: Connection) -> Mapping[str, int]:
        """Devices by SHA-256; an image that is no way back is not in it."""
        state, known = _state(conn), self._known
        if known is None or known[0] != state:
            hashes = list(conn.execute(sa.select(firmware.c.sha256)).scalars())
            found = needed.counts(conn, hashes, needed.WAY_BACK)
            known = state, {sha256: number for sha256, number in found.items() if number}
            self._known = known
        return known[1]


def _state(conn: Connection) -> _State:
    moves = sa.select(sa.func.max(event.c.seq)).where(event.c.kind == "deployment")
    every = sa.select(sa.func.count()).select_from(deployment)
    ended_well = every.where(deployment.c.state == DeploymentState.SUCCEEDED.value)
    images = sa.select(sa.func.count()).select_from(firmware), sa.select(sa.func.max(firmware.c.uploaded_at))
    return _State(*(conn.execute(query).scalar() or 0 for query in (moves, every, ended_well, *images)))

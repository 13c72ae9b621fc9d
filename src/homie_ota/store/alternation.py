"""Who goes back and forth between two images by itself, and is left alone from then on.

Rule: looked at when a device announces another image than before, in the transaction that writes it.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.rollout.alternation import Change, alternates
from homie_ota.rollout.attempts import LEFT_ALONE
from homie_ota.store import changes, quarantine
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import deployment, firmware


def notice(connection: Connection, device_pk: int, now: float) -> list[Held]:
    """Put into quarantine what a device goes back and forth between by itself; what was put there."""
    keys = alternates(_history(connection, device_pk), now)
    if not keys:
        return []
    query = sa.select(firmware.c.sha256).where(_is_image(keys))
    held = [
        Held(device_pk, sha256, "alternates", ALTERNATES, now)
        for sha256 in connection.execute(query).scalars().all()
        if (known := quarantine.of(connection, device_pk, sha256)) is None or known.code != "alternates"
    ]
    for each in held:
        quarantine.add(connection, each)
    return held


ALTERNATES = (
    "The device goes back and forth between two images by itself: it rolls back, an image is kept on the broker, or "
    "somebody else updates it too. Look for that first. " + LEFT_ALONE
)


def _history(connection: Connection, device_pk: int) -> list[Change]:
    ran = changes.of(connection, device_pk)
    before = [0.0, *(each.at for each in ran)]
    return [
        Change(each.at, each.key, _is_ours(connection, device_pk, each, since))
        for each, since in zip(ran, before, strict=False)
    ]


def _is_ours(connection: Connection, device_pk: int, change: changes.Ran, since: float) -> bool:
    """Whether an attempt of ours brought it there: offered since the change before this one."""
    query = (
        sa.select(deployment.c.id)
        .join(firmware, firmware.c.sha256 == deployment.c.sha256)
        .where(
            deployment.c.device_pk == device_pk,
            deployment.c.offered_at > since,
            deployment.c.offered_at <= change.at,
            _is_image([change.key]),
        )
    )
    return connection.execute(query.limit(1)).first() is not None


def _is_image(keys: Iterable[str]) -> sa.ColumnElement[bool]:
    """The stored image that a device means by its MD5, or by name and version."""
    wanted = sorted(keys)
    return firmware.c.md5.in_(wanted) | (firmware.c.name + "@" + firmware.c.version).in_(wanted)

"""Standing targets: rollouts that take in new devices and new firmware.

Rule: a standing rollout finds new devices by its own query and puts them into the lane of late joiners; a newer image
that fits `follow` becomes a rollout of its own.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import Firmware
from homie_ota.query import parse
from homie_ota.rollout import constraint
from homie_ota.rollout.plan import MemberState
from homie_ota.rollout.stones import DEAD_END
from homie_ota.rollout.versions import compare, version_key
from homie_ota.store import firmware as firmwares
from homie_ota.store.conditions import Asked, condition
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import device, membership

FEW = 500
"""Devices that are asked about at once."""


def newcomers(connection: Connection, of: Rollout, *, after: int, now: float) -> list[int]:
    """Devices that the rollout's query finds and that are no members yet, or were left out; FEW behind `after`."""
    member = sa.exists().where(
        membership.c.rollout_id == of.id,
        membership.c.device_pk == device.c.pk,
        membership.c.outcome != MemberState.SKIPPED.value,
    )
    found = condition(parse(of.query), Asked(connection, now))
    query = sa.select(device.c.pk).where(found, ~member, device.c.pk > after).order_by(device.c.pk).limit(FEW)
    return list(connection.execute(query).scalars())


def next_position(connection: Connection, of: Rollout) -> int:
    """The place behind everybody in the lane of late joiners."""
    here = (membership.c.rollout_id == of.id) & (membership.c.wave == of.lane)
    last = connection.execute(sa.select(sa.func.max(membership.c.position)).where(here)).scalar()
    return 0 if last is None else last + 1


def newest(connection: Connection, of: Rollout) -> Firmware | None:
    """The image that a standing rollout should bring by now; None when it has the newest that fits `follow`."""
    wanted, current = constraint.read(of.follow), firmwares.get(connection, of.sha256)
    if wanted is None or not of.follow or current is None:
        return None
    later = [
        each
        for each in firmwares.find(connection, name=current.name)
        if wanted.holds(each.version) is True and _follows(each, current)
    ]
    return max(later, key=lambda each: (version_key(each.version), each.uploaded_at), default=None)


def _follows(image: Firmware, current: Firmware) -> bool:
    same_kind = (image.chip, image.kind) == (current.chip, current.kind)
    return same_kind and image.proven != DEAD_END and compare(image.version, current.version) == 1

"""Which devices of the whole fleet an image fits, and why not the others; in a few statements for any number.

Rule: it judges as `orders` does, by the same rules and facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import Address, Firmware
from homie_ota.rollout import eligibility
from homie_ota.store import orders
from homie_ota.store.tables import device, learned


class Refused(NamedTuple):
    """A device that must not get the image: its key (for routes), its id, and why, in sentences."""

    key: str
    device_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Fits:
    """`count` of `of` devices may get the image; `refused` are the others, by id."""

    count: int
    of: int
    refused: list[Refused]


def summary(conn: Connection, firmware: Firmware, now: float) -> Fits:  # noqa: ARG001 - pins end at a time
    """Whom the image fits, of all devices."""
    rows = [dict(row) for row in conn.execute(sa.select(device).order_by(device.c.device_id)).mappings()]
    facts: dict[int, dict[str, str]] = {}
    for pk, fact, value in conn.execute(sa.select(learned.c.device_pk, learned.c.fact, learned.c.value)):
        facts.setdefault(pk, {})[fact] = value
    refused = []
    for row in rows:
        verdict = eligibility.judge(orders.candidate(row, facts.get(row["pk"], {}), firmware), firmware)
        if not verdict.allowed:
            key = Address(row["base"], row["device_id"]).key
            refused.append(Refused(key, row["device_id"], " ".join(verdict.reasons)))
    return Fits(len(rows) - len(refused), len(rows), refused)

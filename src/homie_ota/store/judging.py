"""Which of many devices may get an image now, over which others, and why not the rest; in a few statements.

Rule: the first thing that holds a device back is the reason: that it runs the image already, then what a person put in
its way, then what the image is. An image is judged by the rules and facts that `orders` has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, Address, Firmware
from homie_ota.rollout import eligibility, stones
from homie_ota.rollout.members import RUNS_IT
from homie_ota.rollout.stones import NoPath, Path, Stones
from homie_ota.store import firmware as firmwares
from homie_ota.store import orders
from homie_ota.store.tables import deployment, device, learned, quarantine

FEW = 500
"""So many devices are named in a statement; for more it is quicker to look at all."""

Row = dict[str, Any]
_COLUMNS = [each for each in device.columns if each.name not in ("nodes", "recent")]
_SAME = "runs-it"


class Judged(NamedTuple):
    """One device and whether it may get the image: `code` is empty when it may, else a stable word with its `reason`.

    `image` is what is sent next: the wanted one, or the first stepping stone on the way that `over` tells.
    """

    row: Row
    image: Firmware
    code: str = ""
    reason: str = ""
    over: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def pk(self) -> int:
        """The device."""
        return int(self.row["pk"])

    @property
    def key(self) -> str:
        """The device's id in routes."""
        return Address(self.row["base"], self.row["device_id"]).key

    @property
    def runs_it(self) -> bool:
        """There is nothing to do."""
        return self.code in RUNS_IT


class _Facts(NamedTuple):
    """What is asked once for all devices."""

    learned: dict[int, dict[str, str]]
    active: dict[int, str]
    quarantined: dict[tuple[int, str], str]
    stones: Stones
    now: float


def judge(conn: Connection, firmware: Firmware, pks: Sequence[int], *, now: float) -> list[Judged]:
    """Each of these devices that is known, in their order."""
    stored = firmwares.find(conn, name=firmware.name)
    rows = {row["pk"]: row for row in _rows(conn, pks)}
    ways = stones.lay(firmware, stored)
    facts = _Facts(_learned(conn, pks), _active(conn, pks), _quarantined(conn, stored), ways, now)
    return [_one(rows[pk], firmware, facts) for pk in pks if pk in rows]


def _one(row: Row, firmware: Firmware, facts: _Facts) -> Judged:
    if row["md5"] and row["md5"] == firmware.md5:
        return Judged(row, firmware, _SAME, "It runs this image already.")
    way = stones.path(facts.stones, row["fw_name"], row["fw_version"])
    image = firmware if isinstance(way, NoPath) else way.steps[0]
    held = _held(row, image, facts)
    verdict = eligibility.judge(orders.candidate(row, facts.learned.get(row["pk"], {}), image), image)
    told = Judged(row, image, over=_over(way, row), warnings=verdict.warnings)
    if verdict.code == _SAME and image == firmware:
        return told._replace(code=_SAME, reason=" ".join(verdict.reasons))
    if held is not None:
        return told._replace(code=held[0], reason=held[1])
    if isinstance(way, NoPath):
        return told._replace(code="no-path", reason=way.reason)
    return told if verdict.allowed else told._replace(code=verdict.code, reason=" ".join(verdict.reasons))


def _over(way: Path | NoPath, row: Row) -> str:
    return stones.words(way, row["fw_version"]) if isinstance(way, Path) and len(way.steps) > 1 else ""


def _held(row: Row, image: Firmware, facts: _Facts) -> tuple[str, str] | None:
    pk = row["pk"]
    if (quarantined := facts.quarantined.get((pk, image.sha256))) is not None:
        reason = f"This image is not offered to it again: {quarantined} Release it to try once more."
        return "quarantined", reason
    if row["pinned_until"] is not None and row["pinned_until"] > facts.now:
        return "pinned", f"Pinned: {row['pin_reason']}"
    return ("busy", facts.active[pk]) if pk in facts.active else None


def _rows(conn: Connection, pks: Sequence[int]) -> Iterator[Row]:
    query = sa.select(*_COLUMNS)
    query = query.where(device.c.pk.in_(list(pks))) if len(pks) <= FEW else query
    wanted = frozenset(pks)
    yield from (dict(row) for row in conn.execute(query).mappings() if row["pk"] in wanted)


def _learned(conn: Connection, pks: Sequence[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    query = sa.select(learned.c.device_pk, learned.c.fact, learned.c.value)
    query = query.where(learned.c.device_pk.in_(list(pks))) if len(pks) <= FEW else query
    for pk, fact, value in conn.execute(query):
        found.setdefault(pk, {})[fact] = value
    return found


def _active(conn: Connection, pks: Sequence[int]) -> dict[int, str]:
    columns = (deployment.c.device_pk, deployment.c.id, deployment.c.state)
    query = sa.select(*columns).where(deployment.c.state.in_(sorted(ACTIVE)))
    query = query.where(deployment.c.device_pk.in_(list(pks))) if len(pks) <= FEW else query
    return {pk: f"Deployment {number} of it is {state}." for pk, number, state in conn.execute(query)}


def _quarantined(conn: Connection, images: Sequence[Firmware]) -> dict[tuple[int, str], str]:
    columns = (quarantine.c.device_pk, quarantine.c.sha256, quarantine.c.reason)
    query = sa.select(*columns).where(quarantine.c.sha256.in_([each.sha256 for each in images]))
    return {(pk, sha256): reason for pk, sha256, reason in conn.execute(query)}

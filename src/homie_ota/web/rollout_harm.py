"""Before and after of devices that took harm, beside siblings that got nothing at the same time.

Rule: numbers as they were stored when the device was judged (rollout-rules.md, rule 16); what was not told is left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from homie_ota.model import Deployment
from homie_ota.rollout.plan import MemberState
from homie_ota.store import deployments, memberships
from homie_ota.store.database import Connection
from homie_ota.store.memberships import Member
from homie_ota.store.rollouts import Rollout

SHOWN = 5
"""Devices that are shown beside their siblings; all are in the list of members."""


class Compared(NamedTuple):
    """One number of a device: before, after, the change in per cent, and the same of its siblings; None: not told."""

    label: str
    unit: str
    before: float | None
    after: float | None
    siblings_before: float | None
    siblings_after: float | None

    @property
    def change(self) -> float | None:
        """The change in per cent of what was before."""
        return _change(self.before, self.after)

    @property
    def siblings_change(self) -> float | None:
        """The same of the siblings."""
        return _change(self.siblings_before, self.siblings_after)


class Harmed(NamedTuple):
    """A device that took harm: what is known, and its last attempt."""

    member: Member
    deployment: Deployment
    compared: list[Compared]
    findings: list[dict[str, Any]]
    siblings: int


def harmed(conn: Connection, of: Rollout) -> list[Harmed]:
    """The first SHOWN of those that took harm."""
    found, _ = memberships.page(conn, of.id, outcome=MemberState.HARMFUL.value, limit=SHOWN)
    tried = (
        (each, deployments.get(conn, each.deployment_id)) for each in found if each.deployment_id is not None
    )
    return [_harmed(member, tried) for member, tried in tried if tried is not None]


def _harmed(member: Member, tried: Deployment) -> Harmed:
    before, after = tried.before, tried.after
    then, now = _part(before, "siblings"), _part(after, "siblings")
    compared = [
        Compared(
            label, unit, _number(before, key), _number(after, key), _number(then, key), _number(now, key)
        )
        for key, label, unit in (("heap", "free memory", "B"), ("signal", "signal", "%"))
    ]
    known = [each for each in compared if each.before is not None or each.after is not None]
    findings = after.get("findings")
    siblings = _number(then, "total")
    return Harmed(member, tried, known, findings if isinstance(findings, list) else [], int(siblings or 0))


def _part(told: dict[str, object], name: str) -> dict[str, object]:
    found = told.get(name)
    return found if isinstance(found, dict) else {}


def _number(told: dict[str, object], name: str) -> float | None:
    found = told.get(name)
    return float(found) if isinstance(found, int | float) else None


def _change(before: float | None, after: float | None) -> float | None:
    if before is None or after is None or not before:
        return None
    return 100.0 * (after - before) / before

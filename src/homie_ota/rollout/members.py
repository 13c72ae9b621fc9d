"""What becomes of a member of a rollout when one of its deployments moves.

Rule: a member is what its last deployment came to; a success counts whenever it comes, and a step on the way to the
wanted image is no end.
"""

from __future__ import annotations

from homie_ota.model import Deployment, DeploymentState, Outcome, Purpose
from homie_ota.rollout.plan import MemberState

RUNS_IT = frozenset({"runs-it", "same-image"})
"""Codes of deployments that ended because the device runs the image already: by what we know, or by its own word."""

UPDATED = (MemberState.VERIFIED, MemberState.BOOTED)
"""Runs the wanted image."""

_UPDATES = {
    Outcome.VERIFIED: MemberState.VERIFIED,
    Outcome.BOOTED: MemberState.BOOTED,
    Outcome.UNHARMED: MemberState.UNHARMED,
    Outcome.HARMFUL: MemberState.HARMFUL,
    Outcome.ABSENT: MemberState.ABSENT,
    Outcome.WITHDRAWN: MemberState.WITHDRAWN,
}
_REVERTS = {Outcome.VERIFIED: MemberState.REVERTED, Outcome.BOOTED: MemberState.REVERTED}


def after(moved: Deployment, wanted: str) -> MemberState | None:
    """What the member is after `moved`, whose rollout wants the image `wanted` (SHA-256); None: what it was before."""
    if moved.purpose == Purpose.REVERT:
        return _after_revert(moved)
    if moved.purpose == Purpose.BENCH:
        return _after_bench(moved)
    if moved.purpose != Purpose.UPDATE:
        return None
    if not moved.outcome:
        return MemberState.QUEUED if moved.state is DeploymentState.QUEUED else MemberState.RUNNING
    found = _UPDATES[Outcome(moved.outcome)]
    is_same = moved.code in RUNS_IT and found not in UPDATED
    if (is_same or found in UPDATED) and moved.sha256 != wanted:
        return MemberState.WAITING  # a stepping stone: the next image follows
    return MemberState.SAME if is_same else found


def _after_bench(moved: Deployment) -> MemberState:
    """One step of several: what the bench came to, `bench.next_step` says."""
    if moved.outcome == Outcome.WITHDRAWN and moved.code not in RUNS_IT:
        return MemberState.WITHDRAWN
    return MemberState.QUEUED if moved.state is DeploymentState.QUEUED else MemberState.RUNNING


def _after_revert(moved: Deployment) -> MemberState:
    if not moved.outcome:
        return MemberState.REVERTING
    if moved.code in RUNS_IT:
        return MemberState.REVERTED
    return _REVERTS.get(Outcome(moved.outcome), MemberState.STRANDED)

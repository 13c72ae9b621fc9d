"""What a move of a deployment writes into its row: state, reason, code, outcome, and whether it came late.

Rule: a reason belongs to the state that it was written for; what was wrong before is in the events, which stay.
"""

from __future__ import annotations

from collections.abc import Mapping

from homie_ota.model import Deployment, DeploymentState, Purpose
from homie_ota.rollout import lifecycle, way_back
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason

S = DeploymentState


def changes(
    before: Deployment,
    state: DeploymentState,
    event: Event,
    *,
    now: float,
    reason: Reason | None,
    note: str,
    limits: Mapping[str, float],
) -> dict[str, object]:
    """The columns that change when `event` moves `before` to `state`; `limits` are seconds without news by state."""
    code = reason.code if reason else ""
    harmful = reason.harmful if reason and state is S.FAILED else None
    return {
        "state": state.value,
        "state_since": now,
        "deadline": lifecycle.deadline(state, now, limits),
        "code": code,
        "outcome": lifecycle.outcome(state, code, harmful=bool(harmful)),
        "harmful": harmful,
        "reason": _reason(before, state, reason, note),
        "late": _is_late(before, state),
        **({"offered_at": now} if event is Event.OFFER else {}),
        # What was decided after the failure is void; if it fails again, that is decided anew.
        **({"followed": ""} if before.state is S.FAILED else {}),
    }


def _reason(before: Deployment, state: DeploymentState, reason: Reason | None, note: str) -> str:
    text = _text(before, reason)
    if state is S.SUCCEEDED:
        kept = note or ("" if before.state is S.FAILED else before.reason)
        return " ".join(filter(None, (kept, text)))
    if before.state is S.FAILED:
        return note  # it came back after all
    return text if reason else note or before.reason


def _text(of: Deployment, reason: Reason | None) -> str:
    if reason is None:
        return ""
    return way_back.said(reason.text) if of.purpose == Purpose.REVERT else reason.text


def _is_late(before: Deployment, state: DeploymentState) -> bool:
    """A success, or what may become one, after a failure; what fails in the end did not come late."""
    return state is not S.FAILED and (before.late or before.state is S.FAILED)

"""What the API says and takes about rollouts, as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from homie_ota.rollout import course
from homie_ota.rollout.actions import View, WaveView
from homie_ota.rollout.gates import GateReading, Tally
from homie_ota.rollout.plan import MemberState
from homie_ota.rollout.revert import CONCERNED
from homie_ota.store import progress
from homie_ota.store.memberships import Member
from homie_ota.store.rollouts import Rollout, Wave
from homie_ota.web.api.asking import Flag, Shape
from homie_ota.web.api.plan_shapes import PlanShape, plan_of
from homie_ota.web.api.shapes import Moment, moment
from homie_ota.web.rollout_actions import Wanted


class RolloutOrder(Shape):
    """A rollout to be made: of one firmware, to the devices that a query finds now."""

    query: str = Field(max_length=2000)
    firmware: str = Field(max_length=400, description="SHA-256 (its beginning is enough) or NAME@VERSION")
    plan: PlanShape | None = Field(default=None, description="without one: a canary, 10 %, the rest")
    name: Annotated[str, Field(max_length=255)] = ""
    start: Flag = False
    standing: Flag = Field(default=False, description="devices that the query finds later join it")
    follow: Annotated[str, Field(max_length=64)] = Field(
        default="", description="with standing: newer versions that fit this are taken up, such as 2.*"
    )


class PreviewOrder(RolloutOrder):
    """A rollout to be looked at before it is made."""

    simulate: Flag = Field(default=False, description="play it on when these devices were awake before")


class Steering(Shape):
    """Why, for the record."""

    reason: Annotated[str, Field(max_length=1000)] = ""


class GateNow(Shape):
    """What the gate of a wave says now; `text` is the whole of it in one line."""

    text: str
    passed: bool
    failed: bool
    tried: int
    good: int
    harmful: int
    share: float
    soak_left: float = Field(description="seconds")
    next_at: Moment | None = Field(description="when it may pass by time alone")
    borne: int = Field(description="harmful failures that a person accepted")


class WaveShape(Shape):
    """One wave; the last one is the lane of late joiners, which has no gate of its own to pass."""

    number: int
    lane: bool
    state: str
    size: int
    counts: dict[str, int]
    started_at: Moment | None
    passed_at: Moment | None
    gate: GateNow | None
    why: str | None


class MemberShape(Shape):
    """One device of a rollout; wave −1: left out, the reason says why."""

    device: str
    wave: int
    outcome: str
    reason: str | None
    since: Moment
    deployment: int | None
    revert: int | None


class MemberPage(Shape):
    """Some members; `next` is the cursor of the following page."""

    items: list[MemberShape]
    total: int
    next: str | None


class RolloutShape(Shape):
    """One rollout; `can` is what may be done to it now."""

    id: int
    name: str
    query: str
    firmware: str = Field(description="SHA-256")
    firmware_name: str
    firmware_version: str
    state: str
    state_since: Moment
    reason: str | None
    wave: int
    standing: bool
    follow: str | None
    counts: dict[str, int]
    can: list[str]
    created_at: Moment
    created_by: str
    started_at: Moment | None
    ended_at: Moment | None


class RolloutPage(Shape):
    """Some rollouts, the newest first; `next` is the cursor of the following page."""

    items: list[RolloutShape]
    total: int
    next: str | None


class RolloutEvent(Shape):
    """One thing that happened to a rollout."""

    seq: int
    at: Moment
    actor: str
    text: str
    data: dict[str, Any]


class RolloutDetail(RolloutShape):
    """One rollout with its plan, waves, members (a page of them) and what happened, the newest first."""

    plan: PlanShape
    waves: list[WaveShape]
    members: MemberPage
    events: list[RolloutEvent]


class Steered(Shape):
    """What was done, as a sentence, and the rollout."""

    detail: str
    rollout: RolloutShape


def wanted(order: RolloutOrder) -> Wanted:
    """The order as the actions take it; WrongUse for a window without meaning."""
    plan = None if order.plan is None else plan_of(order.plan)
    return Wanted(
        query=order.query, firmware=order.firmware, plan=plan, name=order.name, standing=order.standing,
        follow=order.follow, start=order.start,
    )  # fmt: skip


_BROUGHT = (*CONCERNED, MemberState.RUNNING)


def rollout(row: Rollout, image: tuple[str, str], counts: dict[str, int]) -> dict[str, Any]:
    """The fields of a rollout from its row; `image` is name and version of what it brings."""
    same = ["id", "name", "query", "wave", "standing", "created_by"]
    return {
        **{name: getattr(row, name) for name in same},
        "firmware": row.sha256,
        "firmware_name": image[0],
        "firmware_version": image[1],
        "state": row.state.value,
        "state_since": moment(row.state_since),
        "reason": row.reason or None,
        "follow": row.follow or None,
        "counts": counts,
        "can": [move.value for move in course.possible(row.state, brought=any(map(counts.get, _BROUGHT)))],
        "created_at": moment(row.created_at),
        "started_at": known_moment(row.started_at),
        "ended_at": known_moment(row.ended_at),
    }


def known_moment(at: float | None) -> Any:
    """A moment, None where there is none."""
    return None if at is None else moment(at)


def wave(row: Wave, seen: View, now: float) -> WaveShape:
    """One wave from its row, and what its gate says now."""
    found = seen.lane if seen.lane is not None and row.number == seen.lane.number else seen.waves[row.number]
    is_lane = found is seen.lane
    return WaveShape(
        number=row.number,
        lane=is_lane,
        state=row.state.value,
        size=found.tally.members,
        counts=counts(found.tally),
        started_at=known_moment(row.started_at),
        passed_at=known_moment(row.passed_at),
        gate=None if is_lane else _gate(progress.gate(row, seen, found, now), found),
        why=row.reading.get("why") or None,
    )


def _gate(told: GateReading, found: WaveView) -> GateNow:
    return GateNow(
        text=told.text, passed=told.passed, failed=told.failed, tried=told.tried, good=told.good,
        harmful=told.harmful, share=told.share, soak_left=told.soak_left, next_at=known_moment(told.next_at),
        borne=found.borne,
    )  # fmt: skip


def counts(tally: Tally) -> dict[str, int]:
    """How many members of a wave are what; without what nobody is."""
    return {name: number for name, number in tally._asdict().items() if number and name != "members"}


def member(row: Member) -> MemberShape:
    """One member from its row."""
    return MemberShape(
        device=f"{row.base}{row.device_id}".replace("/", "~"),
        wave=row.wave,
        outcome=row.outcome.value,
        reason=row.reason or None,
        since=moment(row.since),
        deployment=row.deployment_id,
        revert=row.revert_id,
    )

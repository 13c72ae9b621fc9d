"""What the API says about a rollout before it is made: who goes when, who does not, and how it would go."""

from __future__ import annotations

from collections import Counter

from pydantic import Field

from homie_ota.rollout.simulation import Played
from homie_ota.store.previews import Line, Preview
from homie_ota.web.api.asking import Shape
from homie_ota.web.api.plan_shapes import PlanShape, plan_shape
from homie_ota.web.api.rollout_shapes import counts, known_moment
from homie_ota.web.api.shapes import Moment, moment
from homie_ota.web.rollout_views import action_text

LISTED = 1000
"""Devices that one preview names; the others are counted."""

STORY = 500
"""Decisions of a simulation that are told."""


class PreviewDevice(Shape):
    """A device of a preview. `way_back`: this server holds the image that it runs; `over`: its stepping stones."""

    device: str
    runs: str
    way_back: bool
    over: str | None


class PreviewWave(Shape):
    """One wave of a preview; `devices` names the first of them."""

    number: int
    size: int
    devices: list[PreviewDevice]


class LeftOut(Shape):
    """A device that the query finds and that is no member: a stable word, and why."""

    device: str
    code: str
    reason: str


class MissingImage(Shape):
    """An image that devices run and this server does not hold: upload it, and they can go back."""

    name: str
    version: str
    md5: str
    devices: int


class WayBackShape(Shape):
    """For how many there is a way back; `asks`: to be answered by a person before the start."""

    text: str
    asks: bool


class EstimateShape(Shape):
    """How long it will take in seconds, at best and at worst, and what was assumed."""

    low: float
    high: float
    assumed: list[str]


class PlayedWave(Shape):
    """One wave at the end of a simulation."""

    number: int
    state: str
    counts: dict[str, int]
    started_at: Moment | None
    passed_at: Moment | None


class PlayedStep(Shape):
    """One decision of a simulation."""

    at: Moment
    what: str


class SimulationShape(Shape):
    """What would happen on the devices' own past; `peak` is the most transfers at once."""

    state: str
    reason: str
    ended_at: Moment
    counts: dict[str, int]
    waves: list[PlayedWave]
    story: list[PlayedStep]
    peak: int
    sent: int = Field(description="bytes")


class PreviewShape(Shape):
    """What a rollout would do."""

    firmware: str
    firmware_name: str
    firmware_version: str
    plan: PlanShape
    members: int
    waves: list[PreviewWave]
    left_out: list[LeftOut]
    left_out_total: int
    way_back: WayBackShape
    missing: list[MissingImage]
    warnings: list[str]
    estimate: EstimateShape
    simulation: SimulationShape | None = None


def preview(seen: Preview) -> PreviewShape:
    """A preview, with the first LISTED devices of each wave."""
    estimate = seen.estimate
    return PreviewShape(
        firmware=seen.firmware.sha256,
        firmware_name=seen.firmware.name,
        firmware_version=seen.firmware.version,
        plan=plan_shape(seen.plan),
        members=seen.members,
        waves=[_wave(at, lines) for at, lines in enumerate(seen.waves)],
        left_out=[
            LeftOut(device=each.judged.key, code=each.judged.code, reason=each.judged.reason)
            for each in seen.left_out[:LISTED]
        ],
        left_out_total=len(seen.left_out),
        way_back=WayBackShape(text=seen.way_back.text, asks=seen.way_back.asks),
        missing=[MissingImage(**each._asdict()) for each in seen.missing[:LISTED]],
        warnings=list(seen.warnings),
        estimate=EstimateShape(low=estimate.low, high=estimate.high, assumed=list(estimate.assumed)),
    )


def _wave(number: int, lines: list[Line]) -> PreviewWave:
    devices = [
        PreviewDevice(
            device=each.judged.key,
            runs=f"{each.judged.row['fw_name']} {each.judged.row['fw_version']}".strip(),
            way_back=each.way_back,
            over=each.judged.over or None,
        )
        for each in lines[:LISTED]
    ]
    return PreviewWave(number=number, size=len(lines), devices=devices)


def simulation(played: Played) -> SimulationShape:
    """A simulation with its first STORY decisions."""
    ends = Counter(each.state.value for each in played.ends)
    return SimulationShape(
        state=played.state.value,
        reason=played.reason,
        ended_at=moment(played.ended_at),
        counts=dict(ends),
        waves=[
            PlayedWave(
                number=each.number,
                state=each.state.value,
                counts=counts(each.tally),
                started_at=known_moment(each.started_at),
                passed_at=known_moment(each.passed_at),
            )
            for each in played.waves
        ],
        story=[
            PlayedStep(at=moment(at), what=action_text(action, played.waves[-1].number))
            for at, action in played.story[:STORY]
        ],
        peak=played.figures.peak,
        sent=played.figures.sent,
    )

"""What the API says and takes, as JSON: devices and deployments; times are ISO 8601 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field

from homie_ota.model import Address, Deployment, DeploymentState
from homie_ota.rollout.ladder import Expected
from homie_ota.rollout.why import Why as Answer
from homie_ota.web.api.asking import Instant, Shape


def moment(at: float | datetime) -> datetime:
    """Seconds of the store as a moment in UTC."""
    return at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)


Moment = Annotated[datetime, BeforeValidator(moment)]


class OtaWay(Shape):
    """How a device is updated (`none`: not from here), and whether it lets itself be."""

    way: str
    enabled: bool | None


class Running(Shape):
    """What a device says that it runs; `sha256` where that image is in the store."""

    name: str
    version: str
    md5: str
    sha256: str | None


class Target(Shape):
    """What a device should run."""

    sha256: str
    name: str
    version: str


class ActiveDeployment(Shape):
    """The attempt that has not ended."""

    id: int
    state: str
    bytes_done: int
    bytes_total: int


class Device(Shape):
    """One device; `nodes` only when one device was asked for."""

    id: str = Field(description="base and id, `/` written as `~`")
    base: str
    homie: str
    name: str
    state: str
    implementation: str
    ota: OtaWay
    firmware: Running
    target: Target | None
    deployment: ActiveDeployment | None
    ip: str
    mac: str
    signal: float | None = Field(description="percent")
    uptime_s: float | None
    first_seen: Moment
    last_seen: Moment
    tags: list[str]
    needs_you: str | None = Field(
        description="what it needs a person for (`needs:` of a query); null: nothing"
    )
    pinned_until: Moment | None = Field(description="held back until then, where that is to come")
    pin_reason: str
    nodes: dict[str, Any] | None = None


class DevicePage(Shape):
    """Some devices; `next` is the cursor of the following page."""

    items: list[Device]
    total: int
    next: str | None


class WhyStep(Shape):
    """One decision, or one thing that happened to the device."""

    at: Moment
    what: str
    reason: str


class Why(Shape):
    """Why a device runs what it runs: a stable word, a paragraph for people, and how it came to be so, oldest first."""

    device: str
    code: str
    text: str
    until: Moment | None = Field(description="when the answer changes by itself, where that is known")
    deployment: int | None
    steps: list[WhyStep]


class NewDeployment(Shape):
    """What to order: `firmware` is a SHA-256 (its beginning is enough) or `NAME@VERSION`."""

    device: str
    firmware: str
    override: str = Field(default="", description="why to send it although the rules say no")
    until: Instant | None = Field(
        default=None, description="how long it may wait, with a zone; null: for ever"
    )


class DeploymentEvent(Shape):
    """One move of a deployment."""

    seq: int
    at: Moment
    kind: str
    actor: str
    text: str
    data: dict[str, Any]


class Watched(Shape):
    """How far a device that is verified is: `rounds` of `of_rounds` statistics, and when it is looked at again."""

    rounds: int
    of_rounds: int
    by: Moment | None


class DeploymentShape(Shape):
    """One attempt; `verifying`, `before`, `after` and `events` only when one was asked for."""

    model_config = ConfigDict(title="Deployment")

    id: int
    device: str
    firmware: str = Field(description="SHA-256")
    firmware_name: str
    firmware_version: str
    state: str
    reason: str | None
    harmful: bool | None
    late: bool
    attempt: int
    bytes_done: int
    bytes_total: int
    created_at: Moment
    created_by: str
    not_before: Moment | None = Field(
        description="the earliest moment at which it goes out, where there is one"
    )
    not_after: Moment | None = Field(description="until when it may wait, where that has an end")
    updated_at: Moment
    override: str | None
    code: str = Field(description="the stable word of `reason`; empty while it runs")
    outcome: str | None = Field(
        description="verified, booted (health unknown), unharmed, harmful, absent, withdrawn"
    )
    purpose: str = Field(description="update, revert, bench or outside")
    followed: str | None = Field(
        description="what follows its failure: retry, cure, cured, quarantine, nothing; null: not decided yet"
    )
    rollout: int | None
    wave: int | None
    verifying: Watched | None = Field(default=None, description="while it is verified: how far that is")
    before: dict[str, Any] | None = Field(
        default=None, description="the device, and its siblings, at the offer"
    )
    after: dict[str, Any] | None = Field(default=None, description="both again when its health was judged")
    events: list[DeploymentEvent] | None = None


class DeploymentPage(Shape):
    """Some deployments, the newest first; `next` is the cursor of the following page."""

    items: list[DeploymentShape]
    total: int
    next: str | None


class Done(Shape):
    """What was done, as a sentence."""

    detail: str


def device(row: dict[str, Any], *, nodes: bool = False) -> Device:
    """A device from its row as `search` completes it."""
    address = Address(row["base"], row["device_id"])
    return Device(
        id=address.key,
        ota=OtaWay(way=row["way"], enabled=row["ota_enabled"]),
        firmware=Running(
            name=row["fw_name"], version=row["fw_version"], md5=row["md5"], sha256=row["sha256"] or None
        ),
        target=Target(**row["target"]) if row["target"] else None,
        deployment=ActiveDeployment(**row["deployment"]) if row["deployment"] else None,
        uptime_s=row["uptime"],
        needs_you=row["needs"],
        nodes=row["nodes"] if nodes else None,
        **{name: row[name] for name in _SAME},
    )


_SAME = [
    "base",
    "homie",
    "name",
    "state",
    "implementation",
    "ip",
    "mac",
    "signal",
    "first_seen",
    "last_seen",
    "tags",
    "pinned_until",
    "pin_reason",
]


def deployment(
    attempt: Deployment,
    device_key: str,
    name: tuple[str, str],
    events: list[dict[str, Any]] | None = None,
    expected: Expected | None = None,
) -> DeploymentShape:
    """A deployment from its row; `name` is name and version of its image."""
    same = ("id", "harmful", "late", "attempt", "bytes_done", "bytes_total", "created_at", "created_by", "code",
            "purpose", "wave")  # fmt: skip
    return DeploymentShape(
        device=device_key,
        firmware=attempt.sha256,
        firmware_name=name[0],
        firmware_version=name[1],
        state=attempt.state.value,
        reason=attempt.reason or None,
        not_before=None if attempt.not_before is None else moment(attempt.not_before),
        not_after=None if attempt.not_after is None else moment(attempt.not_after),
        updated_at=moment(attempt.state_since),
        override=attempt.override or None,
        outcome=attempt.outcome or None,
        followed=(attempt.followed or None) if attempt.state is DeploymentState.FAILED else None,
        rollout=attempt.rollout_id,
        verifying=_verifying(attempt, expected),
        before=None if events is None else _shown(attempt.before),
        after=None if events is None else _shown(attempt.after),
        events=None if events is None else [_event(each) for each in events],
        **{name: getattr(attempt, name) for name in same},
    )


def _verifying(attempt: Deployment, expected: Expected | None) -> Watched | None:
    if expected is None or attempt.state is not DeploymentState.VERIFYING:
        return None
    by = None if expected.by is None else moment(expected.by)
    return Watched(rounds=expected.rounds, of_rounds=expected.of_rounds, by=by)


def _shown(snapshot: dict[str, object]) -> dict[str, Any]:
    """Without the siblings one by one: they are numbers of rows."""
    siblings = snapshot.get("siblings")
    if not isinstance(siblings, dict):
        return dict(snapshot)
    return {**snapshot, "siblings": {name: value for name, value in siblings.items() if name != "each"}}


def _event(row: dict[str, Any]) -> DeploymentEvent:
    return DeploymentEvent(**{name: row[name] for name in ("seq", "at", "kind", "actor", "text", "data")})


def why(device: str, answer: Answer, deployment: int | None) -> Why:
    """The answer to why, for one device."""
    return Why(
        device=device,
        code=answer.code,
        text=answer.text,
        until=None if answer.until is None else moment(answer.until),
        deployment=deployment,
        steps=[WhyStep(at=moment(step.at), what=step.what, reason=step.reason) for step in answer.steps],
    )

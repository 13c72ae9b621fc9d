"""What news of a device proves about a running deployment.

Rule: success is what the device announces after it reconnects (homie-ota.md rule 4). A live one confirms or refutes;
a retained one, read after a restart of ours, can only confirm. News from before the offer proves nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from homie_ota.model import AWAKE, Deployment, DeploymentState, Firmware, OtaEvent, State, Way
from homie_ota.rollout import asking, reasons
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import COMPLETE, Reason


class StatusNews(NamedTuple):
    """The device said something about the update, live."""

    at: float
    event: OtaEvent
    done: int
    total: int
    detail: str


class AnnounceNews(NamedTuple):
    """The device announced what it runs; `md5` is empty for devices that do not tell it."""

    at: float
    name: str
    version: str
    md5: str
    live: bool


class StateNews(NamedTuple):
    """The device, or its will, said in which state it is."""

    at: float
    state: State
    live: bool


class StatsNews(NamedTuple):
    """The device told statistics, live; `at` is when this round began, None what it did not tell (yet).

    `uptime` in seconds, `heap` in free bytes, `signal` in percent.
    """

    at: float
    uptime: float | None
    heap: float | None
    signal: float | None


News = StatusNews | AnnounceNews | StateNews | StatsNews


class Proof(NamedTuple):
    """What is to be done to the deployment: the event, and with it a reason, a note, the bytes that arrived."""

    event: Event
    reason: Reason | None = None
    note: str = ""
    done: int | None = None


_STATUS_EVENTS = {
    OtaEvent.ACCEPTED: Event.ACCEPT,
    OtaEvent.PROGRESS: Event.PROGRESS,
    OtaEvent.FLASHED: Event.FLASH,
}


def weigh(news: News, deployment: Deployment, target: Firmware, way: Way) -> Proof | None:
    """What this news does to this deployment of `target`; None when it proves nothing."""
    if news.at < (deployment.offered_at or 0.0) or _is_settled(deployment):
        return None
    if isinstance(news, StatusNews):
        return _weigh_status(news, deployment)
    if isinstance(news, AnnounceNews):
        return _weigh_announce(news, deployment, target, way)
    if isinstance(news, StatsNews):
        return None  # `verification` looks at them
    return _weigh_state(news, deployment, way)


def _is_settled(deployment: Deployment) -> bool:
    """Whether it failed in a way that no later announce undoes."""
    return deployment.state is DeploymentState.FAILED and deployment.code in reasons.FINAL


def is_complete(deployment: Deployment) -> bool:
    """True when the whole image arrived, as far as is known: statuses get lost towards the end."""
    if deployment.state in (DeploymentState.OFFERED, DeploymentState.QUEUED):
        return False
    return deployment.bytes_total > 0 and deployment.bytes_done >= COMPLETE * deployment.bytes_total


def _weigh_status(news: StatusNews, deployment: Deployment) -> Proof | None:
    event = _STATUS_EVENTS.get(news.event)
    if event is None:
        return Proof(Event.REFUSE, reasons.refused(news.event, news.detail))
    if event is Event.PROGRESS and not _is_of_this_image(news, deployment):
        return None
    if event is Event.FLASH:
        return Proof(event, done=deployment.bytes_total)
    return Proof(event, done=news.done if event is Event.PROGRESS else None)


def _is_of_this_image(news: StatusNews, deployment: Deployment) -> bool:
    """False for progress of another image and for what cannot be: not ours, or forged."""
    return news.total == deployment.bytes_total and 0 <= news.done <= news.total


def _weigh_announce(news: AnnounceNews, deployment: Deployment, target: Firmware, way: Way) -> Proof | None:
    before = deployment.before
    was = (str(before.get("fw_name", "")), str(before.get("fw_version", "")))
    same_name = (news.name, news.version) == (target.name, target.version)
    if news.md5 and news.md5 == target.md5:
        return Proof(Event.CONFIRM)
    if news.md5 and news.md5 == before.get("md5"):
        return _refuted(news, deployment, way)
    if same_name and (is_complete(deployment) if news.md5 else was != (target.name, target.version)):
        return Proof(Event.CONFIRM, note=reasons.REWRITTEN if news.md5 else reasons.UNPROVEN)
    if not news.md5 and (news.name, news.version) == was:
        return _refuted(news, deployment, way)
    return Proof(Event.STRAY, reasons.came_back_other(news.name, news.version)) if news.live else None


def _refuted(news: AnnounceNews, deployment: Deployment, way: Way) -> Proof | None:
    if not news.live:
        return None
    if deployment.state is DeploymentState.VERIFYING:
        return Proof(Event.REFUTE, reasons.WENT_BACK)
    took = news.at - (deployment.offered_at or news.at)
    complete = is_complete(deployment)
    of_asker = asking.came_back_old(way, complete=complete)
    return Proof(
        Event.REFUTE, of_asker or reasons.came_back_old(deployment.state, way, complete=complete, took=took)
    )


def _weigh_state(news: StateNews, deployment: Deployment, way: Way) -> Proof | None:
    if news.state in AWAKE or not news.live or news.state is State.UNKNOWN:
        return None
    # A 1.5 device leaves MQTT to fetch its image: that it went says nothing until it asks or comes back.
    if way is Way.HTTP and deployment.state is DeploymentState.OFFERED:
        return None
    return Proof(Event.LEAVE)

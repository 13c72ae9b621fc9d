"""News of devices → moves of their deployments, inside the transaction that writes the devices' rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE, Deployment, DeploymentState, Firmware, State, Way
from homie_ota.rollout import asking, reasons
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.proof import AnnounceNews, News, Proof, StateNews, StatsNews, weigh
from homie_ota.store import aftercare, attempts, concerned, deployments, verifying
from homie_ota.store import firmware as firmwares


class Presence(NamedTuple):
    """A device's state now, and when it last announced itself live (None: not since we listen)."""

    state: State
    live_since: float | None


UNKNOWN = Presence(State.UNKNOWN, None)


def apply(
    connection: Connection, news: Mapping[int, Sequence[News]], presences: Mapping[int, Presence]
) -> list[Deployment]:
    """Weigh the news of each device (by its `pk`, in the order they came) and move its deployment.

    Returns the deployments that moved or progressed.
    """
    moved: list[Deployment] = []
    found = _found(connection, news)
    targets = {
        sha256: firmwares.get(connection, sha256) for sha256 in {each.sha256 for each in found.values()}
    }
    for pk, deployment in found.items():
        target = targets[deployment.sha256]
        if target is not None:
            moved += _apply_to(connection, deployment, target, news[pk], presences.get(pk, UNKNOWN))
    announced = {pk: each[-1] for pk, every in news.items() if (each := _announces(every))}
    for queued in concerned.queued_of(connection, list(announced)):
        moved += _settle(connection, queued, announced[queued.device_pk])
    for ended in moved:
        attempts.follow(connection, ended, ended.state_since)
    aftercare.note(connection, {pk: each for pk, each in news.items() if pk not in found})
    return moved


def _found(connection: Connection, news: Mapping[int, Sequence[News]]) -> dict[int, Deployment]:
    """The deployments that the news may move. Half a fleet tells statistics at any time, and hardly one is verified."""
    telling = [pk for pk, every in news.items() if not all(isinstance(each, StatsNews) for each in every)]
    others = list(news.keys() - set(telling))
    found = concerned.open_to_news(connection, telling)
    return found | (concerned.verifying_of(connection, others) if others else {})


def _apply_to(
    connection: Connection, deployment: Deployment, target: Firmware, news: Sequence[News], presence: Presence
) -> list[Deployment]:
    way = Way(str(deployment.before.get("way", Way.MQTT)))
    moved: list[Deployment] = []
    for each in news:
        left_at = deployment.state_since
        proof = weigh(each, deployment, target, way)
        if proof is None or not _means_something(proof, deployment):
            moved += _verify(connection, deployment, each)
        elif proof.event is Event.CONFIRM:
            moved += _confirm(connection, deployment, proof, each)
            if way is Way.ASKS:
                moved += _moved(_said_so(connection, _latest(moved, deployment), target, each))
            if _is_ready_already(each, presence, left_at):
                moved += _verify(connection, _latest(moved, deployment), _ready(each))
        else:
            moved += _moved(_move(connection, deployment, proof, each))
        deployment = _latest(moved, deployment)
    return moved


def _means_something(proof: Proof, deployment: Deployment) -> bool:
    """Of a device that is being verified only another image proves anything; all else its soak looks at."""
    return deployment.state is not DeploymentState.VERIFYING or proof.event in (Event.REFUTE, Event.STRAY)


def _verify(connection: Connection, deployment: Deployment, news: News) -> list[Deployment]:
    if deployment.state is not DeploymentState.VERIFYING:
        return []
    return _moved(verifying.heard(connection, deployment, news))


def _confirm(connection: Connection, deployment: Deployment, proof: Proof, news: News) -> list[Deployment]:
    """It runs the target: its soak begins, however late that is."""
    moved: list[Deployment] = []
    if deployment.state is DeploymentState.FAILED:
        waiting = deployments.active_of(connection, deployment.device_pk)
        if waiting is not None and waiting.sha256 != deployment.sha256:
            return _moved(_move(connection, deployment, Proof(Event.HEAL, reasons.LATE, proof.note), news))
        if waiting is not None:  # nothing is left to do for the next attempt
            moved += _moved(
                deployments.advance(connection, waiting, Event.SETTLE, now=news.at, reason=reasons.RUNS_IT)
            )
    confirmed = _move(connection, deployment, proof, news)
    if confirmed is not None:
        moved.append(verifying.begin(connection, confirmed, at=news.at) or confirmed)
    return moved


def _said_so(
    connection: Connection, deployment: Deployment, target: Firmware, news: News
) -> Deployment | None:
    """One that asks over HTTP tells nothing else while it is well, so there is nothing to wait for."""
    assert isinstance(news, AnnounceNews)
    reason = asking.said_so(news.md5, target.md5)
    return deployments.advance(connection, deployment, Event.HEAL, now=news.at, reason=reason)


def _latest(moved: Iterable[Deployment], deployment: Deployment) -> Deployment:
    return next((each for each in reversed(list(moved)) if each.id == deployment.id), deployment)


def _moved(found: Deployment | None) -> list[Deployment]:
    return [found] if found is not None else []


def _is_ready_already(news: News, presence: Presence, left_at: float) -> bool:
    """Some generations say that they are ready before they say what they run; a retained `ready` is not said again."""
    retained = isinstance(news, AnnounceNews) and not news.live
    is_back = presence.live_since is not None and presence.live_since >= left_at
    return presence.state in AWAKE and (retained or is_back)


def _ready(news: News) -> News:
    live = isinstance(news, AnnounceNews) and news.live
    return StateNews(news.at, State.READY, live)


def _move(connection: Connection, deployment: Deployment, proof: Proof, news: News) -> Deployment | None:
    moving = deployment.state is DeploymentState.TRANSFERRING
    if proof.event is Event.PROGRESS and moving and proof.done is not None:
        return deployments.progress(connection, deployment.id, done=proof.done, now=news.at)
    after: dict[str, object] | None = None
    if isinstance(news, AnnounceNews):
        after = {"fw_name": news.name, "fw_version": news.version, "md5": news.md5}
    return deployments.advance(
        connection,
        deployment,
        proof.event,
        now=news.at,
        reason=proof.reason,
        note=proof.note,
        done=proof.done,
        after=after,
    )


def _announces(news: Sequence[News]) -> list[AnnounceNews]:
    return [each for each in news if isinstance(each, AnnounceNews) and each.md5]


def _settle(connection: Connection, queued: Deployment, announced: AnnounceNews) -> list[Deployment]:
    """A queued attempt has nothing to do when the device announces its image by itself."""
    target = firmwares.get(connection, queued.sha256)
    if target is None or announced.md5 != target.md5:
        return []
    return _moved(
        deployments.advance(connection, queued, Event.SETTLE, now=announced.at, reason=reasons.RUNS_IT)
    )

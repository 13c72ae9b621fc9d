"""News of devices → moves of their deployments, inside the transaction that writes the devices' rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE, Deployment, DeploymentState, Firmware, State, Way
from homie_ota.rollout import reasons
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.proof import AnnounceNews, News, Proof, weigh
from homie_ota.store import deployments
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
    found = deployments.open_to_news(connection, list(news))
    for pk, deployment in found.items():
        target = firmwares.get(connection, deployment.sha256)
        if target is not None:
            moved += _apply_to(connection, deployment, target, news[pk], presences.get(pk, UNKNOWN))
    announced = {pk: each[-1] for pk, every in news.items() if (each := _announces(every))}
    for queued in deployments.queued_of(connection, list(announced)):
        moved += _settle(connection, queued, announced[queued.device_pk])
    return moved


def _apply_to(
    connection: Connection, deployment: Deployment, target: Firmware, news: Sequence[News], presence: Presence
) -> list[Deployment]:
    way = Way(str(deployment.before.get("way", Way.MQTT)))
    moved: list[Deployment] = []
    for each in news:
        proof = weigh(each, deployment, target, way)
        if proof is None:
            continue
        after = _move(connection, deployment, proof, each)
        if after is None:
            continue
        moved.append(after)
        left_at, deployment = deployment.state_since, after
        if proof.event is Event.CONFIRM and _is_ready_already(each, presence, left_at):
            healed = _move(connection, deployment, Proof(Event.HEAL), each)
            deployment = healed or deployment
            moved += [healed] if healed else []
    return moved


def _is_ready_already(news: News, presence: Presence, left_at: float) -> bool:
    """Some generations say that they are ready before they say what they run; a retained `ready` is not said again."""
    retained = isinstance(news, AnnounceNews) and not news.live
    is_back = presence.live_since is not None and presence.live_since >= left_at
    return presence.state in AWAKE and (retained or is_back)


def _move(connection: Connection, deployment: Deployment, proof: Proof, news: News) -> Deployment | None:
    moving = deployment.state is DeploymentState.TRANSFERRING
    if proof.event is Event.PROGRESS and moving and proof.done is not None:
        deployments.progress(connection, deployment.id, done=proof.done, now=news.at)
        return deployments.get(connection, deployment.id)
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
    after = deployments.advance(connection, queued, Event.SETTLE, now=announced.at, reason=reasons.RUNS_IT)
    return [after] if after else []

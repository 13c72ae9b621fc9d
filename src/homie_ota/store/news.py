"""News of devices → moves of their deployments, inside the transaction that writes the devices' rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE, Deployment, DeploymentState, Firmware, State, Way
from homie_ota.rollout import reasons
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.proof import AnnounceNews, News, Proof, weigh
from homie_ota.store import deployments
from homie_ota.store import firmware as firmwares


def apply(
    connection: Connection, news: Mapping[int, Sequence[News]], states: Mapping[int, State]
) -> list[Deployment]:
    """Weigh the news of each device (by its `pk`, in the order they came) and move its deployment.

    `states` are the devices' states now. Returns the deployments that moved or progressed.
    """
    moved: list[Deployment] = []
    found = deployments.open_to_news(connection, list(news))
    for pk, deployment in found.items():
        target = firmwares.get(connection, deployment.sha256)
        if target is not None:
            moved += _apply_to(connection, deployment, target, news[pk], states.get(pk, State.UNKNOWN))
    for pk, each in news.items():
        moved += _settle(connection, pk, each)
    return moved


def _apply_to(
    connection: Connection, deployment: Deployment, target: Firmware, news: Sequence[News], state: State
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
        deployment = after
        if proof.event is Event.CONFIRM and _ready_already(each, way, state):
            healed = _move(connection, deployment, Proof(Event.HEAL), each)
            deployment = healed or deployment
            moved += [healed] if healed else []
    return moved


def _ready_already(news: News, way: Way, state: State) -> bool:
    """Some devices say `online` before they say what they run, and a retained `ready` will not be said again."""
    retained = isinstance(news, AnnounceNews) and not news.live
    return state in AWAKE and (retained or way in (Way.HTTP, Way.URL))


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


def _settle(connection: Connection, pk: int, news: Sequence[News]) -> list[Deployment]:
    """A queued attempt has nothing to do when the device announces its image by itself."""
    announced = [each for each in news if isinstance(each, AnnounceNews) and each.md5]
    queued = deployments.queued_of(connection, pk) if announced else None
    target = firmwares.get(connection, queued.sha256) if queued else None
    if queued is None or target is None or announced[-1].md5 != target.md5:
        return []
    after = deployments.advance(
        connection, queued, Event.SETTLE, now=announced[-1].at, reason=reasons.RUNS_IT
    )
    return [after] if after else []

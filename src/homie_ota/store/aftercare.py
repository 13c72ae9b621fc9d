"""Devices that were updated lately and announce themselves again: looked at quietly, told as events.

Rule: the deployment that ended is not moved; what is remembered for the next look lies beside its soak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.engine import Connection

from homie_ota.model import Deployment, DeploymentState
from homie_ota.rollout import aftercare
from homie_ota.rollout.aftercare import Aftercare
from homie_ota.rollout.proof import AnnounceNews, News
from homie_ota.store import concerned, deployments, events, snapshots
from homie_ota.store import firmware as firmwares
from homie_ota.store.tables import deployment

_KEY = "aftercare"


def note(connection: Connection, news: Mapping[int, Sequence[News]]) -> None:
    """Look at the live announces of devices whose last deployment is a success of the last days."""
    announced = {pk: each for pk, every in news.items() if (each := _live(every))}
    succeeded = concerned.offered_last(connection, list(announced), [DeploymentState.SUCCEEDED])
    for pk, of in succeeded.items():
        latest = of
        for one in announced[pk]:
            if 0.0 <= one.at - of.state_since <= aftercare.DAYS:
                latest = _look(connection, latest, one)


def _live(news: Sequence[News]) -> list[AnnounceNews]:
    return [each for each in news if isinstance(each, AnnounceNews) and each.live]


def _look(connection: Connection, of: Deployment, news: AnnounceNews) -> Deployment:
    target = firmwares.get(connection, of.sha256)
    before = of.before
    care = _of(of)
    runs_old = _is(news, str(before.get("md5", "")), before.get("fw_name"), before.get("fw_version"))
    runs_target = target is not None and _is(news, target.md5, target.name, target.version)
    after, trouble = aftercare.step(
        care,
        at=news.at,
        runs_old=runs_old and not runs_target,
        runs_target=runs_target,
        boots=snapshots.boots_since(connection, of.device_pk, min(care.came, default=news.at)),
        sleeps=bool(before.get("sleeps") or of.soak.get("slept")),
    )
    if trouble is not None:
        data = {"event": trouble.value, "code": trouble.value, "text": aftercare.TEXTS[trouble]}
        pk = of.device_pk
        events.add(connection, "device", at=news.at, device_pk=pk, deployment_id=of.id, data=data)
    return _keep(connection, of, after) if after != care else of


def _is(news: AnnounceNews, md5: str, name: object, version: object) -> bool:
    """By its checksum; a device that tells none, by name and version."""
    return news.md5 == md5 if news.md5 and md5 else (news.name, news.version) == (name, version)


def _of(of: Deployment) -> Aftercare:
    data = of.soak.get(_KEY)
    return aftercare.from_data(data if isinstance(data, dict) else {})


def _keep(connection: Connection, of: Deployment, care: Aftercare) -> Deployment:
    soak = {**of.soak, _KEY: aftercare.as_data(care)}
    connection.execute(deployment.update().where(deployment.c.id == of.id).values(soak=soak))
    return deployments.get(connection, of.id) or of

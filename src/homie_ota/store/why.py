"""Everything that can answer why a device runs what it runs, gathered from rows for `rollout/why.py`.

Rule: nothing is decided here, and nothing is written: the same rows give the same answer on the page, in the API and on
the command line.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import NotFound
from homie_ota.model import ACTIVE, AWAKE, Deployment, DeploymentState, State
from homie_ota.rollout.plan import MemberState, RolloutState
from homie_ota.rollout.strategy import reading_of
from homie_ota.rollout.why import Hold, Known, Step, Why, explain
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import (
    alarms,
    deployments,
    devices,
    events,
    holds,
    leftovers,
    marks,
    naming,
    orders,
    progress,
    quarantine,
    rollouts,
)
from homie_ota.store import firmware as firmwares
from homie_ota.store.tables import membership, rollout, target

STEPS = 40
"""Events of a device that the table shows, the newest."""

ALARM_DAYS = 7 * 86_400.0

_OPEN = (RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.DRAINING, RolloutState.REVERTING)
_TOLD_OF = (MemberState.WAITING, MemberState.SKIPPED, MemberState.ABSENT)
"""Members whose rollout is the answer; for all others it is their deployment."""

_KINDS = (
    "deployment", "quarantine", "mark", "leftover", "device", "address", "ota", "cure", "alarm", "refused",
)  # fmt: skip
_TOLD_WITH_KIND = ("alarm", "leftover")
"""Kinds whose event alone says nothing: “began”, “found”."""


def of(connection: Connection, device_pk: int, local: LocalTime, now: float) -> Why:
    """The answer for one device; `local` is now on the wall clock, for windows. Raises NotFound."""
    return explain(known(connection, device_pk, local, now))


def known(connection: Connection, device_pk: int, local: LocalTime, now: float) -> Known:
    """What the answer is made of. Raises NotFound."""
    row = devices.row(connection, device_pk)
    if row is None:
        raise NotFound("This device is not known any more.")
    latest = next(iter(deployments.find(connection, device_pk=device_pk, limit=1)), None)
    wanted = _wanted(connection, device_pk, latest)
    rows = _events(connection, device_pk)
    return Known(
        runs=f"{row['fw_name']} {row['fw_version']}".strip(),
        state=State(row["state"]),
        latest=latest,
        wanted=_name(connection, wanted),
        holds=_holds(connection, row, latest, local, now),
        pinned=_pinned(connection, device_pk, now),
        quarantines=_quarantines(connection, device_pk),
        leftovers=leftovers.sentences(connection, device_pk),
        refused=_refused(connection, row, latest, wanted),
        rollout=_rollout(connection, device_pk, now),
        alarms=(*_alarms(rows, now), *alarms.of_device(connection, device_pk)),
        steps=tuple(_step(each) for each in rows),
    )


def _wanted(connection: Connection, device_pk: int, latest: Deployment | None) -> str:
    """The image of the target, or else of the latest attempt: its SHA-256, empty when nothing was ever wanted."""
    if latest is not None and latest.state in ACTIVE:
        return latest.sha256
    aim = connection.execute(sa.select(target.c.sha256).where(target.c.device_pk == device_pk)).scalar()
    return aim or (latest.sha256 if latest else "")


def _name(connection: Connection, sha256: str) -> str:
    return " ".join(naming.images(connection, [sha256])[sha256]).strip() if sha256 else ""


def _holds(
    connection: Connection, row: dict[str, Any], latest: Deployment | None, local: LocalTime, now: float
) -> tuple[Hold, ...]:
    if latest is None or latest.state is not DeploymentState.QUEUED:
        return ()
    found = holds.of(connection, latest, local, now)
    if not found and row["state"] in AWAKE:
        return (Hold("next", "the device is ready; it is sent when a transfer slot is free."),)
    return found


def _pinned(connection: Connection, device_pk: int, now: float) -> Hold | None:
    pin = marks.pin_of(connection, device_pk, now)
    return Hold("pinned", f"It is pinned: {pin.reason}.", pin.until) if pin else None


def _quarantines(connection: Connection, device_pk: int) -> tuple[Hold, ...]:
    """Each reason once, with the images that it keeps from the device."""
    held = quarantine.of_device(connection, device_pk)
    names = naming.images(connection, [each.sha256 for each in held])
    images: dict[tuple[str, str], list[str]] = {}
    for each in held:
        images.setdefault((each.code, each.reason), []).append(" ".join(names[each.sha256]).strip())
    return tuple(Hold(code, f"{' and '.join(of)}: {reason}") for (code, reason), of in images.items())


def _refused(
    connection: Connection, row: dict[str, Any], latest: Deployment | None, wanted: str
) -> tuple[str, ...]:
    """Why the device may not get the image that is wanted of it, when nothing of it is under way."""
    if not wanted or (latest is not None and latest.sha256 == wanted):
        return ()  # its own end says more
    image = firmwares.get(connection, wanted)
    if image is None or (row["md5"] and row["md5"] == image.md5):
        return ()
    answer = orders.verdict(connection, row["pk"], image)
    return () if answer.allowed else tuple(each.text for each in answer.refusals)


def _rollout(connection: Connection, device_pk: int, now: float) -> str:
    columns = (rollout.c.id, rollout.c.name, rollout.c.state, rollout.c.wave, membership.c.wave.label("mine"))
    query = (
        sa.select(*columns, rollout.c.reason, membership.c.outcome, membership.c.reason.label("because"))
        .join(rollout, rollout.c.id == membership.c.rollout_id)
        .where(membership.c.device_pk == device_pk, rollout.c.state.in_(_OPEN))
        .where(membership.c.outcome.in_(_TOLD_OF))
        .order_by(rollout.c.id.desc())
    )
    found = connection.execute(query).mappings().first()
    return "" if found is None else _of_rollout(connection, dict(found), now)


def _of_rollout(connection: Connection, found: dict[str, Any], now: float) -> str:
    name = f"Rollout {found['id']}" + (f" ({found['name']})" if found["name"] else "")
    if found["outcome"] == MemberState.SKIPPED:
        return f"{name} leaves it out: {found['because']}"
    if found["outcome"] == MemberState.ABSENT:
        return (
            f"{name} goes on without it: {found['because']} It is updated when it can be, behind the others."
        )
    state = f" The rollout is {found['state']}: {found['reason']}" if found["reason"] else ""
    return f"It is in wave {found['mine'] + 1} of {name}. {_gate(connection, found, now)}{state}"


def _gate(connection: Connection, found: dict[str, Any], now: float) -> str:
    """What the wave before it still needs."""
    of = rollouts.get(connection, found["id"])
    if of is None or found["wave"] >= found["mine"]:
        return "Its wave is next."
    view = progress.view(connection, of)
    reading = reading_of(view, view.waves[found["wave"]], now)
    return f"Wave {found['wave'] + 1} goes first: {reading.text}."


# --- How it came ----------------------------------------------------------------------------------------------------


def _events(connection: Connection, device_pk: int) -> list[dict[str, Any]]:
    rows = events.recent(connection, limit=STEPS, device_pk=device_pk)
    return [row for row in reversed(rows) if row["kind"] in _KINDS]


def _alarms(rows: list[dict[str, Any]], now: float) -> tuple[str, ...]:
    """Troubles after a success, each once; older ones are history."""
    texts = [
        str(row["data"]["text"])
        for row in rows
        if row["kind"] == "device" and row["data"].get("text") and now - row["at"] < ALARM_DAYS
    ]
    return tuple(dict.fromkeys(texts))


def _step(row: dict[str, Any]) -> Step:
    data = row["data"] or {}
    what = data.get("state") or data.get("event") or data.get("answer") or row["kind"]
    what = f"{row['kind']} {what}" if row["kind"] in _TOLD_WITH_KIND else what
    number = f"deployment {row['deployment_id']}: " if row["deployment_id"] else ""
    by = f" by {row['actor']}" if row["actor"] else ""
    reason = data.get("reason") or data.get("text") or data.get("why") or ""
    return Step(row["at"], f"{number}{what}{by}", str(reason))

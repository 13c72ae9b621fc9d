"""What a person should look at although nothing failed just now: devices that stay behind, offers that lead nowhere.

Rule: an alarm is what the rows say now; that it began and that it ended are event rows, each written once
(attack-checklist.md, rows 5 and 10; homie-ota.md rule 16).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE, DeploymentState, Outcome
from homie_ota.rollout.attempts import INTERRUPTED
from homie_ota.rollout.rhythm import spell
from homie_ota.store import events, misfits, moved
from homie_ota.store.tables import deployment, device, event, firmware, target
from homie_ota.store.target_rows import ORDERED

KIND = "alarm"
_OF_ALARMS = event.c.kind == sa.literal_column("'alarm'")

UNHEARD = ("no-answer", "no-http-request")
"""Codes of offers after which the device did nothing."""

USUAL_INTERVAL = 65.0
"""Seconds between statistics where a device does not say."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that a device may stay below its target although it is seen; offers in a row that may lead nowhere."""

    behind: float = 7 * 86400.0
    offers: int = 3


SETTINGS: dict[str, Limits] = {"limits": Limits()}
"""What the settings say (`use_limits`)."""


class Alarm(NamedTuple):
    """One thing to look at; `code` is stable, `text` a sentence."""

    device_pk: int
    code: str
    text: str


def use_limits(limits: Limits) -> None:
    """Take the limits from the settings; called once, at start."""
    SETTINGS["limits"] = limits


def current(connection: Connection, now: float, limits: Limits | None = None) -> list[Alarm]:
    """Every alarm that the rows give reason for now."""
    asked = limits or SETTINGS["limits"]
    found = [*_behind(connection, now, asked), *_unheard(connection, asked), *_silent(connection, now)]
    found += [Alarm(pk, "will-not-fit", text) for pk, text in misfits.find(connection, now)]
    found += [Alarm(pk, "asks-elsewhere", text) for pk, text in moved.alarms(connection)]
    return list({(each.device_pk, each.code): each for each in found}.values())


def _behind(connection: Connection, now: float, limits: Limits) -> Iterator[Alarm]:
    since = now - limits.behind
    names = (firmware.c.name, firmware.c.version)
    first_tried = sa.select(sa.func.min(deployment.c.created_at)).where(
        deployment.c.device_pk == target.c.device_pk, deployment.c.sha256 == target.c.sha256
    )
    begun = sa.func.coalesce(target.c.since, first_tried.scalar_subquery())
    wanted = (
        sa.select(target.c.device_pk, begun, *names)
        .join(device, device.c.pk == target.c.device_pk)
        .join(firmware, firmware.c.sha256 == target.c.sha256)
        .where(begun < since, device.c.last_seen > since, device.c.md5 != firmware.c.md5)
        # An order that failed said so; what nobody tries again is no surprise a week later.
        .where(target.c.source != ORDERED)
    )
    queued = (
        sa.select(deployment.c.device_pk, deployment.c.created_at, *names)
        .join(device, device.c.pk == deployment.c.device_pk)
        .join(firmware, firmware.c.sha256 == deployment.c.sha256)
        .where(
            deployment.c.state == DeploymentState.QUEUED.value,
            deployment.c.created_at < since,
            device.c.last_seen > since,
        )
    )
    for query in (wanted, queued):
        for pk, at, name, version in connection.execute(query):
            text = (
                f"It should run {name} {version} for {spell(now - at)} now and does not, although it was seen. Look at "
                "what holds the update back."
            )
            yield Alarm(pk, "behind", text)


def _unheard(connection: Connection, limits: Limits) -> Iterator[Alarm]:
    """Devices whose latest attempts all ended before anything began."""
    suspects = (
        sa.select(deployment.c.device_pk)
        .where(deployment.c.state == DeploymentState.FAILED.value, deployment.c.code.in_(UNHEARD))
        .group_by(deployment.c.device_pk)
        .having(sa.func.count() >= limits.offers)
    )
    tried = deployment.c.outcome.in_([Outcome.UNHARMED, Outcome.HARMFUL, Outcome.VERIFIED, Outcome.BOOTED])
    for pk in connection.execute(suspects).scalars().all():
        latest = sa.select(deployment.c.code).where(deployment.c.device_pk == pk, tried)
        codes = (
            connection.execute(latest.order_by(deployment.c.id.desc()).limit(limits.offers)).scalars().all()
        )
        if len(codes) == limits.offers and all(each in UNHEARD for each in codes):
            text = (
                f"It was offered an update {limits.offers} times and never began one. Somebody may drop what is sent "
                "to it: look at the broker's rights and payload limit, and for 1.5 at the address of its OTA server."
            )
            yield Alarm(pk, "never-started", text)


def _silent(connection: Connection, now: float) -> Iterator[Alarm]:
    """Ready and silent: so some builds are after a transfer that was cut off, until the next update (rule 16)."""
    later = deployment.alias("later")
    broken = deployment.c.code.in_(sorted(INTERRUPTED)) & ~sa.exists().where(
        later.c.device_pk == deployment.c.device_pk,
        later.c.id > deployment.c.id,
        later.c.offered_at.is_not(None),
    )
    columns = (device.c.pk, device.c.state_since, device.c.recent, device.c.facts)
    query = (
        sa.select(*columns)
        .join(deployment, deployment.c.device_pk == device.c.pk)
        .where(deployment.c.state == DeploymentState.FAILED.value, broken)
        .where(device.c.state.in_(sorted(AWAKE)), device.c.state_since > deployment.c.offered_at)
    )
    for pk, since, recent, facts in connection.execute(query):
        patience = 3 * _interval(facts or {})
        if recent and recent[-1][0] < since and now - since > patience:
            text = (
                "It is ready but tells no statistics since a transfer to it was cut off: it still waits for the rest. "
                "The next update ends that, and so does a restart."
            )
            yield Alarm(pk, "silent", text)


def _interval(facts: dict[str, Any]) -> float:
    try:
        return float(facts.get("interval", "")) or USUAL_INTERVAL
    except ValueError:
        return USUAL_INTERVAL


# --- Begun and ended ------------------------------------------------------------------------------------------------


class Turns(NamedTuple):
    """What is to be written after a look: alarms that began, and device and code of those that ended."""

    began: list[Alarm]
    ended: list[tuple[int, str]]

    def split(self, size: int) -> Iterator[Turns]:
        """The same in parts of at most so many of each, so that nobody waits long behind one transaction."""
        for start in range(0, max(len(self.began), len(self.ended)), size):
            yield Turns(self.began[start : start + size], self.ended[start : start + size])


def standing(connection: Connection, device_pks: Sequence[int] | None = None) -> dict[tuple[int, str], str]:
    """The alarms (of these devices, None: of all) that began and have not ended: device and code → the sentence."""
    found: dict[tuple[int, str], str] = {}
    query = sa.select(event.c.device_pk, event.c.data).where(_OF_ALARMS).order_by(event.c.seq)
    if device_pks is not None:
        query = query.where(event.c.device_pk.in_(device_pks))
    for pk, data in connection.execute(query):
        key = (pk, str(data.get("code", "")))
        if data.get("event") == "began":
            found[key] = str(data.get("text", ""))
        else:
            found.pop(key, None)
    return found


def of_device(connection: Connection, device_pk: int) -> tuple[str, ...]:
    """The sentences of the alarms of one device that have not ended."""
    return tuple(standing(connection, [device_pk]).values())


def turns(connection: Connection, now: float) -> Turns:
    """Which alarms began and which ended since the last look; a look at everything, for a read transaction."""
    before, found = standing(connection), current(connection, now)
    began = [each for each in found if (each.device_pk, each.code) not in before]
    return Turns(began, sorted(before.keys() - {(each.device_pk, each.code) for each in found}))


def write(connection: Connection, seen: Turns, now: float) -> list[Alarm]:
    """Write what a look saw, unless somebody else has written it meanwhile; the alarms that began."""
    pks = {each.device_pk for each in seen.began} | {pk for pk, _ in seen.ended}
    before = standing(connection, sorted(pks))
    began = [each for each in seen.began if (each.device_pk, each.code) not in before]
    for each in began:
        _tell(connection, each.device_pk, "began", each.code, each.text, now)
    for pk, code in seen.ended:
        if (pk, code) in before:
            _tell(connection, pk, "ended", code, "", now)
    return began


def _tell(connection: Connection, pk: int, what: str, code: str, text: str, now: float) -> None:
    events.add(connection, KIND, at=now, device_pk=pk, data={"event": what, "code": code, "text": text})

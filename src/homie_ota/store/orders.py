"""What a person orders: bring this device, or all of a name, to that firmware.

Rule: every way in (page, API, command line, `$ota`) comes through here, and here is where `eligibility.judge` is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, HomieOtaError, NotEligible, NotFound
from homie_ota.homie import v1, way
from homie_ota.model import Deployment, Firmware, Way
from homie_ota.rollout import eligibility
from homie_ota.rollout.eligibility import Candidate, Verdict
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import deployments, devices, giving_way, quarantine
from homie_ota.store import firmware as firmwares
from homie_ota.store.tables import device
from homie_ota.store.tables import firmware as firmware_table

_BEFORE = ("fw_name", "fw_version", "md5", "uptime", "signal", "heap", "state", "way")

TOPIC_LIMIT = 128
"""Characters of a topic that homie-esp8266 reads (homie-ota.md rule 17)."""


def candidate(row: dict[str, Any], learned: dict[str, str], firmware: Firmware) -> Candidate:
    """What eligibility asks about a device, from its row and what was learned of it."""
    found = Way(row["way"])
    return Candidate(
        device_id=row["device_id"],
        way=found,
        way_evidence=way(row["facts"])[1] if found is Way.NONE else "",
        implementation=row["implementation"].lower(),
        ota_enabled=row["ota_enabled"],
        fw_name=row["fw_name"],
        fw_version=row["fw_version"],
        md5=row["md5"],
        free_space=_whole(learned.get("free_space")),
        chip_size=_whole(learned.get("chip_size")),
        offer_fits=_offer_fits(row, found, firmware),
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _offer_fits(row: dict[str, Any], found: Way, firmware: Firmware) -> bool:
    if found is Way.HTTP:
        return v1.wanted_text(firmware.name, firmware.version, row["fw_name"]) is not None
    topic = f"{row['base']}{row['device_id']}/$implementation/ota/firmware/{firmware.md5}"
    return found is not Way.MQTT or len(topic) <= TOPIC_LIMIT


def verdict(connection: Connection, device_pk: int, firmware: Firmware, override: str = "") -> Verdict:
    """Whether this device may get this firmware, with every reason."""
    return verdicts(connection, device_pk, [firmware], override)[0]


def verdicts(
    connection: Connection, device_pk: int, candidates: Sequence[Firmware], override: str = ""
) -> list[Verdict]:
    """The same for several images, in their order; raises NotFound for a device that is not known."""
    row = devices.row(connection, device_pk)
    if row is None:
        raise NotFound("This device is not known any more.")
    learned = devices.learned_facts(connection, device_pk)
    found = (eligibility.judge(candidate(row, learned, each), each, override) for each in candidates)
    return [
        _unless_held(connection, device_pk, each, verdict)
        for each, verdict in zip(candidates, found, strict=True)
    ]


def _unless_held(connection: Connection, device_pk: int, firmware: Firmware, found: Verdict) -> Verdict:
    """No typed reason lifts a quarantine: a release does, and begins the budget anew."""
    held = quarantine.of(connection, device_pk, firmware.sha256) if found.allowed else None
    if held is None:
        return found
    told = f"{held.reason} Release the device to try this image again."
    return Verdict(False, "quarantined", (told,), found.warnings)


def order(
    connection: Connection, *, device_pk: int, sha256: str, by: str, now: float, override: str = ""
) -> Deployment:
    """Queue one firmware for one device; it is sent as soon as the device is ready.

    Raises NotFound, NotEligible with the reasons, or Conflict while another deployment of the device runs.
    """
    firmware = firmwares.get(connection, sha256)
    if firmware is None:
        raise NotFound(f"There is no firmware {sha256[:12]}… in the store.")
    found = verdict(connection, device_pk, firmware, override)
    if not found.allowed:
        raise NotEligible(" ".join(found.reasons))
    taken = giving_way.take_over(
        connection, device_pk=device_pk, sha256=sha256, by=by, now=now, override=override
    )
    return taken or _insert(connection, device_pk, firmware, by, now, override)


def _insert(
    connection: Connection, device_pk: int, firmware: Firmware, by: str, now: float, override: str
) -> Deployment:
    row = devices.row(connection, device_pk) or {}
    return queue(connection, row, firmware, by=by, now=now, override=override)


def queue(
    connection: Connection,
    row: dict[str, Any],
    firmware: Firmware,
    *,
    by: str,
    now: float,
    override: str = "",
    **place: Any,
) -> Deployment:
    """A new attempt for the device of this row, which was judged before; raises Conflict while another one runs.

    `place` is what `deployments.insert` takes besides: rollout_id, wave, purpose, not_before, not_after.
    """
    return deployments.insert(
        connection,
        device_pk=row["pk"],
        sha256=firmware.sha256,
        size=firmware.size,
        previous_sha256=_stored_with(connection, row["md5"]),
        before={key: row[key] for key in _BEFORE},
        by=by,
        now=now,
        override=override,
        **place,
    )


def _stored_with(connection: Connection, md5: str) -> str:
    query = sa.select(firmware_table.c.sha256).where(firmware_table.c.md5 == md5)
    return (connection.execute(query).scalar() or "") if md5 else ""


def order_all(
    connection: Connection, *, name: str, sha256: str, by: str, now: float
) -> tuple[list[Deployment], list[tuple[str, str]]]:
    """Queue one firmware for every device that runs `name`; they are sent one after another.

    The second list holds those that were skipped: device id and why.
    """
    made: list[Deployment] = []
    skipped: list[tuple[str, str]] = []
    query = (
        sa.select(device.c.pk, device.c.device_id)
        .where(device.c.fw_name == name)
        .order_by(device.c.device_id)
    )
    for pk, device_id in connection.execute(query).all():
        try:
            made.append(order(connection, device_pk=pk, sha256=sha256, by=by, now=now))
        except (NotEligible, Conflict) as refusal:
            skipped.append((device_id, str(refusal)))
    return made, skipped


def choose(connection: Connection, device_pk: int, found: Sequence[Firmware]) -> Firmware:
    """Of several images of one name and version the one that fits the device.

    Raises Conflict with their hashes when several fit, NotEligible with the reason when none does.
    """
    judged = list(zip(found, verdicts(connection, device_pk, found), strict=True))
    fitting = [each for each, verdict in judged if verdict.allowed]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting and len(judged) == 1:
        return judged[0][0]  # `order` says why not
    if not fitting:
        raise NotEligible(" ".join(reason for _, verdict in judged for reason in verdict.reasons[:1]))
    hashes = ", ".join(each.sha256[:12] for each in fitting)
    raise Conflict(
        f"{found[0].name}@{found[0].version} is {len(fitting)} images: {hashes}. Say which by its SHA-256."
    )


def external(connection: Connection, *, device_pk: int, firmware: Firmware, now: float) -> Deployment | None:
    """A deployment for an update that somebody else started by publishing `$ota`; None while another one runs."""
    if deployments.active_of(connection, device_pk):
        return None
    try:
        made = _insert(connection, device_pk, firmware, "$ota", now, "")
    except HomieOtaError:
        return None
    offered = deployments.advance(connection, made, Event.OFFER, now=now, actor="$ota")
    return offered or made

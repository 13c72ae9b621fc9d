"""What a person orders: bring this device to that firmware.

Rule: every way in (page, API, command line, `$ota`) comes through here, and here is where `eligibility.judge` is asked.
Going back to an older version, and what a typed reason lifts, leave a row in the audit log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, HomieOtaError, NotEligible, NotFound
from homie_ota.model import Deployment, Firmware, Purpose
from homie_ota.rollout import eligibility
from homie_ota.rollout.eligibility import Answer, Ask
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import audit, candidates, deployments, devices, giving_way, target_rows
from homie_ota.store import firmware as firmwares
from homie_ota.store.candidates import Surroundings
from homie_ota.store.tables import device
from homie_ota.store.tables import firmware as firmware_table

_BEFORE = ("fw_name", "fw_version", "md5", "uptime", "signal", "heap", "state", "way")

DOWNGRADE = "downgrade"
"""The code of a reason that is written down (attack-checklist: possible, but asked for by name and audited)."""


def verdict(
    connection: Connection,
    device_pk: int,
    firmware: Firmware,
    override: str = "",
    *,
    now: float | None = None,
    purpose: str = Purpose.UPDATE,
    md5: str = "",
) -> Answer:
    """Whether this device may get this firmware; see `verdicts`. `md5` is what the device just said that it runs."""
    ask = Ask(override, purpose=Purpose(purpose))
    return verdicts(connection, device_pk, [firmware], ask, now=now, md5=md5)[0]


def verdicts(
    connection: Connection,
    device_pk: int,
    images: Sequence[Firmware],
    ask: Ask = Ask(),  # noqa: B008 - a value
    *,
    now: float | None = None,
    md5: str = "",
) -> list[Answer]:
    """The answers for several images, in their order; raises NotFound for a device that is not known.

    Without `now` a pin refuses nothing: it holds back what is queued, and does not end it.
    """
    found = candidates.load(connection, device.c.pk == device_pk, now=now, md5=md5)
    if not found:
        raise NotFound("This device is not known any more.")
    around = Surroundings(connection, images, found)
    return [eligibility.judge(found[0].known, each, ask, around.of(found[0], each)) for each in images]


def order(
    connection: Connection,
    *,
    device_pk: int,
    sha256: str,
    by: str,
    now: float,
    override: str = "",
    named: bool = True,
    **place: Any,
) -> Deployment:
    """Queue one firmware for one device; it is sent as soon as the device is ready.

    `named`: a person asked for it; False where it goes out by itself. `place` is as for `queue`. Raises NotFound,
    NotEligible with the reasons, or Conflict while another deployment of the device runs.
    """
    firmware = firmwares.get(connection, sha256)
    if firmware is None:
        raise NotFound(f"There is no firmware {sha256[:12]}… in the store.")
    ask = Ask(override, named, Purpose(place.get("purpose", Purpose.UPDATE)))
    found = verdicts(connection, device_pk, [firmware], ask, now=now)[0]
    if not found.allowed:
        raise NotEligible(found.sentence, [each.as_data() for each in found.refusals])
    _write_down(connection, firmware, found, by=by, now=now, override=override)
    taken = None
    if place.get("rollout_id") is None:
        wish = giving_way.Wish(device_pk, sha256, by, override, place.get("not_after"))
        taken = giving_way.take_over(connection, wish, now=now)
        target_rows.put(connection, [device_pk], sha256, source=target_rows.ORDERED)
    row = devices.row(connection, device_pk) or {}
    return taken or queue(connection, row, firmware, by=by, now=now, override=override, **place)


def _write_down(
    connection: Connection, firmware: Firmware, found: Answer, *, by: str, now: float, override: str
) -> None:
    lifted = [each.text for each in found.reasons if each.lifted]
    back = [each.text for each in found.reasons if each.code == DOWNGRADE and not each.lifted]
    what = "updated against the rules" if lifted else "went back to an older version"
    if lifted or back:
        said = [f"“{override.strip()}”"] if lifted else []
        why = " ".join([f"{firmware.filename}, {firmware.sha256[:12]}:", *said, *lifted, *back])
        audit.add(connection, at=now, who=by, what=what, why=why)


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
    return (connection.execute(_WITH_MD5, {"checksum": md5}).scalar() or "") if md5 else ""


_WITH_MD5 = sa.select(firmware_table.c.sha256).where(firmware_table.c.md5 == sa.bindparam("checksum"))


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
        first = [verdict.refusals[0] for _, verdict in judged]
        raise NotEligible(" ".join(each.text for each in first), [each.as_data() for each in first])
    hashes = ", ".join(each.sha256[:12] for each in fitting)
    raise Conflict(
        f"{found[0].name}@{found[0].version} is {len(fitting)} images: {hashes}. Say which by its SHA-256."
    )


def external(connection: Connection, *, device_pk: int, firmware: Firmware, now: float) -> Deployment | None:
    """A deployment for an update that somebody else started by publishing `$ota`; None while another one runs."""
    if deployments.active_of(connection, device_pk):
        return None
    try:
        row = devices.row(connection, device_pk) or {}
        made = queue(connection, row, firmware, by="$ota", now=now, purpose=Purpose.OUTSIDE)
    except HomieOtaError:
        return None
    target_rows.put(connection, [device_pk], firmware.sha256, source=target_rows.ORDERED)
    offered = deployments.advance(connection, made, Event.OFFER, now=now, actor="$ota")
    return offered or made

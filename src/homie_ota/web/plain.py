"""What a plain Arduino device gets that was adopted: its image when it is its turn, and “nothing for you” until then.

Rule: the look whether it may, and the offer, are one transaction, on the disk before the first byte leaves: nobody can
come in between, so no lease is asked for.
"""

from __future__ import annotations

from homie_ota.config import Settings
from homie_ota.esp.request import UpdateRequest, as_text
from homie_ota.model import Deployment, DeploymentState, Firmware
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import Limits
from homie_ota.store import asking, attempts, deployments, transcript, waiting
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.store.transcript import Said
from homie_ota.store.waiting import Look, local_time
from homie_ota.web import asked as answers
from homie_ota.web.asked import Told

TOPIC = "HTTP"
"""Stands in the record of a deployment where others have an MQTT topic."""
NOTHING = Told(304, "there is nothing for it", quiet=True)


def look_at(settings: Settings, now: float) -> Look:
    """When, and with what limits, is looked."""
    wanted = settings.rollout
    limits = Limits(wanted.parallel, wanted.bytes_in_flight, wanted.starts_per_minute)
    return Look(now, local_time(now), limits)


def answer(conn: Connection, pk: int, asked: UpdateRequest, look: Look, *, address: str) -> Told:
    """Decide, and move what this request proves and starts; inside a durable write transaction."""
    now = look.now
    answers.remember(conn, pk, asked, now)
    moved = asking.come(conn, pk, asked, address=address, now=now)
    told = _answer(conn, pk, asked, look)
    asking.go(conn, pk, now=now)
    if told.deployment is None and moved:
        told = told._replace(deployment=moved[-1])
    if told.deployment is not None:
        _write_down(conn, told, told.deployment.id, asked, now)
    return told._replace(device_pk=pk)


def _write_down(conn: Connection, told: Told, number: int, asked: UpdateRequest, now: float) -> None:
    """The request and its answer, in the record of the deployment that they are about."""
    if transcript.count(conn, number) >= transcript.MOST:
        return
    size = told.firmware.size if told.status == 200 and told.firmware and asked.mode != "version" else 0
    said = f"{told.status}: {told.sentence}"
    rows = (
        Said(now, "in", TOPIC, as_text(asked), 0),
        Said(now, "out", TOPIC, f"{said} (image, {size} bytes)" if size else said, size),
    )
    transcript.add(conn, number, rows)


def _answer(conn: Connection, pk: int, asked: UpdateRequest, look: Look) -> Told:
    attempt = deployments.active_of(conn, pk)
    firmware = firmwares.get(conn, attempt.sha256) if attempt else None
    if attempt is None or firmware is None:
        return NOTHING
    if asked.mode == "spiffs":
        return Told(304, "there are no file systems here", quiet=True)
    if attempt.state is not DeploymentState.QUEUED:
        return Told(304, "the image of this attempt has gone out already", deployment=attempt)
    held = waiting.holding(conn, attempt, look)
    if held is not None:
        return Told(304, f"its turn has not come: {held.text}", deployment=attempt)
    return _offer(conn, asked, attempt, firmware, look.now)


def _offer(
    conn: Connection, asked: UpdateRequest, attempt: Deployment, firmware: Firmware, now: float
) -> Told:
    refusal = answers.refusal(conn, asked, attempt, firmware, now)
    if refusal is not None:
        ended = deployments.advance(conn, attempt, Event.REFUSE, now=now, reason=refusal)
        if ended is not None:
            attempts.follow(conn, ended, now)
        return Told(304, refusal.text, deployment=ended or attempt)
    if asked.mode == "version":  # it asks what there is; it comes again for the image
        return Told(200, f"told of {firmware.name} {firmware.version}", firmware, attempt)
    offered = deployments.advance(conn, attempt, Event.OFFER, now=now, actor="device")
    if offered is None or not deployments.claim_image(conn, offered.id, now=now):
        return Told(304, "the image of this attempt has gone out already", deployment=attempt)
    accepted = deployments.advance(conn, offered, Event.ACCEPT, now=now, actor="device")
    return Told(200, f"gets {firmware.name} {firmware.version}", firmware, accepted or offered)

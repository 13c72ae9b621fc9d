"""What a device that asks over HTTP gets, and why: decided from rows and from what it says about itself.

Rule: an image goes to a known device that was told to ask for it (a deployment, or a `$ota` seen on the broker), once
an attempt; whether the image fits the device is judged where every update is judged. Never a guess: what cannot be
told for certain is refused, for an ESP that is told "nothing for you" goes on with what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from homie_ota.errors import Conflict, HomieOtaError, NotFound
from homie_ota.esp.request import UpdateRequest
from homie_ota.homie import v1
from homie_ota.model import Deployment, DeploymentState, Firmware, Purpose, Way
from homie_ota.rollout import eligibility
from homie_ota.rollout.eligibility import Answer, Candidate, Fact
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.store import deployments, devices, orders
from homie_ota.store import firmware as firmwares
from homie_ota.store.adopting import IT_SAID
from homie_ota.store.database import Connection

TOLD_SECONDS = 86400.0
"""How long a word in `$ota` lets a device ask: longer than any restart, shorter than for ever."""


WAITS_FOR_REQUEST = (DeploymentState.OFFERED, DeploymentState.TRANSFERRING, DeploymentState.REBOOTING)


class Told(NamedTuple):
    """The answer: HTTP status and sentence; with 200 the firmware, and the attempt that this is part of.

    `quiet`: it is what the device hears day by day, and no word for its history.
    """

    status: int
    sentence: str
    firmware: Firmware | None = None
    deployment: Deployment | None = None
    device_pk: int | None = None
    quiet: bool = False


def device_of(conn: Connection, asked: UpdateRequest) -> int | None:
    """The known device that asks: by the id it tells (Homie 1.x), else by its MAC."""
    if asked.device_id:
        try:
            return devices.resolve(conn, asked.device_id)
        except Conflict:
            return devices.by_fetching_id(conn, asked.device_id) or devices.by_mac(conn, asked.mac)
        except NotFound:
            pass  # a chip can move between generations and keep its MAC
    return devices.by_mac(conn, asked.mac)


def facts(asked: UpdateRequest) -> dict[str, str]:
    """What the request tells and no MQTT topic does, as it is remembered."""
    told = {
        "free_space": asked.free_space,
        "chip_size": asked.chip_size,
        "sketch_size": asked.sketch_size,
        "sketch_md5": asked.md5,
        "sketch_sha256": asked.sha256,
        "core": asked.sdk,
        "mac": asked.mac,
        "chip_id": asked.chip_id,
        "family": asked.family,
    }
    return {name: str(value) for name, value in told.items() if value not in (None, "")}


def answer(conn: Connection, asked: UpdateRequest, *, open_mode: bool, now: float) -> Told:
    """Decide, and move the deployment that the answer belongs to; inside a write transaction."""
    pk = device_of(conn, asked)
    if pk is None:
        return Told(403, "this device was just forgotten")
    remember(conn, pk, asked, now)
    if asked.mode == "spiffs":
        return Told(304, "there are no file systems here", device_pk=pk)
    told = _of_attempt(conn, pk, asked, now) or _of_request(conn, pk, asked, now)
    if told is None and open_mode and asked.want:
        told = openly(
            asked, stored(conn, asked), lambda each: orders.verdict(conn, pk, each, now=now, md5=asked.md5)
        )
    if told is None and asked.want:
        told = Told(403, f"it asks for {asked.wanted}, and nobody told it to")
    return (told or Told(304, "there is nothing for it"))._replace(device_pk=pk)


def version_for(conn: Connection, asked: UpdateRequest) -> Told:
    """The answer to a probe (mode `version`): which version a deployment has ready; nothing is moved."""
    pk = device_of(conn, asked)
    if pk is None:
        return Told(403, "this device is not known here")
    attempt = deployments.active_of(conn, pk)
    firmware = firmwares.get(conn, attempt.sha256) if attempt else None
    if firmware is None:
        return Told(304, "there is nothing for it", device_pk=pk)
    return Told(200, f"told of {firmware.name} {firmware.version}", firmware, attempt, pk)


def remember(conn: Connection, pk: int, asked: UpdateRequest, now: float) -> None:
    """Keep what a device says about itself where that is new."""
    known, told = devices.learned_facts(conn, pk), facts(asked)
    news = {name: value for name, value in told.items() if known.get(name) != value}
    if news:
        devices.learn(conn, pk, news, evidence=IT_SAID, now=now)
    if asked.mac:
        devices.note_mac(conn, pk, asked.mac)


def _of_attempt(conn: Connection, pk: int, asked: UpdateRequest, now: float) -> Told | None:
    """The image of the deployment that waits for this request; None when none does."""
    attempt = deployments.active_of(conn, pk)
    firmware = firmwares.get(conn, attempt.sha256) if attempt else None
    if attempt is None or firmware is None or attempt.state not in WAITS_FOR_REQUEST:
        return None
    if asked.want and not v1.matches(asked.wanted, asked.fw_name, firmware.name, firmware.version):
        return None
    return _hand_over(conn, asked, attempt, firmware, now)


def _hand_over(
    conn: Connection, asked: UpdateRequest, attempt: Deployment, firmware: Firmware, now: float
) -> Told:
    refused = refusal(conn, asked, attempt, firmware, now)
    if refused is not None:
        ended = deployments.advance(conn, attempt, Event.REFUSE, now=now, reason=refused)
        return Told(304, refused.text, deployment=ended or attempt)
    if not deployments.claim_image(conn, attempt.id, now=now):
        return Told(304, "the image of this attempt has gone out already", deployment=attempt)
    accepted = deployments.advance(conn, attempt, Event.ACCEPT, now=now)
    return Told(200, f"gets {firmware.name} {firmware.version}", firmware, accepted or attempt)


def refusal(
    conn: Connection, asked: UpdateRequest, attempt: Deployment, firmware: Firmware, now: float
) -> Reason | None:
    """Why this device must not get this image, also from what it just said about itself."""
    found = orders.verdict(
        conn,
        attempt.device_pk,
        firmware,
        attempt.override,
        # What we ordered has waited for the end of a pin; what others start must be refused.
        now=now if attempt.purpose == Purpose.OUTSIDE else None,
        purpose=attempt.purpose,
        md5=asked.md5,
    )
    return None if found.allowed else Reason(found.code, found.sentence, False)


def _of_request(conn: Connection, pk: int, asked: UpdateRequest, now: float) -> Told | None:
    """The image that somebody else told the device to ask for, by publishing to its `$ota`; None when nobody did."""
    requested = devices.ota_requested(conn, pk)
    if (
        requested is None
        or not asked.want
        or requested[0] != asked.wanted
        or now - requested[1] > TOLD_SECONDS
    ):
        return None
    try:
        firmware = wanted(conn, asked, pk)
    except HomieOtaError as error:
        return Told(304, str(error))
    attempt = _external(conn, pk, firmware, now)
    if attempt is None:
        return Told(304, "another deployment of this device has not ended")
    return _hand_over(conn, asked, attempt, firmware, now)


def _external(conn: Connection, pk: int, firmware: Firmware, now: float) -> Deployment | None:
    waiting = deployments.active_of(conn, pk)
    queued = waiting is not None and waiting.state is DeploymentState.QUEUED
    if waiting and queued and waiting.sha256 == firmware.sha256:  # somebody was quicker than our own offer
        return deployments.advance(conn, waiting, Event.OFFER, now=now, actor="$ota")
    return orders.external(conn, device_pk=pk, firmware=firmware, now=now)


def wanted(conn: Connection, asked: UpdateRequest, pk: int) -> Firmware:
    """The stored image that the wish of a known device means.

    Raises NotFound, NotEligible, or Conflict where it could mean several.
    """
    found = stored(conn, asked)
    if len(found) > 1 and len({each.name for each in found}) == 1:
        return orders.choose(conn, pk, found)
    return _the_one(asked, found)


def stored(conn: Connection, asked: UpdateRequest) -> list[Firmware]:
    """Every stored image that a wish could mean."""
    images = firmwares.find(conn, version=asked.want) if asked.want else []
    return [each for each in images if v1.matches(asked.wanted, asked.fw_name, each.name, each.version)]


def _the_one(asked: UpdateRequest, found: Sequence[Firmware]) -> Firmware:
    if not found:
        raise NotFound(f"it asks for {asked.wanted}, and there is no such firmware of {asked.fw_name}")
    names = sorted({each.name for each in found})
    if len(names) > 1:
        raise Conflict(f"{asked.wanted} may mean {' or '.join(names)}: their names have the same short hash")
    if len(found) > 1:
        raise Conflict(f"{asked.wanted} of {names[0]} is {len(found)} images")
    return found[0]


def openly(
    asked: UpdateRequest, found: Sequence[Firmware], judge: Callable[[Firmware], Answer] | None = None
) -> Told:
    """Any stored image to any device that names it, as the old server did; a setting, for it is a risk.

    `judge` answers for a device that is known; a stranger is judged by what it says about itself.
    """
    if not asked.want:
        return Told(304, "it names no firmware")
    try:
        firmware = _the_one(asked, found)
    except HomieOtaError as error:
        return Told(304, str(error))
    if (asked.fw_name, asked.have) == (firmware.name, firmware.version):
        return Told(304, "it runs that already")
    judged = judge(firmware) if judge else eligibility.judge(_stranger(asked), firmware)
    if not judged.allowed:
        return Told(304, judged.sentence)
    return Told(200, f"gets {firmware.name} {firmware.version} (open mode)", firmware)


def _stranger(asked: UpdateRequest) -> Candidate:
    """What a device of which there is no row says about itself: all that it is judged by."""
    return Candidate(
        device_id=asked.device_id or asked.mac or "the device",
        way=Way.HTTP,
        fw_name=asked.fw_name,
        fw_version=asked.have,
        md5=asked.md5,
        facts={name: Fact(value, IT_SAID) for name, value in facts(asked).items()},
    )

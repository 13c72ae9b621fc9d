"""Whether the broker carries what starts an update: lets us publish it where devices listen, and whole.

Rule: every message goes to a device that does not exist and is not retained, so nobody hears it but us.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

from homie_ota.doctor.line import LONG, OWN, SOON, line
from homie_ota.doctor.nouns import BAD, GOOD, Finding, Patient
from homie_ota.errors import Unreachable
from homie_ota.mqtt import Broker
from homie_ota.web import words

USUAL = 1 << 20
"""Bytes that are tried where no larger image is stored."""
COMMANDS = ("$implementation/ota/firmware/{md5}", "$implementation/config/set", "$ota", "node/property/set")
"""Where we must publish below a device, whatever its generation."""


def probe() -> str:
    """The id of a device that does not exist."""
    return f"homie-ota-doctor-{secrets.token_hex(4)}"


async def rights(broker: Broker, bases: Iterable[str]) -> tuple[list[Finding], bool]:
    """What we may not publish or hear; and whether our own topics work, without which nothing more can be seen."""
    denied, device = [], probe()
    for base in bases:
        topics = [f"{base}{device}/{tail.format(md5=_md5(b'-'))}" for tail in COMMANDS]
        async with line(broker) as ear:
            refused = [topic for topic in topics if not await ear.echoes(topic, b"-", 1, SOON)]
        if refused:
            denied.append(_denied(base, [each.removeprefix(f"{base}{device}/") for each in refused]))
    async with line(broker) as ear:
        own = await ear.echoes(f"{OWN}echo", b"-", 1, SOON)
    if not own:
        denied.append(_denied("homie-ota/", ["#"]))
    well = Finding("rights", GOOD, "We may publish, and hear, everything that an update needs.")
    return denied or [well], own


def _denied(base: str, tails: list[str]) -> Finding:
    said = f"What we publish on {base}+/{tails[0]} does not come back: the broker does not let us write or read there."
    if base == "homie-ota/":
        said = "What we publish below homie-ota/ does not come back: the broker does not let us write or read there."
    fix = f"topic readwrite {base}# below our user in the broker's acl_file; or: homie-ota broker-config -o broker"
    return Finding("rights", BAD, said, fix)


async def image(broker: Broker, patient: Patient) -> list[Finding]:
    """Whether a message of the size of an image passes, at both QoS."""
    size = min(max(USUAL, patient.known.largest), patient.settings.ota.max_upload)
    payload = secrets.token_bytes(size)
    base, digest = patient.settings.mqtt.base_topics[0], _md5(payload)
    topic = f"{base}{probe()}/{COMMANDS[0].format(md5=digest)}"
    passed = [qos for qos in (0, 1) if await _passes(broker, topic, payload, qos)]
    if passed == [0, 1]:
        return [Finding("image", GOOD, f"A message of {words.size(size)} passes, at QoS 0 and 1.")]
    where = "not at all" if not passed else f"at QoS {passed[0]} only"
    limit = patient.settings.ota.max_upload * 4 // 3 + 65_536
    said = f"A message of {words.size(size)}, as large as an image, passes {where}. Updates over MQTT cannot work."
    fix = f"message_size_limit {limit} in mosquitto.conf, then sudo systemctl restart mosquitto"
    return [Finding("image", BAD, said, fix)]


async def _passes(broker: Broker, topic: str, payload: bytes, qos: int) -> bool:
    """On a connection of its own: some brokers end the connection on what is too large for them."""
    try:
        async with line(broker) as ear:
            return await ear.echoes(topic, payload, qos, LONG)
    except Unreachable:
        return False


def _md5(payload: bytes) -> str:
    return hashlib.md5(payload, usedforsecurity=False).hexdigest()

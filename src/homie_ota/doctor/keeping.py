"""Whether the broker keeps what is retained, and passes on all of it: an inventory is nothing else.

Rule: probes lie there for a moment only; of devices nothing is changed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence

from homie_ota.doctor.line import SOON, kept, line, own_topics
from homie_ota.doctor.nouns import BAD, GOOD, MIND, Finding, Patient
from homie_ota.errors import Unreachable
from homie_ota.homie import leftovers as leftover
from homie_ota.homie.leftovers import Kind
from homie_ota.homie.reader import bases_of
from homie_ota.model import Address
from homie_ota.mqtt import Broker, Kept, scan
from homie_ota.web import words

BURST = 1200
"""Retained messages at once; a mosquitto without max_queued_messages passes 1,020 of them (homie-ota.md)."""
TELLING = ("$homie", "$name", "$fwname", "$description")
"""Topics that nearly every device of some generation has retained."""
TRIES = 3
"""Looks at retained topics; a live message ends one (`mqtt/scan.py`)."""
NAMED = 5
_WHAT = {
    Kind.IMAGE: "an image, which its device flashes at every connect",
    Kind.URL: "the address of an image, which its device fetches at every connect",
    Kind.REQUEST: "a wanted version, which can make its device restart for ever",
}


async def retained(broker: Broker, _patient: Patient) -> list[Finding]:
    """Whether something retained is there for who comes later."""
    if await _is_kept(broker):
        return [Finding("retained", GOOD, "What is retained is kept for who comes later.")]
    said = "What is published retained is not kept: after a restart the server would know no device."
    return [Finding("retained", BAD, said, "retain_available true in mosquitto.conf (or remove the line)")]


async def _is_kept(broker: Broker) -> bool:
    topics = own_topics(1)
    with contextlib.suppress(Unreachable):  # mosquitto ends the connection where it keeps nothing
        async with kept(broker, topics, b"-"), line(broker) as ear:
            ear.connection.subscribe(topics)
            return await ear.number(topics) > 0
    return False


async def queue(broker: Broker, patient: Patient) -> list[Finding]:
    """Whether a burst of retained messages arrives whole, at the QoS that we read with (0) and that others do (1)."""
    topics = own_topics(BURST)
    place = next(iter(topics)).rpartition("/")[0]
    heard = []
    async with kept(broker, topics, b"-"):
        for qos in (0, 1):
            async with line(broker) as ear:
                ear.connection.subscribe([f"{place}/+"], qos=qos)
                heard.append(await ear.number(topics))
    return [queue_of(*heard, is_mosquitto=patient.known.is_mosquitto)]


def queue_of(at_0: int, at_1: int, *, is_mosquitto: bool) -> Finding:
    """The same for how many of BURST arrived at each QoS."""
    if at_0 == at_1 == BURST:
        return Finding("queue", GOOD, f"A burst of {BURST} retained messages arrives whole.")
    if at_0 < BURST:
        said = (
            f"Of {BURST} retained messages only {at_0} arrived, and no error was said: devices stay unseen."
        )
    else:
        said = f"Of {BURST} retained messages {at_1} reach who reads at QoS 1, and no error is said: " + (
            "other programs see a part of the devices only, and so do we when we are slow."
            if is_mosquitto
            else "other programs may see a part of the devices only. We read at QoS 0, and that is whole."
        )
    roomy = "max_queued_messages 1000000 in mosquitto.conf, then sudo systemctl restart mosquitto"
    other = "a mosquitto in place of this broker: homie-ota broker-config -o broker"
    return Finding("queue", BAD if at_0 < BURST else MIND, said, roomy if is_mosquitto else other)


async def memory(broker: Broker, patient: Patient) -> list[Finding]:
    """Whether the broker still has what the devices of the database said."""
    known = patient.known.devices
    bases = bases_of(patient.settings.mqtt.base_topics)
    here = await _look(broker, [f"{base}+/{tail}" for base in bases for tail in TELLING])
    if not known or here is None:
        return []
    gone = known - {_address(each.topic) for each in here}
    if 2 * len(gone) < len(known):
        return [
            Finding(
                "memory", GOOD, f"Of {len(known)} devices that are known the broker has {len(known - gone)}."
            )
        ]
    said = (
        f"Of {len(known)} devices that are known the broker has nothing of {len(gone)} ({_named(gone)}): it forgot "
        "what they said, as one that keeps nothing on its disk does at each restart."
    )
    fix = "persistence true in mosquitto.conf; what is gone comes back when the devices connect again"
    return [Finding("memory", MIND, said, fix)]


def _address(topic: str) -> Address:
    device, _, _tail = topic.rpartition("/")
    base, _, device_id = device.rpartition("/")
    return Address(f"{base}/", device_id)


def _named(some: Collection[Address]) -> str:
    names = sorted(words.clean(each.topic, 64) for each in some)
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")


async def leftovers(broker: Broker, patient: Patient) -> list[Finding]:
    """Retained images and orders, on which devices act at every connect."""
    bases = patient.settings.mqtt.base_topics
    here = await _look(broker, leftover.filters(bases))
    if here is None:
        said = (
            "Retained images could not be looked for: something was under way on these topics all the time."
        )
        return [Finding("leftovers", MIND, said, "homie-ota doctor, once more")]
    found = [(each, seen) for each in here if (seen := leftover.read(bases, each.topic, each.head))]
    if not found:
        return [Finding("leftovers", GOOD, "No retained image or order lies on the broker.")]
    return [_leftover(each, seen.kind) for each, seen in found]


def _leftover(each: Kept, kind: Kind) -> Finding:
    topic = words.clean(each.topic, 200)
    verdict = MIND if kind is Kind.REQUEST else BAD
    return Finding(
        "leftovers", verdict, f"{topic} holds {_WHAT[kind]}.", f"homie-ota leftovers --clear '{topic}'"
    )


async def _look(broker: Broker, filters: Sequence[str]) -> list[Kept] | None:
    for _ in range(TRIES):
        found = await scan(broker, filters, patience=10 * SOON)
        if found is not None:
            return found
    return None

"""The broker: whether it is there and lets us in, which one it is, and everything that it has to do for a fleet.

Rule: the first thing that is missing ends the look where the rest could say nothing more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from homie_ota.broker import answers
from homie_ota.doctor import carrying, client_ids, keeping
from homie_ota.doctor.line import SOON, line, sweep
from homie_ota.doctor.nouns import BAD, GOOD, MIND, Finding, Patient
from homie_ota.errors import Unreachable
from homie_ota.mqtt import Broker

VERSION, DROPPED = "$SYS/broker/version", "$SYS/broker/publish/messages/dropped"

MOSQUITTO = "mosquitto version "
KNOWN_BAD = {
    "2.0.0": "it breaks off large messages, images among them",
    "2.0.2": "with max_queued_messages 0 it drops everything",
    "2.0.16": "with max_queued_messages 0 it drops everything",
}
"""Versions of mosquitto that harm updates (homie-ota.md, "The broker is part of the flash path")."""

CHECKS = (
    client_ids.ids,
    carrying.image,
    keeping.retained,
    keeping.queue,
    keeping.memory,
    keeping.leftovers,
)


async def broker(patient: Patient) -> list[Finding]:
    """Everything about the broker."""
    return [finding async for finding in _look(patient)]


async def _look(patient: Patient) -> AsyncIterator[Finding]:
    found = await _reach(patient)
    if isinstance(found, Finding):
        yield found
        return
    yield Finding("broker", GOOD, f"{found} lets us in.")
    for finding in await _of_itself(found, patient):
        yield finding
    findings, heard = await carrying.rights(found, patient.settings.mqtt.base_topics)
    for finding in findings:
        yield finding
    if not heard:
        return
    await sweep(found)
    for check in (
        carrying.image,
        keeping.retained,
        keeping.queue,
        keeping.memory,
        keeping.leftovers,
        client_ids.ids,
    ):
        told = await check(found, patient)
        for finding in told:
            yield finding
        if check is keeping.retained and told[0].verdict is BAD:
            return


async def _reach(patient: Patient) -> Broker | Finding:
    """The first broker that lets us in, or why none does."""
    why = ""
    for each in patient.brokers:
        try:
            async with line(each):
                return each
        except Unreachable as error:
            why = why or str(error)
    first = patient.brokers[0]
    if await answers(first.host, first.port, first.username, first.password) or _is_refusal(why):
        fix = 'username = "…" and password = "…" in [mqtt]; on mosquitto: mosquitto_passwd -b FILE USER PASSWORD'
        return Finding("broker", BAD, f"{why} It answers, and does not let us in.", fix)
    return Finding("broker", BAD, why, _start(patient))


def _is_refusal(why: str) -> bool:
    return "not authori" in why.lower() or "bad user" in why.lower()


def _start(patient: Patient) -> str:
    if patient.settings.mqtt.url:
        return "sudo systemctl start mosquitto; or the right url in [mqtt], tried with --mqtt mqtt://user:password@host:1883"
    return 'url = "mqtt://host:1883" in [mqtt]; without it the server starts a broker of its own, as long as it runs'


async def _of_itself(found: Broker, patient: Patient) -> list[Finding]:
    """What the broker calls itself, and how many messages it dropped; nothing where it does not say."""
    async with line(found) as ear:
        ear.connection.subscribe([VERSION, DROPPED])
        await ear.until(lambda: {VERSION, DROPPED} <= ear.heard.keys(), SOON)
        said, dropped = (
            ear.heard.get(topic, [b""])[0].decode(errors="replace") for topic in (VERSION, DROPPED)
        )
    patient.known.is_mosquitto = said.startswith(MOSQUITTO)
    told = [version_of(said)] if said else []
    if dropped.isdecimal() and int(dropped):
        text = f"The broker says that it dropped {dropped} messages since it was started."
        told.append(Finding("queue", MIND, text, "max_queued_messages 1000000 in mosquitto.conf"))
    return told


def version_of(said: str) -> Finding:
    """What is known of a broker that calls itself so."""
    version = said.removeprefix(MOSQUITTO).strip()[:40]
    name = f"mosquitto {version}" if said.startswith(MOSQUITTO) else version
    fault = KNOWN_BAD.get(version) if said.startswith(MOSQUITTO) else None
    if fault:
        return Finding(
            "broker", MIND, f"It is {name}: {fault}.", "sudo apt update && sudo apt install mosquitto"
        )
    return Finding("broker", GOOD, f"It is {name}.")

"""Our own address as a device sees it: where it is told to be, whether that can be reached, and what comes back.

Rule: asked is exactly what devices are told, in the way in which they ask; what stands in between is judged by what it
does to the answer.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from homie_ota.doctor.asking import Answer, Place, ask, health, place_of
from homie_ota.doctor.nouns import BAD, GOOD, MIND, Finding, Patient
from homie_ota.web import words

TOPIC = "address"
DOCKERS = ipaddress.ip_network("172.16.0.0/12")
"""Where Docker takes the addresses of its containers from, if nobody told it otherwise."""
_PLAIN = 'device_port = 9081 in [http], and "port": 9081 in the config.json of the devices'
_THROUGH = (
    "in the proxy, as it is: location {path} {{ proxy_pass http://{host}:{port}; proxy_buffering off; }}"
)


async def endpoint(patient: Patient) -> list[Finding]:
    """Everything about the address that devices are told."""
    patient.known.running = await health(patient) is not None
    place = place_of(patient.told)
    found = [*_of_address(patient, place), *await _of_name(place)]
    if any(each.verdict is BAD for each in found):
        return found
    return [*found, *await _of_asking(patient, place)]


def _of_address(patient: Patient, place: Place) -> Iterator[Finding]:
    """What can be said of the address without asking anybody."""
    http, own = patient.settings.http, patient.listens[0]
    named = f'public_url = "http://ADDRESS:{place.port}" in [http], with an address of this machine that devices reach'
    if patient.contained and (not http.public_url or (place.host == own and _is_dockers(own))):
        said = f"Devices are told {patient.told}, which is an address inside this container: nobody else reaches it."
        fix = (
            f"HOMIE_OTA_HTTP__PUBLIC_URL=http://ADDRESS:{place.port} with the address of the machine that runs the "
            "container, and the port that it publishes"
        )
        yield Finding(TOPIC, BAD, said, fix)
    elif _is_loopback(place.host):
        said = f"Devices are told {patient.told}, which for each of them is itself."
        yield Finding(
            TOPIC, BAD, said, named if not _is_loopback(http.host) else f'host = "0.0.0.0" in [http]; {named}'
        )
    if place.tls:
        said = f"Devices are told {patient.told}: few of them speak https, and none of Homie 1.5 without a fingerprint."
        yield Finding(TOPIC, MIND, said, _PLAIN)
    if place.host.endswith(".local"):
        said = f"{place.host} is a name of mDNS: an ESP8266 does not look it up."
        yield Finding(TOPIC, MIND, said, named)


def _is_dockers(host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in DOCKERS
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


async def _of_name(place: Place) -> list[Finding]:
    """Whether the host can be looked up, and is no address of IPv6 alone."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except OSError:
        said = f"The name {place.host}, which devices are told, cannot be looked up."
        return [
            Finding(
                TOPIC,
                BAD,
                said,
                'an address in place of the name: public_url = "http://192.0.2.7:9080" in [http]',
            )
        ]
    if all(family is socket.AF_INET6 for family, *_rest in found):
        said = f"{place.host} has an address of IPv6 only; Homie's devices speak IPv4."
        return [
            Finding(
                TOPIC, MIND, said, 'public_url = "http://ADDRESS:PORT" in [http], with an address of IPv4'
            )
        ]
    return []


async def _of_asking(patient: Patient, place: Place) -> list[Finding]:
    try:
        answer = await ask(place)
    except (OSError, TimeoutError) as error:
        return [_not_reached(patient, place, error)]
    patient.known.http_ahead = ahead(answer.headers.get("date", ""), time.time())
    return answer_of(answer, patient.told, place, patient.listens)


def _not_reached(patient: Patient, place: Place, error: Exception) -> Finding:
    number = getattr(error, "errno", None)  # asyncio puts words of its own around what the system says
    why = os.strerror(number) if number else str(error) or "no answer in time"
    if not patient.known.running:
        said = f"{patient.told}, which devices are told, does not answer, for the server does not run here: {why}."
        return Finding(TOPIC, MIND, said, "sudo systemctl start homie-ota, then homie-ota doctor once more")
    said = f"The server runs, and {patient.told}, which devices are told, does not answer: {why}."
    fix = f"sudo ufw allow {place.port}/tcp; or the right public_url in [http]; of a container: publish that port"
    return Finding(TOPIC, BAD, said, fix)


def answer_of(answer: Answer, told: str, place: Place, listens: tuple[str, int]) -> list[Finding]:
    """What an answer says about what stands between the devices and us."""
    status, passes = answer.status, _THROUGH.format(path=place.path, host=listens[0], port=listens[1])
    if status in (301, 302, 303, 307, 308):
        where = words.clean(answer.headers.get("location", "elsewhere"))
        https = where.startswith("https://") and not place.tls
        said = f"{told} sends devices on to {where}; they do not follow" + (
            ", and few speak https." if https else "."
        )
        return [Finding(TOPIC, BAD, said, passes)]
    if status == 401:
        return [Finding(TOPIC, BAD, f"{told} asks devices for a password, which they do not have.", passes)]
    if status == 404:
        said = f"{told} is not found: what answers there does not know the path {place.path}."
        return [Finding(TOPIC, BAD, said, f'{passes}; or path = "{place.path}" in [ota]')]
    if status not in (304, 403) or (status == 403 and not answer.is_ours):
        said = (
            f"{told} answers {status} to a device where 403 or 304 was expected: somebody else answers there."
        )
        return [Finding(TOPIC, BAD, said, passes)]
    found = list(_of_headers(answer, told, passes))
    return found or [Finding(TOPIC, GOOD, f"{told} answers a device as it should ({status}).")]


def _of_headers(answer: Answer, told: str, passes: str) -> Iterator[Finding]:
    """What was taken away on the way there, or on the way back."""
    if answer.status == 304:
        return
    if "for ESP8266 and ESP32 devices" in answer.body:
        said = (
            f"On the way to {told} the headers of devices (x-ESP8266-…) are lost: nobody would get an image."
        )
        yield Finding(TOPIC, BAD, said, passes)
    elif "may not ask from this address" in answer.body:
        said = f"{told} answers devices of some networks only, and not this machine; no more can be seen from here."
        yield Finding(TOPIC, MIND, said, "http_networks in [ota] has to name the networks of the devices")
    elif "x-md5" not in answer.headers:
        said = (
            f"On the way back from {told} the header x-MD5 is lost: devices would not check what they flash."
        )
        yield Finding(TOPIC, MIND, said, passes)
    if "content-length" not in answer.headers or "transfer-encoding" in answer.headers:
        said = f"On the way back from {told} Content-Length is lost: a device refuses an image without it."
        yield Finding(TOPIC, BAD, said, passes)


def ahead(date: str, now: float) -> float | None:
    """By how many seconds the clock of who sent this `Date` is ahead; None without one that can be read."""
    try:
        return parsedate_to_datetime(date).timestamp() - now if date else None
    except ValueError:
        return None

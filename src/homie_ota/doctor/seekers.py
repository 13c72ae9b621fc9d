"""Devices of Homie 1.5 after a move of the server: who asks where nothing is, who never came, who uses an old name.

Rule: each is named with what has to stand in its `config.json`, or with the setting that brings the server to it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress

from homie_ota.doctor.nouns import BAD, GOOD, MIND, Finding, Patient
from homie_ota.esp import place
from homie_ota.esp.place import Place
from homie_ota.store.moved import Seeker
from homie_ota.web import words

TOPIC = "1.5 devices"
NAMED = 10
"""So many are told one by one."""


async def seekers(patient: Patient) -> list[Finding]:
    """Everything of this kind; what the database said was read with the rest of it."""
    right = place.read(patient.told)
    if right is None or not any(patient.known.seekers):
        return []
    astray, silent, placed = patient.known.seekers
    found = [*_astray(astray, right), *_silent(silent, right), *await _by_other_names(placed, right)]
    return found or [Finding(TOPIC, GOOD, f"{len(placed)} of Homie 1.5 ask for their images here.")]


def _astray(some: Sequence[Seeker], right: Place) -> Iterator[Finding]:
    for each in some[:NAMED]:
        wrong = place.read(each.asked)
        here = f'path = "{wrong.path}" in [ota]; or ' if wrong and wrong.path != right.path else ""
        said = f"{_name(each)} asks for its image at {words.clean(each.asked)}, where there is nothing for devices."
        yield Finding(TOPIC, BAD, said, here + _in_its_configuration(right))


def _silent(some: Sequence[Seeker], right: Place) -> Iterator[Finding]:
    if some:
        names = ", ".join(_name(each) for each in some[:NAMED]) + (", …" if len(some) > NAMED else "")
        said = f"{len(some)} of Homie 1.5 were told to fetch an image and never asked this server: {names}."
        yield Finding(TOPIC, BAD, said, _in_its_configuration(right))


async def _by_other_names(some: Sequence[Seeker], right: Place) -> list[Finding]:
    """Those that came by a name or an address that leads here today and is not what devices are told."""
    by_place: dict[Place, list[Seeker]] = {}
    for each in some:
        found = place.read(each.asked)
        if found is not None and found[:2] != right[:2]:
            by_place.setdefault(found, []).append(each)
    told = [(found, names) for found, names in by_place.items() if not await _is_the_same(found, right)]
    return [_old_name(found, names, right) for found, names in told[:NAMED]]


def _old_name(found: Place, some: Sequence[Seeker], right: Place) -> Finding:
    names = ", ".join(_name(each) for each in some[:NAMED]) + (", …" if len(some) > NAMED else "")
    said = f"{names} found this server as {found.host}:{found.port}; devices are told {right.host}:{right.port} today."
    fix = f"keep {found.host}:{found.port} leading here; or {_in_its_configuration(right)}"
    return Finding(TOPIC, MIND, said, fix)


async def _is_the_same(one: Place, other: Place) -> bool:
    """Whether both lead to one port of one machine."""
    return one.port == other.port and bool(await _addresses(one.host) & await _addresses(other.host))


async def _addresses(host: str) -> set[str]:
    with suppress(OSError):
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return {str(address[0]) for *_, address in found}
    return {host}


def _name(each: Seeker) -> str:
    return words.clean(each.address.topic, 64)


def _in_its_configuration(right: Place) -> str:
    return f"in its config.json (docs/how-to/server-moved.md): {place.configuration(right)}"

"""What a mosquitto has to be told to serve this fleet: its configuration, and who may do what there.

Rule: facts in, text out; the rights come from `homie/access.py`, and every line that could surprise says why it is
there.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from homie_ota.homie import access
from homie_ota.homie.access import Right
from homie_ota.homie.reader import bases_of

CONFIGURATION, RIGHTS, PASSWORDS = "homie-ota.conf", "homie-ota.acl", "homie-ota.passwd"
"""Names of the files; the passwords are made by mosquitto's own program, never by us."""

LARGEST = 268_435_455
"""The most that a message may be in MQTT."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the configuration is made of.

    `folder` is where mosquitto has the files of rights and passwords; `largest_image` in bytes; `shared_user` is the
    one user of all devices, empty where each has its own, named as its id; `devices` are the ids that are known.
    `home_assistant` is the user of Home Assistant, which sees what is told below the prefix `discovery` and, where it
    `installs`, presses Install.
    """

    bases: tuple[str, ...]
    server: str = "homie-ota"
    readers: tuple[str, ...] = ()
    home_assistant: str = ""
    discovery: str = "homeassistant"
    installs: bool = True
    shared_user: str = ""
    devices: tuple[str, ...] = ()
    host: str = ""
    port: int = 1883
    largest_image: int = 16 << 20
    folder: str = "/etc/mosquitto"


def configuration(facts: Facts) -> str:
    """`homie-ota.conf`: goes to mosquitto's conf.d."""
    # base64, which a person may turn on for one device, makes four bytes of three.
    largest = min(LARGEST, facts.largest_image * 4 // 3 + 65_536)
    passwords = f"{facts.folder}/{PASSWORDS}"
    return _text(
        "# mosquitto for a fleet of Homie devices, made by `homie-ota broker-config`.",
        f"listener {facts.port} {facts.host}".rstrip(),
        "",
        "# Who may publish may flash: nobody without a name comes in. The file of passwords is made so:",
        *(f"#   {each}" for each in _password_commands(facts, passwords)),
        "allow_anonymous false",
        f"password_file {passwords}",
        f"acl_file {facts.folder}/{RIGHTS}",
        "",
        "# What devices said of themselves is retained, and has to outlive a restart. Where it is kept is said in",
        "# Debian's own mosquitto.conf (persistence_location), which must not be said twice.",
        "persistence true",
        "",
        "# The largest image that homie-ota takes, as base64.",
        f"message_size_limit {largest}",
        "",
        "# With the 1000 of mosquitto an inventory of more topics is cut off without an error. Not 0: that drops",
        "# everything in 2.0.2 and 2.0.16.",
        "max_queued_messages 1000000",
        "max_queued_bytes 0",
        "max_inflight_messages 20",
        "",
        "# homie-ota reads $SYS/broker/publish/messages/dropped, and reads again what was dropped.",
        "sys_interval 10",
    )


def _password_commands(facts: Facts, path: str) -> Iterator[str]:
    people = [*facts.readers, *([facts.home_assistant] if facts.home_assistant else [])]
    users = [facts.server, *people, *([facts.shared_user] if facts.shared_user else facts.devices)]
    known = [user for user in dict.fromkeys(users) if user in people or access.is_user(user)]
    for number, user in enumerate(known):
        yield f"mosquitto_passwd {'-c ' if not number else ''}{path} {shlex.quote(user)}"
    if not facts.shared_user:
        yield f"mosquitto_passwd {path} DEVICE-ID     (for each further device: its user is its device id)"
    for device in (each for each in facts.devices if not access.is_user(each) and not facts.shared_user):
        yield f"NOT for {device!a}: this id cannot be a user name. Give the device another id."


def rights(facts: Facts) -> str:
    """`homie-ota.acl`: who may publish and read what."""
    bases = bases_of(facts.bases)
    everyone = _shared(facts.shared_user, bases) if facts.shared_user else _each(bases)
    return _text(
        "# Who may publish and read what, made by `homie-ota broker-config`. What is not named is refused.",
        "",
        "# The server; nobody else may publish images, their addresses, $ota, or a configuration.",
        f"user {facts.server}",
        *_lines("topic", access.of_server(bases, facts.discovery)),
        *(line for reader in facts.readers for line in _reader(reader, bases)),
        *_home_assistant(facts, bases),
        *everyone,
    )


def _home_assistant(facts: Facts, bases: Iterable[str]) -> Iterator[str]:
    if facts.home_assistant:
        yield from _reader(facts.home_assistant, bases)
        yield "# … and sees the devices by discovery" + (", and presses Install." if facts.installs else ".")
        yield from _lines("topic", access.of_home_assistant(facts.discovery, facts.installs))


def _reader(user: str, bases: Iterable[str]) -> Iterator[str]:
    yield from ("", "# Watches devices and sets their properties; sees no image.", f"user {user}")
    yield from _lines("topic", _once(right for base in bases for right in access.of_reader(base)))


def _shared(user: str, bases: Iterable[str]) -> Iterator[str]:
    yield from (
        "",
        "# One user for all devices: each may speak for every other one, and read what it is sent.",
    )
    yield f"user {user}"
    yield from _lines("topic", _once(right for base in bases for right in access.of_shared_user(base)))


def _each(bases: Iterable[str]) -> Iterator[str]:
    """Each device by itself. Its client id would not do: of 2.x and later it is its brand and its id."""
    yield from ("", "# Every device: its user name is its device id (%u), and it has its own topics only.")
    said: set[Right] = set()
    for base in bases:
        yield from _lines("pattern", access.merged(access.of_every_device(base), said))
        for generation in access.generations_at(base):
            yield f"# {generation.name}, below {base}"
            yield from _lines("pattern", access.merged(access.of_generation(base, generation), said))


def _once(some: Iterable[Right]) -> list[Right]:
    return list(access.merged(some, set()))


def _lines(word: str, some: Iterable[Right]) -> Iterator[str]:
    return (f"{word} {right.access} {right.topic}" for right in some)


def _text(*lines: str) -> str:
    return "\n".join((*lines, ""))

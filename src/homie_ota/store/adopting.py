"""Devices that ask over HTTP and speak no Homie: one of those that knock becomes a device like others.

Rule: a MAC is known here once. It says which device it is, and proves nothing; what it says it runs is believed, as a
topic on the broker is.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, NotFound, WrongUse
from homie_ota.homie.evidence import ASKS, way
from homie_ota.model import FIRST_ASKER, MAX_NAME, Address, State
from homie_ota.rollout.versions import version_key
from homie_ota.store import devices, events, knocks
from homie_ota.store.knocks import Knock
from homie_ota.store.tables import device, device_address, firmware, removed

BASE = "arduino/"
"""What stands before the ids of adopted devices unless somebody wants another word."""
KIND = "adopted"
IT_SAID = "It said so in its HTTP request."

_BASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}/")
_LATEST = sa.func.max(device.c.pk)


class Runs(NamedTuple):
    """What a device says that it runs, with the name and version of the stored image where it is one."""

    name: str
    version: str
    md5: str


def runs(connection: Connection, md5: str, version: str) -> Runs:
    """The firmware behind what a device says; without a stored image of this MD5 its name is not known."""
    query = sa.select(firmware.c.name, firmware.c.version).where(firmware.c.md5 == md5)
    stored = connection.execute(query).first() if md5 else None
    return Runs(stored.name, stored.version, md5) if stored else Runs("", version, md5)


def adopt(
    connection: Connection,
    mac: str,
    name: str,
    *,
    by: str,
    now: float,
    base: str = "",
    taken: tuple[str, ...] = (),
) -> Address:
    """Make the stranger of this MAC a device; `taken` are base topics on the broker, which it cannot have.

    Raises NotFound when nobody knocks with this MAC, Conflict when it is known already, WrongUse.
    """
    found = knocks.latest(connection, mac)
    if found is None:
        raise NotFound(f"Nobody knocks with the MAC {mac}. Switch the device on and wait until it asks.")
    known = connection.execute(sa.select(device.c.device_id).where(device.c.mac == mac)).scalar()
    if known is not None:
        raise Conflict(f"{mac} is the MAC of {known}, which is known here. Delete that device first.")
    address = Address(_base(base, taken), mac.replace(":", "").lower())
    row = _row(connection, found, address, _name(name), now)
    connection.execute(device.insert().values(**row))  # never on top of another one
    place = {"kind": devices.ASKER, "base": address.base, "device_id": address.device_id, "until": None}
    connection.execute(
        device_address.insert().values(device_pk=row["pk"], dialect=row["way"], since=found.first_at, **place)
    )
    devices.learn(connection, row["pk"], _facts(found), evidence=IT_SAID, now=found.last_at)
    knocks.forget(connection, mac)
    data = {"text": f"adopted as {row['name']}: it asked over HTTP with the MAC {mac}"}
    events.add(connection, KIND, at=now, device_pk=row["pk"], actor=by, data=data)
    return address


def _facts(found: Knock) -> dict[str, str]:
    """What it told of itself, as it is remembered of every device that asks."""
    told = {
        "free_space": found.free_space,
        "chip_size": found.chip_size,
        "sketch_size": found.sketch_size,
        "sketch_md5": found.md5,
        "sketch_sha256": found.sha256,
        "core": found.sdk,
        "mac": found.mac,
        "family": found.family,
    }
    return {name: str(value) for name, value in told.items() if value not in (None, "")}


def _base(text: str, taken: tuple[str, ...]) -> str:
    base = f"{text.strip().rstrip('/')}/" if text.strip() else BASE
    if not _BASE.fullmatch(base):
        raise WrongUse(f"The base {text!r} is no single word of letters, digits, dot, dash and underscore.")
    if base in taken:
        raise WrongUse(f"{base} is a base topic on the broker ([mqtt] base_topics). Take another word.")
    return base


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise WrongUse(f"A device needs a name of 1 to {MAX_NAME} characters that can be read.")
    return name


def _row(connection: Connection, found: Knock, address: Address, name: str, now: float) -> dict[str, Any]:
    ran = runs(connection, found.md5, found.version)
    return {
        "pk": _next_pk(connection),
        **address._asdict(),
        "name": name,
        "mac": found.mac,
        "ip": found.address[:45],
        "homie": "",
        "implementation": found.family,
        "ota_enabled": None,
        "state": State.SLEEPING.value,
        "state_since": now,
        "signal": None,
        "uptime": None,
        "heap": None,
        "nodes": {},
        "recent": [],
        "first_seen": found.first_at,
        "last_seen": found.last_at,
        **told(found.family, ran),
    }


def told(family: str, ran: Runs) -> dict[str, Any]:
    """The columns of a device that say what it runs, and how it can be updated then."""
    facts = {ASKS: family, "fw/name": ran.name, "fw/version": ran.version, "md5": ran.md5}
    facts = {name: value for name, value in facts.items() if value}
    return {
        "fw_name": ran.name,
        "fw_version": ran.version,
        "version_key": version_key(ran.version),
        "md5": ran.md5,
        "facts": facts,
        "way": way(facts)[0].value,
    }


def _next_pk(connection: Connection) -> int:
    last = connection.execute(sa.select(_LATEST).where(device.c.pk >= FIRST_ASKER)).scalar()
    gone = connection.execute(
        sa.select(sa.func.max(removed.c.device_pk)).where(removed.c.device_pk >= FIRST_ASKER)
    ).scalar()
    return max(last or 0, gone or 0, FIRST_ASKER - 1) + 1

"""The topics that we share with Home Assistant, and the name of a device in them.

Rule: a name from a device is never a part of a topic as it is: what stands there are letters, digits and dashes, and a
digest of the whole address keeps two devices apart.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from homie_ota.model import Address

STATUS = "homie-ota/status"
"""Where the server says that it is there; its last will says that it is not."""
ONLINE, OFFLINE = b"online", b"offline"

INSTALL = b"install"
"""What Home Assistant sends when somebody presses Install (we tell it so in the discovery message)."""

_OWN, _INSTALL = "homie-ota/device/", "/install"
COMMANDS = f"{_OWN}+{_INSTALL}"
"""The filter for every press of Install."""

_LONGEST = 32
"""Characters of a device's id in its name there; the digest tells the rest."""
_UNFIT = re.compile(r"[^a-z0-9]+")


def object_id(address: Address) -> str:
    """The name of a device in topics and identifiers: `homie-ota-hall-lamp-2b0d65c1f3`, the same at every start.

    Home Assistant takes letters, digits, `_` and `-` there.
    """
    readable = _UNFIT.sub("-", address.device_id.lower())[:_LONGEST].strip("-")
    digest = hashlib.sha256(address.topic.encode(errors="surrogatepass")).hexdigest()[:10]
    return "-".join(("homie-ota", *([readable] if readable else []), digest))


class Topics(NamedTuple):
    """The topics of one device."""

    config: str
    state: str
    diagnostics: str
    install: str


def topics(prefix: str, name: str) -> Topics:
    """The topics of the device with this name (`object_id`), the first below the prefix of discovery."""
    own = f"{_OWN}{name}/"
    return Topics(f"{prefix}/device/{name}/config", f"{own}update", f"{own}diagnostics", f"{own}install")


def birth(prefix: str) -> str:
    """Where Home Assistant says `online` after its start."""
    return f"{prefix}/status"


def named_by(topic: str) -> str | None:
    """The name of the device whose Install was pressed; None for any other topic."""
    if not topic.startswith(_OWN) or not topic.endswith(_INSTALL):
        return None
    name = topic[len(_OWN) : -len(_INSTALL)]
    return name if name and "/" not in name else None

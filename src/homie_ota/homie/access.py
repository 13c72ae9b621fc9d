"""Who may publish and read which topics below a base topic: devices of each generation, and those who watch them.

Rule: a right is named by what may be done, never by what may not: everything else is refused. What a device acts on is
the server's to say, save values of properties (`…/set`); nobody but the device and the server reads an image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from homie_ota.homie import url, v1, v2, v3, v5, wire

DEVICE = "%u"
"""Stands for the device's id; a broker puts the user name there (mosquitto: `pattern`)."""


class Generation(NamedTuple):
    """Tails of topics below the device: what it `tells` and what it `hears`; `below_5`: its base ends in `5/`."""

    name: str
    tells: tuple[str, ...]
    hears: tuple[str, ...]
    below_5: bool = False


_IMAGE = "$implementation/ota/firmware"
_RUNTIME = ("reset/reason", "wifi/last_disconnect_reason", "mqtt/last_disconnect_reason")
_COMMANDS = frozenset({"$ota"})
_PROPERTIES = "+/+"
"""Values and attributes of nodes, and groups such as `$fw/…` and `$stats/…`. No wildcard tells `$implementation/reset`
from them; a device that answers it has to write there anyway."""
_SET = "+/+/set"
_DESCRIBED = tuple(f"+/+/{name}" for name in wire.PROPERTY_FACTS if name != "$target")
_OTHERS = ("$type", "$implementation", "$stats", "$extensions")
_PUSHED = (_SET, "$implementation/reset", "$implementation/config/set", f"{_IMAGE}/+")


def _tells(readers: Mapping[str, wire.Read], *more: str) -> tuple[str, ...]:
    """What is read of a generation, without what it is told; two levels are one pattern (`_PROPERTIES`)."""
    own = [each for each in (*readers, *_OTHERS) if each not in _COMMANDS and each.count("/") != 1]
    return tuple(dict.fromkeys((*sorted(own), _PROPERTIES, *more)))


_FORK = (*_DESCRIBED, *(f"$implementation/{each}" for each in _RUNTIME))

GENERATIONS = (
    Generation("1.5", _tells(v1.READERS), (_SET, "$ota", "$reset")),
    Generation(
        "2.x",
        _tells(v2.READERS, *_DESCRIBED),
        (*_PUSHED, "$implementation/ota/checksum", _IMAGE),
    ),
    Generation("3.x and 4.x", _tells({**v2.READERS, **v3.READERS}, *_FORK), _PUSHED),
    Generation("5", _tells({**v3.READERS, **v5.READERS}, *_FORK, "+/+/$target"), _PUSHED, below_5=True),
    Generation(
        "esp32-homie",
        _tells(url.READERS, "$homie", "$name", "$localip", "$mac", "$nodes"),
        (_SET, "$implementation/reboot", "$implementation/logging", "$implementation/ota/url/#"),
    ),
)
"""One row a generation. What they hear is from homie-ota.md; esp32-homie's is from its sources only."""

ACTING = ("$implementation/reset", "$implementation/config/set")
"""What no reader may, though the wildcards of what it may read and set would have it."""


class Right(NamedTuple):
    """`write`, `read`, `readwrite` or `deny` on a filter. Whoever is denied a topic cannot read it either."""

    access: str
    topic: str


def generations_at(base: str) -> tuple[Generation, ...]:
    """The generations whose devices live below this base topic."""
    return tuple(each for each in GENERATIONS if each.below_5 is base.endswith("/5/"))


def of_generation(base: str, generation: Generation, device: str = DEVICE) -> tuple[Right, ...]:
    """What a device may; `device` is its id, `DEVICE`, or `+` for a user that all of them share."""
    writes = [Right("write", f"{base}{device}/{tail}") for tail in generation.tells]
    return (*writes, *(Right("read", f"{base}{device}/{tail}") for tail in generation.hears))


def of_every_device(base: str) -> tuple[Right, ...]:
    """What every device below this base may, whichever it is."""
    return (Right("read", f"{base}$broadcast/#"),)


def of_shared_user(base: str) -> tuple[Right, ...]:
    """What all devices below this base may together when they share one user.

    Resets and restarts would be theirs to send to each other: they are refused, so they reach no device at all.
    """
    rights = [each for one in generations_at(base) for each in of_generation(base, one, "+")]
    refused = [Right("deny", f"{base}+/$implementation/{each}") for each in ("reset", "reboot")]
    return _once([*refused, *of_every_device(base), *rights])


def of_reader(base: str) -> tuple[Right, ...]:
    """What somebody may who watches devices and sets properties: no image, no configuration, no word to `$ota`."""
    refused = [Right("deny", f"{base}+/{tail}") for tail in ACTING]
    told = [Right("read", f"{base}+/{tail}") for one in generations_at(base) for tail in one.tells]
    return _once([*refused, *told, *of_every_device(base), Right("write", f"{base}+/{_SET}")])


def of_server(bases: Iterable[str], discovery: str = "homeassistant") -> tuple[Right, ...]:
    """What the server may: all below the bases, its own topics, the broker's statistics, Home Assistant's discovery."""
    whole = [Right("readwrite", f"{base}#") for base in bases if not base.endswith("/5/")]
    own = (Right("readwrite", "homie-ota/#"), Right("readwrite", f"{discovery}/#"), Right("read", "$SYS/#"))
    return (*whole, *own)


def of_home_assistant(discovery: str, installs: bool = True) -> tuple[Right, ...]:
    """What Home Assistant may of what the server tells it: see it, clear it away, and where it `installs` press.

    Its own integrations are announced below `discovery` too, and it says there when it has started.
    """
    told = ("status", "device/+/update", "device/+/diagnostics")
    press = (Right("write", "homie-ota/device/+/install"),) if installs else ()
    return (
        Right("readwrite", f"{discovery}/#"),
        *(Right("read", f"homie-ota/{each}") for each in told),
        *press,
    )


def is_user(device_id: str) -> bool:
    """Whether a device's id can be its user name: `5` would speak for all of `homie/5/`, others the broker refuses."""
    return device_id != "5" and wire.is_clean(device_id) and not any(sign in device_id for sign in "+#/:%$ ")


def _once(rights: Iterable[Right]) -> tuple[Right, ...]:
    return tuple(dict.fromkeys(rights))


def merged(rights: Iterable[Right], said: set[Right]) -> Iterator[Right]:
    """The rights that were not said before; `said` is added to."""
    for each in rights:
        if each not in said:
            said.add(each)
            yield each

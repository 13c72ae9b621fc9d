"""What the options of `homie-ota simulate` mean.

Rule: every fault of the fleet is an option that says how many devices have it.
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from difflib import get_close_matches
from urllib.parse import urlsplit

from homie_ota.errors import WrongUse
from homie_ota.simulator.fleet import EVERY, FAULTS, FleetOptions
from homie_ota.simulator.values import OtaServer, Timing


def options_from(arguments: Namespace) -> FleetOptions:
    """The fleet that these arguments describe; raises WrongUse for what has no meaning."""
    mix = read_mix(arguments.mix)
    faults = {name: getattr(arguments, name.replace("-", "_")) for name in FAULTS}
    if arguments.speed <= 0 or arguments.rate <= 0:
        raise WrongUse("--speed and --rate have to be more than 0.")
    return FleetOptions(
        mqtt=arguments.mqtt,
        devices=sum(mix.values()) if arguments.devices is None else arguments.devices,
        mix=mix,
        base=arguments.base,
        seed=arguments.seed,
        faults={name: count for name, count in faults.items() if count},
        timing=replace(Timing(), interval=arguments.interval, reboot=arguments.reboot),
        server=_server(arguments.ota_url),
        speed=arguments.speed,
        rate=arguments.rate,
        readings_every=arguments.readings,
        image_bytes=arguments.image_bytes,
    )


def read_mix(text: str) -> dict[str, int]:
    """`v1=1,v3=6` as a table; raises WrongUse for an unknown generation or a count that is none."""
    mix: dict[str, int] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        key, _, count = part.partition("=")
        if key not in EVERY:
            near = get_close_matches(key, EVERY, 1, 0.0)[0]
            raise WrongUse(f"--mix knows no generation {key!r}; the nearest is {near}.")
        if not (count or "1").isdigit():
            raise WrongUse(f"--mix {part}: {count!r} is no number of devices.")
        mix[key] = mix.get(key, 0) + int(count or "1")
    if not sum(mix.values()):
        raise WrongUse("--mix names no device; for example v1=1,v2=2,v3=6,v5=1.")
    return mix


def _server(url: str) -> OtaServer:
    parts = urlsplit(url)
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port:
        raise WrongUse("--ota-url should look like http://host:9080/ota; devices of 1.5 know no TLS.")
    return OtaServer(parts.hostname, port, parts.path or "/")

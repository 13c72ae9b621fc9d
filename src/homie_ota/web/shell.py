"""What the web is given by whoever starts it: settings, rows, image bytes, the bus, and the broker's health."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.requests import Request

from homie_ota.bus import Bus
from homie_ota.config import Settings
from homie_ota.model import Publish
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles
from homie_ota.store.removed import Removed
from homie_ota.store.ways_back import WaysBack


@dataclass(frozen=True, slots=True)
class Door:
    """What a device has to be told to come here; an empty `host` where nobody knows how devices reach the broker.

    `own` is True for the embedded broker, and only then `username` and `password` are such that devices may use them;
    else they are empty, or the user alone. `server` is the address of the OTA endpoint for Homie 1.5.
    """

    host: str = ""
    port: int = 1883
    tls: bool = False
    own: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    server: str = ""


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """How the connection to the broker is: `since` is the time of the last change, `refused` counts what caps cut off.

    `dropped` are messages that the broker says it dropped. `heard` counts messages since the start, `waiting` devices
    of which something is not in rows yet, and `lag` the seconds that it takes from a message to its rows. `welcome` is
    what a device has to be told to come here: pairs of a word and its value, shown while there is no device.
    """

    connected: bool = False
    address: str = ""
    since: float = 0.0
    last_error: str = ""
    devices: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    dropped: int = 0
    heard: int = 0
    waiting: int = 0
    lag: float = 0.0
    welcome: tuple[tuple[str, str], ...] = ()
    door: Door = Door()


@dataclass
class Shell:
    """Everything that a route may use; what reaches the broker is given by the service, and None where nothing does.

    `forget` clears the retained topics of a device (its `pk`, who wants it, and from where) and its rows, and returns
    how many topics it cleared; `put_back` undoes that; `topics` are those it would clear. `set_property` sends one
    command.
    `ways_back` is a memory, `looking` lets one look at the whole fleet at a time.
    """

    settings: Settings
    database: Database
    images: ImageFiles
    bus: Bus
    broker_status: Callable[[], BrokerStatus] = BrokerStatus
    forget: Callable[[int, str, str], Awaitable[int]] | None = None
    put_back: Callable[[int, str, str], Awaitable[Removed]] | None = None
    topics: Callable[[int], list[str]] | None = None
    set_property: Callable[[Publish], Awaitable[None]] | None = None
    clock: Callable[[], float] = time.time
    ways_back: WaysBack = field(default_factory=WaysBack)
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)


def shell_of(request: Request) -> Shell:
    """The shell of the application that a request came to."""
    found = request.app.state.shell
    assert isinstance(found, Shell)
    return found

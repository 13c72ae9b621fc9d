"""The line to Home Assistant and who works on it, as the settings want it: built of what the service has.

Rule: nothing is decided here. Switched off, what was told before is taken back, and nothing else is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from homie_ota import __version__
from homie_ota.announce import Announcer
from homie_ota.announce.home_assistant.line import Line
from homie_ota.announce.home_assistant.messages import Terms
from homie_ota.announce.home_assistant.telling import Telling
from homie_ota.announce.home_assistant.withdrawing import withdraw
from homie_ota.bus import Bus
from homie_ota.config import Settings
from homie_ota.service.ports import Ports
from homie_ota.store.database import Database


def line_of(settings: Settings) -> Line:
    """The line that the settings ask for; the MQTT session joins it later."""
    told = settings.announce
    return Line(told.home_assistant_prefix, on=told.home_assistant, read_only=told.read_only)


def teller(
    settings: Settings, database: Database, bus: Bus, ports: Ports, line: Line, *, may: Callable[[], bool]
) -> Announcer:
    """Who tells Home Assistant of the devices while `may` says that this server leads, or takes all of it back."""
    if not line.on:
        return Announcer({"Home Assistant nothing any more": partial(withdraw, database, line)}, may=may)
    told = settings.announce
    pages = f"{ports.pages_url}{settings.http.base_path}" if told.links else ""
    terms = Terms(told.home_assistant_prefix, pages, __version__, told.diagnostics, told.read_only)
    return Announcer({"Home Assistant": Telling(database, bus, line, terms, clock=time.time).run}, may=may)

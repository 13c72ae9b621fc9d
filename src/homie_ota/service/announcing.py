"""Who tells others what happens, as the settings want it: built of what the service has.

Rule: nothing is decided here.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from homie_ota.announce import Announcer
from homie_ota.announce.around import Around, Link
from homie_ota.announce.parts import parts
from homie_ota.bus import Bus
from homie_ota.config import Settings
from homie_ota.service.ports import Ports
from homie_ota.store.database import Database
from homie_ota.web.shell import BrokerStatus


def announcer(
    settings: Settings,
    database: Database,
    bus: Bus,
    ports: Ports,
    *,
    may: Callable[[], bool],
    status: Callable[[], BrokerStatus],
    dropped: Callable[[], int | None],
) -> Announcer:
    """The announcer of a server that listens at `ports`; `may` says whether it leads, `status` how the broker is.

    `dropped` is how many messages the broker says that it dropped, None as long as it has not said.
    """
    pages = f"{ports.pages_url}{settings.http.base_path}"
    around = Around(settings, database, bus, time.time, pages.__add__, lambda: _link(status(), dropped()))
    return Announcer(parts(around), may=may)


def _link(of: BrokerStatus, dropped: int | None) -> Link:
    return Link(of.connected, of.since, of.last_error, dropped)

"""From where devices may ask, and who knocks without being known here: noted, and answered “nothing for you”.

Rule: a stranger costs little, however often it asks: each is written down once in a while, and each network so many
times a minute; what is beyond is answered and not noted.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Iterable
from functools import lru_cache

from homie_ota.esp.request import UpdateRequest
from homie_ota.store import knocks
from homie_ota.web.people import network
from homie_ota.web.recent import Recent
from homie_ota.web.shell import Shell

AGAIN = 10.0
"""Seconds in which one that knocks again is not written down again."""
A_MINUTE = 60.0
MOST = 30
"""Notes a minute for one network."""
NETWORKS = 1000
"""Networks of which it is remembered how often they knocked."""


class Networks:
    """The networks from which devices may ask; none of them means all."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = [ipaddress.ip_network(each, strict=False) for each in allowed]
        self.has = lru_cache(maxsize=1024)(self._looked_up)

    def _looked_up(self, host: str) -> bool:
        if not self._allowed:
            return True
        try:
            found = ipaddress.ip_address(host)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in each for each in self._allowed)


class Rate:
    """How often each key was let through in its present minute; the clock is an argument."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def allows(self, key: str, now: float) -> bool:
        """True, and counted, as long as the minute of `key` is not full."""
        began, count = self._counts.pop(key, (now, 0))
        if not 0 <= now - began < A_MINUTE:
            began, count = now, 0
        self._counts[key] = (began, count + (count < self._most))
        if len(self._counts) > NETWORKS:
            self._counts.popitem(last=False)
        return count < self._most


class Strangers:
    """Notes who knocks."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._noted: Recent[bool] = Recent(seconds=AGAIN, most=2000)
        self._rate = Rate()

    async def note(self, asked: UpdateRequest, host: str) -> None:
        """Write down that this stranger asked, unless it, or its network, did so a moment ago."""
        now, where = self._shell.clock(), network(host)
        if self._noted.get((where, asked.mac), now) or not self._rate.allows(where, now):
            return
        self._noted.put((where, asked.mac), True, now)
        await self._shell.database.write(
            lambda conn: knocks.note(conn, asked, address=host, network=where, now=now)
        )
        self._shell.bus.say("knock", mac=asked.mac)

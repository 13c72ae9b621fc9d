"""Whether this server is the one that moves updates: it takes the lease, keeps it, and knows when it has lost it.

Rule: a server that was killed is recognised on its own machine and not waited for; any other is waited for until its
lease is over. What is decided here saves work; what may be offered is decided by the token, in the database.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import socket
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple
from weakref import WeakValueDictionary

from homie_ota.store import lease
from homie_ota.store.database import Connection, Database

log = logging.getLogger(__name__)

TTL = 15.0
"""Seconds after which the lease of a server that says nothing more is over."""


class Leading:
    """This server's hold of the lease; `token` is None while another one has it."""

    def __init__(self, database: Database, clock: Callable[[], float], *, ttl: float = TTL) -> None:
        self._database, self._clock, self.ttl = database, clock, ttl
        self.holder = Holder(*_process(os.getpid()), secrets.token_hex(4))
        self.token: int | None = None
        self._asked = float("-inf")
        self._watches = False
        _LIVE[self.holder.word] = self

    async def check(self) -> int | None:
        """The token, when this server leads; asks the database every third of the lease's time."""
        now = self._clock()
        if self._asked <= now < self._asked + self.ttl / 3:  # a clock that was put back asks again
            return self.token
        before, self.token = self.token, await self._database.write(lambda c: self._take(c, now), urgent=True)
        self._asked = now
        self._say(before)
        return self.token

    def _say(self, before: int | None) -> None:
        watches = self.token is None
        if watches and not self._watches:
            log.warning("Another server on this database moves the updates; this one only watches.")
        elif self._watches and not watches:
            log.warning("This server moves the updates now; the other one is silent.")
        elif before is not None and self.token != before:
            log.warning("This server was held up for longer than its lease; it goes on.")
        self._watches = watches

    def lost(self) -> None:
        """An offer was refused for want of the lease, perhaps: ask again before the next one."""
        self._asked = float("-inf")

    async def give_back(self) -> None:
        """Let the next server have it at once."""
        if self.token is not None:
            self.token = None
            await self._database.write(
                lambda c: lease.give_back(c, lease.DISPATCH, str(self.holder)), urgent=True
            )
        _LIVE.pop(self.holder.word, None)

    def _take(self, connection: Connection, now: float) -> int | None:
        found = lease.take(connection, lease.DISPATCH, str(self.holder), now, self.ttl)
        if found is not None:
            return found
        other = lease.holder_of(connection, lease.DISPATCH, now)
        if other is None or not is_dead(other):
            return None
        lease.give_back(connection, lease.DISPATCH, other)
        return lease.take(connection, lease.DISPATCH, str(self.holder), now, self.ttl)


_LIVE: WeakValueDictionary[str, Leading] = WeakValueDictionary()
"""Those of this process: one that is gone without a word is not waited for either."""


class Holder(NamedTuple):
    """Who holds a lease: a machine, a process on it by number and moment of its start, and a word of its own."""

    machine: str
    pid: str
    started: str
    word: str

    def __str__(self) -> str:
        return ":".join(self)


def is_dead(holder: str) -> bool:
    """True when the holder was a process of this machine that is no more; False where that cannot be known."""
    parts = holder.split(":")
    if len(parts) != len(Holder._fields):
        return False
    other = Holder(*parts)
    if not other.machine or other.machine != _machine() or not other.pid.isdecimal():
        return False
    if (other.machine, other.pid, other.started) == _process(os.getpid()):
        return other.word not in _LIVE
    return _process(int(other.pid)) != (other.machine, other.pid, other.started)


def _process(pid: int) -> tuple[str, str, str]:
    """Machine, number and start of a process; the start is empty when there is none."""
    try:
        # proc(5): the command's name, in brackets, may hold anything; the 22nd field is the start in clock ticks.
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        started = ""
    return _machine(), str(pid), started


@cache
def _machine() -> str:
    """A word for this boot of this machine and this space of process numbers; empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    return hashlib.sha256(f"{boot}{space}{socket.gethostname()}".encode()).hexdigest()[:16]

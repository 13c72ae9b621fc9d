"""How somebody proves who they are: session cookie, API token, or name and password.

Rule: every way in waits as long for a wrong name as for a wrong password, guesses are counted by where they come from
and by whose account they try, and nothing that proves anything is logged.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
import math
import secrets
from collections import OrderedDict
from typing import ClassVar

from starlette.requests import HTTPConnection

from homie_ota.errors import HomieOtaError
from homie_ota.store import accounts, audit
from homie_ota.store.accounts import Account
from homie_ota.store.database import Connection
from homie_ota.web.guesses import Guesses
from homie_ota.web.people import ANYONE, SESSION_COOKIE, Person, address, is_near, network
from homie_ota.web.proxies import STRANGER
from homie_ota.web.recent import Recent
from homie_ota.web.shell import Shell
from homie_ota.web.words import clean

log = logging.getLogger(__name__)

DELAY = 0.3
"""Seconds that every wrong guess waits for its answer."""
FREE_OF_ACCOUNT = 30
"""Mistakes on one account, from wherever, before it takes only one guess in a while."""
AT_HOME = 30 * 86400.0
"""Seconds for which nobody is held up where they logged in before by what strangers guess on their account."""
TOUCH = 600.0
REMEMBERED = 100


class TooManyGuesses(HomieOtaError):
    """Somebody guesses passwords."""

    code: ClassVar[str] = "too-many-guesses"
    status: ClassVar[int] = 429
    exit_status: ClassVar[int] = 4

    def __init__(self, seconds: float) -> None:
        self.retry_after = math.ceil(seconds)
        super().__init__(f"Too many wrong passwords. Try again in {self.retry_after} s.")


class Login:
    """The doors of one server; who comes in is told by `person`."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._by_address, self._by_account = Guesses(), Guesses(FREE_OF_ACCOUNT)
        self._hashing = asyncio.Semaphore(2)  # each one takes 19 MB for some milliseconds
        self._key = secrets.token_bytes(16)
        # Passwords that were right a moment ago, so that a script with `curl -u` is not slowed by Argon2 each time.
        self._known: OrderedDict[bytes, str] = OrderedDict()
        self._at_home: Recent[bool] = Recent(seconds=AT_HOME, most=REMEMBERED)
        self._touched: Recent[bool] = Recent(seconds=TOUCH, most=REMEMBERED)
        self._adopted = False

    @property
    def session_seconds(self) -> float:
        """How long a session lasts."""
        return self._shell.settings.auth.session_hours * 3600.0

    async def person(self, request: HTTPConnection) -> Person | None:
        """Who asks, None where nobody proved anything; raises TooManyGuesses."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return await self._by_token(request, value.strip())
        if scheme.lower() == "basic":
            return await self._by_basic(request, value.strip())
        if secret := request.cookies.get(SESSION_COOKIE):
            now = self._shell.clock()
            found = await self._shell.database.read(lambda conn: accounts.by_session(conn, secret, now))
            if found is not None:
                return Person(found.name, found.rights, "session")
        return ANYONE if await self.is_open_to(request) else None

    async def is_open_to(self, request: HTTPConnection) -> bool:
        """Whether this request needs no login at all."""
        auth = self._shell.settings.auth
        if auth.mode == "none":
            return True
        if not auth.open_to_private or not is_near(address(request)):
            return False
        if request.scope.get(STRANGER):
            # The address is near because the proxy is; who asks may be anywhere.
            log.warning("A proxy at %s is not in trusted_proxies of [http]: log in.", address(request))
            return False
        return not await self._shell.database.read(accounts.exist)

    async def check(self, request: HTTPConnection, name: str, password: str) -> Account | None:
        """The account of this name and password; counts, delays and logs a wrong one. Raises TooManyGuesses."""
        where = address(request)
        key = network(where)
        self._refuse_guessing(key, name)
        await self._adopt()
        if (found := await self._known_well(name, password)) is None:
            async with self._hashing:
                # Who waited here may have been answered meanwhile; else many guesses at once would count as one.
                self._refuse_guessing(key, name)
                found = await self._known_well(name, password) or await self._stored(name, password)
                if found is None:
                    count = self._count(key, name)
        if found is not None:
            self._by_address.succeeded(key)
            self._at_home.put((key, name[:64]), True, self._shell.clock())
            return found
        await self._wrong(count, name, where)
        return None

    def _refuse_guessing(self, key: str, name: str) -> None:
        now = self._shell.clock()
        wait = self._by_address.wait(key, now)
        if self._at_home.get((key, name[:64]), now) is None:
            wait = max(wait, self._by_account.wait(name[:64], now))
        if wait > 0:
            raise TooManyGuesses(wait)

    def _count(self, key: str, name: str) -> int:
        """Note a wrong guess; how many there were from there in a row."""
        now = self._shell.clock()
        self._by_account.failed(name[:64], now)
        return self._by_address.failed(key, now)

    async def _wrong(self, count: int, name: str, where: str) -> None:
        now = self._shell.clock()
        log.warning("Wrong password for %r from %s, the %d. in a row", clean(name, 64), where, count)
        if count in (5, 50, 500):  # the audit log must not become the way to fill the disk
            what = f"{count} wrong passwords"
            await self._shell.database.write(
                lambda conn: audit.add(conn, at=now, who=clean(name, 64), what=what, from_where=where)
            )
        await asyncio.sleep(DELAY)

    async def _adopt(self) -> None:
        """Take over the account of an old homie-ota.ini, whose password is in that file; once."""
        auth, now = self._shell.settings.auth, self._shell.clock()
        if self._adopted or not auth.user:
            return
        self._adopted, name, password = True, auth.user, auth.password.get_secret_value()
        await self._shell.database.write(lambda conn: accounts.adopt(conn, name, password, now), urgent=True)

    def _mark(self, name: str, password: str) -> bytes:
        return hashlib.blake2b(f"{name}\0{password}".encode(errors="replace"), key=self._key).digest()

    async def _known_well(self, name: str, password: str) -> Account | None:
        """The account where this very password was right a moment ago, and was not changed since."""
        if (before := self._known.get(self._mark(name, password))) is None:
            return None

        def read(conn: Connection) -> Account | None:
            return accounts.get(conn, name) if accounts.password_hash(conn, name) == before else None

        return await self._shell.database.read(read)

    async def _stored(self, name: str, password: str) -> Account | None:
        """The account of this name and password, by its stored hash; slow, by intent."""

        def read(conn: Connection) -> tuple[Account | None, str | None]:
            return accounts.check_password(conn, name, password), accounts.password_hash(conn, name)

        found, stored = await self._shell.database.read(read)
        if found is not None and stored is not None:
            self._known[self._mark(name, password)] = stored
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return found

    async def _by_basic(self, request: HTTPConnection, value: str) -> Person | None:
        try:
            name, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        found = await self.check(request, name, password) if colon else None
        return None if found is None else Person(found.name, found.rights, "basic")

    async def _by_token(self, request: HTTPConnection, secret: str) -> Person | None:
        key, now = network(address(request)), self._shell.clock()
        if (wait := self._by_address.wait(key, now)) > 0:
            raise TooManyGuesses(wait)
        found = await self._shell.database.read(lambda conn: accounts.by_token(conn, secret, now))
        if found is None:
            await self._wrong(self._by_address.failed(key, now), "(a token)", address(request))
            return None
        if self._touched.get(secret, now) is None:
            self._touched.put(secret, True, now)
            await self._shell.database.write(lambda conn: accounts.used_token(conn, secret, now))
        return Person(found.name, found.rights, "token")

    async def begin(self, request: HTTPConnection, account: Account) -> str:
        """Open a session for somebody who proved who they are; its secret, for the cookie."""
        now, where = self._shell.clock(), address(request)
        agent = clean(request.headers.get("user-agent", ""), 120)

        def write(conn: Connection) -> str:
            audit.add(conn, at=now, who=account.name, what="logged in", from_where=where)
            return accounts.open_session(
                conn, account.name, now, self.session_seconds, where=where, agent=agent
            )

        return await self._shell.database.write(write, urgent=True)

"""One running server: its rooms, built and started in order, and stopped in the reverse one.

Rule: nothing is decided here; a room gets what it needs by its constructor.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from homie_ota import homie
from homie_ota.broker import EmbeddedBroker
from homie_ota.bus import Bus
from homie_ota.config import Settings
from homie_ota.dispatch import Dispatch, Sender, Terms
from homie_ota.dispatch.leftovers import Leftovers
from homie_ota.dispatch.rollouts import Rollouts
from homie_ota.dispatch.rounds import Rounds
from homie_ota.errors import Unreachable
from homie_ota.fleet import Fleet
from homie_ota.ingest import Ingest
from homie_ota.mqtt import Session, scan
from homie_ota.service import door
from homie_ota.service.announcing import announcer
from homie_ota.service.home_assistant import line_of, teller
from homie_ota.service.known import known_secrets
from homie_ota.service.mdns import announcement, announcement_for_devices
from homie_ota.service.places import choose_broker
from homie_ota.service.ports import Ports
from homie_ota.service.reaching import Reaching
from homie_ota.service.terms import hand_over
from homie_ota.store import adoption, audit, people, retention
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles
from homie_ota.web import app as web

log = logging.getLogger(__name__)


def _refused(fleet: Fleet) -> dict[str, int]:
    return {"devices": fleet.caps.refused_devices, "topics": fleet.caps.refused_topics}


class Service:
    """One running server. `start` returns when pages are served; `stop` ends everything that was started."""

    def __init__(self, settings: Settings, *, embedded: str | None = None) -> None:
        self.settings = settings
        self._embedded_at = embedded
        self.bus = Bus()
        self.database = Database(settings.database_url)
        self.images = ImageFiles(settings.firmware_dir)
        self.ingest = Ingest(self.database, self.bus, settings.mqtt.base_topics)
        self._line = line_of(settings)
        self.broker: EmbeddedBroker | None = None
        self.session: Session | None = None
        self.first_password: str | None = None
        self._tasks: list[asyncio.Task[Any]] = []
        self._ports: Ports | None = None
        self._gaps: asyncio.Task[None] | None = None
        self._link_since = time.time()

    async def start(self) -> None:
        """Start everything; raises WrongUse or Unreachable with a sentence when something cannot."""
        ports = self._ports = Ports(self.settings)
        await self._open_store()
        self.session = await self._session()
        dispatch = self._dispatch()
        rollouts = Rollouts(self.database, self.bus, may=dispatch.leads)
        others = announcer(
            self.settings,
            self.database,
            self.bus,
            ports,
            may=dispatch.leads,
            status=self.status,
            dropped=lambda: self.ingest.reread.dropped,
        )
        home = teller(self.settings, self.database, self.bus, ports, self._line, may=dispatch.leads)
        told = announcement(self.settings, ports.scheme, ports.address)
        told_devices = announcement_for_devices(self.settings, ports.for_devices)
        self._tasks = [
            asyncio.create_task(self._run(work, name), name=name)
            for name, work in (
                ("mqtt", self.session.run),
                ("ingest", self.ingest.run),
                ("curves", self.ingest.recorder.run),
                ("dispatch", dispatch.run),
                ("rollouts", rollouts.run),
                ("rounds", Rounds(self.database, self.bus, may=dispatch.leads, clock=time.time).run),
                ("leftovers", self._leftovers(dispatch).run),
                ("announce", others.run),
                ("home assistant", home.run),
                ("gaps", self._watch_drops),
                *((("certificate", ports.certificate.run),) if ports.certificate else ()),
                *((("mdns", told.run),) if told else ()),
                *((("mdns-ota", told_devices.run),) if told_devices else ()),
            )
        ]
        app = web.build(self._shell())
        self._tasks += await ports.open(app, web.for_devices(app))

    async def _open_store(self) -> None:
        await asyncio.to_thread(self.database.migrate)
        hand_over(self.settings)
        auth = self.settings.auth
        if auth.mode == "password" and not auth.user and not auth.open_to_private:
            self.first_password = await self.database.write(
                lambda c: people.begin(c, time.time()), durable=True
            )
        end = await self.database.read(audit.head)
        # In a log that is kept elsewhere this shows a chain that was forged whole (`store/chain.py`).
        log.info("The audit log has %d rows, up to %s.", end.rows, end.hash)
        await self._take_over_images()
        await self.ingest.restore()

    async def _take_over_images(self) -> None:
        self.images.secrets = known_secrets(self.settings)
        found = await adoption.adopt_directory(self.database, self.images, now=time.time())
        for filename, why in found.skipped:
            log.warning("%s in the firmware directory was left alone: %s", filename, why)
        for gone in found.vanished:
            log.warning("The file of %s %s (%s) is gone.", gone.name, gone.version, gone.filename)
        keep = self.settings.ota.keep_newest
        for old in await retention.apply(self.database, self.images, keep, time.time()):
            log.info("%s was deleted: it is old, and no device needs it (keep_newest).", old.filename)

    async def _run(self, work: Callable[[], Any], name: str) -> None:
        """A room that fails is started again: the others must not stop for it, and nobody may miss the sentence."""
        while True:
            try:
                await work()
            except Exception:
                log.exception("The room %r failed; it is started again.", name)
                await asyncio.sleep(1.0)

    async def _session(self) -> Session:
        broker, self.broker = await choose_broker(self.settings, self._embedded_at)
        self.images.secrets = known_secrets(self.settings, self.broker)
        made = Session(
            broker,
            client_id=self.settings.mqtt.client_id or f"homie-ota-{secrets.token_hex(4)}",
            on_message=self._line.before(self.ingest.receive),
            on_connect=self._connected,
            on_lost=self._lost,
            will=self._line.will,
        )
        self._line.join(made.deliver, self._is_open)
        return made

    def _connected(self) -> None:
        session = self.session
        if session is None:
            return
        self._link_since = time.time()
        self.ingest.reread.bursting = True
        self.ingest.reread.subscribe(session, counts_drops=self.broker is None)
        session.subscribe([*homie.subscriptions(self.ingest.reader.bases), *self._line.filters])
        self._start_gaps()
        self.bus.say("broker", connected=True)

    def _start_gaps(self) -> None:
        if self._gaps is not None:
            self._gaps.cancel()
        self._gaps = asyncio.create_task(self._fill_gaps())

    async def _fill_gaps(self) -> None:
        if self.session is None:
            return
        with suppress(Unreachable):
            await self.ingest.fill_gaps(self.session)
            # The fleet stays: looking through all of it again and again would stop everything for 0.2 s each time.
            gc.freeze()
            self.bus.say("order")  # from now on the dispatch may send

    async def _watch_drops(self) -> None:
        """The broker dropped messages, perhaps ours: read again."""
        while True:
            await self.ingest.reread.jumped.wait()
            self.ingest.reread.jumped.clear()
            log.warning(
                "The broker dropped messages (%s so far); reading the inventory again.",
                self.ingest.reread.dropped,
            )
            if self._gaps is None or self._gaps.done():
                self._start_gaps()
            await asyncio.sleep(30.0)

    def _lost(self) -> None:
        self._link_since = time.time()
        self.ingest.forget_presence()
        self.bus.say("broker", connected=False)

    def _is_open(self) -> bool:
        return self.session is not None and self.session.connected and self.ingest.reread.settled

    def _dispatch(self) -> Dispatch:
        assert self.session is not None
        wanted = self.settings.rollout
        terms = Terms(
            wanted.parallel,
            self.public_url,
            self.settings.ota.url_lifetime,
            wanted.bytes_in_flight,
            wanted.starts_per_minute,
            wanted.lease,
        )
        sender = Sender(self.session.deliver, self._is_open)
        return Dispatch(self.database, self.images, self.bus, sender, terms)

    def _leftovers(self, dispatch: Dispatch) -> Leftovers:
        assert self.session is not None
        return Leftovers(
            self.database,
            self.bus,
            Sender(self.session.deliver, self._is_open),
            partial(scan, self.session.broker),
            self.settings.mqtt.base_topics,
            may=dispatch.leads,
        )

    @property
    def ports(self) -> Ports:
        """Where it listens; only after `start` began."""
        assert self._ports is not None
        return self._ports

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the pages."""
        return self.ports.address

    @property
    def public_url(self) -> str:
        """What devices are told; from the settings, else this machine's own address."""
        return self.ports.public_url

    @property
    def _server(self) -> str:
        return f"{self.public_url}{self.settings.ota.path}"

    def status(self) -> web.BrokerStatus:
        """How the broker is, for pages and `/healthz`."""
        session = self.session
        fleet = self.ingest.fleet
        return web.BrokerStatus(
            connected=session is not None and session.connected,
            address=str(session.broker) if session else "",
            since=self._link_since,
            last_error=session.last_error if session else "",
            devices=len(fleet),
            refused={what: count for what, count in _refused(fleet).items() if count},
            dropped=self.ingest.reread.dropped or 0,
            heard=self.ingest.messages,
            waiting=fleet.dirty,
            lag=self.ingest.lag,
            welcome=door.welcome(self.broker, self._server),
            door=door.of(self.broker, session, self._server),
        )

    def _shell(self) -> web.Shell:
        reaching = Reaching(self.ingest, lambda: self.session)
        return web.Shell(
            settings=self.settings,
            database=self.database,
            images=self.images,
            bus=self.bus,
            broker_status=self.status,
            forget=reaching.forget,
            put_back=reaching.put_back,
            topics=reaching.topics,
            set_property=reaching.set_property,
        )

    async def stop(self) -> None:
        """End everything, the web first; what is queued for the database is still written."""
        self.bus.say("stop")  # open pages end their streams
        if self._ports is not None:
            self._ports.close()
        await self._line.close()
        tasks = [*self._tasks, *([self._gaps] if self._gaps else [])]
        web_tasks = [task for task in tasks if task.get_name() == "web"]
        await asyncio.wait(web_tasks, timeout=5) if web_tasks else None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.broker is not None:
            await self.broker.stop()
        await asyncio.to_thread(self.database.close)

"""Plays a case file again: the engine of today against a virtual device that says what the real one said, when it did.

Rule: nothing is connected and nobody waits: the clock is the record's. The rooms are the real ones, from the message to
the row, so a user's failure becomes a test. What an image was is not in a case file; the device never looks at it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from homie_ota.bus import Bus
from homie_ota.dispatch import Dispatch, Sender
from homie_ota.dispatch import Terms as Sending
from homie_ota.errors import WrongUse
from homie_ota.esp.image import Inspection
from homie_ota.esp.request import from_text
from homie_ota.health import Thresholds
from homie_ota.ingest import Ingest
from homie_ota.model import ENDED, Deployment, DeploymentState, Firmware, Publish, Way
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import Limits
from homie_ota.rollout.reasons import Reason
from homie_ota.rollout.soak import Terms
from homie_ota.store import casefile, deployments, devices, events, verifying
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection, Database
from homie_ota.store.waiting import Look, local_time
from homie_ota.web import plain

MOST_DEADLINES = 50
"""Deadlines that are waited for between two messages, and at the end: a record never needs more."""

_OVER_HTTP = frozenset({Event.ACCEPT.value, Event.FLASH.value, Event.REFUSE.value})
"""Moves of a device that fetches its image itself: no message tells of them, so they are taken from the record."""

_BY_SOCKET = {
    Way.HTTP.value: _OVER_HTTP,
    Way.ASKS.value: frozenset({Event.FLASH.value, Event.BREAK.value}),
}
"""Way → which of its moves are taken from the record; what plain sketches asked is there as it was."""


class Move(NamedTuple):
    """One move of a deployment: seconds since the order, the state it led to, the reason where there was one."""

    after: float
    state: str
    reason: str


class End(NamedTuple):
    """How a deployment ended, or stands."""

    state: str
    outcome: str
    code: str


class Replayed(NamedTuple):
    """What the record says and what came of it today; `sent` are the topics of what went to the device."""

    recorded: End
    found: End
    recorded_moves: list[Move]
    moves: list[Move]
    sent: list[str]

    @property
    def same(self) -> bool:
        """Whether today's engine comes to the same end."""
        return self.recorded == self.found


def load(path: Path) -> dict[str, Any]:
    """The case file at `path`; WrongUse when it is none."""
    try:
        case = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise WrongUse(f"{path} cannot be read as a case file: {error}.") from None
    if not isinstance(case, dict) or case.get("format") != casefile.FORMAT:
        raise WrongUse(
            f"{path} is no case file ({casefile.FORMAT!r}). `homie-ota case DEPLOYMENT` writes one."
        )
    return case


class _Images:
    """Stands in for the store's files: a case file holds no image."""

    async def body(self, _firmware: Firmware) -> bytes:
        return b"\xe9"


class Replay:
    """One case file, played in a database of its own in `folder`."""

    def __init__(self, case: dict[str, Any], folder: Path) -> None:
        self._case, self._now = case, float(case["deployment"]["created_at"])
        self._database = Database(str(folder / "replay.sqlite3"))
        self._bus, self._sent = Bus(), list[str]()
        self._ingest = Ingest(self._database, self._bus, [case["device"]["base"]], clock=self._clock)
        self._dispatch = Dispatch(
            self._database,
            _Images(),  # type: ignore[arg-type]
            self._bus,
            Sender(self._deliver, lambda: True),
            Sending(public_url="http://replay"),
            clock=self._clock,
        )

    async def run(self) -> Replayed:
        """Play it to its end."""
        with self._as_set_then():
            return await self._play()

    async def _play(self) -> Replayed:
        self._database.migrate()
        try:
            number = await self._database.write(self._prepare)
            await self._ingest.restore()
            for at, play in self._script(number):
                await self._until(at, number)
                await play()
            await self._until(float("inf"), number)
            return await self._database.read(lambda conn: self._compare(conn, number))
        finally:
            self._database.close()

    @contextmanager
    def _as_set_then(self) -> Iterator[None]:
        """The deadlines and the soak of the recorded server, for as long as the `with` block runs."""
        limits, terms = dict(deployments.LIMITS), dict(verifying.SETTINGS)
        deployments.use_limits(self._case["limits"])
        verifying.use_terms(Terms(**self._case["terms"]), Thresholds(**self._case["thresholds"]))
        try:
            yield
        finally:
            deployments.use_limits(limits)
            verifying.use_terms(**terms)

    def _clock(self) -> float:
        return self._now

    async def _deliver(self, message: Publish) -> None:
        self._sent.append(message.topic)

    # --- Before

    def _prepare(self, conn: Connection) -> int:
        case, now = self._case, self._now
        told, before = case["deployment"], case["deployment"]["before"]
        devices.save(conn, [_device_row(case["device"], before, now)])
        where = {"base": case["device"]["base"], "device_id": case["device"]["device_id"]}
        devices.save_addresses(conn, [{**where, "device_pk": 1, "dialect": "", "since": now}])
        devices.learn(conn, 1, case["learned"], evidence="the case file", now=now)
        firmware = _firmware(case["firmware"])
        firmwares.add(conn, firmware, Inspection(chip=firmware.chip, flash_size=firmware.flash_size), now, "")
        made = deployments.insert(
            conn,
            device_pk=1,
            sha256=firmware.sha256,
            size=told["bytes_total"],
            previous_sha256="",
            before=before,
            by="replay",
            now=now,
            override=told["override"] or "replay",
        )
        return made.id

    # --- The play

    def _script(self, number: int) -> Iterator[tuple[float, Any]]:
        """What happens, in order: the offer, each message, and for 1.5 what it did over HTTP."""
        case = self._case
        offered = case["deployment"]["offered_at"]
        came = case["device"]["way"] == Way.ASKS.value  # it was sent nothing
        scenes: list[tuple[float, int, Any]] = (
            [] if offered is None or came else [(float(offered), 0, self._dispatch.step)]
        )
        heard = [said for said in case["messages"] if said["direction"] == "in"]
        scenes += [(float(said["at"]), 1, partial(self._heard, said)) for said in heard]
        if told := _BY_SOCKET.get(case["device"]["way"]):
            moves = [each for each in case["events"] if each["data"].get("event") in told]
            scenes += [(float(each["at"]), 1, partial(self._over_http, number, each)) for each in moves]
        yield from ((at, play) for at, _, play in sorted(scenes, key=lambda scene: scene[:2]))

    async def _until(self, at: float, number: int) -> None:
        """Let the clock go to `at`, stopping at every deadline on the way."""
        for _ in range(MOST_DEADLINES):
            found = await self._database.read(lambda conn: deployments.get(conn, number))
            if found is None or found.state in ENDED or found.deadline is None or found.deadline >= at:
                break
            self._now = found.deadline + 0.001
            await self._dispatch.step()
        self._now = at if at != float("inf") else self._now

    async def _heard(self, said: dict[str, Any]) -> None:
        asked = from_text(said["text"]) if said["topic"] == plain.TOPIC else None
        if asked is None:
            await self._say(said)
            return
        look = Look(self._now, local_time(self._now), Limits(parallel=0))
        await self._database.write(lambda conn: plain.answer(conn, 1, asked, look, address=""))

    async def _say(self, said: dict[str, Any]) -> None:
        self._ingest.receive(said["topic"], said["text"].encode(), 0, bool(said["retained"]))
        await self._ingest.write()
        await self._dispatch.step()

    async def _over_http(self, number: int, each: dict[str, Any]) -> None:
        event, data = Event(each["data"]["event"]), each["data"]
        # The answer of the endpoint was a decision about headers that no record holds.
        reason = Reason(data["code"], data.get("reason", ""), False) if data.get("code") else None

        def move(conn: Connection) -> None:
            found = deployments.get(conn, number)
            if found is not None:
                done = found.bytes_total if event in (Event.ACCEPT, Event.FLASH) else None
                deployments.advance(conn, found, event, now=self._now, done=done, reason=reason)

        await self._database.write(move)

    # --- After

    def _compare(self, conn: Connection, number: int) -> Replayed:
        found = deployments.get(conn, number)
        assert found is not None
        told = self._case["deployment"]
        return Replayed(
            End(told["state"], told["outcome"], told["code"]),
            _end(found),
            _moves(self._case["events"], told["created_at"]),
            _moves(events.of_deployment(conn, number), told["created_at"]),
            self._sent,
        )


def _end(found: Deployment) -> End:
    return End(found.state.value, found.outcome, found.code)


def _moves(rows: list[dict[str, Any]], since: float) -> list[Move]:
    moved = [row for row in rows if row["data"].get("state") in set(DeploymentState)]
    return [Move(row["at"] - since, row["data"]["state"], row["data"].get("reason", "")) for row in moved]


def _device_row(device: dict[str, Any], before: dict[str, Any], now: float) -> dict[str, Any]:
    """The device as it was when the update was ordered."""
    was = {name: before.get(name) or "" for name in ("fw_name", "fw_version", "md5")}
    facts = {**device["facts"], "fw/name": was["fw_name"], "fw/version": was["fw_version"], "md5": was["md5"]}
    kept = ("base", "device_id", "name", "mac", "homie", "implementation", "ota_enabled", "nodes")
    return {
        "pk": 1,
        **{name: device[name] for name in kept},
        **was,
        "way": before.get("way") or device["way"],
        "ip": "",
        "version_key": "",
        "state": before.get("state") or "ready",
        "state_since": now,
        "signal": before.get("signal"),
        "uptime": before.get("uptime"),
        "heap": before.get("heap"),
        "recent": [],
        "facts": {name: value for name, value in facts.items() if value},
        "first_seen": device["first_seen"],
        "last_seen": now,
    }


def _firmware(told: dict[str, Any]) -> Firmware:
    words = ("name", "version", "chip", "flash_mode", "kind")
    return Firmware(
        told["sha256"],
        told.get("md5", ""),
        size=told.get("size", 0),
        filename="replay.bin",
        flash_size=told.get("flash_size", 0),
        magic=bool(told.get("magic")),
        **{"name": "", "version": "", **{word: told[word] for word in words if word in told}},
    )

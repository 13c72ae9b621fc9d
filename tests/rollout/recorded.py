"""Recorded scenarios, heard again by the engine: what the device said, and what was sent to it, become rows.

Every image that was published is one attempt of ours, or of somebody else's while another one runs; every `$ota` is an
offer for 1.5, whose HTTP request and answer move it as the endpoint does. The recorder killed the device in the end:
that is left out, and the clock goes on instead until everything has ended.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from homie_ota.model import ENDED, Deployment
from homie_ota.rollout import reasons
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import deployments
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.store.tables import firmware
from played import START, Played
from simulator.recordings import Recording

BASE = "recorded/"
GATHER = 0.02
"""Seconds that become one batch, as in a busy ingest."""
WILLS = ("$state", "$online")

RUNNING = "d72e6b8900c113eaec7d36c9dc8a660c"
KNOWN = {
    # digest: (version, decoded size)
    "d3c356ac479b3f857a2f7980acbcfcc2": ("1.1.0", 450_123),
    "7a4bdc5be82f0cbfce716b8d29034112": ("1.2.0", 510_002),
    "2c0274390ea27201727fd0914d1fc810": ("1.2.0", 510_001),
    "a7c1c223420cd563cc3e2e32478e4eb2": ("1.3.0", 410_000),
    "9e7bb74a917fc4aaea599bd601a4d20c": ("1.1.0", 450_123),
}
"""The recorded images that a device can come to run; others are as they were sent, and nothing runs them."""


class Heard(Played):
    """One recording, heard by the engine; `attempts` are the deployments, oldest first."""

    def __init__(self, connection: Connection, path: Path, until: float | None = None) -> None:
        super().__init__(connection, (BASE,))
        self.recording = Recording.load(path, until)
        self.device_id = self.recording.device_id
        self.numbers: list[int] = []

    @property
    def attempts(self) -> list[Deployment]:
        return [self.get(number) for number in self.numbers]

    def play(self) -> Heard:
        """From the first line to the last."""
        lines = self.recording.lines
        written = 0.0
        for line in lines[: _killed(lines)]:
            if line["kind"] != "msg" or line["t"] - written > GATHER:
                self.write()
                written = line["t"]
            self._wait(START + line["t"])
            self._take(line)
        self.write()
        return self

    def end(self) -> Heard:
        """And on, until every attempt has ended."""
        while any(each.state not in ENDED for each in self.attempts):
            deadline = deployments.next_deadline(self.connection)
            assert deadline is not None, "it would wait for ever"
            self._wait(deadline + 1.0)
        return self

    def _wait(self, until: float) -> None:
        self.now = until
        self.look()

    def _take(self, line: dict[str, Any]) -> None:
        kind, topic = line["kind"], str(line.get("topic", ""))
        if kind == "msg" and "md5" not in line:
            self.hear(BASE + topic, str(line.get("payload", "")).encode())
        elif kind == "action" and "/$implementation/ota/firmware/" in topic and line["len"]:
            self._offer(topic.rpartition("/")[2].lower(), line)
        elif kind == "action" and str(line["what"]) == "publish $ota" and line["payload"]:
            self._offer("9e7bb74a917fc4aaea599bd601a4d20c", line, version=line["payload"])
        elif kind.startswith("http-"):
            self._ask(line)

    def _offer(self, digest: str, line: dict[str, Any], version: str = "") -> None:
        self.write()
        if self.device_id not in {each.address.device_id for each in self.fleet.devices}:
            return  # nobody is there yet
        pk = self.pk(self.device_id)
        if deployments.active_of(self.connection, pk):
            return  # somebody else's
        seen = str(line.get("seen", {}).get("md5", digest))
        digest = digest if digest in KNOWN else seen
        known, size = KNOWN.get(digest, ("9.9.9", line.get("len", 0)))
        target = self._stored(digest, version or known, size)
        made = deployments.insert(
            self.connection, device_pk=pk, sha256=target, size=size, previous_sha256="", before={}, by="me",
            now=self.now,
        )  # fmt: skip
        offered = deployments.advance(self.connection, made, Event.OFFER, now=self.now)
        assert offered is not None
        self.numbers.append(offered.id)

    def _stored(self, digest: str, version: str, size: int) -> str:
        sha256 = hashlib.sha256(f"{digest}{version}".encode()).hexdigest()
        row = {"sha256": sha256, "md5": digest, "name": "realfw-demo", "version": version, "size": size}
        if firmwares.get(self.connection, sha256) is None:
            self.connection.execute(
                firmware.insert().values(**row, filename=f"{sha256[:8]}.bin", uploaded_at=self.now)
            )
        return sha256

    def _ask(self, line: dict[str, Any]) -> None:
        """1.5 asks over HTTP, and is answered."""
        active = deployments.active_of(self.connection, self.pk(self.device_id))
        if active is None:
            return
        if line["kind"] == "http-request":
            deployments.advance(self.connection, active, Event.ACCEPT, now=self.now)
        elif " 200 " in line["head"] and _is_whole(line):
            deployments.advance(self.connection, active, Event.FLASH, now=self.now, done=active.bytes_total)
        elif " 200 " in line["head"]:
            broken = reasons.Reason("transfer-broken", "It broke off.", False)
            deployments.advance(self.connection, active, Event.BREAK, now=self.now, reason=broken)


def _is_whole(line: dict[str, Any]) -> bool:
    """Whether everything that the answer promised was sent."""
    promised = re.search(r"Content-Length: (\d+)", line["head"])
    return promised is None or line["total_bytes"] >= len(line["head"]) + int(promised[1])


def _killed(lines: list[dict[str, Any]]) -> int:
    """Where the recorder's own end begins: the will of a device that nobody starts again."""
    last = max((at for at, line in enumerate(lines) if line["kind"] == "msg"), default=-1)
    is_will = last >= 0 and str(lines[last]["topic"]).endswith(WILLS)
    return last if is_will and lines[last].get("payload") in ("lost", "false") else len(lines)

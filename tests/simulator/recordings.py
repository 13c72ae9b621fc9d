"""Recorded scenarios, played again with a virtual device; every message it sends is compared with the recording.

What is compared: topic, payload, QoS and retain flag of every message, in order.

What is not the firmware's doing, and is therefore taken from the recording or evened out; nothing else is:

1. Images. Only their length, digest and first bytes are recorded: `IMAGES` makes one of the same length for each,
   and its digest replaces the recorded one wherever that is said.
2. The first burst of each transfer. How many bytes the broker wrote at once before its steady rhythm is found by
   trying FIRST_BURSTS against the first progress; every later boundary follows from `segments.Stream`.
3. Times. Reboots, sleeps and pauses take none here; ticks come at the recorded times. `uptime` may differ by the
   seconds the recorder's own announce took.
4. The moment of a command. The recorder saw it on its way to the device, so it may stand anywhere: only what the
   device itself sent is compared.
5. The end. The recorder killed the device last: the will it left is expected after everything else.
6. 1.5 has a QoS 2 will. It reached the recorder two round trips late, among the messages of the next connect: it is
   compared where it was sent, before the next `$online true`.
7. Messages of other devices before the start, left over from an earlier recording, are left out.
8. A connection that was cut breaks when the device has read what it had: the statuses recorded after the cut still
   come, and then the will.
"""

from __future__ import annotations

import json
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import md5
from pathlib import Path
from typing import Any

from homie_ota.model import Publish
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.images import make_image, with_flash_mode
from homie_ota.simulator.segments import Stream
from homie_ota.simulator.values import (
    Chunk,
    Connect,
    Disconnect,
    Drop,
    HttpGet,
    HttpResponse,
    Node,
    Output,
    Property,
    Subscribe,
)

SHARED = Path(os.environ.get("HOMIE_OTA_SHARED", Path(__file__).parents[3] / "shared"))
FOLDER = SHARED / "captures" / "firmware"
RELAY = Node(
    "relay",
    "Relay",
    "switch",
    (Property("on", "On", "boolean", settable=True), Property("count", "Counter", "integer")),
)
"""What the recorded sketch has."""

FIRST_BURSTS = ((4344,), (), (1448,), (1448, 4344), (1440,))
_PROBE = 4
"""How many progress messages are used to find the first burst."""


def sized(size: int, version: str, **more: Any) -> bytes:
    """An image of exactly this many bytes, which need not be a multiple of 16."""
    image = make_image("realfw-demo", version, size=size - size % 16, flash_size=4 << 20, **more)
    return image + bytes(size - len(image))


@cache
def image(name: str) -> bytes:
    """The sample that stands for a recorded image."""
    new = sized(450_123, "1.1.0")
    made: dict[str, Callable[[], bytes]] = {
        "running": lambda: sized(399_997, "1.0.0"),
        "new": lambda: new,
        "new for 1.5": lambda: sized(450_123, "1.1.0", homie=False),
        "new mode": lambda: with_flash_mode(new, 0),
        "newer": lambda: sized(510_002, "1.2.0"),
        "second": lambda: sized(510_001, "1.2.0", seed=1),
        "smaller": lambda: sized(410_000, "1.3.0"),
        "wrong flash": lambda: sized(420_000, "1.1.0")[:3] + b"\x90" + sized(420_000, "1.1.0")[4:],
        "not homie": lambda: sized(420_000, "1.1.0", homie=False),
        "big": lambda: sized(680_000, "1.1.0"),
        "not e9": lambda: b"\x00" + new[1:],
        "gzip": lambda: b"\x1f\x8b\x08" + sized(450_278, "1.1.0"),
        "one byte": lambda: b"\xe9",
    }
    return bytes(made[name]())


IMAGES = {
    "d72e6b8900c113eaec7d36c9dc8a660c": "running",
    "d3c356ac479b3f857a2f7980acbcfcc2": "new",
    "9e7bb74a917fc4aaea599bd601a4d20c": "new for 1.5",
    "93ebdb7764468dd3d15438faeaaa37df": "new mode",
    "7a4bdc5be82f0cbfce716b8d29034112": "newer",
    "2c0274390ea27201727fd0914d1fc810": "second",
    "a7c1c223420cd563cc3e2e32478e4eb2": "smaller",
    "075810bd7fe1731e9738e4b12e72f22a": "wrong flash",
    "07e36969eb12c1bca9963c587101f0a5": "not homie",
    "53f38eb5aa2eed2b474cb2f7229774e0": "big",
    "d77c6a8cfc4d7eacb0b3accdf725a41c": "not e9",
    "de0ddd17bfe8e4e6f49f58545bc3f84a": "gzip",
    "b920caffe1793f61f49928c943d63c35": "gzip",
    "3406877694691ddd1dfb0aca54681407": "one byte",
}
"""Recorded digest -> the sample that stands for it."""


@cache
def payload_of(length: int, digest: str, recorded_md5: str) -> bytes:
    """What stands for a recorded payload, told by its length, the digest in its topic and its own."""
    data = image(IMAGES.get(recorded_md5) or IMAGES.get(digest, "new"))
    text = b64encode(data)
    lines = b"\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    for candidate in (data, text, text.rstrip(b"="), lines + b"\n", lines):
        if len(candidate) == length:
            data = candidate
    data = data[:length]
    damaged = digest in IMAGES and recorded_md5 not in IMAGES and data == image(IMAGES[digest])
    middle = len(data) // 2
    return data[:middle] + bytes((data[middle] ^ 0xFF,)) + data[middle + 1 :] if damaged else data


@cache
def _our_digests() -> dict[str, str]:
    ours = {recorded: md5(image(name)).hexdigest() for recorded, name in IMAGES.items()}
    return ours | {recorded.upper(): digest.upper() for recorded, digest in ours.items()}


def translated(text: str) -> str:
    """Recorded words with the digests of our samples."""
    return _DIGEST.sub(lambda found: _our_digests().get(found[0], found[0]), text)


_DIGEST = re.compile("[0-9a-fA-F]{32}")


@dataclass(frozen=True)
class Message:
    """One recorded or sent message, as compared."""

    topic: str
    payload: str
    qos: int
    retain: bool

    def matches(self, other: Message) -> bool:
        if self.topic == other.topic and self.topic.endswith(("$stats/uptime", "$uptime")):
            near = abs(int(self.payload) - int(other.payload)) <= 6
            return near and (self.qos, self.retain) == (other.qos, other.retain)
        return self == other


@dataclass
class Recording:
    """One scenario: what was done, and what the device said, in order."""

    path: Path
    lines: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path, until: float | None = None) -> Recording:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        lines = [line for line in lines if until is None or line["t"] < until]
        return cls(path, _without_commands(_without_strangers(lines)))

    def said(self, below: str) -> str:
        """The first payload that the device published below its own topic."""
        for line in self.lines:
            if line["kind"] == "msg" and line["topic"].partition("/")[2] == below:
                return str(line["payload"])
        return ""

    @property
    def device_id(self) -> str:
        return next(str(line["topic"]).partition("/")[0] for line in self.lines if _is_device(line))

    def summary(self, key: str) -> Any:
        return next((line.get(key) for line in self.lines if line["kind"] == "summary"), None)


def _is_device(line: dict[str, Any]) -> bool:
    return line["kind"] == "msg" and str(line["topic"]).endswith(("$homie", "$fwname"))


def _without_strangers(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Normalisation 7: what was still around from an earlier recording."""
    started = next(at for at, line in enumerate(lines) if line.get("what") == "start device")
    mine = next(line for line in lines[started:] if _is_device(line))["topic"].partition("/")[0]
    return [
        line
        for at, line in enumerate(lines)
        if at > started or line["kind"] != "msg" or line["topic"].startswith(mine)
    ]


def _without_commands(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Normalisation 4: the recorder's own view of what was sent goes into the line that says it was sent."""
    actions = [line for line in lines if line["kind"] == "action" and "publish" in line["what"]]
    kept = []
    for line in lines:
        mine = next((each for each in actions if line["kind"] == "msg" and _is_echo(line, each)), None)
        if mine is None:
            kept.append(line)
        else:
            actions.remove(mine)
            mine["seen"] = line
    return kept


def _is_echo(line: dict[str, Any], action: dict[str, Any]) -> bool:
    if "topic" not in action:
        below = "/" + str(action["what"]).split()[1]
        return bool(str(line["topic"]).endswith(below) and line["qos"] == 1)
    same = (line["topic"], line["qos"], line["retain"]) == (action["topic"], action["qos"], action["retain"])
    return bool(same and action["len"] in (line.get("len"), len(line.get("payload", "?"))))


def command_payload(action: dict[str, Any]) -> bytes:
    """What was sent to the device: as recorded where it is short, else what stands for it."""
    seen = action.get("seen", {})
    if "payload" in seen:
        return translated(seen["payload"]).encode()
    if "payload_b64" in seen:
        return b64decode(seen["payload_b64"])
    digest = action["topic"].rpartition("/")[2].lower()
    return payload_of(action["len"], digest, seen.get("md5", digest))


def payload_text(line: dict[str, Any]) -> str:
    return translated(str(line.get("payload", "?")))


def progress_after(lines: list[dict[str, Any]], at: int) -> list[int]:
    """The first few `206` of the transfer that begins after this line."""
    found: list[int] = []
    for line in lines[at:]:
        text = str(line.get("payload", ""))
        if text.startswith("206 "):
            found.append(int(text[4:].partition("/")[0]))
        elif found and line["kind"] == "msg" and line["topic"].endswith("ota/status"):
            break
    return found[:_PROBE]


def first_bursts(topic: str, payload: bytes, qos: int, progress: list[int]) -> tuple[int, ...]:
    """Normalisation 2: the first bursts that explain the first progress."""
    lost = (0,) if payload[:1] == b"\xe9" else (0, 1, 2)
    for bursts in FIRST_BURSTS:
        ends = [each.index + len(each.data) for each in Stream(bursts).chunks(topic, payload, qos)]
        done = ends if len(lost) == 1 else [end * 3 // 4 for end in ends]
        if set(progress) <= {each - less for each in done for less in lost}:
            return bursts
    return FIRST_BURSTS[0]


@dataclass(frozen=True)
class Unseen:
    """What a recording does not show directly, worked out from what it shows later.

    `bursts` is the first burst of an image that was refused before it made progress (the boundaries of the next one
    tell), `reads_before_cut` what develop, which reports every 100th chunk, still read before its connection broke.
    """

    bursts: tuple[int, ...] | None = None
    reads_before_cut: int = 0


class Player:
    """A broker, a network and a person in one: plays what was done and collects what the device says."""

    def __init__(
        self,
        device: VirtualDevice,
        recording: Recording,
        unseen: Unseen | None = None,
        answer: Callable[[dict[str, Any]], HttpResponse | None] = lambda _: None,
        refuses: bool = False,
    ) -> None:
        self.device = device
        self.recording = recording
        self._unseen = unseen or Unseen()
        self._answer = answer
        self._refuses = refuses
        self.sent: list[Message] = []
        self.requests: list[bytes] = []
        self._retained: dict[str, tuple[bytes, int]] = {}
        self._filters: tuple[str, ...] = ()
        self._will: Publish | None = None
        self._pending: list[tuple[int, Chunk]] = []
        self._stream = Stream()
        self._at = 0
        self._compared = 0
        self._is_cut = False

    # --- the broker -----------------------------------------------------------------------------------------------

    def do(self, outputs: list[Output], now: float) -> None:
        """Do what the device wants done."""
        for output in outputs:
            match output:
                case Publish():
                    self._log(output)
                case Connect(will=will):
                    self._will = will
                    self.do(self.device.connected(), now)
                case Subscribe(filters=filters):
                    self._subscribe(filters, now)
                case HttpGet(raw=raw):
                    self._request(raw, now)
                case Disconnect() | Drop():
                    self._will = None if isinstance(output, Disconnect) else self._will
                    self._leave()

    def _subscribe(self, filters: tuple[str, ...], now: float) -> None:
        self._filters = filters
        for topic, (payload, qos) in list(self._retained.items()):
            self._deliver(topic, payload, qos, retain=True)
        self._feed_commands(now)

    def _request(self, raw: bytes, now: float) -> None:
        if self._refuses:
            self.do(self.device.http_response(now, None), now)
        else:
            self.requests.append(raw)

    def _log(self, message: Publish) -> None:
        topic = message.topic.removeprefix(self.device.identity.base)
        self.sent.append(Message(topic, message.payload.decode(), message.qos, message.retain))
        if message.retain and not message.payload:
            self._retained.pop(message.topic, None)

    def _leave(self) -> None:
        if self._will:
            self._log(self._will)
        self._will = None
        self._filters = ()
        self._pending.clear()

    def publish(self, topic: str, payload: bytes, qos: int, *, retain: bool, now: float) -> None:
        """Somebody publishes a command; it reaches the device when that is connected and subscribed."""
        if retain:
            self._retained[topic] = (payload, qos)
        if self._filters:
            self._deliver(topic, payload, qos, retain=False)
        self._feed_commands(now)

    def _feed_commands(self, now: float) -> None:
        """What is no image reaches the device at once, with whatever came before it."""
        while self._pending and self._pending[-1][1].total < 1000:
            self.feed(now)

    def _deliver(self, topic: str, payload: bytes, qos: int, *, retain: bool) -> None:
        if not self._pending:
            progress = progress_after(self.recording.lines, self._at)
            bursts = self._unseen.bursts
            self._stream = Stream(first_bursts(topic, payload, qos, progress) if bursts is None else bursts)
        for chunk in self._stream.chunks(topic, payload, qos, retain=retain):
            self._pending.append((self._stream.reads, chunk))

    # --- the play -------------------------------------------------------------------------------------------------

    def feed(self, now: float) -> None:
        """The next read of the device's socket: every piece that came with it."""
        read = self._pending[0][0]
        while self._pending and self._pending[0][0] == read:
            _, chunk = self._pending.pop(0)
            self.do(self.device.chunk(now, chunk), now)

    def tick(self, now: float) -> None:
        self.do(self.device.tick(now), now)

    def cut(self, now: float) -> None:
        """The TCP connection breaks."""
        self._leave()
        self.do(self.device.connection_lost(now), now)

    def will_be_cut(self) -> None:
        self._is_cut = True

    def kill(self) -> None:
        self._leave()
        self.device.power_off()

    def play(self) -> None:
        """From the first line to the last; fails at the first message that differs."""
        lines = self.recording.lines
        for at, line in enumerate(lines):
            self._at = at
            match line["kind"]:
                case "action":
                    self.act(line, line["t"])
                case "msg":
                    self.expect(line, is_last=all(each["kind"] != "msg" for each in lines[at + 1 :]))
                case "note":
                    self.tick(line["t"])
                case "http-request":
                    self.expect_request(line)
                case "http-response":
                    answer = self._answer(line)
                    self.do(self.device.http_response(line["t"], answer), line["t"])
        assert self.sent[self._compared :] == [], "said more than was recorded"

    def act(self, line: dict[str, Any], now: float) -> None:
        """Do to the device what was done to the real one."""
        what, base = str(line["what"]), self.device.identity.base
        if what == "publish":
            topic = translated(base + line["topic"])
            self.publish(topic, command_payload(line), line["qos"], retain=line["retain"], now=now)
        elif what.startswith("publish "):
            _, below, *payload_words = what.split()
            payload = (payload_words or [line["payload"]])[0].encode()
            topic = f"{self.device.identity.topic}/{below}"
            self.publish(topic, payload, 1, retain=line.get("retain", False), now=now)
        else:
            _DEEDS[what](self, now)

    def expect(self, line: dict[str, Any], *, is_last: bool) -> None:
        """The next message of the device is this one."""
        wanted = Message(line["topic"], payload_text(line), line["qos"], line["retain"])
        self.cut_when_due(wanted, line["t"])
        self.get_on(lambda: len(self.sent) > self._compared, wanted.topic, line["t"], is_last=is_last)
        got = self.sent[self._compared] if len(self.sent) > self._compared else None
        where = f"line t={line['t']} of {self.recording.path.name}, message {self._compared}"
        assert got is not None, f"{where}: the device says nothing, {wanted} was recorded"
        assert got.matches(wanted), f"{where}:\n  said     {got}\n  recorded {wanted}"
        self._compared += 1

    def cut_when_due(self, wanted: Message, now: float) -> None:
        """Normalisation 8: a connection that was cut breaks when the device has read what it had."""
        if self._is_cut and not wanted.topic.endswith("ota/status"):
            self._is_cut = False
            for _ in range(self._unseen.reads_before_cut):
                self.feed(now)
            self.cut(now)

    def expect_request(self, line: dict[str, Any]) -> None:
        """The next HTTP request is this one, byte for byte."""
        self.get_on(lambda: bool(self.requests), "", line["t"], is_last=False)
        assert self.requests.pop(0).decode() == line["raw"]

    def get_on(self, is_done: Callable[[], bool], topic: str, now: float, *, is_last: bool) -> None:
        """Let bytes or time reach the device until it did something: bytes when a status is due, else time."""
        for _ in range(2000):
            if is_done():
                return
            if topic.endswith("ota/status") and self._pending:
                self.feed(now)
            elif is_last:
                self.kill()
            else:
                self.tick(now)


_DEEDS: dict[str, Callable[[Player, float], None]] = {
    "start device": lambda player, now: player.do(player.device.power_on(now), now),
    "cut TCP (SIGHUP)": lambda player, _: player.will_be_cut(),
    "kill -9": lambda player, _: player.kill(),
    "drop Wi-Fi (SIGUSR1)": lambda player, now: player.do(player.device.wifi_lost(now), now),
    "prepareToSleep (SIGUSR2)": lambda player, now: player.do(player.device.sleep(now), now),
}

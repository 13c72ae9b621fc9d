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

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from homie_ota.model import Publish
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.segments import Stream
from homie_ota.simulator.values import (
    Chunk,
    Connect,
    Disconnect,
    Drop,
    HttpGet,
    HttpResponse,
    Output,
    Subscribe,
)
from simulator.recordings import Message, Recording, command_payload, payload_text, translated

FIRST_BURSTS = ((4344,), (), (1448,), (1448, 4344), (1440,))
_PROBE = 4
"""How many progress messages are used to find the first burst."""


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
    tell), `reads_before_cut` what develop, which reports every 100th chunk, still read before its connection broke,
    `ends_midway` that the recorder stopped it in the middle of something.
    """

    bursts: tuple[int, ...] | None = None
    reads_before_cut: int = 0
    ends_midway: bool = False


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
        if self.recording.is_shortened:
            self.settle(lines[-1]["t"])
        assert self.sent[self._compared :] == [], "said more than was recorded"
        assert self.requests == [], "asked more than was recorded"

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

    def settle(self, now: float) -> None:
        """Before the recorder ended it: what was silent then has to stay silent, however long one waits."""
        if self._unseen.ends_midway:
            return
        while self._pending:
            self.feed(now)
        for _ in range(3):
            self.tick(now)

    def get_on(self, is_done: Callable[[], bool], topic: str, now: float, *, is_last: bool) -> None:
        """Let bytes or time reach the device until it did something: bytes when a status is due, else time."""
        for _ in range(2000):
            if is_done():
                return
            if topic.endswith("ota/status") and self._pending:
                self.feed(now)
            elif is_last:
                self.settle(now)
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

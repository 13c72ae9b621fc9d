"""Every recorded scenario of 1.5.0, message for message and request byte for byte (see player.py for how)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from homie_ota.simulator.fleet import make_device
from homie_ota.simulator.generations import V1
from homie_ota.simulator.http import parse
from homie_ota.simulator.images import read_sketch
from homie_ota.simulator.setup import Setup
from homie_ota.simulator.values import Hardware, HttpResponse, Identity, OtaServer, Timing
from simulator.player import Player
from simulator.recordings import FOLDER, RELAY, Recording, image, translated

RUNNING_SECTORS = 401_408
"""What the running sketch of 399,997 bytes takes in flash."""
BODIES = {"http_not_e9": "not e9", "http_wrong_flash": "wrong flash", "http_too_big": "big"}
NOBODY_ANSWERS = {"http_refused"}


def scenarios() -> list[str]:
    return sorted(path.stem for path in (FOLDER / "homie1").glob("*.jsonl"))


def header(recording: Recording, name: str, otherwise: str) -> str:
    """A header of the first recorded request."""
    requests = (line["raw"] for line in recording.lines if line["kind"] == "http-request")
    found = re.search(rf"^{name}: (.*?)\r$", next(requests, ""), re.MULTILINE)
    return found[1] if found else otherwise


def setup_of(recording: Recording) -> Setup:
    """What the recorded device says of itself."""
    host, _, port = header(recording, "Host", "127.0.0.1:80").partition(":")
    return Setup(
        identity=Identity(
            base="devices/",
            device_id=recording.device_id,
            name=recording.said("$name"),
            mac=header(recording, "x-ESP8266-STA-MAC", "5C:CF:7F:00:00:01"),
            ip=recording.said("$localip"),
        ),
        sketch=read_sketch(image("running")),
        nodes=(RELAY,),
        hardware=Hardware(sketch_area=int(header(recording, "x-ESP8266-free-space", "0")) + RUNNING_SECTORS),
        timing=Timing(reboot=0, reconnect=0),
        server=OtaServer(host, int(port)),
    )


def answer_of(scenario: str, line: dict[str, Any]) -> HttpResponse | None:
    """The recorded answer with a body of our own; a broken off one is as short as it was."""
    head = translated(line["head"]).encode() + b"\r\n\r\n"
    body = image(BODIES.get(scenario, "new for 1.5"))
    return parse(head + body[: max(0, line["total_bytes"] - len(head))])


def with_wills_in_place(recording: Recording) -> None:
    """Normalisation 6: the will of a session stands before the first word of the next one."""
    lines = recording.lines
    wills = [line for line in lines if line["kind"] == "msg" and line["qos"] == 2]
    for will in wills[:-1]:
        lines.remove(will)
    starts = [line for line in lines if str(line.get("topic")).endswith("$online") and line["qos"] == 0]
    assert len(starts) == len(wills), "as many sessions as wills"
    for will, start in zip(wills, starts[1:], strict=False):
        lines.insert(next(at for at, line in enumerate(lines) if line is start), will)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="no recorded traffic here: ../shared is absent")
@pytest.mark.parametrize("scenario", scenarios() or ["(none)"])
def test_a_virtual_1_5_device_says_and_asks_what_the_recorded_one_did(scenario: str) -> None:
    recording = Recording.load(FOLDER / "homie1" / f"{scenario}.jsonl")
    with_wills_in_place(recording)
    device = make_device(V1, setup_of(recording))
    player = Player(
        device,
        recording,
        answer=lambda line: answer_of(scenario, line),
        refuses=scenario in NOBODY_ANSWERS,
    )
    player.play()

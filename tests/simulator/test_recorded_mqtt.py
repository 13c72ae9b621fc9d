"""Every recorded scenario of 2.0.0, 3.0.1 and develop, message for message (see player.py for how)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from homie_ota.simulator.fleet import make_device
from homie_ota.simulator.generations import V2, V3, V3DEV, Generation
from homie_ota.simulator.images import read_sketch
from homie_ota.simulator.setup import Setup
from homie_ota.simulator.values import Faults, Hardware, Identity, Timing
from simulator.player import Player, Unseen
from simulator.recordings import FOLDER, RELAY, Recording, image

GENERATION_OF = {"homie2": V2, "homie3": V3, "homie3dev": V3DEV}
AT_ONCE = Timing(reboot=0, reconnect=0)

NOT_A_SCENARIO = {
    "homie2/topic_too_long_xxxxxxxxxx": "two firmwares under one client id threw each other out from the start",
}
SHORTENED = {
    # From then on two firmwares under one client id throw each other out.
    "homie3/topic_too_long_xxxxxxxxxx": 6.3,
}
OTHER_MODE = {"flash_mode_mismatch", "retained_mode_loop"}
"""Scenarios in which the chip's flash mode is not the image's."""
GARBLED = {"homie2/base64_align_q1_0"}
"""Recordings in which the decoder's stray write spoiled the image instead of shortening it."""

UNSEEN = {
    "homie2/invalid_md5_topic": Unseen(bursts=()),
    "homie3/not_e9": Unseen(bursts=()),
    "homie3dev/drop_mid_transfer": Unseen(reads_before_cut=51),
    "homie3dev/retained_mode_loop": Unseen(ends_midway=True),
    **{
        f"{folder}/base64_align_{good}": Unseen(ends_midway=True)
        for folder in ("homie2", "homie3")
        for good in ("q0_0", "q0_1", "q1_2", "q1_3")
    },
}


def scenarios() -> list[str]:
    if not FOLDER.is_dir():
        return []
    found = (path for name in GENERATION_OF for path in sorted((FOLDER / name).glob("*.jsonl")))
    return [f"{path.parent.name}/{path.stem}" for path in found]


def device_of(name: str, recording: Recording) -> Setup:
    """What the recorded device says of itself."""
    config = json.loads(recording.said("$implementation/config"))
    scenario = name.partition("/")[2]
    running = image("new") if recording.said("$fw/version") == "1.1.0" else image("running")
    return Setup(
        identity=Identity(
            base=config["mqtt"]["base_topic"],
            device_id=recording.device_id,
            name=recording.said("$name"),
            mac=recording.said("$mac"),
            ip=recording.said("$localip"),
        ),
        sketch=read_sketch(running),
        nodes=(RELAY,),
        hardware=Hardware(flash_mode=0 if scenario in OTHER_MODE else 2),
        timing=replace(AT_ONCE, interval=config["device_stats_interval"]),
        faults=Faults(
            disabled=not config["ota"]["enabled"],
            flash_error_at=102_400 if scenario == "flash_error" else 0,
        ),
        broker=(config["mqtt"]["host"], config["mqtt"]["port"]),
    )


def generation_of(name: str) -> Generation:
    generation = GENERATION_OF[name.partition("/")[0]]
    if name not in GARBLED:
        return generation
    return replace(generation, quirks=replace(generation.quirks, garbled_base64=True))


@pytest.mark.skipif(not FOLDER.is_dir(), reason="no recorded traffic here: ../shared is absent")
@pytest.mark.parametrize("name", scenarios() or ["(none)"])
def test_a_virtual_device_says_what_the_recorded_one_said(name: str) -> None:
    if reason := NOT_A_SCENARIO.get(name):
        pytest.skip(reason)
    recording = Recording.load(FOLDER / f"{name}.jsonl", until=SHORTENED.get(name))
    device = make_device(generation_of(name), device_of(name, recording))
    player = Player(device, recording, UNSEEN.get(name))
    player.play()
    assert device.boots == recording.summary("boots") or recording.summary("boots") is None

"""Images over MQTT: progress, refusals, what an interruption leaves behind, without any recording."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from gzip import compress
from hashlib import md5

import pytest

from homie_ota.model import Publish
from homie_ota.simulator.fleet import make_device
from homie_ota.simulator.generations import GENERATIONS
from homie_ota.simulator.images import make_image, with_flash_mode
from homie_ota.simulator.setup import Phase
from homie_ota.simulator.values import (
    Hardware,
    Timing,
)
from simulator.bench import IMAGE, NEW, NEW_MD5, OLD, OLD_MD5, STATUS, Bench


def test_an_update_is_told_segment_by_segment_and_ends_in_a_reboot() -> None:
    bench = Bench("v3").up()
    bench.send(f"{IMAGE}/{NEW_MD5}", NEW)
    statuses = bench.texts(STATUS)
    first = 1460 - (1 + 3 + 2 + len(f"homie/hall-lamp/{IMAGE}/{NEW_MD5}") + 2)
    assert statuses[:4] == ["202", *(f"206 {n}/20000" for n in (first, first + 1460, first + 2884))]
    assert statuses[-2:] == ["206 20000/20000", "200"]
    assert all(each[1:] == (each.payload, 0, True) for each in bench.outputs if isinstance(each, Publish))
    bench.outputs.clear()
    bench.pass_time(3)
    assert bench.kinds() == ["Drop", "Connect", "Subscribe"]
    assert bench.texts("$fw/version") == ["1.1.0"]
    assert bench.texts("$fw/checksum") == [NEW_MD5]


HALF = NEW[: len(NEW) // 2]
REFUSALS = [
    ("equal to what runs", OLD, OLD_MD5, ["304"]),
    ("no digest", NEW, "not-an-md5", ["400 BAD_CHECKSUM"]),
    ("another digest", NEW, "d41d8cd98f00b204e9800998ecf8427e", ["202", "400 BAD_CHECKSUM"]),
    ("truncated", HALF, NEW_MD5, ["202", "400 BAD_CHECKSUM"]),
    ("no E9", b"\0" + NEW[1:], "", ["202", "400 BAD_FIRMWARE"]),
    ("gzip", compress(NEW), "", ["202", "400 BAD_FIRMWARE"]),
    ("for 16 MiB of flash", NEW[:3] + b"\x90" + NEW[4:], "", ["202", "400 BAD_FIRMWARE"]),
    ("bigger than the room", NEW + bytes(1_100_000), "", ["202", "400 NOT_ENOUGH_SPACE"]),
    ("base64 without padding", b64encode(NEW).rstrip(b"="), NEW_MD5, ["202", "400 BAD_FIRMWARE"]),
    ("base64 with line breaks", b64encode(NEW)[:76] + b"\n\n\n\n", NEW_MD5, ["202", "400 BAD_FIRMWARE"]),
    ("empty", b"", NEW_MD5, []),
]


@pytest.mark.parametrize(
    ("what", "payload", "digest", "statuses"), REFUSALS, ids=[row[0] for row in REFUSALS]
)
@pytest.mark.parametrize("key", ["v2", "v3", "v3dev", "v4", "v5"])
def test_what_is_refused_is_refused_in_its_words(
    key: str, what: str, payload: bytes, digest: str, statuses: list[str]
) -> None:
    bench = Bench(key).up()
    assert bench.offer(payload, digest) == statuses
    bench.pass_time(10)
    assert bench.device.boots == 1, what
    # The next good one is taken.
    bench.outputs.clear()
    assert bench.offer() == ["202", "200"]


def test_a_single_byte_is_accepted_and_the_device_never_comes_back() -> None:
    bench = Bench("v3").up()
    assert bench.offer(b"\xe9") == ["202", "200"]
    bench.pass_time(100)
    assert bench.kinds() == ["Drop"]
    assert bench.device.phase is Phase.GONE


def test_a_digest_in_upper_case_is_another_one() -> None:
    bench = Bench("v3").up()
    assert bench.offer(OLD, OLD_MD5.upper()) == ["202", "200"]


@pytest.mark.parametrize(
    ("device_id", "statuses"),
    [("h", ["202", "200"]), ("hh", ["202", "400 BAD_FIRMWARE"]), ("hhh", ["202", "400 BAD_FIRMWARE"]),
     ("hhhh", ["202", "200"])],
)  # fmt: skip
def test_base64_works_or_not_by_the_length_of_the_topic(device_id: str, statuses: list[str]) -> None:
    bench = Bench("v3")
    bench.device.identity = replace(bench.device.identity, device_id=device_id)
    bench.up()
    assert bench.offer(b64encode(NEW), NEW_MD5) == statuses


def test_the_wrong_byte_of_the_base64_decoder_can_spoil_an_image_instead() -> None:
    generation = GENERATIONS["v2"]
    quirks = replace(generation.quirks, garbled_base64=True)
    bench = Bench("v2")
    bench.device = make_device(replace(generation, quirks=quirks), bench.device._setup)
    bench.device.identity = replace(bench.device.identity, device_id="hh")
    bench.up()
    assert bench.offer(b64encode(NEW), NEW_MD5) == ["202", "400 BAD_CHECKSUM"]


def test_develop_tells_every_hundredth_chunk_counted_over_all_updates() -> None:
    bench = Bench("v3dev").up()
    big = make_image("lamp", "1.1.0", size=200_000)
    assert bench.offer(big, "d41d8cd98f00b204e9800998ecf8427e") == ["202", "400 BAD_CHECKSUM"]
    first = [text for text in bench.texts(STATUS) if text.startswith("206")]
    bench.outputs.clear()
    bench.offer(big)
    second = [text for text in bench.texts(STATUS) if text.startswith("206")]
    assert len(first) == len(second) == 1
    assert int(second[0][4:].partition("/")[0]) < int(first[0][4:].partition("/")[0])


def test_a_second_image_right_behind_begins_and_dies_with_the_reboot() -> None:
    bench = Bench("v3").up()
    bench.offer()
    assert bench.offer(OLD[:3000], "d41d8cd98f00b204e9800998ecf8427e", part=0.4) == ["202", "200", "202"]
    bench.pass_time(3)
    assert bench.texts("$fw/version") == ["1.1.0"]


@pytest.mark.parametrize(("extra", "statuses"), [(0, ["202", "200"]), (1, [])])
def test_a_topic_of_more_than_128_characters_is_ignored(extra: int, statuses: list[str]) -> None:
    bench = Bench("v3")
    own = 128 - len(f"/hall-lamp/{IMAGE}/{NEW_MD5}") + extra
    bench.device.identity = replace(bench.device.identity, base="b" * own + "/")
    bench.up()
    assert bench.offer() == statuses


def test_another_flash_mode_than_the_chips_changes_the_checksum() -> None:
    bench = Bench("v3", hardware=Hardware(flash_mode=0)).up()
    assert bench.offer() == ["202", "200"]
    bench.pass_time(3)
    assert bench.texts("$fw/version") == ["1.1.0"]
    assert bench.texts("$fw/checksum") == [md5(with_flash_mode(NEW, 0)).hexdigest()]


def cut_in_the_middle(key: str) -> Bench:
    bench = Bench(key).up()
    bench.offer(part=0.5)
    bench.do(bench.device.connection_lost(bench.now))
    bench.pass_time(1)
    return bench


def test_3_0_1_gets_over_an_interrupted_image() -> None:
    bench = cut_in_the_middle("v3")
    assert bench.texts("$state") == ["init", "ready"]
    bench.outputs.clear()
    assert bench.offer() == ["202", "200"]


def test_2_0_0_refuses_every_image_after_an_interrupted_one_until_it_reboots() -> None:
    bench = cut_in_the_middle("v2")
    for _ in range(2):
        bench.outputs.clear()
        assert bench.offer() == ["202", "500 INTERNAL_ERROR 0"]
    bench.send("$implementation/config/set", b'{"name":"Hall lamp"}')
    bench.pass_time(4)
    bench.outputs.clear()
    assert bench.offer() == ["202", "200"]


def test_develop_is_ready_and_silent_after_an_interrupted_image_until_one_ends() -> None:
    bench = cut_in_the_middle("v3dev")
    bench.pass_time(300)
    assert bench.texts("$state") == ["init", "ready"]
    assert not bench.texts("$stats/uptime")
    assert bench.offer(b"\0")[-2:] == ["202", "400 BAD_FIRMWARE"]
    bench.pass_time(60)
    assert bench.texts("$stats/uptime")


@pytest.mark.parametrize(("seconds", "kinds"), [(30, []), (41, ["Disconnect", "Connect", "Subscribe"])])
def test_a_device_drops_its_own_connection_41_s_into_an_image(seconds: float, kinds: list[str]) -> None:
    bench = Bench("v3", timing=Timing(reconnect=0, interval=1000)).up()
    bench.offer(part=0.5)
    bench.pass_time(seconds)
    assert bench.kinds() == kinds

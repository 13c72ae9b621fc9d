"""What virtual devices do, told without any recording: announces, updates, refusals, faults, each as a table."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from gzip import compress
from hashlib import md5
from typing import Any

import pytest

from homie_ota.model import Publish
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.fleet import make_device
from homie_ota.simulator.generations import GENERATIONS
from homie_ota.simulator.images import make_image, read_sketch, with_flash_mode
from homie_ota.simulator.segments import Stream
from homie_ota.simulator.setup import Phase, Setup
from homie_ota.simulator.values import (
    Connect,
    Disconnect,
    Drop,
    Faults,
    Hardware,
    HttpGet,
    HttpResponse,
    Identity,
    Node,
    Output,
    Property,
    Subscribe,
    Timing,
)

OLD = make_image("lamp", "1.0.0", size=20_000)
NEW = make_image("lamp", "1.1.0", size=20_000)
OLD_MD5, NEW_MD5 = (md5(each).hexdigest() for each in (OLD, NEW))
LIGHT = Node(
    "light",
    "Light",
    "switch",
    (Property("on", "On", "boolean", settable=True), Property("power", "Power", "float", unit="W")),
)
STATUS = "$implementation/ota/status"
IMAGE = "$implementation/ota/firmware"


class Bench:
    """A device with everything that it said, as (below its topic, text), and a clock that is turned by hand."""

    def __init__(self, key: str, *, old: bytes = OLD, **changed: Any) -> None:
        generation = GENERATIONS[key]
        identity = Identity(generation.base, "hall-lamp", "Hall lamp", "5C:CF:7F:00:00:01", "10.0.0.2")
        setup = Setup(identity, read_sketch(old), (LIGHT,), **({"timing": Timing()} | changed))
        self.device: VirtualDevice = make_device(generation, setup)
        self.now = 0.0
        self.outputs: list[Output] = []

    def up(self) -> Bench:
        """Powered, connected, ready, its first statistics said; forget all that."""
        self.do(self.device.power_on(self.now))
        self.pass_time(0)
        self.outputs.clear()
        return self

    def do(self, outputs: list[Output]) -> None:
        for output in outputs:
            self.outputs.append(output)
            if isinstance(output, Connect):
                self.do(self.device.connected())

    def pass_time(self, seconds: float) -> None:
        """Let time pass, tick by tick as the device wants them."""
        end = self.now + seconds
        while self.device.next_tick <= end:
            self.now = max(self.now, self.device.next_tick)
            self.do(self.device.tick(self.now))
        self.now = end

    def send(self, below: str, payload: bytes, *, part: float = 1.0, retain: bool = False) -> None:
        """Publish to the device; only a part of it arrives if wanted."""
        topic = f"{self.device.identity.topic}/{below}"
        chunks = list(Stream().chunks(topic, payload, 1, retain=retain))
        for chunk in chunks[: max(1, round(len(chunks) * part))]:
            self.do(self.device.chunk(self.now, chunk))

    def offer(self, image: bytes = NEW, digest: str = "", *, part: float = 1.0) -> list[str]:
        """Send an image; the statuses with progress left out."""
        self.send(f"{IMAGE}/{digest or md5(image).hexdigest()}", image, part=part)
        return [text for text in self.texts(STATUS) if not text.startswith("206")]

    @property
    def said(self) -> list[tuple[str, str]]:
        prefix = self.device.identity.topic + "/"
        published = [each for each in self.outputs if isinstance(each, Publish)]
        return [(each.topic.removeprefix(prefix), each.payload.decode()) for each in published]

    def texts(self, below: str) -> list[str]:
        return [text for topic, text in self.said if topic == below]

    def kinds(self) -> list[str]:
        return [type(each).__name__ for each in self.outputs if not isinstance(each, Publish)]


# --- announcing ---------------------------------------------------------------------------------------------------

ANNOUNCED = {
    "v1": [
        ("$online", "true"), ("$nodes", "light:switch"), ("$name", "Hall lamp"), ("$localip", "10.0.0.2"),
        ("$fwname", "lamp"), ("$fwversion", "1.0.0"), ("$signal", "80"), ("$uptime", "0"),
    ],
    "beta1": [
        ("$homie", "2.0.0"), ("$implementation", "esp8266"), ("$mac", "5C:CF:7F:00:00:01"),
        ("light/$type", "switch"), ("light/$properties", "on:settable,power"), ("$name", "Hall lamp"),
        ("$localip", "10.0.0.2"), ("$uptime/interval", "60"), ("$fw/name", "lamp"), ("$fw/version", "1.0.0"),
        ("$fw/checksum", OLD_MD5), ("$implementation/version", "2.0.0-beta.1"),
        ("$implementation/ota/enabled", "true"), ("$online", "true"), ("$signal", "80"),
        ("$uptime/value", "0"),
    ],
    "v2": [
        ("$homie", "2.0.0"), ("$mac", "5C:CF:7F:00:00:01"), ("$name", "Hall lamp"), ("$localip", "10.0.0.2"),
        ("$stats/interval", "0"), ("$fw/name", "lamp"), ("$fw/version", "1.0.0"), ("$fw/checksum", OLD_MD5),
        ("$implementation", "esp8266"), ("$implementation/version", "2.0.0"),
        ("$implementation/ota/enabled", "true"), ("light/$type", "switch"),
        ("light/$properties", "on:settable,power"), ("$online", "true"), ("$stats/signal", "80"),
        ("$stats/uptime", "0"),
    ],
    "v3": [
        ("$state", "init"), ("$homie", "3.0.1"), ("$name", "Hall lamp"), ("$mac", "5C:CF:7F:00:00:01"),
        ("$localip", "10.0.0.2"), ("$nodes", "light"), ("$stats", "uptime"), ("$stats/interval", "65"),
        ("$fw/name", "lamp"), ("$fw/version", "1.0.0"), ("$fw/checksum", OLD_MD5),
        ("$implementation", "esp8266"), ("$implementation/version", "3.0.0"),
        ("$implementation/ota/enabled", "true"), ("light/$name", "Light"), ("light/$type", "switch"),
        ("light/$properties", "on,power"), ("light/on/$name", "On"), ("light/on/$settable", "true"),
        ("light/on/$datatype", "boolean"), ("light/power/$name", "Power"), ("light/power/$datatype", "float"),
        ("light/power/$unit", "W"), ("$state", "ready"), ("$stats/interval", "65"), ("$stats/signal", "80"),
        ("$stats/uptime", "0"),
    ],
    "url": [
        ("$online", "true"), ("$name", "Hall lamp"), ("$localip", "10.0.0.2"), ("$mac", "5C:CF:7F:00:00:01"),
        ("$fw/name", "lamp"), ("$fw/version", "1.0.0"), ("$implementation", "esp32-idf"),
        ("$implementation/version", "dev"), ("$stats", "uptime,rssi,signal,freeheap"),
        ("$stats/interval", "60"), ("$implementation/ota/enabled", "true"),
        ("$implementation/ota/running", "0x00010000"), ("$implementation/ota/boot", "0x00010000"),
        ("$stats/uptime", "0"), ("$stats/rssi", "-60"), ("$stats/signal", "80"), ("$stats/freeheap", "30000"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("key", sorted(ANNOUNCED))
def test_a_device_announces_itself_in_the_order_of_its_generation(key: str) -> None:
    bench = Bench(key)
    bench.do(bench.device.power_on(0.0))
    bench.pass_time(0)
    assert [each for each in bench.said if each[0] != "$implementation/config"] == ANNOUNCED[key]


@pytest.mark.parametrize(
    ("key", "qos", "will"),
    [
        ("v1", 0, Publish("devices/hall-lamp/$online", b"false", 2, True)),
        ("v2", 1, Publish("homie/hall-lamp/$online", b"false", 1, True)),
        ("v3", 1, Publish("homie/hall-lamp/$state", b"lost", 1, True)),
        ("v5", 1, Publish("homie/5/hall-lamp/$state", b"lost", 1, True)),
        ("url", 1, Publish("homie/hall-lamp/$online", b"false", 0, True)),
    ],
)
def test_a_device_connects_as_brand_and_id_with_a_will(key: str, qos: int, will: Publish) -> None:
    bench = Bench(key)
    bench.do(bench.device.power_on(0.0))
    assert bench.outputs[0] == Connect("Homie-hall-lamp", will, 15)
    published = [each for each in bench.outputs if isinstance(each, Publish)]
    assert {(each.qos, each.retain) for each in published} == {(qos, True)}


def test_it_subscribes_before_it_is_ready() -> None:
    bench = Bench("v3")
    bench.do(bench.device.power_on(0.0))
    bench.pass_time(0)
    at = next(at for at, each in enumerate(bench.outputs) if isinstance(each, Subscribe))
    subscribed, ready = bench.outputs[at : at + 2]
    assert isinstance(subscribed, Subscribe)
    assert subscribed.filters == (
        "homie/hall-lamp/+/+/set", "homie/hall-lamp/$implementation/reset",
        "homie/hall-lamp/$implementation/config/set", "homie/hall-lamp/$implementation/ota/firmware/+",
        "homie/$broadcast/+",
    )  # fmt: skip
    assert ready == Publish("homie/hall-lamp/$state", b"ready", 1, True)


def test_a_homie_4_build_says_its_legacy_extensions() -> None:
    bench = Bench("v4")
    bench.do(bench.device.power_on(0.0))
    assert ("$homie", "4.0.0") in bench.said
    (extensions,) = bench.texts("$extensions")
    assert extensions.split(",")[0] == "org.homie.legacy-firmware:0.1.1:[4.x]"


def test_a_homie_5_build_describes_itself() -> None:
    bench = Bench("v5")
    bench.do(bench.device.power_on(0.0))
    (text,) = bench.texts("$description")
    description = json.loads(text)
    assert description.pop("version") > 0
    assert description == {
        "homie": "5.0",
        "name": "Hall lamp",
        "nodes": {
            "light": {
                "name": "Light",
                "type": "switch",
                "properties": {
                    "on": {"name": "On", "datatype": "boolean", "settable": True},
                    "power": {"name": "Power", "datatype": "float", "unit": "W"},
                },
            }
        },
        "extensions": ["io.github.labodj.esp-runtime"],
    }
    assert not bench.texts("$homie")


def test_statistics_come_at_their_interval() -> None:
    bench = Bench("v3").up()
    bench.pass_time(125)
    assert bench.texts("$stats/uptime") == ["60", "120"]


# --- an image over MQTT -------------------------------------------------------------------------------------------


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


# --- interrupted --------------------------------------------------------------------------------------------------


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


# --- commands -----------------------------------------------------------------------------------------------------


def test_a_new_configuration_is_emptied_merged_and_followed_by_a_reboot() -> None:
    bench = Bench("v3").up()
    bench.send("$implementation/config/set", b'{"name":"Renamed","ota":{"enabled":false}}')
    assert bench.said == [("$implementation/config/set", "")]
    bench.pass_time(3)
    assert bench.texts("$name") == ["Renamed"]
    assert json.loads(bench.texts("$implementation/config")[0])["ota"] == {"enabled": False}
    bench.outputs.clear()
    assert bench.offer() == ["403"]


@pytest.mark.parametrize(
    "document",
    [b"no json", b"[]", b"{}", b'{"mqtt":{"port":"x"}}', b'{"ota":{"enabled":1}}', b'{"name":7}',
     b'{"name":"' + b"x" * 1000 + b'"}'],
)  # fmt: skip
def test_a_configuration_that_does_not_fit_is_dropped_without_a_word(document: bytes) -> None:
    bench = Bench("v3").up()
    bench.send("$implementation/config/set", document)
    bench.pass_time(10)
    assert bench.said == [("$implementation/config/set", "")]
    assert bench.device.boots == 1


def test_secrets_of_a_configuration_are_never_published() -> None:
    bench = Bench("v3").up()
    bench.send("$implementation/config/set", b'{"wifi":{"ssid":"home","password":"s3cret"}}')
    bench.pass_time(3)
    assert all("s3cret" not in text for _, text in bench.said)
    assert json.loads(bench.texts("$implementation/config")[0])["wifi"] == {"ssid": "home"}


def test_a_reset_takes_the_device_away_for_good() -> None:
    bench = Bench("v3").up()
    bench.send("$implementation/reset", b"true")
    bench.pass_time(1000)
    assert bench.said == [("$implementation/reset", "false")]
    assert bench.kinds() == ["Drop"]
    assert bench.device.phase is Phase.GONE


@pytest.mark.parametrize(
    ("key", "below", "text", "retain", "said"),
    [
        ("v3", "light/on/set", "true", False, [("light/on", "true")]),
        ("v3", "light/on/set", "maybe", False, []),
        ("v3", "light/power/set", "5", False, []),
        ("v3", "light/on/set", "true", True, [("light/on", "true")]),
        ("v5", "light/on/set", "true", True, []),
        ("v1", "light/on/set", "false", False, [("light/on", "false")]),
    ],
)
def test_setting_a_property_is_answered_with_its_value(
    key: str, below: str, text: str, retain: bool, said: list[tuple[str, str]]
) -> None:
    bench = Bench(key).up()
    bench.send(below, text.encode(), retain=retain)
    assert bench.said == said


# --- the other ways -----------------------------------------------------------------------------------------------


def test_beta_1_takes_an_image_only_after_its_digest() -> None:
    bench = Bench("beta1").up()
    bench.send(IMAGE, NEW)
    assert bench.texts(STATUS) == ["400 NOT_REQUESTED"]
    bench.send("$implementation/ota/checksum", OLD_MD5.encode())
    bench.send("$implementation/ota/checksum", b"short")
    bench.send("$implementation/ota/checksum", NEW_MD5.encode())
    assert bench.texts(STATUS)[1:] == ["304", "400 BAD_CHECKSUM", "202"]
    bench.send(IMAGE, NEW)
    assert bench.texts(STATUS)[-1] == "200"
    bench.pass_time(3)
    assert bench.texts("$fw/checksum") == [NEW_MD5]


OLD_1 = make_image("lamp", "1.0.0", size=20_000, homie=False)
NEW_1 = make_image("lamp", "1.1.0", size=20_000, homie=False)


def in_ota_mode(wanted: bytes, **changed: Any) -> Bench:
    bench = Bench("v1", old=OLD_1, **changed).up()
    bench.send("$ota", wanted)
    bench.pass_time(3)
    return bench


@pytest.mark.parametrize("wanted", [b"1.0.0", b"v1.0.0-alpha+0012"])
def test_1_5_ignores_its_own_version_and_longer_ones(wanted: bytes) -> None:
    assert in_ota_mode(wanted).kinds() == []


@pytest.mark.parametrize(("wanted", "read"), [(b"1.1.0", "1.1.0"), (b"0123456789@1.0.3", "0123456789@1.0.3"),
                                              (b"", "\x01")])  # fmt: skip
def test_1_5_reboots_and_asks_for_what_it_was_told(wanted: bytes, read: str) -> None:
    bench = in_ota_mode(wanted)
    assert bench.kinds() == ["Drop", "HttpGet"]
    asked = next(each for each in bench.outputs if isinstance(each, HttpGet))
    assert (asked.host, asked.port) == ("127.0.0.1", 9080)
    assert asked.raw.decode().endswith(f"\r\nx-ESP8266-version: hall-lamp=lamp=1.0.0={read}\r\n\r\n")


ANSWERS = [
    ("good", HttpResponse(200, {"content-length": "20000", "x-md5": md5(NEW_1).hexdigest()}, NEW_1), "1.1.0"),
    ("no digest", HttpResponse(200, {"content-length": "20000"}, NEW_1), "1.1.0"),
    ("wrong digest", HttpResponse(200, {"content-length": "20000", "x-md5": "0" * 32}, NEW_1), "1.0.0"),
    ("chunked", HttpResponse(200, {"transfer-encoding": "chunked"}, NEW_1), "1.0.0"),
    ("cut off", HttpResponse(200, {"content-length": "20000"}, NEW_1[:9000]), "1.0.0"),
    ("nothing new", HttpResponse(304, {}, b""), "1.0.0"),
    ("a page", HttpResponse(200, {"content-length": "6"}, b"<html>"), "1.0.0"),
    ("no answer", None, "1.0.0"),
]


@pytest.mark.parametrize(("what", "answer", "runs"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_1_5_comes_back_whatever_the_answer_was(what: str, answer: HttpResponse | None, runs: str) -> None:
    bench = in_ota_mode(b"1.1.0")
    bench.do(bench.device.http_response(bench.now, answer))
    bench.pass_time(3)
    assert bench.texts("$fwversion") == [runs], what
    assert bench.device.boots == 3


def test_1_5_runs_what_it_was_asked_to_when_the_image_does_not_say() -> None:
    bench = in_ota_mode(b"0123456789@1.0.3")
    nameless = b"\xe9" + bytes(9_999)
    answer = HttpResponse(200, {"content-length": "10000"}, nameless)
    bench.do(bench.device.http_response(bench.now, answer))
    bench.pass_time(3)
    assert bench.texts("$fwversion") == ["1.0.3"]


def test_1_5_comes_back_as_3_under_its_mac_when_it_was_given_that() -> None:
    bench = in_ota_mode(b"2.0.0")
    answer = HttpResponse(200, {"content-length": str(len(NEW))}, NEW)
    bench.do(bench.device.http_response(bench.now, answer))
    assert bench.device.phase is Phase.GONE
    assert bench.device.successor is not None
    generation, setup = bench.device.successor
    assert (generation.key, setup.identity.topic) == ("v3", "homie/5ccf7f000001")
    assert setup.sketch.md5 == NEW_MD5


def test_an_esp32_says_begin_and_done_not_retained_and_runs_from_the_other_partition() -> None:
    bench = Bench("url", old=OLD_1).up()
    bench.send("$implementation/ota/url", b"http://10.0.0.1:9080/ota/i/abc?x=1")
    asked = next(each for each in bench.outputs if isinstance(each, HttpGet))
    assert (asked.host, asked.port, asked.tls) == ("10.0.0.1", 9080, False)
    assert asked.raw.startswith(b"GET /ota/i/abc?x=1 HTTP/1.1\r\n")
    answer = HttpResponse(200, {"content-length": "20000"}, NEW_1)
    bench.do(bench.device.http_response(bench.now, answer))
    assert bench.texts(STATUS) == ["202 ota begin", "200"]
    assert {each[2:] for each in bench.outputs if isinstance(each, Publish)} == {(1, False)}
    bench.pass_time(6)
    assert bench.texts("$fw/version") == ["1.1.0"]
    assert bench.texts("$implementation/ota/running") == ["0x001a0000"]


@pytest.mark.parametrize(
    ("url", "faults", "statuses"),
    [
        (b"http://h/" + b"x" * 250, Faults(), []),
        (b"nonsense", Faults(), ["202 ota begin", "500 esp_https_ota=-1"]),
        (b"http://h:port/", Faults(), ["202 ota begin", "500 esp_https_ota=-1"]),
        (b"http://h/i", Faults(no_space=True), ["500 no ota partitions"]),
    ],
)
def test_an_esp32_says_why_not(url: bytes, faults: Faults, statuses: list[str]) -> None:
    bench = Bench("url", old=OLD_1, faults=faults).up()
    bench.send("$implementation/ota/url", url)
    assert bench.texts(STATUS) == statuses


# --- sleeping, rebooting, faults ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("key", "word", "woken"), [("v3", "sleeping", "init"), ("v2", "false", "true")])
def test_a_sleeper_leaves_cleanly_and_wakes_as_after_a_boot(key: str, word: str, woken: str) -> None:
    bench = Bench(key, timing=Timing(awake=5, asleep=60)).up()
    topic = bench.device.generation.liveness.topic
    bench.pass_time(5)
    assert bench.texts(topic) == [word]
    assert isinstance(bench.outputs[-1], Disconnect)
    bench.outputs.clear()
    bench.pass_time(61)
    assert bench.texts(topic)[0] == woken
    assert bench.device.boots == 2


def test_a_sleeper_stays_awake_for_an_image() -> None:
    bench = Bench("v3", timing=Timing(awake=5, asleep=60)).up()
    bench.offer(part=0.5)
    bench.pass_time(30)
    assert bench.kinds() == []


FAULTY = [
    (Faults(never_returns=True), ["202", "200"], ["Drop"], []),
    (Faults(comes_back_old=True), ["202", "200"], ["Drop", "Connect", "Subscribe"], ["1.0.0"]),
    (Faults(statuses_lost=True), ["202"], ["Drop", "Connect", "Subscribe"], ["1.1.0"]),
    (Faults(slow_reboot=600), ["202", "200"], ["Drop"], []),
    (Faults(no_space=True), ["202", "400 NOT_ENOUGH_SPACE"], [], []),
    (Faults(checksum_refused=True), ["202", "400 BAD_CHECKSUM"], [], []),
    (Faults(refuses=True), ["403"], [], []),
    (Faults(flash_error_at=9000), ["202", "500 FLASH_ERROR"], [], []),
]


@pytest.mark.parametrize(("faults", "statuses", "kinds", "versions"), FAULTY)
def test_a_fault_shows_on_the_wire(
    faults: Faults, statuses: list[str], kinds: list[str], versions: list[str]
) -> None:
    bench = Bench("v3", faults=faults).up()
    assert bench.offer() == statuses
    bench.outputs.clear()
    bench.pass_time(50)
    assert bench.kinds() == kinds
    assert bench.texts("$fw/version") == versions


def test_a_rewritten_flash_mode_shows_as_another_checksum() -> None:
    bench = Bench("v3", faults=Faults(mode_rewritten=True)).up()
    bench.offer()
    bench.pass_time(3)
    assert bench.texts("$fw/version") == ["1.1.0"]
    assert bench.texts("$fw/checksum") != [NEW_MD5]


def test_a_device_that_drops_does_so_once_and_only_in_the_middle() -> None:
    bench = Bench("v3", faults=Faults(drop_at=0.5)).up()
    bench.offer()
    assert bench.kinds() == ["Drop"]
    assert bench.device.images_received == 0
    bench.pass_time(1)
    bench.outputs.clear()
    assert bench.offer() == ["202", "200"]


def test_a_restart_loop_begins_with_the_new_image() -> None:
    bench = Bench("v3", faults=Faults(restart_loop=True)).up()
    bench.pass_time(60)
    assert bench.device.boots == 1
    bench.offer()
    bench.pass_time(60)
    assert bench.device.boots > 5
    assert bench.device.firmware.version == "1.1.0"


def test_a_build_of_homie_5_comes_back_below_its_own_base() -> None:
    bench = Bench("v3", faults=Faults(crosses_to="v5")).up()
    bench.offer()
    bench.pass_time(3)
    assert bench.device.successor is not None
    generation, setup = bench.device.successor
    assert (generation.key, setup.identity.topic, setup.faults) == ("v5", "homie/5/hall-lamp", Faults())


def test_a_lost_connection_is_made_again_without_a_boot() -> None:
    bench = Bench("v3").up()
    bench.do(bench.device.connection_lost(bench.now))
    bench.pass_time(1)
    assert bench.kinds() == ["Connect", "Subscribe"]
    assert bench.device.boots == 1
    assert Drop() not in bench.outputs

"""The other ways of updating: two steps, a version and HTTP, an address."""

from __future__ import annotations

from hashlib import md5
from typing import Any

import pytest

from homie_ota.model import Publish
from homie_ota.simulator.setup import Phase
from homie_ota.simulator.values import (
    Faults,
    HttpGet,
    HttpResponse,
)
from simulator.bench import IMAGE, NEW, NEW_1, NEW_MD5, OLD_1, OLD_MD5, STATUS, Bench


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

"""The address for devices as the doctor sees it: told, reached, and what stands in between."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from doctor.conftest import Installation, look
from homie_ota.doctor import Finding, endpoint
from homie_ota.doctor.asking import ESP, Place, ask, health, place_of
from homie_ota.doctor.nouns import Patient
from homie_ota.esp import request as esp
from homie_ota.web.ota import PROBE
from servers import unused_port
from web.world import Server, World

NOT_KNOWN = b"this device is not known here\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, {})
    yield made
    made.close()


@pytest.fixture
async def server(world: World) -> AsyncIterator[Server]:
    async with Server(world) as made:
        yield made


@contextlib.asynccontextmanager
async def between(
    pass_on: Callable[[bytes], bytes], back: Callable[[bytes], bytes], port: int
) -> AsyncIterator[int]:
    """A proxy in front of a server, which does something to what goes there and what comes back."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        there, onward = await asyncio.open_connection("127.0.0.1", port)
        onward.write(pass_on(request))
        writer.write(back(await there.read(-1)))
        onward.close()
        writer.close()

    proxy = await asyncio.start_server(one, "127.0.0.1", unused_port())
    try:
        yield proxy.sockets[0].getsockname()[1]
    finally:
        proxy.close()
        await proxy.wait_closed()


@contextlib.asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[int]:
    """Somebody who answers everything so."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    made = await asyncio.start_server(one, "127.0.0.1", unused_port())
    try:
        yield made.sockets[0].getsockname()[1]
    finally:
        made.close()
        await made.wait_closed()


def same(data: bytes) -> bytes:
    return data


def without(*names: bytes) -> Callable[[bytes], bytes]:
    """Takes these headers away."""

    def taken(data: bytes) -> bytes:
        head, blank, body = data.partition(b"\r\n\r\n")
        kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(names)]
        return b"\r\n".join(kept) + blank + body

    return taken


async def seen(here: Installation, port: int, listens: int = 0) -> list[Finding]:
    """What is found of an address on loopback, which stands for one that devices reach."""
    patient = here.patient()
    told = replace(patient, told=f"http://127.0.0.1:{port}/ota", listens=("127.0.0.1", listens or port))
    place = place_of(told.told)
    told.known.running = await health(told) is not None
    return await endpoint._of_asking(told, place)


async def test_our_own_server_answers_a_device_as_it_should_and_nothing_is_moved(
    server: Server, world: World, here: Installation
) -> None:
    (found,) = await seen(here, server.port)
    assert (found.verdict, "(403)" in found.said) == ("good", True)
    assert world.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM event").scalar()) == 0


async def test_a_server_that_runs_is_known_and_one_that_does_not_is_too(
    server: Server, here: Installation
) -> None:
    patient = replace(here.patient(), listens=("127.0.0.1", server.port))
    told = await health(patient)
    assert told is not None
    assert told["broker"]["connected"] is True
    assert await health(replace(patient, listens=("127.0.0.1", unused_port()))) is None
    async with answering(answer("200 OK", b'{"status": "ok"}')) as port:
        assert await health(replace(patient, listens=("127.0.0.1", port))) is None


@pytest.mark.parametrize(
    ("pass_on", "back", "verdict", "word"),
    [
        (same, same, "good", "as it should"),
        (without(b"x-esp8266"), same, "bad", "x-ESP8266"),
        (same, without(b"x-md5"), "mind", "x-MD5"),
        (same, without(b"content-length"), "bad", "Content-Length"),
    ],
)
async def test_a_proxy_that_takes_headers_away_is_seen(
    pass_on: Callable[[bytes], bytes], back: Callable[[bytes], bytes], verdict: str, word: str,
    server: Server, here: Installation,
) -> None:  # fmt: skip
    async with between(pass_on, back, server.port) as port:
        (found,) = await seen(here, port, server.port)
    assert found.verdict == verdict
    assert word in found.said
    assert (f"proxy_pass http://127.0.0.1:{server.port}" in found.fix) is (verdict != "good")


def answer(status: str, body: bytes = b"", **headers: str) -> bytes:
    told = {"Content-Length": str(len(body)), "Connection": "close", **headers}
    lines = [
        f"HTTP/1.1 {status}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in told.items()),
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (answer("301 Moved", Location="https://ota.example.org/ota"), "few speak https"),
        (answer("302 Found", Location="/login"), "sends devices on to /login"),
        (answer("401 Unauthorized"), "asks devices for a password"),
        (answer("404 Not Found"), 'path = "/ota" in [ota]'),
        (answer("200 OK", b"<html>welcome"), "answers 200"),
        (answer("403 Forbidden", b"<html>nginx"), "somebody else"),
        (answer("502 Bad Gateway"), "answers 502"),
    ],
)
async def test_an_answer_that_no_device_could_use_is_bad(given: bytes, word: str, here: Installation) -> None:
    async with answering(given) as port:
        (found,) = await seen(here, port)
    assert found.verdict == "bad"
    assert word in found.said + found.fix


async def test_a_304_is_an_answer_of_ours_too(here: Installation) -> None:
    async with answering(answer("304 Not Modified")) as port:
        assert (await seen(here, port))[0].verdict == "good"


async def test_a_server_that_lets_only_some_networks_ask_is_told(tmp_path: Path, here: Installation) -> None:
    world = World(tmp_path, {"ota": {"http_networks": ["192.0.2.0/24"]}})
    async with Server(world) as made:
        (found,) = await seen(here, made.port)
    world.close()
    assert (found.verdict, found.fix[:13]) == ("mind", "http_networks")


async def test_what_speaks_no_http_is_not_reached(here: Installation) -> None:
    async with answering(b"220 mail.example.org ESMTP\r\n") as port:
        (found,) = await seen(here, port)
    assert "speaks no HTTP" in found.said


async def test_an_address_that_does_not_answer_while_the_server_runs_is_bad(
    server: Server, here: Installation
) -> None:
    (running,) = await seen(here, unused_port(), server.port)
    assert running.verdict == "bad"
    assert "sudo ufw allow" in running.fix
    (stopped,) = await seen(here, unused_port())
    assert stopped.verdict == "mind"
    assert "systemctl start homie-ota" in stopped.fix


async def test_the_clock_of_who_answers_is_compared(here: Installation) -> None:
    patient = here.patient()
    async with answering(
        answer("304 Not Modified", Date=formatdate(time.time() - 3600, usegmt=True))
    ) as port:
        told = replace(patient, told=f"http://127.0.0.1:{port}/ota")
        await endpoint._of_asking(told, place_of(told.told))
    assert told.known.http_ahead == pytest.approx(-3600, abs=60)
    assert endpoint.ahead("no date", 0.0) is None
    assert endpoint.ahead("", 0.0) is None


def of_address(patient: Patient) -> list[Finding]:
    return list(endpoint._of_address(patient, place_of(patient.told)))


@pytest.mark.parametrize(
    ("http", "verdict", "word"),
    [
        ({"host": "127.0.0.1"}, "bad", 'host = "0.0.0.0"'),
        ({"public_url": "http://localhost:9080"}, "bad", 'public_url = "http://ADDRESS:9080"'),
        ({"public_url": "https://ota.example.org"}, "mind", "device_port"),
        ({"public_url": "http://server.local:9080"}, "mind", "public_url"),
    ],
)
def test_an_address_that_devices_cannot_use_is_told(
    http: dict[str, Any], verdict: str, word: str, here: Installation
) -> None:
    (found,) = of_address(here.patient(http=http))
    assert found.verdict == verdict
    assert word in found.fix


def test_what_devices_are_told_is_what_the_server_would_find_out(here: Installation) -> None:
    assert here.patient().told == "http://192.0.2.7:9080/ota"
    assert here.patient(http={"device_port": 9081}, ota={"path": "/x"}).told == "http://192.0.2.7:9081/x"
    tls = {"tls_certificate": "a", "tls_key": "b"}
    assert here.patient(http=tls).told == "https://192.0.2.7:9080/ota"
    assert here.patient(http={"public_url": "http://ota:80"}).told == "http://ota:80/ota"


@pytest.mark.parametrize(
    ("http", "inside"),
    [
        ({}, True),
        ({"public_url": "http://172.17.0.2:9080"}, True),
        ({"public_url": "http://192.0.2.7:9080"}, False),
        ({"public_url": "http://172.17.0.3:9080"}, False),
    ],
)
def test_the_address_of_a_container_is_none_for_devices(
    http: dict[str, Any], inside: bool, here: Installation
) -> None:
    patient = replace(here.patient(http=http), contained=True, listens=("172.17.0.2", 9080))
    fixes = [each.fix for each in of_address(patient)]
    assert len(fixes) == int(inside)
    assert all(each.startswith("HOMIE_OTA_HTTP__PUBLIC_URL=http://ADDRESS:9080") for each in fixes)


async def test_a_name_that_nobody_knows_is_bad() -> None:
    place = place_of("http://no-such-name.invalid:9080/ota")
    (found,) = await endpoint._of_name(place)
    assert found.verdict == "bad"
    assert "public_url" in found.fix


async def test_an_address_of_ipv6_alone_is_minded() -> None:
    (found,) = await endpoint._of_name(place_of("http://[::1]:9080/ota"))
    assert found.verdict == "mind"
    assert await endpoint._of_name(place_of("http://127.0.0.1:9080/ota")) == []


def test_all_of_it_together(here: Installation) -> None:
    found = look(endpoint.endpoint, here.patient(http={"host": "127.0.0.1", "port": unused_port()}))
    assert [each.verdict for each in found] == ["bad"]


def test_the_probe_is_a_device_of_homie_1_5_that_wants_to_know_a_version_only() -> None:
    read = esp.read(ESP)
    assert read is not None
    assert (read.device_id, read.mode, read.have, read.want) == (PROBE, "version", "0.0.0", "0.0.1")


async def test_a_slow_answer_is_none() -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.5)
        writer.close()

    made = await asyncio.start_server(silent, "127.0.0.1", unused_port())
    with pytest.raises(TimeoutError):
        await ask(Place(False, "127.0.0.1", made.sockets[0].getsockname()[1], "/"), seconds=0.1)
    made.close()
    await made.wait_closed()

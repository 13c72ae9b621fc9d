"""The ESP endpoint: who gets an image and who does not, and what is on the wire, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from homie_ota.model import Deployment, DeploymentState, Firmware
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import deployments, devices, events, image_tokens
from web.world import ESP, Server, World

NEWER = "c631f278=awesome-light=1.0.0=1.1.0"


def old_light(world: World, **columns: Any) -> int:
    return world.old_device("c631f278", **{"fw_name": "awesome-light", **columns})


def raw(path: str = "/ota", **more: str) -> bytes:
    """A request as ESP8266httpUpdate of core 2.4 writes it."""
    headers = {
        "Host": "10.0.0.49:9080",
        **ESP,
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    lines = [f"GET {path} HTTP/1.0", *(f"{name}: {value}" for name, value in headers.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode()


def header_lines(head: bytes) -> list[bytes]:
    return head.split(b"\r\n")


async def test_a_device_that_was_told_gets_its_image_as_the_esp_wants_it(world: World) -> None:
    firmware = await asyncio.to_thread(world.firmware, "awesome-light", "1.1.0")
    attempt = world.order(old_light(world), firmware)
    async with Server(world) as server:
        head, body = await server.ask(raw(x_ESP8266_version=NEWER))
    lines = header_lines(head)
    assert lines[0].split()[1] == b"200"
    assert b"Content-Length: %d" % firmware.size in lines
    assert b"x-MD5: " + firmware.md5.encode() in lines
    assert b"Connection: close" in lines
    assert not [line for line in lines if line.lower().startswith(b"transfer-encoding")]
    assert hashlib.md5(body).hexdigest() == firmware.md5
    after = world.deployment(attempt.id)
    assert after.state is DeploymentState.REBOOTING
    assert after.bytes_done == firmware.size
    kinds = [each["data"].get("event") for each in world.read(lambda c: events.of_deployment(c, attempt.id))]
    assert kinds == [None, "offer", "accept", "flash"]


async def test_the_same_image_is_never_given_twice_for_one_attempt(world: World) -> None:
    firmware = await asyncio.to_thread(world.firmware, "awesome-light", "1.1.0")
    world.order(old_light(world), firmware)
    async with Server(world) as server:
        first, _ = await server.ask(raw(x_ESP8266_version=NEWER))
        second, body = await server.ask(raw(x_ESP8266_version=NEWER))
    assert first.split()[1] == b"200"
    assert second.split()[1] == b"304"
    assert body == b""


ARROW = "c631f278=awesome-light@1.0.0->{hash}@3.0.0"


@pytest.mark.parametrize("header", ["c631f278=awesome-light=1.0.0={hash}@3.0.0", ARROW])
def test_another_firmware_is_asked_for_by_the_hash_of_its_name(world: World, header: str) -> None:
    pk, firmware = old_light(world), world.firmware("dual-relay", "3.0.0")
    world.order(pk, firmware)
    short = hashlib.sha1(b"dual-relay").hexdigest()[:10]
    answer = world.client().get("/ota", headers={**ESP, "X-Esp8266-Version": header.format(hash=short)})
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == firmware.sha256


def told(world: World, pk: int, wanted: str, *, ago: float = 5.0) -> None:
    world.write(lambda c: devices.note_ota_request(c, pk, wanted, now=time.time() - ago))


def test_what_somebody_else_published_to_ota_is_honoured(world: World) -> None:
    pk, firmware = old_light(world), world.firmware("awesome-light", "1.1.0")
    told(world, pk, "1.1.0")
    answer = world.client().get("/ota", headers={**ESP, "x-esp8266-version": NEWER})
    assert answer.status_code == 200
    made = world.read(lambda c: deployments.find(c, device_pk=pk))
    assert [(each.sha256, each.created_by) for each in made] == [(firmware.sha256, "$ota")]


def _nobody_told(world: World) -> Any:
    old_light(world), world.firmware("awesome-light", "1.1.0")


def _told_something_else(world: World) -> Any:
    told(world, old_light(world), "1.2.0")


def _told_long_ago(world: World) -> Any:
    pk, _ = old_light(world), world.firmware("awesome-light", "1.1.0")
    told(world, pk, "1.1.0", ago=90_000)


def _told_and_unknown(world: World) -> Any:
    told(world, old_light(world), "1.1.0")


def _unknown_device(world: World) -> Any:
    world.firmware("awesome-light", "1.1.0")


def _still_queued(world: World) -> Any:
    pk = old_light(world)
    return world.order(pk, world.firmware("awesome-light", "1.1.0"), offered=False)


@pytest.mark.parametrize(
    ("scene", "status"),
    [
        (_nobody_told, 403),
        (_told_something_else, 403),
        (_told_long_ago, 403),
        (_unknown_device, 403),
        (_still_queued, 403),
        (_told_and_unknown, 304),
    ],
)
def test_nobody_gets_an_image_by_just_asking(
    world: World, scene: Callable[[World], Any], status: int
) -> None:
    attempt = scene(world)
    answer = world.client().get("/ota", headers={**ESP, "x-esp8266-version": NEWER})
    assert answer.status_code == status
    assert "x-md5" not in answer.headers
    if isinstance(attempt, Deployment):
        assert world.deployment(attempt.id).state is DeploymentState.QUEUED


def test_a_browser_is_told_what_this_address_is_for(world: World) -> None:
    answer = world.client().get("/ota", headers={"user-agent": "Mozilla/5.0"})
    assert answer.status_code == 403
    assert "ESP8266" in answer.text
    assert world.client().post("/ota", headers=ESP).status_code == 405
    assert world.client().head("/ota", headers=ESP).status_code == 405


MISFITS = [
    ({"x-ESP8266-free-space": "20000"}, {}, "too-large"),
    (
        {"x-ESP8266-free-space": "9999"},
        {"size": 60_000},
        "too-large",
    ),  # as texts 9999 would be more than 60000
    ({"x-ESP8266-chip-size": "524288"}, {}, "flash-too-small"),
    ({"x-ESP32-STA-MAC": "A0:20:A6:14:85:06", "x-ESP32-chip-size": "4194304"}, {}, "wrong-chip"),
]


@pytest.mark.parametrize(("headers", "image", "code"), MISFITS)
def test_an_image_that_does_not_fit_is_refused_before_it_is_sent(
    world: World, headers: dict[str, str], image: dict[str, int], code: str
) -> None:
    pk = old_light(world, mac="A0:20:A6:14:85:06")
    attempt = world.order(pk, world.firmware("awesome-light", "1.1.0", **image))
    esp32 = any(name.startswith("x-ESP32") for name in headers)
    sent = headers if esp32 else {**ESP, **headers, "x-ESP8266-version": NEWER}
    answer = world.client().get("/ota", headers=sent)
    assert answer.status_code == 304
    after = world.deployment(attempt.id)
    assert after.state is DeploymentState.FAILED
    assert after.harmful is False
    rows = world.read(lambda c: events.of_deployment(c, attempt.id))
    assert code in [each["data"].get("code") for each in rows]


def test_who_runs_the_image_already_is_told_so(world: World) -> None:
    firmware = world.firmware("awesome-light", "1.1.0")
    attempt = world.order(old_light(world), firmware)
    answer = world.client().get(
        "/ota", headers={**ESP, "x-ESP8266-version": NEWER, "x-ESP8266-sketch-md5": firmware.md5}
    )
    assert answer.status_code == 304
    assert "already" in world.deployment(attempt.id).reason


def test_what_the_request_tells_is_remembered(world: World) -> None:
    pk = old_light(world)
    world.client().get("/ota", headers={**ESP, "x-ESP8266-version": NEWER})
    facts = world.read(lambda c: devices.learned_facts(c, pk))
    assert facts["free_space"] == "2740224"
    assert facts["chip_size"] == "4194304"
    assert facts["sketch_size"] == "404368"
    assert facts["core"] == "2.2.1(cfd48f3)"
    row = world.read(lambda c: devices.row(c, pk))
    assert row is not None
    assert row["mac"] == "A0:20:A6:14:85:06"


async def test_a_device_whose_id_is_in_use_below_another_base_gets_its_image(world: World) -> None:
    firmware = await asyncio.to_thread(world.firmware, "awesome-light", "1.1.0")
    attempt = world.order(old_light(world), firmware)
    world.device("c631f278", base="homie/", homie="3.0.1")
    async with Server(world) as server:
        head, _ = await server.ask(raw(x_ESP8266_version=NEWER))
    assert head.split()[1] == b"200"
    assert world.deployment(attempt.id).state is DeploymentState.REBOOTING


def test_a_device_without_a_homie_header_is_known_by_its_mac(world: World) -> None:
    pk = old_light(world, mac="A0:20:A6:14:85:06")
    world.order(pk, world.firmware("awesome-light", "1.1.0"))
    assert world.client().get("/ota", headers=ESP).status_code == 200


def test_two_names_with_one_short_hash_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pk = old_light(world)
    for name in ("dual-relay", "single-relay"):
        world.firmware(name, "3.0.0")
    monkeypatch.setattr("homie_ota.homie.v1.short_hash", lambda name, digits: "a" * digits)
    told(world, pk, "aaaaaaaaaa@3.0.0")
    header = "c631f278=awesome-light=1.0.0=aaaaaaaaaa@3.0.0"
    answer = world.client().get("/ota", headers={**ESP, "x-ESP8266-version": header})
    assert answer.status_code == 304
    assert "the same short hash" in world.client(headers={"accept": "text/html"}).get("/log").text


def test_a_probe_for_the_version_moves_nothing(world: World) -> None:
    attempt = world.order(old_light(world), world.firmware("awesome-light", "1.1.0"))
    probe = {**ESP, "x-ESP8266-version": NEWER, "x-ESP8266-mode": "version"}
    answer = world.client().get("/ota", headers=probe)
    assert (answer.status_code, answer.headers["x-version"]) == (200, "1.1.0")
    assert world.deployment(attempt.id).state is DeploymentState.OFFERED


def test_open_mode_gives_to_anyone_who_names_it_what_fits(make_world: Callable[..., World]) -> None:
    world = make_world(ota={"open_mode": True})
    firmware = world.firmware("awesome-light", "1.1.0")
    client = world.client()
    assert client.get("/ota", headers={**ESP, "x-ESP8266-version": NEWER}).headers["x-md5"] == firmware.md5
    for refused in (
        {"x-ESP8266-version": "c631f278=awesome-light=1.1.0=1.1.0"},
        {"x-ESP8266-version": "c631f278=awesome-light=1.0.0=9.9.9"},
        {"x-ESP8266-version": NEWER, "x-ESP8266-free-space": "1000"},
        {"x-ESP8266-version": "just text"},
    ):
        assert client.get("/ota", headers={**ESP, **refused}).status_code == 304, refused


def test_the_path_of_the_endpoint_is_a_setting(make_world: Callable[..., World]) -> None:
    world = make_world(ota={"path": "/firmware-for-esp"})
    assert world.client().get("/firmware-for-esp", headers=ESP).status_code == 304
    assert world.client().get("/ota", headers=ESP).status_code == 404


def test_the_endpoint_needs_no_login_and_takes_any_host(make_world: Callable[..., World]) -> None:
    world = make_world(admin=True)
    world.order(old_light(world), world.firmware("awesome-light", "1.1.0"))
    answer = world.client().get(
        "/ota", headers={**ESP, "x-ESP8266-version": NEWER, "host": "ota.example.org"}
    )
    assert answer.status_code == 200


HOSTILE = [
    "../../etc=x=1=2",
    "=" * 5000,
    "a=b=c=d" * 600,
    "\x01\x02=x=1=2",
    "<script>=x=1=../../2",
    "%00=%00=%00=%00",
    "{}",
    "",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_headers_are_refused_without_harm(world: World, value: str) -> None:
    old_light(world)
    answer = world.client().get(
        "/ota", headers={**ESP, "x-ESP8266-version": value.encode(), "x-ESP8266-free-space": value.encode()}
    )
    assert answer.status_code in (304, 403)


# --- One image for one device -------------------------------------------------------------------------------------


def one_device_address(world: World, *, lifetime: float = 60.0) -> tuple[str, Firmware, Deployment]:
    pk = world.device("puller", way="url", implementation="esp32")
    firmware = world.firmware("lamp", "2.0.0", size=100_000)
    attempt = world.order(pk, firmware, override="a test image")
    return token_path(world, attempt, lifetime=lifetime), firmware, attempt


def token_path(world: World, attempt: Deployment, *, lifetime: float = 60.0) -> str:
    now = time.time()
    word = world.write(lambda c: image_tokens.make(c, attempt, now=now, lifetime=lifetime))
    return f"/ota/i/{word}"


def test_a_one_device_address_gives_the_image_and_moves_the_deployment(world: World) -> None:
    path, firmware, attempt = one_device_address(world)
    answer = world.client().get(path)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == firmware.sha256
    assert answer.headers["accept-ranges"] == "bytes"
    assert world.deployment(attempt.id).state is DeploymentState.REBOOTING


def test_a_puller_may_take_the_image_in_parts(world: World) -> None:
    path, firmware, attempt = one_device_address(world)
    client = world.client()
    assert client.head(path).headers["content-length"] == str(firmware.size)
    assert world.deployment(attempt.id).state is DeploymentState.OFFERED
    whole = b""
    for start in range(0, firmware.size, 40_000):
        answer = client.get(path, headers={"range": f"bytes={start}-{start + 39_999}"})
        assert answer.status_code == 206
        last = min(start + 39_999, firmware.size - 1)
        assert answer.headers["content-range"] == f"bytes {start}-{last}/{firmware.size}"
        whole += answer.content
        expected = DeploymentState.REBOOTING if last == firmware.size - 1 else DeploymentState.TRANSFERRING
        assert world.deployment(attempt.id).state is expected
    assert hashlib.sha256(whole).hexdigest() == firmware.sha256
    outside = client.get(path, headers={"range": f"bytes={firmware.size}-"})
    assert outside.status_code == 416
    assert outside.headers["content-range"] == f"bytes */{firmware.size}"


def test_a_part_goes_on_only_with_the_image_that_it_began_with(world: World) -> None:
    path, firmware, _ = one_device_address(world)
    client, tag = world.client(), f'"{firmware.sha256}"'
    half = {"range": f"bytes={firmware.size // 2}-"}
    first = client.get(path, headers={"range": f"bytes=0-{firmware.size // 2 - 1}"})
    assert (first.status_code, first.headers["etag"]) == (206, tag)
    for other in ('"of another image"', "Tue, 24 Nov 2026 02:00:00 GMT", f"W/{tag}"):
        whole = client.get(path, headers={**half, "if-range": other})
        assert (whole.status_code, len(whole.content)) == (200, firmware.size)
    rest = client.get(path, headers={**half, "if-range": tag})
    assert rest.status_code == 206
    assert hashlib.sha256(first.content + rest.content).hexdigest() == firmware.sha256


def test_a_one_device_address_is_good_for_a_short_time_and_one_attempt(world: World) -> None:
    path, _, attempt = one_device_address(world, lifetime=-1.0)
    assert world.client().get(path).status_code == 403
    path = token_path(world, attempt)
    world.write(lambda c: deployments.advance(c, attempt, Event.EXPIRE, now=time.time()))
    assert world.client().get(path).status_code == 403
    assert world.client().get("/ota/i/guessed").status_code == 403


@pytest.mark.parametrize("end", ["its time is over", "its attempt has ended"])
def test_an_address_does_not_live_on_because_somebody_keeps_asking(world: World, end: str) -> None:
    world.now = began = time.time()
    path, _, attempt = one_device_address(world, lifetime=3.0 if end == "its time is over" else 60.0)
    client = world.client()
    answers = []
    for half_seconds in range(10):
        world.now = began + half_seconds / 2
        if half_seconds == 6 and end == "its attempt has ended":
            rebooting = world.deployment(attempt.id)
            world.write(lambda c: deployments.advance(c, rebooting, Event.EXPIRE, now=began + 3.0))  # noqa: B023
        answers.append(client.get(path).status_code)
    assert answers[:6] == [200] * 6
    assert answers[-1] == 403


# --- Slow, broken, many -------------------------------------------------------------------------------------------


async def open_and_read(
    server: Server, request: bytes, count: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=4096)
    writer.write(request)
    await reader.readexactly(count)
    return reader, writer


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)


async def test_a_device_that_leaves_half_way_ends_its_attempt_with_a_reason(world: World) -> None:
    firmware = await asyncio.to_thread(world.firmware, "awesome-light", "1.1.0", size=8_000_000)
    attempt = world.order(old_light(world, mac=""), firmware)
    request = raw(x_ESP8266_version=NEWER, x_ESP8266_free_space="9000000", x_ESP8266_chip_size="16777216")
    async with Server(world) as server:
        _, writer = await open_and_read(server, request, 100_000)
        assert world.deployment(attempt.id).state is DeploymentState.TRANSFERRING
        writer.transport.abort()
        await until(lambda: world.deployment(attempt.id).state is DeploymentState.FAILED)
    after = world.deployment(attempt.id)
    assert "stopped reading" in after.reason
    assert after.harmful is False


async def test_a_reader_that_does_not_read_is_cut_off(make_world: Callable[..., World]) -> None:
    world = make_world(ota={"transfer_timeout": 1.0})
    firmware = await asyncio.to_thread(world.firmware, "awesome-light", "1.1.0", size=8_000_000)
    attempt = world.order(old_light(world), firmware)
    request = raw(x_ESP8266_version=NEWER, x_ESP8266_free_space="9000000", x_ESP8266_chip_size="16777216")
    async with Server(world) as server:
        reader, writer = await open_and_read(server, request, 1000)
        await until(lambda: world.deployment(attempt.id).state is DeploymentState.FAILED)
        rest = 0
        with contextlib.suppress(ConnectionError):
            while piece := await asyncio.wait_for(reader.read(65536), 20):
                rest += len(piece)
        assert rest < firmware.size - 1000
        writer.close()


async def test_a_connection_that_brings_no_request_is_closed(world: World) -> None:
    async with Server(world, header_seconds=0.3) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /ota HTTP/1.1\r\nHost: x\r\nx-ESP8266-")
        try:
            answer = await asyncio.wait_for(reader.read(), 20)
        except ConnectionError:
            answer = b""
        assert answer == b""
        writer.close()
        head, _ = await server.ask(raw())
        assert head.split()[1] == b"304"


async def test_slow_readers_share_one_image_and_delay_nobody(world: World) -> None:
    firmware = await asyncio.to_thread(world.firmware, "lamp", "2.0.0", size=4_000_000)
    bodies = {id(await world.images.body(firmware)) for _ in range(3)}
    assert len(bodies) == 1
    slow = []
    async with Server(world) as server:
        for number in range(30):
            pk = world.device(f"puller{number}", way="url", implementation="")
            attempt = world.order(pk, firmware)
            request = f"GET {token_path(world, attempt)} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            slow.append((await open_and_read(server, request, 1000))[1])
        head, _ = await server.ask(b"GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n")
        assert head.split()[1] == b"200"
        for writer in slow:
            writer.transport.abort()


async def test_a_device_that_has_just_come_is_no_stranger(world: World) -> None:
    request = raw(x_ESP8266_version=NEWER)
    async with Server(world) as server:
        first, _ = await server.ask(request)
        firmware = await asyncio.to_thread(world.firmware, "awesome-light", "1.1.0")
        world.order(old_light(world), firmware)
        second, _ = await server.ask(request)
    assert (first.split()[1], second.split()[1]) == (b"403", b"200")


def test_a_wish_is_matched_with_the_images_of_now(make_world: Callable[..., World]) -> None:
    world = make_world(ota={"open_mode": True})
    world.now = 1_700_000_000.0
    client, headers = world.client(), {**ESP, "x-ESP8266-version": NEWER}
    assert client.get("/ota", headers=headers).status_code == 304
    world.firmware("awesome-light", "1.1.0")
    world.now += 2
    assert client.get("/ota", headers=headers).status_code == 200


def test_a_known_device_in_open_mode_still_moves_its_deployment(make_world: Callable[..., World]) -> None:
    world = make_world(ota={"open_mode": True})
    attempt = world.order(old_light(world), world.firmware("awesome-light", "1.1.0"))
    other = {**ESP, "x-ESP8266-version": "c631f278=awesome-light=1.0.0=9.9.9"}
    assert world.client().get("/ota", headers=other).status_code == 304
    assert world.client().get("/ota", headers={**ESP, "x-ESP8266-version": NEWER}).status_code == 200
    assert world.deployment(attempt.id).state is DeploymentState.REBOOTING


def test_a_device_may_come_by_the_prefix_of_a_proxy_too(make_world: Callable[..., World]) -> None:
    world = make_world(admin=True, http={"base_path": "/homie-ota"})
    world.order(old_light(world), world.firmware("awesome-light", "1.1.0"))
    answer = world.client().get("/homie-ota/ota", headers={**ESP, "x-ESP8266-version": NEWER})
    assert answer.status_code == 200


@pytest.mark.parametrize("harm", ["gone", "changed"])
def test_an_image_that_was_harmed_on_the_disk_goes_to_no_device(world: World, harm: str) -> None:
    firmware = world.firmware("awesome-light", "1.1.0")
    attempt = world.order(old_light(world), firmware)
    path = world.images.directory / firmware.filename
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(b"\xe9" + path.read_bytes()[1:-1] + b"\x00")
    answer = world.client().get("/ota", headers={**ESP, "x-ESP8266-version": NEWER})
    assert answer.status_code == 503
    after = world.deployment(attempt.id)
    assert after.state is DeploymentState.FAILED
    assert firmware.filename in after.reason

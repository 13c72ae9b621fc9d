"""`homie-ota broker-config`: under what it writes a fleet lives and is updated, and nobody else gets at it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from e2e.guarded import READER, SERVER, GuardedMosquitto
from e2e.serving import FAST, Server, until
from homie_ota.errors import Unreachable
from homie_ota.model import Publish
from homie_ota.mqtt import Broker, Connection
from homie_ota.simulator.fleet import FleetOptions, make_fleet, sample_image
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import OtaServer
from servers import unused_port

GENERATIONS = ("v1", "beta1", "v2", "v3", "v4", "v5", "url")
MD5 = "0123456789abcdef0123456789abcdef"
DEVICE, SHARED = "lamp", "things"
IMAGE = f"$implementation/ota/firmware/{MD5}"
COMMANDS = (
    "devices/hall/$ota", "homie/hall/$ota", f"homie/hall/{IMAGE}", f"homie/5/hall/{IMAGE}",
    f"devices/hall/{IMAGE}", "homie/hall/$implementation/ota/firmware", "homie/hall/$implementation/ota/checksum",
    "homie/hall/$implementation/ota/url", "homie/hall/$implementation/config/set",
    "homie/5/hall/$implementation/config/set", "homie/hall/$implementation/reset",
    "homie/5/hall/$implementation/reset", "devices/hall/$reset", "homie/$broadcast/alert", "homie-ota/marker/1",
)  # fmt: skip
"""What only the server may say."""
TOLD = (
    "homie/hall/$state", "homie/hall/light/on", "homie/hall/light/on/$name", "homie/hall/$fw/checksum",
    "homie/hall/$implementation/ota/status", "devices/hall/$online", "devices/hall/$fwname",
    "homie/5/hall/$description", "homie/5/hall/light/on/$target",
)  # fmt: skip
"""What a device says of itself."""
SETS = ("homie/hall/light/on/set", "homie/5/hall/light/on/set", "devices/hall/light/on/set")


def own(topics: Iterable[str]) -> set[str]:
    """The same topics of the device whose user it is."""
    return {each.replace("/hall/", f"/{DEVICE}/") for each in topics}


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[Callable[..., GuardedMosquitto]]:
    """A mosquitto under the generated configuration, with these users; stopped after the test."""
    started: list[GuardedMosquitto] = []

    def make(users: Sequence[str], *options: str) -> GuardedMosquitto:
        broker = GuardedMosquitto(tmp_path / "guarded", unused_port(), *options)
        started.append(broker)
        broker.let_in([SERVER, READER, *users])
        broker.start()
        return broker

    yield make
    for broker in started:
        broker.stop()


_EARS = itertools.count()


@asynccontextmanager
async def ear(broker: Broker) -> AsyncIterator[tuple[Connection, set[str]]]:
    """A client that asks for everything, and what it gets."""
    heard: set[str] = set()

    def hear(topic: str, _payload: bytes, _qos: int, _retain: bool) -> None:
        heard.add(topic)

    connection = await Connection.open(broker, client_id=f"ear-{next(_EARS)}", on_message=hear)
    try:
        connection.subscribe(["#"])
        await connection.deliver(Publish("nobody/may/this", b"", qos=1, retain=False))
        yield connection, heard
    finally:
        connection.abort()


async def passes(broker: GuardedMosquitto, user: str, topics: Iterable[str]) -> set[str]:
    """Which of the topics get through when this user publishes them."""
    async with ear(broker.as_user(SERVER)) as (server, heard), ear(broker.as_user(user)) as (client, _):
        for topic in topics:
            await client.deliver(Publish(topic, b"x", qos=1, retain=False))
        await server.deliver(Publish("homie/end/$name", b"", qos=1, retain=False))
        await until(lambda: "homie/end/$name" in heard, "what was published is through")
        return heard - {"homie/end/$name"}


async def reaches(broker: GuardedMosquitto, user: str, topics: Iterable[str]) -> set[str]:
    """Which of the topics this user gets when the server publishes them."""
    async with ear(broker.as_user(SERVER)) as (server, _), ear(broker.as_user(user)) as (_, heard):
        for topic in topics:
            await server.deliver(Publish(topic, b"x", qos=1, retain=False))
        await server.deliver(Publish("homie/$broadcast/end", b"", qos=1, retain=False))
        await until(lambda: "homie/$broadcast/end" in heard, "what was published is through")
        return heard - {"homie/$broadcast/end"}


async def test_each_user_of_the_broker_may_do_what_is_theirs_and_nothing_else(
    make_broker: Callable[..., GuardedMosquitto],
) -> None:
    broker = make_broker([DEVICE])
    everything = {*COMMANDS, *TOLD, *SETS, *own(COMMANDS), *own(TOLD), *own(SETS)}
    assert await passes(broker, SERVER, everything) == everything
    # What tells a value from a reset is no wildcard; a device may reset itself without the broker anyway.
    itself = {each for each in own(COMMANDS) if each.endswith("$implementation/reset")}
    assert await passes(broker, DEVICE, everything) == own(TOLD) | itself
    assert await passes(broker, READER, everything) == {*SETS} | own(SETS)
    # Below any base it may live; it hears its commands there, and what is told to all.
    hers = {each for each in own(COMMANDS) | own(SETS) if f"/{DEVICE}/" in each}
    assert await reaches(broker, DEVICE, everything) == hers | {"homie/$broadcast/alert"}
    assert await reaches(broker, READER, everything) == {*TOLD, "homie/$broadcast/alert"} | own(TOLD)


async def test_devices_that_share_a_user_are_not_kept_apart_and_still_cannot_flash_each_other(
    make_broker: Callable[..., GuardedMosquitto],
) -> None:
    broker = make_broker([SHARED], "--shared-user", SHARED)
    everything = {*COMMANDS, *TOLD, *SETS}
    assert await passes(broker, SHARED, everything) == {*TOLD}
    heard = await reaches(broker, SHARED, everything)
    assert {f"homie/hall/{IMAGE}", f"homie/5/hall/{IMAGE}", "devices/hall/$ota", *SETS} <= heard
    assert not [each for each in heard if each.endswith("$implementation/reset")]
    assert await passes(broker, READER, everything) == {*SETS}


async def test_without_a_name_nobody_comes_in(make_broker: Callable[..., GuardedMosquitto]) -> None:
    broker = make_broker([])
    for stranger in (Broker(broker.host, broker.port), Broker(broker.host, broker.port, "lamp", "guessed")):
        with pytest.raises(Unreachable):
            await Connection.open(stranger, client_id="stranger", on_message=lambda *_: None)


@pytest.mark.parametrize("shared_user", ["", SHARED])
async def test_a_device_of_every_generation_is_known_and_updated_under_it_and_a_foreign_one_sees_nothing(
    make_broker: Callable[..., GuardedMosquitto], make_server: Callable[..., Server], shared_user: str
) -> None:
    options = FleetOptions(
        mqtt="mqtt://127.0.0.1", devices=len(GENERATIONS), mix=dict.fromkeys(GENERATIONS, 1), timing=FAST,
        speed=20.0, readings_every=0, rate=200_000,
    )  # fmt: skip
    ids = [each.identity.device_id for each in make_fleet(options)]
    broker = make_broker([*ids, DEVICE, SHARED], *(("--shared-user", shared_user) if shared_user else ()))
    server = await make_server("--mqtt", broker.url(SERVER), rollout__parallel="50").up()
    options = replace(options, server=OtaServer(server.host, server.port, "/ota"))
    async with AsyncExitStack() as stack:
        _, overheard = await stack.enter_async_context(ear(broker.as_user(READER if shared_user else DEVICE)))
        for device in make_fleet(options, (broker.host, broker.port)):
            url = broker.url(shared_user or device.identity.device_id)
            await stack.enter_async_context(VirtualFleet(replace(options, mqtt=url), [device]))
        pairs = list(zip(ids, GENERATIONS, strict=True))
        await asyncio.gather(*(_is_updated(server, *pair) for pair in pairs))
        if shared_user:
            assert any(each.endswith("$fw/version") for each in overheard)
            assert not [
                each for each in overheard if "/ota/firmware" in each or each.endswith(("$ota", "/url"))
            ]
        else:
            assert overheard == set()


async def _is_updated(server: Server, device_id: str, generation: str) -> None:
    known = await server.sees(device_id)
    kind = device_id.split("-")[1]
    image = sample_image(kind, "2.0.0", generation)
    has_magic = generation not in ("v1", "url")
    firmware = await server.upload(image, *(() if has_magic else (kind, "2.0.0")))
    assert known["firmware"]["version"] == "1.0.0"
    await server.succeed(await server.order(device_id, firmware))

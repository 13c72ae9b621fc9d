"""The main job in other installations: the embedded broker, and PostgreSQL."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Callable

import pytest

from e2e.serving import Server, first, fleet_of, listening
from homie_ota.simulator.fleet import sample_image
from homie_ota.simulator.values import OtaServer
from servers import BrokerAt, Mosquitto, unused_port


async def test_with_the_embedded_broker_devices_connect_and_are_updated(
    make_server: Callable[..., Server],
) -> None:
    port = unused_port()
    server = await make_server("--embedded-broker", f"127.0.0.1:{port}").up()
    await server.is_connected()
    for generation in ("v1", "v3", "v5"):
        endpoint = OtaServer(server.host, server.port)
        async with fleet_of(f"mqtt://127.0.0.1:{port}", generation, server=endpoint) as fleet:
            device_id, kind = first(fleet)
            await server.sees(device_id)
            firmware = await server.upload(sample_image(kind, "2.0.0", generation), kind, "2.0.0")
            await server.succeed(await server.order(device_id, firmware))
            await server.sees(device_id, version="2.0.0")
            assert fleet[device_id].images_received == 1
    assert (await server.health())["status"] == "ok"


async def test_an_embedded_broker_for_everybody_has_a_password_that_is_shown_and_stays(
    make_server: Callable[..., Server],
) -> None:
    port = unused_port()
    server = await make_server("--embedded-broker", f"0.0.0.0:{port}").up()
    await server.is_connected()
    found = re.search(r"mqtt://(\w+):([^@]+)@[^\s]+", server.log)
    assert found, server.log
    user, password = found.groups()
    assert password in (await server.ask("GET", "/")).text  # the page of the first run
    for username, word in (("", ""), (user, "guessed"), ("other", password)):
        stranger = BrokerAt("127.0.0.1", port, username, word)
        with pytest.raises(subprocess.CalledProcessError):
            await asyncio.to_thread(stranger.publish, "homie/x/$name", "not let in")
    assert "homie~x" not in str(await server.get("/devices"))
    mqtt = f"mqtt://{user}:{password}@127.0.0.1:{port}"
    async with fleet_of(mqtt, "v3") as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        await server.succeed(
            await server.order(device_id, await server.upload(sample_image(kind, "2.0.0", "v3")))
        )
    await server.down()
    await server.up()
    assert server.log.count(password) >= 2
    BrokerAt("127.0.0.1", port, user, password).publish("homie/x/$name", "let in")
    await server.sees("x", "unknown")


async def test_the_main_job_is_done_on_postgresql_too_and_survives_a_kill(
    make_server: Callable[..., Server], mosquitto: Mosquitto, postgres: str
) -> None:
    url = postgres.replace("postgresql+psycopg://", "postgresql://")
    server = await make_server("--mqtt", mosquitto.url, storage__database=url).up()
    async with fleet_of(mosquitto.url, "v3", rate=2_000) as fleet, listening(mosquitto, "homie/#") as heard:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v3"))
        number = await server.order(device_id, firmware)
        await server.reach(number, "transferring")
        server.kill()
        await server.up()
        ended = await server.succeed(number)
        assert server.story(ended).count("offered") == 1
        assert sum("/ota/firmware/" in each.topic for each in heard) == 1
        assert (await server.sees(device_id, version="2.0.0"))["firmware"]["sha256"] == firmware["sha256"]
    assert not list((server.folder / "data").glob("*.sqlite3"))

"""Leftovers from the outside: a server that starts finds them, tells them, and clears them when it is told to."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from e2e.serving import Server, first, fleet_of, retained, run, until
from homie_ota.simulator.fleet import sample_image
from servers import Mosquitto


async def command(server: Server, *arguments: str) -> str:
    """What the command line says."""
    done = await asyncio.to_thread(run, server.folder, *arguments, "--server", server.url)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_a_retained_image_is_found_at_the_start_told_and_taken_away_on_request(
    server: Server, mosquitto: Mosquitto
) -> None:
    async with fleet_of(mosquitto.url, "v3") as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        await fleet.power_off(device_id)
        await server.sees(device_id, "lost")
        topic = f"homie/{device_id}/$implementation/ota/firmware/{'a' * 32}"
        mosquitto.publish(topic, sample_image(kind, "9.9.9", "v3"), retain=True)
        await asyncio.to_thread(server.kill)
        await server.up()

        async def found() -> list[dict[str, Any]]:
            told: list[dict[str, Any]] = (await server.get("/leftovers"))["items"]
            return told

        await until(found, "it is found")
        (left,) = await found()
        assert (left["topic"], left["kind"]) == (topic, "image")
        why = await server.get(f"/devices/{device_id}/why")
        assert topic in why["text"]
        assert topic in await command(server, "leftovers")
        firmware = await server.upload(sample_image(kind, "2.0.0", "v3"))
        number = await server.order(device_id, firmware)
        assert topic in await retained(mosquitto, topic), "nothing is cleared by itself"
        assert "is cleared" in await command(server, "leftovers", "--clear", topic)

        async def gone() -> bool:
            return await found() == []

        await until(gone, "it is cleared")
        assert await retained(mosquitto, topic) == {}
        assert json.loads(await command(server, "leftovers", "--look", "--json")) == []
        fleet.power_on(device_id)
        await server.succeed(number)
        assert fleet[device_id].images_received == 1, "ours, and not the one that was left"

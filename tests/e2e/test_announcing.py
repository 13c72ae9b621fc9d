"""Who else is told what happens, by a real server: webhooks and notifications, over a kill and a lost broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from announce.receiver import Receiver, receiving, until
from e2e.serving import Server, first, fleet_of, run
from homie_ota.simulator.fleet import sample_image
from servers import Mosquitto

SECRET = "correct horse battery"
YES = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NO = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
PATIENCE = 60.0


def events(hook: Receiver) -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in hook.got]


async def listed(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await server.get("/recipients"))["items"]
    return found


async def have_begun(server: Server) -> None:
    """What happened before is not told."""
    async with asyncio.timeout(PATIENCE):
        while any(each["reached"] is None for each in await listed(server)):
            await asyncio.sleep(0.1)


async def test_every_event_of_an_update_arrives_in_order_over_a_kill_and_what_needs_a_person_too(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    async with receiving() as hook, receiving() as phone:
        hook.usual = phone.usual = YES
        announce = {
            "announce__webhooks": json.dumps([{"url": f"{hook.url}/hook", "secret": SECRET}]),
            "announce__notify": phone.url.replace("http:", "json:"),
            "announce__broker_lost": "3",
            "rollout__lease": "2",
        }
        server = await make_server("--mqtt", mosquitto.url, **announce).up()
        await have_begun(server)
        async with fleet_of(mosquitto.url, "v3") as fleet:
            device_id, kind = first(fleet)
            await server.sees(device_id)
            firmware = await server.upload(sample_image(kind, "2.0.0", "v3"))
            await server.succeed(await server.order(device_id, firmware))
            await until(
                lambda: any("succeeded" in str(each["data"].get("state")) for each in events(hook)), PATIENCE
            )
            hook.usual = NO
            await asyncio.to_thread(server.kill)
            await server.up()
            await server.sees(device_id)
            answer = await server.ask("PUT", f"/api/v1/devices/{device_id}/tags/attic")
            assert answer.status_code == 200, answer.text
            await until(lambda: hook.got and b"attic" in hook.got[-1].body, PATIENCE)
            hook.usual = YES
        seqs = [int(each.headers["homie-ota-event"]) for each in hook.got]
        assert list(dict.fromkeys(seqs)) == sorted(set(seqs)), "in order, however often"
        log = (await server.ask("GET", "/api/v1/events?since=0&follow=false&notices=false")).text
        told = {each["seq"]: each for each in events(hook)}
        lines = [json.loads(line[6:]) for line in log.splitlines() if line.startswith("data: ")]
        rows = {each["seq"]: each for each in lines}
        assert {seq: rows[seq] for seq in told} == told, "what the API tells"

        await asyncio.to_thread(mosquitto.stop)
        await until(lambda: any("The broker is away" in str(each.body) for each in phone.got), PATIENCE)
        await asyncio.to_thread(mosquitto.start)
        await until(lambda: any("The broker is back" in str(each.body) for each in phone.got), PATIENCE)
        done = await asyncio.to_thread(run, server.folder, "recipients", "--test", "--server", server.url)
        assert done.returncode == 0, done.stdout + done.stderr
        assert any("this is a test" in str(each.body) for each in phone.got)
        assert [each["state"] for each in await listed(server)] == ["well", "well"]
        assert SECRET not in server.log

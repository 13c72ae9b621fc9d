"""kill -9 at every commit that moves an update: at most one image an attempt, and an end with a reason for each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from e2e import dying
from e2e.serving import NO_SOAK, Server, first, fleet_of, until
from homie_ota.simulator.fleet import sample_image
from homie_ota.simulator.shell import VirtualFleet
from servers import Mosquitto, find_program, unused_port

SHORT = {
    **NO_SOAK,
    "rollout__offered": "1.5",
    "rollout__transferring": "1.5",
    "rollout__rebooting": "2",
    "rollout__deadline_floor": "1",
    "rollout__backoff": "0.2",
    "rollout__longest_backoff": "0.2",
}
ENDED = {"succeeded", "failed", "cancelled"}


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    find_program("mosquitto", package="mosquitto")
    broker = Mosquitto(
        tmp_path_factory.mktemp("mosquitto") / "m", ("max_queued_messages 1000000",), unused_port()
    )
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def server(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Server]:
    made = Server(tmp_path / "server", **SHORT)
    made.options = (
        "--host", "127.0.0.1", "--auth", "none", "--port", str(made.port), "--data", "data", "--mqtt", mosquitto.url,
    )  # fmt: skip
    yield made
    made.stop()


async def order(server: Server, device_id: str, firmware: dict[str, Any]) -> None:
    """Order it; when the server dies over it, whoever ordered does not know whether it was taken."""
    try:
        await server.try_order(device_id, firmware)
    except httpx.HTTPError:
        await until(server.has_died, "it died over the order")


async def settled(server: Server, device_id: str) -> list[dict[str, Any]]:
    """All attempts, when none is under way any more; nothing when the server died before."""
    while not server.has_died():
        try:
            found = await server.deployments(device_id)
        except httpx.HTTPError:
            found = []
        if found and all(each["state"] in ENDED for each in found):
            return found
        await asyncio.sleep(0.05)
    return []


def check(found: list[dict[str, Any]], fleet: VirtualFleet, device_id: str) -> None:
    """What must hold whenever the server died."""
    sent = [each for each in found if "offered" in Server.story(each)]
    assert all(Server.story(each).count("offered") <= 1 for each in found), found
    assert fleet[device_id].images_received <= len(sent), found
    assert all(each["reason"] or each["state"] == "succeeded" for each in found), found
    assert len(sent) <= 3, "the budget"
    runs_it = fleet[device_id].sketch.version == "2.0.0"
    assert runs_it == any(each["state"] == "succeeded" for each in found), found


# The first transfer breaks off in the middle, the second one goes through: order, offer, accept, loss, failure with its
# retry, offer, accept, end, confirmation, success.
@pytest.mark.parametrize("number", range(1, 11))
async def test_a_kill_at_any_commit_sends_no_image_twice_and_leaves_no_attempt_without_an_end(
    server: Server, mosquitto: Mosquitto, number: int
) -> None:
    server.begins = (dying.__file__, ("before", "after")[number % 2], str(number))
    async with fleet_of(mosquitto.url, "v3", faults={"drops": 1}) as fleet, asyncio.timeout(60):
        device_id, kind = first(fleet)
        await server.up()
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v3"))
        await order(server, device_id, firmware)
        await settled(server, device_id)
        server.begins = ("-m", "homie_ota")
        if server.has_died():
            await server.up()
            await server.is_connected()
            if not await server.deployments(device_id):  # the order itself was lost
                await order(server, device_id, firmware)
            # What it said while nobody listened is lost, and an attempt that may have arrived is only followed by
            # another one when the device has come back.
            fleet.cut(device_id)
        found = await settled(server, device_id)
        assert found, server.log
        told = [await server.deployment(each["id"]) for each in found]
        check(told, fleet, device_id)

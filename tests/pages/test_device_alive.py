"""A virtual device on a real broker, served by `homie-ota serve`, and watched in a browser from offer to verified."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from e2e.serving import Server, fleet_of
from engines import next_image
from homie_ota.simulator.values import Timing
from pages.site import live
from servers import Mosquitto

PATIENCE = 40_000.0
WATCH_THE_STEPS = """new MutationObserver(() => {
  const step = document.querySelector("#running tr.now th");
  if (step && window.steps.at(-1) !== step.textContent) window.steps.push(step.textContent);
}).observe(document.getElementById("main"),
  { subtree: true, childList: true, characterData: true, attributes: true })"""


@pytest.fixture
async def server(tmp_path: Path, mosquitto: Mosquitto) -> AsyncIterator[Server]:
    """A running server whose soak takes two rounds of statistics."""
    here = Server(tmp_path / "server", rollout__soak="1", rollout__soak_intervals="2")
    here.options = (
        "--host", "127.0.0.1", "--auth", "none", "--port", str(here.port), "--data", "data",
        "--mqtt", mosquitto.url,
    )  # fmt: skip
    try:
        yield await here.up()
    finally:
        here.stop()


async def test_a_whole_update_is_watched_live_then_a_value_is_set_and_the_device_deleted_and_put_back(
    server: Server, mosquitto: Mosquitto, tab: Page
) -> None:
    generation, timing = "v3", Timing(reboot=4.0, interval=20.0)
    async with fleet_of(mosquitto.url, generation, rate=100_000, timing=timing) as fleet:
        await fleet.all_ready()
        device_id = next(iter(fleet)).identity.device_id
        kind = next(iter(fleet)).sketch.name
        await server.sees(device_id)
        await server.upload(next_image(kind, generation, "9.9.9"))
        await tab.goto(f"{server.url}/device/{device_id}")
        await live(tab)
        await tab.evaluate("window.steps = []; window.untouched = true")
        await tab.evaluate(WATCH_THE_STEPS)
        await server.order(device_id, (await server.get("/firmware"))["items"][0])
        await expect(tab.locator("#verdict")).to_contain_text("Runs", timeout=PATIENCE)
        await expect(tab.locator("#verdict")).to_contain_text("9.9.9", timeout=PATIENCE)
        await expect(tab.locator("#history")).to_contain_text("succeeded", timeout=PATIENCE)
        steps = await tab.evaluate("window.steps")
        assert "verifying" in steps
        assert steps == sorted(
            steps, key=["queued", "offered", "transferring", "rebooting", "verifying"].index
        )
        assert await tab.evaluate("window.untouched") is True

        row = tab.locator("#values tr", has=tab.locator("form[data-set]")).first
        wanted = "false" if (await row.locator("td.value").inner_text()).startswith("true") else "true"
        await row.locator(f"button[value={wanted}]").click()
        await expect(row.locator("td.value")).to_have_text(wanted, timeout=PATIENCE)

        await fleet.power_off(device_id)
        await server.sees(device_id, "lost")
        await tab.goto(f"{server.url}/device/{device_id}")
        await tab.click("#delete summary")
        await tab.get_by_label(f"Type {device_id}").fill(device_id)
        await tab.click("#delete button.bad")
        await tab.get_by_role("button", name=f"Put back {device_id}").click()
        await expect(tab.locator("#history")).to_contain_text("succeeded")
        assert (await server.device(device_id))["firmware"]["version"] == "9.9.9"
        fleet.power_on(device_id)
        await server.sees(device_id)
        assert len((await server.get("/devices"))["items"]) == 1

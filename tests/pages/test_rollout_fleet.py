"""Rollouts of virtual devices over a real broker, made, watched and steered in a real browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest
from playwright.async_api import Page, expect

from engines import Engine, next_image
from homie_ota.config import Settings
from homie_ota.model import Firmware
from homie_ota.mqtt import Broker
from homie_ota.simulator.fleet import FleetOptions, make_device, make_fleet, sample_image
from homie_ota.simulator.images import read_sketch
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import Timing
from homie_ota.web.app import BrokerStatus, Shell, build
from pages.site import live
from servers import Mosquitto
from web.world import Server, World

SOON = 40_000
"""Milliseconds that a whole rollout may take on a busy machine."""


class House(NamedTuple):
    """An engine on a broker, and its pages."""

    engine: Engine
    url: str
    mosquitto: Mosquitto


@pytest.fixture
async def house(tmp_path: Path, mosquitto: Mosquitto) -> AsyncIterator[House]:
    broker = Broker(mosquitto.host, mosquitto.port)
    async with Engine(tmp_path / "engine", broker) as engine:
        settings = Settings(auth={"mode": "none"})  # type: ignore[arg-type]
        shell = Shell(
            settings, engine.database, engine.images, engine.bus, clock=engine.clock,
            broker_status=lambda: BrokerStatus(connected=True),
        )  # fmt: skip
        async with Server(cast(World, SimpleNamespace(app=build(shell)))) as server:
            yield House(engine, server.url, mosquitto)


def lamps(mosquitto: Mosquitto, count: int, faults: Mapping[str, int] | None = None) -> VirtualFleet:
    """Lamps that are twenty times as fast as real ones."""
    options = FleetOptions(
        mqtt=mosquitto.url, devices=count, mix={"v3": 1}, faults=faults or {}, rate=400_000, readings_every=0,
        timing=Timing(reboot=2.0, reconnect=0.5, interval=5.0), speed=20.0,
    )  # fmt: skip
    sketch = read_sketch(sample_image("lamp", options.version, "v3", options.image_bytes))
    made = make_fleet(options, (mosquitto.host, mosquitto.port))
    return VirtualFleet(
        options, [make_device(each.generation, replace(each._setup, sketch=sketch)) for each in made]
    )


async def known(house: House, fleet: VirtualFleet) -> Firmware:
    """Wait until all are in the inventory; store what they run and what they are to get, and return that."""
    await fleet.all_ready()
    await house.engine.devices_are("ready", len(fleet))
    await house.engine.upload(sample_image("lamp", "1.0.0", "v3"))
    return await house.engine.upload(next_image("lamp", "v3"))


async def ask(tab: Page, house: House, **fields: Any) -> None:
    """Fill in the form of a new rollout and look at its preview."""
    await tab.goto(house.url + "/rollouts")
    await tab.click("text=Make a new one")
    await tab.fill("[name=query]", "fw:lamp")
    label = tab.locator("[name=firmware] option", has_text="2.0.0")
    await tab.select_option("[name=firmware]", await label.get_attribute("value"))
    await tab.click("details > summary")
    for name, value in fields.items():
        await tab.fill(f"[name={name}]", value)
    await tab.click("text=Preview")


def card(tab: Page) -> Any:
    return tab.locator("#card .punches")


async def test_a_rollout_is_made_by_query_watched_to_its_end_and_told(house: House, tab: Page) -> None:
    async with lamps(house.mosquitto, 8) as fleet:
        await known(house, fleet)
        await ask(tab, house, waves="1,25%,rest", soak="0")
        await expect(tab.locator("main")).to_contain_text("first 1, then 2, then 5; 0 left out")
        await expect(tab.locator("main")).to_contain_text("way back: 8 of 8")
        await tab.click("button:text('Start with')")
        await live(tab)
        await tab.evaluate("window.untouched = true")
        await expect(tab.locator("#status .state.finished")).to_be_visible(timeout=SOON)
        await expect(card(tab)).to_have_text(["+", "++", "+++++"])
        assert await tab.evaluate("window.untouched") is True
        assert {each.sketch.version for each in fleet} == {"2.0.0"}
        await tab.click("text=The story of this rollout")
        story = await tab.inner_text("main")
        assert "8 of 8 devices run the image" in story
        assert re.search(r"8 images sent, .* an hour", story)
        assert "5 from lamp 1.0.0" in story


async def test_a_rollout_that_does_harm_stops_and_is_taken_back_on_its_page(house: House, tab: Page) -> None:
    async with lamps(house.mosquitto, 4, {"come-back-old": 1}) as fleet:
        await known(house, fleet)
        await ask(tab, house, waves="rest", soak="0", harmful="0", parallel="0")
        await tab.click("button:text('Start with')")
        await live(tab)
        await expect(tab.locator("#status .state.paused")).to_be_visible(timeout=SOON)
        await expect(tab.locator("#harm")).to_contain_text("Continue because")
        await expect(tab.locator("#legend")).to_contain_text("X 1 harm")
        await expect(tab.locator("#card .term.broken", has_text="harm 1 > 0")).to_be_visible()
        await tab.locator("#harm button", has_text="Revert").click()
        await live(tab)
        await expect(tab.locator("#status .state.finished")).to_be_visible(timeout=SOON)
        await expect(card(tab)).to_have_text(["bbbb"])
        assert {each.sketch.version for each in fleet} == {"1.0.0"}

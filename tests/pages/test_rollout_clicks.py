"""The page of a rollout in a browser: STOP, harm and its two answers, the keyboard, two visitors, no scripts, paper."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
import sqlalchemy as sa
from playwright.async_api import Page, expect

from homie_ota.model import DeploymentState
from homie_ota.rollout import strategy
from homie_ota.rollout.course import Move
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import Gate, Limits, Plan, RolloutState, WaveRule
from homie_ota.rollout.reasons import Reason
from homie_ota.store import acting, audit, deployments, filling, previews, progress, rollouts, steering
from homie_ota.store.database import Connection
from pages import axe
from pages.site import PHONE, Site, live
from web.world import World

GOOD = (Event.OFFER, Event.ACCEPT, Event.FLASH, Event.CONFIRM, Event.HEAL)
WELL = Reason("verified", "It is as well as before.", False)
WORSE = Reason("worse-heap", "Its free memory is 52 % less than before.", True)
QUICK = Gate(verified=0.9, harmful=0, soak=0.0)
WAVES = (WaveRule(count=1, gate=QUICK), WaveRule(count=4, gate=QUICK), WaveRule(gate=QUICK))


class Play:
    """One rollout of ten lamps, moved by hand as the engine and the devices do."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.old, new = world.firmware(version="1.0.0"), world.firmware(version="2.0.0")
        for at in range(10):
            world.device(f"lamp-{at}", signal=90.0 - at, md5=self.old.md5)

        def make(conn: Connection) -> int:
            now = time.time()
            seen = previews.make(conn, new, "fw:lamp", Plan(WAVES, Limits(0)), now=now)
            made = previews.found(conn, seen, "fw:lamp", by="test", now=now)
            return steering.steer(conn, made.id, Move.START, now=now, by="test").rollout.id

        self.number = world.write(make)
        self.turn()

    def turn(self) -> None:
        """What the engine does."""

        def write(conn: Connection) -> None:
            now = time.time()
            for _ in range(4):
                of = rollouts.require(conn, self.number)
                acting.act(conn, of, strategy.decide(progress.view(conn, of), now), now=now)
                if rollouts.require(conn, self.number).state is RolloutState.RUNNING:
                    filling.fill(conn, of, now=now)

        self.world.write(write)
        self.world.bus.say("rollout", id=self.number)

    def move(self, device: str, *events: Event, reason: Reason = WELL) -> None:
        """What a device does, and what the engine makes of it."""

        def write(conn: Connection) -> None:
            for event in events:
                attempt = deployments.active_of(conn, self.pk(conn, device))
                assert attempt is not None
                assert deployments.advance(conn, attempt, event, now=time.time(), reason=reason)

        self.world.write(write)
        self.turn()

    def pk(self, conn: Connection, device: str) -> int:
        query = sa.text("SELECT pk FROM device WHERE device_id = :name")
        return int(conn.execute(query, {"name": device}).scalar_one())

    @property
    def state(self) -> RolloutState:
        return self.world.read(lambda conn: rollouts.require(conn, self.number)).state


@pytest.fixture
async def play(site: Site) -> Play:
    return await asyncio.to_thread(Play, site.world)


def second_wave(play: Play) -> None:
    """The canary is good; of the second wave two are good, one is being verified, one gets the image."""
    play.move("lamp-0", *GOOD)
    for name in ("lamp-1", "lamp-2"):
        play.move(name, *GOOD)
    play.move("lamp-3", *GOOD[:-1])
    play.move("lamp-4", *GOOD[:2])


async def test_the_card_changes_while_it_is_looked_at_by_two_people(
    site: Site, play: Play, tab: Page, visit: Callable[..., Awaitable[Page]]
) -> None:
    other = await visit()
    for each in (tab, other):
        await each.goto(f"{site.url}/rollouts/{play.number}")
        await live(each)
        await expect(each.locator("#wave-0 .punches")).to_have_text(".")
    await asyncio.to_thread(second_wave, play)
    for each in (tab, other):
        await expect(each.locator("#wave-1 .punches")).to_have_text("++v#")
        await expect(each.locator("#wave-1 .equation")).to_contain_text("verified 2/4 < 90 %")
        await expect(each.locator("#wave-1 .term.not-yet")).to_contain_text("(not yet)")
    await tab.click("button.stop")
    await expect(other.locator("#status .state.paused")).to_be_visible()
    await expect(other.locator(".stopbar")).to_have_count(0)


@pytest.mark.parametrize("scripts", [True, False])
async def test_stop_says_what_it_can_and_does_it(
    site: Site, play: Play, tab: Page, bare_tab: Page, scripts: bool
) -> None:
    page = tab if scripts else bare_tab
    await asyncio.to_thread(second_wave, play)
    await page.goto(f"{site.url}/rollouts/{play.number}")
    assert await page.inner_text("#stop-says") == "1 transferring, 1 verifying cannot stop; 5 will not start."
    await page.click("button.stop")
    assert play.state == "paused"
    await page.click("#choices button:text('Continue')")
    assert play.state == "running"


@pytest.mark.parametrize("scripts", [True, False])
async def test_after_harm_a_person_goes_back_or_says_why_not(
    site: Site, play: Play, tab: Page, bare_tab: Page, scripts: bool
) -> None:
    page = tab if scripts else bare_tab
    await asyncio.to_thread(second_wave, play)
    await asyncio.to_thread(play.move, "lamp-3", Event.HARM, reason=WORSE)
    await page.goto(f"{site.url}/rollouts/{play.number}")
    await expect(page.locator("#wave-1 .punches")).to_have_text("++X#")
    await expect(page.locator(".harmed")).to_contain_text(WORSE.text)
    assert await axe.complaints(page) == [] if scripts else True
    await page.fill("#harm [name=reason]", "a bad socket, not the image")
    await page.click("#harm button:text('Continue')")
    assert play.state == "running"
    said = site.world.read(lambda conn: audit.recent(conn, limit=1))[0]
    assert "a bad socket, not the image" in str(said)
    assert play.world.read(lambda conn: rollouts.waves(conn, play.number))[1].borne == 1


async def test_who_goes_on_after_harm_without_a_reason_is_asked_for_one(
    site: Site, play: Play, bare_tab: Page, complaints: list[str]
) -> None:
    await asyncio.to_thread(second_wave, play)
    await asyncio.to_thread(play.move, "lamp-3", Event.HARM, reason=WORSE)
    await bare_tab.goto(f"{site.url}/rollouts/{play.number}")
    await bare_tab.fill("#harm [name=reason]", "   ")
    await bare_tab.click("#harm button:text('Continue')")
    await expect(bare_tab.locator("main")).to_contain_text("give a reason")
    assert play.state == "paused"
    complaints[:] = [each for each in complaints if "status of 400" not in each]


async def test_the_card_is_one_tab_stop_a_line_and_arrows_do_the_rest(
    site: Site, play: Play, tab: Page
) -> None:
    await tab.goto(f"{site.url}/rollouts/{play.number}")
    await live(tab)
    assert await tab.locator("#card .punches a[tabindex='0']").count() == 3
    await tab.locator("#wave-1 .punches a").first.focus()
    for key, label in (
        ("ArrowRight", "lamp-2: waiting"), ("End", "lamp-4: waiting"), ("ArrowDown", "lamp-8: waiting"),
        ("ArrowUp", "lamp-4: waiting"), ("ArrowUp", "lamp-0: waiting"), ("ArrowLeft", "lamp-0: waiting"),
    ):  # fmt: skip
        await tab.keyboard.press(key)
        assert await tab.evaluate("document.activeElement.ariaLabel") == label
    # Another part of the page changes; the place stays.
    await asyncio.to_thread(play.move, "lamp-0", *GOOD)
    await expect(tab.locator("#wave-0 .punches")).to_have_text("+")
    assert await tab.evaluate("document.activeElement.ariaLabel") == "lamp-0: good"
    assert await tab.locator("#card .punches a[tabindex='0']").count() == 3
    await tab.keyboard.press("Enter")
    await tab.wait_for_url("**/device/homie~lamp-0")


async def test_a_rollout_is_made_and_stopped_by_keyboard_only(site: Site, tab: Page) -> None:
    firmware = await asyncio.to_thread(site.world.firmware)
    for at in range(3):
        site.world.device(f"lamp-{at}", signal=90.0 - at)
    await tab.goto(f"{site.url}/rollouts/new")
    await tab.focus("[name=query]")
    await tab.keyboard.type("fw:lamp")
    await tab.keyboard.press("Enter")
    await expect(tab.locator("h1")).to_contain_text("Bring 3 devices to lamp 2.0.0?")
    start = tab.locator("button:text('Start with lamp-0')")
    while not await start.evaluate("each => each === document.activeElement"):
        await tab.keyboard.press("Tab")
    await tab.keyboard.press("Enter")
    await tab.wait_for_url("**/rollouts/1")
    await tab.locator("button.stop").focus()
    await tab.keyboard.press("Enter")
    await expect(tab.locator("#status .state.paused")).to_be_visible()
    assert site.world.read(lambda conn: rollouts.require(conn, 1)).sha256 == firmware.sha256


async def test_what_cannot_be_meant_is_said_on_the_form_which_keeps_what_was_typed(
    site: Site, bare_tab: Page, complaints: list[str]
) -> None:
    await asyncio.to_thread(site.world.firmware)
    site.world.device("hall")
    await bare_tab.goto(f"{site.url}/rollouts/new")
    await bare_tab.fill("[name=query]", "colour:red")
    await bare_tab.click("button:text('Preview')")
    await expect(bare_tab.locator("main [role=alert]")).to_contain_text("colour")
    assert await bare_tab.input_value("[name=query]") == "colour:red"
    complaints[:] = [each for each in complaints if "status of 400" not in each]


async def test_the_story_is_printed_without_buttons(site: Site, play: Play, tab: Page) -> None:
    await asyncio.to_thread(second_wave, play)
    await asyncio.to_thread(play.move, "lamp-3", Event.HARM, reason=WORSE)
    await tab.goto(f"{site.url}/rollouts/{play.number}/story")
    await expect(tab.locator("main")).to_contain_text("3 of 10 devices run the image")
    await expect(tab.locator("main")).to_contain_text(WORSE.text)
    await tab.emulate_media(media="print")
    assert await tab.locator("header nav").is_hidden()
    await tab.goto(f"{site.url}/rollouts/{play.number}")
    for hidden in ("#choices form", "#harm form"):
        assert await tab.locator(hidden).first.is_hidden()
    assert await tab.locator("#card").is_visible()


async def test_stop_stays_in_sight_on_a_phone(site: Site, play: Play, tab: Page) -> None:
    await tab.set_viewport_size(PHONE)
    await tab.goto(f"{site.url}/rollouts/{play.number}")
    box = await tab.locator("button.stop").bounding_box()
    assert box is not None
    assert 0 < box["y"] + box["height"] <= PHONE["height"]
    assert await tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    await tab.click("button.stop")
    assert play.state == "paused"
    assert play.world.deployment(1).state is DeploymentState.QUEUED

"""What the pages of rollouts say: a plan in words, who is left out, harm beside siblings, thousands on one page."""

from __future__ import annotations

import gzip
import re

import pytest

from homie_ota.rollout import strategy
from homie_ota.rollout.course import Move
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import (
    BY_DEFAULT,
    Gate,
    Limits,
    MemberState,
    OnHarm,
    Order,
    Plan,
    WaveRule,
    Window,
)
from homie_ota.rollout.reasons import Reason
from homie_ota.store import (
    acting,
    deployments,
    devices,
    filling,
    memberships,
    previews,
    progress,
    rollouts,
    steering,
)
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.store.memberships import Place
from homie_ota.store.rhythm import Outlook
from homie_ota.store.tables import deployment, device, membership
from homie_ota.web import rollout_update, rollout_words
from homie_ota.web.rollout_harm import Compared
from web.world import BROWSER, World, form_word

ONE = Plan((WaveRule(gate=Gate(soak=0.0)),), limits=Limits(0), on_harm=OnHarm.REVERT, order=Order.NAME)


def test_a_plan_is_told_with_what_is_usual() -> None:
    told = dict(rollout_words.plan_words(BY_DEFAULT))
    assert told["waves"] == "1,10%,rest"
    assert told["at a time"] == "3"
    assert told["gates"].startswith(
        "1: verified ≥ 100 %, harm ≤ 0, tried ≥ 1, 2 min soak; 2: verified ≥ 90 %"
    )
    assert told["on harm"].startswith("pause: ")
    assert "windows" not in told


def test_a_plan_that_is_not_as_usual() -> None:
    plan = Plan(
        ONE.waves, ONE.limits, (Window(frozenset({0}), 120, 300),), ("relay/on:false",), "id:plug", Order.NAME
    )
    told = dict(rollout_words.plan_words(plan))
    assert (told["at a time"], told["windows"], told["only while"]) == (
        "no limit",
        "Mon 02:00-05:00",
        "relay/on:false",
    )
    assert (told["last"], told["order"]) == ("id:plug", "by name")
    assert told["gates"].endswith("no soak")


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [(24_000.0, 11_520.0, -52.0), (None, 1.0, None), (1.0, None, None), (0.0, 5.0, None), (50.0, 50.0, 0.0)],
)
def test_a_change_is_told_in_percent(before: float | None, after: float | None, change: float | None) -> None:
    assert Compared("", "", before, after, None, None).change == change
    assert Compared("", "", None, None, before, after).siblings_change == change


@pytest.mark.parametrize(
    ("rate", "by_others", "text"),
    [
        (20_000.0, False, "30 s, as before"),
        (10_000.0, True, "1 min, as other devices did"),
        (None, False, "30 s to 1 min 15 s; none was sent yet"),
    ],
)
def test_how_long_a_transfer_takes(rate: float | None, by_others: bool, text: str) -> None:
    ahead = Outlook(True, None, None, None, rate, by_others)
    assert rollout_update.lasts(ahead, 600_000) == text


def test_who_is_left_out_for_the_same_is_told_once(world: World) -> None:
    firmware = world.firmware()
    world.device("good")
    for at in range(3):
        world.order(world.device(f"busy-{at}"), firmware)
    world.device("off", ota_enabled=False)
    asked = world.client(headers=BROWSER).get(
        "/rollouts/new", params={"query": "fw:lamp", "firmware": firmware.sha256}
    )
    assert re.search(r'<th scope="row">3</th><td>busy-0, busy-1, busy-2</td><td>✗ Deployment \d', asked.text)
    assert '<th scope="row">1</th><td>off</td>' in asked.text


def test_a_simulation_is_an_option_of_the_preview(world: World) -> None:
    firmware = world.firmware()
    for at in range(4):
        world.device(f"lamp-{at}", state_since=1.0)
    asked = {"query": "fw:lamp", "firmware": firmware.sha256, "simulate": "1"}
    text = world.client(headers=BROWSER).get("/rollouts/new", params=asked).text
    assert "without any failure, it would be finished." in text
    assert "4 of 4 run it." in text


def test_every_option_of_the_form_becomes_the_plan(world: World) -> None:
    firmware = world.firmware()
    for at in range(4):
        world.device(f"lamp-{at}")
    client = world.client(headers=BROWSER)
    fields = {
        "query": "fw:lamp", "firmware": firmware.sha256, "name": "spring", "waves": "2,rest", "verified": "95",
        "soak": "5m", "parallel": "2", "windows": "02:00-05:00", "guards": "relay/on:false", "last": "id:lamp-3",
        "order": "name", "on_harm": "drain", "attempts": "1", "absent_after": "2h", "standing": "1", "follow": "2.*",
    }  # fmt: skip
    asked = client.get("/rollouts/new", params=fields)
    assert "<details open>" in asked.text
    for name, value in fields.items():
        assert f'<input type="hidden" name="{name}" value="{value}">' in asked.text
    client.post("/rollouts", data={**fields, "word": form_word(asked), "action": "keep"})
    page = client.get("/rollouts/1").text
    for word in (
        "2,rest",
        "verified ≥ 95 %",
        "02:00-05:00",
        "relay/on:false",
        "id:lamp-3",
        "drain: ",
        "follows 2.*",
    ):
        assert word in page
    assert "spring" in client.get("/rollouts").text


def test_a_device_that_shows_no_numbers_is_harmed_all_the_same(world: World) -> None:
    old, new = world.firmware(version="1.0.0"), world.firmware()
    for at in range(3):
        world.device(f"lamp-{at}", md5=old.md5)
    number = started(world, new.sha256)

    def harm(conn: Connection) -> None:
        made = deployments.insert(
            conn, device_pk=1, sha256=new.sha256, by="me", now=1.0, rollout_id=number, wave=0, size=1,
            previous_sha256="", before={},
        )  # fmt: skip
        ended = {"state": "failed", "outcome": "harmful", "followed": "nothing", "before": {}, "after": {}}
        conn.execute(deployment.update().where(deployment.c.id == made.id).values(**ended))
        mine = membership.c.device_pk == 1
        conn.execute(
            membership.update().where(mine).values(outcome="harmful", deployment_id=made.id, reason="gone")
        )

    world.write(harm)
    page = world.client(headers=BROWSER).get(f"/rollouts/{number}")
    assert "X" in page.text
    assert "gone" in page.text


def started(world: World, sha256: str) -> int:
    def write(conn: Connection) -> int:
        firmware = firmwares.resolve(conn, sha256)
        seen = previews.make(conn, firmware, "fw:lamp", None, now=1.0)
        made = previews.found(conn, seen, "fw:lamp", by="me", now=1.0)
        return steering.steer(conn, made.id, Move.START, now=2.0, by="me").rollout.id

    return world.write(write)


def test_thousands_of_devices_are_one_small_page(world: World) -> None:
    """Ten thousand links would be a megabyte, and as many tab stops."""
    firmware = world.firmware()
    pk = world.device("lamp")
    number = started(world, firmware.sha256)
    many = range(1000, 6000)

    def add(conn: Connection) -> None:
        row = devices.row(conn, pk) or {}
        known = {name: row[name] for name in (each.name for each in device.c) if name in row}
        conn.execute(device.insert(), [{**known, "pk": at, "device_id": f"lamp-{at}"} for at in many])
        places = [Place(at, 0, at, MemberState.VERIFIED) for at in many]
        memberships.insert(conn, number, places, now=1.0)

    world.write(add)
    text = world.client(headers=BROWSER).get(f"/rollouts/{number}").text
    card = text[text.index('id="card"') : text.index('class="key"')]
    assert card.count("<a ") < 100
    assert "+" * 99 in card
    assert len(gzip.compress(text.encode(), 4)) < 20_000
    last = world.client(headers=BROWSER).get(f"/rollouts/{number}", params={"wave": 0, "after": 4900}).text
    assert last.count(">lamp-5") == 100


def test_a_gate_is_an_equation_whose_terms_say_whether_they_hold(world: World) -> None:
    firmware = world.firmware()
    for at in range(2):
        world.device(f"lamp-{at}", signal=90.0 - at)
    number = started(world, firmware.sha256)
    world.now = 1000.0

    def canary_is_good(conn: Connection) -> None:
        of = rollouts.require(conn, number)
        acting.act(conn, of, strategy.decide(progress.view(conn, of), 900.0), now=900.0)
        (made,) = filling.fill(conn, rollouts.require(conn, number), now=900.0).made
        well = Reason("verified", "Healthy.", False)
        for event in (Event.OFFER, Event.ACCEPT, Event.FLASH, Event.CONFIRM, Event.HEAL):
            attempt = deployments.get(conn, made.id)
            assert attempt is not None
            deployments.advance(conn, attempt, event, now=940.0, reason=well)

    world.write(canary_is_good)
    text = world.client(headers=BROWSER).get(f"/rollouts/{number}").text
    first = text[text.index('id="wave-0"') : text.index('id="wave-1"')]
    for word in ("verified 1/1 ≥ 100 %", "harm 0 ≤ 0", "tried 1 ≥ 1"):
        assert re.search(rf'<span class="term holds"><span aria-hidden="true">✓</span> {word}', first), word
    assert re.search(
        r'<span class="term not-yet">.*?</span> soak 1/2 min <span class="unseen">\(not yet\)', first
    )
    # From the end of the canary's soak on: 940 s and two minutes.
    assert re.search(
        r'class="term next">next <time datetime="1970-01-01T00:17:40Z" data-clock="when">', first
    )
    assert "data-countdown" in first

"""A home full of devices, in every state there is: what tests of all pages, and pictures of them, look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise
from typing import Any, NamedTuple

from homie_ota.esp.request import UpdateRequest
from homie_ota.model import Firmware
from homie_ota.rollout.course import Move
from homie_ota.rollout.plan import BY_DEFAULT, WaveState
from homie_ota.simulator.images import make_image
from homie_ota.store import audit, events, intake, knocks, rollouts, tables, target_rows
from homie_ota.store.database import Connection
from homie_ota.store.rollouts import Rollout
from pages import curves
from web.world import World

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

RELAY = {"name": "Relay", "type": "switch", "properties": {
    "on": {"name": "On", "datatype": "boolean", "settable": True},
    "power": {"name": "Power", "datatype": "float", "unit": "W"}}}  # fmt: skip
AIR = {"name": "Air", "type": "sensor", "properties": {
    "temperature": {"name": "Temperature", "datatype": "float", "unit": "°C"},
    "humidity": {"name": "Humidity", "datatype": "float", "unit": "%", "format": "0:100"}}}  # fmt: skip

CONFIG = '{"name": "…", "mqtt": {"host": "broker.local", "port": 1883}, "ota": {"enabled": true}}'


class Thing(NamedTuple):
    """One device of the home; `ago` is when it was heard last, in seconds."""

    id: str
    name: str
    fw: str
    version: str
    state: str = "ready"
    ago: float = 20.0
    signal: float | None = 70.0
    homie: str = "3.0.1"
    implementation: str = "esp8266"
    way: str = "mqtt"
    tags: tuple[str, ...] = ()


THINGS = (
    Thing("hall-lamp", "Hall lamp", "lamp", "2.0.1", signal=74, tags=("downstairs",)),
    Thing("desk-lamp", "Desk lamp", "lamp", "2.0.0", signal=88),
    Thing("bed-lamp", "Bed lamp", "lamp", "2.0.0", signal=42, tags=("upstairs",)),
    Thing("stairs-lamp", "Lamp of the stairs", "lamp", "1.9.0", signal=31),
    Thing("porch-lamp", "Porch lamp", "lamp", "1.9.0", "alert", 400, 22),
    Thing("garage-lamp", "Garage lamp", "lamp", "2.0.0", "lost", 3 * DAY, 18),
    Thing("kitchen-plug", "Kitchen plug", "plug", "1.4.0", signal=64, tags=("downstairs",)),
    Thing("fridge-plug", "Plug of the fridge", "plug", "1.4.0", signal=58, tags=("careful",)),
    Thing("tv-plug", "TV plug", "plug", "1.3.2", signal=81),
    Thing("attic-air", "Attic", "weather", "3.1.0", "sleeping", 7 * MINUTE, 35, tags=("battery",)),
    Thing("garden-air", "Garden", "weather", "3.0.0", "sleeping", 12 * MINUTE, 27, tags=("battery",)),
    Thing("cellar-air", "Cellar", "weather", "3.1.0", "sleeping", 3 * MINUTE, 49, tags=("battery",)),
    Thing("blind-south", "Southern blind", "blind", "0.9.0", implementation="esp32", homie="5.0"),
    Thing("blind-west", "Western blind", "blind", "0.9.0", "init", 4, implementation="esp32", homie="5.0"),
    Thing("c631f278", "", "lt", "1.0", homie="", implementation="", way="http", signal=55),
    Thing("shelly-boiler", "Boiler", "", "", homie="4.0", implementation="", way="none", signal=None),
    *(
        Thing(
            f"spot-{number:02}", f"Spot {number}", "spot", "1.2.0" if number <= 12 else "1.1.0",
            state="lost" if number == 24 else "ready", ago=5 * DAY if number == 24 else 3.0 * number,
            signal=95.0 - 3 * number, tags=("shop",),
        )
        for number in range(1, 25)
    ),
)  # fmt: skip


def furnish(world: World, now: float) -> None:
    """Fill an installation with all of it, as if it had run for a month until `now`."""
    images = asyncio.run(_images(world, now))
    world.write(lambda conn: _things(conn, images, now))
    world.write(lambda conn: _past(conn, images, now))
    world.write(lambda conn: _present(conn, images, now))
    world.write(lambda conn: _rollouts(conn, images, now))
    world.write(lambda conn: _people(conn, now))
    world.write(lambda conn: _strangers(conn, now))
    world.write(lambda conn: _curves(conn, images, now))
    world.write(_in_order)


async def _images(world: World, now: float) -> dict[str, Firmware]:
    made = (
        ("lamp", "1.9.0", 60, ""), ("lamp", "2.0.0", 30, "new dimmer curve"),
        ("lamp", "2.0.1", 6, "flicker at 1 % is gone"), ("lamp", "2.1.0", 1, "fades; needs 4 MB"),
        ("spot", "1.0.0", 60, ""), ("spot", "1.1.0", 22, "colour stays after a power cut"),
        ("spot", "1.2.0", 2, "starts in 2 s instead of 5"),
        ("plug", "1.3.2", 50, ""), ("plug", "1.4.0", 20, "measures power"),
        ("weather", "3.0.0", 40, ""), ("weather", "3.1.0", 9, "sleeps longer when the battery is low"),
    )  # fmt: skip
    found = {}
    for name, version, days, description in made:
        found[f"{name}@{version}"] = await _image(world, name, version, description, now - days * DAY)
    return found


async def _image(world: World, name: str, version: str, description: str, at: float) -> Firmware:
    async def once() -> AsyncIterator[bytes]:
        yield make_image(name, version, "brand", size=180_000)

    received = await world.images.receive(once(), filename="x.bin", max_size=1 << 24)
    return await intake.accept(
        world.database, world.images, received, description=description, by="anna", now=at
    )


def _things(conn: Connection, images: dict[str, Firmware], now: float) -> None:
    for pk, thing in enumerate(THINGS, 1):
        image = images.get(f"{thing.fw}@{thing.version}")
        seen = now - thing.ago
        nodes = {"relay": RELAY} if thing.fw in ("lamp", "plug", "blind", "spot") else {"air": AIR}
        base = "devices/" if thing.way == "http" else "homie/"
        row: dict[str, Any] = {
            "pk": pk, "base": base, "device_id": thing.id, "name": thing.name, "mac": f"A0:20:A6:14:85:{pk:02X}",
            "ip": f"192.168.1.{20 + pk}", "homie": thing.homie, "implementation": thing.implementation,
            "way": thing.way, "ota_enabled": None if thing.way != "mqtt" else True, "state": thing.state,
            "state_since": seen - 2 * DAY, "fw_name": thing.fw, "fw_version": thing.version, "version_key": "",
            "md5": image.md5 if image else "", "signal": thing.signal, "uptime": 2 * DAY + 700.0 * pk,
            "heap": 21_000.0 + 100 * pk, "nodes": nodes, "first_seen": now - 30 * DAY, "last_seen": seen, "recent": [],
            "facts": {"stats/interval": "60", "implementation/version": "3.0.0", "config": CONFIG},
        }  # fmt: skip
        conn.execute(tables.device.insert().values(**row))
        conn.execute(tables.device_address.insert().values(
            base=base, device_id=thing.id, device_pk=pk, dialect="", since=now - 30 * DAY))  # fmt: skip
        for word in thing.tags:
            conn.execute(tables.tag.insert().values(device_pk=pk, tag=word))
        for node, described in nodes.items():
            for prop, about in described["properties"].items():  # type: ignore[attr-defined]
                value = "true" if about["datatype"] == "boolean" else f"{17.5 + pk:.1f}"
                number = 1.0 if value == "true" else float(value)
                conn.execute(tables.reading.insert().values(
                    device_pk=pk, node=node, prop=prop, value=value, num=number, at=seen))  # fmt: skip
    conn.execute(tables.device.update().where(tables.device.c.device_id == "fridge-plug").values(
        pinned_until=now + 4 * DAY, pin_reason="not while we are away"))  # fmt: skip


def _pk(name: str) -> int:
    return next(pk for pk, thing in enumerate(THINGS, 1) if thing.id == name)


def _deployment(
    conn: Connection, name: str, image: Firmware, state: str, at: float, steps: tuple[str, ...], **more: Any
) -> int:
    """A deployment whose moves lie 15 seconds apart."""
    pk, ended = _pk(name), at + 15.0 * len(steps)
    row = {
        "device_pk": pk, "sha256": image.sha256, "state": state, "state_since": ended, "created_at": at,
        "offered_at": at + 15 if steps else None, "bytes_total": image.size, "created_by": "anna",
        "bytes_done": image.size if state in ("succeeded", "verifying", "rebooting") else 0,
        "before": {"fw_name": image.name, "fw_version": "1.9.0", "md5": "0" * 32, "heap": 21_400, "signal": 70}, **more,
    }  # fmt: skip
    made = conn.execute(tables.deployment.insert().values(**row)).inserted_primary_key
    assert made is not None
    number = int(made[0])
    if state != "cancelled":
        target_rows.put(conn, [pk], image.sha256, source=target_rows.ORDERED)
    about = {"device_pk": pk, "deployment_id": number}
    events.add(
        conn, "deployment", at=at, actor="anna", data={"state": "queued", "sha256": image.sha256}, **about
    )
    for step, (before, after) in enumerate(pairwise(("queued", *steps)), 1):
        data = {"from": before, "event": EVENTS[after], "state": after, "reason": more.get("reason", "")}
        data = data if after == state else data | {"reason": ""}
        events.add(conn, "deployment", at=at + 15.0 * step, device_pk=pk, deployment_id=number, data=data)
    return number


EVENTS = {
    "offered": "offer", "transferring": "accept", "rebooting": "flash", "verifying": "confirm", "succeeded": "heal",
    "failed": "expire", "cancelled": "cancel",
}  # fmt: skip
WELL = ("offered", "transferring", "rebooting", "verifying", "succeeded")


def _past(conn: Connection, images: dict[str, Firmware], now: float) -> None:
    after = {"heap": 20_900, "signal": 71, "verdict": "well", "rounds": 3}
    for days, name in enumerate(
        ("hall-lamp", "desk-lamp", "bed-lamp", "kitchen-plug", "tv-plug", "attic-air"), 2
    ):
        thing = THINGS[_pk(name) - 1]
        image = images[f"{thing.fw}@{thing.version}"]
        _deployment(conn, name, image, "succeeded", now - days * DAY, WELL, after=after, outcome="success")
    _deployment(
        conn, "porch-lamp", images["lamp@2.0.1"], "failed", now - 5 * HOUR, (*WELL[:3], "failed"),
        reason="The device did not come back within 180 s. It runs lamp 1.9.0 again since 09:14.", code="not-back",
        outcome="failure", harmful=True, previous_sha256=images["lamp@1.9.0"].sha256,
    )  # fmt: skip
    _deployment(
        conn,
        "tv-plug",
        images["plug@1.4.0"],
        "cancelled",
        now - 2 * DAY,
        ("cancelled",),
        reason="taken back by anna",
    )


def _present(conn: Connection, images: dict[str, Firmware], now: float) -> None:
    lamp, weather, plug = images["lamp@2.0.1"], images["weather@3.1.0"], images["plug@1.4.0"]
    _deployment(
        conn, "desk-lamp", lamp, "transferring", now - 40, WELL[:2], bytes_done=lamp.size * 43 // 100,
        deadline=now + 60,
    )  # fmt: skip
    _deployment(conn, "bed-lamp", lamp, "verifying", now - 150, WELL[:4], deadline=now + 300)
    _deployment(conn, "garden-air", weather, "queued", now - 2 * HOUR, ())
    _deployment(conn, "fridge-plug", plug, "queued", now - HOUR, ())
    for name, image in (
        ("hall-lamp", lamp),
        ("stairs-lamp", lamp),
        ("garden-air", weather),
        ("tv-plug", plug),
    ):
        target_rows.put(conn, [_pk(name)], image.sha256, source=target_rows.ORDERED)


def _rollouts(conn: Connection, images: dict[str, Firmware], now: float) -> None:
    spots = [thing.id for thing in THINGS if thing.fw == "spot"]
    at = now - 20 * DAY
    done = _rollout(conn, images["spot@1.1.0"], at, spots)
    for number, hours in enumerate((0.2, 1.0, 5.0)):
        _wave(conn, done, number, WaveState.PASSED, at + hours * HOUR)
    _members(conn, done, spots, "verified", at, absent=spots[-1:])
    rollouts.move(conn, rollouts.require(conn, done.id), Move.FINISH, now=at + 5 * HOUR)

    at = now - 2 * HOUR
    runs = _rollout(conn, images["spot@1.2.0"], at, spots)
    for number in range(2):
        _wave(conn, runs, number, WaveState.PASSED, at + (number + 1) * 1200)
    _wave(conn, runs, 2, WaveState.RUNNING, at + 2500)
    sent = {}
    for place, (state, steps) in enumerate((("verifying", 4), ("transferring", 2), ("transferring", 2))):
        name = spots[12 + place]
        sent[name] = _deployment(
            conn, name, images["spot@1.2.0"], state, now - 30 * (1 + place), WELL[:steps], rollout_id=runs.id, wave=2,
            bytes_done=60_000 + 31_000 * place, deadline=now + 90,
        )  # fmt: skip
    _members(conn, runs, spots, "verified", at, waiting=spots[15:], absent=spots[-1:], running=sent)

    at = now - 5 * HOUR
    harm = _rollout(conn, images["lamp@2.0.1"], at, ["porch-lamp", "stairs-lamp", "garage-lamp"])
    failed = "The device did not come back within 180 s."
    _members(
        conn,
        harm,
        ["porch-lamp", "stairs-lamp", "garage-lamp"],
        "waiting",
        at,
        harmful={"porch-lamp": 7},
        reason=failed,
    )
    _wave(conn, harm, 0, WaveState.FAILED, at + 300)
    rollouts.move(
        conn, rollouts.require(conn, harm.id), Move.PAUSE, now=at + 300,
        reason="porch-lamp did not come back: 1 harmful failure, and none is borne.",
    )  # fmt: skip


def _rollout(conn: Connection, image: Firmware, at: float, names: list[str]) -> Rollout:
    query = f"fw:{image.name}"
    made = rollouts.insert(
        conn, sha256=image.sha256, query=query, plan=BY_DEFAULT, by="anna", now=at, name=f"{image.name}s"
    )
    started = rollouts.move(conn, made, Move.START, now=at, by="anna")
    assert started is not None
    _wave(conn, started, 0, WaveState.RUNNING, at)
    return started


def _wave(conn: Connection, of: Rollout, number: int, state: WaveState, at: float) -> None:
    if state is not WaveState.RUNNING:
        rollouts.move_wave(conn, of, number, [WaveState.WAITING], WaveState.RUNNING, now=at - 900)
    rollouts.move_wave(conn, of, number, [WaveState.WAITING, WaveState.RUNNING], state, now=at)
    conn.execute(tables.rollout.update().where(tables.rollout.c.id == of.id).values(wave=number))


def _members(
    conn: Connection,
    of: Rollout,
    names: list[str],
    usual: str,
    at: float,
    reason: str = "",
    **other: Iterable[str],
) -> None:
    """One canary, a tenth, the rest; `other` are those with another outcome, by name or with their deployment."""
    for place, name in enumerate(names):
        outcome = next((word for word, chosen in reversed(other.items()) if name in chosen), usual)
        chosen = other.get(outcome, ())
        conn.execute(tables.membership.insert().values(
            rollout_id=of.id, device_pk=_pk(name), wave=0 if place == 0 else 1 if place < len(names) / 10 else 2,
            position=place, outcome=outcome, since=at + 60 * place, reason=reason if outcome == "harmful" else "",
            deployment_id=chosen[name] if isinstance(chosen, dict) else None))  # fmt: skip
        if outcome not in ("waiting", "absent", "skipped", "same"):
            target_rows.put(conn, [_pk(name)], of.sha256, source=f"rollout {of.id}")


def _strangers(conn: Connection, now: float) -> None:
    """Three sketches knock, one of them from two places."""
    told = (
        UpdateRequest("esp8266", mac="A0:20:A6:00:00:01", have="0.9.1", md5="c" * 32, free_space=2_740_224),
        UpdateRequest(
            "esp32", mac="34:85:18:00:00:02", have="1.4.0", chip_size=8 << 20, sketch_size=1_006_448
        ),
        UpdateRequest("esp8266", mac="A0:20:A6:00:00:03", sdk="1.5.1(e67da894)"),
    )
    for at, asked in enumerate((*told, told[1])):
        host = f"192.168.1.{40 + at}"
        knocks.note(conn, asked, address=host, network=host, now=now - at * MINUTE)


def _people(conn: Connection, now: float) -> None:
    for ago, who, what, why in (
        (3 * HOUR, "anna", "started rollout 3", "lamps"),
        (2 * HOUR, "bela", "pinned fridge-plug", "not while we are away"),
        (HOUR, "anna", "started rollout 2", ""),
    ):
        audit.add(conn, at=now - ago, who=who, what=what, why=why, from_where="192.168.1.9")


def _curves(conn: Connection, images: dict[str, Firmware], now: float) -> None:
    for pk, thing in enumerate(THINGS, 1):
        values = ("air/temperature", "air/humidity") if thing.fw == "weather" else ("relay/power",)
        curves.write(conn, pk, state=thing.state, signal=thing.signal or 50.0, values=values, now=now)
    for days, name in ((4, "hall-lamp"), (12, "desk-lamp"), (6, "attic-air")):
        thing = THINGS[_pk(name) - 1]
        older = next(
            each for each in images.values() if each.name == thing.fw and each.version < thing.version
        )
        runs = images[f"{thing.fw}@{thing.version}"]
        curves.ran(conn, _pk(name), older.md5, (runs.md5, runs.name, runs.version), now - days * DAY)


def _in_order(conn: Connection) -> None:
    """Events were written thing by thing; they happened one after another."""
    told = [dict(row) for row in conn.execute(tables.event.select().order_by(tables.event.c.at)).mappings()]
    conn.execute(tables.event.delete())
    conn.execute(tables.event.insert(), [{name: row[name] for name in row if name != "seq"} for row in told])

"""A fleet of forty devices, each in a situation that its row has to tell: for looking at, and for tests of the list."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

import sqlalchemy as sa

from homie_ota.model import DeploymentState, Firmware
from homie_ota.rollout import soak
from homie_ota.store import deployments, devices, events, marks, quarantine, target_rows
from homie_ota.store.database import Connection
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import deployment, leftover, presence, rollout
from web.world import World

ROOMS = (
    "hall", "attic", "bath", "cellar", "garage", "kitchen", "landing", "office", "porch", "study", "terrace",
    "workshop",
)  # fmt: skip


def furnish(world: World) -> tuple[Firmware, Firmware]:
    """Make the fleet; the image that the lamps run, and the one that they should get."""
    four_mb = 4 << 20
    old = world.firmware("lamp", "2.0.0", flash_size=four_mb)
    new = world.firmware("lamp", "2.1.0", flash_size=four_mb)
    plug = world.firmware("plug", "1.4.2")
    now = world.shell.clock()
    at = iter(range(1, 1000))

    def lamp(device_id: str, **columns: Any) -> int:
        runs = {"fw_name": "lamp", "fw_version": old.version, "md5": old.md5, "signal": 40.0 + next(at) % 50}
        return world.device(device_id, **{**runs, "last_seen": now - 7 * (next(at) % 9), **columns})

    good = [lamp(f"{room}-lamp", fw_version=new.version, md5=new.md5) for room in ROOMS]
    plugs = [
        world.device(f"{room}-plug", fw_name="plug", fw_version=plug.version, md5=plug.md5, signal=71.0)
        for room in ROOMS[:10]
    ]
    world.write(lambda c: target_rows.put(c, good, new.sha256, source="rollout 1"))
    world.write(lambda c: target_rows.put(c, plugs, plug.sha256, source="rollout 2"))
    _under_way(world, lamp, new)
    _sleepers(world, lamp, new)
    _in_trouble(world, lamp, new)
    lamp("shed-lamp", state="lost", state_since=now - 86400 * 3, last_seen=now - 86400 * 3, signal=12.0)
    lamp("dark-lamp", ota_enabled=False)
    world.device("meter", way="none", fw_name="", fw_version="", name="Water meter", signal=None)
    world.write(lambda c: marks.pin(c, plugs[0], now + 3 * 86400, "feeds the server", by="anna", now=now))
    world.write(lambda c: marks.put_tag(c, plugs[0], "critical", by="anna", now=now))
    world.write(
        lambda c: devices.learn(c, plugs[1], {"chip_size": "1048576"}, evidence="It said so.", now=now)
    )
    return old, new


def attempt(world: World, pk: int, image: Firmware, **columns: Any) -> int:
    """A deployment of this device as its row is in this state."""
    now = world.shell.clock()
    row = {
        "device_pk": pk, "sha256": image.sha256, "state": "queued", "state_since": now, "created_at": now,
        "bytes_total": image.size, "soak": {}, **columns,
    }  # fmt: skip

    def write(conn: Connection) -> int:
        made = conn.execute(deployment.insert().values(**row)).inserted_primary_key
        assert made is not None
        return int(made[0])

    return world.write(write)


def _under_way(world: World, lamp: Any, new: Firmware) -> None:
    now = world.shell.clock()
    deadline = now + 600
    # It told of its progress just now, so its deadline is as far away as it can be.
    heard = now + deployments.LIMITS[DeploymentState.TRANSFERRING]
    done = new.size * 44 // 100
    attempt(
        world, lamp("den-lamp"), new, state="transferring", state_since=now - 10, deadline=heard, bytes_done=done
    )  # fmt: skip
    seen = asdict(
        soak.Soak(since=now - 90, told=True, ready_at=now - 90, was_ready=True, rounds=3, heard_at=now)
    )
    attempt(world, lamp("bed-lamp"), new, state="verifying", deadline=deadline, soak={**seen, "samples": []})
    pk = lamp("loft-lamp", state="lost")
    world.write(lambda c: devices.learn(c, pk, {"reboot_seconds": "9 8 9"}, evidence="", now=now))
    attempt(world, pk, new, state="rebooting", deadline=deadline)
    attempt(world, lamp("pool-lamp"), new)
    pinned = lamp("door-lamp")
    world.write(lambda c: marks.pin(c, pinned, now + 4 * 86400, "visitors until Friday", by="anna", now=now))
    attempt(world, pinned, new)


def _sleepers(world: World, lamp: Any, new: Firmware) -> None:
    now = world.shell.clock()
    for name, ago, awake in (("garden-sensor", 300.0, 20.0), ("roof-sensor", 1200.0, 90.0)):
        pk = lamp(name, state="sleeping", state_since=now - ago, last_seen=now - ago, signal=28.0)
        rows = [
            {"device_pk": pk, "since": now - ago - 1800.0 * back, "until": now - ago - 1800.0 * back + awake}
            for back in range(1, 8)
        ]
        rate = {"bytes_per_second": f"{new.size / 45:.0f}"}
        world.write(partial(_note_rhythm, pk=pk, rows=rows, rate=rate, now=now))
        attempt(world, pk, new)
    lamp("pond-sensor", state="sleeping", fw_version=new.version, md5=new.md5)


def _note_rhythm(
    conn: Connection, *, pk: int, rows: list[dict[str, Any]], rate: dict[str, str], now: float
) -> None:
    conn.execute(presence.insert(), rows)
    devices.learn(conn, pk, rate, evidence="", now=now)


def _in_trouble(world: World, lamp: Any, new: Firmware) -> None:
    now = world.shell.clock()
    failed = {"state": "failed", "followed": "nothing", "state_since": now - 3600}
    attempt(
        world, lamp("stairs-lamp"), new, **failed, harmful=True, code="came-back-old", outcome="harmful",
        reason="The whole image was transferred, and the device came back with its old firmware: the new one did not "
        "start, or the device rolled it back. Check that the image is built for exactly this board.",
    )  # fmt: skip
    attempt(
        world, lamp("barn-lamp", signal=9.0), new, **failed, harmful=False, code="too-slow", outcome="unharmed",
        reason="The device dropped its own connection 41 s into the transfer; Homie 2 and 3 do that after about 41 s. "
        "It still runs the old firmware.",
    )  # fmt: skip
    held = lamp("wall-lamp")
    world.write(lambda c: target_rows.put(c, [held], new.sha256, source="rollout 1"))
    why = Held(held, new.sha256, "went-back", "It went back to the old image three times.", now)
    world.write(lambda c: quarantine.add(c, why))
    kept = lamp("gate-lamp")
    topic = {"topic": "homie/gate-lamp/$implementation/ota/firmware/x", "kind": "image", "found_at": now}
    world.write(lambda c: c.execute(leftover.insert().values(device_pk=kept, **topic)))
    odd = lamp("tower-lamp")
    text = (
        "It should run lamp 2.1.0 for 9 d now and does not, although it was seen. Look at what holds it back."
    )
    data = {"event": "began", "code": "behind", "text": text}
    world.write(lambda c: events.add(c, "alarm", at=now, device_pk=odd, data=data))
    lamp("boiler", state="alert", name="Boiler room")
    lamp("ghost", state="unknown", name="", fw_name="", fw_version="", md5="", signal=None)
    stopped = {
        "name": "lamp 2.1.0", "sha256": new.sha256, "query": "fw:lamp", "plan": {}, "state": "paused",
        "state_since": now, "created_at": now, "reason": "1 of 4 came to harm, 0 are borne.",
    }  # fmt: skip
    world.write(lambda c: c.execute(sa.insert(rollout).values(**stopped)))

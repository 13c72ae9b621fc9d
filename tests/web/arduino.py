"""Plain Arduino devices for tests: what their cores send, and the device that one of them becomes."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import httpx

from homie_ota.store import adopting, devices
from web.world import ESP, World

MAC = "A0:20:A6:14:85:06"
OLD_MD5 = hashlib.md5(b"what runs at first").hexdigest()


def headers(mac: str = MAC, *, md5: str = OLD_MD5, version: str = "1.0.0", **more: str) -> dict[str, str]:
    """A request of ESP8266httpUpdate; `md5` is empty for cores before 2.4."""
    sent = {**ESP, "x-ESP8266-STA-MAC": mac, "x-ESP8266-sketch-md5": md5, "x-ESP8266-version": version}
    sent |= {f"x-ESP8266-{name.replace('_', '-')}": value for name, value in more.items()}
    return {name: value for name, value in sent.items() if value}


class Plain:
    """One adopted device of a world; each request is made `later` seconds after the last one."""

    def __init__(self, world: World, mac: str = MAC, name: str = "Greenhouse", **told: str) -> None:
        self.world, self.mac, self.told = world, mac, told
        world.now = world.now or time.time()
        self.client = world.client()
        assert self.ask(later=0.0).status_code == 304
        now = world.now
        address = world.write(lambda c: adopting.adopt(c, mac, name, by="test", now=now))
        self.pk = world.read(lambda c: devices.resolve(c, address.key))

    def ask(self, *, later: float = 60.0, **told: str) -> httpx.Response:
        """Ask for an update; `told` changes what it says from now on."""
        assert self.world.now is not None
        self.world.now += later
        self.told |= told
        answer: httpx.Response = self.client.get("/ota", headers=headers(self.mac, **self.told))
        return answer

    @property
    def row(self) -> dict[str, Any]:
        found = self.world.read(lambda c: devices.row(c, self.pk))
        assert found is not None
        return found

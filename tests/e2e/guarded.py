"""A real mosquitto that runs under what `homie-ota broker-config` wrote, with a password for each of its users."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from homie_ota.cli import main
from homie_ota.mqtt import Broker
from servers import BrokerAt, Child, find_program

SERVER, READER, PASSWORD = "homie-ota", "homeassistant", "a-password"


class GuardedMosquitto(Child, BrokerAt):
    """As Debian sets one up: its own mosquitto.conf includes the folder where ours was written."""

    def __init__(self, folder: Path, port: int, *options: str) -> None:
        Child.__init__(self, folder, port)
        BrokerAt.__init__(self, self.host, port, SERVER, PASSWORD)
        self.written = folder / "conf.d"
        where = ("--host", self.host, "--port", str(port), "--folder", str(self.written))
        # The data of another folder: no device is known there.
        wanted = [
            "broker-config",
            "-o",
            str(self.written),
            "--data",
            str(folder / "none"),
            "--reader",
            READER,
        ]
        assert main([*wanted, *where, *options]) == 0

    def let_in(self, users: Iterable[str]) -> None:
        """Give these users their password; before `start`."""
        program = find_program("mosquitto_passwd", package="mosquitto")
        path = self.written / "homie-ota.passwd"
        path.touch(0o600)
        for user in users:
            subprocess.run([program, "-b", str(path), user, PASSWORD], check=True, timeout=30)

    def start(self) -> None:
        config = self.folder / "mosquitto.conf"
        # A mosquitto that is started by root becomes somebody else, who may not read a test's folder.
        lines = ("user root", f"persistence_location {self.folder}/", f"include_dir {self.written}", "")
        config.write_text("\n".join(lines))
        self.launch([find_program("mosquitto", package="mosquitto"), "-c", str(config)])

    def url(self, user: str) -> str:
        return f"mqtt://{user}:{PASSWORD}@{self.host}:{self.port}"

    def as_user(self, user: str) -> Broker:
        return Broker(self.host, self.port, user, PASSWORD)

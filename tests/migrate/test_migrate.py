"""Moving in: what of an old installation is there afterwards, what is not, and that each is said."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homie_ota.bus import Bus
from homie_ota.config import Settings, load
from homie_ota.errors import Conflict, NotFound, WrongUse
from homie_ota.ingest import Ingest
from homie_ota.migrate import Report, Took, Where, migrate
from homie_ota.model import Address, State
from homie_ota.simulator.images import make_image
from homie_ota.store import accounts, audit, devices, firmware, lease
from homie_ota.store.database import Connection, Database
from homie_ota.store.tables import device
from migrate.old_server import INI, INVENTORY, WRITTEN, OldServer

NOW = 1_700_000_000.0
IMAGE, DEVICE, LOGIN, FILE, SETTINGS = "image", "device", "login", "file", "settings"


@pytest.fixture
def old(tmp_path: Path) -> OldServer:
    return OldServer(tmp_path / "old")


def secrets(settings: Settings) -> list[tuple[str, bytes]]:
    return [("the broker's password", settings.mqtt.password.get_secret_value().encode())]


class New:
    """The new installation; `run` moves in, and everything else looks at what is there then."""

    def __init__(self, folder: Path, old: OldServer) -> None:
        self.folder, self.old, self.data = folder, old, folder / "data"
        folder.mkdir()
        self.database: str = str(self.data / "homie-ota.sqlite3")

    def run(
        self, *, dry_run: bool = False, config: Path | None = None, env: dict[str, str] | None = None
    ) -> Report:
        overrides = {"storage": {"data_dir": str(self.data)}}
        where = Where(config or self.folder / "homie-ota.toml", overrides, env or {}, secrets)
        return asyncio.run(migrate(self.old.folder, where, by="jo", dry_run=dry_run, now=NOW))

    def ask(self, work: Callable[[Connection], Any]) -> Any:
        database = Database(self.database)
        try:
            database.require_current()
            return database.read_now(work)
        finally:
            database.close()

    def device(self, device_id: str) -> dict[str, Any]:
        pk = self.ask(lambda conn: devices.by_address(conn, Address("devices/", device_id)))
        row: dict[str, Any] = self.ask(lambda conn: devices.row(conn, pk))
        row["values"] = {
            (node, prop): value for node, prop, value, _, _ in self.ask(lambda c: devices.readings(c, pk))
        }
        row["learned"] = self.ask(lambda conn: devices.learned_facts(conn, pk))
        return row

    @property
    def settings(self) -> Settings:
        return load(self.folder / "homie-ota.toml", {}, {})


@pytest.fixture
def new(tmp_path: Path, old: OldServer) -> New:
    return New(tmp_path / "new", old)


def names(report: Report, kind: str, took: Took) -> list[str]:
    return [each.name for each in report.lines if (each.kind, each.took) == (kind, took)]


def text(report: Report, name: str) -> str:
    return next(each.text for each in report.lines if each.name == name)


# --- Devices


def test_devices_are_there_with_all_that_the_old_server_knew_and_none_is_online(new: New) -> None:
    report = new.run()
    assert names(report, DEVICE, Took.TAKEN) == [f"devices/{each}" for each in INVENTORY]
    hall = new.device("c631f278")
    assert (hall["name"], hall["fw_name"], hall["fw_version"], hall["ip"]) == (
        "Hall",
        "lamp",
        "1.0.0",
        "10.0.0.36",
    )
    assert (hall["state"], hall["last_seen"], hall["first_seen"]) == ("unknown", WRITTEN, WRITTEN)
    assert (hall["homie"], hall["way"], hall["mac"]) == ("1.5", "http", "18:FE:34:C6:31:F2")
    assert hall["values"] == {("relay", "on"): "true"}
    assert hall["learned"] == {"free_space": "684032", "chip_size": "4194304", "sketch_size": "360872"}
    kitchen = new.device("5ccf7fb952ae")
    assert (kitchen["name"], kitchen["homie"], kitchen["signal"]) == ("Küche", "2.0.0", 60.0)
    assert kitchen["values"] == {("temperature", "degrees"): "21.5"}
    assert new.device("a020a6148506")["state"] == "unknown", "it was ready then, which says nothing of now"


def test_what_is_heard_afterwards_is_the_same_device(new: New) -> None:
    new.run()
    before = new.device("c631f278")["pk"]

    async def hear() -> None:
        database = Database(new.database)
        ingest = Ingest(database, Bus(), ["devices/"])
        await ingest.restore()
        for topic, payload in (("$online", b"true"), ("$fwname", b"lamp"), ("$fwversion", b"1.0.1")):
            ingest.receive(f"devices/c631f278/{topic}", payload, 1, True)
        await ingest.write()
        database.close()

    asyncio.run(hear())
    hall = new.device("c631f278")
    assert (hall["pk"], hall["state"], hall["fw_version"], hall["name"]) == (
        before,
        State.READY,
        "1.0.1",
        "Hall",
    )


def test_what_python_3_wrote_is_read_for_what_it_meant(new: New) -> None:
    new.old.as_python_3()
    report = new.run()
    assert len(names(report, DEVICE, Took.TAKEN)) == 3
    assert "as Python 3 wrote them" in text(report, "inventory.json")
    assert text(report, "sensors.json") == "There is none."
    hall, kitchen = new.device("c631f278"), new.device("5ccf7fb952ae")
    assert (hall["name"], hall["fw_version"], hall["state"]) == ("Hall", "1.0.0", "unknown")
    assert (hall["mac"], hall["learned"]["chip_size"]) == ("18:FE:34:C6:31:F2", "4194304")
    assert kitchen["name"] == "Küche"


def test_of_an_inventory_that_was_cut_off_the_beginning_is_taken(new: New) -> None:
    path = new.old.root / "inventory.json"
    new.old.text("inventory.json", path.read_text()[:-150])
    report = new.run()
    assert "cut off" in text(report, "inventory.json")
    assert names(report, DEVICE, Took.TAKEN)[:2] == ["devices/c631f278", "devices/5ccf7fb952ae"]


def test_the_file_that_was_being_written_counts_where_the_other_is_empty(new: New) -> None:
    path = new.old.root / "inventory.json"
    path.rename(path.with_suffix(".json.tmp"))
    new.old.text("inventory.json", "")
    assert len(names(new.run(), DEVICE, Took.TAKEN)) == 3


def test_a_device_that_this_server_knows_stays_as_it_is(new: New) -> None:
    new.run()
    database = Database(new.database)
    pk = database.read_now(lambda conn: devices.by_address(conn, Address("devices/", "c631f278")))

    def change(conn: Connection) -> None:
        conn.execute(device.update().where(device.c.pk == pk).values(name="Hallway", fw_version="3.0.0"))

    database.write_now(change)
    database.close()
    report = new.run()
    assert names(report, DEVICE, Took.TAKEN) == []
    assert len(names(report, DEVICE, Took.THERE)) == 3
    assert (new.device("c631f278")["name"], new.device("c631f278")["fw_version"]) == ("Hallway", "3.0.0")


def test_a_device_that_moved_to_another_address_meanwhile_is_known_by_its_mac(new: New) -> None:
    new.old.write("inventory.json", {})
    new.old.write("sensors.json", {})
    new.run()
    database = Database(new.database)

    async def hear() -> None:
        ingest = Ingest(database, Bus(), ["homie/"])
        await ingest.restore()
        for topic, payload in (("$homie", b"3.0.1"), ("$mac", b"18:FE:34:C6:31:F2"), ("$name", b"New hall")):
            ingest.receive(f"homie/18fe34c631f2/{topic}", payload, 1, True)
        await ingest.write()

    asyncio.run(hear())
    database.close()
    new.old.write("inventory.json", INVENTORY)
    report = new.run()
    assert names(report, DEVICE, Took.THERE) == ["devices/c631f278"]
    assert new.ask(lambda conn: devices.by_address(conn, Address("devices/", "c631f278"))) is None


def test_what_no_device_can_be_is_said(new: New) -> None:
    new.old.write(
        "inventory.json", {"": {"name": "x"}, "lamp": {}, "$broadcast": {"name": "x"}, "ok": {"name": "x"}}
    )
    new.old.write("sensors.json", {})
    report = new.run()
    assert names(report, DEVICE, Took.TAKEN) == ["devices/ok"]
    assert names(report, DEVICE, Took.LEFT) == ["", "lamp", "$broadcast"]


# --- Images


def test_images_come_through_the_door_of_uploads_with_their_descriptions(new: New) -> None:
    path = new.old.upload("lamp", "1.0.0", "The first.")
    os.utime(path, (WRITTEN, WRITTEN))
    new.old.upload("thermo", "1.2.0", None)
    report = new.run()
    assert names(report, IMAGE, Took.TAKEN) == ["lamp-1.0.0.bin", "thermo-1.2.0.bin"]
    (lamp,) = new.ask(lambda conn: firmware.named(conn, "lamp", "1.0.0"))
    assert (lamp.description, lamp.uploaded_at, lamp.chip, lamp.brand) == (
        "The first.",
        WRITTEN,
        "esp8266",
        "brand",
    )
    assert (new.data / "firmwares" / "lamp-1.0.0.bin").read_bytes() == path.read_bytes()
    assert (new.data / "firmwares" / "lamp-1.0.0.txt").read_text() == "The first."


def test_what_an_upload_would_refuse_is_refused_with_the_same_sentence(new: New) -> None:
    whole = new.old.upload("lamp", "1.0.0").read_bytes()
    for name, data in (
        ("cut-1.0.0.bin", whole[:-100]),
        ("page-1.0.0.bin", b"<html>"),
        ("empty-1.0.0.bin", b""),
    ):
        (new.old.root / name).write_bytes(data)
    report = new.run()
    assert names(report, IMAGE, Took.REFUSED) == ["cut-1.0.0.bin", "empty-1.0.0.bin", "page-1.0.0.bin"]
    assert "cut-1.0.0.bin" in text(report, "cut-1.0.0.bin")
    assert not report.is_whole
    assert sorted(path.name for path in (new.data / "firmwares").glob("*.bin")) == ["lamp-1.0.0.bin"]


@pytest.mark.parametrize(
    ("data", "meant"),
    [
        ("Für die Küche".encode(), "Für die Küche"),
        (
            "Für die Küche".encode().decode("latin-1").encode(),
            "Für die Küche",
        ),  # Bottle's text, written by Python 3
        (b"b'The first.'", "The first."),
        ("Nur ein ü".encode("latin-1"), "Nur ein \ufffd"),
        (b"", ""),
    ],
)
def test_descriptions_are_kept_as_they_were_typed(new: New, data: bytes, meant: str) -> None:
    new.old.upload("lamp", "1.0.0", data)
    new.run()
    (lamp,) = new.ask(lambda conn: firmware.named(conn, "lamp", "1.0.0"))
    assert lamp.description == meant


def test_file_names_that_python_3_made_are_names_without_quotes(new: New) -> None:
    new.old.upload("", "", "Kept.", filename="b'lamp'-b'1.0.0'.bin", homie=False)
    report = new.run()
    (lamp,) = new.ask(lambda conn: firmware.named(conn, "lamp", "1.0.0"))
    assert (lamp.filename, lamp.description) == ("lamp-1.0.0.bin", "Kept.")
    assert text(report, "b'lamp'-b'1.0.0'.bin") == "lamp 1.0.0"


def test_a_name_that_is_no_utf_8_is_said(new: New) -> None:
    path = new.old.upload("lamp", "1.0.0", None)
    path.rename(os.fsdecode(bytes(new.old.root) + b"/lamp-\xff-1.0.0.bin"))
    report = new.run()
    assert "no UTF-8" in next(each.text for each in report.lines if each.kind == IMAGE)
    assert names(report, IMAGE, Took.TAKEN) == []


def test_an_image_that_holds_the_brokers_password_is_warned_of(new: New) -> None:
    (new.old.folder / "homie-ota.ini").write_text(INI.replace("hunter2", "hunter2-and-more"))
    (new.old.root / "lamp-1.0.0.bin").write_bytes(make_image("lamp", "1.0.0", "hunter2-and-more"))
    new.run()
    (lamp,) = new.ask(lambda conn: firmware.named(conn, "lamp", "1.0.0"))
    assert any("password" in warning for warning in lamp.warnings)


def test_a_description_without_its_image_is_said(new: New) -> None:
    (new.old.root / "gone-1.0.0.txt").write_text("x")
    assert names(new.run(), FILE, Took.LEFT) == ["gone-1.0.0.txt"]


# --- Settings and the login


def test_the_settings_are_a_file_that_a_server_starts_with(new: New) -> None:
    report = new.run()
    found = new.settings
    assert (found.http.host, found.http.port, found.ota.path) == ("0.0.0.0", 9081, "/ota")
    assert (found.mqtt.url, found.mqtt.username) == ("mqtts://broker.example.org:8883", "John")
    assert found.mqtt.password.get_secret_value() == "hunter2"
    assert found.mqtt.ca_file == str(new.old.folder / "ca.crt"), "it was relative to the old directory"
    assert (found.mqtt.base_topics, found.data_dir) == (("devices/",), new.data)
    assert not found.auth.open_to_private
    assert (new.folder / "homie-ota.toml").stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in str(report.lines)
    assert {"OTA_HOST", "OTA_ENDPOINT"} <= set(names(report, SETTINGS, Took.LEFT)), "they are so by default"
    assert {"OTA_PORT", "MQTT_HOST, MQTT_PORT"} <= set(names(report, SETTINGS, Took.TAKEN))
    assert "s%cr=t" not in (new.folder / "homie-ota.toml").read_text()


@pytest.mark.parametrize(
    "password",
    ["1234", "007", 'quo"te', "back\\slash", "\x7f", "Küche\U0001f600", "# no comment", "true", "'x'"],
)
def test_any_password_is_the_same_one_afterwards(new: New, password: str) -> None:
    (new.old.folder / "homie-ota.ini").write_text(INI.replace("hunter2", password), encoding="utf-8")
    new.run()
    assert new.settings.mqtt.password.get_secret_value() == password


def test_the_old_login_goes_on(new: New) -> None:
    report = new.run()
    assert names(report, LOGIN, Took.TAKEN) == ["anna"]
    found = new.ask(lambda conn: accounts.check_password(conn, "anna", "s%cr=t"))
    assert found.rights == accounts.ROLES["admin"]
    assert [row["who"] for row in new.ask(audit.recent)] == ["jo"]
    assert "It is short" in text(report, "anna")


def test_a_login_that_is_there_keeps_its_password(new: New) -> None:
    database = Database(new.database)
    database.migrate()
    password = database.write_now(lambda conn: accounts.create(conn, "anna", "viewer", 1.0))
    database.close()
    assert names(new.run(), LOGIN, Took.THERE) == ["anna"]
    found = new.ask(lambda conn: accounts.check_password(conn, "anna", password))
    assert found.rights == accounts.ROLES["viewer"]


def test_a_server_that_was_open_to_all_stays_open_to_private_addresses(new: New) -> None:
    (new.old.folder / "homie-ota.ini").write_text(INI.replace("HTTP_", "# HTTP_"))
    report = new.run()
    assert new.settings.auth.open_to_private
    assert names(report, LOGIN, Took.LEFT) == ["HTTP_USER"]


def test_keys_that_a_fork_had_are_named_and_the_rest_is_taken(new: New) -> None:
    (new.old.folder / "homie-ota.ini").write_text(f"{INI}MQTT_TLS_VERSION = ssl.PROTOCOL_TLSv1\n")
    report = new.run()
    assert "[mqtt] MQTT_TLS_VERSION" in names(report, SETTINGS, Took.LEFT)
    assert new.settings.mqtt.username == "John"


def test_a_settings_file_that_is_there_is_not_changed_and_what_would_stand_in_it_is_said(new: New) -> None:
    file = new.folder / "homie-ota.toml"
    file.write_text("[http]\nport = 1234\n")
    report = new.run()
    assert file.read_text() == "[http]\nport = 1234\n"
    assert '[mqtt] url = "mqtts://broker.example.org:8883"' in text(report, "MQTT_HOST, MQTT_PORT")
    assert names(report, SETTINGS, Took.TAKEN) == []
    assert len(names(report, DEVICE, Took.TAKEN)) == 3


def test_a_value_that_no_server_could_use_ends_it_before_anything_is_written(new: New) -> None:
    (new.old.folder / "homie-ota.ini").write_text(INI.replace("9081", "many"))
    with pytest.raises(WrongUse, match="port"):
        new.run()
    assert list(new.folder.iterdir()) == []


def test_in_place_the_old_file_and_directory_are_used_as_they_are(
    old: OldServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    old.upload("lamp", "1.0.0", "The first.")
    monkeypatch.chdir(old.folder)
    before = (old.folder / "homie-ota.ini").read_text()
    where = Where(None, {}, {}, lambda _: [])
    report = asyncio.run(migrate(Path(), where, by="jo", dry_run=False, now=NOW))
    assert names(report, SETTINGS, Took.THERE) == ["homie-ota.ini"]
    assert text(report, "lamp-1.0.0.bin") == "lamp 1.0.0, where it is"
    assert ((old.folder / "homie-ota.ini").read_text(), (old.folder / "homie-ota.toml").exists()) == (
        before,
        False,
    )
    again = asyncio.run(migrate(Path(), where, by="jo", dry_run=False, now=NOW))
    assert {each.took for each in again.lines if each.kind in (IMAGE, DEVICE, LOGIN)} == {Took.THERE}


# --- As a whole


def tree(folder: Path) -> dict[str, tuple[bytes, float]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_dry_run_says_the_same_and_writes_nothing(new: New) -> None:
    new.old.upload("lamp", "1.0.0")
    before = tree(new.old.folder)
    said = new.run(dry_run=True)
    assert list(new.folder.iterdir()) == []
    assert tree(new.old.folder) == before
    done = new.run()
    assert [each for each in said.lines if each.took is not Took.THERE] == done.lines
    assert tree(new.old.folder) == before, "the old directory is only read"


def test_a_dry_run_beside_a_moved_in_server_says_what_is_there(new: New) -> None:
    new.old.upload("lamp", "1.0.0")
    new.run()
    said = new.run(dry_run=True)
    assert {each.took for each in said.lines if each.kind in (IMAGE, DEVICE, LOGIN)} == {Took.THERE}


def test_the_second_run_changes_nothing_and_takes_what_is_new(new: New) -> None:
    new.old.upload("lamp", "1.0.0", "The first.")
    new.run()
    rows = new.ask(lambda conn: (devices.load(conn), firmware.find(conn), audit.recent(conn)))
    new.old.upload("lamp", "1.1.0")
    report = new.run()
    assert names(report, IMAGE, Took.TAKEN) == ["lamp-1.1.0.bin"]
    assert names(report, IMAGE, Took.THERE) == ["lamp-1.0.0.bin"]
    after = new.ask(
        lambda conn: (devices.load(conn), firmware.find(conn, sort="uploaded"), audit.recent(conn))
    )
    assert (after[0], after[2]) == (rows[0], rows[2])
    assert len(after[1]) == 2


def test_while_a_server_runs_on_the_data_nothing_is_taken(new: New) -> None:
    database = Database(new.database)
    database.migrate()
    database.write_now(lambda conn: lease.take(conn, lease.DISPATCH, "server", NOW, 15.0))
    with pytest.raises(Conflict, match="Stop it"):
        new.run()
    assert database.read_now(devices.load) == []
    database.close()
    assert not (new.folder / "homie-ota.toml").exists()


def test_into_postgresql(new: New, postgres: str) -> None:
    new.old.upload("lamp", "1.0.0")
    new.database = postgres.replace("+psycopg", "")
    report = new.run(env={"HOMIE_OTA_STORAGE__DATABASE": new.database})
    assert report.is_whole
    assert new.device("c631f278")["name"] == "Hall"
    assert len(new.ask(firmware.find)) == 1


def test_a_directory_that_is_not_there_is_said(new: New) -> None:
    new.old.folder = new.folder / "nowhere"
    with pytest.raises(NotFound, match="nowhere"):
        new.run()


def test_a_directory_without_anything_of_an_old_server_leaves_no_settings_behind(new: New) -> None:
    new.old.folder = new.folder / "music"
    new.old.folder.mkdir()
    with pytest.raises(NotFound, match="no old homie-ota"):
        new.run()
    assert not (new.folder / "homie-ota.toml").exists()


def test_of_several_ini_files_none_is_guessed(new: New) -> None:
    (new.old.folder / "homie-ota.ini").rename(new.old.folder / "a.ini")
    (new.old.folder / "b.ini").write_text(INI)
    with pytest.raises(WrongUse, match=r"a\.ini, b\.ini"):
        new.run()
    (new.old.folder / "b.ini").unlink()
    assert "anna" in names(new.run(), LOGIN, Took.TAKEN)


def test_without_an_ini_the_old_defaults_are_taken_and_that_is_said(tmp_path: Path) -> None:
    new = New(tmp_path / "new", OldServer(tmp_path / "old", ini=None))
    report = new.run()
    assert "old server's defaults" in text(report, "homie-ota.ini")
    assert len(names(report, DEVICE, Took.TAKEN)) == 3
    assert new.settings.mqtt.url == "mqtt://localhost:1883"


def test_a_firmware_directory_that_was_elsewhere_is_found_beside_the_ini(new: New) -> None:
    moved = INI.replace("./firmwares", "/opt/homie-ota/firmwares")
    (new.old.folder / "homie-ota.ini").write_text(moved)
    assert len(names(new.run(), DEVICE, Took.TAKEN)) == 3

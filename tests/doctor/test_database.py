"""The database as the doctor sees it: there, of this version, whole; its images what was uploaded."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from doctor.conftest import Installation, look, only
from homie_ota import doctor
from homie_ota.cli import main
from homie_ota.doctor.database import database
from homie_ota.model import Firmware
from homie_ota.simulator.images import make_image
from homie_ota.store import audit, events, intake
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles
from servers import unused_port


def stored(here: Installation, version: str = "1.0.0") -> Firmware:
    """An image in the store."""

    async def chunks() -> AsyncIterator[bytes]:
        yield make_image("lamp", version, "brand")

    async def keep() -> Firmware:
        files = ImageFiles(here.firmware)
        received = await files.receive(chunks(), filename="x.bin", max_size=1 << 24)
        return await intake.accept(here.database, files, received, now=time.time())

    return asyncio.run(keep())


def test_a_whole_database_is_well_and_the_other_checks_learn_from_it(here: Installation) -> None:
    image, patient = stored(here), here.patient()
    here.device("hall-lamp")
    here.write(lambda conn: events.add(conn, "broker", at=5e9))
    found = look(database, patient)
    assert only(found, "good") == found
    assert {each.topic for each in found} == {"database", "audit log", "images"}
    assert (patient.known.largest, patient.known.newest) == (image.size, 5e9)
    assert {each.device_id for each in patient.known.devices} == {"hall-lamp"}


def test_a_database_that_is_not_there_is_not_made(here: Installation) -> None:
    (found,) = look(database, here.patient(storage={"data_dir": here.folder / "elsewhere"}))
    assert found.verdict == "mind"
    assert "homie-ota serve --data" in found.fix
    assert not (here.folder / "elsewhere").exists()


def test_a_schema_of_another_version_is_bad_and_stays_as_it_is(here: Installation) -> None:
    here.write(lambda conn: conn.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'"))
    (found,) = look(database, here.patient())
    assert found.verdict == "bad"
    assert "0001" in found.said
    assert (
        here.database.read_now(
            lambda c: c.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        )
        == "0001"
    )


def test_a_damaged_database_is_bad_with_the_way_out(here: Installation) -> None:
    path = Path(here.settings().database_url)
    for number in range(300):
        here.device(f"lamp-{number}")
    here.database.close()
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'device'").fetchone()[0]
    raw.close()
    data = bytearray(path.read_bytes())
    data[(page - 1) * 4096 : (page - 1) * 4096 + 200] = b"\xa5" * 200
    path.write_bytes(bytes(data))
    (found,) = look(database, here.patient())
    assert found.verdict == "bad"
    assert "damaged" in found.said
    assert ".recover" in found.fix


def test_no_database_at_all_in_the_file_is_bad(here: Installation) -> None:
    file = here.folder / "other.sqlite3"
    file.write_bytes(b"this is no database, and has never been one" * 100)
    (found,) = look(database, here.patient(storage={"data_dir": here.data, "database": str(file)}))
    assert found.verdict == "bad"
    assert "cannot be used" in found.said
    assert "homie-ota restore" in found.fix


def test_an_audit_log_that_was_cut_off_is_bad(here: Installation) -> None:
    here.write(lambda conn: [audit.add(conn, at=1.0, who="me", what=str(n)) for n in range(3)])
    here.write(lambda conn: conn.exec_driver_sql("DROP TRIGGER audit_no_delete"))
    here.write(lambda conn: conn.exec_driver_sql("DELETE FROM audit WHERE seq = 3"))
    (found,) = only(look(database, here.patient()), "bad")
    assert found.topic == "audit log"
    assert "homie-ota audit verify" in found.fix


@pytest.mark.parametrize(("harm", "word"), [("gone", "gone"), ("changed", "changed")])
def test_an_image_that_is_not_what_was_uploaded_is_bad(here: Installation, harm: str, word: str) -> None:
    image = stored(here)
    stored(here, "2.0.0")
    path = here.firmware / image.filename
    path.unlink() if harm == "gone" else path.write_bytes(b"\xe9" + path.read_bytes()[:-1])
    (found,) = only(look(database, here.patient()), "bad")
    assert word in found.said
    assert found.fix == f"homie-ota upload {image.filename}"


def test_one_id_under_two_bases_is_told_unless_one_of_them_is_long_gone(here: Installation) -> None:
    here.device("hall-lamp")
    here.device("hall-lamp", base="devices/", last_seen=1.0)
    assert only(look(database, here.patient()), "mind") == []
    here.device("hall-lamp", base="attic/")
    (found,) = only(look(database, here.patient()), "mind")
    assert "below attic/ and homie/" in found.said
    assert "device_id" in found.fix


def test_postgresql_is_looked_at_too(here: Installation, postgres: str) -> None:
    url = postgres.replace("+psycopg", "")
    storage = {"data_dir": here.data, "database": url}
    (empty,) = look(database, here.patient(storage=storage))
    assert (empty.verdict, empty.fix) == ("bad", "sudo systemctl restart homie-ota")
    made = Database(url)
    made.migrate()
    made.close()
    found = look(database, here.patient(storage=storage))
    assert only(found, "good") == found
    assert found[0].said.startswith("PostgreSQL")


def test_a_database_that_does_not_answer_is_told_without_its_password(
    here: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOMIE_OTA_STORAGE__DATABASE", f"postgresql://me:s3cret@127.0.0.1:{unused_port()}/x")
    monkeypatch.setattr(doctor, "checks", lambda: (("database", database),))
    assert main(["doctor", "--data", str(here.data)]) == 1
    said = capsys.readouterr().out
    assert "cannot be used" in said
    assert "sudo systemctl start postgresql" in said
    assert "s3cret" not in said

"""A backup is one file of one moment; what it holds comes back whole or not at all; nothing else is taken for one."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sqlite3
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from homie_ota.errors import Conflict, HomieOtaError, NotFound, StorageFull, WrongUse
from homie_ota.simulator.images import make_image
from homie_ota.store import archive, audit, backup, dumping, events, restoring
from homie_ota.store.backup import Places
from homie_ota.store.database import Connection, Database
from homie_ota.store.images import ImageFiles
from homie_ota.store.migrations import HEAD
from homie_ota.store.tables import metadata
from store.stock import NOW, put_device, upload

PASSWORD, SETTINGS = "of our own broker", '[mqtt]\nurl = "mqtt://broker"\n'


class Installation:
    """A server's data, made by the store's own functions."""

    def __init__(self, folder: Path, database: str) -> None:
        self.places = Places(
            folder / "data", folder / "data" / "firmwares", database, folder / "homie-ota.toml"
        )
        self.places.firmware_dir.mkdir(parents=True)
        (self.places.data_dir / "embedded-broker.password").write_text(PASSWORD)
        (folder / "homie-ota.toml").write_text(SETTINGS)
        self.database = Database(database)
        self.database.migrate()
        self.files = ImageFiles(self.places.firmware_dir)

    def fill(self) -> None:
        for version in ("1.0.0", "2.0.0"):
            image = make_image("lamp", version, "brand")
            asyncio.run(upload(self.database, self.files, image, description=f"The {version}."))
        for pk in (1, 2, 3):
            self.database.write_now(partial(put_device, pk=pk))
        self.database.write_now(self.happen)

    @staticmethod
    def happen(conn: Connection) -> None:
        """One change of two tables, which belong together."""
        audit.add(conn, at=NOW, who="jo", what="looked")
        events.add(conn, "device", at=NOW, device_pk=1, actor="jo", data={"event": "looked"})

    def make(self, file: Path, **more: Any) -> dict[str, Any]:
        return backup.make(self.places, file, version="0.9", now=NOW, **more)


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """The address of an empty database; for PostgreSQL in the test's own cluster."""

    def address(name: str) -> str:
        if request.node.callspec.params["kind"] == "sqlite":
            return str(tmp_path / name / "data" / "homie-ota.sqlite3")
        found: str = request.getfixturevalue("postgres_cluster").new_database()
        return found.replace("+psycopg", "")

    return address


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def filled(kind: str, tmp_path: Path, new_database: Callable[[str], str]) -> Iterator[Installation]:
    made = Installation(tmp_path / "from", new_database("from"))
    made.fill()
    yield made
    made.database.close()


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "from", str(tmp_path / "from" / "data" / "homie-ota.sqlite3"))
    made.fill()
    yield made
    made.database.close()


@pytest.fixture
def file(on_sqlite: Installation, tmp_path: Path) -> Path:
    on_sqlite.make(tmp_path / "one.tar")
    return tmp_path / "one.tar"


def empty(tmp_path: Path, name: str = "to", database: str = "") -> Places:
    folder = tmp_path / name / "data"
    return Places(folder, folder / "firmwares", database or str(folder / "homie-ota.sqlite3"))


def everything(address: str) -> dict[str, list[Any]]:
    database = Database(address)
    database.require_current()
    try:
        return database.read_now(
            lambda conn: {
                table.name: [tuple(row) for row in conn.execute(table.select().order_by(*table.primary_key))]
                for table in metadata.sorted_tables
            }
        )
    finally:
        database.close()


def left(places: Places) -> list[Path]:
    return [each for each in places.data_dir.rglob("*") if each.is_file()]


# --- What comes back


def test_every_row_image_and_description_comes_back(
    filled: Installation, tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    made = filled.make(tmp_path / "one.tar")
    assert (made["counts"]["device"], made["counts"]["firmware"], made["missing"]) == (3, 2, [])
    assert (tmp_path / "one.tar").stat().st_mode & 0o777 == 0o600
    to = empty(tmp_path, database=new_database("to"))
    assert restoring.restore(tmp_path / "one.tar", to) == made
    assert everything(to.database) == everything(filled.places.database)
    for each in filled.places.firmware_dir.iterdir():
        assert (to.firmware_dir / each.name).read_bytes() == each.read_bytes()
    assert (to.data_dir / "embedded-broker.password").read_text() == PASSWORD
    assert (to.data_dir / "settings-of-backup.toml").read_text() == SETTINGS
    running = {f"{Path(filled.places.database).name}{end}" for end in ("-wal", "-shm")}
    wanted = {path.name for path in left(filled.places)} - running | {"settings-of-backup.toml"}
    assert {path.name for path in left(to)} == wanted


def test_a_restored_server_goes_on(
    filled: Installation, tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    filled.make(tmp_path / "one.tar")
    to = empty(tmp_path, database=new_database("to"))
    restoring.restore(tmp_path / "one.tar", to)
    database = Database(to.database)
    database.migrate()
    assert database.read_now(audit.verify).fault is None
    asyncio.run(upload(database, ImageFiles(to.firmware_dir), make_image("lamp", "3.0.0", "brand")))
    database.write_now(Installation.happen)  # counters go on behind what there was
    database.close()
    assert len(everything(to.database)["firmware"]) == 3


def test_a_backup_is_of_one_moment_while_others_write(
    filled: Installation, tmp_path: Path, new_database: Callable[[str], str]
) -> None:
    stop, wrote = threading.Event(), threading.Event()

    def write() -> None:
        while not stop.is_set():
            filled.database.write_now(Installation.happen)
            wrote.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert wrote.wait(20)
        made = filled.make(tmp_path / "one.tar")
        wrote.clear()
        assert wrote.wait(20), "the server goes on writing"
    finally:
        stop.set()
        writer.join()
    to = empty(tmp_path, database=new_database("to"))
    restoring.restore(tmp_path / "one.tar", to)
    rows = everything(to.database)
    looks = [row for row in rows["event"] if "looked" in str(row)]
    assert len(rows["audit"]) == len(looks) == made["counts"]["audit"] > 1


def test_an_image_that_is_gone_or_changed_is_told(filled: Installation, tmp_path: Path) -> None:
    (filled.places.firmware_dir / "lamp-1.0.0.bin").unlink()
    (filled.places.firmware_dir / "lamp-2.0.0.bin").write_bytes(b"\xe9")
    assert filled.make(tmp_path / "one.tar")["missing"] == ["lamp-1.0.0.bin", "lamp-2.0.0.bin"]


def test_hidden_files_and_links_of_the_firmware_directory_stay_out(
    on_sqlite: Installation, tmp_path: Path
) -> None:
    (on_sqlite.places.firmware_dir / ".upload-1.part").write_bytes(b"half")
    (on_sqlite.places.firmware_dir / "notes.md").write_text("mine")
    told = on_sqlite.make(tmp_path / "one.tar")["files"]
    assert [name for name in told if "part" in name or "notes" in name] == []


def test_an_older_schema_comes_back_as_it_was_and_is_migrated_at_the_next_start(tmp_path: Path) -> None:
    places = empty(tmp_path, "from")
    places.firmware_dir.mkdir(parents=True)
    with closing(sqlite3.connect(places.database)) as old:
        old.executescript(
            "CREATE TABLE alembic_version (version_num VARCHAR(32)); INSERT INTO alembic_version VALUES ('0001');"
            "CREATE TABLE firmware (filename, sha256);"
            + "".join(f"CREATE TABLE {name} (x);" for name in ("device", "deployment", "account", "audit"))
        )
    made = backup.make(places, tmp_path / "one.tar", version="0.1", now=NOW)
    assert (made["schema"], "rollout" in made["counts"]) == ("0001", False)
    assert restoring.restore(tmp_path / "one.tar", empty(tmp_path)) == made


# --- What is written over


def test_a_file_that_is_there_is_replaced_only_when_asked_and_only_by_a_whole_one(
    on_sqlite: Installation, file: Path, tmp_path: Path
) -> None:
    before = file.read_bytes()
    with pytest.raises(Conflict, match="there already"):
        on_sqlite.make(file)
    gone = on_sqlite.places._replace(database=str(tmp_path / "nowhere"))
    with pytest.raises(NotFound, match="--data DIR"):
        backup.make(gone, file, version="0.9", now=NOW, replace=True)
    assert file.read_bytes() == before
    on_sqlite.database.write_now(Installation.happen)
    assert on_sqlite.make(file, replace=True)["counts"]["audit"] == 2
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("what", ["a file", "an image", "a database elsewhere"])
def test_a_place_that_is_not_empty_is_refused_and_left_alone(file: Path, tmp_path: Path, what: str) -> None:
    to = empty(tmp_path)
    path = {
        "a file": to.data_dir / "x",
        "an image": to.firmware_dir / "lamp-1.bin",
        "a database elsewhere": tmp_path / "elsewhere.sqlite3",
    }[what]
    to = to._replace(database=str(path)) if "database" in what else to
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(Conflict, match=f"({path.parent}|{path})"):
        restoring.restore(file, to)
    assert path.read_text() == "mine"
    assert left(to) == [path] or not left(to)


def test_a_postgresql_database_with_tables_is_refused(postgres: str, file: Path, tmp_path: Path) -> None:
    address = postgres.replace("+psycopg", "")
    Database(address).close()
    engine = sa.create_engine(postgres)
    with engine.begin() as conn:
        conn.execute(sa.text("CREATE TABLE mine (x int)"))
    engine.dispose()
    with pytest.raises(Conflict, match="has tables already"):
        restoring.restore(file, empty(tmp_path, database=address))


def test_a_backup_goes_only_into_the_kind_of_database_it_is_of(
    postgres: str, file: Path, tmp_path: Path
) -> None:
    with pytest.raises(Conflict, match=r"holds a SQLite database, and .* PostgreSQL"):
        restoring.restore(file, empty(tmp_path, database=postgres.replace("+psycopg", "")))


def test_a_disk_that_takes_no_more_leaves_nothing_behind(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = iter(range(3))
    real = os.fsync

    def full(handle: int) -> None:
        if next(synced, None) is None:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull, match="restoring lamp-"):
        restoring.restore(file, empty(tmp_path))
    assert left(empty(tmp_path)) == []


# --- What is no backup


def refused(file: Path, tmp_path: Path) -> str:
    with pytest.raises(HomieOtaError) as caught:
        restoring.restore(file, empty(tmp_path))
    assert left(empty(tmp_path)) == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_changed_byte_is_found_wherever_it_counts(file: Path, tmp_path: Path) -> None:
    whole, told = file.read_bytes(), archive.check(file)
    broken, found = tmp_path / "broken.tar", 0
    for at in range(0, len(whole), len(whole) // 150):
        broken.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            assert archive.check(broken) == told  # a byte between members, or of a time
        except HomieOtaError:
            found += 1
    assert found > 100


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.3, 0.7, 0.99])
def test_a_file_that_was_cut_off_is_refused(file: Path, tmp_path: Path, share: float) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    assert "no good backup" in refused(file, tmp_path)


@pytest.mark.parametrize("text", [b"", b"this is no tar", b"\x1f\x8b packed", b"PK\x03\x04 zip" * 200])
def test_a_foreign_file_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(text)
    assert "no good backup" in refused(path, tmp_path)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    assert "cannot be read" in refused(tmp_path / "nothing.tar", tmp_path)
    with pytest.raises(WrongUse, match="cannot be written"):
        backup.make(empty(tmp_path), tmp_path / "no" / "x.tar", version="1", now=NOW)


@pytest.mark.parametrize(
    ("name", "kind_of"),
    [
        ("../evil.bin", tarfile.REGTYPE),
        ("/evil.bin", tarfile.REGTYPE),
        ("firmwares/../evil.bin", tarfile.REGTYPE),
        ("firmwares/.hidden.bin", tarfile.REGTYPE),
        ("firmwares/a/b.bin", tarfile.REGTYPE),
        ("firmwares/evil.sh", tarfile.REGTYPE),
        ("firmwares/evil\n.bin", tarfile.REGTYPE),
        ("firmwares/link.bin", tarfile.SYMTYPE),
        ("firmwares/hard.bin", tarfile.LNKTYPE),
        ("firmwares/device.bin", tarfile.CHRTYPE),
        ("firmwares", tarfile.DIRTYPE),
        ("homie-ota.toml", tarfile.REGTYPE),
        ("database.sqlite3", tarfile.REGTYPE),  # a second one
    ],
)
def test_a_member_that_no_backup_has_makes_all_of_it_refused(
    file: Path, tmp_path: Path, name: str, kind_of: bytes
) -> None:
    hostile = tmp_path / "hostile.tar"
    with tarfile.open(hostile, "w") as out, tarfile.open(file) as good:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind_of, "/etc/passwd"
        out.addfile(member, io.BytesIO())
        for each in good:
            out.addfile(each, good.extractfile(each))
    assert "nothing that `homie-ota backup` writes" in refused(hostile, tmp_path)
    assert not (tmp_path / "evil.bin").exists()


def rebuilt(file: Path, to: Path, edit: Callable[[dict[str, Any]], Any]) -> Path:
    """The same backup with another manifest."""
    with tarfile.open(to, "w") as out, tarfile.open(file) as good:
        for each in good:
            data = good.extractfile(each)
            assert data is not None
            content = data.read()
            if each.name == archive.MANIFEST:
                content = json.dumps(edit(json.loads(content))).encode()
                each.size = len(content)
            out.addfile(each, io.BytesIO(content))
    return to


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        (lambda told: {**told, "schema": "9999"}, f"up to {HEAD}"),
        (lambda told: {**told, "schema": "new"}, f"up to {HEAD}"),
        (lambda told: {**told, "schema": "0001"}, "not the one that its manifest describes"),
        (lambda told: {**told, "format": "homie-ota backup 2"}, "'homie-ota backup 2'"),
        (lambda told: [], "manifest cannot be read"),
        (lambda told: {**told, "files": 1}, "manifest cannot be read"),
        (lambda told: {**told, "files": {**told["files"], "x": {}}}, "not in both"),
        (lambda told: {**told, "files": dict(list(told["files"].items())[1:])}, "not in both"),
        (lambda told: {**told, "counts": {**told["counts"], "device": 4}}, "manifest describes"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    file: Path, tmp_path: Path, edit: Callable[[dict[str, Any]], Any], word: str
) -> None:
    assert word in refused(rebuilt(file, tmp_path / "other.tar", edit), tmp_path)


def test_a_database_of_a_newer_version_is_refused_whatever_stands_beside_it(
    on_sqlite: Installation, tmp_path: Path
) -> None:
    newer = sa.text("UPDATE alembic_version SET version_num = '9999'")
    on_sqlite.database.write_now(lambda conn: conn.execute(newer))
    on_sqlite.make(tmp_path / "one.tar")
    lying = rebuilt(tmp_path / "one.tar", tmp_path / "two.tar", lambda told: {**told, "schema": HEAD})
    assert "schema '9999'" in refused(lying, tmp_path)


# --- What a person is told


@pytest.fixture
def without_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")


@pytest.mark.usefixtures("without_programs")
def test_without_the_programs_of_postgresql_it_is_said_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="apt install postgresql-client"):
        dumping.dump("postgresql://x@127.0.0.1/x", tmp_path / "x", lambda ask: ask("SELECT 1"))
    with pytest.raises(WrongUse, match="apt install postgresql-client"):
        dumping.require_empty("postgresql://x@127.0.0.1/x")


def test_the_password_of_the_database_is_not_in_the_list_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        seen.update(command=command, env=options["env"])
        return subprocess.CompletedProcess(command, 1, "", "pg_restore: error: no\nmore")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(dumping, "_program", lambda name: name)
    with pytest.raises(HomieOtaError, match=r"pg_restore failed: pg_restore: error: no$"):
        dumping.restore("postgresql://jo:hunter2@127.0.0.1:5432/ota", tmp_path / "x")
    assert "hunter2" not in " ".join(seen["command"])
    assert seen["env"]["PGPASSWORD"] == "hunter2"

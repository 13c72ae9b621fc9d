"""Makes tests/store/released/NNNN.sql: a small database as that schema was released, with rows in every table.

`python scripts/released.py` makes those that are missing, which after a new migration is one; a dump that is there is
never made anew, for it is what users have. tests/store/test_released.py brings each to today's schema and reads it.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

PROJECT = Path(__file__).resolve().parents[1]
DUMPS = PROJECT / "tests" / "store" / "released"
sys.path.insert(0, str(PROJECT / "src"))

from homie_ota.fleet.packed import Curves, pack  # noqa: E402 - the package may not be installed
from homie_ota.rollout.versions import version_key  # noqa: E402
from homie_ota.store import chain, migrations  # noqa: E402

NOW = 1_700_000_000.0
OLD, NEW, OTHER = "a" * 64, "b" * 64, "c" * 64

Row = dict[str, Any]


def device(pk: int, base: str, device_id: str, **more: Any) -> Row:
    """A device as the ingest writes it."""
    told: Row = {
        "fw/name": "lamp",
        "fw/version": "1.0.0",
        "md5": OLD[:32],
        "homie": "3.0.1",
        "name": device_id,
    }
    nodes = {"relay": {"type": "switch", "properties": {"on": {"datatype": "boolean", "settable": True}}}}
    row = {
        "pk": pk, "base": base, "device_id": device_id, "name": device_id.title(), "mac": f"A0:20:A6:14:85:0{pk}",
        "ip": f"10.0.0.{pk}", "homie": "3.0.1", "implementation": "esp8266", "way": "mqtt", "ota_enabled": True,
        "state": "ready", "state_since": NOW, "fw_name": "lamp", "fw_version": "1.0.0",
        "md5": OLD[:32], "signal": 60.0, "uptime": 4000.0, "heap": 20000.0, "facts": told, "nodes": nodes,
        "first_seen": NOW - 86400.0, "last_seen": NOW, "recent": [[NOW, 4000.0, 20000.0, 60.0]], **more,
    }  # fmt: skip
    return {"version_key": version_key(row["fw_version"]), **row}


def image(sha256: str, version: str, inspection: Row) -> Row:
    """A stored image."""
    return {
        "sha256": sha256, "md5": sha256[:32], "name": "lamp", "version": version,
        "version_key": version_key(version), "filename": f"lamp-{version}.bin",
        "brand": "brand", "chip": "esp8266", "flash": 1 << 20, "mode": "dio", "size": 40_960,
        "inspection": inspection, "description": f"The {version}.", "uploaded_at": NOW - 3600.0, "uploaded_by": "jo",
    }  # fmt: skip


def deployment(number: int, device_pk: int, state: str, **more: Any) -> Row:
    """One attempt, of the first rollout."""
    return {
        "id": number, "device_pk": device_pk, "sha256": NEW, "previous_sha256": OLD, "attempt": 1, "rollout_id": 1,
        "wave": 0, "state": state, "state_since": NOW, "created_at": NOW - 60.0, "bytes_done": 40_960,
        "bytes_total": 40_960, "before": {"md5": OLD[:32]}, "after": {}, "created_by": "jo", **more,
    }  # fmt: skip


def log() -> list[Row]:
    """Two rows of the audit log, chained."""
    rows: list[Row] = []
    for seq, what in enumerate(("made the first account", "uploaded firmware"), 1):
        row = {"at": NOW + seq, "who": "jo", "what": what, "why": "", "from_where": "10.0.0.9"}
        row["prev_hash"] = rows[-1]["hash"] if rows else chain.START
        rows.append({"seq": seq, **row, "hash": chain.digest(row)})
    return rows


SAMPLE: dict[str, list[Row]] = {
    "device": [
        device(1, "homie/", "hall-lamp", fw_version="2.0.0", md5=NEW[:32]),
        device(2, "devices/", "c631f278", homie="", way="http", ota_enabled=None, state="lost", md5="", facts={
            "fw/name": "lamp", "fw/version": "1.0.0", "legacy": "fw/name fw/version"}),
        device(3, "homie/", "attic", state="sleeping", pinned_until=NOW + 1e9, pin_reason="winter"),
    ],
    "device_address": [
        {"kind": "homie", "base": base, "device_id": device_id, "device_pk": pk, "dialect": "mqtt", "since": NOW}
        for pk, base, device_id in ((1, "homie/", "hall-lamp"), (2, "devices/", "c631f278"), (3, "homie/", "attic"))
    ],
    "tag": [{"device_pk": 1, "tag": "ground"}],
    "reading": [{"device_pk": 1, "node": "relay", "prop": "on", "value": "true", "num": None, "at": NOW}],
    "series": [{"device_pk": 1, "metric": "stats", "resolution": 60, "bucket": 1, "packed": pack(
        Curves([int(NOW)], {"uptime": [4000.0]}))}],
    "learned": [{"device_pk": 2, "fact": "free_space", "value": "684032", "evidence": "it said so", "at": NOW}],
    "presence": [{"device_pk": 3, "since": NOW - 20.0, "until": NOW}],
    "leftover": [{"topic": "homie/attic/$implementation/ota/firmware/x", "device_pk": 3, "kind": "image", "size": 9,
                  "found_at": NOW}],
    "firmware": [
        image(OLD, "1.0.0", {"magic": True, "warnings": []}),  # as 0.1.0 wrote it
        image(NEW, "2.0.0", {"magic": [["name", "lamp"], ["version", "2.0.0"]], "warnings": ["small"], "parts": []}),
    ],
    "ota_token": [{"token": "t" * 20, "device_pk": 1, "sha256": NEW, "deployment_id": 1, "until": NOW}],
    "ota_request": [{"device_pk": 2, "wanted": "1.0.1", "at": NOW}],
    "target": [{"device_pk": 1, "sha256": NEW, "source": "rollout", "since": NOW}],
    "deployment": [
        deployment(1, 1, "succeeded", offered_at=NOW - 50.0, outcome="verified", after={"md5": NEW[:32]}),
        deployment(2, 2, "failed", reason="It broke.", code="transfer-broken", outcome="unharmed", harmful=False),
        deployment(3, 3, "queued", bytes_done=0),
    ],
    "event": [
        {"seq": 1, "at": NOW - 50.0, "kind": "deployment", "device_pk": 1, "deployment_id": 1, "actor": "jo",
         "data": {"state": "offered"}},
        {"seq": 2, "at": NOW, "kind": "deployment", "device_pk": 1, "deployment_id": 1, "data": {"state": "succeeded"}},
        {"seq": 3, "at": NOW, "kind": "alarm", "device_pk": 2, "data": {"event": "began", "code": "behind"}},
    ],
    "quarantine": [{"device_pk": 2, "sha256": OTHER, "code": "harm", "reason": "It restarted.", "since": NOW}],
    "transcript": [{"seq": 1, "deployment_id": 1, "at": NOW, "direction": "in", "topic": "homie/hall-lamp/$state",
                    "text": "ready", "size": 5, "retained": False}],
    "lease": [{"name": "dispatch", "holder": "x", "token": 4, "expires_at": NOW}],
    "rollout": [{"id": 1, "name": "lamps", "sha256": NEW, "query": "fw:lamp", "plan": {"waves": [{"count": 1}, {
        "share": 1.0}]}, "state": "running", "state_since": NOW, "created_at": NOW, "created_by": "jo"}],
    "wave": [{"rollout_id": 1, "number": 0, "state": "passed", "started_at": NOW, "passed_at": NOW, "reading": {}},
             {"rollout_id": 1, "number": 1, "state": "running", "started_at": NOW, "reading": {}}],
    "membership": [
        {"rollout_id": 1, "device_pk": pk, "wave": wave, "position": pk, "outcome": outcome, "since": NOW,
         "deployment_id": pk}
        for pk, wave, outcome in ((1, 0, "verified"), (2, 1, "unharmed"), (3, 1, "queued"))
    ],
    "account": [{"name": "jo", "password_hash": "$argon2id$none", "role": "admin", "created_at": NOW}],
    "token": [{"digest": "d" * 64, "label": "ci", "account": "jo", "scope": "read", "created_at": NOW}],
    "session": [{"digest": "e" * 64, "account": "jo", "created_at": NOW, "expires_at": NOW + 1e9}],
    "audit": log(),
    "audit_head": [{"one": 1, "rows": 2, "hash": log()[-1]["hash"]}],
    "saved_filter": [{"name": "Ground", "query": "tag:ground", "saved_at": NOW, "saved_by": "jo"}],
}  # fmt: skip
"""Rows as their writers write them; a table that is not here gets one that its columns allow."""


def config_for(connection: sa.Connection) -> Config:
    """Alembic, on this connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    return config


def revisions() -> list[str]:
    """The schemas that there were, oldest first."""
    versions = Path(migrations.__file__).parent / "versions"
    return sorted(path.stem.split("_")[0] for path in versions.glob("0*.py"))


def fill(connection: sa.Connection) -> None:
    """Put the sample into whatever tables there are."""
    found = sa.MetaData()
    found.reflect(connection)
    for table in found.sorted_tables:
        if table.name != "alembic_version":
            rows = [_row(table, each) for each in SAMPLE.get(table.name, [{}])]
            if table.name == "removed":
                rows = [_removed(table, found)]
            for row in rows:
                connection.execute(table.insert().values(row))


def _row(table: sa.Table, told: Row) -> Row:
    row = {column.name: told[column.name] for column in table.columns if column.name in told}
    for column in table.columns:
        if column.name not in row and not column.nullable and column.server_default is None:
            row[column.name] = _plain(column)
    return row


def _plain(column: sa.Column[Any]) -> Any:
    kinds: list[tuple[type, Any]] = [
        (sa.Boolean, False), (sa.JSON, {}), (sa.Float, NOW), (sa.Integer, 1 if column.primary_key else 0),
        (sa.LargeBinary, b""),
    ]  # fmt: skip
    known = next((value for kind, value in kinds if isinstance(column.type, kind)), "")
    return ("x" if column.primary_key else "") if known == "" else known


def _removed(table: sa.Table, found: sa.MetaData) -> Row:
    """A deleted device with its rows, as they were in this schema."""
    gone = _row(found.tables["device"], device(9, "homie/", "gone", state="lost"))
    address = {
        "kind": "homie",
        "base": "homie/",
        "device_id": "gone",
        "device_pk": 9,
        "dialect": "",
        "since": NOW,
    }
    rows = {"device": [gone], "device_address": [_row(found.tables["device_address"], address)]}
    told = {"device_pk": 9, "base": "homie/", "device_id": "gone", "name": "Gone", "at": NOW, "by": "jo"}
    return _row(table, {**told, "rows": rows, "topics": {}})


def dump(revision: str) -> str:
    """The database of one schema, as SQL."""
    with TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.sqlite3")
        engine = sa.create_engine(f"sqlite:///{path}")
        with engine.begin() as connection:
            command.upgrade(config_for(connection), revision)
            fill(connection)
        engine.dispose()
        with closing(sqlite3.connect(path)) as made:
            return "\n".join(made.iterdump()) + "\n"


def main() -> None:
    """Make what is missing."""
    for revision in revisions():
        path = DUMPS / f"{revision}.sql"
        if not path.exists():
            path.write_text(dump(revision), encoding="utf-8")
            print(path.relative_to(PROJECT))


if __name__ == "__main__":
    main()

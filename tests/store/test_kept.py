"""Nothing grows for ever: of every table it is said what ends its rows, and every setting about that does something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from homie_ota.config import Settings
from homie_ota.config.sections import StorageSettings
from homie_ota.fleet.packed import Curves
from homie_ota.service.terms import hand_over
from homie_ota.store import events, pruning, series, transcript
from homie_ota.store.database import Connection, Database
from homie_ota.store.pruning import PARTS, Keep
from homie_ota.store.tables import deployment, event, metadata
from homie_ota.store.transcript import Said
from store.lamps import add_device, on_sqlite
from store.test_pruning import DAY, NOW, tried

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"

PRUNED = {"deployments": "deployment", "events": "event", "transcripts": "transcript"}
"""What the daily way through the history deletes: the name of the part, and its table."""

WITH_DEVICE = frozenset(
    {
        "device_address", "learned", "membership", "ota_request", "ota_token", "presence", "quarantine", "reading",
        "series", "tag", "target", "verdict",
    }
)  # fmt: skip
"""Rows of a device, a few each (curves: `keep_series_days`; tokens and presences end by their time): go with it."""

WITH_ROLLOUT = frozenset({"membership", "wave"})

BY_PEOPLE = {
    "account": "removed by an administrator",
    "token": "ends, or is revoked; goes with its account",
    "session": "ends; swept at the next login; goes with its account",
    "firmware": "deleted by a person, or by `keep_newest`",
    "rollout": "its story is kept; one for each time that somebody planned one",
    "saved_filter": "deleted by a person",
    "device": "deleted by a person; never more than the limits of the fleet let in",
}

BY_ITSELF = {
    "removed": "a day after the deletion",
    "leftover": "when the broker has it no more",
    "knock": "so many of each network; the oldest goes",
    "announced": "when it was taken back",
    "recipient": "when the settings name it no more",
    "lease": "there is one",
    "audit_head": "there is one",
    "audit": "for ever: it is a chain",
}


def test_of_every_table_it_is_said_what_ends_its_rows() -> None:
    known = {*PRUNED.values(), *WITH_DEVICE, *WITH_ROLLOUT, *BY_PEOPLE, *BY_ITSELF}
    tables = set(metadata.tables)
    assert tables - known == set(), (
        "say in tests/store/test_kept.py what ends the rows of these tables; if nothing does, they need a Part in "
        "store/pruning.py and a line in “What is kept” of docs/reference/settings.md"
    )
    assert known - tables == set(), "these tables are gone"


def test_what_the_daily_way_goes_through_is_known() -> None:
    assert {part.name: part.key.table.name for part in PARTS} == PRUNED


@pytest.mark.parametrize(("names", "owner"), [(WITH_DEVICE, "device"), (WITH_ROLLOUT, "rollout")])
def test_rows_that_go_with_another_row_are_tied_to_it(names: frozenset[str], owner: str) -> None:
    for name in names:
        keys = [key for key in metadata.tables[name].foreign_keys if key.column.table.name == owner]
        assert [key.ondelete for key in keys] == ["CASCADE"], name


# --- The settings


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    with on_sqlite(tmp_path / "x.sqlite3") as found:
        add_device(found, 1)
        yield found


@pytest.fixture(autouse=True)
def _usual() -> Iterator[None]:
    yield
    hand_over(Settings())


def keep(**storage: int) -> Keep:
    hand_over(Settings(storage=StorageSettings(**storage)))  # type: ignore[arg-type]
    return pruning.SETTINGS["keep"]


KEYS = sorted(name for name in StorageSettings.model_fields if name.startswith("keep_"))


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_reaches_the_history_and_no_other_one_changes(key: str) -> None:
    usual = keep()
    changed = keep(**{key: 7})
    name = key.removeprefix("keep_")
    assert getattr(changed, name) == 7
    assert {each for each in Keep.__slots__ if getattr(changed, each) != getattr(usual, each)} == {name}


@pytest.mark.parametrize("key", KEYS)
def test_every_setting_is_told_with_what_it_keeps(key: str) -> None:
    _, _, told = DOCUMENT.read_text("utf-8").partition("## What is kept")
    assert re.search(rf"`{key}`", told), key


def gone(conn: Connection, kept: Keep) -> dict[str, int]:
    found = {}
    for part in PARTS:
        page = pruning.look(conn, part, 0, NOW, kept)
        found[part.name] = pruning.write(conn, part, page.old, NOW, kept) if page.old else 0
    return found


def count(conn: Connection, table: sa.Table) -> int:
    return conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_keep_deployments_is_how_many_each_device_has(conn: Connection) -> None:
    for _ in range(6):
        tried(conn)
    assert (
        gone(conn, keep(keep_deployments=4, keep_events_days=0, keep_transcripts_days=0))["deployments"] == 2
    )
    assert count(conn, deployment) == 4


def test_keep_events_days_is_how_long_the_log_is(conn: Connection) -> None:
    for days in (9.0, 11.0, 400.0):
        events.add(conn, "mark", at=NOW - days * DAY, device_pk=1)
    assert gone(conn, keep(keep_events_days=10))["events"] == 2
    assert [row.at for row in conn.execute(sa.select(event.c.at).where(event.c.kind == "mark"))] == [
        NOW - 9.0 * DAY
    ]


def test_keep_transcripts_days_is_how_long_case_files_are_whole(conn: Connection) -> None:
    number = tried(conn, days=5.0)
    for days in (3.0, 1.0):
        transcript.add(conn, number, [Said(NOW - days * DAY, "in", "t", "x", 1)])
    assert (
        gone(conn, keep(keep_transcripts_days=2))["transcripts"] == 2
    )  # its own first message, and one of these
    assert transcript.count(conn, number) == 1


async def test_keep_series_days_is_how_long_curves_go_back(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "curves.sqlite3"))
    database.migrate()
    keep(keep_series_days=10)

    def fill(conn: Connection) -> list[int]:
        add_device(conn, 1)
        for days in (20, 5):
            series.append(conn, series.STATS_BY_HOUR, {1: Curves([int(NOW - days * DAY)], {"uptime": [1.0]})})
        series.forget(conn, [1], NOW, pruning.SETTINGS["keep"].series_days)
        return list(series.load(conn, 1, series.STATS_BY_HOUR, 0, NOW).times)

    assert await database.write(fill) == [int(NOW - 5 * DAY)]
    database.close()

"""The inventory as a sheet: every device of a query, every column, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.store import devices, marks
from homie_ota.store.database import Connection
from homie_ota.web.api import export, sheet
from homie_ota.web.inventory import columns
from web.world import BROWSER, World

API = "/api/v1/devices.csv"


def rows(world: World, **asked: object) -> list[dict[str, str]]:
    answer = world.client().get(API, params=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_a_device_is_a_line_with_all_that_is_known_of_it(world: World) -> None:
    image = world.firmware("lamp", "2.0.0")
    pk = world.device(
        "hall", name="Küche, links", mac="A0:20:A6:14:85:06", md5=image.md5, fw_version="2.0.0", first_seen=0.0,
        last_seen=1_700_000_000.0, signal=-5.0,
    )  # fmt: skip
    world.write(lambda conn: marks.put_tag(conn, pk, "ground", by="jo", now=1.0))
    world.write(lambda conn: marks.put_tag(conn, pk, "red", by="jo", now=1.0))
    (found,) = rows(world)
    assert found == found | {
        "id": "homie~hall", "base": "homie/", "device_id": "hall", "name": "Küche, links", "state": "ready",
        "firmware": "lamp", "version": "2.0.0", "sha256": image.sha256, "back": "held", "tags": "ground red",
        "mac": "A0:20:A6:14:85:06", "ota": "mqtt", "first_seen": "1970-01-01T00:00:00+00:00",
        "last_seen": "2023-11-14T22:13:20+00:00", "signal": "-5.0", "target": "", "pinned_until": "",
    }  # fmt: skip


def test_what_is_under_way_is_told(world: World) -> None:
    pk = world.device("hall")
    world.order(pk, world.firmware("lamp", "2.0.0"))
    (found,) = rows(world)
    assert (found["deployment"], found["target"], found["target_version"]) == ("offered", "lamp", "2.0.0")
    assert found["next"]


def test_every_column_of_the_list_is_in_it(world: World) -> None:
    world.device("hall")
    (found,) = rows(world)
    named = {"runs": "firmware", "seen": "last_seen", "made": "implementation", "uptime": "uptime_s"}
    assert {named.get(each.word, each.word) for each in columns.COLUMNS} <= set(found)


def test_the_query_the_state_and_the_order_are_those_of_the_list(world: World) -> None:
    for number, state in enumerate(("ready", "lost", "ready")):
        world.device(f"d{number}", state=state, signal=10.0 * number)
    assert [each["device_id"] for each in rows(world, q="signal:>5", sort="-signal")] == ["d2", "d1"]
    assert [each["device_id"] for each in rows(world, state="lost")] == ["d1"]
    assert [each["device_id"] for each in rows(world, sort="needs")] == ["d0", "d1", "d2"]


def test_a_fleet_goes_out_page_by_page_and_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "AT_ONCE", 3)
    for number in range(10):
        world.device(f"d{number}")
    assert [each["device_id"] for each in rows(world)] == [f"d{number}" for number in range(10)]


@pytest.mark.parametrize("asked", [{"q": "nothing:x"}, {"state": "x"}, {"sort": "x"}])
def test_what_has_no_meaning_is_a_problem_and_no_sheet(world: World, asked: dict[str, str]) -> None:
    answer = world.client().get(API, params=asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "wrong-use")


def test_without_devices_there_is_the_line_of_names(world: World) -> None:
    answer = world.client().get(API)
    assert answer.text == ",".join(sheet.COLUMNS) + "\r\n"
    assert answer.headers["content-disposition"] == 'attachment; filename="devices.csv"'


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("a=1", "a=1"),
        ("", ""),
        (" ", " "),
    ],
)
def test_a_text_that_looks_like_a_formula_is_none(text: str, written: str) -> None:
    assert sheet.safe(text) == written


def test_names_that_devices_chose_are_guarded(world: World) -> None:
    world.device("hall", name='=cmd|"/c calc"!A1', fw_name="@lamp", fw_version="-1", pin_reason="+x")
    (found,) = rows(world)
    guarded = (found["name"], found["firmware"], found["version"], found["pin_reason"])
    assert guarded == ('\'=cmd|"/c calc"!A1', "'@lamp", "'-1", "'+x")


@given(st.text())
def test_no_text_begins_like_a_formula(text: str) -> None:
    found = sheet.safe(text)
    assert isinstance(found, str)
    assert not found.strip() or found.lstrip(" ")[0] not in "=+-@\t\r\n"
    assert found.removeprefix("'") == text.removeprefix("'") or found == text


def test_the_mark_for_spreadsheets_is_there_only_when_asked_for(world: World) -> None:
    world.device("hall")
    client = world.client()
    assert client.get(API, params={"mark": "true"}).content.startswith("\ufeffid,".encode())
    assert client.get(API).content.startswith(b"id,")


def test_the_list_leads_to_the_sheet_of_what_it_shows(world: World) -> None:
    world.device("hall", fw_name="lamp & co")
    page = world.client(headers=BROWSER).get("/", params={"q": "name:hall", "sort": "-signal"}).text
    assert "/api/v1/devices.csv?q=name%3Ahall&amp;sort=-signal&amp;mark=true" in page


def test_a_fleet_is_never_in_memory_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "AT_ONCE", 50)
    row = {"name": "x", "mac": "", "ip": "", "homie": "3.0.1", "implementation": "esp8266", "way": "mqtt",
           "ota_enabled": True, "state": "ready", "state_since": 1.0, "fw_name": "lamp", "fw_version": "1",
           "version_key": "", "md5": "", "signal": None, "uptime": None, "heap": None, "facts": {}, "nodes": {},
           "first_seen": 1.0, "last_seen": 1.0, "base": "homie/"}  # fmt: skip

    def fill(conn: Connection) -> None:
        devices.save(
            conn, [{**row, "pk": 1000 + at, "device_id": f"d{at:05}", "recent": []} for at in range(500)]
        )

    world.write(fill)
    sizes: list[int] = []
    real = sheet.lines

    def counted(page: list[sheet.Row]) -> str:
        sizes.append(len(page))
        return real(page)

    monkeypatch.setattr(sheet, "lines", counted)
    assert len(rows(world)) == 500
    assert max(sizes) == 50


def test_who_may_not_look_gets_no_sheet(tmp_path: Path) -> None:
    closed = World(tmp_path, {"auth": {"mode": "password"}}, admin=True)
    assert closed.client().get(API).status_code == 401
    assert closed.client().get(API, auth=closed.login).status_code == 200
    closed.close()

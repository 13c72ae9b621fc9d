"""Which devices a query finds, on both databases, and pages that neither skip nor repeat."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from homie_ota.errors import WrongUse
from homie_ota.model import State
from homie_ota.query import FIELDS
from homie_ota.rollout.versions import version_key
from homie_ota.store import search
from homie_ota.store.tables import (
    deployment,
    device,
    firmware,
    membership,
    metadata,
    reading,
    rollout,
    tag,
    target,
)

NOW = 1_700_000_000.0
LAMP_2 = "a" * 64
PLUG_1 = "b" * 64
GONE = "c" * 64


def _device(pk: int, device_id: str, **columns: Any) -> dict[str, Any]:
    row = {
        "pk": pk,
        "base": "homie/",
        "device_id": device_id,
        "name": "",
        "mac": "",
        "ip": "",
        "homie": "",
        "implementation": "",
        "way": "none",
        "ota_enabled": None,
        "state": "ready",
        "state_since": NOW,
        "fw_name": "",
        "fw_version": "",
        "md5": "",
        "signal": None,
        "uptime": None,
        "heap": None,
        "facts": {},
        "nodes": {},
        "first_seen": NOW,
        "last_seen": NOW - 10,
        "pinned_until": None,
        **columns,
    }
    return {**row, "version_key": version_key(row["fw_version"])}


DEVICES = [
    _device(
        1,
        "hall-lamp",
        name="Hall Lamp",
        mac="A1:B2:C3:D4:E5:F6",
        ip="192.168.1.20",
        homie="3.0.1",
        implementation="esp8266",
        way="mqtt",
        ota_enabled=True,
        fw_name="lamp",
        fw_version="1.9.0",
        md5="1" * 32,
        signal=62.0,
        uptime=90_000.0,
        heap=30_000.0,
        facts={"brand": "acme"},
        nodes={"relay": {"name": "Relay", "type": "switch"}},
    ),
    _device(
        2,
        "Attic-Lamp",
        name="100%_lamp\\",
        homie="4.0.0",
        implementation="esp32",
        way="mqtt",
        ota_enabled=False,
        fw_name="lamp",
        fw_version="1.10.0",
        md5="2" * 32,
        signal=12.0,
        uptime=100.0,
        heap=50_000.0,
        last_seen=NOW - 3600,
        nodes={"relay": {"type": "switch"}, "climate": {"type": "DHT22"}},
        pinned_until=NOW + 100,
    ),
    _device(
        3,
        "plug",
        base="homie/5/",
        name="Küche",
        homie="5.0",
        way="none",
        state="sleeping",
        facts={"type": "socket"},
        last_seen=NOW - 90_000,
        pinned_until=NOW - 100,
    ),
    _device(
        4,
        "plug",
        base="devices/",
        homie="1.5.0",
        way="http",
        state="lost",
        fw_name="plug",
        fw_version="2.0.0-beta.1",
        signal=40.0,
    ),
    _device(5, "<script>", name="a 'b' \"c\" (d)", fw_name="Lamp-Big", fw_version="2.0"),
]
ROWS: dict[sa.Table, list[dict[str, Any]]] = {
    device: DEVICES,
    tag: [
        {"device_pk": 2, "tag": "attic"},
        {"device_pk": 2, "tag": "cold"},
        {"device_pk": 4, "tag": "attic"},
    ],
    reading: [
        {"device_pk": 1, "node": "relay", "prop": "on", "value": "false", "num": 0.0, "at": NOW},
        {"device_pk": 2, "node": "relay", "prop": "on", "value": "True", "num": None, "at": NOW},
        {"device_pk": 2, "node": "climate", "prop": "temperature", "value": "20.0", "num": 20.0, "at": NOW},
        {"device_pk": 4, "node": "Relay", "prop": "mode", "value": "", "num": None, "at": NOW},
    ],
    firmware: [
        {
            "sha256": LAMP_2,
            "md5": "2" * 32,
            "name": "lamp",
            "version": "2.0.0",
            "filename": "lamp",
            "chip": "esp32c3",
        }
        | {"size": 1, "uploaded_at": NOW, "inspection": {}},
        {
            "sha256": PLUG_1,
            "md5": "9" * 32,
            "name": "plug",
            "version": "1.0",
            "filename": "plug",
            "chip": "esp8266",
        }
        | {"size": 1, "uploaded_at": NOW, "inspection": {}},
    ],
    target: [
        {"device_pk": 1, "sha256": LAMP_2},
        {"device_pk": 2, "sha256": LAMP_2},
        {"device_pk": 4, "sha256": GONE},
    ],
    deployment: [
        {"id": number, "device_pk": pk, "sha256": LAMP_2, "state": state}
        | {
            "state_since": NOW,
            "created_at": NOW,
            "bytes_done": 5,
            "bytes_total": 10,
            "before": {},
            "after": {},
        }
        for number, pk, state in [
            (1, 1, "failed"),
            (2, 1, "transferring"),
            (3, 2, "succeeded"),
            (4, 2, "failed"),
        ]
    ],
    rollout: [
        {
            "id": 7,
            "sha256": LAMP_2,
            "query": "",
            "plan": {},
            "state": "running",
            "state_since": NOW,
            "created_at": NOW,
        }
    ],
    membership: [
        {"rollout_id": 7, "device_pk": pk, "wave": wave, "position": pk, "outcome": "waiting", "since": NOW}
        for pk, wave in [(1, 0), (2, 1), (3, -1)]
    ],
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    if request.param == "sqlite":
        engine = sa.create_engine(f"sqlite:///{tmp_path_factory.mktemp('search') / 'fleet.sqlite'}")
    else:
        address = request.getfixturevalue("postgres_cluster").new_database()
        engine = sa.create_engine(address.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect() as connection:
        metadata.create_all(connection)
        for table, rows in ROWS.items():
            connection.execute(table.insert(), rows)
        connection.commit()
        yield connection
    engine.dispose()


@pytest.fixture(autouse=True)
def nothing_stays(conn: Connection) -> Iterator[None]:
    yield
    conn.rollback()


def found(conn: Connection, text: str, **options: Any) -> list[int]:
    return [item["pk"] for item in search.find(conn, text, now=NOW, **options).items]


FINDS: dict[str, set[int]] = {
    "": {1, 2, 3, 4, 5},
    "lamp": {1, 2, 5},
    "LAMP hall": {1},
    "hall OR küche": {1, 3},
    "plug,hall": {1, 3, 4},
    "*-lamp": {1, 2},
    "la*": {1, 2, 5},  # a wildcard holds for the whole of id, name or firmware name
    "homie/hall": {1},
    "homie~hall-lamp": {1},
    "devices/": {4},
    '"%"': {2},
    "0%_l": {2},
    "_": {2},
    "lamp\\": {2},
    '"1=1\') ;--"': set(),
    '"\'b\' \\"c\\" (d)"': {5},
    "<script>": {5},
    "-lamp": {3, 4},
    "id:plug": {3, 4},
    "id:devices/plug": {4},
    "id:homie~5~plug": {3},
    "id:attic-lamp": {2},
    "id:homie/*": {1, 2, 3, 5},
    'name:"hall lamp"': {1},
    "name:hall": set(),
    "name:*": {1, 2, 3, 5},
    'name:""': {4},
    "name:!=*": {4},
    "name:*%*": {2},
    "base:homie": {1, 2, 5},
    "base:homie/": {1, 2, 5},
    "base:homie/5": {3},
    "base:homie*": {1, 2, 3, 5},
    "homie:>=4": {2, 3},
    "homie:<4": {1, 4},
    "homie:<=4": {1, 2, 4},
    "homie:>4": {3},
    "homie:4": {2},
    "homie:4.*": {2},
    "homie:*": {1, 2, 3, 4},
    "homie:!=4": {1, 3, 4, 5},
    "state:ready": {1, 2, 5},
    "state:lost,sleeping": {3, 4},
    "fw:lamp": {1, 2},
    "fw:lamp*": {1, 2, 5},
    "fw:LAMP@1.9.0": {1},
    "fw:*@2*": {4, 5},
    "version:<2.0": {1, 2, 4},
    "version:>1.9": {2, 4, 5},
    "version:2.0.0": {5},
    "version:1.*": {1, 2},
    "version:!=1.9.0": {2, 3, 4, 5},
    "version:*": {1, 2, 4, 5},
    "-version:<2.0": {3, 5},
    f"md5:{'1' * 32}": {1},
    "md5:22*": {2},
    "target:lamp": {1, 2},
    "target:lamp@2.0.0": {1, 2},
    "target:lamp@*": {1, 2},
    "target:aaaaaaaa": {1, 2},
    "target:aaaaaaa": set(),
    f"target:{GONE}": {4},
    "target:*": {1, 2, 4},
    "target:none": {3, 5},
    "brand:ACME": {1},
    "brand:*": {1},
    "impl:esp*": {1, 2},
    "chip:esp32c3": {2},
    "chip:esp8266": {1},
    "chip:*": {1, 2},
    "ip:192.168.1.*": {1},
    "mac:a1:b2:c3:d4:e5:f6": {1},
    "mac:a1b2c3d4e5f6": {1},
    "mac:A1-B2*": {1},
    "mac:*": {1},
    "signal:>=40": {1, 4},
    "signal:<40": {2},
    "signal:40": {4},
    "signal:!=40": {1, 2, 3, 5},
    "-signal:>=40": {2, 3, 5},
    "signal:*": {1, 2, 4},
    "uptime:>1d": {1},
    "uptime:<=100s": {2},
    "heap:<40k": {1},
    "heap:>=30000": {1, 2},
    "seen:<10m": {1, 4, 5},
    "seen:>1d": {3},
    "seen:>=1h seen:<=1h": {2},
    "seen:*": {1, 2, 3, 4, 5},
    "ota:true": {1, 4},
    "ota:false": {2, 3, 5},
    "ota:mqtt": {1, 2},
    "ota:none,http": {3, 4, 5},
    "ota:enabled": {1},
    "ota:disabled": {2},
    "-ota:disabled": {1, 3, 4, 5},
    "tag:attic": {2, 4},
    "tag:attic tag:cold": {2},
    "tag:*": {2, 4},
    "-tag:attic": {1, 3, 5},
    "deployment:active": {1},
    "deployment:failed": {2},
    "deployment:transferring": {1},
    "deployment:none": {3, 4, 5},
    "deployment:3": {2},
    "deployment:3,active": {1, 2},
    "rollout:7": {1, 2},
    "rollout:*": {1, 2},
    "-rollout:7": {3, 4, 5},
    "pinned:true": {2},
    "pinned:false": {1, 3, 4, 5},
    "node:relay": {1, 2},
    "node:cl*": {2},
    "node:*": {1, 2},
    "type:dht22": {2},
    "type:socket": {3},
    "type:sw*,socket": {1, 2, 3},
    "is:on-target": {2},
    "is:behind": {1, 4},
    "is:updating": {1},
    "is:waiting": set(),
    "is:asleep": {3},
    "is:away,awake": {1, 2, 4, 5},
    "-is:on-target,behind": {3, 5},
    "needs:you": {2},
    "needs:failed,alert": {2},
    "needs:harmed": set(),
    "relay/on:false": {1},
    "relay/on:true": {2},
    "relay/on:0": {1},
    "relay/on:*": {1, 2},
    "relay/on:!=false": {2, 3, 4, 5},
    "Relay/mode:*": set(),
    'Relay/mode:""': {4},
    "climate/temperature:20": {2},
    "climate/temperature:>19.5": {2},
    "*/temperature:<20": set(),
    "rel*/o*:f*": {1},
    "fw:lamp version:<2.0 state:ready signal:>=40 -tag:attic relay/on:false": {1},
    "(state:lost OR tag:cold) -pinned:true": {4},
}


@pytest.mark.parametrize("text", FINDS)
def test_a_query_finds(conn: Connection, text: str) -> None:
    page = search.find(conn, text, now=NOW)
    assert {item["pk"] for item in page.items} == FINDS[text]
    assert page.total == len(FINDS[text])
    assert page.next is None


def test_every_field_is_tried_here() -> None:
    tried = {text.partition(":")[0].lstrip("-") for text in FINDS}
    assert set(FIELDS) <= tried


def test_a_state_narrows_any_query(conn: Connection) -> None:
    assert found(conn, "plug", state="lost") == [4]
    with pytest.raises(WrongUse, match="no state 'lots'; it is one of init"):
        found(conn, "", state="lots")


def test_an_item_is_the_row_with_what_is_kept_elsewhere(conn: Connection) -> None:
    hall, attic = search.find(conn, "fw:lamp", sort="version", now=NOW).items
    assert hall["nodes"] == {"relay": {"name": "Relay", "type": "switch"}}
    assert hall["sha256"] == ""
    assert hall["target"] == {"sha256": LAMP_2, "name": "lamp", "version": "2.0.0"}
    assert hall["deployment"] == {"id": 2, "state": "transferring", "bytes_done": 5, "bytes_total": 10}
    assert (attic["sha256"], attic["target"], attic["deployment"]) == (LAMP_2, hall["target"], None)
    assert attic["tags"] == ["attic", "cold"]


SORTED = {
    "needs": [2, 1, 5, 3, 4],  # one that failed, one that is updated, the others by id
    "version": [3, 1, 2, 4, 5],
    "signal": [2, 4, 1, 3, 5],
    "-signal": [1, 4, 2, 5, 3],
    "uptime": [2, 1, 3, 4, 5],
    "-uptime": [1, 2, 5, 4, 3],
    "-seen": [3, 2, 1, 4, 5],
}


@pytest.mark.parametrize("sort", SORTED)
def test_devices_are_sorted_and_the_unknown_comes_last(conn: Connection, sort: str) -> None:
    assert found(conn, "", sort=sort) == SORTED[sort]


@pytest.mark.parametrize("sort", [sign + name for name in search.SORTS for sign in ("", "-")] + ["needs"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_together_are_the_whole_list(conn: Connection, sort: str, limit: int) -> None:
    whole = found(conn, "", sort=sort)
    pages: list[int] = []
    cursor = None
    while True:
        page = search.find(conn, "", sort=sort, limit=limit, cursor=cursor, now=NOW)
        assert (len(page.items), page.total) == (min(limit, 5 - len(pages)), 5)
        pages += [item["pk"] for item in page.items]
        if (cursor := page.next) is None:
            break
    assert pages == whole
    assert sorted(whole) == [1, 2, 3, 4, 5]


def test_a_list_downwards_is_the_list_upwards_turned_round(conn: Connection) -> None:
    for sort in ("id", "name", "state", "fw", "version"):
        assert found(conn, "", sort=sort) == found(conn, "", sort="-" + sort)[::-1]


def test_a_page_goes_on_behind_its_last_device_although_that_one_is_gone(conn: Connection) -> None:
    first = search.find(conn, "", sort="-seen", limit=2, now=NOW)
    assert [item["pk"] for item in first.items] == [3, 2]
    with conn.begin_nested() as aside:
        conn.execute(device.delete().where(device.c.pk.in_([2, 3])))
        assert found(conn, "", sort="-seen", limit=2, cursor=first.next) == [1, 4]
        aside.rollback()


@pytest.mark.parametrize("sort", ["", "-", "age", "--id", "id;", "pk"])
def test_an_unknown_sort_is_wrong_use_and_names_the_known(conn: Connection, sort: str) -> None:
    with pytest.raises(WrongUse, match="one of id, name, state, fw"):
        found(conn, "", sort=sort)


def cursor_of(keys: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).decode()


FORGED: tuple[Any, ...] = (
    [],
    ["id"],
    ["id", "a"],
    ["id", "a", 1, 2],
    ["id", 1, 1],
    ["id", "a", "1"],
    ["id", "a", True],
    ["id", "a", 2**63],
    ["id", "a\0", 1],
    ["id", "\ud800", 1],
    ["id", [], 1],
    ["name", "a", 1],
    {"id": 1},
)
SCRAPS = ("x", "%%%", "é", *(base64.b64encode(b"[" * length).decode() for length in (2900, 90_000)))


@pytest.mark.parametrize("cursor", [*(cursor_of(keys) for keys in FORGED), *SCRAPS])
def test_a_cursor_that_we_did_not_make_is_wrong_use(conn: Connection, cursor: str) -> None:
    with pytest.raises(WrongUse, match="cursor"):
        found(conn, "", cursor=cursor)


def test_a_cursor_of_another_sort_is_wrong_use(conn: Connection) -> None:
    cursor = search.find(conn, "", limit=1, now=NOW).next
    with pytest.raises(WrongUse, match="cursor"):
        found(conn, "", sort="-id", cursor=cursor)


def test_a_page_has_at_least_one_device_and_no_more_than_the_cap(conn: Connection) -> None:
    assert len(found(conn, "", limit=0)) == 1
    assert len(found(conn, "", limit=10**9)) == 5


def test_all_devices_of_a_query_are_found_by_id(conn: Connection) -> None:
    assert sorted(search.matching(conn, "lamp", now=NOW)) == [1, 2, 5]


TERMS = st.sampled_from([text for text in FINDS if text])


@given(st.lists(TERMS, min_size=1, max_size=5), st.sampled_from([" ", " OR "]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_not_finds_exactly_what_a_query_does_not(conn: Connection, terms: list[str], between: str) -> None:
    query = between.join(f"({term})" for term in terms)
    expected = [FINDS[term] for term in terms]
    both = set.union(*expected) if between == " OR " else set.intersection(*expected)
    assert set(found(conn, query)) == both
    assert set(found(conn, f"-({query})")) == {1, 2, 3, 4, 5} - both


@given(st.text(max_size=40))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_typed_the_database_understands_it(conn: Connection, text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    for query in (text, f'"{quoted}"', f'fw:"{quoted}"*', f'relay/on:"{quoted}"'):
        try:
            assert len(found(conn, query)) <= 5
        except WrongUse as wrong:
            said = str(wrong)
            assert "of the query)" in said


def test_the_largest_query_is_within_what_a_database_takes(conn: Connection) -> None:
    assert found(conn, " ".join(["*/a*:b"] * 200)) == []
    assert found(conn, "id:" + ",".join(["x"] * 200)) == []
    assert found(conn, "-(" * 9 + "type:x,y" + ")" * 9) != []


def test_states_of_a_query_are_the_states_of_a_device(conn: Connection) -> None:
    assert sorted(pk for state in State for pk in found(conn, f"state:{state}")) == [1, 2, 3, 4, 5]

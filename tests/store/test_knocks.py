"""Strangers that knock: kept within bounds, so that one that floods pushes out nobody but itself."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homie_ota.errors import WrongUse
from homie_ota.esp.request import UpdateRequest
from homie_ota.store import adopting, knocks
from homie_ota.store.database import Connection, Database
from homie_ota.store.tables import knock as table


def mac(number: int) -> str:
    return "A0:20:A6:" + ":".join(f"{number:06X}"[at : at + 2] for at in (0, 2, 4))


def knock(conn: Connection, number: int, network: str, now: float) -> None:
    knocks.note(conn, UpdateRequest("esp8266", mac=mac(number)), address=network, network=network, now=now)


def macs(conn: Connection) -> set[str]:
    return {each.mac for each in knocks.find(conn)}


def test_who_knocks_again_is_one_row_with_what_it_said_last(database: Database) -> None:
    def write(conn: Connection) -> None:
        for at, version in ((1.0, "1.0"), (2.0, "1.1")):
            asked = UpdateRequest("esp32", have=version, mac=mac(1), free_space=2**40)
            knocks.note(conn, asked, address="10.0.0.9", network="10.0.0.9", now=at)

    database.write_now(write)
    (found,) = database.read_now(knocks.find)
    assert (found.count, found.first_at, found.last_at, found.version) == (2, 1.0, 2.0, "1.1")
    assert found.free_space is None  # no device has so much, and no column either
    assert database.read_now(knocks.count) == 1


def test_a_network_that_is_full_replaces_its_own_oldest(database: Database) -> None:
    def write(conn: Connection) -> None:
        knock(conn, 1, "10.0.0.1", 0.0)
        for number in range(100, 100 + knocks.OF_A_NETWORK + 20):
            knock(conn, number, "10.0.0.66", float(number))

    database.write_now(write)
    kept = database.read_now(macs)
    assert mac(1) in kept
    assert mac(100) not in kept
    assert len(kept) == knocks.OF_A_NETWORK + 1


def test_when_all_is_full_the_network_with_the_most_gives_way(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knocks, "MOST", 30)

    def write(conn: Connection) -> None:
        knock(conn, 1, "10.0.0.1", 0.0)
        for number in range(100, 129):
            knock(conn, number, "10.0.0.66", float(number))
        for number in range(200, 210):
            knock(conn, number, f"10.0.1.{number}", float(number))

    database.write_now(write)
    kept = database.read_now(macs)
    assert len(kept) == 30
    assert mac(1) in kept
    assert {mac(number) for number in range(200, 210)} <= kept


def test_the_mac_of_another_told_from_elsewhere_changes_nothing_for_its_owner(database: Database) -> None:
    def write(conn: Connection) -> None:
        knock(conn, 1, "10.0.0.1", 0.0)
        knock(conn, 1, "10.0.0.66", 1.0)
        for number in range(100, 100 + knocks.OF_A_NETWORK):
            knock(conn, number, "10.0.0.66", float(number))

    database.write_now(write)
    assert database.read_now(lambda c: knocks.networks(c, mac(1))) == ["10.0.0.1"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=40))
def test_the_bounds_hold_in_any_order(database: Database, asked: list[tuple[int, int]]) -> None:
    before = knocks.OF_A_NETWORK, knocks.MOST
    knocks.OF_A_NETWORK, knocks.MOST = 4, 10
    try:

        def write(conn: Connection) -> None:
            conn.execute(table.delete())
            for at, (number, network) in enumerate(asked):
                knock(conn, number, f"10.0.0.{network}", float(at))

        database.write_now(write)
        found = database.read_now(knocks.find)
    finally:
        knocks.OF_A_NETWORK, knocks.MOST = before
    assert len(found) <= 10
    for network in range(4):
        mine = [each for each in found if each.network == f"10.0.0.{network}"]
        assert len(mine) <= 4
    if asked:  # who asked last is always there
        number, network = asked[-1]
        assert (mac(number), f"10.0.0.{network}") in {(each.mac, each.network) for each in found}


@pytest.mark.parametrize(
    ("name", "base"),
    [("", ""), ("x" * 65, ""), ("a\x00b", ""), ("Lamp", "homie/"), ("Lamp", "a/b"), ("Lamp", "../")],
)
def test_names_and_bases_that_cannot_be_are_refused(database: Database, name: str, base: str) -> None:
    database.write_now(lambda c: knock(c, 1, "10.0.0.1", 0.0))
    with pytest.raises(WrongUse):
        database.write_now(
            lambda c: adopting.adopt(c, mac(1), name, base=base, taken=("homie/",), by="test", now=1.0)
        )
    assert database.read_now(knocks.count) == 1


def test_a_stranger_can_be_taken_off_the_list(database: Database) -> None:
    database.write_now(lambda c: knock(c, 1, "10.0.0.1", 0.0))
    assert database.write_now(lambda c: knocks.forget(c, mac(1)))
    assert not database.write_now(lambda c: knocks.forget(c, mac(1)))

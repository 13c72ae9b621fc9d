"""The test servers themselves: a fixture that lies would make every other test worthless."""

import os
from collections.abc import Callable

import pytest

from servers import Chromium, Mosquitto, listens, unused_port


def test_mosquitto_carries_a_retained_message(mosquitto: Mosquitto) -> None:
    mosquitto.publish("homie/lamp/$name", "Lamp", retain=True)
    assert mosquitto.collect("homie/+/+") == ["homie/lamp/$name Lamp"]


def test_a_port_counts_only_for_the_process_that_listens_on_it(mosquitto: Mosquitto) -> None:
    assert listens(mosquitto.pid, mosquitto.port)
    assert not listens(os.getpid(), mosquitto.port)
    assert not listens(mosquitto.pid, unused_port())


def test_mosquitto_can_go_away_and_come_back_on_its_port(mosquitto: Mosquitto) -> None:
    first, port = mosquitto.pid, mosquitto.port
    mosquitto.stop()
    assert mosquitto.collect("a", seconds=1) == []
    mosquitto.start()
    assert mosquitto.port == port
    assert mosquitto.pid != first


@pytest.mark.mosquitto("max_queued_messages 5")
def test_a_mark_configures_the_broker(mosquitto: Mosquitto) -> None:
    assert "max_queued_messages 5" in (mosquitto.folder / "mosquitto.conf").read_text()


def test_the_default_broker_has_no_setting_but_its_listener(mosquitto_default: Mosquitto) -> None:
    lines = (mosquitto_default.folder / "mosquitto.conf").read_text().split("\n")
    assert [line.split()[0] for line in lines if line] == ["listener", "allow_anonymous"]


def test_several_brokers_run_side_by_side(start_mosquitto: Callable[..., Mosquitto]) -> None:
    one, two = start_mosquitto(), start_mosquitto()
    one.publish("a", "one", retain=True)
    assert two.collect("a", seconds=1) == []


def test_postgres_gives_each_test_an_empty_database(postgres: str) -> None:
    from sqlalchemy import create_engine, inspect, text

    engine = create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE seen (n int)"))
    assert inspect(engine).get_table_names() == ["seen"]
    engine.dispose()


def test_postgres_gives_the_next_test_another_one(postgres: str) -> None:
    from sqlalchemy import create_engine, inspect

    engine = create_engine(postgres)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_chromium_runs_a_script(chromium: Chromium) -> None:
    page = "data:text/html,<p id=x>no</p><script>document.getElementById('x').textContent='yes'</script>"
    assert ">yes</p>" in chromium.page(page)


async def test_async_tests_run_on_asyncio() -> None:
    import asyncio

    assert asyncio.get_running_loop().is_running()


def test_nothing_listens_on_an_unused_port() -> None:
    import socket

    with socket.socket() as sock:
        assert sock.connect_ex(("127.0.0.1", unused_port())) != 0

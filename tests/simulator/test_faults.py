"""Sleepers, and devices with a fault: what shows on the wire."""

from __future__ import annotations

import pytest

from homie_ota.simulator.values import (
    Disconnect,
    Drop,
    Faults,
    Timing,
)
from simulator.bench import LIGHT, NEW_MD5, Bench
from simulator.recordings import RELAY


@pytest.mark.parametrize(("key", "word", "woken"), [("v3", "sleeping", "init"), ("v2", "false", "true")])
def test_a_sleeper_leaves_cleanly_and_wakes_as_after_a_boot(key: str, word: str, woken: str) -> None:
    bench = Bench(key, timing=Timing(awake=5, asleep=60)).up()
    topic = bench.device.generation.liveness.topic
    bench.pass_time(5)
    assert bench.texts(topic) == [word]
    assert isinstance(bench.outputs[-1], Disconnect)
    bench.outputs.clear()
    bench.pass_time(61)
    assert bench.texts(topic)[0] == woken
    assert bench.device.boots == 2


def test_a_sleeper_stays_awake_for_an_image() -> None:
    bench = Bench("v3", timing=Timing(awake=5, asleep=60)).up()
    bench.offer(part=0.5)
    bench.pass_time(30)
    assert bench.kinds() == []


FAULTY = [
    (Faults(never_returns=True), ["202", "200"], ["Drop"], []),
    (Faults(comes_back_old=True), ["202", "200"], ["Drop", "Connect", "Subscribe"], ["1.0.0"]),
    (Faults(statuses_lost=True), ["202"], ["Drop", "Connect", "Subscribe"], ["1.1.0"]),
    (Faults(slow_reboot=600), ["202", "200"], ["Drop"], []),
    (Faults(no_space=True), ["202", "400 NOT_ENOUGH_SPACE"], [], []),
    (Faults(checksum_refused=True), ["202", "400 BAD_CHECKSUM"], [], []),
    (Faults(refuses=True), ["403"], [], []),
    (Faults(flash_error_at=9000), ["202", "500 FLASH_ERROR"], [], []),
]


@pytest.mark.parametrize(("faults", "statuses", "kinds", "versions"), FAULTY)
def test_a_fault_shows_on_the_wire(
    faults: Faults, statuses: list[str], kinds: list[str], versions: list[str]
) -> None:
    bench = Bench("v3", faults=faults).up()
    assert bench.offer() == statuses
    bench.outputs.clear()
    bench.pass_time(50)
    assert bench.kinds() == kinds
    assert bench.texts("$fw/version") == versions


def test_a_rewritten_flash_mode_shows_as_another_checksum() -> None:
    bench = Bench("v3", faults=Faults(mode_rewritten=True)).up()
    bench.offer()
    bench.pass_time(3)
    assert bench.texts("$fw/version") == ["1.1.0"]
    assert bench.texts("$fw/checksum") != [NEW_MD5]


def test_a_device_that_drops_does_so_once_and_only_in_the_middle() -> None:
    bench = Bench("v3", faults=Faults(drop_at=0.5)).up()
    bench.offer()
    assert bench.kinds() == ["Drop"]
    assert bench.device.images_received == 0
    bench.pass_time(1)
    bench.outputs.clear()
    assert bench.offer() == ["202", "200"]


def test_a_restart_loop_begins_with_the_new_image() -> None:
    bench = Bench("v3", faults=Faults(restart_loop=True)).up()
    bench.pass_time(60)
    assert bench.device.boots == 1
    bench.offer()
    bench.pass_time(60)
    assert bench.device.boots > 5
    assert bench.device.firmware.version == "1.1.0"


def test_a_build_of_homie_5_comes_back_below_its_own_base() -> None:
    bench = Bench("v3", faults=Faults(crosses_to="v5")).up()
    bench.offer()
    bench.pass_time(3)
    assert bench.device.successor is not None
    generation, setup = bench.device.successor
    assert (generation.key, setup.identity.topic, setup.faults) == ("v5", "homie/5/hall-lamp", Faults())


def test_a_lost_connection_is_made_again_without_a_boot() -> None:
    bench = Bench("v3").up()
    bench.do(bench.device.connection_lost(bench.now))
    bench.pass_time(1)
    assert bench.kinds() == ["Connect", "Subscribe"]
    assert bench.device.boots == 1
    assert Drop() not in bench.outputs


def after_an_update(key: str, faults: Faults, seconds: float = 400.0) -> Bench:
    """A device that was updated, and what it said in the minutes after its reboot."""
    bench = Bench(key, faults=faults, nodes=(LIGHT, RELAY)).up()
    bench.pass_time(200)
    bench.offer()
    bench.outputs.clear()
    bench.pass_time(seconds)
    return bench


LATER = [
    (Faults(heap_left=0.4), "$stats/freeheap", "30000", "12000"),
    (Faults(signal_lost=45), "$stats/signal", "80", "35"),
    (Faults(node_missing=True), "$nodes", "light,relay", "light"),
]


@pytest.mark.parametrize(("faults", "topic", "before", "after"), LATER)
def test_what_gets_worse_with_a_new_image_was_well_before(
    faults: Faults, topic: str, before: str, after: str
) -> None:
    bench = Bench("v4", faults=faults, nodes=(LIGHT, RELAY))
    bench.do(bench.device.power_on(0.0))
    bench.pass_time(0)
    assert bench.texts(topic) == [before]
    assert set(after_an_update("v4", faults).texts(topic)) == {after}


def test_a_silent_one_is_ready_and_tells_no_statistics_with_the_new_image() -> None:
    bench = after_an_update("v3", Faults(silent=True))
    assert bench.texts("$state")[-1] == "ready"
    assert bench.texts("$stats/uptime") == []


@pytest.mark.parametrize("restarts", [1, 3])
def test_one_that_restarts_a_few_times_stays_then(restarts: int) -> None:
    bench = after_an_update("v3", Faults(restarts=restarts))
    assert bench.texts("$state").count("ready") == 1 + restarts
    assert bench.device.boots == 2 + restarts
    assert bench.device.firmware.version == "1.1.0"


def test_one_that_alternates_announces_the_new_and_the_old_image_in_turn() -> None:
    bench = after_an_update("v3", Faults(alternates=True), 30.0)
    assert bench.texts("$fw/version")[:4] == ["1.1.0", "1.0.0", "1.1.0", "1.0.0"]

"""The command line of `simulate`, and the fleet that it describes."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter

import pytest

from homie_ota.cli import tree
from homie_ota.errors import WrongUse
from homie_ota.simulator.fleet import FAULTS, FleetOptions, make_fleet
from homie_ota.simulator.generations import GENERATIONS
from homie_ota.simulator.options import options_from, read_mix
from homie_ota.simulator.values import Faults, OtaServer

BROKER = ("--mqtt", "mqtt://127.0.0.1:1883")


def options(*words: str) -> FleetOptions:
    """What the command line `simulate …` means."""
    context = tree.load("simulate").make_context("simulate", [*BROKER, *words])
    return options_from(Namespace(**context.params))


def test_without_a_word_it_is_the_usual_mix() -> None:
    fleet = make_fleet(options())
    assert Counter(each.generation.key for each in fleet) == {"v1": 1, "v2": 2, "v3": 6, "v5": 1}
    assert {each.generation.key: each.identity.base for each in fleet} == {
        "v1": "devices/", "v2": "homie/", "v3": "homie/", "v5": "homie/5/",
    }  # fmt: skip


def test_more_devices_than_the_mix_go_round_again() -> None:
    fleet = make_fleet(options("--devices", "25", "--mix", "v2=1,v4=4"))
    assert Counter(each.generation.key for each in fleet) == {"v2": 5, "v4": 20}


def test_a_thousand_devices_have_a_thousand_names() -> None:
    fleet = make_fleet(options("--devices", "1000"))
    assert len({each.identity.device_id for each in fleet}) == 1000
    assert len({each.identity.mac for each in fleet}) == 1000


def test_a_base_of_ones_own_is_that_of_all() -> None:
    bases = {each.generation.key: each.identity.base for each in make_fleet(options("--base", "lab"))}
    assert bases == {"v1": "lab/", "v2": "lab/", "v3": "lab/", "v5": "lab/5/"}


def test_a_seed_makes_the_same_fleet_again_and_another_seed_another() -> None:
    first, again, other = (
        [each.identity for each in make_fleet(options("--seed", seed))] for seed in ("7", "7", "8")
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_every_fault_is_an_option_that_says_how_many(fault: str) -> None:
    fleet = make_fleet(options("--devices", "20", f"--{fault}", "3"))
    ill = [each for each in fleet if each.faults != Faults() or each.timing.asleep]
    assert len(ill) == 3
    assert all(each.faults == FAULTS[fault][1] for each in ill)


def test_more_faults_than_devices_are_as_many_as_fit() -> None:
    fleet = make_fleet(options("--devices", "2", "--drops", "5"))
    assert all(each.faults.drop_at for each in fleet)


def test_times_rates_and_the_servers_address_are_passed_on() -> None:
    read = options("--speed", "5", "--rate", "1000", "--interval", "10", "--ota-url", "http://pi:80/fw")
    assert (read.speed, read.rate, read.timing.interval) == (5.0, 1000.0, 10.0)
    assert read.server == OtaServer("pi", 80, "/fw")


@pytest.mark.parametrize(
    ("text", "mix"),
    [("v1=1,v3=6", {"v1": 1, "v3": 6}), ("v2", {"v2": 1}), (" v5=2 , v5=1 ", {"v5": 3})],
)
def test_a_mix_is_read(text: str, mix: dict[str, int]) -> None:
    assert read_mix(text) == mix


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--mix", "v33=1"), "v3"),
        (("--mix", "v3=many"), "many"),
        (("--mix", ""), "no device"),
        (("--speed", "0"), "--speed"),
        (("--ota-url", "https://pi/ota"), "TLS"),
        (("--ota-url", "http://pi:port/ota"), "--ota-url"),
    ],
)
def test_what_has_no_meaning_is_said(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(WrongUse, match=said):
        options(*words)


@pytest.mark.parametrize("key", sorted(GENERATIONS))
def test_every_generation_can_announce_itself(key: str) -> None:
    (device,) = make_fleet(options("--mix", key))
    device.power_on(0.0)
    assert device.connected()
    assert device.tick(0.0) or not device.generation.liveness.ready

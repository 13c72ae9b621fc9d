"""What is missing of a device, by its own announce."""

import pytest

from homie.known import LAMP, LAMP_5, V2, V3, V5, V15, heard
from homie_ota import homie
from homie_ota.fleet import Fleet
from homie_ota.model import Address

DEVICES = [(V15, Address("devices/", "lamp")), (V2, LAMP), (V3, LAMP), (V5, LAMP_5)]

#: Topics whose loss nobody can know of: nothing announces that they exist.
OPTIONAL = {"$stats", "relay/on/$settable"}


@pytest.mark.parametrize(("topics", "address"), DEVICES)
def test_nothing_is_missing_of_a_device_that_was_heard_completely(
    topics: dict[str, str], address: Address
) -> None:
    assert homie.missing(heard(topics, address=address)) == ()


@pytest.mark.parametrize(
    ("topics", "address", "lost"),
    [(topics, address, lost) for topics, address in DEVICES for lost in topics if lost not in OPTIONAL],
)
def test_one_lost_message_is_noticed(topics: dict[str, str], address: Address, lost: str) -> None:
    rest = {topic: text for topic, text in topics.items() if topic != lost}
    assert homie.missing(heard(rest, address=address))


@pytest.mark.parametrize(("topics", "address"), DEVICES)
@pytest.mark.parametrize("number", range(20))
def test_a_device_of_which_one_message_was_heard_is_missing(
    topics: dict[str, str], address: Address, number: int
) -> None:
    topic = list(topics)[number % len(topics)]
    assert homie.missing(heard({topic: topics[topic]}, address=address))


@pytest.mark.parametrize(
    ("topics", "address", "lost"), [(topics, address, lost) for topics, address in DEVICES for lost in topics]
)
def test_after_a_reconnect_everything_known_must_be_heard_again(
    topics: dict[str, str], address: Address, lost: str
) -> None:
    fleet = Fleet()
    known = heard(topics, address=address, fleet=fleet)
    fleet.listen_anew()
    rest = {topic: text for topic, text in topics.items() if topic != lost}
    heard(rest, address=address, fleet=fleet)
    assert homie.missing(known)
    heard({lost: topics[lost]}, address=address, fleet=fleet)
    assert homie.missing(known) == ()


def test_elements_of_an_array_and_of_a_range_are_described_elsewhere() -> None:
    array = {
        "lights/$name": "Lights",
        "lights/$type": "led",
        "lights/$properties": "intensity",
        "lights/$array": "0-1",
        "lights/intensity/$datatype": "integer",
        "lights_0/$name": "Back lights",
        "lights_0/intensity": "0",
        "lights_1/$name": "Front lights",
        "lights_1/intensity": "100",
    }
    assert homie.missing(heard({**V3, "$nodes": "relay,lights[]", **array})) == ()
    ranged = {
        "led/$type": "strip",
        "led/$properties": "led[1-2]:settable",
        "led/led_1": "on",
        "led/led_2": "on",
    }
    assert homie.missing(heard({**V2, **ranged})) == ()


def test_the_words_say_what_is_missing() -> None:
    topics = {topic: text for topic, text in V3.items() if topic not in ("$fw/version", "relay/on", "$state")}
    assert set(homie.missing(heard(topics))) == {"fw/version", "value relay/on", "state"}


def test_an_online_that_2_left_behind_does_not_stand_for_the_state_of_3() -> None:
    topics = {topic: text for topic, text in V3.items() if topic != "$state"}
    assert "state" in homie.missing(heard({**topics, "$online": "false"}))

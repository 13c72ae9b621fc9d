"""Which generation a device is of and how it is updated, from what it announced."""

import pytest

from homie.known import LAMP, LAMP_5, V2, V3, V5, V15, heard
from homie_ota import homie
from homie_ota.homie import v5
from homie_ota.model import Way

BETA_1 = {**V2, "$implementation/version": "2.0.0-beta.1", "$uptime/value": "7", "$signal": "98"}
ESP32_HOMIE = {
    "$online": "true",
    "$name": "Lamp",
    "$fw/name": "lamp",
    "$fw/version": "1.0.0",
    "$implementation": "esp32-homie",
    "$implementation/ota/enabled": "true",
    "$implementation/ota/running": "ota_0",
    "$implementation/ota/boot": "ota_0",
}
PRE_RELEASE = {
    "$online": "true",
    "$homie": "2.0.0",
    "$implementation": "esp8266",
    "$implementation/version": "2.0.0",
    "$implementation/ota/enabled": "true",
    "$fw/name": "Bienen",
    "$fw/version": "1.0.7",
    "$signal": "98",
    "$uptime/value": "261078",
}
PYTHON = {"$homie": "4.0.0", "$implementation": "linux", "$fw/name": "esp32-weather", "$state": "ready"}
MICROPYTHON = {"$homie": "4.0.0", "$implementation": "esp8266", "$fw/name": "Microhomie", "$state": "ready"}

DEVICES = [
    (V15, "1.5", Way.HTTP, "$fwname"),
    (PRE_RELEASE, "2.0.0", Way.TWO_STEP, "pre-releases"),
    (BETA_1, "2.0.0-beta.1", Way.TWO_STEP, "2.0.0-beta.1"),
    (V2, "2.0.0", Way.MQTT, "ota/enabled"),
    (V3, "3.0.1", Way.MQTT, "esp8266"),
    ({**V3, "$implementation": "esp32"}, "3.0.1", Way.MQTT, "esp32"),
    ({**V3, "$implementation/ota/enabled": "false"}, "3.0.1", Way.MQTT, "ota/enabled"),
    ({**V3, "$homie": "4.0.0"}, "4.0.0", Way.MQTT, "4.0.0"),
    (PYTHON, "4.0.0", Way.NONE, "linux"),
    (MICROPYTHON, "4.0.0", Way.NONE, "does not announce $implementation/ota/enabled"),
    ({"$homie": "4.0.0", "$state": "ready"}, "4.0.0", Way.NONE, "not homie-esp8266"),
    ({"$homie": "9.0", "$state": "ready"}, "9.0", Way.NONE, "no updates of its own"),
    (ESP32_HOMIE, "esp32-homie", Way.URL, "esp32-homie"),
    ({"relay/on": "true"}, "", Way.NONE, "neither $homie nor $fwname"),
]


@pytest.mark.parametrize(("topics", "generation", "way", "evidence"), DEVICES)
def test_generation_and_way_follow_from_what_a_device_announced(
    topics: dict[str, str], generation: str, way: Way, evidence: str
) -> None:
    facts = heard(topics).facts
    assert homie.generation(facts) == generation
    found, why = homie.way(facts)
    assert found is way
    assert evidence in why


def test_homie_5_is_updated_only_with_the_runtime_extension() -> None:
    assert homie.way(heard(V5, address=LAMP_5).facts)[0] is Way.NONE
    extended = V5["$description"].replace("{", f'{{"extensions":["{v5.RUNTIME_EXTENSION}"],', 1)
    facts = heard({**V5, "$description": extended}, address=LAMP_5).facts
    assert homie.generation(facts) == "5.0"
    assert homie.way(facts)[0] is Way.MQTT


def test_a_3_x_device_of_which_only_the_end_was_heard_is_not_taken_for_another_generation() -> None:
    for topic in V3:
        assert homie.way(heard({topic: V3[topic]}).facts)[0] is Way.NONE


def test_what_1_5_left_behind_does_not_decide_after_an_update_to_2() -> None:
    for topics in ({**V15, **V2}, {**V2, **V15}):
        facts = heard(topics, address=LAMP).facts
        assert homie.generation(facts) == "2.0.0"
        assert homie.way(facts)[0] is Way.MQTT

"""What a message says: tables of topic and payload → observation, generation by generation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie.known import BASES, LAMP, LAMP_5, seen
from homie_ota import homie
from homie_ota.homie import wire
from homie_ota.model import (
    Address,
    FactSeen,
    NodeFactSeen,
    Observation,
    OtaEvent,
    OtaRequestSeen,
    OtaStatusSeen,
    PropertyFactSeen,
    State,
    StateSeen,
    ValueCleared,
    ValueSeen,
)

FACTS = [
    # 1.5
    ("$name", "Lamp", "name", False),
    ("$localip", "10.0.0.9", "ip", False),
    ("$nodes", "relay:switch,led:rgb", "nodes", False),
    ("$fwname", "lamp", "fw/name", True),
    ("$fwversion", "1.0.0", "fw/version", True),
    ("$signal", "72", "signal", True),
    ("$uptime", "0", "uptime", True),
    # pre-releases of 2.0
    ("$uptime/value", "261078", "uptime", True),
    ("$uptime/interval", "120", "interval", True),
    # 2.x, 3.x, 4.x
    ("$homie", "2.0.0", "homie", False),
    ("$mac", "5C:CF:7F:34:8D:ED", "mac", False),
    ("$fw/name", "lamp", "fw/name", False),
    ("$fw/version", "1.0.0", "fw/version", False),
    ("$fw/checksum", "d72e6b8900c113eaec7d36c9dc8a660c", "md5", False),
    ("$implementation", "esp8266", "implementation", False),
    ("$implementation/version", "3.0.0", "implementation/version", False),
    ("$implementation/ota/enabled", "false", "ota/enabled", False),
    ("$stats", "uptime", "stats", False),
    ("$stats/interval", "65", "interval", False),
    ("$stats/signal", "80", "signal", False),
    ("$stats/uptime", "12", "uptime", False),
    ("$stats/freeheap", "30000", "heap", False),
    ("$stats/cputemp", "48", "cputemp", False),
    ("$stats/cpuload", "9", "cpuload", False),
    ("$stats/battery", "80", "battery", False),
    ("$stats/supply", "3.3", "supply", False),
    ("$stats/lastupdate", "23/11/2026", "stats/lastupdate", False),
    ("$extensions", "org.homie.legacy-firmware:0.1.1:[4.x]", "extensions", False),
    # 5 and its runtime extension
    ("$log/warn", "battery low", "log/warn", False),
    ("$alert/battery", "Battery is low, at 8%", "alert/battery", False),
    ("$implementation/reset/reason", "Power On", "reset/reason", False),
    ("$implementation/wifi/last_disconnect_reason", "8", "wifi/last_disconnect_reason", False),
    # esp32-homie
    ("$implementation/ota/running", "ota_0", "ota/running", False),
    ("$implementation/ota/boot", "ota_1", "ota/boot", False),
]


@pytest.mark.parametrize(("topic", "payload", "fact", "legacy"), FACTS)
@pytest.mark.parametrize("retained", [True, False])
def test_an_attribute_is_a_fact_under_our_name_for_it(
    topic: str, payload: str, fact: str, legacy: bool, retained: bool
) -> None:
    assert seen(f"homie/lamp/{topic}", payload, retained) == FactSeen(LAMP, fact, payload, retained, legacy)


@pytest.mark.parametrize(("topic", "fact"), [(topic, fact) for topic, _, fact, _ in FACTS])
def test_an_empty_payload_says_that_the_fact_was_cleared(topic: str, fact: str) -> None:
    found = seen(f"homie/lamp/{topic}", b"", retained=False)
    assert isinstance(found, FactSeen)
    assert (found.fact, found.value) == (fact, "")


STATES = [
    ("$state", "init", State.INIT, False),
    ("$state", "ready", State.READY, False),
    ("$state", "disconnected", State.DISCONNECTED, False),
    ("$state", "sleeping", State.SLEEPING, False),
    ("$state", "lost", State.LOST, False),
    ("$state", "alert", State.ALERT, False),
    ("$online", "true", State.READY, True),
    ("$online", "false", State.LOST, True),
    ("$online", " True", State.READY, True),
]


@pytest.mark.parametrize(("topic", "payload", "state", "legacy"), STATES)
def test_online_and_state_are_one_thing(topic: str, payload: str, state: State, legacy: bool) -> None:
    assert seen(f"homie/lamp/{topic}", payload) == StateSeen(LAMP, state, True, legacy)


def test_a_cleared_state_says_that_the_device_was_removed() -> None:
    assert seen("homie/lamp/$state", b"", retained=False) == FactSeen(LAMP, "state", "", False)


@pytest.mark.parametrize("payload", [b"asleep", b"\0", b"ready!", b"\xff\xfe"])
def test_a_state_that_nobody_knows_says_nothing(payload: bytes) -> None:
    assert seen("homie/lamp/$state", payload) is None


NODES_AND_PROPERTIES = [
    ("relay/$name", "Relay", NodeFactSeen(LAMP, "relay", "name", "Relay", True)),
    ("relay/$type", "switch", NodeFactSeen(LAMP, "relay", "type", "switch", True)),
    ("relay/$properties", "on:settable", NodeFactSeen(LAMP, "relay", "properties", "on:settable", True)),
    ("lights/$array", "0-1", NodeFactSeen(LAMP, "lights", "array", "0-1", True)),
    ("lights_0/$name", "Back", NodeFactSeen(LAMP, "lights_0", "name", "Back", True)),
    ("relay/on", "true", ValueSeen(LAMP, "relay", "on", "true", True)),
    ("led/led_1", "on", ValueSeen(LAMP, "led", "led_1", "on", True)),
    ("relay/on", "", ValueCleared(LAMP, "relay", "on", True)),
    ("relay/on", "\0", ValueSeen(LAMP, "relay", "on", "", True)),
    ("relay/on/$name", "On", PropertyFactSeen(LAMP, "relay", "on", "name", "On", True)),
    ("relay/on/$datatype", "float", PropertyFactSeen(LAMP, "relay", "on", "datatype", "float", True)),
    ("relay/on/$unit", "°C", PropertyFactSeen(LAMP, "relay", "on", "unit", "°C", True)),
    ("relay/on/$format", "0:1", PropertyFactSeen(LAMP, "relay", "on", "format", "0:1", True)),
    ("relay/on/$settable", "true", PropertyFactSeen(LAMP, "relay", "on", "settable", "true", True)),
    ("relay/on/$retained", "false", PropertyFactSeen(LAMP, "relay", "on", "retained", "false", True)),
    ("relay/on/$target", "100", PropertyFactSeen(LAMP, "relay", "on", "target", "100", True)),
]


@pytest.mark.parametrize(("topic", "payload", "expected"), NODES_AND_PROPERTIES)
def test_nodes_and_properties_are_read(topic: str, payload: str, expected: Observation) -> None:
    assert seen(f"homie/lamp/{topic}", payload) == expected


NOTHING = [
    "homie/$broadcast/alert",
    "homie/5/$broadcast/security/alert",
    "homie/lamp/relay/on/set",
    "homie/lamp/relay/set",
    "homie/lamp/$implementation/config/set",
    "homie/lamp/$implementation/reset",
    "homie/lamp/$implementation/ota/checksum",
    "homie/lamp/$implementation/ota/url",
    "homie/lamp/$reset",
    "homie/lamp/$unknown",
    "homie/lamp/$unknown/deeper",
    "homie/lamp/$log/shout",
    "homie/lamp/relay",
    "homie/lamp/relay/$unknown",
    "homie/lamp/relay/on/$tags",
    "homie/lamp/relay/on/deeper",
    "homie/lamp/a/b/c/d",
    "homie/lamp//on",
    "homie/lamp/relay/",
    "homie/lamp/",
    "homie/lamp",
    "homie//$state",
    "homie/",
    "homie",
    "",
    "/",
    "elsewhere/lamp/$state",
    "homies/lamp/$state",
    "homie/la\x00mp/$state",
    "homie/lamp/re\x1blay/on",
    "homie/" + "x" * 256 + "/$state",
    "homie/lamp/" + "x" * 256 + "/on",
]


@pytest.mark.parametrize("topic", NOTHING)
def test_commands_broadcasts_and_strange_topics_say_nothing(topic: str) -> None:
    assert seen(topic, "ready") is None


@pytest.mark.parametrize(
    "device_id",
    ["..", "<script>alert(1)<", "GuestRoom", "D1R1MiniA", "Bülbül", "a b", "%2e", "--", "'; DROP"],
)
def test_an_id_is_data_whatever_it_looks_like(device_id: str) -> None:
    found = seen(f"homie/{device_id}/$name", "x")
    assert isinstance(found, FactSeen)
    assert found.device == Address("homie/", device_id)


def test_a_path_as_an_id_is_just_more_levels() -> None:
    assert seen("homie/../../x", "1") == ValueSeen(Address("homie/", ".."), "..", "x", "1", True)


def test_the_longest_base_wins_and_a_missing_slash_is_added() -> None:
    reader = homie.Reader(["home", "home/homie/"])
    assert reader.bases == ("home/", "home/5/", "home/homie/", "home/homie/5/")
    for topic, base in [
        ("home/lamp/$state", "home/"),
        ("home/homie/lamp/$state", "home/homie/"),
        ("home/5/lamp/$state", "home/5/"),
        ("home/homie/5/lamp/$state", "home/homie/5/"),
    ]:
        found = reader.read(topic, b"ready", True)
        assert found is not None
        assert found.device == Address(base, "lamp")


def test_a_homie_5_base_has_no_domain_of_its_own_below() -> None:
    assert homie.Reader(["ebus/5/", "ebus/5", " "]).bases == ("ebus/5/",)


STATUSES = [
    ("202", OtaEvent.ACCEPTED, 0, 0, ""),
    ("206 474555/474672", OtaEvent.PROGRESS, 474555, 474672, "474555/474672"),
    ("206 12", OtaEvent.PROGRESS, 12, 0, "12"),
    ("206 -1/99999999999999999999", OtaEvent.PROGRESS, 0, 0, "-1/99999999999999999999"),
    ("206 ²/x", OtaEvent.PROGRESS, 0, 0, "²/x"),
    ("200", OtaEvent.FLASHED, 0, 0, ""),
    ("304", OtaEvent.SAME, 0, 0, ""),
    ("403", OtaEvent.DISABLED, 0, 0, ""),
    ("400 BAD_FIRMWARE", OtaEvent.BAD_FIRMWARE, 0, 0, "BAD_FIRMWARE"),
    ("400 BAD_CHECKSUM", OtaEvent.BAD_CHECKSUM, 0, 0, "BAD_CHECKSUM"),
    ("400 NOT_ENOUGH_SPACE", OtaEvent.NO_SPACE, 0, 0, "NOT_ENOUGH_SPACE"),
    ("400 BAD_LUCK", OtaEvent.BAD_REQUEST, 0, 0, "BAD_LUCK"),
    ("500 FLASH_ERROR 1", OtaEvent.FLASH_ERROR, 0, 0, "FLASH_ERROR 1"),
    ("500 INTERNAL_ERROR 8", OtaEvent.ERROR, 0, 0, "INTERNAL_ERROR 8"),
    ("500 INTERNAL_ERROR 0", OtaEvent.STUCK, 0, 0, "INTERNAL_ERROR 0"),
    ("202 ota begin", OtaEvent.ACCEPTED, 0, 0, "ota begin"),
    ("500 no ota partitions", OtaEvent.NO_PARTITION, 0, 0, "no ota partitions"),
]


@pytest.mark.parametrize(("text", "event", "done", "total", "detail"), STATUSES)
@pytest.mark.parametrize("retained", [True, False])
def test_an_ota_status_tells_in_our_words_and_whether_it_is_history(
    text: str, event: OtaEvent, done: int, total: int, detail: str, retained: bool
) -> None:
    expected = OtaStatusSeen(LAMP, event, done, total, detail, retained)
    assert seen("homie/lamp/$implementation/ota/status", text, retained) == expected


@pytest.mark.parametrize("text", ["", "hello", "100", "999 x", "\0"])
def test_what_is_no_ota_status_says_nothing(text: str) -> None:
    assert seen("homie/lamp/$implementation/ota/status", text) is None


def test_somebody_asking_a_device_for_a_version_is_noticed() -> None:
    assert seen("devices/lamp/$ota", "4b1f2@1.0.3", retained=False) == OtaRequestSeen(
        Address("devices/", "lamp"), "4b1f2@1.0.3", False
    )


def test_a_retained_image_is_noticed_but_our_own_offer_is_not() -> None:
    topic = "homie/lamp/$implementation/ota/firmware/d72e6b8900c113eaec7d36c9dc8a660c"
    image = b"\xe9" * 100_000
    expected = FactSeen(LAMP, "ota/retained", "image d72e6b8900c113eaec7d36c9dc8a660c", True)
    assert seen(topic, image, retained=True) == expected
    assert seen(topic, image, retained=False) is None
    assert seen(topic, b"", retained=False) == FactSeen(LAMP, "ota/retained", "", False)


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"plain", "plain"),
        ("Küche °C 💡".encode(), "Küche °C 💡"),
        ("👩\u200d🔧".encode(), "👩\u200d🔧"),
        (b"two\nlines\tand\x07a bell\x1b[31m", "two lines anda bell[31m"),
        (b"\xff\xfewrong", "\ufffd\ufffdwrong"),
        ("hidden \u202etxt.exe".encode(), "hidden txt.exe"),
        (b"nul\0nul", "nulnul"),
    ],
)
def test_text_is_cleaned_before_it_is_kept(payload: bytes, text: str) -> None:
    found = seen("homie/lamp/relay/label", payload)
    assert isinstance(found, ValueSeen)
    assert found.value == text


def test_what_is_too_long_is_cut_and_counted() -> None:
    reader = homie.Reader(BASES)
    found = reader.read("homie/lamp/$name", "ü".encode() * 5_000_000, True)
    assert isinstance(found, FactSeen)
    assert found.value == "ü" * (wire.MAX_TEXT // 2)
    assert reader.cut == 1
    assert reader.read("homie/lamp/$description", b'{"x":"' + b"y" * 300_000 + b'"}', True) is None
    assert reader.cut == 2


def test_passwords_in_a_configuration_are_masked() -> None:
    config = '{"wifi":{"ssid":"home","password":"s3cret"},"mqtt":{"auth":true,"password":"x"},"ota":{"enabled":true}}'
    found = seen("homie/lamp/$implementation/config", config)
    assert isinstance(found, FactSeen)
    assert "s3cret" not in found.value
    assert '"ssid":"home"' in found.value
    assert '"enabled":true' in found.value


@pytest.mark.parametrize(
    "config",
    [
        '{"wifi":{"password":"s3cret"',
        '{"settings":[{"API_KEY":"s3cret"}]}',
        '{"pass\\u0077ord":"s3cret"}',
        '{"wifi":{"password":"s3cret' + "x" * 10_000,
        '{"password":' + "[" * 4000,
    ],
)
def test_no_password_gets_through_a_broken_or_strange_configuration(config: str) -> None:
    found = seen("homie/lamp/$implementation/config", config)
    assert isinstance(found, FactSeen)
    assert "s3cret" not in found.value


def test_a_configuration_without_secrets_is_kept_as_it_is() -> None:
    config = '{"name": "Lamp", "wifi": {"ssid": "we break for nobody"}}'
    assert seen("homie/5/lamp/$implementation/config", config) == FactSeen(LAMP_5, "config", config, True)


def test_the_memory_of_the_reader_is_bounded_under_a_million_topics() -> None:
    reader = homie.Reader(BASES)
    for number in range(300_000):
        reader.read(f"homie/{number}/n{number}/p", b"1", True)
    kept = sum(len(addresses) for _, _, addresses in reader._bases)
    assert kept <= 250_000
    assert len(reader._readers) <= 20_000


levels = st.one_of(
    st.sampled_from(
        [
            "homie",
            "devices",
            "5",
            "$state",
            "$description",
            "$fw",
            "$implementation",
            "ota",
            "status",
            "set",
            "",
            "$x",
        ]
    ),
    st.sampled_from(
        ["config", "firmware", "$properties", "$datatype", "$target", "$alert", "$log", "$stats", "$ota"]
    ),
    st.text(max_size=8),
)


@given(st.lists(levels, max_size=8).map("/".join), st.binary(max_size=200), st.booleans())
def test_no_topic_and_no_bytes_ever_raise(topic: str, payload: bytes, retained: bool) -> None:
    assert homie.Reader(BASES).read(f"homie/{topic}", payload, retained) is None or topic
    homie.Reader(BASES).read(topic, payload, retained)

"""The fleet in memory: what observations change, in any order, and that memory stays bounded."""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homie.known import LAMP, LAMP_5, V2, V3, V5, V15, heard
from homie_ota import homie
from homie_ota.fleet import Changed, Fleet, KnownDevice, Reading
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

ON = ValueSeen(LAMP, "relay", "on", "true", True)


def state(word: State, *, device: Address = LAMP, retained: bool = False, legacy: bool = False) -> StateSeen:
    return StateSeen(device, word, retained, legacy)


def described(device_id: str, **fields: Any) -> tuple[Address, str]:
    return Address("homie/5/", device_id), json.dumps({"homie": "5.0", "version": 1, **fields})


def image(fleet: Fleet) -> dict[Address, Any]:
    """Everything that is known, comparable, without when it was heard."""
    return {
        known.address: (
            fleet.effective_state(known),
            homie.facts_row(known),
            {
                (node_id, prop.id): (prop.value, prop.target)
                for node_id, node in known.nodes.items()
                for prop in node.properties.values()
            },
        )
        for known in fleet.devices
    }


# --- what changed ---------------------------------------------------------------------------------------------------


def test_a_device_is_new_once_and_what_is_known_is_no_news() -> None:
    fleet = Fleet()
    assert fleet.apply(state(State.READY), 1.0) == Changed.NEW | Changed.STATE
    assert fleet.apply(state(State.READY), 2.0) == Changed.NOTHING
    assert fleet.apply(state(State.LOST), 3.0) == Changed.STATE
    known = fleet.get(LAMP)
    assert known is not None
    assert (known.state, known.state_since, known.first_seen, known.last_seen) == (State.LOST, 3.0, 1.0, 3.0)
    assert len(fleet) == 1


@pytest.mark.parametrize(
    ("fact", "changed"),
    [("fw/version", Changed.FACT), ("uptime", Changed.STATISTIC), ("stats/own", Changed.STATISTIC)],
)
def test_facts_and_statistics_are_told_apart(fact: str, changed: Changed) -> None:
    fleet = Fleet()
    fleet.apply(state(State.READY), 0.0)
    assert fleet.apply(FactSeen(LAMP, fact, "1", False), 0.0) == changed
    assert fleet.apply(FactSeen(LAMP, fact, "1", False), 0.0) == Changed.NOTHING
    assert fleet.apply(FactSeen(LAMP, fact, "", False), 0.0) in (changed, Changed.FACT)
    known = fleet.get(LAMP)
    assert known is not None
    assert fact not in known.facts


def test_structure_is_told_apart_from_values() -> None:
    fleet = Fleet()
    assert fleet.apply(ON, 0.0) == Changed.NEW | Changed.STRUCTURE | Changed.VALUE
    assert fleet.apply(PropertyFactSeen(LAMP, "relay", "on", "unit", "W", True), 0.0) == Changed.STRUCTURE
    assert fleet.apply(NodeFactSeen(LAMP, "relay", "properties", "on", True), 0.0) == Changed.STRUCTURE
    assert fleet.apply(ON._replace(value="false"), 0.0) == Changed.VALUE
    assert fleet.apply(PropertyFactSeen(LAMP, "relay", "on", "unit", "W", True), 0.0) == Changed.NOTHING


def test_only_news_makes_a_device_seen() -> None:
    fleet = Fleet()
    fleet.apply(state(State.READY, retained=True), 1.0)
    fleet.apply(FactSeen(LAMP, "uptime", "1", True), 2.0)
    known = fleet.get(LAMP)
    assert known is not None
    assert (known.last_seen, known.live_since) == (1.0, None)
    fleet.apply(OtaRequestSeen(LAMP, "1.0.1", False), 3.0)  # somebody else said that
    assert known.last_seen == 1.0
    fleet.apply(FactSeen(LAMP, "uptime", "2", False), 4.0)
    assert (known.last_seen, known.live_since) == (4.0, None)
    fleet.apply(state(State.INIT), 5.0)
    assert known.live_since == 5.0
    fleet.apply(state(State.LOST), 6.0)
    assert known.live_since == 5.0


def test_a_retained_ota_status_is_history_not_news() -> None:
    fleet = Fleet()
    fleet.apply(state(State.READY, retained=True), 1.0)
    status = OtaStatusSeen(LAMP, OtaEvent.FLASHED, 0, 0, "", True)
    assert fleet.apply(status, 2.0) == Changed.NOTHING
    known = fleet.get(LAMP)
    assert known is not None
    assert known.last_seen == 1.0
    fleet.apply(status._replace(retained=False), 3.0)
    assert known.last_seen == 3.0


# --- values ---------------------------------------------------------------------------------------------------------


def test_values_wait_to_be_written_once_each() -> None:
    fleet = Fleet()
    fleet.apply(ON, 1.0)
    fleet.apply(ON._replace(value="false", retained=False), 2.0)
    known = fleet.get(LAMP)
    assert known is not None
    assert known.take_values() == [Reading("relay", "on", "false", 2.0)]
    assert known.take_values() == []


def test_the_same_value_is_news_when_it_is_said_now_but_not_when_it_is_retained() -> None:
    fleet = Fleet()
    fleet.apply(ON, 1.0)
    assert fleet.apply(ON, 2.0) == Changed.NOTHING
    known = fleet.get(LAMP)
    assert known is not None
    known.take_values()
    assert fleet.apply(ON._replace(retained=False), 3.0) == Changed.VALUE
    assert known.take_values() == [Reading("relay", "on", "true", 3.0)]


def test_a_cleared_value_is_none_and_an_empty_text_is_a_value() -> None:
    fleet = Fleet()
    fleet.apply(ON._replace(value=""), 1.0)
    known = fleet.get(LAMP)
    assert known is not None
    assert known.take_values() == [Reading("relay", "on", "", 1.0)]
    assert Changed.VALUE in fleet.apply(ValueCleared(LAMP, "relay", "on", False), 2.0)
    assert known.take_values() == [Reading("relay", "on", None, 2.0)]
    assert fleet.apply(ValueCleared(LAMP, "relay", "on", False), 3.0) == Changed.NOTHING
    assert known.nodes == {}  # nothing was said of them but the value


# --- leftovers of older generations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("legacy_first", [True, False])
@pytest.mark.parametrize(
    ("version", "expected"), [("3.0.1", State.READY), ("4.0.0", State.READY), ("2.0.0", State.LOST)]
)
def test_of_online_and_state_the_one_of_the_running_generation_counts(
    legacy_first: bool, version: str, expected: State
) -> None:
    messages: list[Observation] = [
        state(State.LOST, retained=True, legacy=True),
        state(State.READY, retained=True),
        FactSeen(LAMP, "homie", version, True),
    ]
    fleet = Fleet()
    for seen in messages if legacy_first else reversed(messages):
        fleet.apply(seen, 0.0)
    known = fleet.get(LAMP)
    assert known is not None
    assert known.state is expected


def test_a_newer_topic_counts_and_the_older_one_gives_way() -> None:
    old = FactSeen(LAMP, "fw/version", "1.0.0", True, legacy=True)
    new = FactSeen(LAMP, "fw/version", "2.0.0", True)
    for messages in ([old, new], [new, old]):
        fleet = Fleet()
        for seen in messages:
            fleet.apply(seen, 0.0)
        known = fleet.get(LAMP)
        assert known is not None
        assert known.facts == {"fw/version": "2.0.0"}


def test_the_same_word_by_a_newer_topic_is_no_legacy_any_more() -> None:
    fleet = Fleet()
    fleet.apply(FactSeen(LAMP, "signal", "80", True, legacy=True), 0.0)
    known = fleet.get(LAMP)
    assert known is not None
    assert known.facts["legacy"] == "signal"
    assert fleet.apply(FactSeen(LAMP, "signal", "80", True), 0.0) == Changed.FACT
    assert known.facts == {"signal": "80"}


@pytest.mark.parametrize("legacy", [True, False])
def test_a_device_that_the_broker_forgot_is_unknown_until_it_speaks_again(legacy: bool) -> None:
    fleet = Fleet()
    fleet.apply(state(State.READY, retained=True, legacy=legacy), 1.0)
    fleet.listen_anew()
    assert fleet.apply(StateSeen(LAMP, State.UNKNOWN, True), 2.0) == Changed.STATE
    assert fleet.apply(StateSeen(LAMP, State.UNKNOWN, True), 3.0) == Changed.NOTHING
    known = fleet.get(LAMP)
    assert known is not None
    assert (known.state, known.state_since) == (State.UNKNOWN, 2.0)
    assert "state" in homie.missing(known)
    assert fleet.apply(state(State.READY, legacy=legacy), 4.0) == Changed.STATE


# --- removal --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fact", ["state", "homie"])
def test_a_cleared_state_or_homie_means_that_the_device_was_removed(fact: str) -> None:
    fleet = Fleet()
    known = heard(V3, fleet=fleet)
    assert Changed.REMOVED in fleet.apply(FactSeen(LAMP, fact, "", False), 5.0)
    assert known.removed
    assert (known.state, known.state_since) == (State.UNKNOWN, 5.0)
    fleet.apply(state(State.INIT), 6.0)
    assert not known.removed


def test_clearing_the_online_that_2_left_behind_removes_nothing() -> None:
    fleet = Fleet()
    known = heard({**V3, "$online": "false"}, fleet=fleet)
    changed = fleet.apply(FactSeen(LAMP, "state", "", False, legacy=True), 5.0)
    assert Changed.REMOVED not in changed
    assert known.state is State.READY


def test_traces_of_a_device_that_is_gone_do_not_bring_it_back() -> None:
    fleet = Fleet()
    for seen in (
        FactSeen(LAMP, "state", "", False),
        FactSeen(LAMP, "fw/name", "", False),
        NodeFactSeen(LAMP, "relay", "type", "", False),
        PropertyFactSeen(LAMP, "relay", "on", "unit", "", False),
        ValueCleared(LAMP, "relay", "on", False),
        OtaRequestSeen(LAMP, "1.0.0", True),
    ):
        assert fleet.apply(seen, 0.0) == Changed.NOTHING
    assert len(fleet) == 0


@pytest.mark.parametrize(("topics", "address"), [(V15, LAMP), (V2, LAMP), (V3, LAMP), (V5, LAMP_5)])
def test_after_all_topics_of_a_device_were_cleared_nothing_is_left_of_it(
    topics: dict[str, str], address: Address
) -> None:
    fleet = Fleet()
    known = heard(topics, address=address, fleet=fleet)
    reader = homie.Reader(["homie/"])
    for topic in homie.topics_of(known):
        seen = reader.read(topic, b"", False)
        if seen is not None:
            fleet.apply(seen, 1.0)
    known.facts.pop("homie", None)
    left = {
        fact
        for fact in known.facts
        if fact not in ("name", "type", "extensions", "children", "root", "parent")
    }
    assert left <= {"legacy"}
    assert all(prop.value is None for node in known.nodes.values() for prop in node.properties.values())
    assert known.removed


def test_a_retained_request_is_kept_as_a_fact_until_it_is_cleared() -> None:
    fleet = Fleet()
    known = heard(V15, fleet=fleet)
    fleet.apply(OtaRequestSeen(LAMP, "9.9.9", True), 0.0)
    assert known.facts["ota/retained"] == "version 9.9.9"
    fleet.apply(OtaRequestSeen(LAMP, "1.0.1", False), 0.0)
    assert known.facts["ota/retained"] == "version 9.9.9"
    fleet.apply(OtaRequestSeen(LAMP, "", False), 0.0)
    assert "ota/retained" not in known.facts


def test_a_forgotten_device_is_new_when_it_comes_back_and_its_room_is_free() -> None:
    fleet = Fleet()
    heard(V3, fleet=fleet)
    fleet.forget(LAMP)
    fleet.forget(LAMP)
    assert (len(fleet), fleet.dirty, fleet.caps.topics, fleet.caps.text) == (0, 0, 0, 0)
    assert Changed.NEW in fleet.apply(ON, 0.0)


# --- Homie 5 families -----------------------------------------------------------------------------------------------

ROOT, ROOT_TEXT = described("house", children=["lamp"])
CHILD, CHILD_TEXT = described("lamp", root="house")


def family() -> Fleet:
    fleet = Fleet()
    heard({"$state": "ready", "$description": ROOT_TEXT}, address=ROOT, fleet=fleet)
    heard({"$state": "ready", "$description": CHILD_TEXT}, address=CHILD, fleet=fleet)
    fleet.take_dirty(10)
    return fleet


def test_the_child_of_a_lost_root_is_lost_and_is_written_again() -> None:
    fleet = family()
    child = fleet.get(CHILD)
    assert child is not None
    assert (child.root, child.parent) == ("house", "house")
    fleet.apply(state(State.LOST, device=ROOT), 1.0)
    assert (child.state, fleet.effective_state(child)) == (State.READY, State.LOST)
    assert {known.address for known in fleet.take_dirty(10)} == {ROOT, CHILD}
    assert Changed.STATE in child.take_changed()
    fleet.apply(state(State.READY, device=ROOT), 2.0)
    assert fleet.effective_state(child) is State.READY
    assert {known.address for known in fleet.take_dirty(10)} == {ROOT, CHILD}


def test_a_root_that_is_asleep_or_unknown_does_not_change_its_children() -> None:
    fleet = family()
    child = fleet.get(CHILD)
    assert child is not None
    fleet.apply(state(State.SLEEPING, device=ROOT), 1.0)
    assert fleet.effective_state(child) is State.READY
    fleet.apply(state(State.LOST, device=ROOT), 1.0)
    fleet.forget(ROOT)
    assert fleet.effective_state(child) is State.READY


def test_a_child_that_gets_another_root_follows_that_one() -> None:
    fleet = family()
    child = heard({"$description": described("lamp", root="barn")[1]}, address=CHILD, fleet=fleet)
    fleet.take_dirty(10)
    fleet.apply(state(State.LOST, device=ROOT), 1.0)
    assert fleet.effective_state(child) is State.READY
    assert [known.address for known in fleet.take_dirty(10)] == [ROOT]


def test_a_new_description_takes_away_what_the_old_one_said() -> None:
    nodes = {
        "relay": {"type": "switch", "properties": {"on": {"datatype": "boolean"}, "watts": {"unit": "W"}}}
    }
    fleet = Fleet()
    known = heard(
        {"$state": "init", "$description": described("lamp", nodes=nodes)[1]}, address=CHILD, fleet=fleet
    )
    heard({"relay/on": "true"}, address=CHILD, fleet=fleet)
    rest = {"led": {"properties": {"colour": {"datatype": "color"}}}}
    heard({"$description": described("lamp", nodes=rest)[1]}, address=CHILD, fleet=fleet)
    assert homie.nodes_row(known) == {
        "led": {"properties": {"colour": {"datatype": "color"}}},
        "relay": {"properties": {"on": {}}},  # a value of it is still on the broker
    }


# --- dirty devices --------------------------------------------------------------------------------------------------


def test_changed_devices_are_taken_once_longest_waiting_first() -> None:
    fleet = Fleet()
    addresses = [Address("homie/", f"lamp-{number}") for number in range(5)]
    for address in addresses:
        fleet.apply(state(State.READY, device=address), 0.0)
    assert [known.address for known in fleet.take_dirty(2)] == addresses[:2]
    fleet.apply(state(State.LOST, device=addresses[0]), 1.0)
    assert [known.address for known in fleet.take_dirty(10)] == [*addresses[2:], addresses[0]]
    assert fleet.take_dirty(10) == []


def test_changes_add_up_until_they_are_taken_and_can_be_put_back() -> None:
    fleet = Fleet()
    fleet.apply(state(State.READY), 0.0)
    fleet.apply(FactSeen(LAMP, "uptime", "1", False), 0.0)
    (known,) = fleet.take_dirty(1)
    changed = known.take_changed()
    assert changed == Changed.NEW | Changed.STATE | Changed.STATISTIC
    assert known.take_changed() == Changed.NOTHING
    fleet.touch(known, changed)
    assert fleet.take_dirty(1) == [known]
    assert known.take_changed() == changed


# --- restart --------------------------------------------------------------------------------------------------------


def restored(known: KnownDevice, fleet: Fleet) -> KnownDevice:
    row = json.loads(json.dumps(homie.facts_row(known)))
    readings = [
        (node_id, prop.id, prop.value, prop.at)
        for node_id, node in known.nodes.items()
        for prop in node.properties.values()
        if prop.value is not None
    ]
    return fleet.restore(known.address, 7, known.state, row["facts"], row["nodes"], readings, 1.0, 2.0)


ARRAYS = {
    **V3,
    "$nodes": "relay,lights[]",
    "lights/$name": "Lights",
    "lights/$type": "led",
    "lights/$properties": "intensity",
    "lights/$array": "0-1",
    "lights_0/$name": "Back",
    "lights_0/intensity": "5",
    "relay/count/$retained": "false",
    "relay/count/$unit": "°C",
}
RANGES = {**V2, "led/$type": "strip", "led/$properties": "led[1-3]:settable", "led/led_1": "on"}
DEVICES = [(V15, LAMP), (V2, LAMP), (V3, LAMP), (V5, LAMP_5), (ARRAYS, LAMP), (RANGES, LAMP)]


@pytest.mark.parametrize(("topics", "address"), DEVICES)
def test_what_is_known_survives_a_restart(topics: dict[str, str], address: Address) -> None:
    before, after = Fleet(), Fleet()
    known = restored(heard(topics, address=address, fleet=before, now=3.0), after)
    assert image(after) == image(before)
    assert (known.pk, known.first_seen, known.last_seen, known.live_since) == (7, 1.0, 2.0, None)
    assert after.dirty == 0


@pytest.mark.parametrize(("topics", "address"), DEVICES)
def test_hearing_the_same_again_after_a_restart_writes_nothing(
    topics: dict[str, str], address: Address
) -> None:
    before, after = Fleet(), Fleet()
    known = restored(heard(topics, address=address, fleet=before, now=3.0), after)
    assert homie.missing(known)
    heard(topics, address=address, fleet=after, now=9.0)
    assert after.dirty == 0
    assert homie.missing(known) == ()
    assert image(after) == image(before)


def test_the_children_of_a_root_are_known_after_a_restart() -> None:
    before, after = family(), Fleet()
    for known in before.devices:
        restored(known, after)
    after.apply(state(State.LOST, device=ROOT), 5.0)
    assert {known.address for known in after.take_dirty(10)} == {ROOT, CHILD}


def test_what_a_list_said_before_the_restart_does_not_stay_for_ever() -> None:
    before, after = Fleet(), Fleet()
    known = restored(heard(V2, fleet=before), after)
    heard({"relay/$properties": "on,count"}, fleet=after)
    assert homie.nodes_row(known)["relay"]["properties"] == {"on": {}, "count": {}}


# --- any order ------------------------------------------------------------------------------------------------------

_retained = [
    *((LAMP, topic, text) for topics in (V15, V2, V3, ARRAYS, RANGES) for topic, text in topics.items()),
    *((LAMP_5, topic, text) for topic, text in V5.items()),
    *((ROOT, topic, text) for topic, text in {"$state": "lost", "$description": ROOT_TEXT}.items()),
    *(
        (CHILD._replace(device_id="bulb"), topic, text)
        for topic, text in {"$state": "ready", "n/p": "1"}.items()
    ),
    (CHILD._replace(device_id="bulb"), "$description", described("bulb", root="house")[1]),
]
#: A broker keeps one message a topic.
RETAINED = {f"{address.topic}/{topic}": text.encode() for address, topic, text in _retained}


@settings(max_examples=200, deadline=None)
@given(st.sets(st.sampled_from(sorted(RETAINED))), st.randoms(use_true_random=False))
def test_any_order_of_retained_messages_makes_the_same_fleet(topics: set[str], chance: random.Random) -> None:
    fleets = []
    for _ in range(2):
        order = sorted(topics)
        chance.shuffle(order)
        fleet, reader = Fleet(), homie.Reader(["homie/"])
        for topic in order:
            seen = reader.read(topic, RETAINED[topic], True)
            assert seen is not None
            fleet.apply(seen, 0.0)
        fleets.append(image(fleet))
    assert fleets[0] == fleets[1]


levels = st.sampled_from(
    ["relay", "on", "$state", "$description", "$homie", "$fw", "name", "$name", "$properties", "x"]
)
payloads = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([b"", b"\0", b"ready", b"lost", V5["$description"].encode(), b"3.0.1"]),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(levels, min_size=1, max_size=3).map("/".join), payloads, st.booleans()),
        max_size=40,
    )
)
def test_whatever_is_sent_the_books_stay_right(messages: list[tuple[str, bytes, bool]]) -> None:
    fleet, reader = Fleet(max_topics_per_device=5, max_text_per_device=200), homie.Reader(["homie/"])
    for tail, payload, retained in messages:
        seen = reader.read(f"homie/5/lamp/{tail}", payload, retained)
        if seen is not None:
            fleet.apply(seen, 0.0)
    for known in fleet.devices:
        homie.facts_row(known)
        homie.missing(known)
        assert 0 <= known.topics <= 5
        assert 0 <= known.text <= 200
        assert (known.topics, known.text) == (fleet.caps.topics, fleet.caps.text)
        entries = len(known.nodes) + sum(len(node.properties) for node in known.nodes.values())
        assert entries <= known.topics
    fleet.forget(LAMP_5)
    assert (fleet.caps.topics, fleet.caps.text) == (0, 0)


# --- caps -----------------------------------------------------------------------------------------------------------


def test_devices_over_the_cap_are_refused_and_counted() -> None:
    fleet = Fleet(max_devices=10)
    for number in range(1_000):
        fleet.apply(state(State.READY, device=Address("homie/", str(number))), 0.0)
    assert (len(fleet), fleet.caps.refused_devices) == (10, 990)
    assert fleet.apply(state(State.LOST, device=Address("homie/", "3")), 1.0) == Changed.STATE


@pytest.mark.parametrize("tail", ["node-{}/value", "node/value-{}", "$alert/a{}", "$stats/s{}", "n{}/$name"])
def test_a_million_topics_of_one_device_are_capped_and_counted(tail: str) -> None:
    fleet, reader = Fleet(), homie.Reader(["homie/"])
    heard(V3, fleet=fleet)
    total = 30_000  # the same code for every one of a million
    for number in range(total):
        seen = reader.read(f"homie/lamp/{tail.format(number)}", b"x" * 40, False)
        assert seen is not None
        fleet.apply(seen, 0.0)
    known = fleet.get(LAMP)
    assert known is not None
    assert known.topics == 2_000
    assert known.refused == fleet.caps.refused_topics >= total - 2_000
    assert len(known.pending or ()) <= 2_000
    heard({"$fw/version": "1.0.1", "$state": "lost", "relay/on": "false"}, fleet=fleet)
    assert known.facts["fw/version"] == "1.0.1"  # what matters goes on


def test_long_texts_are_capped_a_device_and_in_all() -> None:
    fleet = Fleet(max_text_per_device=10_000, max_text=25_000)
    for device in "abcd":
        for number in range(10):
            fleet.apply(ValueSeen(Address("homie/", device), "n", f"p{number}", "x" * 4_000, False), 0.0)
    assert all(known.text <= 10_000 for known in fleet.devices)
    assert fleet.caps.text == sum(known.text for known in fleet.devices) <= 25_000
    assert fleet.caps.refused_topics > 0


def test_a_value_for_which_there_is_no_room_leaves_the_old_one() -> None:
    fleet = Fleet(max_text_per_device=100)
    fleet.apply(ON, 0.0)
    assert fleet.apply(ON._replace(value="x" * 200), 1.0) == Changed.NOTHING
    known = fleet.get(LAMP)
    assert known is not None
    assert known.nodes["relay"].properties["on"].value == "true"


def test_what_many_devices_say_alike_is_kept_once() -> None:
    fleet, reader = Fleet(), homie.Reader(["homie/"])
    for number in range(2):
        for topic in ("$fw/name", "$implementation"):
            seen = reader.read(f"homie/{number}/{topic}", b"realfw-demo", True)
            assert seen is not None
            fleet.apply(seen, 0.0)
    words = [known.facts[fact] for known in fleet.devices for fact in ("fw/name", "implementation")]
    assert len({id(word) for word in words}) == 1


def told(fleet: Fleet, now: float, *, retained: bool = False, **facts: str) -> None:
    for fact, text in facts.items():
        fleet.apply(FactSeen(LAMP, fact, text, retained), now)


def rounds(fleet: Fleet) -> list[tuple[float | None, ...]]:
    known = fleet.get(LAMP)
    assert known is not None
    return [tuple(each) for each in known.recent.rounds] if known.recent else []


def test_statistics_are_kept_round_by_round_whatever_of_them_a_generation_tells() -> None:
    fleet = Fleet()
    told(fleet, 10.0, signal="80", uptime="0")
    told(fleet, 70.0, signal="78", uptime="60", heap="30000")
    told(fleet, 130.0, uptime="120")
    assert rounds(fleet) == [(10.0, 0.0, None, 80.0), (70.0, 60.0, 30000.0, 78.0), (130.0, 120.0, None, None)]


def test_of_the_statistics_only_the_last_few_are_kept_and_none_that_is_history_or_no_number() -> None:
    fleet = Fleet()
    told(fleet, 1.0, retained=True, uptime="5000", signal="80")
    assert rounds(fleet) == []
    told(fleet, 2.0, uptime="soon", signal="nan", heap="")
    assert rounds(fleet) == []
    for number in range(20):
        told(fleet, 10.0 * number, uptime=str(number))
    assert [each[1] for each in rounds(fleet)] == [float(number) for number in range(12, 20)]


def test_a_statistic_that_is_delivered_twice_is_one_and_a_lost_one_spoils_only_its_round() -> None:
    fleet = Fleet()
    told(fleet, 10.0, signal="80", uptime="0")
    told(fleet, 10.5, signal="80", uptime="0")
    told(fleet, 70.0, uptime="60")
    told(fleet, 130.0, signal="70", uptime="120")
    assert rounds(fleet) == [(10.0, 0.0, None, 80.0), (70.0, 60.0, None, None), (130.0, 120.0, None, 70.0)]


def test_statistics_survive_a_restart_of_ours() -> None:
    fleet = Fleet()
    told(fleet, 10.0, signal="80", uptime="0")
    again = Fleet()
    kept = [list(each) for each in rounds(fleet)]
    again.restore(LAMP, 1, State.READY, {}, {}, (), 1.0, 1.0, recent=kept)
    told(again, 70.0, signal="80", uptime="60")
    assert rounds(again) == [(10.0, 0.0, None, 80.0), (70.0, 60.0, None, 80.0)]


def test_the_nodes_of_a_device_without_a_list_are_those_that_it_announced_when_it_last_came() -> None:
    fleet = Fleet()
    for node in ("relay", "led"):
        fleet.apply(NodeFactSeen(LAMP, node, "type", "switch", False), 10.0)
    fleet.apply(state(State.READY, legacy=True), 11.0)
    known = fleet.get(LAMP)
    assert known is not None
    assert known.facts["nodes/told"] == "led,relay"
    fleet.apply(state(State.LOST, legacy=True), 20.0)
    fleet.apply(NodeFactSeen(LAMP, "led", "type", "switch", True), 21.0)  # the broker still has it
    fleet.apply(NodeFactSeen(LAMP, "relay", "type", "switch", False), 22.0)
    fleet.apply(state(State.READY, legacy=True), 23.0)
    assert known.facts["nodes/told"] == "relay"

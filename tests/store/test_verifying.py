"""A soak from the first message to its outcome, in rows: virtual devices, and the engine's own halves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homie_ota.health import Thresholds
from homie_ota.model import DeploymentState, Publish
from homie_ota.rollout.deadlines import Bounds
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.soak import Terms
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.fleet import make_device, sample_image
from homie_ota.simulator.generations import GENERATIONS
from homie_ota.simulator.images import read_sketch
from homie_ota.simulator.setup import Setup
from homie_ota.simulator.values import Faults, Hardware, Identity, Node, Property, Timing
from homie_ota.store import deployments, learned, pace, verifying
from homie_ota.store.database import Connection, Database
from homie_ota.store.tables import deployment
from played import House

S = DeploymentState
LIGHT = Node("light", "Light", "switch", (Property("on", "On", "boolean", settable=True),))
RELAY = Node("relay", "Relay", "switch", (Property("on", "On", "boolean", settable=True),))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """A connection inside a transaction, on an empty database; the settings are the defaults."""
    with fresh(str(tmp_path / "x.sqlite3")) as found:
        yield found


@pytest.fixture
def on_postgresql(postgres: str) -> Iterator[Connection]:
    """The same on PostgreSQL."""
    with fresh(postgres.replace("+psycopg", "")) as found:
        yield found


class fresh:  # noqa: N801 - stands in for a context manager function
    """A database of its own with the settings' defaults."""

    def __init__(self, address: str) -> None:
        self._database = Database(address)
        self._database.migrate()
        self._begun = self._database._durable.begin()

    def __enter__(self) -> Connection:
        verifying.use_terms(Terms(), Thresholds())
        pace.use_bounds(Bounds())
        return self._begun.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._begun.__exit__(*error)
        self._database.close()


def member(name: str, key: str = "v4", faults: Faults | None = None, **more: Any) -> VirtualDevice:
    """A lamp of this generation that runs 1.0.0, with two nodes."""
    generation = GENERATIONS[key]
    number = sum(map(ord, name)) % 256
    identity = Identity(generation.base, name, name, f"5C:CF:7F:00:00:{number:02X}", "10.0.0.2")
    made: dict[str, Any] = {
        "nodes": (LIGHT, RELAY), "timing": Timing(interval=60.0), "faults": faults or Faults(),
        "hardware": Hardware(heap=30_000 + number, signal=80), **more,
    }  # fmt: skip
    return make_device(generation, Setup(identity, read_sketch(sample_image("lamp", "1.0.0", key)), **made))


def new(key: str = "v4", kind: str = "lamp") -> bytes:
    return sample_image(kind, "2.0.0", key)


def house(connection: Connection, *members: VirtualDevice) -> House:
    return House(connection, *members).start()


def updated(connection: Connection, ill: VirtualDevice, *siblings: VirtualDevice) -> Any:
    """The deployment of the first device when it has ended."""
    at_home = house(connection, ill, *siblings)
    key = ill.generation.key
    way_1 = {"name": "lamp", "version": "2.0.0"} if key in ("v1", "url") else {}
    return at_home.end(at_home.update(ill.identity.device_id, new(key), **way_1))


SIBLINGS = tuple(f"lamp-{number}" for number in range(3))


def siblings(key: str = "v4") -> list[VirtualDevice]:
    return [member(name, key) for name in SIBLINGS]


# --- the good way --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["v1", "v2", "v3", "v3dev", "v4", "v5"])
def test_every_generation_is_verified_after_three_intervals_of_its_statistics(
    connection: Connection, key: str
) -> None:
    at_home = house(connection, member("hall", key), *siblings(key))
    number = at_home.update("hall", new(key), **({"name": "lamp", "version": "2.0.0"} if key == "v1" else {}))
    assert at_home.run(150).get(number).state is S.VERIFYING
    ended = at_home.run(120).get(number)
    assert (ended.state, ended.outcome, ended.code) == (S.SUCCEEDED, "verified", "verified")
    assert "Healthy for 3 min without a restart" in ended.reason
    assert ended.harmful is None


def test_how_it_was_before_and_after_is_stored_with_its_siblings(connection: Connection) -> None:
    ended = updated(connection, member("hall"), *siblings())
    before, after = ended.before, ended.after
    assert (before["signal"], before["nodes"], before["told"], before["interval"]) == (
        80,
        ["light", "relay"],
        True,
        65,
    )
    assert before["heap"] == after["heap"]
    assert before["rounds"] == 6
    assert {row[0] for row in before["siblings"]["each"]} == {2, 3, 4}
    assert before["siblings"]["total"] == after["siblings"]["total"] == 3
    assert before["siblings"]["heap"] == after["siblings"]["heap"] > 30_000
    assert after["verdict"] == "same"
    texts = [each["text"] for each in after["findings"]]
    assert texts == [
        "free heap ±0 %, untouched ±0 % (3 devices)",
        "signal ±0 points, untouched ±0 points (3 devices)",
    ]
    assert (after["fw_version"], after["rounds"], after["restarts"]) == ("2.0.0", 4, 0)


def test_what_it_runs_is_looked_up_at_the_offer_not_at_the_order(connection: Connection) -> None:
    """It waited in the queue while somebody flashed it by cable: that is what it ran before, and the way back."""
    at_home = house(connection, member("hall"))
    between = at_home.store(sample_image("lamp", "1.5.0", "v4"))
    target = at_home.store(new())
    pk = at_home.pk("hall")
    made = deployments.insert(
        connection, device_pk=pk, sha256=target.sha256, size=target.size, previous_sha256="old", before={},
        by="me", now=at_home.now,
    )  # fmt: skip
    at_home.members["hall"].sketch = read_sketch(sample_image("lamp", "1.5.0", "v4"))
    at_home.lose("hall")
    offered = deployments.advance(connection, made, Event.OFFER, now=at_home.run(5).now)
    assert offered is not None
    assert (offered.before["fw_version"], offered.previous_sha256) == ("1.5.0", between.sha256)


def test_one_that_tells_no_statistics_ends_as_booted_after_two_minutes(connection: Connection) -> None:
    mute = member("hall", timing=Timing(interval=60.0))
    at_home = House(connection, mute, *siblings())
    at_home.copies = lambda message: int(
        not ("hall/$stats" in message.topic or "hall/$uptime" in message.topic)
    )
    number = at_home.start().update("hall", new())
    assert at_home.run(115).get(number).state is S.VERIFYING
    ended = at_home.run(15).get(number)
    assert (ended.state, ended.outcome, ended.code) == (S.SUCCEEDED, "booted", "booted")
    assert "its health is not known: it tells no statistics" in ended.reason


def test_a_sleeper_is_verified_after_three_wake_ups(connection: Connection) -> None:
    sleeper = member("hall", "v3", timing=Timing(interval=60.0, awake=20.0, asleep=300.0))
    at_home = House(connection, sleeper)
    at_home.do(sleeper, sleeper.power_on(at_home.now))
    at_home.run(10)
    number = at_home.update("hall", new("v3"))
    assert at_home.run(900).get(number).state is S.VERIFYING
    ended = at_home.run(300).get(number)
    assert (ended.outcome, ended.after["wakes"]) == ("verified", 3)


def test_a_sleeper_of_2_0_that_cannot_say_that_it_sleeps_is_known_by_its_habit(
    connection: Connection,
) -> None:
    sleeper = member("hall", "v2", timing=Timing(interval=60.0, awake=20.0, asleep=300.0))
    at_home = House(connection, sleeper)
    at_home.do(sleeper, sleeper.power_on(at_home.now))
    at_home.run(5 * 330)
    while sleeper.phase.name != "READY":
        at_home.run(1)
    number = at_home.update("hall", new("v2"))
    ended = at_home.run(1500).get(number)
    assert ended.before["sleeps"]
    assert (ended.outcome, ended.after["wakes"], ended.after["restarts"]) == ("verified", 3, 0)


# --- harm ----------------------------------------------------------------------------------------------------------

HARM = [
    ("v4", Faults(heap_left=0.4), "worse-heap", "free heap −60 %, untouched ±0 % (3 devices)"),
    ("v3", Faults(signal_lost=45), "worse-signal", "signal −45 points, untouched ±0 points (3 devices)"),
    ("v3", Faults(node_missing=True), "node-missing", "without the node relay"),
    ("v2", Faults(node_missing=True), "node-missing", "without the node relay"),
    ("v1", Faults(node_missing=True), "node-missing", "without the node relay"),
    ("v5", Faults(node_missing=True), "node-missing", "without the node relay"),
    ("v3", Faults(silent=True), "silent", "tells no statistics any more"),
    ("v1", Faults(silent=True), "silent", "tells no statistics any more"),
    ("v3", Faults(restart_loop=True), "restarting", "restarts again and again"),
    ("v1", Faults(restart_loop=True), "restarting", "restarts again and again"),
    ("v2", Faults(restarts=3), "restarting", "restarts again and again"),
    ("v3", Faults(alternates=True), "went-back", "went back to the old one"),
    ("v3", Faults(comes_back_old=True), "came-back-old", "came back with its old firmware"),
    ("v3", Faults(never_returns=True), "not-back", "has not come back"),
]


@pytest.mark.parametrize(("key", "faults", "code", "words"), HARM)
def test_each_way_of_being_harmed_ends_with_its_word_and_its_sentence(
    connection: Connection, key: str, faults: Faults, code: str, words: str
) -> None:
    ended = updated(connection, member("hall", key, faults), *siblings(key))
    assert (ended.state, ended.outcome, ended.code) == (S.FAILED, "harmful", code)
    assert words in ended.reason
    assert ended.harmful


@pytest.mark.parametrize("key", ["v1", "v2", "v3"])
def test_siblings_that_boot_whenever_they_wake_excuse_no_restart_loop(
    connection: Connection, key: str
) -> None:
    sleepy = Timing(interval=60.0, awake=80.0, asleep=100.0)
    asleep = [member(name, key, timing=sleepy) for name in SIBLINGS]
    at_home = house(connection, member("hall", key, Faults(restart_loop=True)), *asleep).run(900)
    while any(each.phase.name != "READY" for each in asleep):
        at_home.run(1)
    way_1 = {"name": "lamp", "version": "2.0.0"} if key == "v1" else {}
    ended = at_home.end(at_home.update("hall", new(key), **way_1))
    before, after = (cast("dict[str, int]", each["siblings"]) for each in (ended.before, ended.after))
    assert before["total"] == 3
    assert (ended.state, ended.code) == (S.FAILED, "restarting")
    assert after["restarted"] == 0


def test_sleepers_that_are_gone_longer_than_their_habit_do_tell(connection: Connection) -> None:
    sleepy = Timing(interval=60.0, awake=70.0, asleep=30.0)
    asleep = [member(name, "v3", timing=sleepy) for name in SIBLINGS]
    at_home = house(connection, member("hall", "v3"), *asleep).run(900)
    while any(each.phase.name != "READY" for each in asleep):
        at_home.run(1)
    number = at_home.update("hall", new("v3"))
    at_home.run(60)
    for each in (*asleep, at_home.members["hall"]):  # room after room is dark
        each.power_off()
        at_home.leave(each)
        at_home.run(20)
    at_home.run(140)
    found = at_home.get(number)
    assert (found.state, found.soak["excused"]) == (S.VERIFYING, 1)


@pytest.mark.parametrize(
    ("faults", "code"),
    [(Faults(), "verified"), (Faults(heap_left=0.4), "worse-heap"), (Faults(silent=True), "silent")],
)
def test_postgresql_keeps_a_soak_as_sqlite_does(on_postgresql: Connection, faults: Faults, code: str) -> None:
    ended = updated(on_postgresql, member("hall", "v4", faults), *siblings())
    assert ended.code == code
    assert ended.after["siblings"]["total"] == 3


def test_a_single_restart_is_borne_and_told(connection: Connection) -> None:
    ended = updated(connection, member("hall", "v3", Faults(restarts=1)), *siblings("v3"))
    assert (ended.outcome, ended.after["restarts"]) == ("verified", 1)
    assert "since its last one" in ended.reason


def test_a_node_that_another_firmware_has_not_is_only_said(connection: Connection) -> None:
    at_home = house(connection, member("hall", "v3", Faults(node_missing=True)))
    number = at_home.update("hall", new("v3", "plug"))
    ended = at_home.run(400).get(number)
    assert ended.outcome == "verified"
    assert "without the node relay, as another firmware may be" in ended.reason


# --- what is not the image's fault ----------------------------------------------------------------------------------


def test_a_power_cut_in_the_whole_house_harms_nobody(connection: Connection) -> None:
    at_home = house(connection, member("hall", "v3"), *siblings("v3"))
    number = at_home.update("hall", new("v3"))
    for _ in range(2):
        at_home.run(60).lose("hall", *SIBLINGS)
    assert at_home.run(100).get(number).state is S.VERIFYING
    assert at_home.run(300).get(number).outcome == "verified"


def test_a_device_that_alone_loses_its_power_twice_is_harmed_as_far_as_anybody_can_tell(
    connection: Connection,
) -> None:
    at_home = house(connection, member("hall", "v3"), *siblings("v3"))
    number = at_home.update("hall", new("v3"))
    for _ in range(2):
        at_home.run(60).lose("hall")
    assert at_home.run(100).get(number).code == "restarting"


def test_a_cold_night_for_all_is_nobodys_harm(connection: Connection) -> None:
    """Everybody's signal falls while the new image settles in: the untouched ones say so."""
    at_home = house(connection, member("hall", "v3"), *siblings("v3"))
    number = at_home.update("hall", new("v3"))
    for each in at_home.members.values():
        each.hardware = replace(each.hardware, signal=30)
    ended = at_home.run(400).get(number)
    assert ended.outcome == "verified"
    assert "signal −50 points, untouched −50 points (3 devices)" in ended.reason


def test_a_sibling_that_is_updated_meanwhile_is_no_sibling_any_more(connection: Connection) -> None:
    at_home = house(connection, member("hall"), *siblings())
    number = at_home.update("hall", new())
    pk = at_home.pk(SIBLINGS[0])
    offered = deployments.insert(
        connection, device_pk=pk, sha256=at_home.get(number).sha256, size=1, previous_sha256="", before={},
        by="me", now=at_home.now,
    )  # fmt: skip
    deployments.advance(connection, offered, Event.OFFER, now=at_home.now)
    ended = at_home.run(400).get(number)
    before, after = ended.before["siblings"], ended.after["siblings"]
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert (before["total"], after["total"]) == (3, 2)


# --- late, and after the end ----------------------------------------------------------------------------------------


def test_a_late_success_is_looked_at_like_any_other_and_shown_as_late(connection: Connection) -> None:
    late = member("hall", "v3", Faults(slow_reboot=400.0))
    at_home = house(connection, late, *siblings("v3"))
    number = at_home.update("hall", new("v3"))
    failed = at_home.run(300).get(number)
    assert (failed.code, failed.outcome) == ("not-back", "harmful")
    back = at_home.run(110).get(number)
    assert (back.state, back.late, back.outcome, back.harmful, back.reason) == (
        S.VERIFYING,
        True,
        "",
        None,
        "",
    )
    followed = sa.select(deployment.c.followed).where(deployment.c.id == number)
    assert connection.execute(followed).scalar() == "", "if it fails again, what follows is decided anew"
    ended = at_home.run(300).get(number)
    assert (ended.state, ended.late, ended.outcome) == (S.SUCCEEDED, True, "verified")
    assert pace.past(connection, at_home.pk("hall")).reboots[-1] == pytest.approx(403, abs=2), (
        "and learned from"
    )


def test_a_late_return_with_harm_does_not_look_healthy_however_often_it_comes(connection: Connection) -> None:
    late = member("hall", "v3", Faults(slow_reboot=400.0, node_missing=True))
    at_home = house(connection, late, *siblings("v3"))
    number = at_home.update("hall", new("v3"))
    ended = at_home.run(1200).get(number)
    assert (ended.state, ended.outcome, ended.code) == (S.FAILED, "harmful", "node-missing")
    at_home.lose("hall")
    again = at_home.run(900).get(number)
    assert (again.state, again.code) == (S.FAILED, "node-missing")
    assert at_home.story(number)[-4:] == ["rebooting", "failed", "verifying", "failed"]


@pytest.mark.parametrize(
    ("same_image", "state", "code"), [(True, S.VERIFYING, ""), (False, S.SUCCEEDED, "late")]
)
def test_a_late_success_takes_the_waiting_next_attempt_with_it_and_makes_way_for_another_image(
    connection: Connection, same_image: bool, state: DeploymentState, code: str
) -> None:
    at_home = house(connection, member("hall", "v3", Faults(slow_reboot=400.0)))
    number = at_home.update("hall", new("v3"))
    other = at_home.store(sample_image("lamp", "3.0.0", "v3")).sha256
    failed = at_home.run(300).get(number)
    wanted = failed.sha256 if same_image else other
    waiting = deployments.insert(
        connection, device_pk=at_home.pk("hall"), sha256=wanted, size=1, previous_sha256="", before={},
        by="me", now=at_home.now,
    )  # fmt: skip
    late = at_home.run(110).get(number)
    assert (late.state, late.code, late.late) == (state, code, True)
    assert at_home.get(waiting.id).state is (S.CANCELLED if same_image else S.QUEUED)


def test_a_device_that_goes_back_by_itself_days_later_is_told_once_and_nothing_is_rewritten(
    connection: Connection,
) -> None:
    at_home = house(connection, member("hall", "v3"), *siblings("v3"))
    number = at_home.update("hall", new("v3"))
    ended = at_home.run(400).get(number)
    at_home.now += 86_400.0
    at_home.members["hall"].sketch = read_sketch(sample_image("lamp", "1.0.0", "v3"))
    for _ in range(3):
        at_home.lose("hall")
        at_home.run(60)
    told = [each for each in at_home.told("device") if each.get("code") == "went-back"]
    assert len(told) == 1
    after = at_home.get(number)
    assert (after.state, after.outcome, after.reason) == (ended.state, ended.outcome, ended.reason)


def test_a_restart_loop_that_begins_days_later_is_told(connection: Connection) -> None:
    at_home = house(connection, member("hall", "v3"), *siblings("v3"))
    at_home.update("hall", new("v3"))
    at_home.run(400)
    at_home.now += 86_400.0
    for _ in range(8):
        at_home.run(30).lose("hall")
    assert [each["code"] for each in at_home.told("device") if "code" in each] == ["restarting"]


# --- deadlines from its own past --------------------------------------------------------------------------------------


def test_reboots_and_transfers_are_measured_and_the_next_deadlines_follow(connection: Connection) -> None:
    at_home = house(connection, member("hall", "v3", timing=Timing(interval=60.0, reboot=40.0)))
    number = at_home.update("hall", new("v3"))
    began = at_home.get(number)
    assert began.deadline == pytest.approx(began.state_since + deployments.LIMITS[began.state])
    at_home.run(400)
    past = pace.past(connection, at_home.pk("hall"))
    assert list(past.reboots) == [pytest.approx(40, abs=1.5)]
    assert past.rates[0] > 10_000
    told = {each.fact: each.evidence for each in learned.of_device(connection, at_home.pk("hall"))}
    assert told[pace.RATE] == f"deployment {number}"
    at_home.members["hall"]._aftermath._boots = 0
    again = at_home.get(at_home.update("hall", sample_image("lamp", "3.0.0", "v3")))
    assert again.state is S.REBOOTING
    assert again.deadline == pytest.approx(again.state_since + 3 * past.reboots[0], abs=0.1)


# --- whatever gets lost -----------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 2), min_size=60, max_size=60), st.sampled_from(["v2", "v3", "v5"]))
def test_a_healthy_device_is_never_harmed_by_messages_that_are_lost_or_come_twice(
    tmp_path_factory: pytest.TempPathFactory, copies: list[int], key: str
) -> None:
    """Its announce gets through in the end, since the broker keeps it; of all else whatever happens may."""
    with fresh(str(tmp_path_factory.mktemp("lossy") / "x.sqlite3")) as connection:
        at_home = house(connection, member("hall", key), member(SIBLINGS[0], key))
        stream = iter(copies * 100)

        def arrives(message: Publish) -> int:
            is_hers = "/hall/" in message.topic and (
                "$stats" in message.topic or "ota/status" in message.topic
            )
            return next(stream) if is_hers else 1

        at_home.copies = arrives
        number = at_home.update("hall", new(key))
        ended = at_home.end(number, 1500)
        silence = ended.code == "silent"
        assert ended.outcome in ("verified", "booted") or (silence and 0 in copies), ended.reason

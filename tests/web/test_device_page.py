"""The page of a device: what it says, what can be done on it, and what it refuses kindly."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from homie_ota.fleet.packed import Curves
from homie_ota.model import Publish
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import (
    accounts,
    audit,
    deployments,
    devices,
    events,
    marks,
    pace,
    rhythm,
    series,
    transcript,
)
from homie_ota.store.database import Connection
from homie_ota.store.learned import Lesson
from homie_ota.store.strip import Band, Cell, Strip
from homie_ota.store.tables import deployment
from homie_ota.store.transcript import Said
from homie_ota.web.device import days, facts, images, properties
from homie_ota.web.device.curves import curves_of
from homie_ota.web.device.spark import spark
from web.world import BROWSER, World, form_word

NODES: dict[str, Any] = {
    "light": {
        "name": "Lamp",
        "properties": {
            "on": {"datatype": "boolean", "settable": True},
            "level": {"datatype": "integer", "format": "0:100", "unit": "%", "settable": True},
            "power": {"datatype": "float", "unit": "W", "settable": False},
        },
    }
}


@pytest.fixture
def sent(world: World) -> list[Publish]:
    """What was sent to devices of this world."""
    found: list[Publish] = []

    async def send(message: Publish) -> None:
        found.append(message)

    world.shell.set_property = send
    return found


def lamp(world: World, **columns: Any) -> int:
    return world.device("hall", **{"nodes": NODES, **columns})


def page(world: World, path: str = "/device/hall") -> str:
    answer = world.client(headers=BROWSER).get(path)
    assert answer.status_code == 200
    return str(answer.text)


def post(world: World, path: str = "/device/hall", **fields: str) -> Any:
    client = world.client(headers=BROWSER)
    word = form_word(client.get("/deployments" if path == "/removed" else "/device/hall"))
    word = word or form_word(client.get("/device/hall"))
    return client.post(path, data={"word": word, **fields})


# --- What it says -----------------------------------------------------------------------------------------------------


def test_the_verdict_is_the_first_thing(world: World) -> None:
    lamp(world, recent=[[time.time() - 9, 600.0, 20_000.0, 60.0]])
    text = page(world)
    assert "Runs lamp 1.0.0 since" in text
    assert "well as far as it tells; nothing to do." in text
    assert text.index("Runs lamp 1.0.0") < text.index("<h2>")


def test_since_is_a_moment_and_not_an_age(world: World) -> None:
    lamp(world, state_since=1_790_000_000.0)
    assert re.search(r'since <time [^>]*data-clock="when">2026-09-21', page(world))


def test_the_api_tells_the_same_verdict(world: World) -> None:
    lamp(world)
    world.firmware("lamp", "2.0.0")
    told = world.client().get("/api/v1/devices/hall/verdict").json()
    at = told.pop("at")
    text = "Runs lamp 1.0.0; lamp 2.0.0 is newer and fits."
    assert told == {"device": "homie~hall", "code": "newer", "tone": "good", "text": text}
    assert f'datetime="{at[:19]}' in page(world)
    assert world.client().get("/api/v1/devices/nobody/verdict").status_code == 404


def test_an_image_that_is_newer_and_fits_is_named_and_sent_by_one_click(world: World) -> None:
    lamp(world)
    newer = world.firmware("lamp", "2.0.0")
    text = page(world)
    assert "lamp 2.0.0 is newer and fits." in text
    answer = post(world, "/update", device="hall", firmware=newer.sha256)
    assert answer.headers["location"] == "/deployment/1"


def test_an_image_with_a_warning_is_asked_about_first(world: World) -> None:
    lamp(world, fw_version="3.0.0")
    older = world.firmware("lamp", "2.0.0")
    text = page(world)
    assert f"/update?device=homie~hall&amp;firmware={older.sha256}" in text
    assert f'name="firmware" value="{older.sha256}"' not in text


def test_images_that_are_not_for_it_say_why(world: World) -> None:
    lamp(world, ota_enabled=False)
    world.firmware("lamp", "2.0.0")
    text = page(world)
    assert "1 image is not for it" in text
    assert "switched off" in text.lower()


def test_configuration_is_shown_a_key_a_line(world: World) -> None:
    lamp(world, facts={"config": '{"name":"Hall","wifi":{"password":"***"}}'})
    text = page(world)
    assert "&#34;password&#34;: &#34;***&#34;" in text
    assert "as the device reports it" in text


def test_names_of_devices_are_data(world: World) -> None:
    lamp(world, name="<script>x</script>", facts={"config": "<b>no json"})
    text = page(world)
    assert "<script>x" not in text
    assert "<b>no json" not in text


def test_a_running_update_is_a_ladder_with_its_rate_and_a_transcript_to_copy(world: World) -> None:
    pk, image = lamp(world), world.firmware("lamp", "2.0.0")
    made = world.order(pk, image)
    now = time.time()

    def moves(conn: Connection) -> None:
        deployments.advance(conn, made, Event.ACCEPT, now=now - 10.0)
        deployments.progress(conn, made.id, done=20_000, now=now)
        transcript.add(
            conn, made.id, [Said(now, "in", "homie/hall/$implementation/ota/status", "202", 3, True)]
        )

    world.write(moves)
    text = page(world)
    assert 'aria-current="step"' in text
    assert "2 KB/s" in text
    assert "Transcript: 1 message" in text
    assert "&lt; homie/hall/$implementation/ota/status (retained) 202" in text
    whole = world.client().get(f"/deployment/{made.id}/transcript.txt")
    assert whole.text.endswith("202\n")
    assert "attachment" in whole.headers["content-disposition"]


def test_a_restart_says_until_when_it_is_waited_for_and_how_long_it_usually_takes(world: World) -> None:
    pk, image = lamp(world), world.firmware("lamp", "2.0.0")
    world.write(lambda c: devices.learn(c, pk, {"reboot_seconds": "9.0"}, evidence="it did", now=time.time()))
    made = world.order(pk, image)
    world.write(lambda c: deployments.advance(c, made, Event.FLASH, now=time.time()))
    text = page(world)
    assert "back by" in text
    assert "usually 9.0 s" in text


def test_what_waits_for_its_next_attempt_says_until_when(world: World) -> None:
    pk, image = lamp(world), world.firmware("lamp", "2.0.0")
    made = world.order(pk, image, offered=False)
    soon = time.time() + 600.0
    world.write(lambda c: c.execute(deployment.update().values(not_before=soon)))
    for path in ("/device/hall", f"/deployment/{made.id}"):
        text = page(world, path)
        assert "not before" in text
        assert "data-countdown" in text


def test_the_history_comes_in_pages(world: World) -> None:
    pk, image = lamp(world), world.firmware("lamp", "2.0.0")
    for _ in range(12):
        made = world.order(pk, image, offered=False)
        world.write(lambda c, n=made.id: deployments.cancel(c, n, by="anna", now=time.time()))  # type: ignore[misc]
    text = page(world)
    assert "#12</a>" in text
    assert "#2</a>" not in text
    older = page(world, "/device/hall?before=3")
    assert "#2</a>" in older
    assert "#12</a>" not in older


def test_the_list_of_deployments_is_filtered(world: World) -> None:
    image, other = world.firmware("lamp", "2.0.0"), world.firmware("lamp", "3.0.0")
    world.order(lamp(world), image)
    world.order(world.device("attic"), other, offered=False)
    assert '<tr id="n1">' in page(world, "/deployments?state=offered")
    assert '<tr id="n2">' not in page(world, "/deployments?state=offered")
    assert '<tr id="n1">' not in page(world, "/deployments?device=attic")
    assert '<tr id="n1">' not in page(world, "/deployments?firmware=lamp@3.0.0")
    assert '<tr id="n2">' in page(world, "/deployments?firmware=lamp@3.0.0")
    assert "none" in page(world, "/deployments?outcome=harmful")
    for wrong in ("state=flying", "outcome=nice", "device=nobody"):
        assert world.client().get(f"/deployments?{wrong}").status_code in (400, 404)


# --- Facts ------------------------------------------------------------------------------------------------------------


def test_every_fact_says_where_it_comes_from_and_how_old_it_is(world: World) -> None:
    now = time.time()
    pk = lamp(
        world, mac="A0:20:A6:14:85:06", facts={"battery": "87"}, recent=[[now - 30, 600.0, 20_000.0, 60.0]]
    )
    image = world.firmware("lamp", "1.0.0")
    world.device("hall", pk=pk, md5=image.md5, nodes=NODES, recent=[[now - 30, 600.0, 20_000.0, 60.0]])
    world.write(lambda c: rhythm.note(c, [pk], [], now=now - 3000.0, watching=True))
    row = world.read(lambda c: devices.row(c, pk))
    assert row is not None
    taught = [Lesson("chip_size", "4194304", "it said so over HTTP", now - 99.0)]
    taught.append(Lesson(pace.RATE, "50089.6 10240.0", "its last 2 deployments", now - 9.0))
    found = {each.label: each for each in facts.known(row, taught, image, now - 3000.0)}
    assert found["implementation"][1:] == ("esp8266", "announced over MQTT", now - 3000.0)
    assert found["signal"][1:] == ("60 %", "statistics over MQTT", now - 30)
    assert found["rate of its transfers"].value == "49 KB/s, 10 KB/s"
    assert found["flash chip"][1:] == ("4 MB", "it said so over HTTP", now - 99.0)
    assert found["chip"][1:] == ("esp8266", "read from the image that it runs", image.uploaded_at)
    assert all(each.source for each in found.values())


# --- The small pictures -----------------------------------------------------------------------------------------------


def test_a_curve_in_characters() -> None:
    found = spark([0, 1, 2, 3], [0.0, 1.0, None, 7.0], 0.0, 4.0, width=4)
    assert found is not None
    assert found.text == "▁▂ █"
    assert found[1:] == (0.0, 1.0, 7.0)
    flat = spark([0, 1], [5.0, 5.0], 0.0, 2.0, width=2)
    assert flat is not None
    assert flat.text == "▁▁"
    assert spark([], [], 0.0, 1.0) is None
    assert spark([0, 1], [float("nan"), float("inf")], 0.0, 2.0) is None


def test_the_latest_statistics_are_part_of_the_curve(world: World) -> None:
    now = time.time()
    pk = lamp(world, recent=[[now - 5, 600.0, None, 80.0]])
    world.write(lambda c: series.append(c, series.STATS, {pk: Curves([int(now) - 4000], {"signal": [40.0]})}))
    row = world.read(lambda c: devices.row(c, pk))
    assert row is not None
    found = world.read(lambda c: curves_of(c, row, now))
    day = next(each for each in found if each.metric == "signal").spans["day"]
    assert day is not None
    assert (day.low, day.high) == (40.0, 80.0)


def test_the_strip_says_in_words_what_it_draws() -> None:
    bands = (Band("lamp", "1.0.0", "a", 0.0, 50.0), Band("lamp", "2.0.0", "b", 50.0, None))
    marks_ = [("=", 0, 0), ("|", 0, 2), (".", 0, 0), ("x", 0, 0), ("-", 1, 0), (" ", 1, 0)]
    cells = tuple(Cell(n * 14_400, mark, band, boots) for n, (mark, band, boots) in enumerate(marks_))
    found = days.draw(Strip(cells, bands))
    assert found is not None
    assert found.words.startswith("Ran lamp 1.0.0, then lamp 2.0.0; 2 restarts; asleep in 1 of 6 spans")
    assert [run.kind for run in found.runs] == ["band0", "boot", "asleep", "lost", "band1", "unheard"]
    assert [mark for mark, _text in found.legend] == ["|", ".", "x"]
    assert "".join(run.text for run in found.runs) == "=|.x- "
    assert days.draw(Strip((Cell(0, " ", None, 0),), ())) is None


def test_properties_stand_in_the_order_of_the_device_with_their_curve(world: World) -> None:
    now = time.time()
    pk = lamp(world)
    heard = {"device_pk": pk, "node": "light", "prop": "level", "value": "40", "num": 40.0, "at": now - 3}
    extra = {"device_pk": pk, "node": "extra", "prop": "x", "value": "?", "num": None, "at": now - 3}
    world.write(lambda c: devices.save_readings(c, [heard, extra]))
    curve = Curves([int(now) - 900, int(now) - 10], {"light/level": [0.0, 40.0]})
    world.write(lambda c: series.append(c, series.VALUES, {pk: curve}))
    row = world.read(lambda c: devices.row(c, pk))
    assert row is not None
    nodes = world.read(lambda c: properties.of(c, row, now))
    assert [(node.id, [line.prop for line in node.lines]) for node in nodes] == [
        ("light", ["on", "level", "power"]),
        ("extra", ["x"]),
    ]
    on, level, power = nodes[0].lines
    assert on.control is not None
    assert on.control.choices == ("true", "false")
    assert level.control is not None
    assert (level.control.least, level.control.most, level.control.step) == (0.0, 100.0, "1")
    assert level.curve is not None
    assert (level.value, level.curve.high) == ("40", 40.0)
    assert (power.control, power.value) == (None, None)


def test_images_are_sorted_as_a_person_looks_for_them(world: World) -> None:
    pk = lamp(world)
    for name, version in (("plug", "9.0"), ("lamp", "2.0.0"), ("lamp", "10.0.0"), ("lamp", "1.5.0")):
        world.firmware(name, version)
    row = world.read(lambda c: devices.row(c, pk))
    assert row is not None
    found = world.read(lambda c: images.of(c, row, time.time()))
    told = [f"{each.firmware.name} {each.firmware.version}" for each in found]
    assert told == ["lamp 10.0.0", "lamp 2.0.0", "lamp 1.5.0", "plug 9.0"]
    assert images.newest(found) == "lamp 10.0.0"
    own, others, bad = images.shelves(found, "lamp")
    assert [len(own), len(others), len(bad)] == [3, 1, 0]


# --- Setting ----------------------------------------------------------------------------------------------------------


def test_a_value_goes_to_the_property_and_leaves_a_trace(world: World, sent: list[Publish]) -> None:
    pk = lamp(world)
    answer = post(world, action="set", node="light", prop="on", value="true")
    assert (answer.status_code, answer.headers["location"]) == (303, "/device/hall#values")
    assert sent == [Publish("homie/hall/light/on/set", b"true", 1, False)]
    told = world.read(lambda c: events.recent(c, limit=1, device_pk=pk))[0]
    assert (told["kind"], told["data"]["value"]) == ("property", "true")
    written = world.read(lambda c: audit.recent(c, limit=1))[0]
    assert (written["what"], written["why"]) == ("set a property", "homie~hall: light/on to true")


REFUSED = [
    ({"prop": "level", "value": "101"}, {}, 400, "0 to 100"),
    ({"prop": "power", "value": "1"}, {}, 409, "cannot be set"),
    ({"prop": "none", "value": "1"}, {}, 404, "no property light/none"),
    (
        {"prop": "on", "value": "true"},
        {"state": "sleeping"},
        409,
        "is sleeping. A value reaches only a device",
    ),
    ({"prop": "on", "value": "true"}, {"state": "lost"}, 409, "is lost"),
    ({"prop": "on/../x", "value": "true"}, {}, 404, "no property"),
]


@pytest.mark.parametrize(("asked", "columns", "status", "part"), REFUSED)
def test_what_cannot_be_set_is_refused_with_a_sentence(
    world: World, sent: list[Publish], asked: dict[str, str], columns: dict[str, str], status: int, part: str
) -> None:
    lamp(world, **columns)
    url = f"/api/v1/devices/hall/properties/light/{asked['prop'].replace('/', '%2F')}"
    for answer in (
        post(world, action="set", node="light", **asked),
        world.client().put(url, json={"value": asked["value"]}) if "/" not in asked["prop"] else None,
    ):
        if answer is not None:
            assert answer.status_code == status
            assert part in answer.text.replace("&#39;", "'")
    assert sent == []
    assert world.read(lambda c: audit.recent(c, limit=1)) == []


@pytest.mark.parametrize(
    ("value", "payload"), [(True, b"true"), ("false", b"false"), (40, b"40"), (21.5, b"21.5")]
)
def test_the_api_sets_text_numbers_and_truth(
    world: World, sent: list[Publish], value: object, payload: bytes
) -> None:
    lamp(world, nodes={"light": {"properties": {"on": {"settable": True}}}})
    answer = world.client().put("/api/v1/devices/hall/properties/light/on", json={"value": value})
    assert answer.status_code == 202
    assert answer.json() == {
        "device": "homie~hall",
        "node": "light",
        "property": "on",
        "value": payload.decode(),
        "topic": "homie/hall/light/on/set",
    }
    assert [each.payload for each in sent] == [payload]


def test_a_1_5_device_does_not_say_what_can_be_set_so_one_may_try(world: World, sent: list[Publish]) -> None:
    pk = world.old_device("hall", homie="1.5", nodes={"light": {"type": "light"}})
    heard = {"device_pk": pk, "node": "light", "prop": "on", "value": "false", "num": 0.0, "at": time.time()}
    world.write(lambda c: devices.save_readings(c, [heard]))
    assert "try to set" in page(world)
    assert post(world, action="set", node="light", prop="on", value="true").status_code == 303
    assert sent[0].topic == "devices/hall/light/on/set"


def test_without_a_broker_nothing_is_set_and_nothing_is_written(world: World, sent: list[Publish]) -> None:
    lamp(world)
    world.broker = type(world.broker)(connected=False)
    assert post(world, action="set", node="light", prop="on", value="true").status_code == 503
    assert sent == []
    assert world.read(lambda c: audit.recent(c, limit=1)) == []


def test_a_program_that_sends_a_form_gets_a_sentence(world: World, sent: list[Publish]) -> None:
    lamp(world)
    fields = {"action": "set", "node": "light", "prop": "on", "value": "true"}
    answer = world.client().post("/device/hall", data=fields)
    assert answer.text == "true was sent to light/on. The device answers with its new value.\n"
    assert len(sent) == 1


# --- Marks and deleting -----------------------------------------------------------------------------------------------


def test_tags_and_a_pin_are_put_on_and_taken_off(world: World) -> None:
    pk = lamp(world)
    assert post(world, action="tag", tag="attic").status_code == 303
    assert post(world, action="pin", hours="24", reason="holidays").status_code == 303
    text = page(world)
    assert "#attic" in text
    assert "holidays" in text
    post(world, action="untag", tag="attic")
    post(world, action="unpin")
    assert world.read(lambda c: (marks.tags_of(c, pk), marks.pin_of(c, pk, time.time()))) == ([], None)
    assert post(world, action="pin", hours="0", reason="x").status_code == 400
    assert post(world, action="dance").status_code == 400


def test_deleting_says_what_goes_and_asks_for_the_id(world: World) -> None:
    lamp(world, state="lost")
    topics = ["homie/hall/$state", "homie/hall/$fw/name", "homie/hall/$fw/version", "homie/hall/light/on"]
    world.shell.topics = lambda _pk: topics
    text = page(world)
    assert "4 topics" in text
    assert "<code>$fw</code> 2" in text
    assert "First <code>$state</code>" in " ".join(text.split())
    assert "nothing was deleted" in post(world, action="delete", typed="Hall").text.lower()


def test_an_online_device_is_not_offered_for_deletion(world: World) -> None:
    lamp(world)
    text = page(world)
    assert "Switch it off first." in text
    assert 'name="typed"' not in text


def test_a_deletion_is_undone_from_the_page_and_by_the_api(world: World) -> None:
    pk = lamp(world, state="lost")
    world.write(lambda c: marks.put_tag(c, pk, "attic", by="anna", now=time.time()))
    gone = post(world, action="delete", typed="hall")
    assert gone.headers["location"] == "/removed"
    client = world.client(headers=BROWSER)
    missing = client.get("/device/homie~hall")
    assert missing.status_code == 410
    assert "Undo" in missing.text
    word = form_word(client.get("/removed"))
    back = client.post("/removed", data={"word": word, "device_pk": str(pk)})
    assert back.headers["location"] == "/device/homie~hall"
    assert "#attic" in page(world)
    assert world.client().delete("/api/v1/devices/hall").status_code == 200
    listed = world.client().get("/api/v1/removed").json()["items"]
    assert [each["device"] for each in listed] == ["homie~hall"]
    assert world.client().post(f"/api/v1/removed/{listed[0]['number']}/undo").json() == {
        "detail": "homie~hall is back."
    }
    assert world.client().post(f"/api/v1/removed/{pk}/undo").status_code == 404


def test_a_reader_sees_no_button(make_world: Any) -> None:
    world = make_world(admin=True)
    lamp(world, state="lost")
    world.firmware("lamp", "2.0.0")
    password = world.write(lambda c: accounts.create(c, "screen", "viewer", time.time()))
    text = world.client(headers=BROWSER).get("/device/hall", auth=("screen", password)).text
    assert "Ran lamp 1.0.0" in text
    for word in ('name="action"', 'name="firmware"', "Delete this device"):
        assert word not in text

"""The list of devices: its top line, rows, columns, saved filters, and what is done to many at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from homie_ota.bus import Notice
from homie_ota.model import DeploymentState, Firmware
from homie_ota.model.standing import Need
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.next import plain
from homie_ota.rollout.reasons import Reason
from homie_ota.store import (
    deployments,
    devices,
    marks,
    nexts,
    overview,
    quarantine,
    rollouts,
    saved,
    search,
    target_rows,
    waiting,
)
from homie_ota.store.database import Connection
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import device
from homie_ota.web.inventory import PAGE, columns
from homie_ota.web.live import Asked
from homie_ota.web.people import ANYONE
from homie_ota.web.render import Render
from pages import fleet
from web.world import BROWSER, World, form_word


@pytest.fixture
def images(world: World) -> tuple[Firmware, Firmware]:
    return fleet.furnish(world)


def sentences(world: World) -> dict[str, str]:
    """What the list says of each device, with moments as `…`."""
    now = world.shell.clock()

    def read(conn: Connection) -> dict[str, str]:
        rows = search.find(conn, limit=100, now=now).items
        said = nexts.of(conn, rows, waiting.local_time(now), now)
        return {row["device_id"]: plain(said[row["pk"]], lambda _: "…", lambda _: "…") for row in rows}

    return world.read(read)


def parts(world: World, query: Mapping[str, str] | None = None, now: float | None = None) -> dict[str, str]:
    """The parts that the hub would send."""
    asked = Asked("", dict(query or {}), now or world.shell.clock(), world.shell)
    values = world.read(lambda conn: PAGE.read(conn, asked))
    return PAGE.draw(Render(world.shell, ANYONE, "", "en"), values)


def post(world: World, path: str, **fields: Any) -> httpx.Response:
    client = world.client(headers=BROWSER)
    word = form_word(client.get("/"))
    answer: httpx.Response = client.post(path, data={"word": word, **fields})
    return answer


# --- The top line and the rows --------------------------------------------------------------------------------------


def test_each_number_of_the_top_line_counts_whom_its_query_finds(
    world: World, images: tuple[Firmware, Firmware]
) -> None:
    now = world.shell.clock()
    counts = world.read(overview.counts)
    for word, term in overview.TERMS:
        found = world.read(lambda conn, term=term: search.find(conn, term, now=now).total)  # type: ignore[misc]
        assert counts[word] == found, word
    page = world.client(headers=BROWSER).get("/").text
    assert 'href="/?q=needs%3Ayou" class="bad-word">7 NEED YOU</a>' in page
    assert ">40 devices</a>" in page


def test_the_rows_say_what_comes_next(world: World, images: tuple[Firmware, Firmware]) -> None:
    expected = {
        "gate-lamp": "the broker keeps something it acts on; clear it",
        "stairs-lamp": "failed: came back with its old firmware",
        "barn-lamp": "failed: too slow: it dropped its own connection",
        "wall-lamp": "in quarantine: It went back to the old image three times",
        "tower-lamp": "It should run lamp 2.1.0 for 9 d now and does not, although it was seen",
        "boiler": "says alert",
        "ghost": "never said how it is",
        "den-lamp": "43 %, … left",
        "bed-lamp": "verifying, 2 of 3 statistics",
        "loft-lamp": "restarting; back by …, usually 9 s",
        "pool-lamp": "next: lamp 2.1.0, as soon as a slot is free",
        "door-lamp": "held: pinned until … (visitors until Friday)",
        "garden-sensor": "wakes about … for 20 s; the image needs 45 s: will not fit",
        "roof-sensor": "wakes about … for 90 s; the image needs 45 s: will fit",
        "hall-plug": "pinned until … (feeds the server)",
        "dark-lamp": "updates are off in its configuration",
        "meter": "cannot be updated from here",
        "hall-lamp": "",
    }
    said = sentences(world)
    assert {name: said[name] for name in expected} == expected


def test_those_who_need_a_person_come_first_then_what_is_under_way(
    world: World, images: tuple[Firmware, Firmware]
) -> None:
    now = world.shell.clock()
    rows = world.read(lambda conn: search.find(conn, sort="needs", limit=100, now=now).items)
    assert [row["needs"] for row in rows[:7]] == list(Need)
    states = [row["deployment"]["state"] if row["deployment"] else "" for row in rows[7:]]
    assert set(states[:3]) == {"transferring", "verifying", "rebooting"}
    assert states[3:7] == ["queued"] * 4
    assert not any(states[7:])


def test_a_part_does_not_change_because_time_passes(world: World, images: tuple[Firmware, Firmware]) -> None:
    now = world.shell.clock()
    assert parts(world, now=now) == parts(world, now=now + 20)


def test_only_the_rows_that_changed_are_drawn_anew(world: World, images: tuple[Firmware, Firmware]) -> None:
    before = parts(world)
    pk = world.read(lambda conn: devices.resolve(conn, "hall-lamp"))
    world.write(lambda conn: marks.pin(conn, pk, world.shell.clock() + 99, "guests", by="anna", now=1.0))
    world.bus.say("device", device_pk=pk)
    after = parts(world)
    assert {name for name in after if after[name] != before.get(name)} == {f"row-{pk}"}


def test_the_top_line_is_counted_again_after_news_only(world: World) -> None:
    world.device("hall")
    assert "1 device<" in parts(world)["summary"]
    world.device("attic")
    assert "1 device<" in parts(world)["summary"]  # nobody said so yet
    world.bus.say("device", device_pk=2)
    assert "2 devices" in parts(world)["summary"]


def test_the_list_listens_to_news_of_devices_only(world: World) -> None:
    assert PAGE.concerns is not None
    assert PAGE.concerns(Notice("device", {"device_pk": 1}), {})
    assert not PAGE.concerns(Notice("order", {}), {})


def test_who_may_only_look_gets_no_boxes(world: World) -> None:
    world.device("hall")
    asked = Asked("", {}, world.shell.clock(), world.shell)
    values = world.read(lambda conn: PAGE.read(conn, asked))
    looker = ANYONE._replace(rights=frozenset())
    drawn = PAGE.draw(Render(world.shell, looker, "", "en"), values)
    assert "checkbox" not in drawn["row-1"]


# --- Columns and filters --------------------------------------------------------------------------------------------


def test_chosen_columns_are_in_the_address_and_remembered(world: World) -> None:
    world.device("hall", ip="10.9.8.7")
    client = world.client(headers=BROWSER)
    answer = client.get("/?col=ip&col=id&q=hall&sort=-id")
    assert answer.headers["location"] == "/?q=hall&sort=-id&cols=id%2Cip"
    again = client.get("/")
    assert "10.9.8.7" in again.text
    assert "What comes next" not in again.text.partition("<thead>")[2].partition("</thead>")[0]
    assert (
        "cols=id%2Cip" in again.text.partition("hx-sse:connect")[2][:200]
    )  # the stream draws the same columns
    usual = client.get("/?" + "&".join(f"col={word}" for word in columns.USUAL))
    assert usual.headers["location"] == "/"
    assert "What comes next" in client.get("/").text.partition("<thead>")[2].partition("</thead>")[0]


@pytest.mark.parametrize("cols", ["", "nonsense", "nonsense,<script>", ","])
def test_unknown_columns_leave_the_usual_ones(cols: str) -> None:
    assert tuple(each.word for each in columns.view_of({"cols": cols}).columns) == columns.USUAL


def test_every_column_has_a_title_and_a_sort_that_exists() -> None:
    assert {each.word for each in columns.COLUMNS} == set(columns.titles())
    assert {each.sort for each in columns.COLUMNS} - {""} <= {*search.SORTS, search.BY_NEED}


def test_a_filter_is_saved_for_all_and_deleted(world: World) -> None:
    world.device("hall")
    kept = post(
        world, "/filters", action="keep", name="  my   lamps ", q="fw:lamp", sort="-signal", cols="id,ip"
    )
    assert kept.headers["location"] == "/?q=fw%3Alamp&sort=-signal&cols=id%2Cip"
    assert world.read(saved.every) == [saved.Filter("my lamps", "fw:lamp", "-signal", "id,ip")]
    assert ">my lamps</a>" in world.client(headers=BROWSER).get("/").text
    assert post(world, "/filters", action="forget", name="my lamps").status_code == 303
    assert world.read(saved.every) == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"action": "keep", "name": " ", "q": "a"}, "needs a name"),
        ({"action": "keep", "name": "x", "q": "colour:red"}, "no field"),
        ({"action": "forget", "name": "nobody"}, "no saved filter"),
        ({"action": "burn", "name": "x"}, "does not say"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(world: World, fields: dict[str, str], sentence: str) -> None:
    world.device("hall")
    answer = post(world, "/filters", **fields)
    assert answer.status_code in (400, 404)
    assert sentence in answer.text


# --- Many at once ---------------------------------------------------------------------------------------------------


def test_the_strip_says_what_an_image_would_do(world: World, images: tuple[Firmware, Firmware]) -> None:
    chosen = "&".join(
        f"device=homie~{each}" for each in ("hall-lamp", "shed-lamp", "tower-lamp", "attic-plug", "hall-plug")
    )
    page = world.client(headers=BROWSER).get(f"/act?{chosen}&firmware={images[1].sha256}").text
    assert "<b>2 change, 1 already runs it, 1 no: " in page
    assert "1 MB flash" in page
    assert "1 no: pinned" in page
    assert "Way back: 2 of 2" in page


def test_the_strip_says_for_whom_there_is_no_way_back_in_whole_sentences(world: World) -> None:
    for at, md5 in enumerate((world.firmware(version="1.0.0").md5, "0" * 32)):
        world.device(f"lamp-{at}", fw_version="1.0.0", md5=md5)
    chosen = f"device=homie~lamp-0&device=homie~lamp-1&firmware={world.firmware().sha256}"
    page = world.client(headers=BROWSER).get(f"/act?{chosen}").text
    assert "Way back: 1 of 2. This server does not hold" in page


def test_one_that_changes_gets_a_deployment_and_several_a_rollout(
    world: World, images: tuple[Firmware, Firmware]
) -> None:
    both = ["homie~hall-lamp", "homie~shed-lamp"]
    one = post(world, "/act", action="update", device=both, firmware=images[1].sha256)
    assert one.headers["location"].startswith("/deployment/")
    several = ["homie~tower-lamp", "homie~stairs-lamp"]
    two = post(world, "/act", action="update", device=several, firmware=images[1].sha256)
    number = int(two.headers["location"].rpartition("/")[2])
    made = world.read(lambda conn: rollouts.require(conn, number))
    assert (made.state, made.sha256) == ("running", images[1].sha256)
    assert made.query == 'id:"homie/tower-lamp","homie/stairs-lamp"'
    nobody = post(world, "/act", action="update", device=["homie~hall-lamp"], firmware=images[1].sha256)
    assert nobody.status_code == 409
    assert "already" in nobody.text


def test_all_that_a_query_finds_is_updated_as_the_query(
    world: World, images: tuple[Firmware, Firmware]
) -> None:
    answer = post(
        world, "/act", action="update", all="1", q="id:tower-lamp,stairs-lamp", firmware=images[1].sha256
    )
    number = int(answer.headers["location"].rpartition("/")[2])
    assert world.read(lambda conn: rollouts.require(conn, number)).query == "id:tower-lamp,stairs-lamp"


def test_a_whole_page_of_long_ids_is_updated_at_once(world: World) -> None:
    image = world.firmware()
    names = [f"a-device-with-a-rather-long-name-{number:03}" for number in range(100)]
    for name in names:
        world.device(name)
    answer = post(
        world, "/act", action="update", device=[f"homie~{each}" for each in names], firmware=image.sha256
    )
    number = int(answer.headers["location"].rpartition("/")[2])
    query = world.read(lambda conn: rollouts.require(conn, number)).query
    assert world.read(lambda conn: search.find(conn, query, now=0.0).total) == 100


def test_marks_are_put_on_many_and_each_failure_is_told(world: World) -> None:
    first, second = world.device("hall"), world.device("attic")
    both = {"device": ["homie~hall", "homie~attic"]}
    assert "Tagged: 2 devices." in post(world, "/act", action="tag", tag="warm", **both).text
    assert world.read(lambda conn: marks.tagged(conn, "warm")) == {first, second}
    assert (
        "Tag taken away: 1 device."
        in post(world, "/act", action="untag", tag="warm", device="homie~hall").text
    )
    half = post(world, "/act", action="untag", tag="warm", **both).text
    assert "Tag taken away: 1 device." in half
    assert "hall: This device has no tag" in half
    assert "Pinned: 2 devices." in post(world, "/act", action="pin", days="7", reason="guests", **both).text
    pin = world.read(lambda conn: marks.pin_of(conn, first, world.shell.clock()))
    assert pin is not None
    assert 6.9 * 86400 < pin.until - world.shell.clock() < 7.1 * 86400
    assert "Unpinned: 2 devices." in post(world, "/act", action="unpin", **both).text


def test_devices_are_deleted_only_when_their_number_was_typed(world: World) -> None:
    world.device("hall", state="lost")
    world.device("attic")
    both = {"device": ["homie~hall", "homie~attic"], "action": "delete"}
    assert post(world, "/act", **both, count="1").status_code == 400
    told = post(world, "/act", **both, count="2").text
    assert "Deleted: 1 device." in told
    assert "attic is online" in told
    assert 'href="/removed"' in told
    assert world.read(lambda conn: search.find(conn, now=0.0).total) == 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"action": "tag", "tag": "x"}, "No device is chosen"),
        ({"action": "tag", "tag": "x", "device": "homie~nobody"}, "no device"),
        ({"action": "burn", "device": "homie~hall"}, "does not say"),
        ({"action": "pin", "days": "0", "reason": "x", "device": "homie~hall"}, "A pin has an end"),
        ({"action": "tag", "tag": "x", "all": "1", "q": "id:nobody"}, "No device fits"),
        ({"action": "tag", "tag": "x", "device": [f"homie~{n}" for n in range(201)]}, "200 are the most"),
    ],
)
def test_what_cannot_be_meant_is_refused(world: World, fields: dict[str, Any], sentence: str) -> None:
    world.device("hall")
    answer = post(world, "/act", **fields)
    assert answer.status_code in (400, 404)
    assert sentence in answer.text


def test_a_form_of_another_site_does_nothing(world: World) -> None:
    pk = world.device("hall")
    answer = world.client(headers=BROWSER).post(
        "/act", data={"action": "tag", "tag": "x", "device": "homie~hall", "word": "wrong"}
    )
    assert answer.status_code == 403
    assert world.read(lambda conn: marks.tagged(conn, "x")) == set()
    assert pk == 1


# --- Looked at ------------------------------------------------------------------------------------------------------


def fail(world: World, pk: int, image: Firmware) -> int:
    attempt = world.order(pk, image)

    def write(conn: Connection) -> int:
        reason = Reason("not-back", "It did not come back.", True)
        moved = deployments.advance(conn, attempt, Event.REFUTE, now=world.shell.clock(), reason=reason)
        assert moved is not None
        assert moved.state is DeploymentState.FAILED
        return moved.id

    return world.write(write)


def needs(world: World, pk: int) -> Need | None:
    return world.read(lambda conn: overview.needs(conn, [pk])).get(pk)


def test_a_failure_needs_a_person_until_one_has_looked(world: World) -> None:
    pk, image = world.device("hall"), world.firmware()
    assert needs(world, pk) is None
    fail(world, pk, image)
    assert needs(world, pk) is Need.HARMED
    assert (
        "Noted that you looked: 1 device." in post(world, "/act", action="looked", device="homie~hall").text
    )
    assert needs(world, pk) is None
    assert "already" in post(world, "/act", action="looked", device="homie~hall").text


def test_a_new_attempt_ends_the_need_of_the_last_one(world: World) -> None:
    pk, image = world.device("hall"), world.firmware()
    fail(world, pk, image)
    world.order(pk, image, offered=False)
    assert needs(world, pk) is None


def test_a_quarantine_needs_a_person_while_the_image_is_wanted(world: World) -> None:
    pk, image, newer = world.device("hall"), world.firmware(), world.firmware(version="3.0.0")
    world.write(lambda conn: quarantine.add(conn, Held(pk, image.sha256, "went-back", "Thrice.", 1.0)))
    assert needs(world, pk) is None
    world.write(lambda conn: target_rows.put(conn, [pk], image.sha256, source="rollout 1"))
    assert needs(world, pk) is Need.QUARANTINED
    world.write(lambda conn: target_rows.put(conn, [pk], newer.sha256, source="rollout 2"))
    assert needs(world, pk) is None


def cells(world: World, name: str) -> list[str]:
    page = world.client(headers=BROWSER).get("/", params={"q": f"id:{name}"}).text
    (row,) = [
        each for each in re.findall(r"<tr[^>]*>.*?</tr>", page, re.DOTALL) if f'value="homie~{name}"' in each
    ]
    return [re.sub(r"<[^>]+>", "", each).strip() for each in re.findall(r"<td[^>]*>.*?</td>", row, re.DOTALL)]


@pytest.mark.parametrize(("is_stored", "back", "signal"), [(True, "held", 71.6), (False, "missing", None)])
def test_a_row_tells_its_way_back_and_its_signal(
    world: World, images: tuple[Firmware, Firmware], is_stored: bool, back: str, signal: float | None
) -> None:
    values = {"md5": images[0].md5 if is_stored else "7" * 32, "signal": signal}
    world.write(
        lambda conn: conn.execute(device.update().where(device.c.device_id == "hall-lamp").values(values))
    )
    told = cells(world, "hall-lamp")
    assert f"way back {back}" in told
    assert any(each.startswith("72 %") for each in told) is (signal is not None)
    assert any("%" in each for each in told) is (signal is not None)

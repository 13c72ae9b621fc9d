"""Plain Arduino devices: adopted, they are updated when it is their turn, and verified by what they say next time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from homie_ota.errors import Conflict, NotEligible, NotFound
from homie_ota.model import FIRST_ASKER, Deployment, DeploymentState, Way
from homie_ota.rollout import asking
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.store import adopting, attempts, deployments, devices, events, learned, marks, rhythm
from homie_ota.store import asking as store_asking
from homie_ota.store.database import Connection
from homie_ota.store.tables import event
from web.arduino import MAC, OLD_MD5, Plain, headers
from web.world import World

S = DeploymentState


def order(plain: Plain, version: str = "2.0.0", **options: int) -> tuple[Deployment, str]:
    """Order an image for a device; the deployment, and the MD5 of the image."""
    image = plain.world.firmware("greenhouse", version, **options)
    return plain.world.order(plain.pk, image, offered=False), image.md5


def history(plain: Plain) -> list[dict[str, object]]:
    """The data of every event of the device."""
    mine = sa.select(event.c.data).where(event.c.device_pk == plain.pk).order_by(event.c.seq)
    return list(plain.world.read(lambda c: c.execute(mine).scalars().all()))


def test_an_adopted_device_is_one_like_others(world: World) -> None:
    plain = Plain(world)
    assert plain.pk >= FIRST_ASKER
    row = plain.row
    assert (row["base"], row["device_id"], row["name"]) == ("arduino/", "a020a6148506", "Greenhouse")
    assert (row["mac"], row["state"], row["way"], row["md5"]) == (MAC, "sleeping", "asks", OLD_MD5)
    assert row["addresses"][0]["kind"] == "http"
    page = world.client(headers={"accept": "text/html"}).get("/device/arduino~a020a6148506")
    assert page.status_code == 200
    assert "Greenhouse" in page.text
    assert "said when it asked over HTTP" in page.text
    assert "announced over MQTT" not in page.text


def test_nothing_is_there_for_a_device_of_which_nothing_was_ordered(world: World) -> None:
    plain = Plain(world)
    before = history(plain)
    assert [plain.ask().status_code for _ in range(3)] == [304, 304, 304]
    assert history(plain) == before


def test_an_ordered_image_goes_out_at_the_next_request_and_is_verified_by_the_one_after(world: World) -> None:
    plain = Plain(world)
    attempt, md5 = order(plain)
    answer = plain.ask()
    assert answer.status_code == 200
    assert hashlib.md5(answer.content).hexdigest() == md5 == answer.headers["x-md5"]
    assert world.deployment(attempt.id).state is S.REBOOTING
    assert plain.ask(md5=md5, version="2.0.0").status_code == 304
    after = world.deployment(attempt.id)
    assert (after.state, after.code, after.outcome) == (S.SUCCEEDED, "verified", "verified")
    assert "checksum" in after.reason
    assert (plain.row["fw_name"], plain.row["fw_version"]) == ("greenhouse", "2.0.0")
    kinds = [each["data"].get("event") for each in world.read(lambda c: events.of_deployment(c, attempt.id))]
    assert kinds == [None, "offer", "accept", "flash", "confirm", "heal"]


def test_a_core_without_a_checksum_is_believed_by_its_version_and_that_is_said(world: World) -> None:
    plain = Plain(world, md5="")
    attempt, _ = order(plain)
    assert plain.ask().status_code == 200
    plain.ask(version="2.0.0")
    after = world.deployment(attempt.id)
    assert (after.state, after.code, after.outcome) == (S.SUCCEEDED, "booted", "booted")
    assert "version says so" in after.reason
    plain.ask()
    assert (plain.row["fw_name"], plain.row["fw_version"]) == ("greenhouse", "2.0.0")


@pytest.mark.parametrize("md5", [OLD_MD5, ""])
def test_one_that_asks_again_with_what_it_ran_before_came_back_old_and_gets_it_no_more(
    world: World, md5: str
) -> None:
    plain = Plain(world, md5=md5)
    attempt, _ = order(plain)
    assert [plain.ask().status_code for _ in range(3)] == [200, 304, 304]
    after = world.deployment(attempt.id)
    assert (after.state, after.code, after.harmful) == (S.FAILED, "came-back-old", True)
    with pytest.raises(NotEligible, match="quarantine"):
        order(plain)


def test_one_that_comes_back_with_something_else_is_not_where_it_should_be(world: World) -> None:
    plain = Plain(world)
    attempt, _ = order(plain)
    plain.ask()
    plain.ask(md5="0" * 32, version="3.0.0")
    assert world.deployment(attempt.id).code == "came-back-other"


def test_one_that_asks_late_with_the_new_image_is_a_late_success(world: World) -> None:
    plain = Plain(world)
    attempt, md5 = order(plain)
    plain.ask()
    end(world, attempt)
    assert world.deployment(attempt.id).code == "not-back"
    plain.ask(later=90_000.0, md5=md5)
    after = world.deployment(attempt.id)
    assert (after.state, after.late) == (S.SUCCEEDED, True)


def end(world: World, attempt: Deployment) -> None:
    """What the dispatch does when the deadline of a deployment has passed."""

    def write(conn: Connection) -> None:
        late = deployments.get(conn, attempt.id)
        assert late is not None
        assert late.deadline is not None
        reason = asking.expired(late.state, Way.ASKS)
        ended = deployments.advance(conn, late, Event.EXPIRE, now=late.deadline, reason=reason)
        assert ended is not None
        attempts.follow(conn, ended, late.deadline)

    world.write(write)


def test_the_image_of_an_attempt_leaves_once(world: World) -> None:
    plain = Plain(world)
    attempt, _ = order(plain)
    assert plain.ask().status_code == 200
    rebooting = world.deployment(attempt.id)
    assert rebooting.image_at is not None
    assert plain.ask(md5="").status_code == 304


def test_a_misfit_is_refused_with_the_reason(world: World) -> None:
    plain = Plain(world)
    attempt, _ = order(plain)
    assert plain.ask(free_space="20000").status_code == 304
    after = world.deployment(attempt.id)
    assert (after.state, after.code, after.harmful) == (S.FAILED, "too-large", False)
    told = world.client(headers={"accept": "text/html"}).get("/log").text
    assert "20000 bytes free" in told


def test_one_that_asks_as_another_chip_is_refused_with_the_reason(world: World) -> None:
    plain = Plain(world)
    attempt, _ = order(plain)
    as_32 = {"x-ESP32-STA-MAC": MAC, "x-ESP32-sketch-md5": OLD_MD5, "x-ESP32-version": "1.0.0"}
    assert world.client().get("/ota", headers=as_32).status_code == 304
    after = world.deployment(attempt.id)
    assert (after.state, after.code, after.harmful) == (S.FAILED, "wrong-chip", False)
    assert any("ESP8266 image" in str(data.get("why", "")) for data in history(plain))


def test_there_is_a_way_back_to_the_image_that_ran_before(world: World) -> None:
    before = world.firmware("greenhouse", "1.0.0")
    plain = Plain(world, md5=before.md5)
    attempt, md5 = order(plain)
    plain.ask()
    plain.ask(md5=md5, version="2.0.0")
    assert world.deployment(attempt.id).previous_sha256 == before.sha256
    back = world.order(plain.pk, before, offered=False)
    assert plain.ask().headers["x-md5"] == before.md5
    plain.ask(md5=before.md5, version="1.0.0")
    assert world.deployment(back.id).code == "verified"


def test_an_image_for_another_chip_is_refused_before_it_is_queued(world: World) -> None:
    world.now = None
    mac = {"x-ESP32-STA-MAC": MAC, "x-ESP32-sketch-md5": OLD_MD5, "x-ESP32-version": "1"}
    world.client().get("/ota", headers=mac)
    world.write(lambda c: adopting.adopt(c, MAC, "Pump", by="test", now=1.0))
    pk = world.read(lambda c: devices.resolve(c, "a020a6148506"))
    with pytest.raises(NotEligible, match="ESP32"):
        world.order(pk, world.firmware("pump", "2.0.0"))


def test_without_checksum_and_version_nobody_could_tell_so_nothing_is_sent(world: World) -> None:
    plain = Plain(world, md5="", version="")
    assert plain.row["way"] == "none"
    with pytest.raises(NotEligible, match="neither a checksum nor a version"):
        order(plain)
    plain.ask(version="1.1")
    assert plain.row["way"] == "asks"


def test_the_same_version_cannot_be_told_apart_without_a_checksum(world: World) -> None:
    plain = Plain(world, md5="")
    with pytest.raises(NotEligible, match="cannot tell two images of one version apart"):
        order(plain, "1.0.0")


def test_a_probe_tells_the_version_when_it_is_the_devices_turn_and_moves_nothing(world: World) -> None:
    plain = Plain(world)
    assert plain.ask(mode="version").status_code == 304
    attempt, md5 = order(plain)
    answer = plain.ask()
    assert (answer.status_code, answer.headers["x-version"], answer.headers["x-md5"]) == (200, "2.0.0", md5)
    assert world.deployment(attempt.id).state is S.QUEUED
    now = world.now or 0.0
    world.write(lambda c: marks.pin(c, plain.pk, now + 5000, "on holiday", by="test", now=now))
    assert plain.ask().status_code == 304
    assert plain.ask(later=6000.0).status_code == 200
    assert plain.ask(mode="sketch").headers["content-length"] == str(attempt.bytes_total)


def test_a_file_system_is_never_given(world: World) -> None:
    plain = Plain(world)
    attempt, _ = order(plain)
    assert plain.ask(mode="spiffs").status_code == 304
    assert world.deployment(attempt.id).state is S.QUEUED


def test_a_pin_holds_it_back_and_the_log_says_so(world: World) -> None:
    plain = Plain(world)
    order(plain)
    now = world.now or 0.0
    world.write(lambda c: marks.pin(c, plain.pk, now + 5000, "on holiday", by="test", now=now))
    assert plain.ask().status_code == 304
    told = [str(data.get("why", "")) for data in history(plain)]
    assert any("its turn has not come: It is pinned: on holiday" in each for each in told)
    assert plain.ask(later=6000.0).status_code == 200


def test_no_more_are_updated_at_a_time_than_the_settings_allow(make_world: Callable[..., World]) -> None:
    world = make_world(rollout={"parallel": 1})
    first, second = Plain(world), Plain(world, "A0:20:A6:14:85:07", "Porch")
    image = world.firmware("greenhouse", "2.0.0")
    for each in (first, second):
        world.order(each.pk, image, offered=False)
    flying = world.device("lamp")
    world.order(flying, world.firmware("lamp", "2.0.0"))
    world.order(world.device("other-lamp"), world.firmware("lamp", "2.0.1"))
    assert first.ask().status_code == 304  # two slots, one of them for those who came by themselves
    running = world.read(lambda c: deployments.active_of(c, flying))
    assert running is not None
    world.write(lambda c: deployments.claim_image(c, running.id, now=1.0))
    world.write(lambda c: deployments.advance(c, running, Event.BREAK, now=world.now or 0.0))
    assert first.ask().status_code == 200
    # Its image has left, so nothing is on the air for it, whenever it asks again.
    assert second.ask().status_code == 200


def test_a_transfer_that_broke_off_is_made_again_when_the_device_asks(world: World) -> None:
    plain = Plain(world)
    first, _ = order(plain)
    plain.ask(mode="version")
    plain.told.pop("mode")
    broken = Reason("transfer-broken", "The device stopped reading.", False)

    def break_off(conn: Connection) -> None:
        at = world.now or 0.0
        queued = deployments.get(conn, first.id)
        assert queued is not None
        offered = deployments.advance(conn, queued, Event.OFFER, now=at)
        assert offered is not None
        accepted = deployments.advance(conn, offered, Event.ACCEPT, now=at)
        assert accepted is not None
        failed = deployments.advance(conn, accepted, Event.BREAK, now=at, reason=broken)
        assert failed is not None
        attempts.follow(conn, failed, at)

    world.write(break_off)
    assert plain.ask(later=10.0).status_code == 304  # it waits a while
    assert plain.ask(later=100.0).status_code == 200


def test_a_spoofed_mac_gets_the_image_of_that_mac_and_nothing_else(world: World) -> None:
    plain = Plain(world)
    other = Plain(world, "A0:20:A6:14:85:07", "Porch")
    attempt, _ = order(plain)
    stranger = world.client().get("/ota", headers=headers("A0:20:A6:14:85:08"))
    assert stranger.status_code == 304
    assert other.ask().status_code == 304
    assert world.client().get("/ota", headers=headers(MAC)).status_code == 200
    assert other.ask().status_code == 304
    assert world.deployment(attempt.id).state is S.REBOOTING


def test_one_that_asks_without_a_pause_is_answered_and_costs_nothing(world: World) -> None:
    plain = Plain(world)
    for _ in range(100):
        assert plain.ask(later=0.001).status_code == 304
    assert len(world.read(lambda c: rhythm.presences(c, plain.pk))) <= 2
    for number in range(300):  # as another one each time
        assert plain.ask(later=0.001, version=str(number)).status_code == 304
    assert len(world.read(lambda c: rhythm.presences(c, plain.pk))) <= rhythm.KEPT
    assert plain.row["fw_version"] != "299"
    attempt, _ = order(plain)
    elsewhere = world.client(client=("192.0.2.7", 50000))
    assert elsewhere.get("/ota", headers=headers(MAC)).status_code == 200
    assert world.deployment(attempt.id).state is S.REBOOTING


def test_what_came_to_the_broker_with_its_mac_is_no_plain_device_any_more(world: World) -> None:
    plain = Plain(world)

    def moves(conn: Connection) -> None:
        devices.link(conn, None, plain.pk, base="homie/", device_id="greenhouse", now=1.0)
        row = {
            **(devices.row(conn, plain.pk) or {}),
            "base": "homie/",
            "device_id": "greenhouse",
            "way": "mqtt",
        }
        row.pop("addresses")
        devices.save(conn, [row])

    world.write(moves)
    assert plain.ask().status_code == 304
    assert plain.row["way"] == "mqtt"


def test_its_deadline_follows_how_often_it_asks(world: World) -> None:
    plain = Plain(world)
    attempt, _ = order(plain)
    plain.ask()
    unknown = world.deployment(attempt.id)
    assert unknown.deadline is not None
    assert unknown.deadline - unknown.state_since == pytest.approx(26 * 3600.0)
    hourly = Plain(world, "A0:20:A6:14:85:07", "Porch")
    for _ in range(4):
        hourly.ask(later=3600.0)
    later, _ = order(hourly, "2.0.1")
    hourly.ask(later=3600.0)
    known = world.deployment(later.id)
    assert known.deadline is not None
    assert known.deadline - known.state_since == pytest.approx(3 * 3600.0)


def test_one_that_has_not_asked_for_much_longer_than_it_usually_takes_is_lost_until_it_asks(
    world: World,
) -> None:
    plain = Plain(world)
    for _ in range(4):
        plain.ask(later=3600.0)
    now = world.now or 0.0
    assert world.write(lambda c: store_asking.missed(c, now + 2 * 3600.0)) == []
    assert plain.row["state"] == "sleeping"
    assert world.write(lambda c: store_asking.missed(c, now + 4 * 3600.0)) == [plain.pk]
    assert plain.row["state"] == "lost"
    assert world.write(lambda c: store_asking.missed(c, now + 5 * 3600.0)) == []
    order(plain)
    assert plain.ask(later=6 * 3600.0).status_code == 200
    assert plain.row["state"] == "sleeping"


def test_what_waits_for_it_says_that_it_asks_by_itself(world: World) -> None:
    plain = Plain(world)
    for _ in range(4):
        plain.ask(later=3600.0)
    page = world.client(headers={"accept": "text/html"})
    assert "asks about" in page.get("/").text
    order(plain)
    assert "when it asks, about" in page.get("/").text
    why = world.client().get("/api/v1/devices/a020a6148506/why").json()
    assert "It gets the image when it asks" in why["text"]


def test_what_it_tells_is_remembered(world: World) -> None:
    plain = Plain(world)
    plain.ask()
    known = {each.fact: each.value for each in world.read(lambda c: learned.of_device(c, plain.pk))}
    assert (known["free_space"], known["family"]) == ("2740224", "esp8266")


def test_nobody_is_adopted_twice_and_nobody_who_did_not_knock(world: World) -> None:
    plain = Plain(world)
    with pytest.raises(NotFound):
        world.write(lambda c: adopting.adopt(c, plain.mac, "Again", by="test", now=1.0))
    lamp = world.device("lamp", mac="A0:20:A6:14:85:09")
    world.client().get("/ota", headers=headers("A0:20:A6:14:85:0A"))
    world.write(lambda c: devices.save(c, [{**row_of(c, lamp), "mac": "A0:20:A6:14:85:0A"}]))
    with pytest.raises(Conflict):
        world.write(lambda c: adopting.adopt(c, "A0:20:A6:14:85:0A", "Lamp", by="test", now=1.0))


def row_of(conn: Connection, pk: int) -> dict[str, object]:
    row = dict(devices.row(conn, pk) or {})
    row.pop("addresses")
    return row


def test_orders_are_judged_by_what_it_just_said(world: World) -> None:
    plain = Plain(world)
    attempt, md5 = order(plain)
    assert plain.ask(md5=md5).status_code == 304  # somebody flashed it by cable meanwhile
    assert world.deployment(attempt.id).state is S.CANCELLED

"""The broker as the doctor sees it: real ones, each with one fault; and nothing stays on any of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doctor.conftest import Installation, look, only
from homie_ota.broker import EmbeddedBroker
from homie_ota.config import Settings
from homie_ota.doctor import Finding, carrying, client_ids, keeping
from homie_ota.doctor.broker import KNOWN_BAD, broker, version_of
from homie_ota.doctor.line import OWN, line
from homie_ota.doctor.nouns import Patient
from homie_ota.fleet import Fleet
from homie_ota.homie import subscriptions
from homie_ota.homie.reader import Reader
from homie_ota.model import Address
from homie_ota.mqtt import Broker, Connection, scan
from servers import Mosquitto, find_program, unused_port

Start = Callable[..., Mosquitto]


def at(where: Mosquitto, here: Installation, url: str = "", **sections: object) -> Patient:
    mqtt = {"url": url or where.url, **dict(sections.pop("mqtt", {}) or {})}  # type: ignore[call-overload]
    return here.patient(mqtt=mqtt, **sections)  # type: ignore[arg-type]


def faults(findings: list[Finding]) -> list[str]:
    return [f"{each.topic} {each.verdict}" for each in findings if each.verdict != "good"]


def remains(where: Mosquitto) -> list[str]:
    """Everything that the broker keeps after an examination."""
    found = asyncio.run(scan(Broker.from_url(where.url), ["#"], patience=5.0))
    assert found is not None
    return [each.topic for each in found]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults show by nothing coming: of that two seconds are enough in tests."""
    monkeypatch.setattr(carrying, "LONG", 2.0)
    monkeypatch.setattr(client_ids, "WATCH", 1.5)


pytestmark = pytest.mark.usefixtures("quick")


def test_a_roomy_broker_is_well_and_nothing_stays_there(mosquitto: Mosquitto, here: Installation) -> None:
    found = look(broker, at(mosquitto, here))
    assert faults(found) == []
    assert {each.topic for each in found} == {
        "broker", "rights", "image", "retained", "queue", "leftovers", "client ids",
    }  # fmt: skip
    assert any("mosquitto 2" in each.said for each in found)
    assert remains(mosquitto) == []


def test_a_default_broker_cuts_an_inventory_off(mosquitto_default: Mosquitto, here: Installation) -> None:
    found = look(broker, at(mosquitto_default, here))
    assert faults(found) == ["queue mind"]
    (queue,) = only(found, "mind")
    assert "Of 1200 retained messages" in queue.said
    assert "max_queued_messages 1000000" in queue.fix
    assert remains(mosquitto_default) == []


def test_what_a_broker_says_that_it_dropped_is_told(start_mosquitto: Start, here: Installation) -> None:
    small = start_mosquitto("sys_interval 1", "max_queued_messages 10")
    assert "queue mind" in faults(look(broker, at(small, here)))  # the burst itself is dropped
    dropped = small.collect("$SYS/broker/publish/messages/dropped", count=3, seconds=5)
    assert not dropped[-1].endswith(" 0")
    said = [each.said for each in look(broker, at(small, here)) if "dropped" in each.said]
    assert len(said) == 1


def test_a_broker_that_is_not_there_is_bad_with_the_command(here: Installation) -> None:
    url = f"mqtt://127.0.0.1:{unused_port()}"
    (found,) = look(broker, here.patient(mqtt={"url": url}))
    assert (found.topic, found.verdict) == ("broker", "bad")
    assert "systemctl start mosquitto" in found.fix


def test_without_a_configured_broker_the_setting_is_named(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homie_ota.doctor.patient.LOCAL", ("127.0.0.1", unused_port()))
    (found,) = look(broker, here.patient())
    assert found.verdict == "bad"
    assert "[mqtt]" in found.fix


def test_a_broker_that_does_not_let_us_in_is_told_apart(
    start_mosquitto: Start, here: Installation, tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(0o600)
    closed = start_mosquitto("allow_anonymous false", "user root", f"password_file {passwords}")
    (found,) = look(broker, at(closed, here, closed.url.replace("//", "//me:wrong@")))
    assert found.verdict == "bad"
    assert "does not let us in" in found.said
    assert "wrong" not in found.said + found.fix
    assert "[mqtt]" in found.fix


def with_rights(start: Start, folder: Path, *rights: str) -> Mosquitto:
    file = folder / "rights"
    file.write_text("\n".join((*rights, "")))
    file.chmod(0o600)
    return start("max_queued_messages 1000000", "user root", f"acl_file {file}", "sys_interval 1")


@pytest.mark.parametrize(
    ("rights", "wrong"),
    [
        (("topic readwrite homie/#", "topic readwrite homie-ota/#"), "devices/#"),
        (("topic readwrite devices/#", "topic read homie/#", "topic readwrite homie-ota/#"), "homie/#"),
        (("topic readwrite homie/#", "topic readwrite devices/#"), "homie-ota/#"),
        (
            (
                "topic readwrite homie/+/$implementation/#",
                "topic readwrite devices/#",
                "topic readwrite homie-ota/#",
            ),
            "homie/#",
        ),
    ],
)
def test_rights_that_are_missing_are_named_as_a_line_of_the_acl(
    rights: tuple[str, ...], wrong: str, start_mosquitto: Start, here: Installation, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(carrying, "SOON", 0.5)
    guarded = with_rights(start_mosquitto, tmp_path, *rights)
    findings, own = asyncio.run(carrying.rights(Broker.from_url(guarded.url), ("homie/", "devices/")))
    (found,) = findings
    assert (found.topic, found.verdict) == ("rights", "bad")
    assert f"topic readwrite {wrong}" in found.fix
    assert own is (wrong != "homie-ota/#")


def test_a_broker_that_refuses_large_messages_is_bad(start_mosquitto: Start, here: Installation) -> None:
    small = start_mosquitto("max_queued_messages 1000000", "message_size_limit 100000")
    found = look(broker, at(small, here))
    assert faults(found) == ["image bad"]
    (image,) = only(found, "bad")
    assert "not at all" in image.said
    assert image.fix.startswith("message_size_limit 22")


def test_a_broker_that_ends_the_connection_on_large_packets_is_bad(
    start_mosquitto: Start, here: Installation
) -> None:
    small = start_mosquitto("max_queued_messages 1000000", "max_packet_size 100000")
    assert faults(look(broker, at(small, here))) == ["image bad"]


def test_a_stored_image_is_what_is_tried(start_mosquitto: Start, here: Installation) -> None:
    small = start_mosquitto("max_queued_messages 1000000", "message_size_limit 2000000")
    patient = at(small, here)
    assert asyncio.run(carrying.image(patient.brokers[0], patient))[0].verdict == "good"
    patient.known.largest = 3 << 20
    (found,) = asyncio.run(carrying.image(patient.brokers[0], patient))
    assert "3072 KB" in found.said


def test_a_broker_that_keeps_nothing_retained_is_bad(start_mosquitto: Start, here: Installation) -> None:
    forgetful = start_mosquitto("max_queued_messages 1000000", "retain_available false")
    findings = look(broker, at(forgetful, here))
    assert faults(findings) == ["retained bad"]
    assert "retain_available" in findings[-1].fix


def test_a_broker_without_persistence_that_was_restarted_is_told(
    mosquitto: Mosquitto, here: Installation
) -> None:
    for name in ("hall-lamp", "attic-lamp"):
        here.device(name)
        mosquitto.publish(f"homie/{name}/$homie", "3.0.1", retain=True)
    patient = at(mosquitto, here)
    patient.known.devices = frozenset({Address("homie/", "hall-lamp"), Address("homie/", "attic-lamp")})
    (found,) = asyncio.run(keeping.memory(patient.brokers[0], patient))
    assert found.verdict == "good"
    mosquitto.stop()
    mosquitto.start()
    (found,) = asyncio.run(keeping.memory(patient.brokers[0], patient))
    assert found.verdict == "mind"
    assert "homie/attic-lamp, homie/hall-lamp" in found.said
    assert "persistence true" in found.fix


def test_retained_images_and_orders_are_found_each_with_the_command(
    mosquitto: Mosquitto, here: Installation
) -> None:
    image = "homie/hall-lamp/$implementation/ota/firmware/" + "a" * 32
    mosquitto.publish(image, b"\xe9" * 5000, retain=True)
    mosquitto.publish("devices/c631f278/$ota", "1.2.0", retain=True)
    found = [each for each in look(broker, at(mosquitto, here)) if each.topic == "leftovers"]
    assert sorted((each.verdict, each.fix) for each in found) == [
        ("bad", f"homie-ota leftovers --clear '{image}'"),
        ("mind", "homie-ota leftovers --clear 'devices/c631f278/$ota'"),
    ]
    assert sorted(remains(mosquitto)) == sorted([image, "devices/c631f278/$ota"])


def test_a_broker_that_takes_users_for_client_ids_is_bad(
    start_mosquitto: Start, here: Installation, tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    passwords.touch(0o600)
    program = find_program("mosquitto_passwd", package="mosquitto")
    import subprocess

    subprocess.run([program, "-b", str(passwords), "me", "secret"], check=True, timeout=30)
    lines = ("user root", f"password_file {passwords}", "use_username_as_clientid true")
    odd = start_mosquitto("max_queued_messages 1000000", *lines)
    patient = at(odd, here, odd.url.replace("//", "//me:secret@"))
    (found,) = asyncio.run(client_ids.ids(patient.brokers[0], patient))
    assert found.verdict == "bad"
    assert "use_username_as_clientid false" in found.fix


async def test_another_client_with_the_servers_id_is_seen(mosquitto: Mosquitto, here: Installation) -> None:
    patient = at(mosquitto, here, mqtt={"client_id": "our-server"})

    async def another() -> None:
        """As a second server does: it comes back whenever it is thrown off."""
        while True:
            mine = await Connection.open(
                patient.brokers[0], client_id="our-server", on_message=lambda *_: None
            )
            await mine.lost.wait()
            await asyncio.sleep(0.2)

    (alone,) = await client_ids.ids(patient.brokers[0], patient)
    assert alone.verdict == "good"
    task = asyncio.create_task(another())
    await asyncio.sleep(0.5)
    (found,) = await client_ids.ids(patient.brokers[0], patient)
    assert found.verdict == "bad"
    assert found.fix.startswith('client_id = ""')
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("later", "verdict"),
    [
        ({"connected": True, "since": 100.0}, "good"),
        ({"connected": True, "since": 103.0}, "bad"),
        ({"connected": False, "since": 102.0}, "bad"),
    ],
)
async def test_a_server_that_runs_keeps_its_id_and_says_whether_it_was_thrown_off(
    later: dict[str, Any],
    verdict: str,
    mosquitto: Mosquitto,
    here: Installation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    patient = at(mosquitto, here, mqtt={"client_id": "our-server"})
    said = iter([{"broker": {"connected": True, "since": 100.0}}, {"broker": later}])

    async def health(_patient: Patient) -> dict[str, Any]:
        return next(said)

    monkeypatch.setattr(client_ids, "health", health)
    running = await Connection.open(patient.brokers[0], client_id="our-server", on_message=lambda *_: None)
    (found,) = await client_ids.ids(patient.brokers[0], patient)
    assert found.verdict == verdict
    assert not running.lost.is_set()
    await running.close()


def test_what_a_killed_examination_left_is_cleared_by_the_next(
    mosquitto: Mosquitto, here: Installation
) -> None:
    mosquitto.publish(f"{OWN}dead/1", "-", retain=True)
    mosquitto.publish("homie-ota/something-else", "-", retain=True)
    look(broker, at(mosquitto, here))
    assert remains(mosquitto) == ["homie-ota/something-else"]


async def test_an_examination_that_is_stopped_in_the_middle_clears_its_probes(
    mosquitto: Mosquitto, here: Installation
) -> None:
    patient = at(mosquitto, here)
    task = asyncio.create_task(keeping.queue(patient.brokers[0], patient))
    async with line(patient.brokers[0]) as ear:
        ear.connection.subscribe([f"{OWN}#"])
        assert await ear.until(lambda: len(ear.heard) > 100, 10.0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await scan(patient.brokers[0], ["#"], patience=5.0) == []


async def test_no_device_and_no_server_takes_the_probes_for_a_device(
    mosquitto: Mosquitto, here: Installation
) -> None:
    heard: list[tuple[str, bytes, bool]] = []
    patient = at(mosquitto, here)
    ear = await Connection.open(
        patient.brokers[0], client_id="server", on_message=lambda t, p, _q, r: heard.append((t, p, r))
    )
    bases = patient.settings.mqtt.base_topics
    ear.subscribe([*subscriptions(bases), "homie/hall-lamp/#"])
    await broker(patient)
    await ear.close()
    fleet, reader = Fleet(), Reader(bases)
    for topic, payload, retained in heard:
        seen = reader.read(topic, payload, retained)
        if seen is not None:
            fleet.apply(seen, 1.0)
    assert len(fleet) == 0
    assert not any("hall-lamp" in topic for topic, _, _ in heard)


async def test_the_embedded_broker_serves_us_and_says_what_it_is_short_of_for_others(
    here: Installation,
) -> None:
    own = EmbeddedBroker("127.0.0.1", unused_port())
    await own.start()
    try:
        found = await broker(here.patient(mqtt={"url": own.url}))
    finally:
        await own.stop()
    assert faults(found) == ["queue mind"]
    (queue,) = only(found, "mind")
    assert "reach who reads at QoS 1" in queue.said
    assert queue.fix.startswith("a mosquitto")


def test_a_burst_that_does_not_reach_us_is_bad() -> None:
    found = keeping.queue_of(900, 900, is_mosquitto=True)
    assert found.verdict == "bad"
    assert "only 900 arrived" in found.said


@pytest.mark.parametrize("version", sorted(KNOWN_BAD))
def test_a_version_that_is_known_to_be_bad_is_named(version: str) -> None:
    found = version_of(f"mosquitto version {version}")
    assert (found.verdict, found.fix) == ("mind", "sudo apt update && sudo apt install mosquitto")


@pytest.mark.parametrize("said", ["mosquitto version 2.0.18", "EMQX 2.0.0", "2.0.16"])
def test_other_versions_are_well(said: str) -> None:
    assert version_of(said).verdict == "good"


def test_the_settings_say_which_broker_is_asked(here: Installation) -> None:
    mqtt = {"url": "mqtts://me:pw@broker", "ca_file": "ca.pem"}
    (given,) = here.patient(mqtt=mqtt).brokers
    assert (given.host, given.port, given.username, given.password, given.ca_file) == (
        "broker", 8883, "me", "pw", "ca.pem",
    )  # fmt: skip
    assert [each.username for each in here.patient().brokers] == [""]
    (here.data / "embedded-broker.password").write_text("kept\n")
    assert [(each.username, each.password) for each in here.patient().brokers] == [
        ("homie", "kept"),
        ("", ""),
    ]
    assert Settings().mqtt.url == ""


def test_a_message_as_large_as_an_image_is_what_it_says(mosquitto: Mosquitto, here: Installation) -> None:
    topics = asyncio.run(_images_sent(mosquitto, here))
    assert {hashlib.md5(payload, usedforsecurity=False).hexdigest() for payload in topics.values()} == {
        topic.rpartition("/")[2] for topic in topics
    }


async def _images_sent(mosquitto: Mosquitto, here: Installation) -> dict[str, bytes]:
    patient = at(mosquitto, here)
    async with line(patient.brokers[0]) as ear:
        ear.connection.subscribe(["homie/+/$implementation/ota/firmware/+"])
        await carrying.image(patient.brokers[0], patient)
        await ear.until(lambda: len(ear.heard) > 0, 5.0)
        return {topic: payloads[0] for topic, payloads in ear.heard.items()}

"""The broker over TLS: it is known by its authority, we by our certificate, and a wrong file is one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from certificates import Authority
from homie_ota.config import Settings
from homie_ota.errors import Unreachable, WrongUse
from homie_ota.model import Publish
from homie_ota.mqtt import Broker, Connection
from homie_ota.service.places import choose_broker
from servers import Mosquitto


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


@pytest.fixture
def guarded(authority: Authority, start_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A broker that lets nobody in without a certificate of this authority."""
    certificate, key = authority.issue("127.0.0.1")
    return start_mosquitto(
        f"cafile {authority.ca_file}",
        f"certfile {certificate}",
        f"keyfile {key}",
        "require_certificate true",
        "user root",
    )


@pytest.fixture
def ours(guarded: Mosquitto, authority: Authority) -> Broker:
    certificate, key = authority.issue("homie-ota")
    return Broker(
        guarded.host,
        guarded.port,
        tls=True,
        ca_file=str(authority.ca_file),
        certificate_file=str(certificate),
        key_file=str(key),
    )


async def test_an_image_goes_through_a_broker_that_asks_for_a_certificate(ours: Broker) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    connection = await Connection.open(
        ours, client_id="a", on_message=lambda _t, payload, _q, _r: heard.put_nowait(bytes(payload))
    )
    try:
        connection.subscribe(["x/#"])
        image = bytes(range(256)) * 2400
        await asyncio.wait_for(connection.deliver(Publish("x/image", image, qos=1, retain=False)), 10)
        assert await asyncio.wait_for(heard.get(), 10) == image
    finally:
        await connection.close()


async def test_without_our_certificate_the_broker_refuses_us(ours: Broker) -> None:
    anonymous = replace(ours, certificate_file="", key_file="")
    with pytest.raises(Unreachable, match=f"The broker mqtts://{ours.host}:{ours.port}"):
        await Connection.open(anonymous, client_id="a", on_message=lambda *_: None, patience=1)


async def test_a_broker_that_our_authority_does_not_vouch_for_gets_nothing_of_us(
    ours: Broker, tmp_path: Path
) -> None:
    other = replace(
        ours, ca_file=str(Authority(tmp_path / "other").ca_file), username="u", password="hunter2"
    )
    with pytest.raises(Unreachable, match="certificate verify failed") as caught:
        await Connection.open(other, client_id="a", on_message=lambda *_: None, patience=5)
    assert "hunter2" not in str(caught.value)


async def test_a_broker_with_the_name_of_another_gets_nothing_of_us(
    authority: Authority, start_mosquitto: Callable[..., Mosquitto]
) -> None:
    certificate, key = authority.issue("broker.example.org")
    broker = start_mosquitto(f"certfile {certificate}", f"keyfile {key}", "user root")
    asked = Broker(broker.host, broker.port, tls=True, ca_file=str(authority.ca_file))
    with pytest.raises(Unreachable, match=r"(?i)mismatch|not valid"):
        await Connection.open(asked, client_id="a", on_message=lambda *_: None, patience=5)


async def test_the_files_of_the_settings_are_those_that_count(
    ours: Broker, authority: Authority, tmp_path: Path
) -> None:
    told = {"url": f"mqtts://{ours.host}:{ours.port}", "ca_file": ours.ca_file,
            "certificate_file": ours.certificate_file, "key_file": ours.key_file}  # fmt: skip
    broker, own = await choose_broker(Settings(mqtt=told), None)  # type: ignore[arg-type]
    assert own is None
    assert broker == ours
    other, _ = authority.issue("somebody")
    for wrong, word in (
        ({"ca_file": str(tmp_path / "none.pem")}, "there is no .*none.pem"),
        ({"certificate_file": str(other)}, "do not belong together"),
        ({"ca_file": __file__}, "test_mqtt_tls.py"),
    ):
        with pytest.raises(WrongUse, match=word):
            await choose_broker(Settings(mqtt={**told, **wrong}), None)  # type: ignore[arg-type]


def test_the_password_is_not_in_what_a_log_would_show_of_a_broker() -> None:
    assert "hunter2" not in repr(Broker.from_url("mqtts://u:hunter2@host"))
    assert "hunter2" not in str(Broker.from_url("mqtts://u:hunter2@host"))

"""Devices as tests describe them: topics below the device and what was published there."""

from collections.abc import Iterable, Mapping

from homie_ota import homie
from homie_ota.fleet import Fleet, KnownDevice
from homie_ota.model import Address, Observation

BASES = ("homie/", "devices/")
LAMP = Address("homie/", "lamp")
LAMP_5 = Address("homie/5/", "lamp")

V15 = {
    "$online": "true",
    "$nodes": "relay:switch",
    "$name": "Lamp",
    "$localip": "192.168.0.9",
    "$fwname": "lamp",
    "$fwversion": "1.0.0",
    "$signal": "80",
    "$uptime": "12",
}
V2 = {
    "$homie": "2.0.0",
    "$mac": "5C:CF:7F:34:8D:ED",
    "$name": "Lamp",
    "$localip": "192.168.0.9",
    "$stats/interval": "65",
    "$fw/name": "lamp",
    "$fw/version": "1.0.0",
    "$fw/checksum": "d72e6b8900c113eaec7d36c9dc8a660c",
    "$implementation": "esp8266",
    "$implementation/config": '{"name":"Lamp","wifi":{"ssid":"home"}}',
    "$implementation/version": "2.0.0",
    "$implementation/ota/enabled": "true",
    "relay/$type": "switch",
    "relay/$properties": "on:settable,count",
    "$online": "true",
    "$stats/signal": "80",
    "$stats/uptime": "12",
    "relay/on": "true",
    "relay/count": "3",
}
V3 = {
    **{topic: text for topic, text in V2.items() if topic != "$online"},
    "$homie": "3.0.1",
    "$implementation/version": "3.0.0",
    "$nodes": "relay",
    "$stats": "uptime",
    "relay/$name": "Relay",
    "relay/$properties": "on,count",
    "relay/on/$name": "On",
    "relay/on/$settable": "true",
    "relay/on/$datatype": "boolean",
    "relay/count/$name": "Counter",
    "relay/count/$datatype": "integer",
    "$state": "ready",
}
V5 = {
    "$state": "ready",
    "$description": '{"homie":"5.0","version":1795416790537,"name":"Lamp","nodes":{"relay":{"type":"switch",'
    '"properties":{"on":{"datatype":"boolean","settable":true},"log":{"datatype":"string","retained":false}}}}}',
    "relay/on": "true",
}


def seen(
    topic: str, payload: bytes | str, retained: bool = True, bases: Iterable[str] = BASES
) -> Observation | None:
    """What the message says."""
    return homie.Reader(bases).read(
        topic, payload if isinstance(payload, bytes) else payload.encode(), retained
    )


def heard(
    topics: Mapping[str, str] | Iterable[tuple[str, str]],
    *,
    address: Address = LAMP,
    fleet: Fleet | None = None,
    retained: bool = True,
    now: float = 0.0,
) -> KnownDevice:
    """The device after these messages."""
    fleet = Fleet() if fleet is None else fleet
    reader = homie.Reader(BASES)
    for topic, text in topics.items() if isinstance(topics, Mapping) else topics:
        observation = reader.read(f"{address.topic}/{topic}", text.encode(), retained)
        assert observation is not None, topic
        fleet.apply(observation, now)
    known = fleet.get(address)
    assert known is not None
    return known

"""What devices say while they are being updated is kept; what others say is not."""

from __future__ import annotations

import pytest

from homie_ota.bus import Bus, Notice
from homie_ota.fleet import Fleet
from homie_ota.homie.secrets import MASK
from homie_ota.ingest.batch import Identity
from homie_ota.ingest.witness import KEPT, Witness, shown
from homie_ota.model import Address, State, StateSeen

HALL, ATTIC = Address("homie/", "hall"), Address("homie/", "attic")


@pytest.fixture
def scene() -> tuple[Bus, Fleet, Witness]:
    """Two devices, with rows 1 and 2."""
    bus, fleet, identity = Bus(), Fleet(), Identity()
    for pk, address in enumerate((HALL, ATTIC), 1):
        fleet.apply(StateSeen(address, State.READY, False), 0.0)
        known = fleet.get(address)
        assert known is not None
        known.pk = pk
        identity.current[pk] = known
    return bus, fleet, Witness(bus, identity)


def test_a_device_is_watched_from_the_notice_of_its_order_on(scene: tuple[Bus, Fleet, Witness]) -> None:
    bus, _, witness = scene
    bus.say("device", device_pk=2)
    bus.say("deployment", id=1, device_pk=1)
    bus.say("deployment", id=2, device_pk=99)
    assert witness.watched == {HALL}
    witness.ended({1, 99})
    assert witness.watched == set()


def test_what_was_kept_is_taken_once_and_by_row(scene: tuple[Bus, Fleet, Witness]) -> None:
    _, fleet, witness = scene
    witness.note(HALL, "homie/hall/$state", b"ready", True, 5.0)
    witness.note(Address("homie/", "unknown"), "homie/unknown/$state", b"init", False, 6.0)
    (said,) = witness.take(fleet.get)[1]
    assert (said.at, said.direction, said.text, said.size, said.retained) == (5.0, "in", "ready", 5, True)
    assert witness.take(fleet.get) == {}


def test_a_flood_between_two_batches_is_not_kept_whole(scene: tuple[Bus, Fleet, Witness]) -> None:
    _, fleet, witness = scene
    for _ in range(2 * KEPT):
        witness.note(HALL, "homie/hall/x/y", b"1", False, 5.0)
    assert len(witness.take(fleet.get)[1]) == KEPT


@pytest.mark.parametrize(
    ("topic", "payload", "text"),
    [
        ("homie/hall/$implementation/ota/status", b"206 1/2", "206 1/2"),
        ("homie/hall/x/y", b"\xe9\x01\xff\xfe" * 9, "(binary)"),
        ("homie/hall/x/y", b"a" * 9999, "a" * 500),
        (
            "homie/hall/$implementation/config",
            b'{"wifi":{"ssid":"home","password":"very secret"}}',
            f'{{"wifi":{{"ssid":"home","password":"{MASK}"}}}}',
        ),
    ],
)
def test_payloads_are_shown_as_text_bounded_and_masked(topic: str, payload: bytes, text: str) -> None:
    assert shown(topic, payload) == text


def test_whoever_joined_the_bus_hears_before_say_returns() -> None:
    class Ear:
        def __init__(self) -> None:
            self.heard: list[Notice] = []

        def hear(self, notice: Notice) -> None:
            self.heard.append(notice)

    bus, ear = Bus(), Ear()
    bus.join(ear)
    bus.say("order", device_pk=3)
    assert ear.heard == [Notice("order", {"device_pk": 3})]

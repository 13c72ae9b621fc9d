"""What we subscribe to, what brings one device again, and what takes it off the broker."""

import pytest

from homie.known import LAMP, LAMP_5, V2, V3, V5, V15, heard
from homie_ota import homie
from homie_ota.homie.reader import READERS
from homie_ota.model import Address

MD5 = "d3c356ac479b3f857a2f7980acbcfcc2"


def fits(filter_: str, topic: str) -> bool:
    """Whether an MQTT filter without `#` takes a topic."""
    left, right = filter_.split("/"), topic.split("/")
    return len(left) == len(right) and all(
        one in ("+", other) for one, other in zip(left, right, strict=True)
    )


def brought(filters: tuple[str, ...], topic: str) -> bool:
    return any(fits(each, topic) for each in filters)


FILTERS = homie.subscriptions(["homie/", "devices"])

WANTED = [
    *(f"homie/lamp/{tail}" for tail in READERS if not tail.startswith("$description")),
    *(f"homie/5/lamp/{tail}" for tail in READERS),
    *(f"{address}/{tail}" for address in ("homie/lamp", "devices/lamp") for tail in {**V15, **V2, **V3}),
    *(f"homie/5/lamp/{tail}" for tail in V5),
    "devices/lamp/$ota",
    "homie/lamp/relay/on/$format",
    "homie/lamp/relay/on/$retained",
    "homie/5/lamp/relay/on/$target",
    "homie/5/lamp/$alert/battery",
    "homie/5/lamp/$log/warn",
]


@pytest.mark.parametrize("topic", WANTED)
def test_the_subscriptions_bring_everything_that_is_read(topic: str) -> None:
    assert brought(FILTERS, topic)


UNWANTED = [
    f"homie/lamp/$implementation/ota/firmware/{MD5}",
    "homie/lamp/$implementation/ota/firmware",
    f"homie/5/lamp/$implementation/ota/firmware/{MD5}",
    "homie/lamp/$implementation/config/set",
    "homie/5/lamp/$implementation/config/set",
    "homie/lamp/relay/on/set",
    "homie/5/lamp/relay/on/set",
    "devices/lamp/relay/on/set",
    "homie/lamp/$implementation/ota/checksum",
    "homie/lamp/a/b/c/d",
]


@pytest.mark.parametrize("topic", UNWANTED)
def test_no_image_no_command_and_no_password_come_back(topic: str) -> None:
    assert not brought(FILTERS, topic)
    base, _, _ = topic.partition("lamp")
    assert not brought(homie.reread(Address(base, "lamp"), ""), topic)


def test_nothing_is_subscribed_to_by_a_hash_or_below_the_properties_by_depth() -> None:
    for each in FILTERS:
        assert "#" not in each
        assert not each.endswith("/+/+/+/+") or "/5/" in each
    assert len(set(FILTERS)) == len(FILTERS)


def test_a_filter_that_another_one_covers_is_left_out() -> None:
    assert "homie/5/+/+" not in FILTERS
    assert "homie/5/+/+" in homie.subscriptions(["homie/5/"])


@pytest.mark.parametrize(
    ("topics", "address"), [(V15, Address("devices/", "lamp")), (V2, LAMP), (V3, LAMP), (V5, LAMP_5)]
)
def test_reading_a_device_again_brings_all_of_it_and_nothing_of_its_neighbours(
    topics: dict[str, str], address: Address
) -> None:
    filters = homie.reread(address, homie.generation(heard(topics, address=address).facts))
    assert all(brought(filters, f"{address.topic}/{topic}") for topic in topics)
    assert not any(brought(filters, f"{address.topic}er/{topic}") for topic in topics)
    assert not set(filters) & set(FILTERS)  # a filter that is subscribed to already brings nothing retained


@pytest.mark.parametrize(
    ("topics", "address"), [(V15, Address("devices/", "lamp")), (V2, LAMP), (V3, LAMP), (V5, LAMP_5)]
)
def test_clearing_the_topics_of_a_device_clears_all_of_it(topics: dict[str, str], address: Address) -> None:
    known = heard(topics, address=address)
    cleared = homie.topics_of(known)
    assert {f"{address.topic}/{topic}" for topic in topics} <= set(cleared)
    assert len(set(cleared)) == len(cleared)
    assert not any(topic.endswith("/set") for topic in cleared)


def test_what_says_that_a_device_exists_is_cleared_first() -> None:
    assert homie.topics_of(heard(V5, address=LAMP_5))[0] == "homie/5/lamp/$state"
    assert homie.topics_of(heard(V3))[:2] == ("homie/lamp/$state", "homie/lamp/$homie")


def test_leftovers_alerts_and_retained_images_are_cleared_too() -> None:
    topics = {
        **V3,
        "$alert/battery": "low",
        "$stats/lastupdate": "now",
        f"$implementation/ota/firmware/{MD5}": "\xe9image",
        "lights/$array": "0-1",
        "relay/on/$target": "true",
        "$implementation/ota/status": "200",
    }
    cleared = homie.topics_of(heard(topics))
    assert {f"homie/lamp/{topic}" for topic in topics} <= set(cleared)
    assert "homie/lamp/$fwname" in cleared  # else it would bring the device back

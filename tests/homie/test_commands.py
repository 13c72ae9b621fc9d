"""What is sent to devices, as values; and what is not sent because the device would ignore it."""

import pytest

from homie.known import LAMP, LAMP_5
from homie_ota.homie import push, url, v1, v2, v3, v5
from homie_ota.model import Address, Publish

MD5 = "d3c356ac479b3f857a2f7980acbcfcc2"
IMAGE = b"\xe9\x01\x02@rest"


@pytest.mark.parametrize("offer", [v2.offer, v3.offer, v5.offer, push.offer])
def test_an_image_goes_out_binary_once_and_not_retained(offer: object) -> None:
    assert callable(offer)
    topic = f"homie/5/lamp/$implementation/ota/firmware/{MD5}"
    assert offer(LAMP_5, MD5, IMAGE) == Publish(topic, IMAGE, qos=1, retain=False)


def test_the_md5_is_sent_in_lower_case_because_upper_case_flashes_again() -> None:
    offered = v3.offer(LAMP, MD5.upper(), IMAGE)
    assert offered is not None
    assert offered.topic.endswith(MD5)


@pytest.mark.parametrize("md5", ["", MD5[:-1], MD5 + "0", "g" * 32, "../../../../../../../../../../.."])
def test_no_image_goes_out_under_what_is_no_md5(md5: str) -> None:
    assert v3.offer(LAMP, md5, IMAGE) is None
    assert v2.announce_checksum(LAMP, md5) is None


def test_no_image_goes_to_a_topic_that_the_device_would_ignore() -> None:
    rest = len(f"/$implementation/ota/firmware/{MD5}")
    fits = Address("homie/", "x" * (128 - rest - len("homie/")))
    offered = v3.offer(fits, MD5, IMAGE)
    assert offered is not None
    assert len(offered.topic) == 128
    assert v3.offer(Address("homie/", fits.device_id + "x"), MD5, IMAGE) is None
    assert v3.offer(Address("homie/", fits.device_id[:-1] + "ü"), MD5, IMAGE) is None


def test_nothing_is_sent_when_there_is_nothing_in_the_image() -> None:
    assert v3.offer(LAMP, MD5, b"") is None
    assert v2.offer_after_checksum(LAMP, b"") is None


def test_beta_1_gets_the_checksum_first_and_the_image_after_its_answer() -> None:
    assert v2.announce_checksum(LAMP, MD5) == Publish(
        "homie/lamp/$implementation/ota/checksum", MD5.encode(), qos=1, retain=False
    )
    assert v2.offer_after_checksum(LAMP, IMAGE) == Publish(
        "homie/lamp/$implementation/ota/firmware", IMAGE, qos=1, retain=False
    )


@pytest.mark.parametrize(
    ("name", "version", "running", "wanted"),
    [
        ("lamp", "1.0.1", "lamp", "1.0.1"),
        ("lamp", "1234567890123456", "lamp", "1234567890123456"),
        ("lamp", "12345678901234567", "lamp", None),
        ("lamp", "", "lamp", None),
        ("lamp", "", "other", None),
        ("lamp", "123456789012345", "other", None),
        ("lamp", "üüüüüüüü", "lamp", "üüüüüüüü"),
        ("lamp", "üüüüüüüüü", "lamp", None),
    ],
)
def test_the_wanted_version_is_said_in_16_characters_or_not_at_all(
    name: str, version: str, running: str, wanted: str | None
) -> None:
    assert v1.wanted_text(name, version, running) == wanted


def test_another_firmware_is_asked_for_by_the_hash_of_its_name() -> None:
    wanted = v1.wanted_text("dual-relay", "1.0.3", "lamp")
    assert wanted == "89c0002a5c@1.0.3"  # printf dual-relay | sha1sum
    assert len(wanted) == 16
    assert v1.wanted_text("dual-relay", "12345678901234", "lamp") == "8@12345678901234"


def test_an_offer_over_http_is_a_word_in_ota_and_not_retained() -> None:
    offered = v1.offer(
        LAMP, firmware_name="lamp", version="1.1.0", running_name="lamp", running_version="1.0.0"
    )
    assert offered == Publish("homie/lamp/$ota", b"1.1.0", qos=1, retain=False)


def test_a_device_is_not_asked_for_the_version_it_runs() -> None:
    assert (
        v1.offer(LAMP, firmware_name="lamp", version="1.0.0", running_name="lamp", running_version="1.0.0")
        is None
    )
    other = v1.offer(
        LAMP, firmware_name="other", version="1.0.0", running_name="lamp", running_version="1.0.0"
    )
    assert other is not None
    assert other.payload.endswith(b"@1.0.0")


@pytest.mark.parametrize(
    ("wanted", "running", "name", "version", "matches"),
    [
        ("1.0.1", "lamp", "lamp", "1.0.1", True),
        ("1.0.1", "lamp", "other", "1.0.1", False),
        ("1.0.1", "lamp", "lamp", "1.0.2", False),
        (v1.short_hash("other", 10) + "@1.0.1", "lamp", "other", "1.0.1", True),
        (v1.short_hash("other", 10).upper() + "@1.0.1", "lamp", "other", "1.0.1", True),
        (v1.short_hash("other", 3) + "@1.0.1", "lamp", "other", "1.0.1", True),
        (v1.short_hash("other", 10) + "@1.0.1", "lamp", "lamp", "1.0.1", False),
        (v1.short_hash("other", 10) + "@1.0.2", "lamp", "other", "1.0.1", False),
        ("@1.0.1", "lamp", "lamp", "1.0.1", False),
        ("", "lamp", "lamp", "", False),
        ("@", "lamp", "lamp", "", False),
        ("a@b", "lamp", "lamp", "a@b", True),
    ],
)
def test_a_wanted_text_finds_the_firmware_it_means(
    wanted: str, running: str, name: str, version: str, matches: bool
) -> None:
    assert v1.matches(wanted, running, name, version) is matches


def test_what_is_offered_is_what_matches() -> None:
    for name in ("lamp", "other", "ünïcode"):
        wanted = v1.wanted_text(name, "1.0.3", "lamp")
        assert wanted is not None
        assert v1.matches(wanted, "lamp", name, "1.0.3")


def test_a_retained_request_is_settled_with_the_running_version_and_cleared_only_when_away() -> None:
    assert v1.settle(LAMP, "1.0.0") == Publish("homie/lamp/$ota", b"1.0.0", qos=1, retain=True)
    assert v1.clear(LAMP) == Publish("homie/lamp/$ota", b"", qos=1, retain=True)


def test_a_url_is_offered_when_the_device_takes_it() -> None:
    address = "http://192.168.0.1:9080/ota/i/token"
    assert url.offer(LAMP, address) == Publish(
        "homie/lamp/$implementation/ota/url", address.encode(), qos=1, retain=False
    )
    assert url.offer(LAMP, "https://x/" + "y" * 246) is not None


@pytest.mark.parametrize(
    "bad", ["", "ftp://x/y", "http://x/" + "y" * 248, "http://x/ü", "http://x/a b", "http://x/\n"]
)
def test_a_url_that_the_device_would_not_take_is_not_offered(bad: str) -> None:
    assert url.offer(LAMP, bad) is None

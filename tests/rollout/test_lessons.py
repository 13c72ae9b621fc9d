"""What the end of a deployment teaches, and that eligibility says it the next time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.model import Firmware, OtaEvent, Way
from homie_ota.rollout import reasons
from homie_ota.rollout.eligibility import Candidate, Fact, Room, Running, judge
from homie_ota.rollout.eligibility.lessons import LEARNED, TEACHING, End, learn, sectors, together

MIB = 1 << 20
LAMP = Firmware(
    "f" * 64, "b" * 32, "lamp", "2.0.0", "lamp-2.0.0.bin", 400_000, chip="esp8266", flash_size=4 * MIB
)
RAN = Running("e" * 64, "a" * 32, "lamp", "1.0.0", 390_000, "esp8266")
Facts = dict[str, Fact]


def ended(
    code: str = "",
    *,
    after: str = LAMP.md5,
    image: Firmware = LAMP,
    ran: Running | None = RAN,
    known: Facts | None = None,
) -> Facts:
    """What is known after such an end; no code: the device came back with the image."""
    known = known or {}
    news = learn(End(not code, code, "a" * 32, after, 7), image, ran, known)
    return known | {fact: Fact(value, evidence, 1000.0) for fact, (value, evidence) in news.items()}


def device(known: Facts, running: Running | None = RAN, md5: str = "a" * 32) -> Candidate:
    facts = {fact: each for fact, each in known.items() if each.value}
    return Candidate(
        "hall-lamp", Way.MQTT, fw_name="lamp", fw_version="1.0.0", md5=md5, running=running, facts=facts
    )


def test_an_image_that_arrived_teaches_chip_flash_and_room() -> None:
    known = ended()
    assert {fact: each.value for fact, each in known.items()} == {
        "took_total": str(together(400_000, 390_000)), "took_flash": str(4 * MIB),
        "chip": "esp8266",
    }  # fmt: skip
    assert known["took_total"].evidence == (
        "It took lamp 2.0.0 (400000 bytes) and came back with it, deployment 7."
    )


@pytest.mark.parametrize("ran", [RAN, None])
def test_who_refused_so_many_bytes_is_not_asked_again(ran: Running | None) -> None:
    known = ended("no-space", ran=ran)
    answer = judge(device(known, ran), LAMP)
    assert answer.code == "too-large"
    assert "NOT_ENOUGH_SPACE" in answer.refusals[0].evidence
    assert answer.refusals[0].at == 1000.0
    assert judge(device(known, ran), replace(LAMP, size=200_000, sha256="0" * 64)).allowed


def test_a_smaller_running_image_makes_room_again() -> None:
    known = ended("no-space")
    small = RAN._replace(md5="c" * 32, size=100_000)
    assert judge(device(known, small, "c" * 32), LAMP).fit.answer is Room.UNKNOWN


def test_a_success_takes_back_what_it_contradicts() -> None:
    known = ended(known=ended("bad-firmware", known=ended("no-space", known=ended("flash-config"))))
    for fact in ("no_space_size", "no_space_total", "flash_refused", "image_refused", "flash_config"):
        assert known[fact].value == "", fact
    assert judge(device(known), LAMP).allowed


def test_a_refusal_takes_back_the_room_that_was_thought_to_be_there() -> None:
    assert ended("no-space", known=ended())["took_total"].value == ""


def test_the_smallest_refusal_and_the_largest_success_are_kept() -> None:
    small, large = replace(LAMP, size=300_000), replace(LAMP, size=500_000)
    refused = ended("no-space", image=large, known=ended("no-space"))
    assert refused["no_space_size"].value == "400000"
    assert refused["no_space_total"].value == str(together(400_000, 390_000))
    assert ended(image=small, known=ended())["took_total"].value == str(together(400_000, 390_000))


def test_a_flash_size_that_was_no_valid_firmware_is_not_sent_again() -> None:
    known = ended("bad-firmware")
    other = replace(LAMP, sha256="0" * 64)
    assert judge(device(known), other).code == "flash-too-small"
    assert judge(device(known), replace(other, flash_size=MIB)).allowed
    assert "flash_refused" not in ended("bad-firmware", known=ended()), "it took that flash size before"
    assert "flash_refused" not in ended("bad-firmware", ran=RAN._replace(flash_size=4 * MIB)), (
        "one like that runs"
    )


def test_a_wrong_setting_of_what_runs_refuses_everything_until_something_else_runs() -> None:
    known = ended("flash-config")
    assert judge(device(known), LAMP).code == "flash-config"
    assert judge(device(known, md5="c" * 32, running=None), LAMP).allowed


def test_a_rewritten_image_is_known_again_by_the_checksum_that_the_device_announces() -> None:
    known = ended(after="9" * 32)
    assert judge(device(known, None, "9" * 32), LAMP).code == "runs-it"
    assert "rewritten_md5" not in ended(after="")


def test_an_esp32_shares_nothing() -> None:
    image = replace(LAMP, chip="esp32-c3")
    assert "took_total" not in ended(image=image)
    assert ended(image=image)["took_size"].value == "400000"
    assert "no_space_total" not in ended("no-space", image=image)


def test_what_the_device_says_has_the_code_that_teaches() -> None:
    assert reasons.refused(OtaEvent.ERROR, "INTERNAL_ERROR 8").code == "flash-config"
    assert reasons.refused(OtaEvent.ERROR, "INTERNAL_ERROR 28").code == "device-error"
    told = {reasons.refused(each, "INTERNAL_ERROR 8").code for each in reasons.REFUSALS}
    assert told >= TEACHING


@given(
    st.sampled_from(["", *sorted(TEACHING), "transfer-broken"]),
    st.integers(1, 1 << 24),
    st.integers(0, 1 << 24),
)
def test_only_known_facts_are_learned_and_a_refused_image_is_refused(code: str, size: int, ran: int) -> None:
    image = replace(LAMP, size=size)
    known = ended(code, image=image, ran=RAN._replace(size=ran))
    assert set(known) <= set(LEARNED)
    assert (code == "transfer-broken") <= (known == {})
    answer = judge(device(known, RAN._replace(size=ran)), image)
    assert answer.allowed is (code not in TEACHING)
    assert sectors(size) % 4096 == 0

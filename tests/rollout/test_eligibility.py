"""May it, is it newer, does it fit? Every rule with its evidence there, absent, and overridden; as tables."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.model import Firmware, Purpose, Way
from homie_ota.rollout.eligibility import (
    LIFTABLE,
    Answer,
    Ask,
    Candidate,
    Circumstances,
    Fact,
    Hold,
    Order,
    Room,
    Running,
    Siblings,
    Verdict,
    Weight,
    judge,
    lessons,
)
from homie_ota.rollout.eligibility.may import RULES

MIB = 1 << 20
LAMP = Firmware(
    sha256="f" * 64, md5="b" * 32, name="lamp", version="2.0.0", filename="lamp-2.0.0.bin", size=400_000,
    chip="esp8266", flash_size=MIB, flash_mode="dio",
)  # fmt: skip
DEVICE = Candidate(
    "hall-lamp", Way.MQTT, implementation="esp8266", ota_enabled=True, fw_name="lamp", fw_version="1.0.0",
    md5="a" * 32,
)  # fmt: skip
RUNS = Running("e" * 64, "a" * 32, "lamp", "1.0.0", 390_000, "esp8266", MIB, "dio", evidence="Known by MD5.")
OLD = replace(DEVICE, way=Way.HTTP, md5="")
ALONE = Ask(named=False)


def knowing(device: Candidate = DEVICE, /, **facts: str | int) -> Candidate:
    """The device with these facts, learned at 1000."""
    return replace(
        device, facts={name: Fact(str(value), "It was seen.", 1000.0) for name, value in facts.items()}
    )


def codes(answer: Answer, weight: Weight) -> list[str]:
    return [each.code for each in answer.reasons if each.weight is weight]


def test_a_newer_build_of_the_same_name_may_go_there() -> None:
    answer = judge(replace(DEVICE, running=RUNS), LAMP)
    assert (answer.verdict, answer.code, answer.newer.answer) == (Verdict.YES, "eligible", Order.NEWER)


# --- May it? -------------------------------------------------------------------------------------------------------

PATHOLOGICAL = Circumstances(offer_fits=False)
HELD = Circumstances(quarantined=Hold("It failed three times.", 900.0))
REFUSALS: list[tuple[str, Candidate, Firmware, Circumstances, Ask, str]] = [
    ("no-way", replace(DEVICE, way=Way.NONE, way_evidence="It has no OTA topics."), LAMP, Circumstances(), Ask(),
     "no OTA topics."),
    ("ota-disabled", replace(DEVICE, ota_enabled=False), LAMP, Circumstances(), Ask(), "ota.enabled"),
    ("runs-it", replace(DEVICE, md5=LAMP.md5), LAMP, Circumstances(), Ask(), "this very image"),
    ("runs-it", replace(OLD, fw_version="2.0.0"), LAMP, Circumstances(), Ask(), "new version"),
    ("runs-it", knowing(rewritten_md5="a" * 32, rewritten_as=LAMP.sha256), LAMP, Circumstances(), Ask(),
     "changed the flash mode"),
    ("not-an-image", DEVICE, replace(LAMP, kind="file-system"), Circumstances(), Ask(), "“file system”"),
    ("unnameable", replace(OLD, fw_version="1"), LAMP, PATHOLOGICAL, Ask(), "16 characters"),
    ("unnameable", DEVICE, LAMP, PATHOLOGICAL, Ask(), "128 characters"),
    ("pinned", replace(DEVICE, pinned=Hold("its roof is open")), LAMP, Circumstances(), Ask(), "its roof is open"),
    ("quarantined", DEVICE, LAMP, HELD, Ask(), "failed three times"),
    ("dead-end", DEVICE, replace(LAMP, proven="dead-end"), Circumstances(), Ask(), "could not be updated again"),
    ("wrong-kind", DEVICE, replace(LAMP, kind="factory"), Circumstances(), Ask(), "“factory”"),
    ("wrong-chip", replace(DEVICE, implementation="esp32"), LAMP, Circumstances(), Ask(), "ESP32 build"),
    ("wrong-chip", knowing(replace(DEVICE, implementation=""), family="esp32"), LAMP, Circumstances(), Ask(), "ESP32"),
    ("wrong-chip", knowing(replace(DEVICE, implementation="esp32"), chip="esp32-c3"), replace(LAMP, chip="esp32"),
     Circumstances(), Ask(), "ESP32C3 build"),
    ("wrong-chip", replace(DEVICE, implementation="esp32", running=RUNS._replace(chip="esp32-s2")),
     replace(LAMP, chip="esp32-s3"), Circumstances(), Ask(), "ESP32S2 build"),
    ("wrong-chip", replace(DEVICE, implementation="esp32", running=RUNS), LAMP, Circumstances(), Ask(), "ESP32 build"),
    ("too-large", knowing(free_space=399_999), LAMP, Circumstances(), Ask(), "399999 bytes free"),
    ("too-large", knowing(no_space_size=400_000, no_space_beside="a" * 32), LAMP, Circumstances(), Ask(),
     "refused 400000 bytes"),
    ("too-large", knowing(replace(DEVICE, running=RUNS), no_space_total=790_000), LAMP, Circumstances(), Ask(), "KB"),
    ("too-large", replace(DEVICE, running=RUNS._replace(flash_size=512 << 10)), LAMP, Circumstances(), Ask(), "in all"),
    ("flash-too-small", knowing(chip_size=MIB), replace(LAMP, flash_size=4 * MIB), Circumstances(), Ask(), "1024 KB"),
    ("flash-too-small", knowing(flash_refused=4 * MIB), replace(LAMP, flash_size=4 * MIB), Circumstances(), Ask(),
     "refused an image for 4096 KB"),
    ("flash-config", knowing(flash_config="a" * 32), LAMP, Circumstances(), Ask(), "by cable"),
    ("refused-before", knowing(image_refused=LAMP.sha256), LAMP, Circumstances(), Ask(), "this very image"),
    ("stepping-stone", DEVICE, replace(LAMP, requires=">=1.5"), Circumstances(), Ask(), "lamp >=1.5 first"),
    ("downgrade", replace(DEVICE, fw_version="3.0"), LAMP, Circumstances(), ALONE, "nobody asked"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "device", "firmware", "around", "ask", "word"), REFUSALS)
def test_a_refusal_says_why_with_its_evidence_and_a_typed_reason_lifts_what_it_may(
    code: str, device: Candidate, firmware: Firmware, around: Circumstances, ask: Ask, word: str
) -> None:
    answer = judge(device, firmware, ask, around)
    assert (answer.verdict, answer.code) == (Verdict.NO, code)
    assert word in answer.sentence
    assert device.device_id in answer.sentence or firmware.filename in answer.sentence
    assert answer.overridable is LIFTABLE[code]

    lifted = judge(device, firmware, ask._replace(override="I know better"), around)
    assert lifted.allowed is LIFTABLE[code]
    if LIFTABLE[code]:
        assert answer.sentence in " ".join(lifted.warnings), "what was lifted goes on to warn"
        assert next(each for each in lifted.reasons if each.code == code).lifted
    assert judge(device, firmware, ask._replace(override="   "), around).code == code, "blanks are no reason"


def test_every_refusal_is_in_the_table() -> None:
    assert {each[0] for each in REFUSALS} == set(LIFTABLE)


def test_what_was_learned_is_told_with_how_and_when() -> None:
    (reason,) = judge(knowing(free_space=1000), LAMP).refusals
    assert (reason.evidence, reason.at, reason.liftable) == ("It was seen.", 1000.0, True)


@pytest.mark.parametrize(
    ("device", "firmware"),
    [
        (Candidate("x", Way.MQTT), LAMP),
        (replace(DEVICE, implementation=""), LAMP),
        (replace(DEVICE, implementation="esp32"), replace(LAMP, chip="esp32-c3")),
        (DEVICE, replace(LAMP, chip="", flash_size=0, flash_mode="")),
        (DEVICE, replace(LAMP, kind="factory", override="it is good")),
        (knowing(no_space_size=400_000, no_space_beside="c" * 32), LAMP),  # something else ran then
        (knowing(no_space_total=1), LAMP),  # how large the running image is nobody knows
        (knowing(flash_config="c" * 32), LAMP),
        (knowing(rewritten_md5="c" * 32, rewritten_as=LAMP.sha256), LAMP),
        (knowing(image_refused="0" * 64), LAMP),
        (knowing(free_space="", chip_size="lots"), LAMP),
        (replace(DEVICE, fw_version=""), replace(LAMP, requires=">=1.5")),
        (replace(DEVICE, fw_version="master"), replace(LAMP, requires=">=1.5")),
        (DEVICE, replace(LAMP, requires="≥ 1.5 or so")),
    ],
)
def test_what_is_not_known_refuses_nothing(device: Candidate, firmware: Firmware) -> None:
    assert judge(device, firmware).allowed


@given(st.sets(st.sampled_from([each.name for each in fields(Candidate)][2:])), st.sampled_from(REFUSALS))
def test_forgetting_what_is_known_never_adds_a_refusal(forgotten: set[str], case: Any) -> None:
    _, device, firmware, around, ask, _ = case
    # The name that runs is what versions are compared under: without it nothing is known of the version either.
    names = forgotten | ({"fw_version"} if "fw_name" in forgotten else set())
    unknown = {each.name: getattr(Candidate("x", Way.MQTT), each.name) for each in fields(Candidate)}
    less = replace(device, **{name: unknown[name] for name in names if name != "md5"})
    known = {each.code for each in judge(device, firmware, ask, around).refusals}
    assert {each.code for each in judge(less, firmware, ask, around).refusals} <= known


@given(st.text(), st.sets(st.sampled_from(range(len(REFUSALS))), min_size=1, max_size=5))
def test_no_text_lifts_what_cannot_work(override: str, numbers: set[int]) -> None:
    for number in numbers:
        code, device, firmware, around, ask, _ = REFUSALS[number]
        if not LIFTABLE[code]:
            assert not judge(device, firmware, ask._replace(override=override), around).allowed


def test_one_rule_a_code_is_said_once() -> None:
    worst = replace(DEVICE, way=Way.NONE, ota_enabled=False, implementation="esp32", pinned=Hold("no"))
    found = judge(worst, LAMP).refusals
    assert [each.code for each in found] == ["no-way", "ota-disabled", "pinned", "wrong-chip"]
    assert len(RULES) == len(set(RULES))


def test_going_back_is_asked_for_by_name_and_is_only_noted_on_the_way_back() -> None:
    ahead = replace(DEVICE, fw_version="3.0")
    assert codes(judge(ahead, LAMP), Weight.WARNS) == ["downgrade"]
    assert codes(judge(ahead, LAMP, ALONE), Weight.REFUSES) == ["downgrade"]
    assert "downgrade" in codes(judge(ahead, LAMP, ALONE._replace(purpose=Purpose.REVERT)), Weight.NOTES)


def test_another_firmware_name_is_a_warning_and_no_refusal() -> None:
    for ask in (Ask(), ALONE):
        answer = judge(replace(DEVICE, fw_name="old-lamp"), LAMP, ask)
        assert codes(answer, Weight.WARNS) == ["other-name"]
        assert "old-lamp" in " ".join(answer.warnings)


def test_the_way_back_needs_no_stepping_stone_and_the_bench_tries_a_dead_end_again() -> None:
    assert judge(DEVICE, replace(LAMP, requires=">=1.5"), Ask(purpose=Purpose.REVERT)).allowed
    assert judge(DEVICE, replace(LAMP, proven="dead-end"), Ask(purpose=Purpose.BENCH)).allowed


# --- Is it newer? --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "version", "order", "word"),
    [
        (DEVICE, "2.0.0", Order.NEWER, "newer than the 1.0.0"),
        (DEVICE, "0.9", Order.OLDER, "older than the 1.0.0"),
        (DEVICE, "1.0.0", Order.EQUAL, "other bytes"),
        (DEVICE, "v1.0", Order.EQUAL, "one version"),
        (replace(DEVICE, md5=""), "1.0.0", Order.EQUAL, "does not tell"),
        (replace(DEVICE, md5=LAMP.md5), "1.0.0", Order.EQUAL, "this very image"),
        (replace(DEVICE, fw_version="master"), "2.0.0", Order.UNKNOWN, "Nobody can tell"),
        (replace(DEVICE, fw_version=""), "2.0.0", Order.UNKNOWN, "has not told"),
        (replace(DEVICE, fw_name="plug"), "2.0.0", Order.UNKNOWN, "two firmwares"),
    ],
)
def test_newer_is_said_and_never_guessed(device: Candidate, version: str, order: Order, word: str) -> None:
    newer = judge(device, replace(LAMP, version=version)).newer
    assert newer.answer is order
    assert word in newer.text


def test_the_same_version_of_other_bytes_warns() -> None:
    assert codes(judge(DEVICE, replace(LAMP, version="1.0.0")), Weight.WARNS) == ["same-version"]


# --- Does it fit? --------------------------------------------------------------------------------------------------

BOTH = lessons.together(LAMP.size, RUNS.size)


@pytest.mark.parametrize(
    ("device", "room", "word"),
    [
        (DEVICE, Room.UNKNOWN, "Not known"),
        (replace(DEVICE, running=RUNS), Room.UNKNOWN, "for the image that runs"),
        (knowing(free_space=400_000), Room.FITS, "400000"),
        (knowing(free_space=399_999), Room.TOO_LARGE, "399999"),
        # Another image ran when it told what is free: brought to what runs now.
        (knowing(replace(DEVICE, running=RUNS), free_space=390_000, sketch_size=409_600, sketch_md5="c" * 32),
         Room.FITS, "406384"),
        (knowing(free_space=400_000, sketch_md5="c" * 32), Room.UNKNOWN, "Not known"),
        (knowing(replace(DEVICE, running=RUNS), took_total=BOTH), Room.FITS, "has had"),
        (knowing(replace(DEVICE, running=RUNS), took_total=BOTH - 4096), Room.UNKNOWN, "Not known"),
        (knowing(replace(DEVICE, running=RUNS), no_space_total=BOTH), Room.TOO_LARGE, "had less than"),
        (knowing(replace(DEVICE, running=RUNS), no_space_total=BOTH + 4096), Room.UNKNOWN, "Not known"),
        (replace(DEVICE, running=RUNS._replace(flash_size=512 << 10)), Room.TOO_LARGE, "512 KB of flash in all"),
    ],
)  # fmt: skip
def test_whether_it_fits_is_known_by_evidence_alone(device: Candidate, room: Room, word: str) -> None:
    fit = judge(device, LAMP).fit
    assert fit.answer is room
    assert word in fit.text


def test_the_latest_evidence_counts() -> None:
    took = Fact(str(BOTH), "It took one.", 2000.0)
    refused = Fact(str(BOTH), "It refused one.", 1000.0)
    device = replace(DEVICE, running=RUNS, facts={"took_total": took, "no_space_total": refused})
    assert judge(device, LAMP).fit.answer is Room.FITS
    later = replace(device, facts={"took_total": took, "no_space_total": refused._replace(at=3000.0)})
    assert judge(later, LAMP).fit.evidence == "It refused one."


def test_an_esp32_has_a_partition_for_each() -> None:
    image = replace(LAMP, chip="esp32", size=1_200_000)
    esp32 = replace(
        DEVICE,
        implementation="esp32",
        running=RUNS._replace(chip="esp32", size=1_200_000, flash_size=4 * MIB),
    )
    assert judge(knowing(esp32, free_space=1_310_720, sketch_size=1_000_000), image).fit.answer is Room.FITS
    assert judge(knowing(esp32, took_size=1_250_000), image).fit.answer is Room.FITS
    assert judge(knowing(esp32, no_space_size=1_200_000), image).fit.answer is Room.TOO_LARGE


# --- What to think of ----------------------------------------------------------------------------------------------

SIGNED = RUNS._replace(signed=True)


@pytest.mark.parametrize(
    ("device", "firmware", "around", "code", "word"),
    [
        (DEVICE, replace(LAMP, warnings=("It has a password.",)), Circumstances(), "image", "password"),
        (DEVICE, replace(LAMP, override="it is fine"), Circumstances(), "stored-by-override", "it is fine"),
        (
            replace(DEVICE, running=RUNS),
            replace(LAMP, flash_mode="dout"),
            Circumstances(),
            "flash-mode",
            "DOUT",
        ),
        (
            replace(DEVICE, running=RUNS),
            replace(LAMP, flash_size=4 * MIB),
            Circumstances(),
            "flash-layout",
            "4096 KB",
        ),
        (
            replace(DEVICE, running=RUNS),
            replace(LAMP, size=530_000),
            Circumstances(),
            "tight",
            "no more than",
        ),
        (replace(DEVICE, running=SIGNED), LAMP, Circumstances(), "signature-missing", "not signed"),
        (
            replace(DEVICE, running=RUNS),
            replace(LAMP, signed=True),
            Circumstances(),
            "signature-begins",
            "ever again",
        ),
        (OLD, replace(LAMP, magic=True), Circumstances(), "next-address", "another base topic"),
        (replace(DEVICE, implementation="esp32-idf"), LAMP, Circumstances(), "other-family", "esp32-idf"),
        (replace(DEVICE, implementation=""), LAMP, Circumstances(), "chip-unknown", "ESP8266 alone"),
        (replace(DEVICE, way=Way.URL), LAMP, Circumstances(), "no-checksum", "name and version alone"),
        (
            replace(DEVICE, fw_version="?"),
            replace(LAMP, requires=">1"),
            Circumstances(),
            "stone-unknown",
            "nobody",
        ),
        (
            DEVICE,
            LAMP,
            Circumstances(siblings=Siblings(1, 3)),
            "siblings-refused",
            "3 devices like hall-lamp",
        ),
    ],
)
def test_a_warning_is_said_and_refuses_nothing(
    device: Candidate, firmware: Firmware, around: Circumstances, code: str, word: str
) -> None:
    answer = judge(device, firmware, Ask(), around)
    assert answer.verdict is Verdict.WARNED
    assert codes(answer, Weight.WARNS) == [code]
    assert word in " ".join(answer.warnings)


@pytest.mark.parametrize(
    ("device", "firmware"),
    [
        (DEVICE, LAMP),
        (replace(DEVICE, implementation="esp32-idf"), replace(LAMP, chip="esp32")),
        (replace(DEVICE, implementation="", running=RUNS), LAMP),
        (knowing(replace(DEVICE, implementation=""), family="esp8266"), LAMP),
        (replace(DEVICE, implementation=""), replace(LAMP, chip="")),
        (replace(OLD, implementation=""), LAMP),
    ],
)
def test_where_anything_tells_the_chip_nobody_is_warned_that_it_is_unknown(
    device: Candidate, firmware: Firmware
) -> None:
    assert not judge(device, firmware).has("chip-unknown")


@pytest.mark.parametrize(
    ("device", "around", "code"),
    [
        (DEVICE, Circumstances(siblings=Siblings(took=12)), "siblings-took"),
        (DEVICE, Circumstances(siblings=Siblings(took_flash=12)), "siblings-took-flash"),
        (DEVICE, Circumstances(), "no-way-back"),
    ],
)
def test_a_note_changes_nothing(device: Candidate, around: Circumstances, code: str) -> None:
    answer = judge(device, LAMP, Ask(), around)
    assert answer.verdict is Verdict.YES
    assert code in codes(answer, Weight.NOTES)


def test_what_siblings_did_never_refuses() -> None:
    assert judge(DEVICE, LAMP, Ask(), Circumstances(siblings=Siblings(0, 1000, 0))).allowed


def test_a_device_of_1_5_announces_no_chip_and_can_only_be_an_esp8266() -> None:
    silent = replace(OLD, implementation="")
    assert judge(silent, LAMP).verdict is not Verdict.NO
    answer = judge(silent, replace(LAMP, chip="esp32-c3"))
    assert (answer.verdict, answer.code) == (Verdict.NO, "wrong-chip")
    told = replace(knowing(silent, family="esp32"), implementation="")
    assert judge(told, replace(LAMP, chip="esp32")).verdict is not Verdict.NO

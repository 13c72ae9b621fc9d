"""Each recorded scenario of running firmware ends in the right verdict, for the right reason."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from homie_ota.health import Thresholds
from homie_ota.model import ENDED, DeploymentState
from homie_ota.rollout.soak import Terms
from homie_ota.store import verifying
from homie_ota.store.database import Connection, Database
from rollout.recorded import Heard
from simulator.recordings import FOLDER

NO_SOAK = Terms(soak=0.0, intervals=0, wakes=0)

NOT_A_SCENARIO = {"homie2/topic_too_long_xxxxxxxxxx"}
SHORTENED = {"homie3/topic_too_long_xxxxxxxxxx": 6.3}
"""As in simulator/test_recorded_mqtt.py: two firmwares under one client id threw each other out."""

GOOD = ["booted"]
"""It came back with the target and was ready."""
LATE = ["booted late"]
"""It was refused or given up, and came back with the target by another image that was sent meanwhile."""
NOTHING: list[str] = []
"""No image was sent to it, or none that it could have heard."""

VERDICTS: dict[str, list[str]] = {
    "boot": NOTHING,
    "broadcast_and_set": NOTHING,
    "config_set_retained": NOTHING,
    "during_init": NOTHING,
    "empty_payload": NOTHING,
    "lwt_and_reconnect": NOTHING,
    "reset": NOTHING,
    "stats": NOTHING,
    "tcp_cut_idle": NOTHING,
    "wifi_drop_idle": NOTHING,
    "ota_clear_empty": NOTHING,
    # Over MQTT: good ones, some of which only look bad.
    "ota_base64": GOOD,
    "ota_base64_pad1": GOOD,
    "ota_binary_qos0": GOOD,
    "ota_binary_qos1": GOOD,
    "ota_right_at_ready": GOOD,
    "retained_firmware": GOOD,
    "slow_transfer_30s": GOOD,
    "stats_during_ota": GOOD,
    "uppercase_md5_same": GOOD,
    "two_at_once": GOOD,
    "two_at_once_smaller": GOOD,
    "flash_mode_mismatch": GOOD,
    "retained_mode_loop": GOOD,
    # Refused.
    "same_md5": ["same-image"],
    "ota_disabled": ["ota-disabled"],
    "config_set": ["ota-disabled"],
    "no_space": ["no-space"],
    "flash_error": ["flash-error"],
    "flash_size_too_big": ["bad-firmware"],
    "gzip_image": ["bad-firmware"],
    "corrupt_middle": ["bad-checksum"],
    "retained_wrong_loop": ["bad-checksum"],
    "base64_newlines": ["bad-firmware"],
    "base64_nopad": ["bad-firmware"],
    "base64_align_q0_2": ["bad-firmware"],
    "base64_align_q0_3": ["bad-firmware"],
    "base64_align_q1_0": ["bad-firmware"],
    "homie2/base64_align_q1_0": ["bad-checksum"],
    "base64_align_q1_1": ["bad-firmware"],
    "topic_too_long_xxxxxxxxxx": ["no-answer"],
    # Refused, and then a good one was sent.
    "not_e9": ["bad-firmware", *GOOD],
    "sleeping": LATE,  # what was sent while it slept was lost; a retained one reached it
    "bad_checksum": LATE,
    "invalid_md5_topic": LATE,
    "truncated": LATE,
    # Broken off.
    "drop_mid_transfer": LATE,
    "homie2/drop_mid_transfer": ["transfer-broken"],  # 2.0.0 takes nothing more until it restarts
    "kill9_mid_transfer": ["transfer-broken"],
    "slow_transfer": ["too-slow"],
    # Flashed, and never seen again.
    "not_homie": ["not-back"],
    "one_byte": ["not-back"],
    "base64_align_q0_0": ["not-back"],  # the recorder stopped it in the middle of its reboot
    "base64_align_q0_1": ["not-back"],
    "base64_align_q1_2": ["not-back"],
    "base64_align_q1_3": ["not-back"],
    # 1.5 over HTTP.
    "http_200_md5": GOOD,
    "http_200_no_md5": GOOD,
    "http_200_bad_md5": ["came-back-old"],
    "http_not_e9": ["came-back-old"],
    "http_too_big": ["came-back-old"],
    "http_wrong_flash": ["came-back-old"],
    "http_chunked": ["came-back-old"],
    "http_no_content_length": ["came-back-old"],
    "http_truncated": ["transfer-broken"],
    "http_302": ["transfer-broken"],
    "http_304": ["transfer-broken"],
    "http_403": ["transfer-broken"],
    "http_404": ["transfer-broken"],
    "http_500": ["transfer-broken"],
    "http_refused": ["no-http-request"],
    "ota_long_version": ["no-http-request"],
    "ota_same_version": ["no-http-request"],
    "ota_not_retained_304": ["transfer-broken"],
    "ota_retained_loop": ["came-back-other"],
}
"""Scenario, of one firmware where they differ → the code of each attempt; a success that came late says so."""

HARMFUL = {"came-back-old", "came-back-other", "not-back"}


def scenarios() -> list[str]:
    found = (f"{path.parent.name}/{path.stem}" for path in sorted(FOLDER.glob("*/*.jsonl")))
    return [name for name in found if name not in NOT_A_SCENARIO]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without rows: making one takes longer than a scenario."""
    path = tmp_path_factory.mktemp("empty") / "x.sqlite3"
    database = Database(str(path))
    database.migrate()
    database.close()
    return path


@pytest.fixture
def connection(empty: Path, tmp_path: Path) -> Iterator[Connection]:
    database = Database(str(shutil.copy(empty, tmp_path / "x.sqlite3")))
    with database._durable.begin() as found:
        yield found
    database.close()


def heard(connection: Connection, name: str, terms: Terms) -> Heard:
    verifying.use_terms(terms, Thresholds())
    return Heard(connection, FOLDER / f"{name}.jsonl", SHORTENED.get(name)).play()


def test_there_is_a_verdict_for_every_scenario_and_no_other() -> None:
    if not FOLDER.is_dir():
        pytest.skip("no recorded traffic here: ../shared is absent")
    named = set(scenarios())
    known = {name for name in named if name in VERDICTS} | {name.partition("/")[2] for name in named}
    assert set(VERDICTS) <= known
    assert all(name in VERDICTS or name.partition("/")[2] in VERDICTS for name in named)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="no recorded traffic here: ../shared is absent")
@pytest.mark.parametrize("name", scenarios() or ["(none)"])
def test_a_recorded_scenario_ends_in_its_verdict(connection: Connection, name: str) -> None:
    expected = VERDICTS.get(name) or VERDICTS[name.partition("/")[2]]
    attempts = heard(connection, name, NO_SOAK).end().attempts
    assert [each.code + (" late" if each.late else "") for each in attempts] == expected
    for each in attempts:
        assert each.state in ENDED
        assert (each.outcome == "harmful") == bool(each.harmful) == (each.code in HARMFUL)
        assert each.reason or each.code == "booted"


@pytest.mark.skipif(not FOLDER.is_dir(), reason="no recorded traffic here: ../shared is absent")
@pytest.mark.parametrize("name", [each for each in scenarios() if "ota_binary" in each or "http_200" in each])
def test_two_seconds_of_being_ready_are_not_enough_when_a_soak_is_asked_for(
    connection: Connection, name: str
) -> None:
    """The recorder killed each device shortly after its update: with that it is no success."""
    at_the_end = heard(connection, name, Terms())
    states = [each.state for each in at_the_end.attempts]
    assert set(states) <= {DeploymentState.VERIFYING, DeploymentState.FAILED}
    ended = at_the_end.end().attempts
    assert all(each.state is DeploymentState.FAILED for each in ended)
    assert {each.code for each in ended} <= {"silent", "came-back-old"}


def test_the_note_of_a_rewritten_flash_mode_is_kept_in_the_reason(connection: Connection) -> None:
    if not FOLDER.is_dir():
        pytest.skip("no recorded traffic here: ../shared is absent")
    (ended,) = heard(connection, "homie3/flash_mode_mismatch", NO_SOAK).end().attempts
    assert "flash mode" in ended.reason

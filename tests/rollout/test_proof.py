"""What news of a device proves: tables of news against the deployment that they reach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from homie_ota.model import Deployment, DeploymentState, Firmware, OtaEvent, State, Way
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.proof import AnnounceNews, Proof, StateNews, StatusNews, is_complete, weigh
from homie_ota.rollout.reasons import REFUSALS, SELF_DROP

OLD, NEW, THIRD = "a" * 32, "b" * 32, "c" * 32
TARGET = Firmware(
    sha256="f" * 64, md5=NEW, name="lamp", version="2.0.0", filename="lamp-2.0.0.bin", size=1000
)


def deployment(state: DeploymentState, done: int = 0, **before: object) -> Deployment:
    ran: dict[str, object] = {"fw_name": "lamp", "fw_version": "1.0.0", "md5": OLD, **before}
    return Deployment(
        id=1, device_pk=1, sha256=TARGET.sha256, attempt=1, state=state, state_since=100.0, created_at=90.0,
        offered_at=100.0, bytes_total=1000, bytes_done=done, before=ran,
    )  # fmt: skip


OFFERED = deployment(DeploymentState.OFFERED)
TRANSFERRING = deployment(DeploymentState.TRANSFERRING, 400)
COMPLETE = deployment(DeploymentState.TRANSFERRING, 980)
REBOOTING = deployment(DeploymentState.REBOOTING, 1000)
VERIFYING = deployment(DeploymentState.VERIFYING, 1000)


def announce(md5: str, version: str = "2.0.0", *, live: bool = True, at: float = 120.0) -> AnnounceNews:
    return AnnounceNews(at, "lamp", version, md5, live)


def event_of(proof: Proof | None) -> Event | None:
    return proof.event if proof else None


@pytest.mark.parametrize(
    ("news", "of", "event", "code"),
    [
        (announce(NEW), REBOOTING, Event.CONFIRM, None),
        (announce(NEW, live=False), REBOOTING, Event.CONFIRM, None),
        (announce(OLD, "1.0.0"), REBOOTING, Event.REFUTE, "came-back-old"),
        (announce(OLD, "1.0.0"), TRANSFERRING, Event.REFUTE, "transfer-broken"),
        (announce(OLD, "1.0.0", at=100.0 + SELF_DROP + 3), TRANSFERRING, Event.REFUTE, "too-slow"),
        (announce(THIRD, "1.9.0"), REBOOTING, Event.STRAY, "came-back-other"),
        (announce(THIRD), REBOOTING, Event.CONFIRM, None),
        (announce(THIRD), COMPLETE, Event.CONFIRM, None),
        (announce(THIRD), OFFERED, Event.STRAY, "came-back-other"),
        (announce(OLD, "1.0.0"), VERIFYING, Event.REFUTE, "went-back"),
        (announce(THIRD, "1.9.0"), VERIFYING, Event.STRAY, "came-back-other"),
    ],
)
def test_an_announce_after_the_reconnect_confirms_or_refutes(
    news: AnnounceNews, of: Deployment, event: Event, code: str | None
) -> None:
    proof = weigh(news, of, TARGET, Way.MQTT)
    assert event_of(proof) is event
    assert proof is not None
    assert (proof.reason.code if proof.reason else None) == code


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("not-back", Event.CONFIRM),
        ("came-back-old", Event.CONFIRM),
        ("left", Event.CONFIRM),
        ("restarting", None),
        ("worse-heap", None),
        ("went-back", None),
        ("same-image", None),
    ],
)
def test_a_late_announce_of_the_target_wins_unless_the_device_ran_it_and_was_not_well(
    code: str, event: Event | None
) -> None:
    failed = replace(deployment(DeploymentState.FAILED, 1000), code=code)
    assert event_of(weigh(announce(NEW), failed, TARGET, Way.MQTT)) is event


def test_a_rewritten_flash_mode_is_a_success_with_a_note() -> None:
    proof = weigh(announce(THIRD), REBOOTING, TARGET, Way.MQTT)
    assert proof is not None
    assert "flash" in proof.note


@pytest.mark.parametrize("md5", [OLD, THIRD])
def test_a_retained_announce_can_only_confirm(md5: str) -> None:
    assert weigh(announce(md5, "1.0.0", live=False), REBOOTING, TARGET, Way.MQTT) is None


def test_news_from_before_the_offer_prove_nothing() -> None:
    assert weigh(announce(OLD, "1.0.0", at=99.9), OFFERED, TARGET, Way.MQTT) is None


def test_a_generation_without_checksum_is_judged_by_name_and_version() -> None:
    of = deployment(DeploymentState.REBOOTING, 1000, md5="")
    assert event_of(weigh(announce("", "2.0.0"), of, TARGET, Way.HTTP)) is Event.CONFIRM
    assert event_of(weigh(announce("", "1.0.0"), of, TARGET, Way.HTTP)) is Event.REFUTE
    assert event_of(weigh(announce("", "1.5.0"), of, TARGET, Way.HTTP)) is Event.STRAY


def test_a_device_that_never_asked_over_http_is_told_from_one_that_did() -> None:
    of = deployment(DeploymentState.OFFERED, md5="")
    proof = weigh(announce("", "1.0.0"), of, TARGET, Way.HTTP)
    assert proof is not None
    assert proof.reason is not None
    assert proof.reason.code == "no-http-request"


def status(event: OtaEvent, done: int = 0, total: int = 0) -> StatusNews:
    return StatusNews(110.0, event, done, total, "")


def test_every_refusal_of_a_device_has_a_reason_for_people() -> None:
    for event in REFUSALS:
        proof = weigh(status(event), TRANSFERRING, TARGET, Way.MQTT)
        assert event_of(proof) is Event.REFUSE
        assert proof is not None
        assert proof.reason is not None
        assert proof.reason.text.endswith(".")
        assert not proof.reason.harmful


def test_flashed_means_that_all_bytes_arrived_and_not_that_it_worked() -> None:
    assert weigh(status(OtaEvent.FLASHED), TRANSFERRING, TARGET, Way.MQTT) == Proof(Event.FLASH, done=1000)


def test_the_progress_of_another_image_is_not_ours() -> None:
    assert weigh(status(OtaEvent.PROGRESS, 10, 999), TRANSFERRING, TARGET, Way.MQTT) is None
    assert weigh(status(OtaEvent.PROGRESS, 10, 1000), TRANSFERRING, TARGET, Way.MQTT) == Proof(
        Event.PROGRESS, done=10
    )


@pytest.mark.parametrize(
    ("state", "live", "of", "way", "event"),
    [
        (State.LOST, True, TRANSFERRING, Way.MQTT, Event.LEAVE),
        (State.INIT, True, TRANSFERRING, Way.MQTT, Event.LEAVE),
        (State.LOST, False, TRANSFERRING, Way.MQTT, None),
        (State.LOST, True, OFFERED, Way.HTTP, None),
        (State.LOST, True, TRANSFERRING, Way.HTTP, Event.LEAVE),
        (State.READY, True, TRANSFERRING, Way.MQTT, None),
        (State.READY, True, VERIFYING, Way.MQTT, None),  # the soak looks at that
    ],
)
def test_leaving_and_getting_ready_move_what_they_can(
    state: State, live: bool, of: Deployment, way: Way, event: Event | None
) -> None:
    assert event_of(weigh(StateNews(110.0, state, live), of, TARGET, way)) is event


def test_a_transfer_counts_as_complete_shortly_before_its_end_since_the_last_statuses_get_lost() -> None:
    assert is_complete(COMPLETE)
    assert not is_complete(TRANSFERRING)
    assert not is_complete(replace(COMPLETE, state=DeploymentState.OFFERED))


@pytest.mark.parametrize(("done", "total"), [(1001, 1000), (99_999_999, 1000), (-1, 1000), (5, 10), (0, 0)])
def test_progress_that_cannot_be_of_this_image_is_not_believed(done: int, total: int) -> None:
    forged = StatusNews(110.0, OtaEvent.PROGRESS, done, total, "")
    assert weigh(forged, TRANSFERRING, TARGET, Way.MQTT) is None
    whole = StatusNews(110.0, OtaEvent.PROGRESS, 1000, 1000, "")
    assert weigh(whole, TRANSFERRING, TARGET, Way.MQTT) == Proof(Event.PROGRESS, done=1000)

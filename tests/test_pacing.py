"""Progress may wait a moment before it is written; what moves a deployment never does, and takes it along."""

from __future__ import annotations

from homie_ota.ingest.pacing import PROGRESS_EVERY, Pacing
from homie_ota.model import Address, OtaEvent, State
from homie_ota.rollout.proof import News, StateNews, StatusNews

LAMP, PLUG = Address("homie/", "lamp"), Address("homie/", "plug")


def progress(at: float) -> News:
    return StatusNews(at, OtaEvent.PROGRESS, 100, 1000, "")


def test_the_first_progress_is_written_at_once_and_the_next_after_a_while() -> None:
    pacing = Pacing()
    assert not pacing.may_wait(LAMP, [progress(10.0)], 10.0)
    assert pacing.may_wait(LAMP, [progress(10.1)], 10.1)
    assert pacing.may_wait(LAMP, [progress(10.4)], 10.4)
    assert not pacing.may_wait(LAMP, [progress(10.4)], 10.0 + PROGRESS_EVERY)
    assert pacing.may_wait(LAMP, [progress(10.6)], 10.6)


def test_each_device_waits_for_itself() -> None:
    pacing = Pacing()
    assert not pacing.may_wait(LAMP, [progress(10.0)], 10.0)
    assert not pacing.may_wait(PLUG, [progress(10.1)], 10.1)


def test_what_may_move_a_deployment_never_waits() -> None:
    pacing = Pacing()
    pacing.may_wait(LAMP, [progress(10.0)], 10.0)
    flashed = StatusNews(10.1, OtaEvent.FLASHED, 0, 0, "")
    assert not pacing.may_wait(LAMP, [progress(10.1), flashed], 10.1)
    assert not pacing.may_wait(LAMP, [StateNews(10.1, State.LOST, True)], 10.1)
    assert not pacing.may_wait(LAMP, [progress(10.2)], 10.2), "a new transfer shows at once"


def test_a_clock_that_jumps_back_holds_nothing_up() -> None:
    pacing = Pacing()
    pacing.may_wait(LAMP, [progress(1000.0)], 1000.0)
    assert not pacing.may_wait(LAMP, [progress(10.0)], 10.0)

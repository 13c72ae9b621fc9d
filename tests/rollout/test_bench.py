"""A bench device shows that an image can be updated again: old → new → old → new."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.model import Outcome
from homie_ota.rollout.bench import DEAD_END, RENEWABLE, TRIES, Proven, Send, Tried, Unproven, next_step

OLD, NEW = "old", "new"
V, B, U, H, W = Outcome.VERIFIED, Outcome.BOOTED, Outcome.UNHARMED, Outcome.HARMFUL, Outcome.WITHDRAWN


def history(*steps: tuple[str, Outcome]) -> list[Tried]:
    return [Tried(*each) for each in steps]


@pytest.mark.parametrize(
    ("tried", "send"),
    [
        (history(), Send(NEW, 1)),
        (history((NEW, U)), Send(NEW, 1)),
        (history((NEW, V)), Send(OLD, 2)),
        (history((NEW, U), (NEW, V), (OLD, U)), Send(OLD, 2)),
        (history((NEW, V), (OLD, B)), Send(NEW, 3)),
        (history((NEW, W), (NEW, W), (NEW, W)), Send(NEW, 1)),  # taken back: nothing was tried
    ],
)
def test_the_next_step_follows_from_what_was_tried(tried: list[Tried], send: Send) -> None:
    assert next_step(OLD, NEW, tried) == send


def test_an_image_that_came_gave_way_and_came_again_is_renewable() -> None:
    found = next_step(OLD, NEW, history((NEW, V), (OLD, V), (NEW, B)))
    assert isinstance(found, Proven)
    assert found.word == RENEWABLE


@pytest.mark.parametrize(
    "tried",
    [
        history((NEW, V), *[(OLD, U)] * TRIES),
        history((NEW, V), (OLD, H)),
        history((NEW, H)),
        history((NEW, V), (OLD, V), (NEW, H)),
    ],
)
def test_an_image_from_which_no_way_leads_on_is_a_dead_end(tried: list[Tried]) -> None:
    found = next_step(OLD, NEW, tried)
    assert isinstance(found, Proven)
    assert found.word == DEAD_END


def test_an_attempt_that_never_got_there_says_nothing_about_the_image() -> None:
    assert isinstance(next_step(OLD, NEW, history(*[(NEW, U)] * TRIES)), Unproven)
    assert isinstance(next_step(OLD, NEW, history((NEW, V), (OLD, V), *[(NEW, U)] * TRIES)), Unproven)


def test_without_a_stored_old_image_nothing_is_sent() -> None:
    found = next_step("", NEW, [])
    assert isinstance(found, Unproven)
    assert "Upload it" in found.reason


@given(st.lists(st.sampled_from(Outcome), max_size=30))
def test_the_bench_always_comes_to_an_end(outcomes: list[Outcome]) -> None:
    tried: list[Tried] = []
    for outcome in outcomes:
        found = next_step(OLD, NEW, tried)
        if not isinstance(found, Send):
            assert found.reason
            assert (
                sum(each.outcome is not W and each.outcome is not Outcome.ABSENT for each in tried)
                <= 3 * TRIES
            )
            return
        tried.append(Tried(found.sha256, outcome))

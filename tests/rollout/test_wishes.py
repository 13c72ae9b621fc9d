"""A plan out of the fields of a form: what is empty is as usual, what has no meaning is said."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.errors import WrongUse
from homie_ota.rollout.plan import CANARY, Limits, OnHarm, Order, Plan, WaveRule, Window
from homie_ota.rollout.spelling import usual
from homie_ota.rollout.wishes import FIELDS, read_plan

EVERY_DAY = frozenset(range(7))


@pytest.mark.parametrize(
    ("fields", "plan"),
    [
        ({}, Plan(())),
        (dict.fromkeys(FIELDS, "  "), Plan(())),
        ({"on_harm": "revert", "order": "name"}, Plan((), on_harm=OnHarm.REVERT, order=Order.NAME)),
        ({"parallel": "0", "bytes": "900 KB", "pace": "0.5"}, Plan((), Limits(0, 921_600, 0.5))),
        ({"bytes": "2m"}, Plan((), Limits(bytes_in_flight=2_097_152))),
        (
            {"windows": "02:00-05:00\r\n\r\nMon 22:00-01:00"},
            Plan((), windows=(Window(EVERY_DAY, 120, 300), Window(frozenset({0}), 1320, 60))),
        ),
        ({"guards": "relay/on:false; battery:>30"}, Plan((), guards=("relay/on:false", "battery:>30"))),
        (
            {"last": " id:plug ", "attempts": "1", "absent_after": "2h", "late_for": "1w"},
            Plan((), last="id:plug", attempts=1, absent_after=7200.0, late_for=604_800.0),
        ),
    ],
)
def test_a_field_means_what_it_says_and_an_empty_one_what_is_usual(
    fields: dict[str, str], plan: Plan
) -> None:
    assert read_plan(fields) == plan


def test_what_is_asked_of_the_gates_is_asked_of_every_wave() -> None:
    first, last = read_plan({"waves": "2,rest", "soak": "5m", "verified": "95 %", "harmful": "2"}).waves
    assert first == WaveRule(count=2, gate=first.gate)
    assert (first.gate.verified, first.gate.harmful, first.gate.soak, first.gate.minimum) == (
        0.95,
        2,
        300.0,
        1,
    )
    assert last.gate == first.gate
    assert [each.gate.soak for each in read_plan({"soak": "0"}).waves] == [0.0, 0.0, 0.0]
    assert read_plan({"waves": "1,rest"}).waves[0].gate == CANARY.gate == usual(0, count=1, share=None)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"waves": "rest,1"}, "'rest,1' are no waves; expected something like 1,10%,rest."),
        ({"verified": "101"}, "'101': what must be verified of a wave is a percentage from 0 to 100."),
        ({"harmful": "-1"}, "'-1': harmful failures that a wave bears is a whole number from 0 on."),
        ({"attempts": "0"}, "'0': attempts a device is a whole number from 1 on."),
        ({"soak": "soon"}, "'soon': the soak is a time such as 90s, 30m, 2h or 1d."),
        ({"bytes": "2 GB"}, "'2 GB': bytes in flight are a size such as 900 KB or 2 MB."),
        ({"pace": "six"}, "'six': starts a minute are a number, such as 6 or 0.5."),
        ({"windows": "always"}, "'always' is no window; expected one like Mon-Fri 02:00-05:00."),
        ({"on_harm": "shout"}, "'shout': after harm a rollout can pause, drain, revert."),
        ({"order": "x"}, "'x': the order is as-found, strong-first, name."),
    ],
)
def test_what_has_no_meaning_is_said_with_what_was_expected(fields: dict[str, str], sentence: str) -> None:
    with pytest.raises(WrongUse) as caught:
        read_plan(fields)
    assert str(caught.value) == sentence


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=12)))
def test_whatever_is_typed_is_a_plan_or_a_sentence(fields: dict[str, str]) -> None:
    with contextlib.suppress(WrongUse):
        assert isinstance(read_plan(fields), Plan)

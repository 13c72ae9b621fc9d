"""A plan goes into a row and comes back; what cannot be read is the default."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout.plan import BY_DEFAULT, Gate, Limits, OnHarm, Order, Plan, WaveRule, Window
from homie_ota.rollout.plandata import plan_as_data, plan_from_data

positive = st.floats(0, 1e9, allow_nan=False)
gates = st.builds(Gate, st.floats(0, 1), st.integers(0, 99), positive, st.integers(0, 99))
plans = st.builds(
    Plan,
    waves=st.lists(
        st.builds(WaveRule, st.none() | st.integers(0, 999), st.none() | st.floats(0, 1), gates), min_size=1, max_size=4
    ).map(tuple),
    limits=st.builds(Limits, st.integers(0, 99), st.integers(0, 10**9), positive),
    windows=st.lists(
        st.builds(Window, st.frozensets(st.integers(0, 6), min_size=1), st.integers(0, 1439), st.integers(0, 1440)),
        max_size=3,
    ).map(tuple),
    guards=st.lists(st.text(min_size=1).filter(str.strip), max_size=3).map(tuple),
    last=st.text(),
    order=st.sampled_from(Order),
    on_harm=st.sampled_from(OnHarm),
    attempts=st.integers(1, 9),
    absent_after=positive,
    late_for=positive,
)  # fmt: skip


@given(plans)
def test_a_plan_comes_back_from_its_row_as_it_went_in(plan: Plan) -> None:
    assert plan_from_data(json.loads(json.dumps(plan_as_data(plan)))) == plan


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"waves": []},
        {
            "waves": "three",
            "limits": 7,
            "windows": {"a": 1},
            "guards": "x",
            "order": "random",
            "on_harm": None,
        },
        {"attempts": 0, "absent_after": -1, "late_for": True, "last": 4, "a key of tomorrow": 1},
        {"attempts": float("nan"), "absent_after": float("inf")},
    ],
)
def test_what_is_missing_or_makes_no_sense_is_the_default(data: dict[str, object]) -> None:
    assert plan_from_data(data) == BY_DEFAULT


def test_a_plan_in_part_keeps_its_part() -> None:
    found = plan_from_data(
        {"waves": [{"count": 2}, {"share": 3}], "limits": {"parallel": 9}, "on_harm": "revert"}
    )
    assert found.waves == (WaveRule(count=2), WaveRule(share=1.0))
    assert (found.limits, found.on_harm) == (Limits(parallel=9), OnHarm.REVERT)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from([*plan_as_data(BY_DEFAULT), "days", "since", "until", "count", "share", "gate"])


@given(st.dictionaries(keys, values | st.lists(st.dictionaries(keys, values), max_size=2)))
def test_no_data_can_break_it(data: dict[str, object]) -> None:
    found = plan_from_data(data)
    assert found.waves
    assert plan_from_data(plan_as_data(found)) == found

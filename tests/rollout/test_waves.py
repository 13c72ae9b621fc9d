"""Who is in which wave is decided before the start, and the same for the same fleet."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout.plan import BY_DEFAULT, CANARY, REST, Order, Plan, WaveRule
from homie_ota.rollout.waves import Member, arrange, assign, sensible, warnings


@pytest.mark.parametrize(
    ("count", "rules", "sizes"),
    [
        (0, BY_DEFAULT.waves, [0, 0, 0]),
        (1, BY_DEFAULT.waves, [1, 0, 0]),
        (2, BY_DEFAULT.waves, [1, 1, 0]),
        (5, BY_DEFAULT.waves, [1, 1, 3]),
        (100, BY_DEFAULT.waves, [1, 10, 89]),
        (101, BY_DEFAULT.waves, [1, 11, 89]),  # a tenth is rounded up: never nobody
        (10, (WaveRule(count=3), WaveRule(count=3)), [3, 7]),  # the last one takes all that are left
        (10, (WaveRule(share=0.3), WaveRule(share=0.3), WaveRule(share=0.1)), [3, 3, 4]),
        (10, (WaveRule(),), [10]),
        (10, (WaveRule(count=99), WaveRule()), [10, 0]),
    ],
)
def test_waves_take_a_count_or_a_share_and_the_last_one_the_rest(
    count: int, rules: tuple[WaveRule, ...], sizes: list[int]
) -> None:
    assert assign(count, rules) == sizes


FLEET = [Member(pk, f"lamp-{pk}", signal=float(pk % 100)) for pk in range(1, 51)]
rules = st.builds(
    WaveRule, st.none() | st.integers(0, 9), st.none() | st.floats(0, 1, exclude_min=True, allow_nan=False)
)


@given(st.integers(0, 500), st.lists(rules, min_size=1, max_size=5))
def test_nobody_is_left_out_and_nobody_is_in_two_waves(count: int, rules: list[WaveRule]) -> None:
    assert sum(assign(count, rules)) == count
    assert min(assign(count, rules)) >= 0


def test_who_lands_in_which_wave_does_not_depend_on_the_order_in_which_they_were_found() -> None:
    """Mender: which device lands in phase one depends on when it happens to poll."""
    for order in Order:
        plan = Plan(BY_DEFAULT.waves, order=order)
        found = list(FLEET)
        random.Random(4).shuffle(found)
        assert arrange(found, plan) == arrange(FLEET, plan)


def test_weak_signal_goes_last_and_unknown_signal_between() -> None:
    members = [Member(1, "weak", 20), Member(2, "strong", 90), Member(3, "unknown", None)]
    (wave,) = arrange(members, Plan((WaveRule(),), order=Order.STRONG_FIRST))
    assert [member.name for member in wave] == ["strong", "unknown", "weak"]


def test_by_name_and_as_found() -> None:
    members = [Member(1, "b"), Member(3, "a"), Member(2, "c")]
    for order, names in ((Order.NAME, "abc"), (Order.AS_FOUND, "bca")):
        (wave,) = arrange(members, Plan((WaveRule(),), order=order))
        assert "".join(member.name for member in wave) == names


@pytest.mark.parametrize("order", list(Order))
def test_a_bench_device_is_the_canary_in_every_order(order: Order) -> None:
    weak = Member(99, "zz-bench", signal=1, bench=True)
    canary, *_ = arrange([*FLEET, weak], Plan(BY_DEFAULT.waves, order=order))
    assert canary == [weak]


def test_whom_last_names_comes_in_a_wave_of_its_own_behind_all_others() -> None:
    """The plug that feeds this server: it starts when every other wave has passed."""
    plug = Member(99, "plug", signal=100, last=True)
    waves = arrange([plug, *FLEET], Plan(BY_DEFAULT.waves, last="id:plug"))
    assert [len(wave) for wave in waves] == [1, 5, 44, 1]
    assert waves[-1] == [plug]


def test_when_all_are_last_nobody_is() -> None:
    members = [Member(1, last=True), Member(2, last=True)]
    assert [len(wave) for wave in arrange(members, BY_DEFAULT)] == [1, 1, 0]


def test_small_fleets_get_it_simple_and_more_than_one_device_always_means_a_canary() -> None:
    """TasmoAdmin: all selected devices at once, and one bad image put nine of thirteen in a boot loop."""
    assert sensible(1).waves == (CANARY,)
    assert sensible(5).waves == (CANARY, REST)
    assert sensible(13).waves == BY_DEFAULT.waves
    for count in range(2, 200):
        assert assign(count, sensible(count).waves)[0] == 1
        assert not warnings(sensible(count), count)


def test_all_at_once_is_a_choice_with_a_warning() -> None:
    (warning,) = warnings(Plan((WaveRule(),)), 13)
    assert warning.startswith("All 13 devices are in one wave")
    assert not warnings(Plan((WaveRule(),)), 1)

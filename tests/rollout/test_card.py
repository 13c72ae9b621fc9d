"""A rollout as characters: which stands for what, who gets a link, and what a row says in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.model import ACTIVE, DeploymentState
from homie_ota.rollout import card
from homie_ota.rollout.card import A_ROW, MOST_LINKS, PUNCHES, drawn_singly, punch
from homie_ota.rollout.plan import MemberState

M, S = MemberState, DeploymentState


@pytest.mark.parametrize(
    ("outcome", "state", "held", "sign", "word"),
    [
        (M.WAITING, None, False, ".", "waiting"),
        (M.QUEUED, S.QUEUED, False, ".", "waiting"),
        (M.QUEUED, S.QUEUED, True, ":", "held"),
        (M.WAITING, None, True, ".", "waiting"),  # its wave has not begun: that is what it waits for
        (M.RUNNING, S.OFFERED, False, "#", "sending"),
        (M.RUNNING, S.TRANSFERRING, True, "#", "sending"),
        (M.RUNNING, S.REBOOTING, False, "r", "restarting"),
        (M.RUNNING, S.VERIFYING, False, "v", "verifying"),
        (M.RUNNING, None, False, "#", "sending"),
        (M.RUNNING, S.FAILED, False, "#", "sending"),  # another attempt is being decided about
        (M.VERIFIED, S.SUCCEEDED, False, "+", "good"),
        (M.BOOTED, S.SUCCEEDED, False, "+", "booted"),
        (M.ABSENT, S.QUEUED, True, "=", "absent"),
        (M.HARMFUL, S.FAILED, False, "X", "harm"),
        (M.UNHARMED, S.FAILED, False, "!", "unharmed"),
        (M.REVERTING, S.QUEUED, True, "<", "reverting"),
        (M.REVERTED, S.SUCCEEDED, False, "b", "reverted"),
    ],
)
def test_a_member_has_one_character(
    outcome: MemberState, state: DeploymentState | None, held: bool, sign: str, word: str
) -> None:
    found = punch(outcome, state, held=held)
    assert (found.sign, found.word) == (sign, word)


def test_every_state_has_a_character_that_the_legend_explains() -> None:
    assert set(card.BY_OUTCOME) == set(MemberState)
    assert set(card.UNDER_WAY) == ACTIVE - {S.QUEUED}
    assert {*card.BY_OUTCOME.values(), *card.UNDER_WAY.values()} | {card.HELD} == set(PUNCHES)
    assert len({each.word for each in PUNCHES}) == len(PUNCHES)


def test_only_success_shares_its_character() -> None:
    assert sorted(card.CODES.values()) == sorted(set(card.CODES.values()))
    signs = [each.sign for each in PUNCHES]
    assert {each for each in signs if signs.count(each) > 1} == {"+"}
    assert all(len(each) == 1 and each.isascii() and each.isprintable() and each != " " for each in signs)


@pytest.mark.parametrize(
    ("sizes", "drawn"),
    [
        ({0: 1, 1: 4, 2: 36}, {0, 1, 2}),
        ({0: 1, 1: 1000, 2: 8999}, {0}),
        ({0: MOST_LINKS}, {0}),
        ({0: MOST_LINKS + 1}, set()),
        ({}, set()),
    ],
)
def test_devices_get_a_link_each_as_long_as_there_is_room(sizes: dict[int, int], drawn: set[int]) -> None:
    assert drawn_singly(sizes) == drawn


@given(st.dictionaries(st.integers(0, 50), st.integers(0, 20_000)))
def test_never_more_links_than_a_page_bears(sizes: dict[int, int]) -> None:
    assert sum(sizes[each] for each in drawn_singly(sizes)) <= MOST_LINKS


@given(st.text("".join(card.CODES.values()), max_size=350))
def test_rows_tell_every_device_once_and_count_it(codes: str) -> None:
    rows = card.rows(codes)
    shown = "".join(card.CODES[each] * count for row in rows for each, count in row.runs)
    assert shown == codes
    assert [each.first for each in rows] == list(range(0, len(codes), A_ROW))
    for row in rows:
        assert sum(count for _, count in row.counts) == sum(count for _, count in row.runs) <= A_ROW


def test_a_row_is_told_in_words() -> None:
    (row,) = card.rows("++++++++X.")
    assert row.runs == ((card.GOOD, 8), (card.HARM, 1), (card.WAITS, 1))
    assert card.label(row.counts) == "1 waiting, 8 good, 1 harm"

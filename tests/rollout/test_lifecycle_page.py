"""docs/reference/lifecycle.md is drawn from the code."""

from __future__ import annotations

import lifecycle
from homie_ota.model import DeploymentState
from homie_ota.rollout import reasons
from homie_ota.rollout.lifecycle import TRANSITIONS


def test_the_page_shows_the_table_as_it_is() -> None:
    page = lifecycle.PAGE.read_text("utf-8")
    assert page == lifecycle.renewed(page), "run `make docs`"


def test_every_move_is_in_the_picture_and_in_the_table() -> None:
    assert lifecycle.diagram().count("-->") == len(TRANSITIONS) + 1
    rows = lifecycle.moves().splitlines()[2:]
    assert len(rows) == len(DeploymentState)
    assert sum(bool(cell.strip()) for row in rows for cell in row.split("|")[2:-1]) == len(TRANSITIONS)


def test_every_code_of_a_fixed_reason_is_explained() -> None:
    told = lifecycle.codes()
    for code in (*reasons.HARMS, *reasons.WORSE, *(each.code for each in reasons.REFUSALS.values())):
        assert f"| `{code}` |" in told

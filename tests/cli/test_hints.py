"""The next step behind an error, where the error does not say it."""

from __future__ import annotations

import pytest

from cli.conftest import Run
from homie_ota.cli.commands import COMMANDS
from homie_ota.cli.hints import ALLOWED, LISTS, hint
from homie_ota.errors import Conflict, NotAllowed, NotFound


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("rollout", "show", "9"), "`homie-ota rollout list` lists what there is."),
        (("--server", "here", "deployment", "9"), "`homie-ota deployments` lists what there is."),
        (("cancel", "9"), "`homie-ota deployments` lists"),
        (("filters", "forget", "x"), "`homie-ota filters` lists"),
    ],
)
def test_who_asks_for_what_is_not_there_is_told_the_list(run: Run, argv: tuple[str, ...], words: str) -> None:
    status, _, err = run(*[word for word in argv if word not in ("--server", "here")])
    assert status == 3
    assert words in err
    assert hint(NotFound("There is no such thing."), argv) in err


def test_what_says_what_to_do_gets_no_second_sentence(run: Run) -> None:
    assert run("device", "nobody")[2] == (
        "homie-ota: There is no device 'nobody'. Look at the list of devices for its id.\n"
    )
    assert hint(NotFound("No. Ask `homie-ota doctor`."), ["rollout"]) == ""
    assert hint(Conflict("It runs."), ["rollout"]) == ""
    assert hint(NotFound("Nothing."), ["serve"]) == ""


def test_who_may_not_is_told_how_somebody_may() -> None:
    assert hint(NotAllowed("kim may not do this."), ["user", "list"]) == ALLOWED
    assert hint(NotAllowed("Give one with --token."), ["user", "list"]) == ""


def test_every_list_and_word_is_a_command() -> None:
    for word, listed in LISTS.items():
        assert word in COMMANDS
        assert listed in COMMANDS

"""What happened to a deployment is told in words; no name that only the program uses stands in the log."""

from __future__ import annotations

import pytest

from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.telling import sentence


def told(event: str, **data: str) -> str:
    return sentence(
        {"kind": "deployment", "data": {"event": event, "from": "verifying", "state": "failed"} | data}
    )


@pytest.mark.parametrize("event", list(Event))
def test_every_move_has_words_of_its_own(event: Event) -> None:
    words = told(event.value).removeprefix("verifying → failed: ")
    assert " " in words or words == "refused", words


def test_a_reason_follows_as_a_sentence() -> None:
    assert told("heal", state="succeeded") == "verifying → succeeded: stayed well"
    assert told("refute", reason="It came back old.") == (
        "verifying → failed: back with what it ran before. It came back old."
    )


def test_a_move_of_a_newer_server_is_told_by_its_name() -> None:
    assert told("teleport") == "verifying → failed: teleport"

"""The one sentence about a device: everything that a person may need to hear first, each in its place."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.model import Deployment, DeploymentState, State, Way
from homie_ota.rollout.verdict import Seen, Tone, judge

S = DeploymentState
WELL = Seen(runs="lamp 2.0.1", state=State.READY, since=100.0, heard=900.0, health="same", tells=True)


def attempt(state: DeploymentState, **more: object) -> Deployment:
    given_: dict[str, object] = {"id": 7, "device_pk": 1, "sha256": "a" * 64, "attempt": 1, "state": state}
    return Deployment(**{**given_, "state_since": 100.0, "created_at": 90.0, **more})  # type: ignore[arg-type]


def test_a_device_that_is_as_it_should_be() -> None:
    found = judge(WELL)
    assert (found.text, found.at, found.rest) == ("Runs lamp 2.0.1 since", 100.0, ", healthy; nothing to do.")
    assert found.plain == "Runs lamp 2.0.1, healthy; nothing to do."
    assert found.tone is Tone.GOOD


OFFERED = replace(WELL, wanted="lamp 3.0.0")
ROWS = [
    (
        replace(OFFERED, latest=attempt(S.TRANSFERRING)),
        "updating",
        Tone.BUSY,
        "the image is on its way; wait.",
    ),
    (replace(OFFERED, latest=attempt(S.REBOOTING)), "updating", Tone.BUSY, "it restarts; wait."),
    (replace(WELL, leftovers=1), "leftover", Tone.BAD, "takes in at every connect. Clear that."),
    (
        replace(OFFERED, latest=attempt(S.FAILED, outcome="harmful", reason="It hangs."), state=State.LOST),
        "harmed",
        Tone.BAD,
        "Was flashed with lamp 3.0.0 and is not as it should be. It hangs.",
    ),
    (
        replace(OFFERED, latest=attempt(S.FAILED, outcome="harmful", reason="It restarts.")),
        "harmed",
        Tone.BAD,
        "Runs lamp 2.0.1; the update to lamp 3.0.0 did harm. It restarts.",
    ),
    (
        replace(OFFERED, latest=attempt(S.FAILED, outcome="harmful"), since=101.0),  # by cable, since
        "settled",
        Tone.GOOD,
        "nothing to do.",
    ),
    (
        replace(OFFERED, latest=attempt(S.FAILED, outcome="unharmed"), since=101.0),
        "settled",
        Tone.GOOD,
        "nothing to do.",
    ),
    (
        replace(OFFERED, latest=attempt(S.QUEUED), hold="It is asleep.", state=State.SLEEPING),
        "waiting",
        Tone.BUSY,
        "Runs lamp 2.0.1; lamp 3.0.0 waits for it. It is asleep.",
    ),
    (
        replace(WELL, state=State.LOST),
        "lost",
        Tone.WARN,
        "Ran lamp 2.0.1 when it was last heard; it is lost.",
    ),
    (replace(WELL, state=State.UNKNOWN), "unknown", Tone.WARN, "the broker does not know it any more"),
    (replace(WELL, alarms=("It is silent.",)), "alarm", Tone.WARN, "Runs lamp 2.0.1; it is silent."),
    (replace(WELL, state=State.ALERT), "alert", Tone.WARN, "says that something is wrong"),
    (
        replace(OFFERED, latest=attempt(S.FAILED, outcome="unharmed", reason="No room.")),
        "failed",
        Tone.WARN,
        "the update to lamp 3.0.0 failed, and nothing was harmed. No room.",
    ),
    (
        replace(WELL, target="lamp 3.0.0"),
        "off-target",
        Tone.WARN,
        "Runs lamp 2.0.1 and should run lamp 3.0.0.",
    ),
    (
        replace(WELL, target="lamp 3.0.0", pinned="holidays"),
        "off-target",
        Tone.QUIET,
        "should run lamp 3.0.0. It is pinned: holidays.",
    ),
    (replace(WELL, target="lamp 3.0.0", quarantined=1), "off-target", Tone.WARN, "release it"),
    (replace(WELL, newer="lamp 3.0.0"), "newer", Tone.GOOD, "healthy; lamp 3.0.0 is newer and fits."),
    (replace(WELL, way=Way.NONE, newer="lamp 3"), "settled", Tone.QUIET, "cannot be updated from here."),
    (replace(WELL, state=State.SLEEPING), "settled", Tone.QUIET, "Runs lamp 2.0.1, asleep, healthy; nothing"),
    (replace(WELL, health="", tells=True), "settled", Tone.GOOD, "well as far as it tells; nothing to do."),
    (replace(WELL, health="unknown", tells=False), "settled", Tone.GOOD, "Runs lamp 2.0.1; nothing to do."),
    (replace(WELL, target="lamp 2.0.1"), "settled", Tone.GOOD, "nothing to do."),
    (replace(WELL, pinned="holidays"), "settled", Tone.GOOD, "healthy; pinned: holidays."),
    (
        replace(WELL, runs="", since=None),
        "settled",
        Tone.GOOD,
        "Runs a firmware that it does not name, healthy",
    ),
    (
        replace(OFFERED, latest=attempt(S.SUCCEEDED, outcome="verified")),
        "settled",
        Tone.GOOD,
        "nothing to do.",
    ),
    (replace(OFFERED, latest=attempt(S.CANCELLED)), "settled", Tone.GOOD, "nothing to do."),
]


@pytest.mark.parametrize(
    ("seen", "code", "tone", "part"), ROWS, ids=[f"{row[1]}-{n}" for n, row in enumerate(ROWS)]
)
def test_what_counts_most_is_said(seen: Seen, code: str, tone: Tone, part: str) -> None:
    found = judge(seen)
    assert (found.code, found.tone) == (code, tone)
    assert part in found.plain


def test_what_runs_on_the_air_comes_before_all_else() -> None:
    everything = replace(
        OFFERED,
        latest=attempt(S.OFFERED, outcome="harmful"),
        leftovers=1,
        alarms=("It is silent.",),
        target="lamp 9",
        state=State.LOST,
    )
    assert judge(everything).code == "updating"


@given(
    st.builds(
        Seen,
        runs=st.sampled_from(["", "lamp 1.0"]),
        state=st.sampled_from(State),
        since=st.none() | st.floats(0, 1e9),
        way=st.sampled_from(Way),
        target=st.sampled_from(["", "lamp 1.0", "lamp 2.0"]),
        latest=st.none() | st.sampled_from(S).map(attempt),
        health=st.sampled_from(["", "same", "worse", "unknown"]),
        tells=st.booleans(),
        newer=st.sampled_from(["", "lamp 2.0"]),
        wanted=st.just("lamp 3.0"),
        pinned=st.sampled_from(["", "holidays"]),
    )
)
def test_there_is_a_whole_sentence_for_every_device(seen: Seen) -> None:
    found = judge(seen)
    assert found.plain[0].isupper()
    assert found.plain.rstrip().endswith(".")
    assert "  " not in found.plain

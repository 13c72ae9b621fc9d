"""Draws docs/reference/lifecycle.md from the code: the life of a deployment, and the words with which one ends.

`python scripts/lifecycle.py` rewrites the page; tests/rollout/test_lifecycle_page.py fails when that was forgotten.
"""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "reference" / "lifecycle.md"
sys.path.insert(0, str(PROJECT / "src"))

from homie_ota.model import DeploymentState, Way  # noqa: E402 - the package may not be installed
from homie_ota.rollout import lifecycle, reasons  # noqa: E402
from homie_ota.rollout.lifecycle import TRANSITIONS, Event  # noqa: E402
from homie_ota.rollout.reasons import Reason  # noqa: E402

S = DeploymentState


def diagram() -> str:
    """The table as a picture; several events between the same two states share an arrow."""
    return f"```mermaid\n{lifecycle.diagram()}```"


def moves() -> str:
    """The table as a table: a row a state, a column an event that means something anywhere."""
    events = [event for event in Event if any(of is event for _, of in TRANSITIONS)]
    head = "| | " + " | ".join(events) + " |\n|---|" + "---|" * len(events)
    rows = (
        f"| **{state}** | " + " | ".join(TRANSITIONS.get((state, event), "") for event in events) + " |"
        for state in DeploymentState
    )
    return "\n".join([head, *rows])


def codes() -> str:
    """Every reason: its stable word, what it means for the outcome, and its first sentence."""
    rows = [f"| `{each.code}` | {_outcome(each)} | {_sentence(each.text)} |" for each in known()]
    return "\n".join(["| code | outcome | means |", "|---|---|---|", *rows])


def known() -> list[Reason]:
    """Every reason that the rules give, by its word; those that quote numbers with an example."""
    fixed = [each for each in vars(reasons).values() if isinstance(each, Reason)]
    told = [
        reasons.came_back_old(S.REBOOTING, Way.MQTT, complete=True, took=9.0),
        reasons.came_back_old(S.TRANSFERRING, Way.MQTT, complete=False, took=41.0),
        reasons.came_back_old(S.TRANSFERRING, Way.MQTT, complete=False, took=9.0),
        reasons.came_back_other("lamp", "1.5"),
        reasons.expired(S.OFFERED, Way.MQTT, complete=False),
        reasons.expired(S.TRANSFERRING, Way.MQTT, complete=False),
        reasons.verified(180.0, 0, "free heap −1 %, untouched ±0 % (7 devices)"),
        *(reasons.worse(code, "…") for code in reasons.WORSE),
    ]
    found = {each.code: each for each in (*fixed, *reasons.REFUSALS.values(), *told)}
    return [found[code] for code in sorted(found)]


_ENDS = {
    S.SUCCEEDED: {"verified", "booted", "late"},
    S.CANCELLED: {"cancelled", "runs-it", "absent"},
}


def _outcome(reason: Reason) -> str:
    state = next((state for state, its in _ENDS.items() if reason.code in its), S.FAILED)
    return lifecycle.outcome(state, reason.code, harmful=reason.harmful)


def _sentence(text: str) -> str:
    return (
        text.split(". ", maxsplit=1)[0].rstrip(".")
        or "It is back with the target; nobody was asked to look at its health"
    )


PARTS = {"diagram": diagram, "moves": moves, "codes": codes}


def renewed(text: str) -> str:
    """The page with every part between its two marks written anew."""
    for name, part in PARTS.items():
        begin, end = f"<!-- {name}: made by `make docs` -->", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{part()}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
    sys.stdout.write(f"{PAGE.relative_to(PROJECT)}: {len(TRANSITIONS)} moves\n")

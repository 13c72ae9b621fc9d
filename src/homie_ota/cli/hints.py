"""What to do next when a command did not find, or may not do, what it was asked for.

Rule: a sentence that says so itself gets no second one.
"""

from __future__ import annotations

from collections.abc import Sequence

from homie_ota.errors import HomieOtaError, NotAllowed, NotFound

LISTS = {
    **dict.fromkeys(("device", "why", "pin", "unpin", "tag", "untag", "set", "update"), "devices"),
    **dict.fromkeys(("cancel", "case", "deployment", "looked"), "deployments"),
    "rollout": "rollout list",
    "release": "quarantine",
    "leftovers": "leftovers",
    "filters": "filters",
    "adopt": "knocks",
    "user": "user list",
    "token": "token list",
}
"""First word of a command → the command that lists what there is."""

ALLOWED = (
    "Who may is seen with `homie-ota user list`; another token goes behind --token or into HOMIE_OTA_TOKEN."
)


def hint(error: HomieOtaError, argv: Sequence[str]) -> str:
    """What to do now, as a sentence; empty where the error says it, or nobody knows."""
    if any(said in str(error) for said in ("`homie-ota", "Look at", "--token", "there is: ")):
        return ""
    if isinstance(error, NotAllowed):
        return ALLOWED
    if isinstance(error, NotFound):
        found = next((LISTS[word] for word in argv if word in LISTS), "")
        return f"`homie-ota {found}` lists what there is." if found else ""
    return ""

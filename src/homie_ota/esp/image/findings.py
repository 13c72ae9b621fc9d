"""Makes findings of the rows in `sentences`, and tells which one stops an upload.

Rule: what is IMPOSSIBLE stops it always, a REFUSAL until a person gives a reason (`override`), nothing else does.
"""

from __future__ import annotations

from homie_ota.esp.image.nouns import Finding, Inspection, Severity
from homie_ota.esp.image.sentences import FINDINGS, SAID_AS
from homie_ota.esp.image.text import clean


def finding(row: str, **facts: object) -> Finding:
    """The finding of a row of FINDINGS with its facts."""
    severity, text, advice = FINDINGS[row]
    return Finding(SAID_AS.get(row, row), severity, text.format(**facts), advice)


def sentence(filename: str, found: Finding) -> str:
    """The whole sentence for people: which file, what it is or what is wrong with it, and what to do."""
    text = (
        found.text[:1].lower() + found.text[1:]
        if found.text.startswith(("This ", "The ", "Behind "))
        else found.text
    )
    return f"{clean(filename) or 'The file'}: {text} {found.advice}".rstrip()


def refusal(inspection: Inspection, override: str = "") -> Finding | None:
    """The finding that stops an upload; None when nothing does.

    What is IMPOSSIBLE always stops it, a REFUSAL unless `override`, a person's reason, is given.
    """
    stopping = {Severity.IMPOSSIBLE} if override.strip() else {Severity.IMPOSSIBLE, Severity.REFUSAL}
    return next((each for each in inspection.findings if each.severity in stopping), None)

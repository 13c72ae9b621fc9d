"""What a firmware file is, says about itself, and is worth: whole or damaged, for which chip, with which secrets.

Rule: bytes are looked at once, as they pass, in bounded memory and time; no bytes raise. What is found is data: a value
(`Inspection`) with checks, findings for people and nothing that was guessed.
"""

from homie_ota.esp.image.findings import finding, refusal, sentence
from homie_ota.esp.image.inspector import Inspector, inspect
from homie_ota.esp.image.nouns import (
    KINDS,
    AppDescriptor,
    Check,
    CheckResult,
    Finding,
    Inspection,
    Part,
    Segment,
    Severity,
    from_data,
)
from homie_ota.esp.image.sentences import FINDINGS
from homie_ota.esp.image.text import clean

__all__ = [
    "FINDINGS",
    "KINDS",
    "AppDescriptor",
    "Check",
    "CheckResult",
    "Finding",
    "Inspection",
    "Inspector",
    "Part",
    "Segment",
    "Severity",
    "clean",
    "finding",
    "from_data",
    "inspect",
    "refusal",
    "sentence",
]

"""`doctor`: an examination of this installation as a table, or as JSON.

Rule: what is bad ends with exit status 1, a warning does not.
"""

from __future__ import annotations

import asyncio
import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from homie_ota.cli import show
from homie_ota.cli.settings import settings_of

if TYPE_CHECKING:
    from homie_ota.doctor import Finding, Patient

MARKS = {"good": "ok  ", "mind": "MIND", "bad": "BAD "}


def doctor(arguments: Namespace) -> int:
    """Examine the installation; 1 when something is bad."""
    from homie_ota.doctor import as_json, worst

    findings = asyncio.run(_examined(_patient(arguments), shown=not arguments.json))
    if arguments.json:
        show.as_json(as_json(findings))
    else:
        show.line(_summary(findings))
    return int(worst(findings) == "bad")


def _patient(arguments: Namespace) -> Patient:
    from homie_ota.doctor.patient import patient_of
    from homie_ota.service.places import own_address

    settings = settings_of(arguments)
    return patient_of(settings, own_address(settings.http.host), _settings_file(arguments))


def _settings_file(arguments: Namespace) -> Path | None:
    """The file that the settings were read from; None where there is none."""
    from homie_ota.config import INI_FILE, TOML_FILE

    named = arguments.config or os.environ.get("HOMIE_OTA_CONFIG") or os.environ.get("INIFILE")
    here = [Path(named)] if named else [Path(TOML_FILE), Path(INI_FILE)]
    return next((each for each in here if each.is_file()), None)


async def _examined(patient: Patient, *, shown: bool) -> list[Finding]:
    from homie_ota.doctor import examine

    found = []
    async for finding in examine(patient):
        found.append(finding)
        if shown:
            _show(finding)
    return found


def _show(finding: Finding) -> None:
    """One finding, as soon as it is there: some checks take seconds."""
    show.line(f"{MARKS[finding.verdict]}  {finding.topic:<20}  {finding.said}")
    if finding.fix:
        show.line(f"{'':28}→ {finding.fix}")


def _summary(findings: list[Finding]) -> str:
    bad, mind = (sum(each.verdict == word for each in findings) for word in ("bad", "mind"))
    if not bad and not mind:
        return "All is well."
    return f"{bad} bad, {mind} to mind, {len(findings) - bad - mind} well."

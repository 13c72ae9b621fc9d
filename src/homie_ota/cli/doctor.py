"""`doctor`: an examination of this installation as a table, or as JSON.

Rule: what is bad ends with exit status 1, a warning does not.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from homie_ota.cli import show
from homie_ota.cli.asked import asked
from homie_ota.cli.options import Config, Data
from homie_ota.cli.settings import settings_file, settings_of

if TYPE_CHECKING:
    from homie_ota.doctor import Finding, Patient

MARKS = {"good": "ok  ", "mind": "MIND", "bad": "BAD "}


Mqtt = Annotated[
    str | None,
    typer.Option("--mqtt", metavar="URL", help="the broker: mqtt://user:password@host:1883, mqtts://…"),
]


def doctor(ctx: typer.Context, config: Config = None, data: Data = None, mqtt: Mqtt = None) -> int:
    """Examine the installation; 1 when something is bad."""
    from homie_ota.doctor import as_json, worst

    as_data = asked(ctx).json
    findings = asyncio.run(_examined(_patient(config, data, mqtt), shown=not as_data))
    if as_data:
        show.as_json(as_json(findings))
    else:
        show.line(_summary(findings))
    return int(worst(findings) == "bad")


def _patient(config: Path | None, data: Path | None, mqtt: str | None) -> Patient:
    from homie_ota.doctor.patient import patient_of
    from homie_ota.service.places import own_address

    settings = settings_of(config, data, mqtt=mqtt)
    return patient_of(settings, own_address(settings.http.host), settings_file(config))


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

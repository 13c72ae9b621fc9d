"""Examines an installation from outside: broker, address, clock, disk, rights, database; each finding with its fix.

Rule: it leaves nothing behind, on the broker or on the disk, and disturbs no device; a check that itself fails is a
finding, and the others go on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from homie_ota.doctor import broker, database, endpoint, machine, rights, seekers
from homie_ota.doctor.nouns import BAD, Check, Finding, Patient, Verdict, as_json, worst
from homie_ota.errors import HomieOtaError

__all__ = ["Finding", "Patient", "Verdict", "as_json", "examine", "worst"]


def checks() -> tuple[tuple[str, Check], ...]:
    """Every check with its topic, in the order in which somebody who looks for a fault would ask."""
    return (
        ("versions", machine.versions),
        ("database", database.database),
        ("address", endpoint.endpoint),
        (seekers.TOPIC, seekers.seekers),
        ("broker", broker.broker),
        ("permissions", rights.rights),
        ("disk", machine.disks),
        ("open files", machine.open_files),
        ("clock", machine.clock),
    )


async def examine(patient: Patient) -> AsyncIterator[Finding]:
    """All findings, each check's as soon as it is done."""
    for topic, check in checks():
        for finding in await _done(topic, check, patient):
            yield finding


async def _done(topic: str, check: Check, patient: Patient) -> list[Finding]:
    try:
        return await check(patient)
    except HomieOtaError as error:
        return [Finding(topic, BAD, str(error))]
    except Exception as error:  # noqa: BLE001 - what breaks one check must not hide what the others find
        why = f"{type(error).__name__}: {error}".strip(": ")
        return [Finding(topic, BAD, f"This could not be checked: {why}.", "Report it as a bug.")]

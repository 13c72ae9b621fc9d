"""The machine itself: its clock, its disks, how many files it lets us open, and versions that are known to be bad.

Rule: what is measured is put into words by functions of values alone, so that each can be tried with any value.
"""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from homie_ota import __version__
from homie_ota.doctor.nouns import BAD, GOOD, MIND, Finding, Patient, Verdict
from homie_ota.store.disks import Disk, existing
from homie_ota.store.vitals import AHEAD, VERSION_DAY
from homie_ota.web import health_lines, words

FILES, FEW_FILES = 1024, 256
"""Open files that a server may need: every page that is open and every transfer is one."""
JUMP = 2.0
"""Seconds that the clock may differ from the time that really passed while we looked."""
OLDEST_SQLITE, OLDEST_PYTHON = (3, 35, 0), (3, 11)

SET_CLOCK = "sudo timedatectl set-ntp true"


async def clock(patient: Patient) -> list[Finding]:
    """The clock: its year, against the time that passed, the log, and what a proxy says."""
    known = patient.known
    passed = time.monotonic() - known.began_at
    return clock_of(known.clock(), known.began + passed, known.newest, known.http_ahead)


def clock_of(
    now: float, expected: float, newest: float = 0.0, http_ahead: float | None = None
) -> list[Finding]:
    """What the clock says (`now`), should say by the time that passed, the newest event, and an HTTP `Date`'s lead."""
    if now < VERSION_DAY:
        said = f"This machine's clock says {words.moment(now)} UTC, before the day on which this version was made."
        return [Finding("clock", BAD, said, SET_CLOCK)]
    found = [
        Finding("clock", MIND, said, SET_CLOCK) for said in _clock_faults(now, expected, newest, http_ahead)
    ]
    return found or [Finding("clock", GOOD, f"It is {words.moment(now)} UTC, and nothing says otherwise.")]


def _clock_faults(now: float, expected: float, newest: float, http_ahead: float | None) -> Iterator[str]:
    if abs(now - expected) > JUMP:
        yield f"The clock jumped by {now - expected:+.0f} s while this was looked at."
    if newest > now + AHEAD:
        yield f"The log has an event of {words.moment(newest)} UTC, which is in the future: the clock was put back."
    if http_ahead is not None and abs(http_ahead) > AHEAD:
        yield f"What answers at the address for devices has a clock that differs by {http_ahead:+.0f} s."


async def disks(patient: Patient) -> list[Finding]:
    """Free room for data and firmware; once where both lie on one disk."""
    storage, largest = patient.settings.storage, patient.settings.ota.max_upload
    found: dict[int, Disk] = {}
    for what, path in (
        ("disk of the data", storage.data_dir),
        ("disk of the firmware", storage.firmware_dir),
    ):
        there = existing(path)
        usage = await asyncio.to_thread(shutil.disk_usage, there)
        found.setdefault(there.stat().st_dev, Disk(what, str(there), usage.total, usage.free))
    return [disk_of(each, largest) for each in found.values()]


def disk_of(disk: Disk, largest: int) -> Finding:
    """One disk, by the rule of the health page."""
    line = health_lines.disk(disk, largest)
    fix = "homie-ota firmware prune --keep 3, or another data_dir in [storage]" if line.advice else ""
    return Finding(line.topic, Verdict(line.verdict.value), line.said, fix)


async def open_files(_patient: Patient) -> list[Finding]:
    """How many files and connections this user may have open."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return [files_of(soft)]


def files_of(soft: int) -> Finding:
    """The same for a limit."""
    few = soft != resource.RLIM_INFINITY and soft < FILES
    said = f"A process of this user may have {soft} files and connections open at once."
    if not few:
        return Finding("open files", GOOD, said)
    fix = f"LimitNOFILE={FILES * 8} in the [Service] section of the systemd unit, or ulimit -n {FILES * 8}"
    return Finding("open files", BAD if soft < FEW_FILES else MIND, said, fix)


async def versions(_patient: Patient) -> list[Finding]:
    """Which versions run here, and whether one of them is known to be bad."""
    return list(versions_of(tuple(sys.version_info[:3]), sqlite3.sqlite_version_info))


def versions_of(python: tuple[int, ...], sqlite: tuple[int, ...]) -> Iterator[Finding]:
    """The same for given versions of Python and SQLite."""
    shown = f"{_dotted(python)}, SQLite {_dotted(sqlite)}, {platform.system()} {platform.machine()}"
    old_python, old_sqlite = python < OLDEST_PYTHON, sqlite < OLDEST_SQLITE
    if old_python:
        said = f"Python {_dotted(python)} is too old; {_dotted(OLDEST_PYTHON)} is the oldest that works."
        yield Finding(
            "versions", BAD, said, "sudo apt install python3.11, and install homie-ota again with it"
        )
    if old_sqlite:
        said = (
            f"SQLite {_dotted(sqlite)} is older than {_dotted(OLDEST_SQLITE)}: statements that we need fail."
        )
        yield Finding(
            "versions", BAD, said, "sudo apt install libsqlite3-0 (of a newer release), or use PostgreSQL"
        )
    if not (old_python or old_sqlite):
        yield Finding("versions", GOOD, f"homie-ota {__version__}, Python {shown}.")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(each) for each in version)


def in_container(root: Path = Path("/")) -> bool:
    """Whether this runs in a container with a network of its own.

    Docker and Podman leave a file; in the host's network there is an interface that is a device.
    """
    marked = any((root / each).exists() for each in (".dockerenv", "run/.containerenv"))
    return (marked or bool(os.environ.get("KUBERNETES_SERVICE_HOST"))) and not _has_hardware(root)


def _has_hardware(root: Path) -> bool:
    return any((root / "sys/class/net").glob("*/device"))

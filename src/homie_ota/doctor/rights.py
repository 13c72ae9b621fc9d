"""Who may read and write what belongs to the server: its folders, its database, its settings, its keys.

Rule: what the server must write, this user must be able to write; what holds a secret, nobody else should read.
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from homie_ota.config import Settings
from homie_ota.doctor.nouns import BAD, GOOD, MIND, Finding, Patient, Verdict
from homie_ota.store.disks import existing

_SECRET = re.compile(
    r"^\s*(?![#;\s])(.*(password|secrets?)\b.*[=:]\s*\S|.*://[^\s/]*@)", re.IGNORECASE | re.MULTILINE
)
"""A line of a settings file that is no comment and says a password, or an address with one in it."""


async def rights(patient: Patient) -> list[Finding]:
    """Everything of this kind, or that all is well."""
    found = [*folders(patient.settings), *secret_files(patient.settings, patient.settings_file)]
    return found or [
        Finding("permissions", GOOD, "The server may write its folders; its secrets are its own.")
    ]


def folders(settings: Settings) -> Iterator[Finding]:
    """Folders and files that the server has to write and this user may not."""
    storage = settings.storage
    places = {existing(each) for each in (storage.data_dir, storage.firmware_dir)}
    if "://" not in storage.database:
        places.add(existing(Path(storage.database)))
    for place in sorted(places):
        wanted = os.R_OK | os.W_OK | (os.X_OK if place.is_dir() else 0)
        if not os.access(place, wanted):
            yield _not_ours(place)


def _not_ours(place: Path) -> Finding:
    user, owner = _user(), _owner(place)
    said = f"{place} cannot be read and written by the user {user}; it belongs to {owner}."
    quoted = shlex.quote(str(place))
    fix = f"sudo chown -R {user} {quoted}; or look as the server's own user: sudo -u {owner} homie-ota doctor"
    return Finding("permissions", BAD, said, fix)


def secret_files(settings: Settings, settings_file: Path | None) -> Iterator[Finding]:
    """Files with secrets that others may read; a private key is worse than a password of ours."""
    storage, mqtt = settings.storage, settings.mqtt
    for key in (settings.http.tls_key, mqtt.key_file):
        yield from _open_to_others(key, "is a private key", BAD)
    if "://" not in storage.database:
        yield from _open_to_others(storage.database, "holds the hashes of passwords", MIND)
    yield from _open_to_others(
        storage.data_dir / "embedded-broker.password", "is the broker's password", MIND
    )
    if settings_file is not None and _has_secrets(settings_file):
        yield from _open_to_others(settings_file, "holds passwords", MIND)


def _open_to_others(path: Path | str, what: str, verdict: Verdict) -> Iterator[Finding]:
    try:
        mode = Path(path).stat().st_mode if str(path) else 0
    except OSError:
        return
    if mode & stat.S_IROTH:
        said = f"{path} {what}, and every user of this machine may read it (mode {stat.S_IMODE(mode):o})."
        yield Finding("permissions", verdict, said, f"chmod o-rwx {shlex.quote(str(path))}")


def _has_secrets(path: Path) -> bool:
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError:
        return False
    return _SECRET.search(text) is not None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in a container
        return str(os.getuid())


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError):
        return str(path.stat().st_uid)

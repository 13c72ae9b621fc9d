"""Who may read and write what belongs to the server, as the doctor sees it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from doctor.conftest import Installation, look
from homie_ota.doctor import rights

ROOT = os.geteuid() == 0


def test_a_fresh_installation_has_nothing_to_say(here: Installation) -> None:
    assert [each.verdict for each in look(rights.rights, here.patient())] == ["good"]


@pytest.mark.parametrize("mode", ["none", "read"])
def test_a_folder_that_cannot_be_written_is_bad_and_names_the_command(
    here: Installation, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed = {"none": 0, "read": os.R_OK | os.X_OK}[mode]
    # Root may write everything, so the system's answer is taken for that of another user.
    if ROOT:
        ours = os.access
        monkeypatch.setattr(
            os,
            "access",
            lambda path, how: (how & ~allowed) == 0 if Path(path) == here.firmware else ours(path, how),
        )
    else:
        here.firmware.chmod(0o500 if mode == "read" else 0)
    (found,) = look(rights.rights, here.patient())
    here.firmware.chmod(0o700)
    assert found.verdict == "bad"
    assert found.fix.startswith("sudo chown -R ")
    assert str(here.firmware) in found.said


@pytest.mark.parametrize(
    ("text", "is_secret"),
    [
        ('[mqtt]\npassword = "s3cret"', True),
        ('[mqtt]\nurl = "mqtt://me:s3cret@broker"', True),
        ("[mqtt]\nMQTT_PASSWORD=s3cret", True),
        ('[ota]\nsecrets = ["wifi"]', True),
        ('# password = "none"\n[mqtt]\nurl = "mqtt://broker"', False),
        ("[http]\nport = 9080", False),
    ],
)
def test_a_settings_file_with_secrets_is_nobody_elses(here: Installation, text: str, is_secret: bool) -> None:
    file = here.settings_file = here.folder / "homie-ota.toml"
    file.write_text(text)
    file.chmod(0o644)
    (found,) = look(rights.rights, here.patient())
    assert (found.verdict == "mind") is is_secret
    assert (found.fix == f"chmod o-rwx {file}") is is_secret
    file.chmod(0o600)
    assert look(rights.rights, here.patient())[0].verdict == "good"


def test_a_private_key_that_all_may_read_is_bad(here: Installation) -> None:
    key, certificate = here.folder / "key.pem", here.folder / "certificate.pem"
    key.touch(0o644)
    http = {"tls_key": str(key), "tls_certificate": str(certificate)}
    (found,) = look(rights.rights, here.patient(http=http))
    assert (found.verdict, found.fix) == ("bad", f"chmod o-rwx {key}")


def test_the_database_and_the_brokers_password_are_secrets(here: Installation) -> None:
    (here.data / "embedded-broker.password").touch(0o644)
    Path(here.settings().database_url).chmod(0o644)
    said = " ".join(each.said for each in look(rights.rights, here.patient()))
    assert "hashes of passwords" in said
    assert "broker's password" in said

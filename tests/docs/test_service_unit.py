"""The unit of systemd: valid, hardened, and about the places that install.sh makes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from docs.installed import PROJECT
from servers import find_program

UNIT = PROJECT / "packaging" / "homie-ota.service"
TEXT = UNIT.read_text("utf-8")
NEEDED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RestrictSUIDSGID": "yes",
    "CapabilityBoundingSet": "",
    "User": "homie-ota",
    "StateDirectory": "homie-ota",
}
EXPOSURE = 15
"""Tenths; systemd's own measure goes to 100, and calls what is below 20 well protected."""


def settings() -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", TEXT, re.MULTILINE))


@pytest.mark.parametrize(("key", "value"), NEEDED.items())
def test_what_hardens_it_is_there(key: str, value: str) -> None:
    assert settings()[key] == value


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    program = find_program("systemd-analyze", package="systemd")
    copy = tmp_path / UNIT.name  # the program is not installed here: another one stands for it
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", TEXT, flags=re.MULTILINE))
    done = subprocess.run(
        [program, "verify", "--man=no", copy], capture_output=True, text=True, check=False, timeout=60
    )
    ours = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert ours == []
    assert done.returncode == 0, done.stderr


def test_systemd_calls_it_well_protected() -> None:
    program = find_program("systemd-analyze", package="systemd")
    done = subprocess.run(
        [program, "security", "--offline=true", f"--threshold={EXPOSURE}", UNIT],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_it_starts_what_install_puts_there_with_the_settings_and_data_it_makes() -> None:
    install = (PROJECT / "packaging" / "install.sh").read_text("utf-8")
    program, _, rest = settings()["ExecStart"].partition(" ")
    assert program == "/opt/homie-ota/bin/homie-ota"
    assert "home=$root/opt/homie-ota" in install
    assert "/etc/homie-ota/homie-ota.toml" in rest
    assert "$root/etc/homie-ota/homie-ota.toml" in install
    assert rest.endswith(f"--data /var/lib/{settings()['StateDirectory']}")


def test_a_wrong_setting_is_not_tried_again_and_again() -> None:
    from homie_ota.errors import WrongUse

    assert str(WrongUse.exit_status) in settings()["RestartPreventExitStatus"].split()


def test_the_user_is_made_as_the_unit_wants_it(tmp_path: Path) -> None:
    program = find_program("systemd-sysusers", package="systemd")
    (tmp_path / "etc").mkdir()
    made = PROJECT / "packaging" / "homie-ota.sysusers"
    subprocess.run([program, f"--root={tmp_path}", made], check=True, timeout=60)
    (line,) = [
        line
        for line in (tmp_path / "etc" / "passwd").read_text().splitlines()
        if line.startswith("homie-ota:")
    ]
    assert line.endswith("nologin")
    assert int(line.split(":")[2]) < 1000

"""What `make` runs before anything else says clearly what a machine lacks."""

import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """A folder for PATH that holds nothing but what every Unix has."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "tr", "id", "dirname", "ls", "cat", "rm"):
        (folder / name).symlink_to(shutil.which(name) or name)
    return folder


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
def test_missing_programs_are_named_and_only_ci_insists_on_them(
    bare_machine: Path, ci: str, status: int
) -> None:
    done = _run("packages.sh", PATH=str(bare_machine), CI=ci)
    assert done.returncode == status, done.stderr
    assert "missing: " in done.stderr
    assert "Debian: apt install" in done.stderr
    assert "mosquitto-clients" in done.stderr


def test_a_machine_without_a_recent_python_is_told_so(bare_machine: Path) -> None:
    done = _run("setup.sh", PATH=str(bare_machine))
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr


def test_a_python_without_venv_is_told_so(bare_machine: Path, tmp_path: Path) -> None:
    _pretend_python(bare_machine, cannot="ensurepip")
    copy = tmp_path / "project"
    shutil.copytree(PROJECT / "scripts", copy / "scripts")
    done = _run("setup.sh", project=copy, PATH=str(bare_machine))
    assert done.returncode == 1
    assert "has no venv module (Debian: apt install python3-venv)" in done.stderr


def _pretend_python(folder: Path, *, cannot: str) -> None:
    python = folder / "python3"
    python.write_text(f'#!/bin/sh\ncase "$*" in *{cannot}*) exit 1 ;; esac\nexit 0\n')
    python.chmod(0o755)


def _run(script: str, *, project: Path = PROJECT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", project / "scripts" / script],
        capture_output=True,
        check=False,
        env=environment,
        text=True,
        timeout=60,
    )

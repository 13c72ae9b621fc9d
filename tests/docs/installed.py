"""A built wheel, and places to install it in without the network: what it needs is borrowed from this environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PATIENCE = 200.0
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "requirements.txt", "packaging")


def source(folder: Path) -> Path:
    """A copy of what the package is built from, so that building leaves nothing in the project."""
    folder.mkdir()
    for name in BUILT_FROM:
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, folder / name)
    shutil.copytree(
        PROJECT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    return folder


def borrowed(folder: Path) -> Path:
    """Every package of this environment but homie-ota itself, for `PYTHONPATH`."""
    folder.mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(
            ("homie_ota", "__editable__", "__pycache__", "_distutils", "pip", "distutils")
        ):
            (folder / entry.name).symlink_to(entry)
    return folder


def run(*command: str | Path, **environment: str) -> str:
    """Run a program to its end; what it said. A failure of the test where it fails."""
    done = subprocess.run(
        command, env={**os.environ, "PIP_NO_INDEX": "1", **environment}, capture_output=True, text=True,
        check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def wheel(folder: Path) -> Path:
    """The wheel of this source, built without the network."""
    place = source(folder / "source")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    run(*pip, "--wheel-dir", folder, place)
    return next(folder.glob("*.whl"))

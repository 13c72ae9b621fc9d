"""Puts the add-on of Home Assistant together: `build/addon` has all that its Dockerfile copies.

Rule: the Supervisor builds an add-on from its own folder alone, so the wheel and the list of packages lie in it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
SOURCE, TARGET = PROJECT / "addon", PROJECT / "build" / "addon"


def put_together(target: Path, project: Path = PROJECT) -> list[str]:
    """Make the folder anew; the names of its files."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(project / "addon", target, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project / "requirements.txt", target)
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    subprocess.run([*pip, "--wheel-dir", str(target), str(project)], check=True)
    return sorted(path.name for path in target.iterdir())


def version(project: Path = PROJECT) -> str:
    """The version of the package, which is that of the add-on."""
    found = re.search(r'^version = "(.+)"$', (project / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


if __name__ == "__main__":
    for name in put_together(TARGET):
        print(TARGET.relative_to(PROJECT) / name)

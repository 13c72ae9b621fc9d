"""What a user installs: exact versions, no addresses, nothing forgotten, nobody root."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
LOCKED = ("requirements.txt", "requirements-dev.txt")


@pytest.mark.parametrize("name", LOCKED)
def test_every_requirement_has_an_exact_version_and_a_hash(name: str) -> None:
    text = (PROJECT / name).read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) > 10
    assert [
        line for line in lines if not re.match(r"[\w.-]+==[\w.]+ .*--hash=sha256:[0-9a-f]{64}", line)
    ] == []


@pytest.mark.parametrize(
    "name", [*LOCKED, "requirements.in", "requirements-dev.in", "Dockerfile", "pyproject.toml"]
)
def test_no_address_of_a_package_index_is_written_down(name: str) -> None:
    text = (PROJECT / name).read_text("utf-8").replace("http://127.0.0.1:9080/", "")
    assert not re.search(r"https?://|--index-url|--find-links|file:", text)


def test_what_the_package_asks_for_is_what_is_locked() -> None:
    asked = {_name(text) for text in PYPROJECT["project"]["dependencies"]}
    chosen = {_name(line) for line in _lines("requirements.in")} - {"setuptools"}
    locked = {_name(line) for line in _lines("requirements.txt")}
    assert asked == chosen
    assert asked < locked


def test_the_page_about_dependencies_names_each_with_its_locked_version() -> None:
    page = (PROJECT / "docs" / "reference" / "dependencies.md").read_text("utf-8")
    told = dict(re.findall(r"^\| ([\w-]+)(?:\\\[\w+\\\])? \| ([\d.]+) \|", page, re.MULTILINE))
    locked = dict(line.split()[0].split("==", 1) for line in _lines("requirements.txt"))
    asked = {_name(text) for text in PYPROJECT["project"]["dependencies"]}
    assert told == {name: locked[name] for name in asked}


def test_a_built_package_carries_every_file_of_the_source(tmp_path: Path) -> None:
    copy = tmp_path / "source"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, copy)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(PROJECT / "src", copy / "src", ignore=ignored)
    expected = {str(p.relative_to(copy / "src")) for p in (copy / "src").rglob("*") if p.is_file()}
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", tmp_path, copy], check=True, timeout=100)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        inside = {name for name in wheel.namelist() if not name.split("/")[0].endswith(".dist-info")}
    assert inside == expected


def test_the_container_runs_as_nobody_of_importance_and_says_how_it_is() -> None:
    lines = (PROJECT / "Dockerfile").read_text("utf-8").splitlines()
    last_stage = lines[max(n for n, line in enumerate(lines) if line.startswith("FROM ")) :]
    users = [line.split()[1] for line in last_stage if line.startswith("USER ")]
    assert users
    assert "root" not in users
    assert "0" not in users
    assert [line for line in last_stage if line.startswith("HEALTHCHECK ")]
    assert "VOLUME /data" in last_stage


def test_the_container_is_built_from_files_that_are_there_and_sent() -> None:
    sent = {line[1:] for line in _lines(".dockerignore") if line.startswith("!")}
    wanted = [
        name
        for line in _lines("Dockerfile")
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    ]
    assert wanted
    assert set(wanted) <= sent
    assert all((PROJECT / name).exists() for name in wanted)


def test_the_version_is_said_once_for_the_package_and_the_program() -> None:
    import homie_ota

    assert homie_ota.__version__ == PYPROJECT["project"]["version"]


def test_links_between_our_documents_lead_somewhere() -> None:
    pages = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *(PROJECT / "docs").rglob("*.md")]
    links = [
        (page, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
    ]
    assert len(links) > 10
    broken = [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()]
    assert broken == []


def test_the_settings_in_the_readme_are_understood(tmp_path: Path) -> None:
    from homie_ota.config import load

    (example,) = re.findall(r"```toml\n(.*?)```", (PROJECT / "README.md").read_text("utf-8"), re.DOTALL)
    path = tmp_path / "homie-ota.toml"
    path.write_text(example, "utf-8")
    settings = load(path, {"HOMIE_OTA_HTTP__PORT": "9090"}, {})
    assert (settings.mqtt.host, settings.mqtt.username, settings.http.port) == ("broker", "user", 9090)
    assert settings.http.public_url == "http://ota.example:9080"


def _lines(name: str) -> list[str]:
    text = (PROJECT / name).read_text("utf-8").replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _name(requirement: str) -> str:
    return re.split(r"[^\w-]", requirement.strip(), maxsplit=1)[0]

"""What is built can be installed on another machine, runs there, serves a page, and can be taken away again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from docs.installed import PROJECT, borrowed, run, source, wheel
from e2e.serving import PATIENCE, PLAIN, environment
from servers import Child, unused_port, wait_until


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return borrowed(tmp_path_factory.mktemp("borrowed") / "packages")


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    child = Child(tmp_path, unused_port())
    yield child
    child.stop()


def serves_a_page(program: Path, child: Child, packages: Path) -> None:
    """Start the installed server and get its first page, as a browser would."""
    options = ("--host", "127.0.0.1", "--port", str(child.port), "--data", "data", "--auth", "none")
    nowhere = ("--mqtt", f"mqtt://127.0.0.1:{unused_port()}")
    child.launch(
        [str(program), "serve", *options, *nowhere],
        cwd=child.folder,
        env={**environment(), "PYTHONPATH": str(packages)},
    )
    wait_until(lambda: "devices fetch firmware from" in child.log, "the server says hello", PATIENCE)
    page = httpx.get(f"http://127.0.0.1:{child.port}/", follow_redirects=True, **PLAIN)
    assert page.status_code == 200
    assert "<html" in page.text
    style = httpx.get(f"http://127.0.0.1:{child.port}/healthz", **PLAIN)
    assert style.status_code in (200, 503)  # 503: there is no broker


def test_a_wheel_installs_without_the_network_and_serves_a_page(
    tmp_path: Path, packages: Path, child: Child
) -> None:
    built = wheel(tmp_path)
    home = tmp_path / "elsewhere"
    run(sys.executable, "-m", "venv", home)
    run(home / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", built)
    program = home / "bin" / "homie-ota"
    assert "run the server" in run(program, "--help", PYTHONPATH=str(packages))
    serves_a_page(program, child, packages)


def test_install_puts_program_service_user_and_settings_in_place_and_uninstall_takes_them_away(
    tmp_path: Path, packages: Path, child: Child
) -> None:
    place, root = source(tmp_path / "source"), tmp_path / "root"
    given = {"DESTDIR": str(root), "PYTHONPATH": str(packages), "PYTHON": sys.executable}
    said = run("sh", place / "packaging" / "install.sh", **given)
    assert "systemctl enable --now homie-ota" in said
    settings = root / "etc" / "homie-ota" / "homie-ota.toml"
    assert (root / "etc" / "systemd" / "system" / "homie-ota.service").is_file()
    assert (root / "usr" / "lib" / "sysusers.d" / "homie-ota.conf").is_file()
    serves_a_page(root / "opt" / "homie-ota" / "bin" / "homie-ota", child, packages)
    child.stop()

    settings.write_text("[http]\nport = 9090\n")
    assert "stay as they are" in run("sh", place / "packaging" / "install.sh", **given)
    assert settings.read_text() == "[http]\nport = 9090\n"

    (root / "var" / "lib" / "homie-ota").mkdir(parents=True)
    run("sh", place / "packaging" / "uninstall.sh", DESTDIR=str(root))
    assert not (root / "opt" / "homie-ota").exists()
    assert not (root / "etc" / "systemd" / "system" / "homie-ota.service").exists()
    assert settings.exists()
    run("sh", place / "packaging" / "uninstall.sh", "--purge", DESTDIR=str(root))
    assert [path for path in root.rglob("*") if not path.is_dir()] == []


def test_uninstall_does_nothing_when_it_does_not_understand(tmp_path: Path) -> None:
    (tmp_path / "opt" / "homie-ota").mkdir(parents=True)
    done = subprocess.run(
        ["sh", PROJECT / "packaging" / "uninstall.sh", "--purg"],
        env={"DESTDIR": str(tmp_path), "PATH": "/usr/bin:/bin"}, check=False, capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert (tmp_path / "opt" / "homie-ota").exists()


def test_the_settings_that_come_with_the_service_are_understood(tmp_path: Path) -> None:
    from homie_ota.config import load

    text = (PROJECT / "packaging" / "homie-ota.toml").read_text("utf-8")
    path = tmp_path / "homie-ota.toml"
    path.write_text(text.replace("# url =", "url =").replace("# public_url =", "public_url ="), "utf-8")
    settings = load(path, {}, {})
    assert (settings.mqtt.host, settings.http.public_url) == ("broker", "http://ota.example:9080")


def test_scripts_are_programs() -> None:
    for name in ("install.sh", "uninstall.sh"):
        path = PROJECT / "packaging" / name
        assert path.stat().st_mode & 0o111
        assert shutil.which("sh")
        run("sh", "-n", path)

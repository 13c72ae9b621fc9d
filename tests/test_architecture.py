"""The shape of the code: rooms, arrows and sizes are as docs/explanation/architecture.md and .importlinter say."""

import ast
import configparser
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import architecture

PROJECT = architecture.PROJECT
MODULES = architecture.modules()
LINES_A_MODULE, LINES_A_FUNCTION = 300, 50
CORE_FLOORS = ("homie", "model", "errors")


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_decides(name: str) -> None:
    assert len(architecture.sentence(MODULES[name])) > 20


def test_the_architecture_page_names_every_module_and_no_other() -> None:
    page = architecture.PAGE.read_text("utf-8")
    assert page == architecture.renewed(page), "run `make docs`"


@pytest.mark.parametrize("name", MODULES)
def test_modules_and_functions_stay_within_their_size(name: str) -> None:
    text = MODULES[name].read_text("utf-8")
    assert len(text.splitlines()) <= LINES_A_MODULE
    long = {f.name: n for f, n in _functions(text) if n > LINES_A_FUNCTION}
    assert long == {}


def test_the_contracts_between_rooms_hold() -> None:
    done = _lint_imports(PROJECT)
    assert done.returncode == 0, done.stdout


def test_every_core_room_is_held_to_the_sans_io_contract() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(PROJECT / ".importlinter")
    held = contracts["importlinter:contract:sans-io"]["source_modules"].split()
    core = [room for floor in architecture.layers() if set(floor) & set(CORE_FLOORS) for room in floor]
    assert {f"homie_ota.{room}" for room in core if room in MODULES} <= set(held)


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("model", "import homie_ota.fleet", "Arrows go down only"),
        ("ingest", "import homie_ota.dispatch", "Arrows go down only"),
        ("a_new_room", "", "Arrows go down only"),
        ("fleet", "import asyncio", "The core has no input or output"),
        ("homie/v1", "from homie_ota.homie import v2", "Generations of Homie"),
        ("ingest", "import gmqtt", "Each library is used in one room"),
        ("store/devices", "import starlette", "Each library is used in one room"),
    ],
)
def test_a_forbidden_arrow_is_found(
    copy_of_the_code: Callable[[], Path], module: str, line: str, contract: str
) -> None:
    project = copy_of_the_code()
    with (project / "homie_ota" / f"{module}.py").open("a") as file:
        file.write(f"\n{line}\n")
    done = _lint_imports(project)
    assert done.returncode == 1
    assert [text for text in done.stdout.splitlines() if text.startswith(contract) and "BROKEN" in text]


@pytest.fixture
def copy_of_the_code(tmp_path: Path) -> Callable[[], Path]:
    def copy() -> Path:
        shutil.copytree(architecture.PACKAGE, tmp_path / "homie_ota", ignore=shutil.ignore_patterns("static"))
        shutil.copy(PROJECT / ".importlinter", tmp_path)
        return tmp_path

    return copy


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    source = folder if (folder / "homie_ota").is_dir() else folder / "src"
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache", "--config", folder / ".importlinter"],
        capture_output=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(source)},
        text=True,
        timeout=60,
    )


def _functions(text: str) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, (node.end_lineno or 0) - node.lineno + 1

"""Write the tables of docs/explanation/architecture.md from the code: rooms from docstrings, errors from errors.py.

`python scripts/architecture.py` rewrites the page; tests/test_architecture.py fails when that was forgotten.
"""

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "src" / "homie_ota"
PAGE = PROJECT / "docs" / "explanation" / "architecture.md"


def layers(project: Path = PROJECT) -> list[list[str]]:
    """The rooms of each floor, from the top, as the import contract names them."""
    contracts = configparser.ConfigParser()
    contracts.read(project / ".importlinter")
    floors = contracts["importlinter:contract:floors"]["layers"].strip().splitlines()
    return [re.findall(r"\w+", floor) for floor in floors]


def modules() -> dict[str, Path]:
    """Every module of the package by its name below `homie_ota`; a package goes by its `__init__`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name == "versions":
            continue  # steps of the database are history, not architecture
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name or "__init__"] = path
    return found


def sentence(path: Path) -> str:
    """The first sentence of a module's docstring, on one line; empty when there is none."""
    text = " ".join((ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n\n")[0].split())
    first = re.match(r".+?[.!?](?=\s|$)", text)
    return (first[0] if first else text).rstrip(".")


def rooms_table() -> str:
    """Each module with its first sentence, floor by floor."""
    order = [room for floor in layers() for room in floor]
    everything = modules()
    ranked = sorted(everything, key=lambda name: (_rank(name, order), name))
    rows = [f"| {_shown(name)} | {sentence(everything[name])} |" for name in ranked]
    return "\n".join(["| module | decides |", "|---|---|", *rows])


def errors_table() -> str:
    """Each error with its API code, HTTP status and exit status."""
    rows = [f"| `{n}` | `{c}` | {s} | {e} | {doc} |" for n, c, s, e, doc in _errors()]
    head = ["| error | code | HTTP | exit | means |", "|---|---|--:|--:|---|"]
    return "\n".join([*head, *rows])


TABLES = {"rooms": rooms_table, "errors": errors_table}


def renewed(text: str) -> str:
    """The page with every table between its two marks written anew."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: made by `make docs` -->", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{table()}\n{end}{rest.partition(end)[2]}"
    return text


def _rank(name: str, order: list[str]) -> int:
    room = name.partition(".")[0]
    return order.index(room) if room in order else len(order)


def _shown(name: str) -> str:
    return f"· `{name}`" if "." in name else f"**`{name}`**"


def _errors() -> Iterator[tuple[str, str, str, str, str]]:
    known: dict[str, dict[str, str]] = {}
    for node in ast.parse((PACKAGE / "errors.py").read_text("utf-8")).body:
        if not isinstance(node, ast.ClassDef):
            continue
        values = dict(known.get(ast.unparse(node.bases[0]), {})) if node.bases else {}
        values |= dict(_assigned(node))
        known[node.name] = values
        doc = (ast.get_docstring(node) or "").split("\n\n")[0]
        yield node.name, values["code"], values["status"], values["exit_status"], " ".join(doc.split())


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for line in node.body:
        match line:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=value)):
                yield name, str(value)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                yield name, str(value)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
    sys.stdout.write(f"{PAGE.relative_to(PROJECT)}: {len(modules())} modules\n")

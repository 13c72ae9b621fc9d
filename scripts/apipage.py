"""Writes into docs/reference/api.md what the code knows: every route with the right that it needs, and every error.

`python scripts/apipage.py` rewrites the page; tests/web/test_api_page.py fails when that was forgotten.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "reference" / "api.md"
sys.path.insert(0, str(PROJECT / "src"))

from homie_ota.bus import Bus  # noqa: E402 - the package may not be installed
from homie_ota.config import Settings  # noqa: E402
from homie_ota.errors import HomieOtaError  # noqa: E402
from homie_ota.store.database import Database  # noqa: E402
from homie_ota.store.images import ImageFiles  # noqa: E402
from homie_ota.web import api, app, failures  # noqa: E402
from homie_ota.web.api.description import operations  # noqa: E402


def description() -> dict[str, Any]:
    """The OpenAPI description of a server with the usual settings, which is never started."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(str(Path(folder) / "none.sqlite3"))
        shell = app.Shell(Settings(), database, ImageFiles(Path(folder)), Bus())
        try:
            return api.build(app.build(shell)).openapi()
        finally:
            database.close()


def routes() -> str:
    """Every operation, tag by tag: method, path, the right that it needs, what it does."""
    told = description()
    lines: list[str] = []
    for tag in told["tags"]:
        rows = [
            f"| `{method.upper()} {path}` | {operation.get('x-right', '–')} | {operation['summary']} |"
            for path, method, operation in operations(told)
            if tag["name"] in operation["tags"]
        ]
        lines += [
            "",
            f"**{tag['name']}** – {tag['description']}",
            "",
            "| route | right | |",
            "|---|---|---|",
            *rows,
        ]
    return "\n".join(lines[1:])


def errors() -> str:
    """Every code with its status, and what it means."""
    found = {each.code: (each.status, _meaning(each)) for each in _ours(HomieOtaError)}
    known = sorted((status, code, text) for code, (status, text) in (found | failures.WITHOUT_CLASS).items())
    rows = [f"| `{code}` | {status} | {text} |" for status, code, text in known]
    return "\n".join(["| code | status | means |", "|---|--:|---|", *rows])


def _ours(kind: type[HomieOtaError]) -> Iterator[type[HomieOtaError]]:
    for each in kind.__subclasses__():
        is_told = each.__module__.startswith(("homie_ota.errors", "homie_ota.web"))
        if is_told and "code" in vars(each):
            yield each
        yield from _ours(each)


def _meaning(kind: type[HomieOtaError]) -> str:
    return " ".join((kind.__doc__ or "").partition("\n\n")[0].split())


PARTS = {"routes": routes, "errors": errors}


def renewed(text: str) -> str:
    """The page with every part between its two marks written anew."""
    for name, part in PARTS.items():
        begin, end = f"<!-- {name}: made by `make docs` -->", f"<!-- {name}: end -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{part()}\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
    sys.stdout.write(f"{PAGE.relative_to(PROJECT)} is renewed\n")

"""`audit`: check the log of who did what, and keep it; here, of a server, or in a file.

Rule: the chain is followed by this program itself, whoever keeps the rows.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from homie_ota.cli import show
from homie_ota.cli.asked import asked
from homie_ota.cli.options import Config, Data, Output
from homie_ota.cli.people import Where, place
from homie_ota.cli.plain import count
from homie_ota.errors import HomieOtaError, WrongUse
from homie_ota.store.chain import COVERED, Findings, Head, follow

Json = dict[str, Any]


File = Annotated[Path | None, typer.Argument(metavar="FILE", help="what `audit export` wrote")]
Latest = Annotated[int, typer.Option("--limit", metavar="N", parser=count, help="the latest N (50)")]
Kept = Annotated[
    list[str] | None,
    typer.Option("--kept", metavar="HASH", help="a hash written down earlier; has to be in it"),
]


def listing(ctx: typer.Context, limit: Latest = 50, config: Config = None, data: Data = None) -> int:
    """Show the latest rows, the newest last."""
    _, rows = _where_it_is(Where(asked(ctx), config, data))
    latest = rows[-limit:]
    if asked(ctx).json:
        show.as_json(latest)
        return 0
    told = [
        (show.moment(row["at"]), row["who"], row["what"], row["why"], row["from_where"]) for row in latest
    ]
    show.table(("WHEN", "WHO", "WHAT", "WHY", "FROM"), told)
    return 0


def verify(
    ctx: typer.Context, file: File = None, kept: Kept = None, config: Config = None, data: Data = None
) -> int:
    """0 when it is whole, 1 when it is not."""
    end, rows = _in_file(file) if file else _where_it_is(Where(asked(ctx), config, data))
    found = follow(rows, end=end, kept=kept or ())
    if asked(ctx).json:
        show.as_json(_told(found))
    elif found.fault:
        show.line(f"The audit log is not as it was written. {found.fault[1]}")
    else:
        show.line(f"The audit log is whole: {found.head.rows} rows, up to {found.head.hash}")
        show.line("Keep this hash elsewhere: audit verify --kept HASH finds a log that was written anew.")
    return 1 if found.fault else 0


def _told(found: Findings) -> Json:
    seq, fault = found.fault or (None, None)
    return {
        "whole": fault is None,
        "rows": found.head.rows,
        "hash": found.head.hash,
        "seq": seq,
        "fault": fault,
    }


def _where_it_is(where: Where) -> tuple[Head, list[Json]]:
    with place(where) as there:
        end, rows = there.audit()
    return (end if isinstance(end, Head) else Head(int(end["rows"]), str(end["hash"]))), rows


def _in_file(path: Path) -> tuple[Head, list[Json]]:
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        lines = [None]
    if not all(isinstance(line, dict) for line in lines):
        raise WrongUse(
            f"{path} is no audit log: expected JSON lines, as `homie-ota audit export` writes them."
        )
    ends = [line["end"] for line in lines if "end" in line]
    rows = [line for line in lines if "end" not in line]
    if any(not {"seq", "hash", *COVERED} <= set(row) for row in rows):
        raise WrongUse(f"{path} is no audit log: a row lacks what every row has.")
    if not ends or "end" not in lines[-1]:
        raise HomieOtaError(f"{path} does not end as an exported audit log does: it was cut off, or is none.")
    return Head(int(ends[-1]["rows"]), str(ends[-1]["hash"])), rows


def export(ctx: typer.Context, output: Output = None, config: Config = None, data: Data = None) -> int:
    """Write it down."""
    end, rows = _where_it_is(Where(asked(ctx), config, data))
    if output is None:
        _write(sys.stdout, end, rows)
        return 0
    try:
        with output.open("w", encoding="utf-8") as file:
            _write(file, end, rows)
    except OSError as error:
        raise WrongUse(f"{output} cannot be written: {error.strerror}.") from None
    show.line(f"{output}: {len(rows)} rows, up to {end.hash}")
    return 0


def _write(file: IO[str], end: Head, rows: list[Json]) -> None:
    for row in rows:
        file.write(json.dumps(row) + "\n")
    file.write(json.dumps({"end": {"rows": end.rows, "hash": end.hash}}) + "\n")

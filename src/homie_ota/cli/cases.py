"""`case`: keep how a deployment went as one file."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from homie_ota.cli import completion, show
from homie_ota.cli.asked import asked
from homie_ota.cli.options import Output
from homie_ota.errors import NotFound, WrongUse

if TYPE_CHECKING:
    from homie_ota.client import Api

Which = Annotated[
    str,
    typer.Argument(
        metavar="DEPLOYMENT|DEVICE",
        help="its number, or a device for its latest",
        autocompletion=completion.devices,
    ),
]


def case(ctx: typer.Context, deployment: Which, output: Output = None) -> int:
    """Write the case file of a deployment, or of a device's latest one."""
    api = asked(ctx).api()
    found = api.case(_number(api, deployment))
    text = json.dumps(found, indent=1) + "\n"
    if output is None:
        sys.stdout.write(text)
        return 0
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise WrongUse(f"{output} cannot be written: {error.strerror}.") from None
    show.line(f"{output}: deployment {found['deployment']['id']}, {len(found['messages'])} messages")
    return 0


def _number(api: Api, word: str) -> int:
    if word.isascii() and word.isdigit():
        return int(word)
    latest = api.deployments(device=word)
    if not latest:
        raise NotFound(f"{word} was never updated, so there is nothing to write down.")
    return int(latest[0]["id"])

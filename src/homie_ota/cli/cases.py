"""`case`: keep how a deployment went as one file."""

from __future__ import annotations

import json
import sys
from argparse import Namespace

from homie_ota.cli import show
from homie_ota.client import Api
from homie_ota.errors import NotFound, WrongUse


def case(arguments: Namespace) -> int:
    """Write the case file of a deployment, or of a device's latest one."""
    api = Api(arguments.server, arguments.token)
    found = api.case(_number(api, arguments.deployment))
    text = json.dumps(found, indent=1) + "\n"
    if arguments.output is None:
        sys.stdout.write(text)
        return 0
    try:
        arguments.output.write_text(text, "utf-8")
    except OSError as error:
        raise WrongUse(f"{arguments.output} cannot be written: {error.strerror}.") from None
    show.line(
        f"{arguments.output}: deployment {found['deployment']['id']}, {len(found['messages'])} messages"
    )
    return 0


def _number(api: Api, word: str) -> int:
    if word.isascii() and word.isdigit():
        return int(word)
    latest = api.deployments(device=word)
    if not latest:
        raise NotFound(f"{word} was never updated, so there is nothing to write down.")
    return int(latest[0]["id"])

"""`download`: the bytes of a stored image as a file.

Rule: a name that an image or a device told is never a path: what is no plain letter of a file name becomes a dash.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from homie_ota.cli import show
from homie_ota.cli.asked import asked
from homie_ota.cli.bars import transfer
from homie_ota.cli.firmware import one
from homie_ota.cli.options import Firmware
from homie_ota.errors import WrongUse

if TYPE_CHECKING:
    from homie_ota.client import Api

Json = dict[str, Any]
To = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="FILE", help="where to (-: standard output); else NAME-VERSION.bin here"
    ),
]
Replace = Annotated[bool, typer.Option("--replace", help="replace a file that is there")]


def download(ctx: typer.Context, firmware: Firmware, output: To = None, replace: Replace = False) -> int:
    """Save an image as a file.

    What came is compared with its SHA-256 before the file gets its name.
    """
    order = asked(ctx)
    api = order.api()
    stored = api.firmware()
    sha256 = one(stored, firmware)
    if str(output) == "-":
        return _pipe(api, sha256)
    path = output or Path(file_name(next(each for each in stored if each.get("sha256") == sha256)))
    if path.exists() and not replace:
        raise WrongUse(f"{path} is there already. Say --replace, or another name with --output.")
    with transfer(path.name, quiet=order.json) as progress:
        size = api.save_image(sha256, path, progress)
    if order.json:
        show.as_json({"file": str(path), "sha256": sha256, "size": size})
    else:
        show.line(f"{path}: {size:,} bytes, sha256 {sha256}")
    return 0


def _pipe(api: Api, sha256: str) -> int:
    """The bytes on standard output, when all of them have come and are those."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "image.bin"
        api.save_image(sha256, path, None)
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    return 0


def file_name(image: Json) -> str:
    """`lamp-2.0.0.bin`, of what an image says of itself."""
    said = f"{image.get('name') or 'firmware'}-{image.get('version') or str(image.get('sha256'))[:12]}"
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", said).strip(".-")[:120] + ".bin"

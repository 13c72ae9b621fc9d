"""Templates as the code that they become, kept beside the code that Python keeps of our modules.

Rule: it is a cache like Python's own: made anew for another text or version, and done without where it cannot be
written. On a small machine the first page of its kind comes half a second sooner.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from jinja2.bccache import Bucket, BytecodeCache

FOLDER = Path(__file__).with_name("__pycache__")


class Compiled(BytecodeCache):
    """Keeps compiled templates as files of `folder`."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    def _path(self, bucket: Bucket) -> Path:
        return self._folder / f"{bucket.key}.template"

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket, where what is kept belongs to this very text and version."""
        with (
            contextlib.suppress(OSError, EOFError, ValueError, TypeError),
            self._path(bucket).open("rb") as file,
        ):
            bucket.load_bytecode(file)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it; whole or not at all, for other processes may be reading."""
        path = self._path(bucket)
        fresh = path.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            fresh.write_bytes(bucket.bytecode_to_string())
            fresh.replace(path)

"""What a server sends piece by piece: events as they happen, and the bytes of an image.

Rule: who loses the connection comes back with the number of the last event, so none is missed or told twice; an image
is whole and the one that was asked for, by its SHA-256, or there is no file.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from homie_ota.client.calls import API, Calls, Json, query, segment
from homie_ota.client.form import Progress
from homie_ota.errors import HomieOtaError, Unreachable, WrongUse

PATIENCE = 60.0
"""Seconds for which a server that was there may be away."""


class Wanted(NamedTuple):
    """Events behind the number `since` (None: from now on), of one device, of some kinds; `follow`: also what comes."""

    since: int | None = None
    device: str = ""
    kinds: Sequence[str] = ()
    follow: bool = True


class StreamCalls(Calls):
    """What comes in pieces; failures are as for every other request."""

    def follow_events(self, wanted: Wanted, *, every: float = 1.0) -> Iterator[Json]:
        """What happens, without an end if `follow`; a server that restarts is waited for. NotFound, Unreachable."""
        at, until = wanted.since, time.monotonic()
        while True:
            try:
                for number, event in self._stream(wanted._replace(since=at)):
                    until = time.monotonic() + PATIENCE
                    at = at if number is None else number
                    if event is not None:
                        yield event
            except Unreachable:
                if not wanted.follow or time.monotonic() >= until:
                    raise
            if not wanted.follow:
                return
            time.sleep(every)

    def _stream(self, wanted: Wanted) -> Iterator[tuple[int | None, Json | None]]:
        """Each message with its number, also those that only say that the server is there."""
        asked = [("notices", "false"), ("follow", "true" if wanted.follow else "false")]
        asked += [("since", str(wanted.since))] if wanted.since is not None else []
        asked += [("device", wanted.device)] if wanted.device else []
        asked += [("kind", kind) for kind in wanted.kinds]
        for number, data in read_events(self._connection.lines(f"{API}/events{query(asked)}")):
            found = json.loads(data) if data else None
            yield number, found if isinstance(found, dict) else None

    def save_image(self, sha256: str, path: Path, progress: Progress | None = None) -> int:
        """Write the bytes of an image to `path`, whole or not at all; how many. NotFound, WrongUse."""
        part = path.with_name(path.name + ".part")
        size, digest = 0, hashlib.sha256()
        try:
            with part.open("wb") as file:
                for piece, whole in self._connection.pieces(f"{API}/firmware/{segment(sha256)}/file"):
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
                    if progress:
                        progress(size, max(whole, size))
            if digest.hexdigest() != sha256:
                raise HomieOtaError(
                    f"What came is not the image {sha256[:12]}: {size:,} bytes. Ask for it once more."
                )
            part.replace(path)
        except OSError as error:
            raise WrongUse(f"{path} cannot be written: {error.strerror}.") from None
        finally:
            part.unlink(missing_ok=True)
        return size


def read_events(lines: Iterable[str]) -> Iterator[tuple[int | None, str]]:
    """Number and data of each server-sent message; None and empty where it has none."""
    number: int | None = None
    data: list[str] = []
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "id" and value.isascii() and value.isdigit():
            number = int(value)
        elif not line:
            yield number, "\n".join(data)
            number, data = None, []

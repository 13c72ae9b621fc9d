"""An image over MQTT, chunk by chunk: the checks in their order, and a status for each thing that happens.

Rule: refused at once are only 403, a digest that is none, and 304; everything else is found out after `202`
(homie-ota.md rules 6 to 11). After a refusal the rest of the payload is received and dropped.
"""

from __future__ import annotations

import re

from homie_ota.simulator import base64bug
from homie_ota.simulator.flash import UPDATE_ERRORS, Updater, free_space
from homie_ota.simulator.generations import Quirks
from homie_ota.simulator.images import Sketch
from homie_ota.simulator.values import Chunk, Faults, Hardware

_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_COARSE = 100


class Transfer:
    """What a device remembers of images between two boots; `flashed` is what the next boot will run."""

    def __init__(self, sketch: Sketch, hardware: Hardware, faults: Faults, quirks: Quirks) -> None:
        self._sketch = sketch
        self._faults = faults
        self._quirks = quirks
        self._updater = Updater(hardware, faults)
        self._room = free_space(hardware, sketch, faults)
        self._decoder: base64bug.Decoder | None = None
        self._chunks = 0
        self._done = 0
        self._total = 0
        self.ongoing = False
        self.requested = False
        self.flashed: Sketch | None = None

    def request(self, wanted: str, *, enabled: bool) -> str:
        """The answer to a digest: `202`, or why not."""
        self.ongoing = self.requested = False
        if not enabled or self._faults.refuses:
            return "403"
        if not _MD5.fullmatch(wanted):
            return UPDATE_ERRORS["md5"]
        # Compared with case: the same digest in upper case is flashed again.
        if wanted == self._sketch.md5:
            return "304"
        self._updater.wanted_md5 = wanted
        self.requested = True
        return "202"

    def begin(self, chunk: Chunk) -> list[str]:
        """Look at the first bytes of an image that was accepted, and take them in."""
        self.ongoing = True
        error = self._format_error(chunk) or self._space_error(chunk)
        return self._fail(error) if error else self.take(chunk)

    def take(self, chunk: Chunk) -> list[str]:
        """Write the next bytes; nothing happens when the image was refused."""
        if not self.ongoing:
            return []
        data, error = self._decoded(chunk)
        error = error or self._updater.write(data)
        if error:
            return self._fail(error)
        self._done += len(data)
        return self._progress() + (self._finish() if chunk.is_last else [])

    def cut(self) -> None:
        """The connection broke in the middle; each generation gets over it in its own way."""
        if not self.ongoing:
            return
        if not self._quirks.stuck_after_cut:
            self._updater.abort()
        self.ongoing = self._quirks.silent_after_cut

    @property
    def part(self) -> float:
        """How much of the image came in, 0 to 1."""
        return self._done / self._total if self.ongoing and self._total else 0.0

    def _format_error(self, chunk: Chunk) -> str:
        self._decoder = None
        if chunk.data[:1] == b"\xe9":
            return ""
        if not base64bug.looks_like_an_image(chunk.data) or chunk.total % 4:
            return "magic"
        self._decoder = base64bug.Decoder(garbles=self._quirks.garbled_base64)
        return ""

    def _space_error(self, chunk: Chunk) -> str:
        self._done = 0
        self._total = chunk.total * 3 // 4 if self._decoder else chunk.total
        return self._updater.begin(self._total, self._room)

    def _decoded(self, chunk: Chunk) -> tuple[bytes, str]:
        if self._decoder is None:
            return chunk.data, ""
        if not base64bug.is_clean(chunk.data, chunk.index, chunk.total):
            return b"", "magic"
        self._total -= base64bug.padding_of(chunk.data)
        self._updater.size = self._total
        return self._decoder.decode(chunk.data), ""

    def _progress(self) -> list[str]:
        status = [f"206 {self._done}/{self._total}"]
        if not self._quirks.coarse_progress:
            return status
        due = self._chunks == _COARSE
        self._chunks = 1 if due else self._chunks + 1
        return status if due else []

    def _finish(self) -> list[str]:
        if self._faults.checksum_refused:
            return self._fail("md5")
        if error := self._updater.end():
            return self._fail(error)
        self.flashed = self._updater.boots()
        self._end()
        return ["200"]

    def _fail(self, error: str) -> list[str]:
        self._end(keep_busy=error == "busy")
        return [UPDATE_ERRORS[error]]

    def _end(self, *, keep_busy: bool = False) -> None:
        self.ongoing = self.requested = False
        if not keep_busy:
            self._updater.abort()

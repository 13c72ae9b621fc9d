"""Looks at a file as it passes: cuts it into blocks, gives them to all who look, and puts together what they found.

Rule: every reader gets the same blocks whatever the chunks were, and keeps a bounded part of them; a file of any size
takes the memory of a few blocks. What reads the rest of a file is decided by its first block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from homie_ota.esp.image import esp8266, factory
from homie_ota.esp.image.chips import ESP8266, MAGIC, chip_of
from homie_ota.esp.image.esp32 import Family
from homie_ota.esp.image.findings import finding
from homie_ota.esp.image.magic import Magic
from homie_ota.esp.image.nouns import Check, CheckResult, Finding, Inspection, gravest_first
from homie_ota.esp.image.secrets import Secrets
from homie_ota.esp.image.stranger import Stranger
from homie_ota.esp.image.versions import Forms, Versions
from homie_ota.esp.image.window import Windows

BLOCK = 1 << 16
"""Bytes that are looked at at once. The first block is the head: merged images show their partition table in it."""


_E9 = bytes((MAGIC,))


class _Layout(Protocol):
    """Reads a file of one make block by block; `forms` are the versions that may stand in it."""

    @property
    def forms(self) -> Forms: ...

    def feed(self, at: int, block: bytes) -> None: ...

    def finish(self, size: int) -> Inspection: ...


def _layout_of(head: bytes) -> _Layout:
    merged = factory.layout_of(head)
    if merged:
        return factory.Factory(head, merged)
    chip = chip_of(head)
    if chip is ESP8266 or (head[:1] == _E9 and chip is None and esp8266.sketch_follows(head)):
        return esp8266.layout_of(head)
    return Family(chip) if chip else Stranger(head)


class Inspector:
    """Looks at one file: `feed` it in chunks of any size, then `finish`.

    `known_secrets` are secrets to look for, each with what it is ("the broker's password"); without `scan_secrets`
    no secret is looked for. `head` is the file's beginning, `size` how much has come.
    """

    def __init__(self, known_secrets: Sequence[tuple[str, bytes]] = (), scan_secrets: bool = True) -> None:
        self.size = 0
        self._head = b""
        self._waiting = bytearray()
        self._at = 0
        self._layout: _Layout | None = None
        self._windows = Windows()
        self._magic, self._versions = Magic(), Versions(())
        self._secrets = Secrets(known_secrets) if scan_secrets else None
        self._finished: Inspection | None = None

    @property
    def head(self) -> bytes:
        """The file's beginning: its first block, or what has come of it."""
        return self._head or bytes(self._waiting)

    def feed(self, chunk: bytes | memoryview) -> None:
        """Look at the next bytes of the file."""
        view = memoryview(chunk)
        self.size += len(view)
        while view:
            take = BLOCK - len(self._waiting)
            if take == BLOCK <= len(view):
                self._look(bytes(view[:BLOCK]))
            else:
                self._wait(view[:take])
            view = view[take:]

    def _wait(self, piece: memoryview) -> None:
        self._waiting += piece
        if len(self._waiting) == BLOCK:
            self._look(bytes(self._waiting))
            self._waiting.clear()

    def _look(self, block: bytes, last: bool = False) -> None:
        if self._layout is None:
            self._head = block
            self._layout = _layout_of(block)
            self._versions = Versions(self._layout.forms)
        self._layout.feed(self._at, block)
        self._at += len(block)
        window = self._windows.feed(block, last)
        self._magic.look(window)
        self._versions.look(window)
        if self._secrets:
            self._secrets.look(window)

    def finish(self) -> Inspection:
        """What was found; call it after the last chunk."""
        if self._finished is None:
            self._look(bytes(self._waiting), last=True)
            assert self._layout is not None
            self._finished = self._together(self._layout.finish(self.size))
        return self._finished

    def _together(self, seen: Inspection) -> Inspection:
        magic, secrets = self._magic, self._secrets.findings() if self._secrets else []
        told: list[Finding] = [*seen.findings, *magic.findings(), *secrets]
        if seen.flash_size and self.size > seen.flash_size:
            told.append(finding("larger-than-flash", size=self.size, flash=seen.flash_size))
        return replace(
            seen,
            size=self.size,
            name=magic.value("name"),
            version=magic.value("version"),
            brand=magic.value("brand"),
            magic=tuple(magic.found),
            versions=(*seen.versions, *self._versions.found, *magic.versions()),
            compiled=seen.compiled or self._versions.compiled,
            checks=(*seen.checks, *self._unread()),
            findings=gravest_first(told),
        )

    def _unread(self) -> list[Check]:
        """What was not looked at to the end, because there was too much of it."""
        looks = [
            ("magic", self._magic.exhausted()),
            ("secrets", bool(self._secrets and self._secrets.exhausted())),
        ]
        detail = "there are more marks in the file than are looked at"
        return [Check(what, "file", CheckResult.UNKNOWN, detail) for what, exhausted in looks if exhausted]


def inspect(
    data: bytes, known_secrets: Sequence[tuple[str, bytes]] = (), scan_secrets: bool = True
) -> Inspection:
    """The same for a file that is in memory."""
    inspector = Inspector(known_secrets, scan_secrets)
    inspector.feed(data)
    return inspector.finish()

"""Bars that show how far transfers are, with their rate and the time that is left; only on a terminal.

Rule: bars go to standard error, lines above them to standard output; without a terminal there are none, and rich is not
loaded. Names are drawn as they are, never read as markup; bytes are counted as everywhere else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from homie_ota.cli import show

if TYPE_CHECKING:
    from rich.progress import Progress

MOST = 12
"""Bars at a time; a terminal has few lines."""

Sent = Callable[[int, int], None]


@contextmanager
def transfer(name: str, *, quiet: bool = False) -> Iterator[Sent | None]:
    """One bar for one transfer of bytes; None where there is nothing to draw on."""
    with Bars(in_bytes=True, quiet=quiet) as bars:
        yield (lambda sent, whole: bars.show(name, sent, whole)) if bars.drawn else None


class Bars:
    """Bars by name; outside a terminal all of it does nothing."""

    def __init__(self, *, in_bytes: bool, quiet: bool = False) -> None:
        self.drawn = sys.stderr.isatty() and not quiet
        self._in_bytes = in_bytes
        self._progress: Progress | None = None
        self._bars: dict[str, Any] = {}

    def __enter__(self) -> Bars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, name: str, done: int, whole: int, said: str = "") -> None:
        """How far it is with this name; `said` in words, instead of numbers and rate."""
        if not self.drawn or (name not in self._bars and len(self._bars) >= MOST):
            return
        drawn = self._drawn()
        if name not in self._bars:
            self._bars[name] = drawn.add_task(show.clean(name, 30), total=whole, said=said)
        drawn.update(self._bars[name], completed=done, total=whole, said=said)

    def drop(self, name: str) -> None:
        """It has ended, one way or the other."""
        if self._progress is not None and name in self._bars:
            self._progress.remove_task(self._bars.pop(name))

    def _drawn(self) -> Progress:
        if self._progress is None:
            self._progress = _progress(in_bytes=self._in_bytes)
            self._progress.start()
        return self._progress


def _progress(*, in_bytes: bool) -> Progress:
    from rich import progress
    from rich.console import Console
    from rich.table import Column
    from rich.text import Text

    class Said(progress.ProgressColumn):
        """What is said of it, else how much of how much, and the bytes a second or the devices an hour."""

        def render(self, task: progress.Task) -> Text:
            """The rate is empty until it is known."""
            return Text(str(task.fields["said"]) or counted(task))

    class Left(progress.TimeRemainingColumn):
        """The time that is left, where nothing else is said."""

        def render(self, task: progress.Task) -> Text:
            """Empty where something is said."""
            return Text() if task.fields["said"] else super().render(task)

    def counted(task: progress.Task) -> str:
        done, whole, speed = int(task.completed), int(task.total or 0), task.finished_speed or task.speed
        if in_bytes:
            return f"{show.size(done) or '0 KB'} of {show.size(whole)}{f' {show.size(int(speed))}/s' if speed else ''}"
        return f"{done}/{whole}{f' {speed * 3600:.0f}/h' if speed else ''}"

    return progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=None),
        progress.TaskProgressColumn(),
        Said(Column(no_wrap=True)),
        Left(),
        console=Console(stderr=True, highlight=False, markup=False),
        transient=True,
        # Lines for a file stay lines for that file.
        redirect_stdout=sys.stdout.isatty(),
        redirect_stderr=True,
    )

"""Tables on a terminal: rich draws them, and words that need an eye have a colour.

Rule: cells are texts, never markup: what devices call themselves is drawn as it is, without control characters.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = {
    **dict.fromkeys(("ready", "succeeded", "verified", "finished", "passed", "ok", "identical"), "green"),
    **dict.fromkeys(("failed", "lost", "harmful", "BAD", "disabled", "stranded", "aborted"), "red"),
    **dict.fromkeys(("offered", "transferring", "rebooting", "verifying", "running", "paused"), "yellow"),
    **dict.fromkeys(("sleeping", "disconnected", "cancelled", "skipped", "absent"), "dim"),
}
"""A cell that is one of these words → how it is drawn; the word says it without colour, too."""

_GAP = 2
"""Blanks behind a column, with the one between two."""


def draw(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    """Draw a table as wide as the terminal; long cells are folded."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    console = Console(highlight=False, markup=False, emoji=False)
    columns = [[head, *(row[at] for row in rows)] for at, head in enumerate(heads)]
    # What has no blanks (a hash, an address) is of no use in two pieces: texts give way, where there is room at all.
    whole = [at == 0 or not any(" " in cell for cell in cells[1:]) for at, cells in enumerate(columns)]
    least = [max(map(cell_len, cells if whole[at] else cells[:1])) for at, cells in enumerate(columns)]
    has_room = sum(least) + _GAP * len(heads) <= console.width
    for at, head in enumerate(heads):
        table.add_column(
            Text(head),
            justify="right" if right[at] else "left",
            overflow="fold",
            no_wrap=at == 0 or (has_room and whole[at]),
            min_width=least[at] if has_room else None,
        )
    for row in rows:
        table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    console.print(table)

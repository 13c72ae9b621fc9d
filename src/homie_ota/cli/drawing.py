"""Tables on a terminal: rich draws them, and words that need an eye have a colour.

Rule: cells are texts, never markup: what devices call themselves is drawn as it is, without control characters.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
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


def draw(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    """Draw a table as wide as the terminal; long cells are folded."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for at, head in enumerate(heads):
        table.add_column(
            Text(head), justify="right" if right[at] else "left", overflow="fold", no_wrap=at == 0
        )
    for row in rows:
        table.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    Console(highlight=False, markup=False, emoji=False).print(table)

"""`series`: a curve of a device, as its page draws it: signal, free heap, uptime, or a property."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from homie_ota.cli import show
from homie_ota.cli.asked import asked
from homie_ota.cli.options import Device
from homie_ota.cli.plain import one_of

Json = dict[str, Any]
_STEPS = " ▁▂▃▄▅▆▇█"
WIDTH = 60

Metric = Annotated[str, typer.Argument(metavar="METRIC", help="signal, heap, uptime, or NODE/PROPERTY")]
Span = Annotated[
    str,
    typer.Option(
        "--span",
        metavar="day|month",
        parser=one_of("day", "month"),
        help="how far back (day)",
    ),
]


def series(ctx: typer.Context, device: Device, metric: Metric, span: Span = "day") -> int:
    """Draw a curve.

    In a line; --json has the times and values.
    """
    order = asked(ctx)
    found = order.api().series(device, metric, span)
    if order.json:
        show.as_json(found)
        return 0
    values = [value for value in found.get("values") or () if value is not None]
    if not values:
        show.line(f"Nothing is known of {metric} of {device} for this {span}.")
        return 0
    show.line(drawn(found["values"]))
    show.pairs(
        {
            "from": show.moment(found.get("since")),
            "to": show.moment(found.get("until")),
            "lowest": f"{min(values):g}",
            "highest": f"{max(values):g}",
            "last": f"{values[-1]:g}",
        }
    )
    return 0


def drawn(values: list[float | None]) -> str:
    """Values as a line of at most WIDTH signs; a gap where nothing is known."""
    size = max(1, -(-len(values) // WIDTH))
    means = [_mean(values[at : at + size]) for at in range(0, len(values), size)]
    known = [each for each in means if each is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    whole = (high - low) or 1.0
    return "".join(" " if each is None else _STEPS[1 + int(7 * (each - low) / whole)] for each in means)


def _mean(some: list[float | None]) -> float | None:
    known = [each for each in some if each is not None]
    return sum(known) / len(known) if known else None

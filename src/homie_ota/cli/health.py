"""`health`: how the server is, in a word that a monitor understands.

Rule: 0 well, 1 it works with less than all (no broker), 5 it does not answer.
"""

from __future__ import annotations

import typer

from homie_ota.cli import show
from homie_ota.cli.asked import asked

UNWELL = 1


def health(ctx: typer.Context) -> int:
    """Say how the server is.

    0: well; 1: it answers, but something is missing, such as the broker; 5: it does not answer. What to do about it,
    its page `/health` and `homie-ota doctor` say.
    """
    order = asked(ctx)
    found = order.api().health()
    is_well = found.get("status") == "ok"
    if order.json:
        show.as_json(found)
        return 0 if is_well else UNWELL
    broker = found.get("broker") or {}
    dropped = f", {broker['dropped']} messages dropped" if broker.get("dropped") else ""
    show.pairs(
        {
            "server": found.get("status"),
            "broker": f"{'connected' if broker.get('connected') else 'NOT CONNECTED'}{dropped}",
            "database": f"{(found.get('database') or {}).get('ms')} ms",
            "lag": f"{found.get('lag_ms')} ms",
            "devices": found.get("devices"),
        }
    )
    return 0 if is_well else UNWELL

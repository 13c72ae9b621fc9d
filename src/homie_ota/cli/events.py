"""`events` and `log`: what happens, as it happens, and what happened.

Rule: what one looks at with `log` are the latest events, oldest first, so that the newest stands above the prompt.
"""

from __future__ import annotations

from collections import deque
from typing import Annotated, Any

import typer

from homie_ota.cli import completion, show
from homie_ota.cli.asked import asked
from homie_ota.cli.plain import count

Json = dict[str, Any]
SHOWN = 50
GAP = "gap"

Since = Annotated[
    int | None,
    typer.Option("--since", metavar="NUMBER", help="begin behind the event of this number; 0: all"),
]
Of = Annotated[
    str,
    typer.Option(
        "--device", metavar="DEVICE", help="only what is about this device", autocompletion=completion.devices
    ),
]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", metavar="KIND", help="only deployment, rollout, alarm, mark …; may be repeated"),
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="go on with what comes, until Ctrl-C")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", parser=count, help="the latest N (50)")]


def events(
    ctx: typer.Context, since: Since = None, device: Of = "", kind: Kinds = None, follow: Follow = False
) -> int:
    """Tell events.

    Without --follow, those that are kept (or those behind --since), and the end. With it, what comes from now on, or
    from --since on; after a lost connection it goes on where it was. With --json each event is a line.
    """
    from homie_ota.client import Wanted

    order = asked(ctx)
    begin = 0 if since is None and not follow else since
    for each in order.api().follow_events(Wanted(begin, device, kind or (), follow)):
        _tell(each, as_json=order.json)
    return 0


def log(
    ctx: typer.Context, device: Of = "", kind: Kinds = None, limit: Limit = SHOWN, follow: Follow = False
) -> int:
    """Show the log.

    The latest events, oldest first; with --follow also what comes.
    """
    from homie_ota.client import Wanted

    order = asked(ctx)
    api, kinds = order.api(), kind or ()
    latest = deque(api.follow_events(Wanted(0, device, kinds, follow=False)), limit)
    if order.json and not follow:
        show.as_json([each for each in latest if each.get("kind") != GAP])
        return 0
    for each in latest:
        _tell(each, as_json=order.json)
    if follow:
        last = next((each["seq"] for each in reversed(latest) if "seq" in each), None)
        for each in api.follow_events(Wanted(last, device, kinds)):
            _tell(each, as_json=order.json)
    return 0


def _tell(event: Json, *, as_json: bool) -> None:
    if as_json:
        show.as_json_line(event)
    elif event.get("kind") == GAP:
        show.say(f"{event.get('missing', 'Some')} events are not kept any more.")
    else:
        about = str(event.get("device") or "").rpartition("~")[2]
        by = f"  ({event['actor']})" if event.get("actor") else ""
        told = event.get("text") or event.get("kind")
        show.now(f"{show.moment(event.get('at'))}  {f'{about}  ' if about else ''}{told}{by}")

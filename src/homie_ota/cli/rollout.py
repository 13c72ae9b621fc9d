"""`rollout`: list, show, preview, create, start, pause, resume, drain, abort, revert.

Rule: what will happen is shown before it does, and asked about where somebody can answer; what became of it is the exit
status: 1 where it stopped, or where a device failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from homie_ota.cli import answers, rollout_show, show
from homie_ota.cli import order as orders
from homie_ota.cli.asked import asked
from homie_ota.cli.firmware import choose
from homie_ota.cli.following import watch_rollout
from homie_ota.cli.options import Reason, Rollout, To, Watch, Yes
from homie_ota.cli.order import planned
from homie_ota.errors import NotEligible

if TYPE_CHECKING:
    from homie_ota.client import Api

Json = dict[str, Any]
FAILED, REFUSED = 1, 4

State = Annotated[str, typer.Option("--state", help="only those in this state")]
Outcome = Annotated[str, typer.Option("--outcome", help="only devices with this outcome")]
Query = Annotated[str, typer.Argument(metavar="QUERY", help="'fw:lamp version:<2.0 -tag:attic'")]
Simulate = Annotated[bool, typer.Option("--simulate", help="play it on when these devices were awake before")]
Name = Annotated[str, typer.Option("--name", metavar="TEXT")]
Start = Annotated[bool, typer.Option("--start", help="start it at once")]


class Answers(NamedTuple):
    """How somebody wants to be asked and told."""

    json: bool
    watch: bool = False
    yes: bool = False


# --- Commands -------------------------------------------------------------------------------------------------------


def listing(ctx: typer.Context, state: State = "") -> int:
    """List rollouts."""
    found = asked(ctx).api().rollouts(state)
    if asked(ctx).json:
        show.as_json(found)
    else:
        rollout_show.listing(found)
    return 0


def one(ctx: typer.Context, number: Rollout, outcome: Outcome = "", watch: Watch = False) -> int:
    """Show a rollout."""
    order = asked(ctx)
    api = order.api()
    if watch:
        return watch_rollout(api, number, as_json=order.json)
    found = api.rollout(number)
    members = list(api.members(number, outcome))
    if order.json:
        show.as_json({**found, "members": members})
    else:
        rollout_show.one(found, members)
    return 0


@planned
def preview(ctx: typer.Context, query: Query, to: To, simulate: Simulate = False, **plan: Any) -> int:
    """Say what a rollout would do."""
    order = asked(ctx)
    api = order.api()
    seen = api.preview_rollout({**_order(api, query, to, plan), "simulate": simulate})
    if order.json:
        show.as_json(seen)
    else:
        rollout_show.preview(seen)
    return 0 if seen["members"] else REFUSED


@planned
def create(
    ctx: typer.Context,
    query: Query,
    to: To,
    name: Name = "",
    start: Start = False,
    yes: Yes = False,
    watch: Watch = False,
    **plan: Any,
) -> int:
    """Make a rollout."""
    how = Answers(asked(ctx).json, watch, yes)
    api = asked(ctx).api()
    wanted = _order(api, query, to, plan)
    if start and not yes and not agreed([api.preview_rollout(wanted)], how):
        return FAILED
    try:
        made = api.create_rollout({**wanted, "name": name, "start": start})
    except NotEligible:
        seen = api.preview_rollout(wanted)
        if not rollout_show.all_run_it(seen):
            raise
        if how.json:
            show.as_json(seen)
        else:
            show.line("All of them run it already: no rollout was made.")
        return 0
    if watch and start:
        return watch_rollout(api, made["id"], as_json=how.json)
    if how.json:
        show.as_json(made)
    else:
        show.line(rollout_show.made(made))
    return 0


def start(ctx: typer.Context, number: Rollout, reason: Reason = "", watch: Watch = False) -> int:
    """Start a rollout."""
    return _steer(ctx, number, "start", reason, watch)


def pause(ctx: typer.Context, number: Rollout, reason: Reason = "", watch: Watch = False) -> int:
    """Pause a rollout."""
    return _steer(ctx, number, "pause", reason, watch)


def resume(ctx: typer.Context, number: Rollout, reason: Reason = "", watch: Watch = False) -> int:
    """Resume a rollout."""
    return _steer(ctx, number, "resume", reason, watch)


def drain(ctx: typer.Context, number: Rollout, reason: Reason = "", watch: Watch = False) -> int:
    """Drain a rollout."""
    return _steer(ctx, number, "drain", reason, watch)


def abort(ctx: typer.Context, number: Rollout, reason: Reason = "", watch: Watch = False) -> int:
    """Abort a rollout."""
    return _steer(ctx, number, "abort", reason, watch)


def revert(ctx: typer.Context, number: Rollout, reason: Reason = "", watch: Watch = False) -> int:
    """Revert a rollout."""
    return _steer(ctx, number, "revert", reason, watch)


def _steer(ctx: typer.Context, number: int, how: str, reason: str, watch: bool) -> int:
    order = asked(ctx)
    api = order.api()
    done = api.steer_rollout(number, how, reason)
    if not order.json:
        show.line(str(done.get("detail")))
    if watch:
        return watch_rollout(api, number, as_json=order.json)
    if order.json:
        show.as_json(done)
    return 0


# --- What they have in common ---------------------------------------------------------------------------------------


def _order(api: Api, query: str, to: str, plan: Json) -> Json:
    """The order, with the one image that is meant."""
    images = choose(api.firmware(), to)
    return {
        "query": query,
        **orders.order(plan),
        "firmware": images[0]["sha256"] if len(images) == 1 else to,
    }


def agreed(seen: Sequence[Json], how: Answers) -> bool:
    """Show what will happen and ask; raises WrongUse where nobody can answer."""
    count = sum(each["members"] for each in seen)
    for each in () if how.json else seen:
        rollout_show.preview(each)
    if how.yes or not count:
        return True
    back = [each["way_back"]["text"].partition(".")[0] for each in seen if each["way_back"]["asks"]]
    asks = f" ({'; '.join(back)})" if back else ""
    devices = f"{count} {'device' if count == 1 else 'devices'}"
    return answers.agreed(
        f"Update {devices}{asks}?",
        f"{devices} would be updated.",
        yes=False,
        json=how.json,
    )

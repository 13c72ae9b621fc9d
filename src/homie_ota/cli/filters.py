"""`filters`: queries that people gave a name, the same list as on the page of devices."""

from __future__ import annotations

from typing import Annotated

import typer

from homie_ota.cli import completion, show
from homie_ota.cli.answers import done
from homie_ota.cli.asked import asked
from homie_ota.cli.devices import devices
from homie_ota.cli.options import Limit
from homie_ota.errors import NotFound

Name = Annotated[str, typer.Argument(metavar="NAME", help="its name", autocompletion=completion.filters)]
Query = Annotated[str, typer.Argument(metavar="QUERY", help="what it finds")]
Sort = Annotated[str, typer.Option("--sort", metavar="BY", help="in which order; --sort=-seen")]


def listing(ctx: typer.Context) -> int:
    """List filters."""
    order = asked(ctx)
    found = order.api().filters()
    if order.json:
        show.as_json(found)
    else:
        show.table(("NAME", "QUERY", "SORT"), [(each["name"], each["query"], each["sort"]) for each in found])
    return 0


def find(ctx: typer.Context, name: Name, limit: Limit = 0) -> int:
    """List what a filter finds."""
    order = asked(ctx)
    api = order.api()
    kept = next((each for each in api.filters() if each["name"] == name), None)
    if kept is None:
        raise NotFound(f"There is no saved filter {name!r}. Look at the list with `homie-ota filters`.")
    return devices(ctx, kept["query"], sort=kept["sort"], limit=limit)


def save(ctx: typer.Context, name: Name, query: Query, sort: Sort = "") -> int:
    """Save a filter.

    `homie-ota filters show NAME` lists what it finds; on the page of devices it stands above the list.
    """
    order = asked(ctx)
    kept = order.api().save_filter(name, query, sort)
    return done(order, kept, f"{kept['name']} finds {kept['query'] or 'all devices'}.")


def forget(ctx: typer.Context, name: Name) -> int:
    """Forget a filter."""
    order = asked(ctx)
    return done(order, order.api().forget_filter(name))

"""`rollout`: list, show, preview, create, start, pause, resume, drain, abort, revert.

Rule: what will happen is shown before it does, and asked about where somebody can answer; what became of it is the exit
status: 1 where it stopped, or where a device failed.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence

from homie_ota.cli import rollout_show, show
from homie_ota.cli.firmware import choose
from homie_ota.cli.rollout_arguments import order
from homie_ota.client import Api, Json, watching
from homie_ota.errors import WrongUse

FAILED, REFUSED = 1, 4


def rollout(arguments: Namespace) -> int:
    """Do one thing with rollouts."""
    return _ACTIONS[arguments.action](Api(arguments.server, arguments.token), arguments)


def _list(api: Api, arguments: Namespace) -> int:
    found = api.rollouts(arguments.state)
    if arguments.json:
        show.as_json(found)
    else:
        rollout_show.listing(found)
    return 0


def _show(api: Api, arguments: Namespace) -> int:
    if arguments.watch:
        return watch(api, arguments.number, as_json=arguments.json)
    found = api.rollout(arguments.number)
    members = list(api.members(arguments.number, arguments.outcome))
    if arguments.json:
        show.as_json({**found, "members": members})
    else:
        rollout_show.one(found, members)
    return 0


def _preview(api: Api, arguments: Namespace) -> int:
    seen = api.preview_rollout({**_order(api, arguments), "simulate": arguments.simulate})
    if arguments.json:
        show.as_json(seen)
    else:
        rollout_show.preview(seen)
    return 0 if seen["members"] else REFUSED


def _create(api: Api, arguments: Namespace) -> int:
    wanted = _order(api, arguments)
    if arguments.start and not arguments.yes and not agreed([api.preview_rollout(wanted)], arguments):
        return FAILED
    made = api.create_rollout({**wanted, "name": arguments.name, "start": arguments.start})
    if arguments.watch and arguments.start:
        return watch(api, made["id"], as_json=arguments.json)
    if arguments.json:
        show.as_json(made)
    else:
        show.line(rollout_show.made(made))
    return 0


def _order(api: Api, arguments: Namespace) -> Json:
    """The order, with the one image that is meant."""
    images = choose(api.firmware(), arguments.to)
    return {**order(arguments), "firmware": images[0]["sha256"] if len(images) == 1 else arguments.to}


def agreed(seen: Sequence[Json], arguments: Namespace) -> bool:
    """Show what will happen and ask; raises WrongUse where nobody can answer."""
    count = sum(each["members"] for each in seen)
    for each in () if arguments.json else seen:
        rollout_show.preview(each)
    if arguments.yes or not count:
        return True
    if arguments.json or not sys.stdin.isatty():
        raise WrongUse(f"{count} devices would be updated. Say --yes to do that without being asked.")
    back = [each["way_back"]["text"].partition(".")[0] for each in seen if each["way_back"]["asks"]]
    asks = f" ({'; '.join(back)})" if back else ""
    sys.stderr.write(f"Update {count} {'device' if count == 1 else 'devices'}{asks}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _steer(api: Api, arguments: Namespace) -> int:
    done = api.steer_rollout(arguments.number, arguments.action, arguments.reason)
    if not arguments.json:
        show.line(str(done.get("detail")))
    if arguments.watch:
        return watch(api, arguments.number, as_json=arguments.json)
    if arguments.json:
        show.as_json(done)
    return 0


def watch(api: Api, number: int, *, as_json: bool) -> int:
    """Tell what happens until its waves have ended or it stops; the exit status of the whole."""
    told, gates = 0, dict[int, str]()
    last: Json = {}
    for last in api.follow_rollout(number):
        if as_json:
            show.as_json_line(last)
            continue
        told = rollout_show.news(last, told)
        rollout_show.gates(last, gates)
        sys.stdout.flush()
    if not as_json:
        show.line(rollout_show.made(last))
    if not as_json and (follow := watching.to_follow(last)):
        show.line(follow)
    return 0 if watching.went_well(last) else FAILED


_ACTIONS: dict[str, Callable[[Api, Namespace], int]] = {
    "list": _list,
    "show": _show,
    "preview": _preview,
    "create": _create,
    **dict.fromkeys(("start", "pause", "resume", "drain", "abort", "revert"), _steer),
}

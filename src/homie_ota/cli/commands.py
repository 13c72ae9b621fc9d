"""Every command: where it is, what it does in a line, and which of the common options it takes.

Rule: a command is one line here and one function there, with its options as typer reads them from the signature; its
first parameter is `ctx` where it asks a server (`cli.asked`), and it returns its exit status. Nothing is imported
before it runs. What a function's docstring says behind its first paragraph is shown to users.
"""

from __future__ import annotations

from typing import NamedTuple

_EVERYTHING = ("server", "token", "json")
_JSON = ("json",)

QUERY = r"""
a query is one quoted argument: 'fw:lamp version:<2.0 state:ready signal:>=40 -tag:attic relay/on:false';
after -- it may begin with a dash"""
TARGET = f"""
a target is a device's id, a glob of ids, or a query;{QUERY}"""
PEOPLE = """
On the server's own machine they work on its database (--data, --config, as for `serve`); with --server and --token
of an administrator they ask the server."""
BESIDE = (
    "They work on the server's own machine (--data, --config as for `serve`), which may run during a backup."
)
MIGRATE = """
DIR is where homie-ota.py and its INI lie; it is only read. Stop both servers before. What was taken already
stays as it is, so it can be run again."""
DOCTOR = """
it may run beside the server or without it; nothing stays on the broker, and no device hears of it.
exit status: 0 all is well, or there are only warnings; 1 something is bad"""


class Line(NamedTuple):
    """`where` is `module:function` below `homie_ota.cli`; empty for a word that only has commands below it."""

    where: str
    text: str
    takes: tuple[str, ...] = _EVERYTHING
    epilog: str = ""


SECTIONS: dict[str, dict[str, Line]] = {
    "Devices": {
        "devices": Line("devices:devices", "list devices, all or those of a query", epilog=QUERY),
        "device": Line("devices:device", "show one device"),
        "filters": Line("filters:listing", "list queries that have a name, or change them"),
        "filters show": Line("filters:find", "list the devices that a saved filter finds"),
        "filters save": Line("filters:save", "give a query a name", epilog=QUERY),
        "filters forget": Line("filters:forget", "forget a filter"),
        "why": Line("devices:why", "say why a device is, or is not, being updated"),
        "series": Line("curves:series", "draw a curve of a device: signal, heap, uptime, or a property"),
        "pin": Line("marks:pin", "hold a device back until a moment"),
        "unpin": Line("marks:unpin", "let go of a device"),
        "tag": Line("marks:tag", "give a device a tag"),
        "untag": Line("marks:untag", "take a tag away from a device"),
        "set": Line("values:set_value", "send a value to a property of a device"),
        "looked": Line("history:looked", "say that you looked at a failed update"),
        "knocks": Line("knocks:knocks", "list sketches without Homie that ask for an update, to be adopted"),
        "adopt": Line("knocks:adopt", "make one of those that knock a device"),
        "release": Line("queue:release", "let a device have an image again that it was kept from"),
    },
    "Going and coming back": {
        "delete": Line("", "delete a device, or an image that nobody needs"),
        "delete device": Line(
            "removing:delete_device", "forget a device and clear what it left on the broker"
        ),
        "delete firmware": Line("firmware:delete", "delete an image that nobody needs"),
        "removed": Line("removing:removed", "list deleted devices that can be put back"),
        "undo": Line("removing:undo", "put a deleted device back"),
        "prune": Line("firmware:prune", "delete old images that nobody needs"),
    },
    "Firmware": {
        "download": Line("files:download", "save an image of the server as a file"),
        "upload": Line("firmware:upload", "store a firmware file on the server"),
        "firmware": Line("firmware:firmware", "list the stored firmware, or do something with it"),
        "firmware show": Line("firmware:show_one", "show one image: what is inside, and who needs it"),
        "firmware edit": Line("firmware:edit", "write about an image; what is not named stays"),
        "firmware delete": Line("firmware:delete", "delete an image that nobody needs"),
        "firmware prune": Line("firmware:prune", "delete old images that nobody needs"),
        "note": Line("firmware:note", "write a line about an image, which lists show"),
        "compare": Line("firmware:compare", "set two images beside each other, differences first"),
        "fits": Line("fits:fits", "say for how many devices an image is, and why not for the others"),
    },
    "Updates": {
        "update": Line("update:update", "bring devices to a firmware", epilog=TARGET),
        "rollout": Line("", "bring many devices to a firmware, wave by wave"),
        "rollout list": Line("rollout:listing", "list rollouts, the newest first"),
        "rollout show": Line(
            "rollout:one", "show a rollout: waves with what their gates say, and its devices"
        ),
        "rollout preview": Line("rollout:preview", "say what a rollout would do", epilog=QUERY),
        "rollout create": Line("rollout:create", "make a rollout; a draft, unless --start", epilog=QUERY),
        "rollout start": Line("rollout:start", "start a rollout"),
        "rollout pause": Line("rollout:pause", "send nothing new; what was sent goes on"),
        "rollout resume": Line(
            "rollout:resume", "let a rollout go on; to accept the harm so far takes a reason"
        ),
        "rollout drain": Line(
            "rollout:drain", "take back what was not sent, and wait for the end of what was"
        ),
        "rollout abort": Line("rollout:abort", "take back what was not sent"),
        "rollout revert": Line("rollout:revert", "send every updated device what it ran before"),
        "deployments": Line("history:deployments", "list what was sent, the newest first"),
        "deployment": Line("history:deployment", "show one deployment with its story, or watch it"),
        "quarantine": Line("history:quarantine", "list images that are kept from devices"),
        "cancel": Line("update:cancel", "take back deployments that are still queued"),
        "case": Line("cases:case", "write down how a deployment went, as one file"),
        "leftovers": Line(
            "queue:leftovers", "list what is kept on the broker that makes devices update at every connect"
        ),
    },
    "What happens": {
        "log": Line("events:log", "show what happened last"),
        "events": Line("events:events", "tell events, all that are kept or as they come"),
        "health": Line("health:health", "say how the server is"),
        "recipients": Line("recipients:recipients", "list who elsewhere is told what happens, or test it"),
    },
    "People": {
        "user": Line("", "make and change accounts, passwords and roles", epilog=PEOPLE),
        "user list": Line("people:users", "list who may come in"),
        "user add": Line("people:add", "make an account; prints its password"),
        "user role": Line("people:role", "give an account another role"),
        "user reset": Line(
            "people:reset", "give an account a new password; prints it, and ends its sessions"
        ),
        "user disable": Line("people:disable", "let an account in no more"),
        "user enable": Line("people:enable", "let an account in again"),
        "user logout": Line("people:log_out", "end every session of an account"),
        "user remove": Line("people:remove", "delete an account and its tokens"),
        "user token": Line("people:token_of", "make an API token of an account; prints it"),
        "token": Line("", "list, make and revoke API tokens", epilog=PEOPLE),
        "token list": Line("people:tokens", "list tokens, with their rights and when they were used"),
        "token make": Line("people:make_token", "make an API token; prints it, once"),
        "token revoke": Line("people:revoke_token", "take a token back, at once"),
        "audit": Line("", "check and keep the log of who did what", epilog=PEOPLE),
        "audit list": Line("audit:listing", "show who did what, the newest last"),
        "audit verify": Line("audit:verify", "find rows that were changed, moved, taken out or cut off"),
        "audit export": Line("audit:export", "write the log as JSON lines, oldest first"),
    },
    "On the server's machine": {
        "serve": Line("server:serve", "run the server, until Ctrl-C", ()),
        "demo": Line("server:demo", "run everything here, with a virtual fleet, until Ctrl-C", ()),
        "simulate": Line("simulate:simulate", "run virtual devices against a broker", ()),
        "backup": Line("backup:backup", "write all that the server keeps to one file", _JSON, epilog=BESIDE),
        "restore": Line(
            "backup:restore", "bring back what `backup` wrote, into an empty directory", _JSON, epilog=BESIDE
        ),
        "migrate": Line(
            "migrate:migrate",
            "take over an installation of the old homie-ota: settings, login, images, devices",
            _JSON,
            epilog=MIGRATE,
        ),
        "doctor": Line(
            "doctor:doctor",
            "examine this installation: broker, address, clock, disk, permissions, database",
            _JSON,
            epilog=DOCTOR,
        ),
        "broker-config": Line(
            "broker_config:broker_config",
            "make a configuration of mosquitto, with rights, for this fleet",
            _JSON,
        ),
        "replay": Line("replay:replay", "play case files again with this version's engine", _JSON),
    },
}
"""Section of the help → name → line."""

COMMANDS: dict[str, Line] = {name: line for lines in SECTIONS.values() for name, line in lines.items()}

"""The commands and options of `homie-ota`, as `--help` tells them."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from homie_ota import __version__
from homie_ota.cli.backup_arguments import add_backup
from homie_ota.cli.doctor_arguments import add_doctor
from homie_ota.cli.firmware_arguments import add_compare, add_firmware, add_fits, add_upload
from homie_ota.cli.people_arguments import add_people
from homie_ota.cli.rollout_arguments import add_marks, add_rollout

_EXITS = """\
exit status: 0 done; 1 it failed; 2 wrong use; 3 not found; 4 refused (conflict, not eligible);
5 server or broker not reachable"""
_QUERY = """\
a query is one quoted argument: 'fw:lamp version:<2.0 state:ready signal:>=40 -tag:attic relay/on:false';
after -- it may begin with a dash"""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of one command; ends the process with a usage line and exit status 2 when they are wrong."""
    arguments = _parser("simulate" in argv).parse_args(argv)
    arguments.server = arguments.server or os.environ.get("HOMIE_OTA_SERVER", "")
    arguments.token = arguments.token or os.environ.get("HOMIE_OTA_TOKEN", "")
    return arguments


def _parser(with_simulator: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="homie-ota",
        description="The OTA server for fleets of Homie devices, and its client.",
        epilog=_EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"homie-ota {__version__}", help="say which version this is"
    )
    parser.add_argument(
        "--server", metavar="URL", help="server to talk to, else $HOMIE_OTA_SERVER, else this machine"
    )
    parser.add_argument("--token", metavar="T", help="API token, else $HOMIE_OTA_TOKEN")
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (
        _serve,
        _demo,
        _firmware,
        _devices,
        _device,
        _update,
        _rollout,
        _why,
        _case,
        _replay,
        _cancel,
        _release,
        _leftovers,
        _people,
        _backup,
        _broker_config,
        _doctor,
    ):
        add(commands)
    _simulate(commands, with_simulator)
    return parser


def _command(
    commands: Any, name: str, text: str, *, asks: bool = True, epilog: str = ""
) -> argparse.ArgumentParser:
    """A command; one that `asks` takes the options of the server behind its name too."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if asks:
        # SUPPRESS: a default here would overwrite what stood before the command.
        parser.add_argument("--server", metavar="URL", default=argparse.SUPPRESS, help="server to talk to")
        parser.add_argument("--token", metavar="T", default=argparse.SUPPRESS, help="API token")
        parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="answer as JSON")
    return parser


def _storage(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="homie-ota.toml, or a homie-ota.ini as it is"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="where devices' rows and firmware are kept")


def _serve(commands: Any) -> None:
    parser = _command(commands, "serve", "run the server, until Ctrl-C", asks=False)
    _storage(parser)
    parser.add_argument("--host", metavar="H", help="address to listen on")
    parser.add_argument("--port", type=int, metavar="P", help="port to listen on (9080)")
    parser.add_argument("--mqtt", metavar="URL", help="the broker: mqtt://user:password@host:1883, mqtts://…")
    parser.add_argument("--embedded-broker", metavar="HOST:PORT", help="start a broker of our own there")
    parser.add_argument(
        "--auth",
        action="append",
        choices=("password", "none"),
        help="who may come in; none twice: from anywhere",
    )


def _demo(commands: Any) -> None:
    parser = _command(commands, "demo", "run everything here, with a virtual fleet, until Ctrl-C", asks=False)
    parser.add_argument(
        "--devices", type=_count, default=12, metavar="N", help="how many virtual devices (12)"
    )
    parser.add_argument("--port", type=int, default=9080, metavar="P", help="port of the pages (9080)")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="keep what happens there, not only for this run"
    )


def _simulate(commands: Any, whole: bool) -> None:
    parser = _command(commands, "simulate", "run virtual devices against a broker", asks=False)
    if whole:
        from homie_ota.simulator.options import add_arguments

        add_arguments(parser)


def _firmware(commands: Any) -> None:
    for add in (add_upload, add_firmware, add_compare, add_fits):
        add(commands, _command)


def _devices(commands: Any) -> None:
    parser = _command(commands, "devices", "list devices, all or those of a query", epilog=_QUERY)
    parser.add_argument("query", nargs="?", default="", metavar="QUERY")
    parser.add_argument("--state", default="", help="only those in this state")
    parser.add_argument(
        "--sort",
        default="",
        metavar="BY",
        help="id, name, state, fw, version, signal, uptime, seen; --sort=-id…",
    )
    parser.add_argument("--limit", type=_count, default=0, metavar="N", help="at most so many")


def _device(commands: Any) -> None:
    _command(commands, "device", "show one device").add_argument("device", metavar="ID")


def _update(commands: Any) -> None:
    epilog = f"a target is a device's id, a glob of ids, or a query;\n{_QUERY}"
    parser = _command(commands, "update", "bring devices to a firmware", epilog=epilog)
    parser.add_argument(
        "target", nargs="+", metavar="TARGET", help="hall-lamp, 'hall-*', 'fw:lamp version:<2.0'"
    )
    parser.add_argument(
        "--to", required=True, metavar="FIRMWARE", help="NAME@VERSION, or its SHA-256 (8 signs of it)"
    )
    parser.add_argument("--watch", action="store_true", help="show what happens until all have ended")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--all-at-once", action="store_true", help="no canary: a bad image reaches every device"
    )
    parser.add_argument(
        "--override",
        default="",
        metavar="REASON",
        help="one device: lift a refusal that can be lifted; is kept",
    )


def _rollout(commands: Any) -> None:
    add_rollout(commands, _command, _QUERY)
    add_marks(commands, _command)


def _why(commands: Any) -> None:
    parser = _command(commands, "why", "say why a device is, or is not, being updated")
    parser.add_argument("device", metavar="DEVICE")


def _case(commands: Any) -> None:
    parser = _command(commands, "case", "write down how a deployment went, as one file")
    parser.add_argument(
        "deployment", metavar="DEPLOYMENT|DEVICE", help="its number, or a device for its latest"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to (standard output)")


def _replay(commands: Any) -> None:
    parser = _command(commands, "replay", "play case files again with this version's engine", asks=False)
    parser.add_argument("file", nargs="+", type=Path, metavar="FILE", help="what `homie-ota case` wrote")
    parser.add_argument(
        "--expect", default="", metavar="STATE[:CODE]", help="how it has to end (default: as recorded)"
    )


def _cancel(commands: Any) -> None:
    parser = _command(commands, "cancel", "take back deployments that are still queued")
    parser.add_argument(
        "what", nargs="+", metavar="DEPLOYMENT|DEVICE", help="a deployment's number, or a device's id"
    )


def _release(commands: Any) -> None:
    text = "let a device have an image again that it was kept from"
    parser = _command(commands, "release", text)
    parser.add_argument("device", metavar="DEVICE")
    parser.add_argument(
        "--firmware", default="", metavar="FIRMWARE", help="only this one: NAME@VERSION, or its SHA-256"
    )


def _leftovers(commands: Any) -> None:
    text = "list what is kept on the broker that makes devices update at every connect"
    parser = _command(commands, "leftovers", text)
    parser.add_argument("--look", action="store_true", help="look at the broker again first")
    parser.add_argument("--clear", default="", metavar="TOPIC", help="clear what is kept on this topic")


def _people(commands: Any) -> None:
    add_people(commands, _command, _storage)


def _doctor(commands: Any) -> None:
    add_doctor(commands, _command)


def _broker_config(commands: Any) -> None:
    text = "make a configuration of mosquitto, with rights, for this fleet"
    parser = _command(commands, "broker-config", text, asks=False)
    _storage(parser)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="answer as JSON")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="write the files there (else print)")
    parser.add_argument("--host", default="", metavar="H", help="where the broker listens (everywhere)")
    parser.add_argument("--port", type=_count, metavar="P", help="its port (1883)")
    parser.add_argument("--server-user", default="", metavar="U", help="homie-ota's user on the broker")
    parser.add_argument(
        "--reader",
        action="append",
        default=[],
        metavar="U",
        help="a user who watches and sets, as Home Assistant",
    )
    parser.add_argument(
        "--shared-user", default="", metavar="U", help="all devices have this user (else each its id)"
    )
    parser.add_argument(
        "--folder", default="/etc/mosquitto", metavar="DIR", help="where mosquitto has them (/etc/mosquitto)"
    )


def _backup(commands: Any) -> None:
    add_backup(commands, _command, _storage)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)

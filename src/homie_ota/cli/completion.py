"""What a shell offers when somebody presses Tab: ids, firmware and rollouts, asked of the server that is meant.

Rule: a prompt never waits longer than a second and never sees an error: whatever goes wrong, nothing is offered. What
could act on a terminal, or needs quotes, is not offered either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import typer

from homie_ota.cli.asked import asked
from homie_ota.errors import HomieOtaError

if TYPE_CHECKING:
    from homie_ota.client import Api

PATIENCE = 1.0
"""Seconds that a server has to answer."""
MOST = 100
STATES = ("ready", "sleeping", "lost", "alert", "disconnected", "init")

Offered = list[tuple[str, str]]
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~@+")


def devices(ctx: typer.Context, incomplete: str) -> Offered:
    """Ids of devices, with what they run; the longer name where an id is not the only one."""
    wanted = f"id:{incomplete}*" if incomplete and "~" not in incomplete else ""

    def ask(api: Api) -> Iterable[tuple[str, str]]:
        found = list(api.devices(wanted, limit=MOST))
        bare = [str(each["id"]).rpartition("~")[2] for each in found]
        for each, name in zip(found, bare, strict=True):
            runs = each.get("firmware") or {}
            known = f"{each.get('state')}, {runs.get('name') or '?'} {runs.get('version') or ''}".strip()
            whole = "~" in incomplete or bare.count(name) > 1
            yield (str(each["id"]) if whole else name), known

    return _offered(ctx, incomplete, ask)


def firmware(ctx: typer.Context, incomplete: str) -> Offered:
    """`NAME@VERSION` of every image."""

    def ask(api: Api) -> Iterable[tuple[str, str]]:
        for each in api.firmware():
            yield f"{each.get('name')}@{each.get('version')}", str(each.get("sha256"))[:12]

    return _offered(ctx, incomplete, ask)


def rollouts(ctx: typer.Context, incomplete: str) -> Offered:
    """Numbers of rollouts, with what they are."""

    def ask(api: Api) -> Iterable[tuple[str, str]]:
        for each in api.rollouts():
            name = f"{each['firmware_name']} {each['firmware_version']}".strip()
            yield str(each["id"]), f"{each['state']}, {name}"

    return _offered(ctx, incomplete, ask)


def filters(ctx: typer.Context, incomplete: str) -> Offered:
    """Names of saved filters, with what they find."""

    def ask(api: Api) -> Iterable[tuple[str, str]]:
        for each in api.filters():
            yield str(each["name"]), str(each["query"])

    return _offered(ctx, incomplete, ask)


def removed(ctx: typer.Context, incomplete: str) -> Offered:
    """Devices that can be put back."""

    def ask(api: Api) -> Iterable[tuple[str, str]]:
        for each in api.removed():
            yield str(each["device"]).rpartition("~")[2], f"deleted by {each['deleted_by']}"

    return _offered(ctx, incomplete, ask)


def states(incomplete: str) -> list[str]:
    """States of devices."""
    return [each for each in STATES if each.startswith(incomplete)]


def _offered(ctx: typer.Context, incomplete: str, ask: Callable[[Api], Iterable[tuple[str, str]]]) -> Offered:
    from homie_ota.client import Api

    order = asked(ctx)
    try:
        found = list(ask(Api(order.server, order.token, timeout=PATIENCE)))
    except (HomieOtaError, KeyError, TypeError):
        return []
    return [
        (word, _calm(text)) for word, text in found if word.startswith(incomplete) and _PLAIN.issuperset(word)
    ]


def _calm(text: str) -> str:
    """A text without control characters, and without the brackets that rich reads as markup."""
    return "".join(char if char.isprintable() and char not in "[]" else " " for char in text)[:60]

"""A network of two: a veth pair between this machine and a namespace, with the MTU of a real LAN.

Rule: loopback carries 64 KB a packet, which hides what slow readers cost; without root there is only loopback, and that
is said.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

MTU = 1500


@dataclass(frozen=True, slots=True)
class Link:
    """Where the server listens, and what to put before a command so that it runs at the other end."""

    host: str = "127.0.0.1"
    inside: tuple[str, ...] = ()
    words: str = "on loopback: a network namespace needs root and iproute2"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=10)


@contextlib.contextmanager
def link() -> Iterator[Link]:
    """A link to a namespace of our own, removed afterwards; loopback where that cannot be had."""
    name = f"bench{os.getpid()}"
    near, far = f"bo{os.getpid()}"[:15], f"bi{os.getpid()}"[:15]
    third = os.getpid() % 250 + 1
    if os.geteuid() != 0 or shutil.which("ip") is None:
        yield Link()
        return
    try:
        _ip("netns", "add", name)
    except subprocess.CalledProcessError:
        yield Link()
        return
    try:
        _connect(name, near, far, f"10.255.{third}")
        yield Link(f"10.255.{third}.1", ("ip", "netns", "exec", name), f"over a veth pair with MTU {MTU}")
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("netns", "del", name)  # takes the pair with it
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("link", "del", near)


def _connect(name: str, near: str, far: str, net: str) -> None:
    _ip("link", "add", near, "mtu", str(MTU), "type", "veth", "peer", "name", far, "mtu", str(MTU))
    _ip("link", "set", far, "netns", name)
    _ip("addr", "add", f"{net}.1/24", "dev", near)
    _ip("link", "set", near, "up")
    _ip("netns", "exec", name, "ip", "addr", "add", f"{net}.2/24", "dev", far)
    _ip("netns", "exec", name, "ip", "link", "set", far, "up")
    _ip("netns", "exec", name, "ip", "link", "set", "lo", "up")

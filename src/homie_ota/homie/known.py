"""What the rules of this room need to see of a device that is known; `fleet` has it, without being imported.

Rule: only reading; the attributes mean what the observations of the same names mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from homie_ota.model import Address


class PropertyKnown(Protocol):
    """One property: its attributes as announced (empty: not announced), and its value (None: none heard)."""

    @property
    def value(self) -> str | None: ...
    @property
    def name(self) -> str: ...
    @property
    def datatype(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def settable(self) -> str: ...
    @property
    def retained(self) -> str: ...
    @property
    def target(self) -> str: ...


class NodeKnown(Protocol):
    """One node; `announced` is its `$properties` as announced, `array` its `$array`."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def announced(self) -> str: ...
    @property
    def array(self) -> str: ...
    @property
    def properties(self) -> Mapping[str, PropertyKnown]: ...


class DeviceKnown(Protocol):
    """One device as far as its messages were heard."""

    @property
    def address(self) -> Address: ...
    @property
    def facts(self) -> Mapping[str, str]: ...
    @property
    def nodes(self) -> Mapping[str, NodeKnown]: ...
    @property
    def described(self) -> bool:
        """Whether a Homie 5 `$description` is known."""

    def unheard(self) -> Iterable[str]:
        """What is known from before and was not heard again since the last connect."""

"""Header names in the spelling that the documents of homie-ota and of the ESP cores have.

Rule: uvicorn writes every header name in lower case. HTTP does not mind; people who compare with a recording, and the
occasional home-grown client, do. A name of this kind keeps its spelling and still equals any other spelling.
"""

from __future__ import annotations


class Name(bytes):
    """A header name that stays as it is written."""

    def lower(self) -> Name:
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, bytes) and bytes.lower(self) == bytes.lower(other)

    def __hash__(self) -> int:
        return hash(bytes.lower(self))


def spelled(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers for an ASGI response, names as given."""
    return [(Name(name.encode("ascii")), value.encode("latin-1")) for name, value in headers.items()]

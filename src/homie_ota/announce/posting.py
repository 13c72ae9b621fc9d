"""One HTTP request to a receiver: its answer counts, nothing else of what it says.

Rule: no redirect is followed, nothing is read beyond the head of the answer, and all of it has TIMEOUT seconds, so that
who hangs or drips holds a connection and nothing else. No sentence repeats the address.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Mapping
from functools import cache
from urllib.parse import SplitResult, quote, unquote, urlsplit

TIMEOUT = 10.0
_INTERIM = range(100, 200)
_TAKEN = range(200, 300)
_REDIRECTS = range(300, 400)


async def post(url: str, headers: Mapping[str, str], body: bytes) -> str:
    """Post it; empty when it was taken (any 2xx), else a sentence that says why not."""
    try:
        async with asyncio.timeout(TIMEOUT):
            status = await _exchange(urlsplit(url), headers, body)
    except TimeoutError:
        return f"It did not answer within {TIMEOUT:.0f} s."
    except ssl.SSLCertVerificationError as error:
        return f"Its certificate is not trusted: {error.verify_message}."
    except ssl.SSLError:
        return "No encrypted connection came about. Is it really https?"
    except socket.gaierror:
        return "Its name is not known in the network."
    except (OSError, EOFError) as error:
        why = getattr(error, "strerror", "") or "the connection broke"
        return f"It cannot be reached: {why}."
    except ValueError:
        return "What it answered is no HTTP."
    return _sentence(status)


def _sentence(status: int) -> str:
    if status in _TAKEN:
        return ""
    if status in _REDIRECTS:
        return (
            f"It answered {status}, a redirect; none is followed. Write where it leads to into the settings."
        )
    return f"It answered {status}."


async def _exchange(url: SplitResult, headers: Mapping[str, str], body: bytes) -> int:
    is_tls = url.scheme == "https"
    reader, writer = await asyncio.open_connection(
        url.hostname,
        url.port or (443 if is_tls else 80),
        ssl=_trust() if is_tls else None,
    )
    try:
        writer.write(_request(url, headers, body))
        await writer.drain()
        return await _status(reader)
    finally:
        writer.transport.abort()  # nothing more is wanted from it, and a polite end could be waited for


@cache
def _trust() -> ssl.SSLContext:
    """Made once: reading what this system trusts takes longer than a message."""
    return ssl.create_default_context()


def _request(url: SplitResult, headers: Mapping[str, str], body: bytes) -> bytes:
    path = quote(url.path or "/", safe="/%:@!$&'()*+,;=~")
    query = quote(url.query, safe="/%:@!$&'()*+,;=~?")
    sent = {
        "Host": url.netloc.rpartition("@")[2].encode("idna").decode(),
        **headers,
        **_basic(url),
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    head = f"POST {path}{'?' + query if query else ''} HTTP/1.1\r\n"
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"{head}{lines}\r\n".encode() + body


def _basic(url: SplitResult) -> dict[str, str]:
    """A user and password in the address are sent as browsers do."""
    if url.username is None:
        return {}
    both = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(both.encode()).decode()}"}


async def _status(reader: asyncio.StreamReader) -> int:
    """The status of the answer, behind interim ones; EOFError where none comes, ValueError where it is no HTTP."""
    while True:
        line = await reader.readline()
        if not line:
            raise EOFError
        version, _, rest = line.partition(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ValueError(line)
        status = int(rest[:3])
        if status not in _INTERIM:
            return status
        while (await reader.readline()).strip():
            pass

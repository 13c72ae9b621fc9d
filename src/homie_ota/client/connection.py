"""One request to a server, and its answer as a value or as an error of `errors.py`.

Rule: the token goes to the server that was named and nowhere else, so redirects are told, not followed.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from homie_ota.errors import (
    BadFirmware,
    Conflict,
    HomieOtaError,
    NotAllowed,
    NotEligible,
    NotFound,
    StorageFull,
    TooLarge,
    Unreachable,
    WrongUse,
)

_BY_CODE: dict[str, type[HomieOtaError]] = {
    each.code: each
    for each in (
        WrongUse,
        NotFound,
        Conflict,
        NotEligible,
        BadFirmware,
        TooLarge,
        NotAllowed,
        StorageFull,
        Unreachable,
    )
}
_BY_STATUS: dict[int, type[HomieOtaError]] = {
    400: WrongUse,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    405: WrongUse,
    408: Unreachable,
    409: Conflict,
    413: TooLarge,
    415: WrongUse,
    422: WrongUse,
    502: Unreachable,
    503: Unreachable,
    504: Unreachable,
    507: StorageFull,
}
"""For answers without a code that we know, such as those of a proxy in between."""

CHUNK = 64 * 1024


Body = bytes | Iterable[bytes] | None


class Connection:
    """A server and who we are to it; each request is a connection of its own."""

    def __init__(self, server: str, token: str, timeout: float) -> None:
        parts = _parts(server)
        self.server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self._timeout = timeout
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._path = parts.path.rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": "homie-ota"}
        if token:
            self._headers["Authorization"] = f"Bearer {_one_line(token)}"
        elif parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"

    def request(
        self, method: str, path: str, body: Body = None, headers: dict[str, str] | None = None
    ) -> Any:
        """The JSON of the answer; raises Unreachable, or the error that the server tells."""
        connection = self._connect()
        try:
            try:
                connection.request(method, self._path + path, body, {**self._headers, **(headers or {})})
            except (BrokenPipeError, ConnectionResetError):
                if body is None or connection.sock is None:
                    raise
                # The server did not want the rest of the upload; it has said why.
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise self._unreachable(error) from None
        finally:
            connection.close()
        return self._read(answer, data)

    def data(self, path: str) -> bytes:
        """The bytes of an answer that is no JSON; raises as `request`."""
        with self._answer(path) as answer:
            return answer.read()

    def pieces(self, path: str) -> Iterator[tuple[bytes, int]]:
        """The bytes of an answer piece by piece, each with how many it will be in all; raises as `request`."""
        with self._answer(path) as answer:
            whole = int(answer.headers.get("Content-Length") or 0)
            while piece := answer.read(CHUNK):
                yield piece, whole

    def lines(self, path: str) -> Iterator[str]:
        """The lines of an answer as they come, however long that takes; raises as `request`."""
        with self._answer(path) as answer:
            for line in answer:
                yield line.decode("utf-8", "replace").rstrip("\r\n")

    @contextmanager
    def _answer(self, path: str) -> Iterator[http.client.HTTPResponse]:
        connection = self._connect()
        try:
            connection.request("GET", self._path + path, headers={**self._headers, "Accept": "*/*"})
            answer = connection.getresponse()
            if answer.status != 200:
                self._read(answer, answer.read())
                self.strange()
            yield answer
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            raise self._unreachable(error) from None
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _unreachable(self, error: Exception) -> Unreachable:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if isinstance(error, ssl.SSLCertVerificationError):
            return Unreachable(
                f"The certificate of {self.server} is not trusted: {error.verify_message}. Is this its address "
                "(--server or HOMIE_OTA_SERVER)? If so, name the file of whoever signed it in SSL_CERT_FILE."
            )
        return Unreachable(
            f"No answer from {self.server}: {why}. Is the server running, and is this its address? "
            "(--server or HOMIE_OTA_SERVER)"
        )

    def _read(self, answer: http.client.HTTPResponse, data: bytes) -> Any:
        if 300 <= answer.status < 400:
            where = answer.getheader("Location", "somewhere else")
            raise Unreachable(f"{self.server} sends us on to {where}. Name that address with --server.")
        try:
            found = json.loads(data) if data else {}
        except ValueError:
            found = None
        if answer.status >= 400:
            raise self._refusal(answer.status, answer.reason, found)
        return found if found is not None else self.strange()

    def strange(self) -> Any:
        """Raise what is to be said of an answer that no homie-ota gives."""
        raise Unreachable(f"{self.server} answers, but not as a homie-ota server does. Is the address right?")

    def _refusal(self, status: int, reason: str, found: Any) -> HomieOtaError:
        problem = found if isinstance(found, dict) else {}
        kind = _BY_CODE.get(str(problem.get("code"))) or _BY_STATUS.get(status, HomieOtaError)
        text = problem.get("detail") or problem.get("title") or f"{self.server} answers {status} {reason}."
        if status == 401 and "Authorization" not in self._headers:
            text = f"{text} This server wants a login: give a token with --token or HOMIE_OTA_TOKEN."
        return kind(str(text))


def _parts(server: str) -> SplitResult:
    try:
        parts = urlsplit(server if "://" in server else f"http://{server}")
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        shown = server.rpartition("@")[2]  # a password is not for error messages
        raise WrongUse(f"{shown!r} is no address of a server; expected one like http://host:9080.")
    return parts


def _one_line(token: str) -> str:
    if not token.isascii() or not token.isprintable():
        raise WrongUse(
            "The token has characters that no token has. Copy it again (--token or HOMIE_OTA_TOKEN)."
        )
    return token

"""Secrets in an image that a scan can know: passwords in addresses, private keys, and those this server was given.

Rule: a secret is never shown: of a password in an address the first character and the length at most, of the others
nothing. Everybody who gets a firmware file can read what is in it, so each is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from homie_ota.esp.image.findings import finding
from homie_ota.esp.image.nouns import Finding
from homie_ota.esp.image.text import clean
from homie_ota.esp.image.window import AFTER, Marks, Window

_MOST_MARKS = 2000
_MOST_FINDINGS = 5
_SHOWN_FROM = 4

_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]{1,15}\Z")
_LONGEST = 800
_AUTHORITY = re.compile(rb"[^\x00-\x20/?#\"<>\\\x7f]{3,%d}" % _LONGEST)
_BEHIND = re.compile(rb"[^\x00-\x20\x7f]{0,200}")
_TOKEN = re.compile(rb"[A-Za-z0-9_-]{20,}")
"""What stands alone before the @ and is that long is no user's name."""

_PLACEHOLDER = re.compile(
    rb"%[-+0-9.*]{0,4}[a-zA-Z]|\{[^}]{0,32}\}?|\$\{?[A-Za-z_]{0,32}\}?|\*+|x+|\.+", re.IGNORECASE
)

_KEY = re.compile(rb"-----BEGIN ((?:[A-Z0-9]{1,12} ){0,2}PRIVATE KEY)-----(?:\\r|\\n|[\r\n])")
_KEY_BYTES = re.compile(rb"[A-Za-z0-9+/=]{32}")
_NEAR = 400
"""Bytes behind a key's first line in which its own bytes begin; libraries hold the first line alone."""

_SURE = 8
"""A secret this long that stands anywhere is meant; a shorter one counts only as a text of its own."""
_SHORTEST = 4
_TEXT = re.compile(rb"[\x20-\x7e]")


class Secrets:
    """Collects secrets from the windows of a file; `known` are (what it is, for a sentence, and the secret)."""

    def __init__(self, known: Sequence[tuple[str, bytes]] = ()) -> None:
        self._found: list[Finding] = []
        self._addresses = Marks(b"://", _MOST_MARKS)
        self._keys = Marks(b"-----BEGIN ", _MOST_MARKS)
        wanted = dict.fromkeys((what, secret[:AFTER]) for what, secret in known if len(secret) >= _SHORTEST)
        self._known = [(what, Marks(secret, _MOST_MARKS)) for what, secret in wanted]

    def look(self, window: Window) -> None:
        """Take the next window."""
        for position in self._addresses.in_window(window):
            self._address(window.data, position)
        for position in self._keys.in_window(window):
            self._key(window.data, position)
        for what, marks in self._known:
            for position in marks.in_window(window):
                self._given(what, marks, window.data, position)

    def exhausted(self) -> bool:
        """Whether there was more to look at than is looked at."""
        return any(
            marks.exhausted for marks in (self._addresses, self._keys, *(each for _, each in self._known))
        )

    def findings(self) -> list[Finding]:
        """A warning for each secret, the first few of a kind."""
        return self._found

    def _address(self, data: bytes, position: int) -> None:
        authority = _AUTHORITY.match(data, position + 3)
        scheme = _SCHEME.search(data[max(0, position - 16) : position])
        if not authority or not scheme:
            return
        # An unescaped @ may be part of the password: the host is what stands behind the last one.
        login, _, host = authority[0].rpartition(b"@")
        user, colon, password = login.partition(b":")
        if (
            not host
            or not (password if colon else _TOKEN.fullmatch(user))
            or _PLACEHOLDER.fullmatch(password)
        ):
            return
        who = f"{_masked(user)}:{_masked(password)}" if colon else _masked(user)
        where = "…" if self._is_cut(authority, data) else host[:100].decode(errors="replace")
        shown = f"{scheme[0].decode()}://{who}@{where}"
        self._say(finding("secret-url", shown=clean(shown, 200)))

    @staticmethod
    def _is_cut(authority: re.Match[bytes], data: bytes) -> bool:
        """Whether what looks like the host may be a piece of a password: one more @ follows, or may follow."""
        behind = _BEHIND.match(data, authority.end())
        return len(authority[0]) == _LONGEST or (behind is not None and b"@" in behind[0])

    def _key(self, data: bytes, position: int) -> None:
        key = _KEY.match(data, position)
        if key and _KEY_BYTES.search(data, key.end(), key.end() + _NEAR):
            self._say(finding("secret-key", shown=key[1].decode()))

    def _given(self, what: str, marks: Marks, data: bytes, position: int) -> None:
        end = position + len(marks.mark)
        alone = not _TEXT.match(data[position - 1 : position]) and not _TEXT.match(data[end : end + 1])
        if alone or len(marks.mark) >= _SURE:
            marks.stop()
            self._say(finding("secret-known", what=what))

    def _say(self, found: Finding) -> None:
        same = sum(each.code == found.code for each in self._found)
        if found not in self._found and same < _MOST_FINDINGS:
            self._found.append(found)


def _masked(secret: bytes) -> str:
    """First character and length of a secret, the most that is shown of it; of a short one only the length."""
    text = secret.decode(errors="replace")
    first = text[0] if len(text) >= _SHOWN_FROM else ""
    return f"{first}… ({len(text)} character{'' if len(text) == 1 else 's'})" if text else ""

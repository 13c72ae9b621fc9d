"""Whether an Ed25519 signature is good (RFC 8032, section 5.1.7), in plain integers.

Rule: only public things are handled here, so it may take its time and need not take the same time for everything;
nothing here signs. Points are extended coordinates (X, Y, Z, T) with x = X/Z, y = Y/Z, x·y = T/Z (section 5.1.4).
"""

from __future__ import annotations

import hashlib

P = 2**255 - 19
"""The field."""
L = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point."""
D = -121665 * pow(121666, -1, P) % P
_ROOT = pow(2, (P - 1) // 4, P)
"""A square root of −1."""

Point = tuple[int, int, int, int]
NEUTRAL: Point = (0, 1, 1, 0)


def is_good(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of the public `key` (32 bytes) signed the message; False for bytes that are no key, too."""
    if len(key) != 32 or len(signature) != 64:
        return False
    owner, commitment = _point(key), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if owner is None or commitment is None or scalar >= L or _is_small(owner):
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return _same(_times(scalar, BASE), _sum(commitment, _times(challenge, owner)))


def _point(encoded: bytes) -> Point | None:
    """The point that 32 bytes say: y, and in the highest bit the parity of x. None when there is none."""
    said = int.from_bytes(encoded, "little")
    y, odd = said % 2**255, said >> 255
    x = _x_of(y, odd) if y < P else None
    return None if x is None else (x, y, 1, x * y % P)


def _x_of(y: int, odd: int) -> int | None:
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * _ROOT % P
    if x * x % P != square or (x == 0 and odd):
        return None
    return P - x if x % 2 != odd else x


def _sum(a: Point, b: Point) -> Point:
    minus = (a[1] - a[0]) * (b[1] - b[0]) % P
    plus = (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = plus - minus, d - c, d + c, plus + minus
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(count: int, point: Point) -> Point:
    found = NEUTRAL
    while count:
        if count & 1:
            found = _sum(found, point)
        point, count = _sum(point, point), count >> 1
    return found


def _same(a: Point, b: Point) -> bool:
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def _is_small(point: Point) -> bool:
    """Whether it is of small order: such a key would take one signature for many messages."""
    return _same(_times(8, point), NEUTRAL)


def _base() -> Point:
    found = _point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    assert found is not None
    return found


BASE = _base()

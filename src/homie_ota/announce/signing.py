"""What shows a receiver that a message came from this server, and when.

Rule: the signature is HMAC-SHA256, by the secret that both know, over the time, a dot and the body as it was sent; so
neither body nor time can be changed, and who looks at the time cannot be played an old message.
"""

from __future__ import annotations

import hashlib
import hmac

from homie_ota import __version__


def headers(secret: str, body: bytes, now: float, number: int | None) -> dict[str, str]:
    """The headers of one message; `number` is that of its event, None where it is about none."""
    at = str(int(now))
    return {
        "Content-Type": "application/json",
        "User-Agent": f"homie-ota/{__version__}",
        "Homie-Ota-Timestamp": at,
        "Homie-Ota-Signature": f"sha256={signature(secret, at, body)}",
        **({"Homie-Ota-Event": str(number)} if number is not None else {}),
    }


def signature(secret: str, at: str, body: bytes) -> str:
    """In hexadecimal digits; `at` are Unix seconds as they stand in the header."""
    return hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()

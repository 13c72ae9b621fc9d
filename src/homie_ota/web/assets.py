"""Style sheets and scripts: kept in memory, compressed once, and known to browsers by their content.

Rule: a link to a file carries a digest of it, so a browser may keep it for ever and still never shows an old one.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

STATIC = Path(__file__).with_name("static")
PREFIX = "/static/"
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
}
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Asset:
    """One file: its bytes as they are and compressed, and the digest that links carry."""

    kind: str
    body: bytes
    packed: bytes
    digest: str


@lru_cache(maxsize=1)
def assets() -> dict[str, Asset]:
    """Every file that is served, by its path below `/static/`."""
    found = {}
    for path in sorted(STATIC.rglob("*")):
        if path.suffix in _KINDS:
            body = path.read_bytes()
            digest = hashlib.sha256(body).hexdigest()[:12]
            name = path.relative_to(STATIC).as_posix()
            found[name] = Asset(_KINDS[path.suffix], body, gzip.compress(body, 9, mtime=0), digest)
    return found


def versioned(path: str) -> str:
    """`/static/x.css` with the digest of that file; other paths, and files that are not there, as they are."""
    asset = assets().get(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None
    return f"{path}?v={asset.digest}" if asset else path


async def serve(request: Request) -> Response:
    """`GET /static/<path>`."""
    asset = assets().get(str(request.path_params["path"]))
    if asset is None:
        raise HTTPException(404)
    told = {"ETag": f'"{asset.digest}"', "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
    if request.query_params.get("v") == asset.digest:
        told["Cache-Control"] = _FOREVER
    if request.headers.get("if-none-match") == told["ETag"]:
        return Response(status_code=304, headers=told)
    if accepts_gzip(request):
        return Response(asset.packed, headers={**told, "Content-Encoding": "gzip"}, media_type=asset.kind)
    return Response(asset.body, headers=told, media_type=asset.kind)


def accepts_gzip(request: Request) -> bool:
    """Whether the asker can read compressed bodies."""
    return "gzip" in request.headers.get("accept-encoding", "")

"""Pages out of templates, with what every page shows: who is logged in, how the broker is, what to be warned of.

Rule: templates escape everything by themselves; links are made by `link`, which knows the prefix behind a proxy.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from homie_ota import __version__
from homie_ota.model import Address
from homie_ota.web import words
from homie_ota.web.forms import Visit
from homie_ota.web.shell import shell_of


@lru_cache(maxsize=1)
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("homie_ota.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "clean": words.clean,
        "duration": words.duration,
        "flash": words.flash,
        "moment": words.moment,
        "size": words.size,
    }
    return found


def link(request: Request, path: str, *parts: str, **query: object) -> str:
    """An address of ours: `link(request, "/device", key, q="x")`; empty query values are left out."""
    prefix = shell_of(request).settings.http.base_path
    told = {name: value for name, value in query.items() if value not in (None, "")}
    tail = "".join("/" + quote(part, safe="~") for part in parts)
    return prefix + path + tail + (f"?{urlencode(told)}" if told else "")


def device_key(row: dict[str, Any]) -> str:
    """The id of a device in routes, from its row."""
    return Address(row["base"], row["device_id"]).key


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """The page of a template; gives the visitor the cookie that forms need, where they have none."""
    shell = shell_of(request)
    now, visit = shell.clock(), Visit(request)
    text = (
        _environment()
        .get_template(template)
        .render(
            here=request.url.path,
            link=lambda path, *parts, **query: link(request, path, *parts, **query),
            age=lambda at: words.age(at, now),
            key=device_key,
            person=request.scope.get("state", {}).get("person"),
            broker=shell.broker_status(),
            login_is_off=shell.settings.auth.mode == "none",
            word=visit.word,
            now=now,
            version=__version__,
            **values,
        )
    )
    answer = HTMLResponse(text, status)
    visit.remember(request, answer)
    return answer


def see(request: Request, path: str, *parts: str, **query: object) -> RedirectResponse:
    """The answer to a form: look there now."""
    return RedirectResponse(link(request, path, *parts, **query), 303)

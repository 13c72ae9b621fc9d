"""Pages out of templates, with what every page shows: who is logged in, how the broker is, what to be warned of.

Rule: templates escape everything by themselves; links are made by `link`, which alone knows the prefix behind a proxy.
A part of a live page goes to all who look at it, so in a rendering for it nothing depends on who looks or on the time.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from homie_ota import __version__
from homie_ota.model import Address
from homie_ota.web import assets, texts, words
from homie_ota.web.compiled import Compiled
from homie_ota.web.forms import Visit
from homie_ota.web.moments import Moments
from homie_ota.web.people import Person
from homie_ota.web.shell import Shell, shell_of
from homie_ota.web.told import told

SENTINEL = "~form~word~"
"""Stands for the form word in parts that go to many viewers; the page of each puts its own word there."""
THEMES = ("light", "dark", "auto")
THEME_COOKIE = "homie_ota_theme"
WORTH_PACKING = 1024
SEEN = "_seen"
"""In the address of a stream: the number of the hub when the page was read."""

_now: ContextVar[Render] = ContextVar("rendering")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("homie_ota.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
        bytecode_cache=Compiled(),
        extensions=["jinja2.ext.i18n"],
    )
    found.install_gettext_callables(texts.plain, texts.plain_number, newstyle=True)  # type: ignore[attr-defined]
    found.filters |= {
        "clean": words.clean,
        "said": _said,
        "clock": _clock,
        "duration": words.duration,
        "flash": words.flash,
        "moment": words.moment,
        "size": words.size,
    }
    found.globals |= {"age": _age, "aged": _aged, "countdown": _countdown, "link": _link, "key": device_key}
    found.globals["version"] = __version__
    found.globals["parts"] = found.get_template("parts.html").module
    return found


def _said(sentence: object, longest: int = words.LONGEST_TEXT) -> str:
    """A sentence of the rooms below, in the reader's language, and clean."""
    return words.clean(told(str(sentence)), longest)


# What templates and macros call: as the rendering that is going on in this thread has it.
def _age(at: float | None) -> Markup:
    return _now.get().moments.age(at)


def _aged(at: float | None) -> Markup:
    return _now.get().aged(at)


def _clock(at: float | None, form: str = "") -> Markup:
    return _now.get().moments.clock(at, form)


def _countdown(at: float | None, past: str = "now") -> Markup:
    return _now.get().moments.countdown(at, past)


def _link(path: str, /, *parts: str, **query: object) -> str:
    return _now.get().link(path, *parts, **query)


@dataclass(frozen=True)
class Render:
    """How one page, or its parts, are written: for whom, in which language, below which prefix.

    `now` is the server's time on a page, None in parts for live pages.
    """

    shell: Shell
    person: Person | None
    prefix: str
    language: str
    word: str = SENTINEL
    now: float | None = None

    @property
    def moments(self) -> Moments:
        return Moments(self.now)

    def link(self, path: str, /, *parts: str, **query: object) -> str:
        """An address of ours, `link("/device", key, q="x")`; empty query values are left out."""
        told = {name: value for name, value in query.items() if value not in (None, "")}
        tail = "".join("/" + quote(part, safe="~") for part in parts)
        found = self.prefix + (path + tail if tail else assets.versioned(path))
        return found + (f"?{urlencode(told)}" if told else "")

    def aged(self, at: float | None) -> Markup:
        """The age of a value, seen while what is shown may be old: the broker or this server is out of reach."""
        return Markup('<small class="aged">{}</small>').format(self.moments.age(at)) if at else Markup()

    def page(self, template: str, values: dict[str, Any]) -> str:
        """The whole page."""
        with self._writing():
            return _environment().get_template(template).render(self._given(values))

    def blocks(self, template: str, names: tuple[str, ...], values: dict[str, Any]) -> dict[str, str]:
        """Some blocks of a template by the id of their element: the name, with `-` for `_`."""
        with self._writing():
            found = _environment().get_template(template)
            context = found.new_context(self._given(values))
            return {name.replace("_", "-"): "".join(found.blocks[name](context)) for name in names}

    def macro(self, template: str, name: str) -> Callable[..., str]:
        """A macro of a template, to draw many small pieces, each as its caller wants; see `draw`."""
        found: Callable[..., str] = getattr(_environment().get_template(template).module, name)
        return found

    def draw(self, work: Callable[[], dict[str, str]]) -> dict[str, str]:
        """Run `work`, which calls macros, as this rendering."""
        with self._writing():
            return work()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        token = _now.set(self)
        try:
            with texts.spoken(self.language):
                yield
        finally:
            _now.reset(token)

    def _given(self, values: dict[str, Any]) -> dict[str, Any]:
        broker = self.shell.broker_status()
        return {
            "person": self.person,
            "broker": broker,
            "signed_only": bool(self.shell.settings.ota.trusted_keys),
            "login_is_off": self.shell.settings.auth.mode == "none",
            "word": self.word,
            "now": self.shell.clock() if self.now is None else self.now,
            "language": self.language,
            "theme": "auto",
            "stream": "",
            "here": "",
            "here_query": {},
            **values,
        }


def prefix_of(request: Request) -> str:
    """The prefix of all our addresses: what a trusted proxy said, else what the settings say."""
    told: str | None = request.scope.get("homie_ota.prefix")
    return shell_of(request).settings.http.base_path if told is None else told


def person_or_none(request: Request) -> Person | None:
    """Who asks, where anybody is known yet."""
    found: Person | None = request.scope.get("state", {}).get("person")
    return found


def link(request: Request, path: str, /, *parts: str, **query: object) -> str:
    """An address of ours: `link(request, "/device", key, q="x")`; empty query values are left out."""
    return Render(shell_of(request), None, prefix_of(request), texts.OURS).link(path, *parts, **query)


def device_key(row: dict[str, Any]) -> str:
    """The id of a device in routes, from its row."""
    return Address(row["base"], row["device_id"]).key


def render_of(request: Request, word: str = SENTINEL) -> Render:
    """How pages are written for who asks."""
    shell = shell_of(request)
    language = texts.language_of(request.headers.get("accept-language", ""))
    return Render(shell, person_or_none(request), prefix_of(request), language, word, shell.clock())


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """The page of a template; gives the visitor the cookie that forms need, where they have none."""
    visit = Visit(request)
    text = render_of(request, visit.word).page(template, common(request) | values)
    return answer(request, visit, *packed(request, text), status=status)


async def page_later(
    request: Request, template: str, values: dict[str, Any], *, status: int = 200
) -> HTMLResponse:
    """The same, written in a thread: for pages that are long."""
    visit, asked = Visit(request), common(request) | values
    render = render_of(request, visit.word)
    written = await asyncio.to_thread(lambda: packed(request, render.page(template, asked)))
    return answer(request, visit, *written, status=status)


def common(request: Request) -> dict[str, Any]:
    """What a page says about its own request: its path, its query (without the theme), and the theme."""
    chosen = request.query_params.get("theme") or request.cookies.get(THEME_COOKIE, "")
    told = request.query_params.items()  # what begins with _ is ours, and not for an address to say
    query = {name: value for name, value in told if name != "theme" and not name.startswith("_")}
    return {
        "here": request.url.path,
        "here_query": query,
        "theme": chosen if chosen in THEMES else "auto",
        "stream": stream_of(request),
    }


def stream_of(request: Request, name: str = "any", key: str = "", /, **query: object) -> str:
    """The address of the stream that keeps a page true, from now on; `any` has the banner only. Empty without a hub."""
    hub = getattr(request.app.state, "hub", None)
    if hub is None or person_or_none(request) is None:
        return ""
    return link(request, "/live", name, key, **query, **{SEEN: hub.number})


def packed(request: Request, text: str) -> tuple[bytes, dict[str, str]]:
    """The bytes of a page, compressed where that is worth it and can be read, with the headers that say so."""
    body = text.encode()
    if len(body) < WORTH_PACKING or not assets.accepts_gzip(request):
        return body, {"Vary": "Accept-Encoding"}
    return gzip.compress(body, 4, mtime=0), {"Vary": "Accept-Encoding", "Content-Encoding": "gzip"}


def answer(
    request: Request, visit: Visit, body: bytes, headers: dict[str, str], *, status: int
) -> HTMLResponse:
    """The answer that carries a page; it remembers the visit and the theme that was chosen."""
    found = HTMLResponse(body, status, headers=headers)
    visit.remember(request, found)
    theme = request.query_params.get("theme")
    if theme in THEMES:
        found.set_cookie(THEME_COOKIE, theme, max_age=400 * 86400, path="/", samesite="lax")
    return found


def see(request: Request, path: str, /, *parts: str, **query: object) -> RedirectResponse:
    """The answer to a form: look there now."""
    return RedirectResponse(link(request, path, *parts, **query), 303)

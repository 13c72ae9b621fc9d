"""What the OpenAPI description says beside the routes: problems, logins, tags, and what parameters and objects mean.

Rule: a route says what is its own; whatever is the same for many is said here once, by the name that it has everywhere.
A parameter or object that is named nowhere here or in its route has no description, and a test says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI

from homie_ota.web.api import vocabulary
from homie_ota.web.api.examples import OBJECTS
from homie_ota.web.people import needed

Json = dict[str, Any]

TITLES = {
    400: ("WrongUse", "It has no meaning: a misspelt field, a missing value, a cursor of another list."),
    401: ("NotLoggedIn", "Nobody is logged in: a name and password, or an API token, is needed."),
    403: ("NotAllowed", "Whoever asks may not do this, or a page of another site asked in their name."),
    404: ("NotFound", "There is no such thing."),
    408: ("TooSlow", "The upload stood still for too long, or was too slow."),
    409: ("Conflict", "Not in the state that this needs, not eligible, or a name that means several."),
    413: ("TooLarge", "More bytes than this server takes."),
    415: ("WrongType", "The body is no JSON by its Content-Type."),
    421: ("WrongHost", "This server is not known by the name that was used."),
    429: ("TooManyGuesses", "Too many wrong passwords from this address; Retry-After says how long."),
    503: ("Busy", "Too many requests, or the broker cannot be reached now."),
    507: ("StorageFull", "The disk is full; nothing was changed."),
}
"""Every status of a problem: the name of its answer in the description, and when it is given."""
ALWAYS = (401, 403, 421, 429, 503)
"""What any request may be answered, whatever it asks for."""
WITH_BODY = (413,)
WITH_JSON = (415,)
WITH_FILE = (408, 507)

HEADERS: dict[int, Json] = {
    429: {"headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}}
}
DONE = {"200": "What was asked for.", "201": "It was made.", "202": "It was taken in, and is done soon."}
LOCATED = {"upload_firmware": "201", "order": "202", "create": "201"}
"""By operation: which of its answers says where the thing is that it made."""
_STEERED = ("get_rollout", "start", "pause", "resume", "drain", "abort", "revert")
LINKS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "order": ("id", "id", ("get_deployment", "get_case", "cancel")),
    "create": ("id", "id", _STEERED),
    "upload_firmware": (
        "sha256",
        "sha256",
        ("get_firmware", "get_file", "change_firmware", "delete_firmware"),
    ),
    "put_pin": ("id", "device", ("delete_pin", "get_device", "get_why")),
    "add": ("name", "name", ("change", "reset", "log_out", "remove")),
    "make_token": ("id", "id", ("revoke_token",)),
}
"""By operation: the parameter that the operations behind it take, and the property of its answer that this is."""

TAGS = {
    "devices": ("devices", "What is known of each device, what is put on it, and what may be sent to it."),
    "devices.csv": ("devices", ""),
    "removed": ("devices", ""),
    "knocks": ("devices", ""),
    "filters": ("devices", ""),
    "deployments": ("deployments", "One attempt to bring one device to one firmware."),
    "firmware": ("firmware", "The stored images."),
    "rollouts": ("rollouts", "One firmware for many devices, in waves."),
    "events": ("events", "What happens, as it happens."),
    "quarantine": ("queue", "What holds images back, and what is left on the broker."),
    "leftovers": ("queue", ""),
    "healthz": ("service", "How the server itself is."),
    "metrics": ("service", ""),
    "recipients": ("service", ""),
    "people": ("people", "Accounts and API tokens."),
    "tokens": ("people", ""),
    "audit": ("audit", "Who did what, when, why and from where; chained by hashes."),
}
"""By the first word of a path: its tag, and the sentence about that (once)."""

_DEVICE = ("Base and device id with `/` as `~`, or the bare device id where it is unique.", "homie~hall-lamp")
PARAMETERS: dict[tuple[str, str], tuple[str, Any]] = {
    ("", "limit"): ("How many items on a page.", 100),
    ("", "cursor"): ("`next` of the page before; without it the list begins.", None),
    ("/devices", "id"): _DEVICE,
    ("/devices", "q"): (
        "A query of `docs/reference/query.md`; empty: all.",
        "fw:lamp version:<2.0 -tag:attic",
    ),
    ("/devices", "state"): ("Only devices in this state, such as ready, sleeping or lost.", "ready"),
    ("/devices", "sort"): (
        "id, name, state, fw, version, signal, uptime, heap or seen, with `-` in front downwards; or needs.",
        "-signal",
    ),
    ("/devices", "node"): ("The node of the device.", "relay"),
    ("/devices", "prop"): ("The property of the node.", "on"),
    ("/devices", "tag"): ("One word of letters, digits, - _ . +.", "attic"),
    ("/devices", "firmware"): ("An image, by SHA-256, its beginning, or NAME@VERSION.", "lamp@2.0.0"),
    ("/devices", "metric"): ("signal, heap, uptime, or a property as node/property.", "signal"),
    ("/devices", "span"): ("How far back.", "day"),
    ("/removed", "number"): ("The number of the copy, as the list of them tells it.", 7),
    ("/filters", "name"): ("The name of the filter, of 1 to 64 characters.", "attic"),
    ("/knocks", "mac"): ("The MAC, as the list of them tells it.", "A0:20:A6:14:85:06"),
    ("/deployments", "id"): ("The number of the deployment.", "17"),
    ("/deployments", "device"): ("Only deployments of this device.", "homie~hall-lamp"),
    ("/deployments", "state"): ("Only deployments in this state, such as queued or failed.", "queued"),
    ("/firmware", "sha256"): ("SHA-256, its beginning, or NAME@VERSION.", "lamp@2.0.0"),
    ("/firmware", "other"): ("The other image, named in the same way.", "lamp@1.0.0"),
    ("/firmware", "q"): ("Words that all occur in name, version, brand, chip or texts.", "lamp"),
    ("/firmware", "name"): ("Only images of exactly this name.", "lamp"),
    ("/firmware", "version"): ("Only images of exactly this version.", "2.0.0"),
    ("/firmware", "sort"): (
        "name, version, size, chip, brand, uploaded or description; with `-` in front downwards.",
        "-uploaded",
    ),
    ("/firmware/{sha256}/fits", "q"): ("Only devices that this query finds.", "fw:lamp"),
    ("/rollouts", "id"): ("The number of the rollout.", "3"),
    ("/rollouts", "state"): ("Only rollouts in this state, such as running or paused.", "running"),
    ("/rollouts", "wave"): ("Only members of this wave; −1: who is left out.", 0),
    ("/rollouts", "outcome"): ("Only members with this outcome, such as verified.", "verified"),
    ("/people", "name"): ("The name of the account.", "kim"),
    ("/tokens", "id"): ("The id of the token, as the list of them tells it.", "1f2e3d4c5b6a7988"),
    ("/tokens", "owner"): ("Only tokens of this account.", "kim"),
    ("/audit", "kept"): ("Hashes that were written down and must be in the log, with commas.", None),
}
"""By the beginning of the path and the name: what a parameter means, and an example; the longest beginning counts."""

_PROBLEM = {
    "title": "Problem",
    "type": "object",
    "description": "What went wrong (RFC 9457). Some codes have members of their own, such as `reasons`.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "the sort of error, for people"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what is wrong, what was expected, what to do now"},
        "code": {"type": "string", "description": "a stable word for programs, see docs/reference/api.md"},
    },
    "examples": [
        {
            "type": "about:blank",
            "title": "Not found",
            "status": 404,
            "detail": "There is no device “hall-lamp”.",
            "code": "not-found",
        }
    ],
}
_LOGINS = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token, made on the account page or by `homie-ota token make`.",
    },
    "password": {"type": "http", "scheme": "basic", "description": "Name and password, for old scripts."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "homie_ota_session",
        "description": "What a browser has after the login page.",
    },
}


def completed(app: FastAPI, written: Callable[[], Json]) -> Callable[[], Json]:
    """In place of `app.openapi`: what FastAPI has `written`, with all that is said here; made once."""

    def openapi() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = complete(written())
        return app.openapi_schema

    return openapi


def complete(told: Json) -> Json:
    """The description with problems, logins, tags, and what parameters and objects mean."""
    parts = told.setdefault("components", {})
    parts["securitySchemes"], parts["responses"] = _LOGINS, {}
    told["security"] = [{name: []} for name in _LOGINS]
    for path, method, operation in operations(told):
        if right := needed(method.upper(), f"/api/v1{path}"):
            operation["x-right"] = right.value
        else:
            operation["security"] = []
        operation["tags"] = [TAGS.get(path.split("/")[1], ("other", ""))[0]]
        for parameter in operation.get("parameters", ()):
            _explain(path, parameter)
        _answer(operation, parts["responses"])
    told["tags"] = [{"name": tag, "description": text} for tag, text in TAGS.values() if text]
    vocabulary.put_into(told)
    vocabulary.unlimited(told)
    schemas = parts["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):  # wrong use is told as any other problem
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    for name, example in OBJECTS.items():
        if name in schemas:
            schemas[name]["examples"] = [example]
    return told


def _lead_on(operation: Json) -> None:
    """Say what can be asked about that which an operation made."""
    name, field, following = LINKS.get(operation["operationId"], ("", "", ()))
    done = next(status for status in operation["responses"] if status < "3")
    if following:
        operation["responses"][done]["links"] = {
            each: {"operationId": each, "parameters": {name: f"$response.body#/{field}"}}
            for each in following
        }


def operations(told: Json) -> Iterator[tuple[str, str, Json]]:
    """Path, method and description of every operation."""
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _explain(path: str, parameter: Json) -> None:
    name = parameter["name"]
    found = [beginning for beginning, known in PARAMETERS if known == name and path.startswith(beginning)]
    if not found:
        return
    text, example = PARAMETERS[max(found, key=len), name]
    parameter.setdefault("description", text)
    if example is not None and "example" not in parameter:
        parameter["example"] = example


def _answer(operation: Json, shared: Json) -> None:
    """Every problem that this operation may answer, by reference."""
    answers = operation["responses"]
    answers.pop("422", None)
    body = operation.get("requestBody", {}).get("content", {})
    known = {int(status) for status in answers if status.isdecimal() and int(status) >= 400}
    known |= {
        400,
        *ALWAYS,
        *(WITH_BODY if body else ()),
        *(WITH_JSON if "application/json" in body else ()),
        *(WITH_FILE if "multipart/form-data" in body else ()),
    }
    for status in sorted(known):
        name, text = TITLES[status]
        answers[str(status)] = {"$ref": f"#/components/responses/{name}"}
        content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        shared[name] = {"description": text, "content": content, **HEADERS.get(status, {})}
    for status, answer in answers.items():
        if answer.get("description") == "Successful Response":  # FastAPI's own words
            answer["description"] = DONE[status]
    _lead_on(operation)
    if made := LOCATED.get(operation["operationId"]):
        answers[made]["headers"] = {"Location": {"description": "Where it is.", "schema": {"type": "string"}}}

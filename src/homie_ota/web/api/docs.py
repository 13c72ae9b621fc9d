"""The page to read and try the API: made from its own description, without a line from anywhere else."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.web.render import page

Json = dict[str, Any]
_MULTIPART, _JSON = "multipart/form-data", "application/json"


async def show(request: Request) -> Response:
    """`GET /api/v1/docs`."""
    return page(request, "docs.html", groups=groups(request.app.openapi()))


def groups(description: Json) -> list[Json]:
    """The operations of an OpenAPI description by what they are about: its name, a sentence, and all of them."""
    every = [
        (told["tags"][0], _operation(method, path, told, description["components"]))
        for path, methods in description["paths"].items()
        for method, told in methods.items()
    ]
    return [
        {**tag, "operations": [operation for name, operation in every if name == tag["name"]]}
        for tag in description["tags"]
    ]


def _operation(method: str, path: str, told: Json, components: Json) -> Json:
    """Method, path, texts, parameters, what is sent, and what may be answered."""
    body = told.get("requestBody", {}).get("content", {})
    return {
        "method": method.upper(),
        "path": path,
        "summary": told.get("summary", ""),
        "description": told.get("description", ""),
        "right": told.get("x-right", ""),
        "parameters": [_parameter(each) for each in told.get("parameters", [])],
        "form": _fields(body[_MULTIPART]["schema"]) if _MULTIPART in body else [],
        "json": _example(body[_JSON]["schema"], components["schemas"]) if _JSON in body else "",
        "answers": [(status, _resolved(each, components)) for status, each in told["responses"].items()],
    }


def _parameter(told: Json) -> Json:
    schema = told.get("schema", {})
    found = [schema, *schema.get("anyOf", [])]
    return {
        "name": told["name"],
        "place": told["in"],
        "required": told.get("required", False),
        "type": next((each["type"] for each in found if each.get("type", "null") != "null"), ""),
        "description": told.get("description", ""),
        "example": told.get("example", ""),
        "choices": next((each["enum"] for each in found if "enum" in each), []),
    }


def _fields(schema: Json) -> list[Json]:
    return [
        {
            "name": name,
            "place": "form",
            "required": name in schema.get("required", []),
            "file": each.get("format") == "binary",
        }
        for name, each in schema["properties"].items()
    ]


def _example(schema: Json, schemas: Json) -> str:
    """The example of a body, or of the first object that it may be, as a person would write it."""
    for each in (schema, *schema.get("anyOf", [])):
        if examples := schemas.get(each.get("$ref", "").rpartition("/")[2], {}).get("examples"):
            return json.dumps(examples[0], indent=1, ensure_ascii=False)
    return "{}"


def _resolved(answer: Json, components: Json) -> str:
    """What an answer means."""
    name = answer.get("$ref", "").rpartition("/")[2]
    return str(components["responses"][name]["description"] if name else answer.get("description", ""))

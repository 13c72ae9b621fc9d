"""The page to read and try the API: made from its own description, without a line from anywhere else."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.web.render import page

_MULTIPART, _JSON = "multipart/form-data", "application/json"


async def show(request: Request) -> Response:
    """`GET /api/v1/docs`."""
    return page(request, "docs.html", operations=operations(request.app.openapi()))


def operations(description: dict[str, Any]) -> list[dict[str, Any]]:
    """Method, path, parameters and body of each operation of an OpenAPI description."""
    schemas = description.get("components", {}).get("schemas", {})
    return [
        _operation(method, path, told, schemas)
        for path, methods in description["paths"].items()
        for method, told in methods.items()
    ]


def _operation(method: str, path: str, told: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    content = told.get("requestBody", {}).get("content", {})
    kind = next((each for each in (_MULTIPART, _JSON) if each in content), "")
    parameters = [
        {
            "name": each["name"],
            "place": each["in"],
            "required": each.get("required", False),
            "type": _type(each.get("schema", {})),
        }
        for each in told.get("parameters", [])
    ]
    return {
        "method": method.upper(),
        "path": path,
        "summary": told.get("summary", ""),
        "description": told.get("description", ""),
        "parameters": parameters,
        "kind": {_MULTIPART: "form", _JSON: "json", "": ""}[kind],
        "body": _fields(content[kind]["schema"], schemas) if kind else [],
    }


def _fields(schema: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    reference = schema.get("$ref", "")
    schema = schemas[reference.rpartition("/")[2]] if reference else schema
    required = schema.get("required", [])
    return [
        {"name": name, "required": name in required, "file": each.get("format") == "binary"}
        for name, each in schema.get("properties", {}).items()
    ]


def _type(schema: dict[str, Any]) -> str:
    found = [schema, *schema.get("anyOf", [])]
    return next((each["type"] for each in found if each.get("type", "null") != "null"), "")

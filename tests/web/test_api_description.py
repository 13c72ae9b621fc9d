"""The description of the API is complete: whoever reads nothing else can write a program against it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from homie_ota.model import DeploymentState, Outcome
from homie_ota.web.api import vocabulary
from homie_ota.web.api.asking import NO_TEXT
from homie_ota.web.api.description import ALWAYS, LINKS, PARAMETERS, TAGS, operations
from homie_ota.web.api.examples import OBJECTS
from web.world import World

Json = dict[str, Any]
OWN_DATA = {"application/json", "multipart/form-data", "text/event-stream"}
"""Content that has a shape; the others are bytes and lines."""


@pytest.fixture
def told(world: World) -> Json:
    found: Json = world.client().get("/api/v1/openapi.json").json()
    return found


def named(schema: Json) -> Iterator[str]:
    """The objects that a schema names itself, alone or as one of several."""
    for each in (schema, *schema.get("anyOf", ())):
        if "$ref" in each:
            yield each["$ref"].rpartition("/")[2]


def test_every_operation_says_in_words_what_it_is_for(told: Json) -> None:
    known = {each["name"] for each in told["tags"]}
    names = [operation["operationId"] for _, _, operation in operations(told)]
    assert len(names) == len(set(names))
    for path, method, operation in operations(told):
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        assert len(operation["tags"]) == 1
        assert operation["tags"][0] in known, (method, path)
    assert all(each["description"] for each in told["tags"])


def test_every_parameter_is_explained_and_has_an_example_where_a_word_can_be_one(told: Json) -> None:
    for path, method, operation in operations(told):
        for each in operation.get("parameters", ()):
            assert each["description"], (method, path, each["name"])
            if each["in"] == "path":
                assert "example" in each, (method, path, each["name"])
    paths = {
        (path, each["name"]) for path, _, found in operations(told) for each in found.get("parameters", ())
    }
    for beginning, name in PARAMETERS:
        assert any(path.startswith(beginning) and name == each for path, each in paths), (beginning, name)


def test_every_tag_has_a_path(told: Json) -> None:
    assert {path.split("/")[1] for path in told["paths"]} == set(TAGS)


def test_every_body_and_every_answer_has_a_shape_and_an_example(told: Json) -> None:
    schemas = told["components"]["schemas"]
    for path, method, operation in operations(told):
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [
            answer.get("content", {}) for status, answer in operation["responses"].items() if status < "3"
        ]
        for kind, content in [pair for each in contents for pair in each.items()]:
            if kind not in OWN_DATA:
                continue
            is_shown = "example" in content or any(
                schemas[name].get("examples") for name in named(content.get("schema", {}))
            )
            assert is_shown, (method, path, kind)


def test_every_object_is_described(told: Json) -> None:
    for name, schema in told["components"]["schemas"].items():
        assert schema.get("description") or "enum" in schema, name


def test_every_example_is_of_the_shape_of_its_object(told: Json) -> None:
    schemas = told["components"]["schemas"]
    assert set(OBJECTS) <= set(schemas), set(OBJECTS) - set(schemas)
    bodies = [operation.get("requestBody", {}).get("content", {}) for _, _, operation in operations(told)]
    taken = {name for body in bodies for content in body.values() for name in named(content["schema"])}
    for name, example in OBJECTS.items():
        whole = {"$ref": f"#/components/schemas/{name}", "components": told["components"]}
        check = jsonschema_rs.validator_for(whole, validate_formats=True)
        assert [error.message for error in check.iter_errors(example)] == [], name
        assert not set(schemas[name].get("properties", {})) - set(example) or name in taken, name


def test_every_error_is_told_as_the_same_problem(told: Json) -> None:
    for path, method, operation in operations(told):
        errors = {status for status in operation["responses"] if status >= "4"}
        assert {"400", *map(str, ALWAYS)} <= errors, (method, path)
        for status in errors:
            (name,) = named(operation["responses"][status])
            content = told["components"]["responses"][name]["content"]
            assert content == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
        if "{" in path:
            assert "404" in errors, (method, path)
        if "multipart/form-data" in operation.get("requestBody", {}).get("content", {}):
            assert {"408", "413", "507"} <= errors


def test_it_says_how_to_log_in_and_where_the_server_is(told: Json) -> None:
    assert set(told["components"]["securitySchemes"]) == {"token", "password", "session"}
    assert told["security"] == [{"token": []}, {"password": []}, {"session": []}]
    assert told["servers"] == [{"url": "/api/v1"}]
    assert told["info"]["description"]


def test_words_that_are_one_of_a_few_are_all_named(told: Json) -> None:
    schemas = told["components"]["schemas"]
    state = schemas["DeploymentShape"]["properties"]["state"]["enum"]
    assert state == [each.value for each in DeploymentState]
    outcome = schemas["DeploymentShape"]["properties"]["outcome"]["anyOf"]
    assert next(each for each in outcome if each["type"] == "string")["enum"] == list(Outcome)
    (asked,) = [each for each in told["paths"]["/devices"]["get"]["parameters"] if each["name"] == "sort"]
    assert {"id", "-signal", "needs"} <= set(asked["schema"]["enum"])


def test_no_text_has_a_largest_size_that_nobody_means(told: Json) -> None:
    assert str(NO_TEXT) not in json.dumps(told)


def test_every_word_that_a_parameter_names_is_taken(world: World, told: Json) -> None:
    for (path, name), words in vocabulary.TAKEN.items():
        if "{" not in path:
            for word in words:
                assert world.client().get(f"/api/v1{path}", params={name: word}).status_code == 200, (
                    path,
                    name,
                    word,
                )


def test_what_was_made_leads_on_to_what_can_be_asked_about_it(told: Json) -> None:
    every = {operation["operationId"]: operation for _, _, operation in operations(told)}
    assert set(LINKS) <= set(every)
    for name in LINKS:
        done = next(answer for status, answer in every[name]["responses"].items() if status < "3")
        shape = next(named(done["content"]["application/json"]["schema"]))
        fields = told["components"]["schemas"][shape]["properties"]
        for link in done["links"].values():
            ((parameter, where),) = link["parameters"].items()
            taken = {each["name"] for each in every[link["operationId"]]["parameters"]}
            assert parameter in taken
            assert where.removeprefix("$response.body#/") in fields

"""The API document: a client's programmer finds every word in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from queries.api.app import bare_app
from queries.api.glossary import FIELDS, OF, PARAMETERS

DOCUMENT: dict[str, Any] = bare_app().openapi()


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def fields() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for field, shape in schema.get("properties", {}).items():
            yield name, field, shape


def test_every_field_and_parameter_is_described() -> None:
    assert [f"{name}.{field}" for name, field, shape in fields() if not shape.get("description")] == []
    assert [
        f"{route}: {parameter['name']}"
        for route, operation in operations()
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    ] == []


def test_the_glossary_has_no_word_for_what_is_not_there() -> None:
    known = {word for name, field, _ in fields() for word in (field, f"{name}.{field}")}
    assert {*FIELDS, *OF} - known == set()
    asked = {parameter["name"] for _, operation in operations() for parameter in operation.get("parameters", ())}
    assert PARAMETERS.keys() - asked == set()


def test_every_route_says_in_a_sentence_what_it_does_and_which_errors_it_has() -> None:
    for route, operation in operations():
        assert operation["summary"].count(" ") >= 2, route
        declared = set(operation["responses"])
        assert "default" in declared, route
        if "/api/v1/" in route:
            assert {"401", "403", "503"} <= declared, route
        if "{" in route:
            assert "404" in declared, route

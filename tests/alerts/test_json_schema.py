"""The JSON Schema of a rule against the model: an editor that goes by it tells the same."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from pages.rule_schema import rule_schema
from streams.alerts.rule import Rule
from tests.alerts.test_rule import ELSEWHERE, NEEDED, USED, written

SCHEMA = Draft202012Validator(rule_schema())
FILES = sorted(file.name for file in (resources.files("streams.alerts") / "rules").iterdir())


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(rule_schema())


@pytest.mark.parametrize("name", FILES)
def test_it_takes_every_rule_that_ships(name: str) -> None:
    document = yaml.safe_load((resources.files("streams.alerts") / "rules" / name).read_text())
    assert [error.message for error in SCHEMA.iter_errors(document)] == []


def without(kind: str, field: str) -> dict[str, Any]:
    fields = written(kind)
    del fields[field]
    return fields


@pytest.mark.parametrize(
    "fields",
    [
        *(
            pytest.param(without(kind, field), id=f"{kind} without {field}")
            for kind, needed in NEEDED.items()
            for field in needed
        ),
        *(
            pytest.param(written(kind, **{field: ELSEWHERE[field]}), id=f"{kind} with {field}")
            for kind, used in USED.items()
            for field in ELSEWHERE
            if field not in used
        ),
        *(pytest.param(without("match", field), id=f"without {field}") for field in written()),
        pytest.param(written(nope=1), id="an unknown field"),
        pytest.param(written(match={"tpye": ["x"]}), id="an unknown field of a condition"),
        pytest.param(written(severity="urgent"), id="an unknown severity"),
        pytest.param(written(group_by=["http_status"]), id="a fact that is no text"),
        pytest.param(written(dedup="1w"), id="a unit that is none"),
        pytest.param(written(quiet="1h", until={"kind": ["user"]}), id="two ends"),
        pytest.param(written(tests=[{"name": "x", "events": []}]), id="a test without events"),
    ],
)
def test_both_refuse(fields: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(fields)
    with pytest.raises(ValidationError):
        Rule.model_validate(fields)


@pytest.mark.parametrize("kind", NEEDED)
def test_both_take(kind: str) -> None:
    assert SCHEMA.is_valid(written(kind))


def test_defaults_are_told_as_they_are_written() -> None:
    properties = rule_schema()["properties"]
    assert properties["dedup"]["default"] == "1d"
    assert rule_schema()["$defs"]["ExampleEvent"]["properties"]["every"]["default"] == "1m"

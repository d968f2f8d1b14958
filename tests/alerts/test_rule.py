"""What a rule may say, by its kind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from streams.alerts.duration import duration_text, parse_duration
from streams.alerts.rule import Rule, RuleKind

NEEDED: dict[str, dict[str, Any]] = {
    "match": {},
    "threshold": {"threshold": 5, "window": "10m"},
    "distinct": {"threshold": 5, "window": "10m", "of": "subject_id"},
    "ratio": {"ratio": 0.5, "minimum": 20, "window": "1h"},
    "sequence": {"then": {"outcome": ["failure"]}, "window": "1h"},
    "absence": {"then": {"outcome": ["success"]}, "window": "1h"},
    "new": {"of": "actor_id"},
    "silence": {"window": "2d"},
    "mass": {},
}
"""By kind, what it cannot do without."""
ELSEWHERE: dict[str, Any] = {
    "then": {"outcome": ["success"]},
    "failed": {"outcome": ["failure"]},
    "of": "cause",
    "threshold": 3,
    "ratio": 0.5,
    "minimum": 3,
    "window": "5m",
    "learn": "1d",
    "multiple": 2,
}
USED: dict[str, set[str]] = {
    **{kind: set(needed) for kind, needed in NEEDED.items()},
    "ratio": {*NEEDED["ratio"], "failed"},
    "new": {*NEEDED["new"], "learn"},
    "mass": {"threshold", "multiple"},
}


def written(kind: str = "match", **fields: Any) -> dict[str, Any]:
    """A valid rule of that kind; `fields` replace or add to it."""
    return {
        "id": "some-rule",
        "title": "{subject_name} in {application_name}",
        "severity": "high",
        "description": "Why.",
        "remedy": "What to do.",
        "kind": kind,
        "match": {"type": ["user_deprovision"], "outcome": ["failure"]},
        "group_by": ["application_id", "subject_id"],
        **NEEDED[kind],
        **fields,
    }


def refusal(fields: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        Rule.model_validate(fields)
    (found,) = caught.value.errors()
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"


@pytest.mark.parametrize("kind", NEEDED)
def test_every_kind_has_what_it_needs(kind: str) -> None:
    assert {*map(str, RuleKind)} == set(NEEDED)
    assert Rule.model_validate(written(kind)).kind == kind


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind, needed in NEEDED.items() for field in needed])
def test_what_a_kind_needs_is_asked_for_by_name(kind: str, field: str) -> None:
    fields = written(kind)
    del fields[field]
    assert refusal(fields) == f"{field}: is missing: kind {kind} needs it"
    assert refusal({**fields, field: None}) == f"{field}: is missing: kind {kind} needs it"


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind, used in USED.items() for field in ELSEWHERE if field not in used]
)
def test_what_a_kind_does_not_use_is_refused(kind: str, field: str) -> None:
    found = refusal(written(kind, **{field: ELSEWHERE[field]}))
    assert found.startswith(f"{field}: is for kind ")
    assert found.endswith(f"and this rule is of kind {kind}")


def test_defaults_are_those_of_the_kind() -> None:
    mass, new = Rule.model_validate(written("mass")), Rule.model_validate(written("new"))
    assert (mass.threshold, mass.multiple) == (10, 3)
    assert new.learn == timedelta(days=7)
    failed = Rule.model_validate(written("ratio")).failed
    assert failed is not None
    assert failed.outcome == ("failure",)


@pytest.mark.parametrize(
    ("fields", "resolved_after"),
    [
        pytest.param({}, timedelta(hours=1), id="an hour at least"),
        pytest.param({**written("silence")}, timedelta(days=2), id="the window, where that is longer"),
        pytest.param({"quiet": "3d"}, timedelta(days=3), id="as the rule says"),
        pytest.param({"until": {"outcome": ["success"]}}, None, id="never by the clock where something ends it"),
    ],
)
def test_an_alert_is_resolved_by_itself(fields: dict[str, Any], resolved_after: timedelta | None) -> None:
    assert Rule.model_validate({**written(), **fields}).resolves_after == resolved_after


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({"id": "No_Name"}, "id: String should match", id="an id that is no file's name"),
        pytest.param({"id": "pipeline-behind"}, "id: Value error, 'pipeline-behind' is reserved", id="a taken id"),
        pytest.param({"title": "{subject}"}, "title: Value error, {subject} is not a text fact", id="an unknown fact"),
        pytest.param({"title": "{subject_name!r}"}, "title: Value error, braces must hold", id="more than a name"),
        pytest.param({"title": "{"}, "title: Value error, Single '{'", id="a brace that stands alone"),
        pytest.param({"severity": "urgent"}, "severity: Input should be 'low'", id="an unknown severity"),
        pytest.param({"match": {}}, "match: Value error, says nothing", id="a condition that says nothing"),
        pytest.param({"match": {"outcome": ["failed"]}}, "match.outcome.0: Input should be", id="no outcome"),
        pytest.param({"match": {"kind": ["user", "other"]}}, "match: Value error, is about events", id="any other"),
        pytest.param({"match": {"type": []}}, "match: Value error, says nothing", id="an empty list"),
        pytest.param({"group_by": ["http_status"]}, "group_by.0: Value error, 'http_status' is not a", id="no text"),
        pytest.param({"group_by": ["cause", "cause"]}, "group_by: Value error, has cause more than once", id="twice"),
        pytest.param({"dedup": 5}, "dedup: Value error, must be a number with its unit", id="no unit"),
        pytest.param({"dedup": "31d"}, "dedup: Value error, must be from 1m to 30d", id="too long"),
        pytest.param({"dedup": "1m\n"}, "dedup: Value error, must be a number with its unit", id="a line's end"),
        pytest.param({"owner": "x" * 201}, "owner: String should have at most 200", id="too long a text"),
        pytest.param({"staging": "no"}, "staging: Input should be a valid boolean", id="a boolean in words"),
        pytest.param(
            {"quiet": "1h", "until": {"outcome": ["success"]}}, "quiet: is for rules without `until`", id="two ends"
        ),
        pytest.param({"treshold": 5}, "treshold: Extra inputs", id="an unknown field"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_is(change: dict[str, Any], says: str) -> None:
    assert refusal(written(**change)).startswith(says)


def test_other_names_of_a_type_are_its_own() -> None:
    rule = Rule.model_validate(written(match={"type": ["integration_deactivate", "idm_integration_delete"]}))
    assert rule.match.type == ("idm_integration_delete",)


@pytest.mark.parametrize("text", ["1s", "90s", "59m", "36h", "2d", "0s"])
def test_a_duration_is_written_as_it_was_read(text: str) -> None:
    assert duration_text(parse_duration(text)) == text

"""Imported Sigma against what Sigma means, on any events: neither more is matched nor less."""

from __future__ import annotations

import json
from typing import Any

import pytest
import re2  # type: ignore[import-untyped]  # because it ships no types
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from streams.alerts.example import ExampleEvent, record_of, seen_in
from streams.alerts.index import Rules
from streams.alerts.loading import read_rule
from streams.alerts.occurrence import Role
from streams.alerts.sigma.conversion import converted
from tests.alerts.sigma_reference import meets

LIMITS = ("has more than 3 patterns", "is longer than 2,000 bytes", "words and signs; 500 are allowed")
"""Why Sigma of these fields and values can be refused."""

WORDS = [
    "admin",
    "Admin",
    "ADMINISTRATOR",
    "adm",
    "",
    "404",
    "4.5",
    "-3",
    "040",
    "true",
    "False",
    "a\nb",
    "a.b",
    "ö",
    "Ö",
]
WORDS += ["10.1.2.3", "10.1.200.3", "10.1.2.3.4", "010.1.2.3", "it's \\ here", "\u212a", "k"]
PLAIN = st.one_of(
    st.sampled_from(WORDS), st.sampled_from([404, 4.5, 404.0, -3, 0, 10, 2**60, 1e20]), st.booleans(), st.none(),
    st.sampled_from([[], ["admin"], {}, {"type": "admin"}]),
)  # fmt: skip
OBJECTS = st.one_of(
    st.dictionaries(st.sampled_from(["type", "email"]), PLAIN, max_size=2), st.just("admin"), st.none(), st.just([1])
)
RECORDS = st.fixed_dictionaries(
    {}, optional={"service": PLAIN, "client_ip": PLAIN, "mfa": PLAIN, "initiated_by": OBJECTS, "extra": OBJECTS}
)
FIELDS = st.sampled_from(["service", "client_ip", "mfa", "initiated_by.type", "initiated_by.email", "extra.type"])

TEXTS = st.one_of(
    st.sampled_from([word for word in WORDS if "\\" not in word]), st.text("aA4.*?dö\n-", max_size=4)
)  # fmt: skip
VALUES = st.one_of(TEXTS, TEXTS, st.sampled_from([404, 4.5, -3, 0]), st.booleans(), st.none())


def several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(values, st.lists(values, min_size=1, max_size=3))


ASKS = st.one_of(
    st.tuples(st.sampled_from(["", "|neq"]), several(VALUES)),
    st.tuples(
        st.sampled_from(["|contains", "|startswith", "|endswith", "|cased", "|contains|cased", "|contains|neq"]),
        several(TEXTS),
    ),
    st.tuples(st.just("|contains|all"), st.lists(TEXTS, min_size=2, max_size=2)),
    st.tuples(st.just("|exists"), st.booleans()),
    st.tuples(st.sampled_from(["|gt", "|gte", "|lt", "|lte"]), st.sampled_from([404, 4.5, -3, 0])),
    st.tuples(
        st.just("|cidr"), several(st.sampled_from(["10.0.0.0/8", "10.1.2.0/24", "10.1.192.0/20", "10.1.2.3/32"]))
    ),
    st.tuples(
        st.sampled_from(["|re", "|re|i"]), several(st.sampled_from(["^adm", "in$", "[0-9]+", "^(a|A).*n", "e$", ""]))
    ),
)
SELECTIONS = st.dictionaries(FIELDS, ASKS, min_size=1, max_size=2).map(
    lambda asked: {field + modifiers: values for field, (modifiers, values) in asked.items()}
)
CONDITIONS = st.sampled_from(
    "x_a|not x_a|x_a and x_b|x_a or x_b|x_a and not x_b|not x_a and not x_b|not (x_a and x_b)|not (x_a or not x_b)"
    "|1 of x_*|all of x_*|not 1 of x_*|not all of x_*|x_a or (x_b and not y)|(x_a or not y) and not (x_b and y)".split(
        "|"
    )
)


def detections() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "x_a": st.one_of(SELECTIONS, st.lists(SELECTIONS, min_size=1, max_size=2)),
            "x_b": SELECTIONS,
            "y": SELECTIONS,
            "t": st.just({"event_type": "sso_auth"}),
            "condition": CONDITIONS.map("t and ({})".format),
        }
    )


def event(raw: dict[str, Any]) -> ExampleEvent:
    return ExampleEvent.model_validate({"at": "0m", "event_type": "sso_auth", "raw": raw})


def refused_or_rule(detection: dict[str, Any]) -> tuple[list[str], str]:
    sigma = {"title": "any", "logsource": {"product": "jumpcloud"}, "detection": detection}
    made = converted({"any.yml": json.dumps(sigma)})
    return made.refused, made.rules.get("sigma-any", "")


def matches(text: str, raw: dict[str, Any]) -> bool:
    rules = Rules([read_rule(text, "any")])
    (seen,) = seen_in([event(raw)])
    found = [kept.occurrence.role for kept in rules.kept(seen)]
    assert [watched.errors for watched in rules] == [0], "an expression could not be asked"
    return found == [Role.MATCH]


@given(detections(), st.lists(RECORDS, min_size=1, max_size=8))
@example({"x_a": {"mfa|neq": "a"}, "x_b": {"mfa": 1}, "y": {"mfa": 1}, "t": {"event_type": "sso_auth"}, "condition": "t and (x_a)"}, [{}])  # fmt: skip # noqa: E501
def test_an_imported_rule_matches_exactly_what_its_sigma_means(
    detection: dict[str, Any], records: list[dict[str, Any]]
) -> None:
    refused, text = refused_or_rule(detection)
    assert all(any(limit in each for limit in LIMITS) for each in refused), refused
    assume(text)
    for raw in records:
        assert matches(text, raw) is meets(detection, record_of(event(raw), 1)), (text, raw)


PIECES = r"a b A ö - . * + ? {2} {1,2} [ ] ^ $ ( ) (?: | \. \- \[ & ~ [a-c] [^a] []a] (?i) \/ { } , \\ *? --".split()
SUBJECTS = ["", "a", "A", "ab", "b\n", "a\nb", "ö", "Ö", "-", "a-b", ".", "aab", "[", "\\", "{2}", "a{", "a/b", "true"]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join))
def test_a_pattern_means_the_same_to_the_engine_as_to_the_one_that_sigma_is_checked_by(pattern: str) -> None:
    detection = {"t": {"event_type": "sso_auth"}, "x": {"service|re": pattern}, "condition": "t and x"}
    _, text = refused_or_rule(detection)
    if text:
        found = re2.compile(pattern)
        for subject in SUBJECTS:
            assert matches(text, {"service": subject}) is (found.search(subject) is not None), (pattern, subject)


def test_that_holds_for_most_and_both_answers_come() -> None:
    """The property above is not empty: of simple rules few are refused, and events are told apart."""
    raws: list[dict[str, Any]] = [{}, {"service": "admin"}, {"service": 404}, {"service": None, "mfa": True}]
    asked = [("service", "ADM*"), ("service|neq", "admin"), ("service", 404), ("mfa", True), ("mfa", None)]
    answers = []
    for key, value in asked:
        detection = {"t": {"event_type": "sso_auth"}, "x": {key: value}, "condition": "all of them"}
        refused, text = refused_or_rule(detection)
        assert not refused
        answers.append([matches(text, raw) for raw in raws])
    assert answers == [
        [False, True, False, False],
        [True, False, True, True],
        [False, False, True, False],
        [False, False, False, True],
        [True, True, True, False],
    ]


@pytest.mark.parametrize(
    ("asked", "raw", "met"),
    [
        pytest.param({"service": "Straße"}, {"service": "STRAßE"}, True, id="a letter without its like"),
        pytest.param({"service": r"a\*b"}, {"service": "a*b"}, True, id="an escaped wildcard"),
        pytest.param({"service": r"a\*b"}, {"service": "axb"}, False, id="it is no wildcard"),
        pytest.param({"service": "a\\\\b"}, {"service": "a\\b"}, True, id="an escaped backslash"),
        pytest.param({"service": "c:\\d'e"}, {"service": "C:\\D'E"}, True, id="a backslash and a quote"),
        pytest.param({"service|windash": "-f x"}, {"service": "/F x"}, True, id="any dash"),
        pytest.param({"service|cased": "Admin"}, {"service": "admin"}, False, id="by case"),
        pytest.param({"service|re": "(?i)ADM"}, {"service": "admin"}, True, id="a pattern that ignores case"),
        pytest.param({"changes|exists": True}, {"changes": []}, True, id="a list that is there"),
        pytest.param({"service": "9007199254740991"}, {"service": 9007199254740991}, True, id="a large number"),
        pytest.param({"service": "x" * 90}, {"service": "X" * 90}, True, id="a pattern just short enough"),
        pytest.param({"service": [f"name-{n}" for n in range(25)]}, {"service": "Name-24"}, True, id="a long list"),
        pytest.param({"event_type|re": "auth$"}, {}, True, id="the type's name in a pattern beside its list"),
        pytest.param({"event_type": "SSO_AUTH"}, {}, True, id="a type in capitals"),
        pytest.param({"event_type": ["sso_auth", "user_deprovision"]}, {}, True, id="a type listed twice over"),
    ],
)
def test_what_is_met(asked: dict[str, Any], raw: dict[str, Any], met: bool) -> None:
    detection = {"t": {"event_type": "sso_auth"}, "x": asked, "condition": "t and x"}
    refused, text = refused_or_rule(detection)
    assert not refused
    assert matches(text, raw) is met
    assert yaml.safe_load(text)["match"]["type"] == ["sso_auth"]


@pytest.mark.parametrize(
    ("written", "event_type", "met"),
    [
        pytest.param("integration_deactivate", "integration_deactivate", True, id="as it is written"),
        pytest.param("integration_deactivate", "idm_integration_delete", False, id="not the same type's other name"),
        pytest.param("idm_integration_delete", "integration_deactivate", False, id="nor the other way"),
        pytest.param(["idm_integration_delete", "integration_deactivate"], "integration_deactivate", True, id="both"),
    ],
)
@pytest.mark.parametrize("condition", ["t", "t and not x", "t and (not x or x and not t)"])
def test_a_type_of_two_names_is_the_one_that_is_named(written: Any, event_type: str, met: bool, condition: str) -> None:
    detection = {"t": {"event_type": written}, "x": {"service": "radius"}, "condition": condition}
    refused, text = refused_or_rule(detection)
    assert not refused
    raw = {"event_type": event_type}
    assert matches(text, raw) is meets(detection, record_of(event(raw), 1)) is met

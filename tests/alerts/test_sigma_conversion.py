"""Sigma as rules: what comes of it, word for word, and what is refused, with its line and field."""

from __future__ import annotations

import json
import textwrap

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from schemas.alerts import Severity
from streams.alerts.loading import read_rule
from streams.alerts.sigma.conversion import Converted, converted

RULE = """\
title: Any
name: any
logsource:
  product: jumpcloud
detection:
  selection:
    event_type: user_deprovision
    success: false
  condition: selection
"""
COUNT = """\
title: Many
correlation:
  type: event_count
  rules:
    - any
  group-by:
    - application.id
  timespan: 1h
  condition:
    gte: 3
"""
ORDER = """\
title: Order
correlation:
  type: temporal_ordered
  rules:
    - any
    - other
  group-by:
    - application.id
  timespan: 1h
"""
OTHER = RULE.replace("Any", "Other").replace("any", "other").replace("user_deprovision", "user_create_provision")


def made(*documents: str) -> Converted:
    return converted({"s.yml": "---\n".join(documents)})


def only(text: str) -> str:
    """The rule that it makes."""
    found = made(text)
    assert found.refused == []
    (rule,) = found.rules.values()
    return rule


def where(detection: str) -> str:
    """What is asked beside the type, and what is not to hold after `unless`."""
    rule = yaml.safe_load(only(RULE.split("detection:")[0] + "detection:\n" + textwrap.indent(detection, "  ")))
    assert rule["match"]["type"] == rule.get("unless", rule["match"])["type"]
    asked = str(rule["match"].get("where", ""))
    return " ".join((f"{asked} unless {rule['unless']['where']}" if "unless" in rule else asked).split())


WHOLE = """\
title: 'An {administrator} removes access'
id: 929a690e-bef0-4204-a928-ef5e620d6fcc
status: experimental
description: |
  Accounts are closed by hand.

  That is not how it is done.
references:
  - https://example.com/a
author: Ada
date: 2026-01-05
tags:
  - attack.t1531
logsource:
  product: jumpcloud
  service: directory_insights
detection:
  selection:
    event_type:
      - user_deprovision
      - user_delete_provision
    initiated_by.type: admin
  filter_known:
    initiated_by.email|endswith: '@ops.test'
  filter_tests:
    application.id: null
  condition: selection and not 1 of filter_*
falsepositives:
  - A leaver whose account lingered
level: high
"""
IMPORTED = """\
id: sigma-an-administrator-removes-access
title: An {{administrator}} removes access
severity: high
description: |-
  Accounts are closed by hand.

  That is not how it is done.
  References: https://example.com/a
  Tags: attack.t1531
  From Sigma, 929a690e-bef0-4204-a928-ef5e620d6fcc, by Ada
remedy: |-
  Look at the events of the alert, and ask whoever caused them.
  Known to be harmless: A leaver whose account lingered
kind: match
match:
  type: [user_deprovision, user_delete_provision]
  where: |-
    has(event.initiated_by) && type(event.initiated_by) == map && has(event.initiated_by.type)
    && type(event.initiated_by.type) == string && event.initiated_by.type.matches('(?i)^admin$')
unless:
  type: [user_deprovision, user_delete_provision]
  where: |-
    (has(event.initiated_by) && type(event.initiated_by) == map && has(event.initiated_by.email) && type(event.initiated_by.email) == string && event.initiated_by.email.matches(r'(?i)@ops\\.test$'))
    || !(has(event.application) && type(event.application) == map && has(event.application.id) && event.application.id != null)
group_by: []
"""  # noqa: E501  because conditions are written in one line


def test_a_rule_is_imported_with_all_that_it_says() -> None:
    found = made(WHOLE)
    assert found.refused == []
    assert found.rules == {"sigma-an-administrator-removes-access": IMPORTED}


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        ("informational", Severity.LOW),
        ("low", Severity.LOW),
        ("medium", Severity.MEDIUM),
        ("high", Severity.HIGH),
        ("critical", Severity.CRITICAL),
        (None, Severity.MEDIUM),
    ],
)
def test_a_level_is_a_severity(level: str | None, severity: Severity) -> None:
    text = only(RULE + (f"level: {level}\n" if level else ""))
    assert read_rule(text, "r").severity == severity


@pytest.mark.parametrize(
    ("detection", "asks"),
    [
        pytest.param("s: {event_type: sso_auth}\ncondition: s", "", id="the type alone"),
        pytest.param(
            "s: {event_type: sso_auth, mfa: true, n: 5}\ncondition: s",
            "has(event.mfa) && event.mfa == true && has(event.n) && event.n in ['5', 5]",
            id="a truth and a number",
        ),
        pytest.param(
            "s: {event_type: sso_auth, n: '07'}\ncondition: s", "has(event.n) && event.n == '07'", id="no number"
        ),
        pytest.param(
            "s: {event_type: sso_auth, ip: [10.0.0.1, 10.0.0.2]}\ncondition: s",
            "has(event.ip) && event.ip in ['10.0.0.1', '10.0.0.2']",
            id="texts without letters",
        ),
        pytest.param(
            "s: {event_type: sso_auth, ip|startswith: 10.1.}\ncondition: s",
            "has(event.ip) && type(event.ip) == string && event.ip.startsWith('10.1.')",
            id="a beginning without letters",
        ),
        pytest.param(
            "s: {event_type: sso_auth, n: '4*'}\ncondition: s",
            "has(event.n) && type(event.n) in [string, int, uint, double] && string(event.n).startsWith('4')",
            id="a beginning that numbers have",
        ),
        pytest.param(
            "s: {event_type: sso_auth, os: [Linux, '*BSD', 'win??ws*']}\ncondition: s",
            "has(event.os) && type(event.os) == string "
            "&& event.os.matches('(?i)^Linux$|BSD$|^win(?:.|\\n)(?:.|\\n)ws')",
            id="texts of one field in one pattern",
        ),
        pytest.param(
            "s: {event_type: sso_auth, os|cased: [Linux, 'Free*']}\ncondition: s",
            "has(event.os) && (event.os == 'Linux' || (type(event.os) == string && event.os.startsWith('Free')))",
            id="by case, without a pattern",
        ),
        pytest.param(
            "s: {event_type: sso_auth, mfa: 'True'}\ncondition: s",
            "has(event.mfa) && (event.mfa == true || (type(event.mfa) == string && event.mfa.matches('(?i)^True$')))",
            id="a text that a truth has",
        ),
        pytest.param(
            "s: {event_type: sso_auth, 'os|re': '^[Ll]in(ux)?$'}\ncondition: s",
            "has(event.os) && type(event.os) in [string, int, uint, double] "
            "&& string(event.os).matches('^[Ll]in(ux)?$')",
            id="a pattern",
        ),
        pytest.param(
            "s: {event_type: sso_auth, code|gte: 400}\ncondition: s",
            "has(event.code) && type(event.code) in [string, int, uint, double] "
            "&& string(event.code).matches('^-?[0-9]+(?:[.][0-9]+)?$') && double(string(event.code)) >= 400.0",
            id="a number at least",
        ),
        pytest.param(
            "s: {event_type: sso_auth, ip|cidr: 10.1.2.0/24}\ncondition: s",
            "has(event.ip) && type(event.ip) == string "
            "&& event.ip.matches(r'^10\\.1\\.2\\.(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])$')",
            id="a network",
        ),
        pytest.param(
            "s: {event_type: sso_auth, a|exists: true, b|exists: false, c: '*'}\ncondition: s",
            "has(event.a) && !has(event.b) && has(event.c) && event.c != null",
            id="what is there",
        ),
        pytest.param(
            "s: {event_type: sso_auth, a.b: [null, '']}\ncondition: s",
            "!(has(event.a) && type(event.a) == map && has(event.a.b) && event.a.b != null) "
            "|| (has(event.a) && type(event.a) == map && has(event.a.b) && event.a.b == '')",
            id="nothing, or nothing in it",
        ),
        pytest.param(
            "s: {event_type: sso_auth, a|neq: 1}\nf: {b: 2}\ncondition: s and not f",
            "unless (has(event.a) && event.a in ['1', 1]) || (has(event.b) && event.b in ['2', 2])",
            id="what is not to hold is left out",
        ),
        pytest.param(
            "s: {event_type: sso_auth}\na: {x: 1}\nb: {y: 2}\ncondition: s and (a or not b)",
            "(has(event.x) && event.x in ['1', 1]) || !(has(event.y) && event.y in ['2', 2])",
            id="a negation inside",
        ),
        pytest.param(
            "s_one: {event_type: sso_auth, x: 1}\ns_two: {event_type: radius_auth_attempt}\ncondition: 1 of s_*",
            "(fact.event_type == 'sso_auth' && has(event.x) && event.x in ['1', 1])"
            " || fact.event_type == 'radius_auth_attempt'",
            id="of two types",
        ),
        pytest.param(
            "s: {event_type: idm_integration_delete}\ncondition: s",
            "has(event.event_type) && event.event_type == 'idm_integration_delete'",
            id="one of a type's two names",
        ),
        pytest.param(
            "s: {event_type: [idm_integration_delete, integration_deactivate]}\ncondition: s", "", id="both of them"
        ),
        pytest.param("s: {event_type: sso_auth}\nt: {event_type: [sso_auth, sso_slo]}\ncondition: all of them",
            "fact.event_type in ['sso_auth', 'sso_slo']", id="types that two selections name",
        ),
        pytest.param(
            "s: {event_type: sso_auth}\ncondition:\n  - s\n  - s", "", id="several conditions"
        ),
    ],
)  # fmt: skip
def test_what_is_asked(detection: str, asks: str) -> None:
    assert where(detection) == asks


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param("jumpcloud", "okta", "3: logsource: must be product: jumpcloud, alone", id="another product"),
        pytest.param("jumpcloud", "jumpcloud\n  service: sso", "3: logsource: must be", id="another service"),
        pytest.param("jumpcloud", "jumpcloud\n  category: iam", "3: logsource: must be", id="a category"),
        pytest.param("jumpcloud", "jumpcloud\n  tenant: x", "3: logsource: must be", id="a source that is not known"),
        pytest.param(
            "    event_type: user_deprovision\n", "",
            "8: detection.condition: does not say which event types it is about", id="no type",
        ),
        pytest.param("type: user_deprovision", "type: user_*", "9: detection.condition: does not say", id="some types"),
        pytest.param("selection\n", "not selection\n", "9: detection.condition: does not say", id="other types"),
        pytest.param(
            "condition: selection", "b: {event_type: sso_auth}\n  condition: selection and b",
            "10: detection.condition: can never hold", id="two types at once",
        ),
        pytest.param(
            "  condition: selection", "  words: [a, b]\n  condition: selection and words",
            "9: detection.words: looks for words anywhere", id="keywords",
        ),
        pytest.param("condition: selection", "condition: other", "9: detection.condition: 'other' is no", id="no such"),
        pytest.param("condition: selection", "condition: 1 of x*", "9: detection.condition: 'x*' is", id="none such"),
        pytest.param("condition: selection", "condition: selection |", "9: detection.condition: The pipe", id="a pipe"),
        pytest.param("condition: selection", "condition: (selection", "9: detection.condition: ", id="a bracket"),
        pytest.param("condition: selection", "condition: 5", "9: detection.condition: must be a text", id="a number"),
        pytest.param("condition: selection", f"condition: {'not ' * 450}selection", "is nested too deep", id="deep"),
        pytest.param("condition: selection", f"condition: {'not ' * 900}selection", "2,000 characters", id="long"),
        pytest.param("  condition: selection\n", "", "5: detection: Sigma rule must contain", id="no condition"),
        pytest.param("title: Any\n", "", "1: title: Sigma rule must have a title", id="no title"),
        pytest.param("title: Any", "title: 5", "1: title: Sigma rule title must be a string", id="no text"),
        pytest.param("name: any", "level: urgent", "2: level: ", id="no level"),
        pytest.param("name: any", "id: 5f", "2: id: Sigma rule identifier must be an UUID", id="no id"),
        pytest.param("name: any", "taxonomy: ecs", "2: taxonomy: gives the fields other names", id="another taxonomy"),
        pytest.param("name: any", "action: global", "2: action: changes what other rules mean", id="a global part"),
        pytest.param("name: any", "filter: {}", "2: filter: changes what other rules mean", id="a filter"),
        pytest.param("name: any", "name: any\nname: any", "3: cannot be read as YAML: name is given twice", id="twice"),
        pytest.param("name: any", f"description: {'x' * 5000}", "description: string should have", id="too long"),
        pytest.param("logsource:\n  product: jumpcloud", "logsource: 5", "3: logsource: ", id="no source"),
        pytest.param(
            "  condition: selection", "  x_a:\n    a: 1\n  x_b:\n    a|re: '\\d'\n  condition: selection and 1 of x_*",
            r"12: detection.x_b.a|re: has a pattern with \d", id="the second of a field's values",
        ),
        pytest.param("  selection:", "  selection: 5\n  x:", "6: detection.selection: looks for", id="a number"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_with_its_place(old: str, new: str, says: str) -> None:
    assert old in RULE
    found = made(RULE.replace(old, new, 1))
    assert found.rules == {}
    (line,) = found.refused
    assert line.startswith("s.yml:")
    assert says in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        pytest.param("changes.field: active", "8: detection.selection.changes.field: 'ch", id="a list"),
        pytest.param("'@version': 1", "8: detection.selection.@version: '@version' is no", id="a name"),
        pytest.param("a-b.c: 1", "8: detection.selection.a-b.c: 'a-b.c' is not a name", id="a dash"),
        pytest.param("a|fieldref: b", "detection.selection.a|fieldref: has a modifier", id="two fields"),
        pytest.param("timestamp|hour: 3", "timestamp|hour: has a modifier that", id="a part of a time"),
        pytest.param("a|expand: '%admins%'", "a|expand: the placeholder %admins%", id="a placeholder"),
        pytest.param("a|re|s: x.y", "a|re|s: matches over lines", id="a pattern over lines"),
        pytest.param(r"a|re: '\d'", r"a|re: has a pattern with \d, which is slow", id="a slow class"),
        pytest.param("a|re: '(?i:x)'", "a|re: has a pattern with (?", id="options inside"),
        pytest.param("a|re: '[a&&b]'", "a|re: has a pattern with && in brackets", id="an intersection"),
        pytest.param("a|re: '[]a[]'", "a|re: has a pattern with [ in brackets", id="a class in a class"),
        pytest.param("a|re: 'a{,3}'", "a|re: has a pattern with {,n}", id="a repetition without least"),
        pytest.param(r"a|re: '\<a'", r"a|re: has a pattern with \<", id="the beginning of a word"),
        pytest.param("a|re: '(?=x)'", "8: detection.selection.a|re: Regular expression", id="looking ahead"),
        pytest.param("a|cidr: 2001:db8::/32", "a|cidr: is a network of IPv6", id="IPv6"),
        pytest.param("a|cidr: 10.0.0.1/8", "8: detection.selection.a|cidr: Invalid CIDR", id="no network"),
        pytest.param("a|shiny: x", "8: detection.selection.a|shiny: Unknown modifier 'shiny'", id="no modifier"),
        pytest.param("a: 9007199254740992", "a: has a number from 9,007,199,254,740,992", id="too large"),
        pytest.param("a: []", "8: detection.selection.a: has no value", id="an empty list"),
        pytest.param("a: no", "8: detection.selection.a: is read in two ways", id="a word of YAML 1.1"),
        pytest.param("a: 1:30", "a: is read in two ways", id="sexagesimal"),
        pytest.param("a: 012", "a: is read in two ways", id="octal"),
        pytest.param("on: x", "6: detection.selection: is read in two ways", id="a key of YAML 1.1"),
        pytest.param("a: x\n    b: x\n    c: x\n    d: x", "more than 3 patterns", id="many patterns"),
        pytest.param(f"a: {'x' * 96}", "5: detection: match.where: has a pattern of more than", id="a long text"),
        pytest.param(f"a: {list(range(300))}", "5: detection: match.where: string should have at most 2000", id="long"),
        pytest.param("'|all': [a, b]", "8: detection.selection.|all: looks for words", id="no field"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_said_are_refused_with_their_place(asked: str, says: str) -> None:
    test_what_cannot_be_said_is_refused_with_its_place("success: false", asked, says)


@pytest.mark.parametrize(
    ("documents", "old", "new", "says"),
    [
        pytest.param((RULE, COUNT), "gte: 3", "lt: 3", "19: correlation.condition: lt can stop", id="fewer than"),
        pytest.param((RULE, COUNT), "gte: 3", "eq: 3", "correlation.condition: eq can stop holding", id="exactly"),
        pytest.param((RULE, COUNT), "gte: 3", "gte: 0", "correlation.condition: always holds", id="none at least"),
        pytest.param((RULE, COUNT), "gte: 3", "gte: 2.5", "condition: must be a whole number", id="a fraction"),
        pytest.param((RULE, COUNT), "gte: 3", "gte: 3\n    lte: 9", "12: correlation: Sigma correlation", id="a range"),
        pytest.param((RULE, COUNT), "event_count", "value_sum", "correlation: Value sum correlation", id="a sum"),
        pytest.param(
            (RULE, COUNT), "event_count", "value_avg\n  condition: {gte: 1, field: a}\n  x:",
            "condition is given twice", id="an average, twice",
        ),
        pytest.param((RULE, COUNT), "application.id", "client_ip", "group-by: 'client_ip' has no fact", id="no fact"),
        pytest.param((RULE, COUNT), "1h", "1y", "18: correlation.timespan: is longer than 30d", id="a year"),
        pytest.param((RULE, COUNT), "1h", "soon", "12: correlation: Timespan 'soon' is invalid", id="no time"),
        pytest.param((RULE, COUNT), "- any", "- nobody", "15: correlation.rules.0: 'nobody' is in none", id="none"),
        pytest.param((OTHER, RULE, COUNT), "- any", "- any\n    - other", "rules: are 2, whose events", id="two"),
        pytest.param(
            (RULE, COUNT), "gte: 3", "gte: 3\n    field: [a, b]", "", id="a field that means nothing"
        ),
        pytest.param(
            (RULE, COUNT), "event_count", "value_count", "correlation: Value count correlation rule", id="no field"
        ),
        pytest.param(
            (RULE, COUNT.replace("event_count", "value_count")), "gte: 3", "gte: 3\n    field: [application.id, x]",
            "correlation.condition.field: must be one field", id="two fields",
        ),
        pytest.param(
            (RULE.replace("success: false", "a|re: '\\d'"), COUNT), "Many", "Many",
            r"15: correlation.rules.0: 'any' is refused itself: s.yml:8: detection.selection.a|re: has a pattern",
            id="what is refused itself",
        ),
        pytest.param(
            (RULE.replace("jumpcloud", "okta"), COUNT), "Many", "Many",
            "15: correlation.rules.0: 'any' is refused itself", id="what is refused before",
        ),
        pytest.param((OTHER, RULE, ORDER), "    - other", "    - other\n    - any", "are 3, in order", id="three"),
        pytest.param((OTHER, RULE, ORDER), "1h", "1h\n  condition: {gte: 1}", "asks for one of the two", id="either"),
        pytest.param((OTHER, RULE, ORDER), "1h", "1h\n  condition: {gte: 3}", "can never hold: there", id="never"),
        pytest.param(
            (OTHER, RULE, ORDER), "1h", "1h\n  condition: any and other", "is an expression over", id="an expression"
        ),
        pytest.param(
            (OTHER, RULE, ORDER), "application.id", "x\n  aliases: {x: {any: application.id, other: idm_client_id}}",
            "29: correlation.aliases.x: must mean the same field", id="an alias of two fields",
        ),
        pytest.param(
            (OTHER, RULE, ORDER), "application.id", "x\n  aliases: {x: {any: application.id}}",
            "correlation.aliases.x: must mean the same field in all rules", id="an alias that one rule lacks",
        ),
        pytest.param(
            (RULE, OTHER.replace("user_create_provision", "user_deprovision"), ORDER), "temporal_ordered", "temporal",
            "correlation.rules: in any order, each rule must be about one event type", id="any order of one type",
        ),
        pytest.param(
            (OTHER.replace("user_create_provision", "idm_integration_update"), RULE, ORDER),
            "application.id", "resource.id",
            "correlation.group-by: 'resource.id' is not what idm_integration_update is about", id="about another",
        ),
        pytest.param(
            (OTHER.replace("user_create_provision", "association_change"), RULE, ORDER), "Order", "Order",
            "correlation.group-by: 'application.id' is not what association_change is about", id="of an association",
        ),
    ],
)  # fmt: skip
def test_correlations_that_cannot_be_said_are_refused(
    documents: tuple[str, ...], old: str, new: str, says: str
) -> None:
    """Nor do the rules that they follow alert instead."""
    *others, correlation = documents
    assert old in correlation
    found = made(*others, correlation.replace(old, new, 1))
    if not says:
        assert found.refused == []
        return
    assert found.rules == {} or says.endswith(("in none", "twice"))
    assert any(says in line for line in found.refused), found.refused


def test_what_a_correlation_follows_alerts_by_itself_only_if_it_says_so() -> None:
    assert list(made(RULE, COUNT).rules) == ["sigma-many"]
    assert list(made(RULE, COUNT.replace("  type", "  generate: true\n  type")).rules) == ["sigma-any", "sigma-many"]
    assert list(made(RULE).rules) == ["sigma-any"]


def test_a_correlation_that_is_refused_does_not_set_its_rules_free() -> None:
    for broken in (COUNT.replace("1h", "soon"), COUNT.replace("event_count", "value_sum"), COUNT.replace("gte", "lte")):
        found = made(RULE, broken)
        assert found.rules == {}
        assert len(found.refused) == 1


def test_correlations_follow_rules_of_other_files_by_id_or_name() -> None:
    own = "929a690e-bef0-4204-a928-ef5e620d6fcc"
    rule = RULE.replace("name: any", f"id: {own}")
    for written in (own, own.upper()):
        found = converted({"a.yml": COUNT.replace("- any", f"- {written}"), "b.yml": rule})
        assert (list(found.rules), found.refused) == (["sigma-many"], [])


def test_names_and_ids_are_of_one_rule() -> None:
    found = made(RULE, RULE, OTHER.replace("name: other", "name: Any!"))
    assert list(found.rules) == ["sigma-any"]
    assert found.refused == [
        "s.yml:12: name: 'any' is already the name of another rule",
        "s.yml:21: title: makes the id 'sigma-any', which another rule has: give it a name of its own",
    ]


def test_a_file_that_cannot_be_read_keeps_no_other_back() -> None:
    found = converted({"a.yml": "[1", "b.yml": RULE, "c.yml": "", "d.yml": "- 1"})
    assert list(found.rules) == ["sigma-any"]
    assert [line[:8] for line in found.refused] == ["a.yml:1:", "d.yml:1:"]


def test_an_id_is_short_and_plain() -> None:
    for title in ("Ünïcode / " + "x" * 150, "---", "_"):
        text = only(RULE.replace("title: Any", f"title: '{title}'").replace("name: any\n", ""))
        assert read_rule(text, "r").id.startswith("sigma")


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


@given(st.data())
def test_whatever_a_file_holds_is_imported_or_refused_in_a_line(data: st.DataObject) -> None:
    documents = [yaml.safe_load(text) for text in (WHOLE, RULE, OTHER, COUNT, ORDER)]
    for document in documents:
        holder = document
        while True:
            key = data.draw(st.sampled_from(list(holder)))
            inner = holder[key]
            if not isinstance(inner, dict) or data.draw(st.booleans()):
                break
            holder = inner
        holder[key] = data.draw(ANYTHING)
    found = converted({"s.yml": "\n---\n".join(json.dumps(each, default=str) for each in documents)})
    assert all(line.startswith("s.yml:") and "\n" not in line for line in found.refused)
    for rule_id, text in found.rules.items():
        read_rule(text, rule_id, rule_id)

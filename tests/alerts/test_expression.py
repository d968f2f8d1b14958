"""Expressions of rules: what is refused, and that what is not cannot run for long."""

from __future__ import annotations

import time

import cel
import pytest

from streams.alerts.expression import FUNCTIONS, Used, _compare, checked
from streams.alerts.seen import FACT_TYPES

PROMPT_SECONDS = 0.5
"""Of the processor's time. A slow pattern takes a tenth of it, what never ends takes longer."""


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("fact.http_status == 401", id="a number"),
        pytest.param("fact.drift", id="a boolean alone"),
        pytest.param("!fact.retryable && fact.cause in ['quota', 'network']", id="a list"),
        pytest.param("'active: false' in fact.changed", id="in a list of the event's"),
        pytest.param("fact.hour >= 20 || fact.hour < 6 || fact.weekday in ['saturday', 'sunday']", id="by night"),
        pytest.param("fact.detail.matches('(?i)token (is )?expired')", id="a pattern"),
        pytest.param(r"fact.detail.matches(r'^v[0-9]{1,3}\.')", id="a pattern in a raw text"),
        pytest.param("has(event.client_ip) && event.client_ip.startsWith('203.')", id="a field of the record"),
        pytest.param("type(event.code) == string && type(event.x) in [int, uint, double, bool]", id="what it is"),
        pytest.param(
            "type(event.x) == map || type(event.x) == list || type(event.x) == null_type", id="what has parts"
        ),
        pytest.param("event['@version'] == '1'", id="a field that is no name"),
        pytest.param("size(fact.changed) > 3 ? fact.actor_type == 'admin' : false", id="a choice"),
        pytest.param("event.changes[0].to != null", id="deep in the record"),
        pytest.param("timestamp(event.timestamp).getHours() > 3", id="a time"),
        pytest.param("event.fact.event == 'all'", id="names that mean nothing after a point"),
        pytest.param("fact.detail.contains('exists(') && fact.detail != \"map(x, 'y')\"", id="code in a text"),
        pytest.param('r"\\" + fact.cause + "b" == ""', id="a raw text that ends with what escapes nothing"),
        pytest.param("fact.detail == 'it\\'s \"so\"'", id="quotes in a text"),
    ],
)
def test_what_rules_say_is_taken(source: str) -> None:
    checked(source, FACT_TYPES)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        pytest.param("[1, 2].all(x, [1, 2].all(y, true))", r"all\(\) at character 8 is a loop", id="all"),
        pytest.param("fact.changed.exists(x, x == 'a')", r"exists\(\) at character 14 is a loop", id="exists"),
        pytest.param("fact.changed . exists_one ( x, true)", r"exists_one\(\) .* is a loop", id="with spaces"),
        pytest.param("size([1].map(x, x)) > 0", r"map\(\) at character 10 is a loop", id="map"),
        pytest.param("size([1].filter(x, true)) > 0", r"filter\(\) at character 10 is a loop", id="filter"),
        pytest.param("cel.bind(x, 1, x == 1)", "'cel' at character 1 is not known", id="a macro of an extension"),
        pytest.param("true" + " && true" * 20_000, "longer than 2,000 bytes", id="20,000 operators"),
        pytest.param("true" + "&&true" * 300, "has 601 words and signs; 500 are allowed", id="300 operators"),
        pytest.param("!" * 1_500 + "true", "words and signs", id="1,500 negations"),
        pytest.param("(" * 51 + "true" + ")" * 51, "nested deeper than 50 brackets", id="deep brackets"),
        pytest.param("[" * 51 + "]" * 51, "nested deeper than 50 brackets", id="deep lists"),
        pytest.param("size(" + " + ".join(["event.x"] * 7) + ") > 1", "more than 5 pluses", id="texts that double"),
        pytest.param("é" * 1_001, "longer than 2,000 bytes", id="bytes, not characters"),
        pytest.param(r"fact.detail.matches('\\w{50}')", r"a pattern with \\w, which is slow", id="a slow class"),
        pytest.param(r"fact.detail.matches(r'\pL')", r"a pattern with \\p, which is slow", id="a class of letters"),
        pytest.param("fact.detail.matches('((a{9}){9}){9}')", "a pattern that repeats 729 times", id="exploding"),
        pytest.param("fact.detail.matches('a{1000}')", "a pattern that repeats 1,000 times", id="a long repetition"),
        pytest.param("fact.detail.matches('" + "a" * 101 + "')", "of more than 100 characters", id="a long pattern"),
        pytest.param("fact.detail.matches('(?s-u).')", "only .* are allowed", id="a pattern's options"),
        pytest.param("fact.detail.matches('a(')", "no valid pattern: .*unclosed group", id="no pattern"),
        pytest.param("fact.detail.matches(event.service)", "must have its pattern in quotes", id="a pattern from data"),
        pytest.param("fact.detail.matches('a' + 'b')", "must have its pattern in quotes", id="a pattern put together"),
        pytest.param(
            " || ".join(["fact.detail.matches('a')"] * 4), "more than 3 patterns", id="many patterns"
        ),
        pytest.param("fact.nope == 1", "fact.nope at character 1 is not known; expected one of", id="no fact"),
        pytest.param("fact['cause'] == 'quota'", "fact at character 1 must name one", id="a fact in brackets"),
        pytest.param("size(fact) > 1", "fact at character 6 must name one", id="all facts"),
        pytest.param("'x' in event", "event at character 8 must name a field", id="the whole record"),
        pytest.param("fact.http_status = 401", "'=' at character 18 has no place .*: equal is ==", id="one sign"),
        pytest.param("fact.drift and true", "'and' at character 12 is not known: write &&", id="a word for a sign"),
        pytest.param("subject_id == 'x'", "'subject_id' at character 1 is not known: write fact.", id="no variable"),
        pytest.param("fact.http_status == '401'", "fact.http_status at character 1 is a number", id="number in quotes"),
        pytest.param("fact.cause == 401", "fact.cause at character 1 is a text", id="a text without quotes"),
        pytest.param("fact.changed == 'x'", "is a list: write 'x' in fact.changed", id="a list compared"),
        pytest.param("fact.drift == 1", "fact.drift at character 1 is true or false", id="a boolean as a number"),
        pytest.param("fact.cause", "is neither true nor false", id="no boolean"),
        pytest.param("!fact.cause", "compares what cannot be compared", id="a text as a boolean"),
        pytest.param(
            "fact.cause.lower() == 'x'", r"lower\(\) at character 12 is not known; expected", id="no function"
        ),
        pytest.param("fact.cause ==", "is not a CEL expression: .* in line 1 at character", id="half of one"),
        pytest.param("fact.cause = 'x'", "'=' at character 12 has no place", id="one equals sign"),
        pytest.param("(fact.drift", r"'\(' is not closed", id="an open bracket"),
        pytest.param("fact.drift]", "']' at character 11 closes nothing", id="a stray bracket"),
        pytest.param("{'a': 1}.a == 1", "'{' at character 1 has no place", id="a map"),
        pytest.param("fact.drift // and more", "'/' at character 12 has no place", id="a comment"),
        pytest.param('"""a""" == fact.cause', "'\"' at character 1 has no place", id="quotes of three"),
        pytest.param("fact.cause == `x`", "'`' at character 15 has no place", id="another quote"),
        pytest.param("fact.cause == 'x", "\"'\" at character 15 has no place", id="an open text"),
        pytest.param("in .fact.secret == 1", "'.' at character 4 follows nothing", id="a variable at the root"),
        pytest.param("fact.cause == 'x'\x00", "has no place", id="a null character"),
        pytest.param("fact.cause\u00a0== 'x'", "has no place", id="a space that is none"),
    ],
)  # fmt: skip
def test_what_could_run_for_ever_or_means_nothing_is_refused(source: str, says: str) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match=says):
        checked(source, FACT_TYPES)
    assert time.process_time() - began < PROMPT_SECONDS


HEAVIEST = [
    pytest.param("!" * 499 + "true", id="negations"),
    pytest.param("1" + "+1" * 5 + "-1" * 235 + " < 1", id="a chain"),
    pytest.param("(" * 50 + "fact.drift" + ")" * 50, id="brackets"),
    pytest.param("event" + ".a" * 240 + " == 1", id="points"),
    pytest.param(" || ".join([f"fact.detail.matches('(?i)([a-zA-Z{c}]{{10}}){{10}}$')" for c in "123"]), id="patterns"),
    pytest.param("fact.detail.matches('(a+a+)+b')", id="a pattern that others take for ever to try"),
    pytest.param("size(" + "+".join(["event.x"] * 6) + ") > 1", id="long texts added"),
]


@pytest.mark.parametrize("source", HEAVIEST)
def test_the_heaviest_that_is_taken_ends_soon(source: str) -> None:
    expression = checked(source, FACT_TYPES)
    context = cel.Context({"fact": {"drift": True, "detail": "a" * 4_000}, "event": {"x": "a" * 100_000}})
    began = time.process_time()
    try:
        expression.program.execute(context)
    except KeyError:
        assert expression.used.fields == {"a"}
    assert time.process_time() - began < PROMPT_SECONDS


def test_what_an_expression_reads_is_known() -> None:
    used = checked("fact.cause == 'quota' && has(event.service) && event['@version'] == '1'", FACT_TYPES).used
    assert used == Used(frozenset({"cause"}), frozenset({"service", "@version"}))


@pytest.mark.parametrize(
    "source",
    [
        "[1].all(fact, true)",
        "[1].exists(event, true)",
        "[1].map(x, x) == [1]",
        "[1].filter(x, true) == [1]",
        "fact.changed.exists_one(x, x == 'a')",
        "foo(1)",
        "subject",
    ],
)
def test_what_the_engine_reads_otherwise_than_the_check_is_refused(source: str) -> None:
    """The second net, should a loop get by the first."""
    with pytest.raises(ValueError, match="read otherwise"):
        _compare(cel.compile(source))


def test_no_function_of_the_language_that_loops_is_let_in() -> None:
    assert not FUNCTIONS & {"all", "exists", "exists_one", "map", "filter"}

"""What expressions are given of huge fields, and how much the engine can copy of it at the most."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from streams.alerts.condition import Matcher
from streams.alerts.excerpt import ENTRY, MOST, excerpt
from streams.alerts.expression import MAX_PLUSES, MAX_TOKENS, checked
from streams.alerts.rule import Condition
from streams.alerts.seen import FACT_TYPES
from streams.alerts.variables import Variables
from tests.alerts.test_condition import seen

MEGABYTE = 1_000_000
ENTRIES = MOST // ENTRY


def weight(value: Any) -> int:
    """As `MOST` counts it, reckoned otherwise."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return sum(ENTRY + weight(each) for each in value)
    if isinstance(value, dict):
        return sum(ENTRY + len(name) + weight(each) for name, each in value.items())
    return 0


@pytest.mark.parametrize(
    ("value", "given"),
    [
        pytest.param("a" * MOST, "a" * MOST, id="a text that just fits"),
        pytest.param("a" * MEGABYTE, "a" * MOST, id="a longer one"),
        pytest.param([1] * ENTRIES, [1] * ENTRIES, id="a list that just fits"),
        pytest.param([1] * MEGABYTE, [1] * ENTRIES, id="a longer one"),
        pytest.param(["a" * MEGABYTE, "b"], ["a" * (MOST - ENTRY)], id="what comes after a long text"),
        pytest.param({"b": 1, "a" * MOST: 2, "c": 3}, {"b": 1}, id="a name that is too long, and what comes after it"),
        pytest.param({"to": {"deep": ["x"]}, "n": None}, {"to": {"deep": ["x"]}, "n": None}, id="whatever is small"),
        pytest.param(2**63, 2**63, id="a number"),
    ],
)
def test_of_a_huge_field_its_beginning_is_given(value: Any, given: Any) -> None:
    assert excerpt(value) == given


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([[[]] * 9] * MEGABYTE, id="lists in lists"),
        pytest.param([{f"k{n}": "x" * n for n in range(100)}] * 100, id="objects in a list"),
        pytest.param({str(n): "é" * 100 for n in range(10_000)}, id="many names"),
    ],
)
def test_however_it_is_built_no_more_is_given(value: Any) -> None:
    assert MOST - 200 < weight(excerpt(value)) <= MOST


def test_what_the_engine_adds_up_is_bounded() -> None:
    variables, most = Variables(), MAX_PLUSES + 1
    added = " + ".join(["event.x"] * most)
    found = Matcher(Condition(where=f"size({added}) == {most * MOST}"), variables)
    lists = Matcher(Condition(where=f"size({added.replace('.x', '.l')}) == {most * ENTRIES}"), variables)
    one = seen()
    record = orjson.loads(one.raw) | {"x": "a" * MEGABYTE, "l": [0] * (MEGABYTE // 2)}
    assert [asked(one._replace(raw=orjson.dumps(record))) for asked in (found, lists)] == [True, True]
    copied = sum(range(2, most + 1)) * MOST
    assert copied < MEGABYTE // 2
    with pytest.raises(ValueError, match=f"more than {MAX_PLUSES} pluses"):
        checked(f"size({added} + event.x) == 1", FACT_TYPES)


def test_what_is_looked_into_again_and_again_is_bounded() -> None:
    """Each look copies the whole list once, and takes eight words and signs beside the `||`."""
    variables = Variables()
    Matcher(Condition(where=" || ".join(["event.l[0] == 1"] * 50)), variables)
    raw = orjson.dumps({"l": [0] * MEGABYTE})
    given = variables.context(seen()._replace(raw=raw), with_event=True).variables["event"]
    assert len(given["l"]) == ENTRIES
    assert len(given["l"]) * MAX_TOKENS // 8 < MEGABYTE // 10

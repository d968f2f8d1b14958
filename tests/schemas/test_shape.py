"""Shapes say what a value looks like and tell nothing of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.shape import VOCABULARY, shape

TEXTS = st.one_of(st.text(max_size=40), st.emails(), st.from_regex(r"[a-z]{1,9} [A-Zß-ÿ]{1,9}", fullmatch=True))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("x" * 104, "text, 104 characters", id="long"),
        pytest.param("Zoë Ångström", "text, 12 characters, with spaces and non-ASCII letters", id="a name"),
        pytest.param("a", "text, 1 character", id="one"),
        pytest.param("w.wonka@example.com", "mail address, domain of 2 labels, 19 characters", id="address"),
        pytest.param("w.wonka@localhost", "mail address, domain of 1 label, 17 characters", id="no dot"),
        pytest.param("jürgen@example.com", "mail address, domain of 2 labels, 18 characters, with non-ASCII letters",
                     id="an address with an umlaut"),
        pytest.param("w.wonka@", "text, 8 characters", id="no address"),
        pytest.param("+351 21 042 0007", "telephone number, 16 characters", id="telephone"),
        pytest.param("0042", "text of digits, 4 characters", id="digits"),
        pytest.param("63ec9bba89a64e507ce0a4c2", "text of hexadecimal digits, 24 characters", id="id"),
        pytest.param("2026-03-19", "date, 10 characters", id="date"),
        pytest.param("https://example.com/a", "link, 21 characters", id="link"),
        pytest.param("True", "true or false in words, 4 characters", id="a boolean as text"),
        pytest.param(" x", "text, 2 characters, with a space at an end", id="not trimmed"),
        pytest.param("a\nb", "text, 3 characters, with line breaks", id="lines"),
        pytest.param("a\x00b", "text, 3 characters, with control characters", id="control"),
        pytest.param("a\U0001f600", "text, 2 characters, with other non-ASCII signs", id="emoji"),
        pytest.param("  ", "text, 2 characters, only spaces", id="blank"),
        pytest.param("", "empty", id="empty"),
        pytest.param(None, "empty", id="null"),
        pytest.param([], "empty", id="no elements"),
        pytest.param(True, "true or false", id="boolean"),
        pytest.param(7, "whole number", id="integer"),
        pytest.param(7.5, "number with a fraction", id="fraction"),
        pytest.param(["a@b.example", "c@d.example"],
                     "list of 2: mail address, domain of 2 labels, 11 characters", id="alike"),
        pytest.param([1, "a", None, True], "list of 4: whole number; text, 1 character; empty; and others", id="mixed"),
        pytest.param([[1]], "list of 1: list of 1", id="nested"),
        pytest.param({"a": 1}, "object with 1 field", id="one field"),
        pytest.param({"a": 1, "b": 2, "c": 3, "d": 4}, "object with 4 fields", id="object"),
    ],
)  # fmt: skip
def test_a_value_has_a_shape(value: Any, expected: str) -> None:
    assert shape(value) == expected


@given(VALUES)
def test_a_shape_has_nothing_of_the_value(value: Any) -> None:
    words = re.findall(r"[^\s,;:]+", shape(value))

    assert words
    for word in words:
        assert word in VOCABULARY or word.isdecimal(), word


@given(st.text(min_size=3, max_size=60))
def test_no_three_characters_of_a_text_are_in_its_shape_but_those_of_its_words(text: str) -> None:
    told = re.sub(r"\d+", "#", shape(text))
    for at in range(len(text) - 2):
        piece = text[at : at + 3]
        assert piece not in told or all(part in " ".join(VOCABULARY) for part in re.findall(r"[\w-]+", piece)), piece


@given(st.text(alphabet="abcxyz", min_size=1, max_size=30), st.text(alphabet="ghijkl", min_size=30, max_size=30))
def test_texts_that_differ_only_in_their_letters_have_one_shape(one: str, letters: str) -> None:
    if set(one) <= set("abc"):
        one += "x"  # no hexadecimal number
    assert shape(one) == shape("x" + letters[: len(one) - 1])

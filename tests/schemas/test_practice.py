"""The page on causes tells the truth: every answer on it is read as it says, and no rule is without effect."""

from __future__ import annotations

import re

import pytest

from pages.cause_page import cause_page
from pages.practice import EXAMPLES, NOTES, Example
from schemas.cause import CAUSES, Cause
from schemas.classification import RULES, Answer, classify
from tests.schemas.test_cause import failed, scim

CASES = [
    pytest.param(cause, example, id=f"{cause}: {example.status} {example.text[:40]}")
    for cause, examples in EXAMPLES.items()
    for example in examples
]


@pytest.mark.parametrize(("cause", "example"), CASES)
def test_an_answer_on_the_page_is_read_as_the_page_says(cause: Cause, example: Example) -> None:
    body = scim(example.status, example.text, example.scim_type) if example.scim_type else example.text
    ours = example.status < 300
    found = failed(
        example.status or None,
        None if ours else body,
        error=example.text if ours else None,
        event_type=example.of,
    )

    assert (found.cause, found.attribute) == (cause, example.attribute)


def test_every_cause_is_on_the_page_with_its_words_and_answers() -> None:
    page = cause_page()

    assert set(EXAMPLES) == set(Cause) == set(NOTES)
    for cause, text in CAUSES.items():
        assert f"## `{cause}`\n\n{text.sentence}" in page
        assert text.remedy in page
    assert page.count("**An incident of it ends** w") == len(Cause)
    assert len(re.findall(r"^\d+\. ", page, re.MULTILINE)) == len(RULES)


@pytest.mark.parametrize("number", range(len(RULES)), ids=[f"{n}: {r.cause}" for n, r in enumerate(RULES, 1)])
def test_each_rule_is_the_first_for_some_answer(number: int) -> None:
    assert RULES[number].sentence.endswith(".")
    assert any(
        rule is RULES[number]
        for answer in ANSWERS
        for rule in [
            next((r for r in RULES if r.fits(answer.status, answer.scim_type, answer.text, answer.html)), None)
        ]
    )


ANSWERS = [
    Answer(429, "", "", False),
    Answer(401, "", "", False),
    Answer(404, "", "not found", True),
    Answer(200, "", "welcome", True),
    Answer(301, "", "", False),
    Answer(413, "", "", False),
    Answer(404, "", "more than one user", False),
    Answer(409, "", "the test user email already exists", False),
    Answer(400, "uniqueness", "", False),
    Answer(403, "", "scim is disabled", False),
    Answer(402, "", "", False),
    Answer(0, "", "trailing slash", False),
    Answer(501, "", "", False),
    Answer(400, "", "it is not supported", False),
    Answer(0, "", "unexpected end of JSON input", False),
    Answer(400, "", "invalid token", False),
    Answer(403, "", "email domain is not allowed", False),
    Answer(403, "", "", False),
    Answer(404, "", "", False),
    Answer(400, "", "userName is required", False),
    Answer(400, "invalidvalue", "", False),
    Answer(423, "", "locked", False),
    Answer(408, "", "", False),
    Answer(400, "", "the user is suspended", False),
    Answer(400, "", "internal error", False),
    Answer(400, "", "service accounts cannot be deleted", False),
    Answer(422, "", "", False),
    Answer(409, "", "", False),
    Answer(500, "", "", False),
]


def test_what_no_rule_fits_is_unknown_and_under_a_good_status_malformed() -> None:
    assert classify(Answer(400, "", "no", False)) is Cause.UNKNOWN
    assert classify(Answer(201, "", "no", False)) is Cause.MALFORMED_RESPONSE

"""Which failures are one incident: noise must not split one, and another cause or attribute must."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import parse
from schemas.facts import facts
from schemas.signature import MAX_PATTERN, NONE, incident_id, own_words, pattern

SAME = [
    pytest.param(
        ["Request 7f3a-99 failed: token expired at 2026-11-24T10:00:00Z", "Request 11 failed: token expired at 1.2.26"],
        id="numbers and times",
    ),
    pytest.param(
        [
            "token expired on Tue, 24 Nov 2026 10:00:00 GMT (request id: abcXYZ)",
            "token expired on Wednesday, 25 November 2026 23:59:59 GMT (request id: qqq)",
            "token expired on 1 Dec 2026 9:00 am (request-id=zzz)",
        ],
        id="dates in words and labelled ids",
    ),
    pytest.param(
        [
            "User [address] already exists, id 64ad51e0-1c1f-4f5e-9a59-3f1c2f3d4e5f",
            "User [address] already exists, id 01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "user [address] already exists, id 77",
        ],
        id="addresses and ids, in any case",
    ),
    pytest.param(
        ["'Senior Engineer' is too long: 104 characters", '"Chief" is too long: 99 characters'],
        id="quoted values and counts",
    ),
    pytest.param(
        ["see https://api.example/x?trace=abc for details", "see https://other.example/y for details"], id="links"
    ),
    pytest.param(["retry after 30 seconds", "retry after 2 minutes", "retry after 1500ms"], id="waits"),
    pytest.param(
        [
            "status code 401 (Unauthorized): Unauthorized: the access token expired",
            "Unauthorized: the access token expired · Unauthorized",
            "HTTP 401 Unauthorized: the access token expired",
            "the access token expired",
        ],
        id="the status in words",
    ),
    pytest.param(
        ["502 Bad Gateway · Bad Gateway · 502 Bad Gateway 502 Bad Gateway", "Service Unavailable", "HTTP/1.1 503"],
        id="nothing but a status",
    ),
    pytest.param(["try again in a few seconds", "try again in a minute", "try again in 17s"], id="waits in words"),
    pytest.param(["token expired on Tuesday", "token expired on Sunday"], id="days of the week"),
    pytest.param(
        ["something went wrong. Reference: ab-cd-ef", "something went wrong (ref. QWERTY)"], id="references to a try"
    ),
    pytest.param(
        [
            "the user \u201eines\u201c exists",
            "the user \u201ekofi\u201d exists",
            "the user »lena« exists",
            "the user 'O'Brien' exists",
        ],
        id="quotes of other languages, and an apostrophe in quotes",
    ),
    pytest.param(["invalid token: [redacted]", "invalid token: 00f067aa0ba902b7"], id="secrets cut out"),
    pytest.param(
        [
            'Post "https://api.example/scim/v2/Users": dial tcp: connection refused',
            'Patch "https://api.example/scim/v2/Users/ab": dial tcp: connection refused',
            "GET https://api.example/scim/v2/Groups: dial tcp: connection refused",
        ],
        id="what was asked of an address",
    ),
    pytest.param(["resource /Users/abcdef not found", "resource /Users/uvwxyz not found"], id="paths of people"),
    pytest.param(
        [
            "no valid resources: [{memberId=cc623af8, display=null}]",
            "no valid resources: [{memberId=cc623af8, display=null}, {memberId=4711, display=null}]",
            "no valid resources: [{memberId=cc623af8, display=null}, {memberId=4711, display=null}, {memberId=47, dis",
        ],
        id="one of a list, or all",
    ),
    pytest.param(
        ["members 12, 14, 99 do not exist", "members 7 do not exist", "members 1,2 do not exist"], id="lists of ids"
    ),
]


@pytest.mark.parametrize("texts", SAME)
def test_texts_that_differ_in_noise_have_one_pattern(texts: list[str]) -> None:
    assert len({pattern(text) for text in texts}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("token expired", "token revoked", id="another word"),
        pytest.param(
            "401: unauthorized access to team", "401: unauthorized access to plan", id="a phrase that goes on"
        ),
        pytest.param("title is too long: 104", "department is too long: 104", id="another field"),
        pytest.param("seat limit of 5 reached", "rate limit of 5 reached", id="another limit"),
        pytest.param("no permission 'users:write'", "no permission 'groups:write'", id="another permission"),
        pytest.param("session key expired", "session key unknown", id="a word behind what else is an id's label"),
    ],
)
def test_texts_that_say_something_else_have_another_pattern(one: str, other: str) -> None:
    assert pattern(one) != pattern(other)


def test_a_pattern_still_reads_as_the_text() -> None:
    said = pattern("409 Conflict: user 'ines' already exists (request id: 77aa)")
    assert said == "user # already exists"


def test_what_comes_late_in_a_long_text_does_not_split() -> None:
    long = "the value is not allowed by the policy of this workspace because " + "of many reasons " * 20
    assert pattern(long + "alpha") == pattern(long[:400])
    assert len(pattern(long)) <= MAX_PATTERN


def failure(**parts: Any) -> tuple[bytes, Any]:
    record = {
        "id": "1",
        "event_type": "user_update_provision",
        "timestamp": "2026-11-24T10:00:00Z",
        "success": False,
        "error_message": "400 Bad Request: Ines Almeida has an invalid title",
        "resource": {"id": "u1", "type": "user", "username": "ines.almeida", "displayName": "Ines Almeida"},
        "application": {"id": "a1", "name": "miro"},
        **parts,
    }
    event = parse(orjson.dumps(record))
    return incident_id("o1", event, facts(event)), event


def test_what_an_event_says_of_its_own_person_is_noise() -> None:
    ines, _ = failure()
    kofi, event = failure(
        error_message="400 Bad Request: Kofi has an invalid title",
        resource={"id": "u2", "type": "user", "username": "kofi.mensah", "displayName": "Kofi"},
    )
    assert ines == kofi != NONE
    assert "kofi" not in facts(event).detail.casefold()


def test_an_id_of_the_event_is_noise_where_the_text_tells_it() -> None:
    one, event = failure(
        error_message="404 Not Found: no account for abcdef", resource={"id": "abcdef", "type": "user"}
    )
    other, _ = failure(error_message="404 Not Found: no account for ghijkl", resource={"id": "ghijkl", "type": "user"})
    assert one == other != NONE
    assert "abcdef" in own_words(event, facts(event))


def test_a_value_that_was_sent_is_noise() -> None:
    texts = []
    for title in ("Head of Widgets", "Sous Chef"):
        one, _ = failure(
            error_message=f"400 Bad Request: {title} is an invalid title",
            changes=[{"field": "title", "to": title}],
        )
        texts.append(one)
    assert texts[0] == texts[1]


def test_a_value_that_is_an_ordinary_word_of_such_texts_does_not_split() -> None:
    """A create sends the user type, an update does not: both are told the same."""
    created, _ = failure(
        error_message="409 Conflict: User already exists", changes=[{"field": "userType", "to": "User"}]
    )
    updated, _ = failure(error_message="409 Conflict: User already exists", changes=[])
    assert created == updated


def test_the_parts_of_a_persons_name_are_noise_in_any_order() -> None:
    texts = [
        failure(
            error_message=f"409 Conflict: {last}, {first} already exists",
            resource={"id": first, "type": "user", "username": f"{first}.{last}", "displayName": f"{first} {last}"},
        )[0]
        for first, last in (("Ines", "Almeida"), ("Kofi", "Mensah"))
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"application": {"id": "a2", "name": "miro"}}, id="application"),
        pytest.param({"error_message": "401 Unauthorized: Ines Almeida has an invalid title"}, id="cause"),
        pytest.param(
            {"error_message": "400 Bad Request: Ines Almeida has an invalid department field"}, id="attribute"
        ),
    ],
)
def test_another_application_cause_or_attribute_is_another_incident(parts: dict[str, Any]) -> None:
    assert failure(**parts)[0] != failure()[0]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"success": True, "error_message": ""}, id="success"),
        pytest.param({"application": None}, id="no application"),
    ],
)
def test_what_did_not_fail_anywhere_is_no_incident(parts: dict[str, Any]) -> None:
    assert failure(**parts)[0] == NONE


@given(st.text(max_size=600), st.lists(st.text(min_size=1, max_size=20), max_size=5))
def test_every_text_has_a_bounded_pattern_that_is_its_own(text: str, own: list[str]) -> None:
    said = pattern(text, own)
    assert len(said) <= MAX_PATTERN
    assert not any(letter.isdecimal() for letter in said if letter.isascii())


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.sampled_from(["token {} expired", "user {}: no seat", "{}"]))
def test_numbers_never_split(one: int, other: int, text: str) -> None:
    assert pattern(text.format(one)) == pattern(text.format(other))

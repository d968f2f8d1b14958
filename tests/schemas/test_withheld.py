"""Texts of providers are shown without the personal values that they quote of the event itself."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import parse
from schemas.facts import Facts, facts
from schemas.signature import incident_id

TITLE = {"field": "title", "to": "Head of Widgets and Gadgets"}
NAME = {"field": "name", "to": {"givenName": "Ines", "familyName": "Almeida-Prado"}}
PHONE = {"field": "phoneNumbers", "to": [{"type": "work", "value": "+351 91 234-5678"}]}
EXTENSION = {
    "field": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    "to": {"department": "Legal", "manager": {"value": "64ad51e01c1f4f5e", "displayName": "Lena Voss"}},
}
MEMBERS = {"field": "members", "to": [{"value": "64ad51e01c1f4f5e9a593f1c", "display": "Lena Voss"}]}


def failed(text: str, *changes: dict[str, Any], event_type: str = "user_update_provision", **parts: Any) -> Facts:
    """The facts of an attempt that sent these changes and got this answer."""
    return facts(parse(_record(text, *changes, event_type=event_type, **parts)))


def _record(text: str, *changes: dict[str, Any], event_type: str = "user_update_provision", **parts: Any) -> bytes:
    record = {
        "id": "1",
        "event_type": event_type,
        "timestamp": "2026-11-24T10:00:00Z",
        "success": False,
        "message_chain": {"response_code": "400", "message_details": text},
        "application": {"id": "a1", "name": "miro"},
        "changes": list(changes),
        **parts,
    }
    return orjson.dumps(record)


@pytest.mark.parametrize(
    ("text", "changes", "shown"),
    [
        pytest.param(
            "Invalid title 'Head of Widgets and Gadgets'", [TITLE], "Invalid title '[value of title]'", id="in quotes"
        ),
        pytest.param(
            "title: head of widgets and gadgets is too long", [TITLE], "title: [value of title] is too long",
            id="without quotes, in another case",
        ),
        pytest.param(
            'title "Head of Widgets an..." is too long', [TITLE], 'title "[value of title]" is too long',
            id="cut short by the provider",
        ),
        pytest.param(
            "No user Almeida-Prado, Ines here", [NAME], "No user [value of name], [value of name] here",
            id="parts of a name",
        ),
        pytest.param(
            "phone +351 912 999 999 is not valid", [PHONE], "phone +351 912 999 999 is not valid",
            id="another number",
        ),
        pytest.param(
            "phone +351 912 345 678 is not valid", [PHONE], "phone [value of phoneNumbers] is not valid",
            id="a telephone number spaced otherwise",
        ),
        pytest.param(
            "value 'CEO' and 'B2' of title refused", [{"field": "title", "to": "B2", "from": "CEO"}],
            "value '[value of title]' and '[value of title]' of title refused", id="a short one, and the one before",
        ),
        pytest.param(
            "Legal is not a known department; manager Lena Voss unknown", [EXTENSION],
            "[value of department] is not a known department; manager [value of manager] unknown", id="in an extension",
        ),
        pytest.param(
            "employeeNumber 4711 is invalid", [{"field": "employeeNumber", "to": 4711}],
            "employeeNumber [value of employeeNumber] is invalid", id="a number",
        ),
        pytest.param(
            "badge_no 'x-ray' is invalid", [{"field": "badge_no", "to": "x-ray"}],
            "badge_no '[value of badge_no]' is invalid", id="an attribute of the application's own",
        ),
        pytest.param(
            "Attribute 'title' of user is invalid", [{"field": "title", "to": "title"}, {"field": "x", "to": "user"}],
            "Attribute 'title' of user is invalid", id="names of attributes and ordinary words stay",
        ),
        pytest.param(
            "Unknown custom role 'auditor'", [{"field": "roles", "to": ["auditor"]}], "Unknown custom role 'auditor'",
            id="roles stay",
        ),
        pytest.param(
            "Member 64ad51e01c1f4f5e9a593f1c (Lena Voss) not found", [MEMBERS],
            "Member 64ad51e01c1f4f5e9a593f1c ([value of members]) not found", id="ids stay",
        ),
        pytest.param("Widgets are not Head", [TITLE], "Widgets are not Head", id="single words of a title"),
        pytest.param("Invalid title 'Sous Chef'", [], "Invalid title 'Sous Chef'", id="what was not sent is not known"),
    ],
)  # fmt: skip
def test_a_value_that_was_sent_is_withheld_and_its_attribute_told(
    text: str, changes: list[dict[str, Any]], shown: str
) -> None:
    event_type = "group_update_provision" if MEMBERS in changes else "user_update_provision"
    assert failed(text, *changes, event_type=event_type).detail == shown


def test_a_persons_own_name_is_withheld() -> None:
    found = failed(
        "User ines.almeida exists: Almeida (Ines)",
        resource={"id": "u1", "type": "user", "username": "ines.almeida", "displayName": "Ines Almeida"},
    )
    assert found.detail == "User [value of userName] exists: [value of displayName] ([value of displayName])"


@pytest.mark.parametrize("name", ["Ines Almeida", "Almeida,Ines", "Ines\u00a0 Almeida"])
def test_a_name_is_found_in_pieces_and_at_the_end_of_a_sentence(name: str) -> None:
    assert failed("Seen before: Almeida.", {"field": "displayName", "to": name}).detail == (
        "Seen before: [value of displayName]."
    )


def test_a_groups_name_stays() -> None:
    group = {"id": "g1", "type": "user_group", "name": "Engineering"}
    found = failed(
        "Group 'Engineering' exists",
        {"field": "displayName", "to": "Engineering"},
        event_type="group_create_provision",
        resource=group,
    )
    assert found.detail == "Group 'Engineering' exists"


def test_no_part_of_a_value_is_left_where_a_long_text_is_cut() -> None:
    found = failed("x" * 480 + " Head of Widgets and Gadgets is refused", TITLE)
    assert "Head" not in found.detail
    assert len(found.detail) <= 500


def test_the_cause_and_the_attribute_are_told_by_the_whole_text() -> None:
    found = failed("Invalid title: 'Head of Widgets and Gadgets'", TITLE)
    assert (found.cause, found.attribute) == ("invalid_value", "title")


def test_a_value_that_is_called_an_attribute_is_none() -> None:
    user = {"id": "u1", "type": "user", "username": "kofi7"}
    assert failed("Property 'kofi7' is invalid", resource=user).attribute == ""
    assert failed("Property 'badge7' is invalid", resource=user).attribute == "badge7"


@pytest.mark.parametrize("text", ["Invalid title '{}'", "{} is no valid title", "title {} is refused"])
def test_what_is_withheld_splits_no_incident(text: str) -> None:
    ids = set()
    for title in ("Head of Widgets", "Sous-chef"):
        event = parse(_record(text.format(title), {"field": "title", "to": title}))
        ids.add(incident_id("o1", event, facts(event)))
    assert len(ids) == 1


@given(
    st.text(max_size=100),
    st.text("abcxyzABC -.\u00df\u0130", min_size=1, max_size=30),
    st.sampled_from(["title", "name", "phoneNumbers", "costCenter"]),
)
def test_no_text_keeps_a_value_in_quotes(text: str, value: str, field: str) -> None:
    value = " ".join(value.split())
    quoted = f'"{value}"'
    shown = failed(f"{text.translate(QUOTES)} is {quoted}", {"field": field, "to": [{"value": value}]}).detail
    assert quoted not in shown or not value.strip(" .")


QUOTES = dict.fromkeys(map(ord, "\"'`\u00ab\u00bb\u2018\u2019\u201c\u201d\u201e<>{}"))
"""Quotes of the rest of the text would pair with those of the value; tags and bodies are read otherwise."""

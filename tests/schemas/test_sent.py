"""What an attempt sent for an attribute, in whichever form its record has it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from schemas.events import from_object
from schemas.sent import NOT_SENT, UNTOLD, Sent, fields_for, sent
from tests.schemas.strategies import events

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
NAME = {"field": "name", "to": {"familyName": "Wonka", "givenName": "Willy"}}
EMAILS = {"field": "emails", "to": [{"primary": True, "type": "work", "value": "w@example.com"}]}


def of(attribute: str, event_type: str = "user_update_provision", **fields: Any) -> Sent:
    return sent(from_object({"event_type": event_type, "timestamp": "x", **fields}), attribute)


@pytest.mark.parametrize(
    ("attribute", "change", "value"),
    [
        pytest.param("title", {"field": "title", "to": "Boss"}, "Boss", id="plain"),
        pytest.param("title", {"field": "title", "to": None}, None, id="emptied"),
        pytest.param("name.familyName", NAME, "Wonka", id="a part"),
        pytest.param("name.familyName", {"field": "name.familyName", "to": "W"}, "W", id="by its path"),
        pytest.param("name.familyName", {"field": "familyName", "to": "W"}, "W", id="by its own name"),
        pytest.param("name", NAME, NAME["to"], id="the whole"),
        pytest.param("emails", EMAILS, ["w@example.com"], id="the values of a list"),
        pytest.param("emails", {"field": 'emails[type eq "work"].value', "to": "a"}, "a", id="a filtered path"),
        pytest.param("addresses.country", {"field": "addresses", "to": [{"country": "PT"}]}, ["PT"], id="part of many"),
        pytest.param("costCenter", {"field": ENTERPRISE, "to": {"costCenter": "7"}}, "7", id="in its schema's object"),
        pytest.param("manager", {"field": f"{ENTERPRISE}:manager", "to": {"value": "63ec"}}, "63ec", id="by its urn"),
        pytest.param("badgeNumber", {"field": "badgeNumber", "to": 7}, 7, id="of the application's own"),
    ],
)
def test_the_value_that_was_sent_is_found(attribute: str, change: dict[str, Any], value: Any) -> None:
    assert of(attribute, changes=[{"field": "active", "to": True}, change]) == Sent(True, True, value)
    assert change["field"].lower() in fields_for(attribute) or change["field"].startswith(("urn:", "emails["))


@pytest.mark.parametrize("attribute", ["title", "name.middleName", "externalId", "badgeNumber"])
def test_what_is_not_among_the_changes_was_not_sent(attribute: str) -> None:
    assert of(attribute, changes=[NAME, EMAILS]) == NOT_SENT


def test_a_record_without_changes_tells_what_its_resource_has() -> None:
    resource = {"id": "7", "username": "w.wonka", "title": "Boss"}

    assert of("userName", resource=resource).value == "w.wonka"
    assert of("title", resource=resource).value == "Boss"
    assert of("emails", resource=resource) == UNTOLD
    assert of("title") == UNTOLD
    assert of("jcUser.email", changes=[EMAILS]) == UNTOLD


def test_a_group_has_a_display_name() -> None:
    kind = "group_update_provision"

    assert of("displayName", kind, changes=[{"field": "name", "to": "staff"}]).value == "staff"
    assert of("displayName", kind, resource={"name": "staff"}).value == "staff"
    assert of("members", kind, changes=[{"field": "members", "to": [{"value": "7"}]}]).value == ["7"]


@settings(max_examples=25)
@given(events())
def test_any_event_can_be_asked(record: dict[str, Any]) -> None:
    for attribute in ("title", "name.familyName", "members", ""):
        sent(from_object(record), attribute)

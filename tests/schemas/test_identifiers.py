"""What events tell of who a person is, beyond their subject; and decisions by hand as they stand on the log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings

from schemas.drift import drift
from schemas.envelope import unseal
from schemas.events import from_object, parse
from schemas.facts import facts
from schemas.identifiers import MAX_IDENTIFIERS, identifiers
from schemas.identity import LINKED, IdentityDecision, read_identity_decision, seal_decision
from tests.records import STATSIG, event
from tests.schemas.strategies import events

ANA = "63ec9bba89a64e507ce0a4c2"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def told(event_type: str = "user_update_provision", **fields: Any) -> tuple[str, ...]:
    found = parse(orjson.dumps(event(event_type, **fields)))
    return identifiers(found, facts(found))


def changes(**to: Any) -> list[dict[str, Any]]:
    return [{"field": name, "to": value} for name, value in to.items()]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(changes(userName="Ana.Costa"), ["name:ana.costa"], id="a new user name"),
        pytest.param(changes(userName="ines.almeida"), [], id="the name that the subject has"),
        pytest.param(changes(username="ana"), ["name:ana"], id="in the directory's spelling"),
        pytest.param(changes(email="A@x.example"), ["email:a@x.example"], id="an address"),
        pytest.param(changes(externalId=ANA), [], id="the external id that is the id"),
        pytest.param(changes(externalId="A1"), ["external:A1"], id="another external id, in its own case"),
        pytest.param(changes(employeeIdentifier=" E-7 "), ["employee:e-7"], id="an employee number"),
        pytest.param(changes(employeeNumber=4711), ["employee:4711"], id="as a number"),
        pytest.param(changes(**{ENTERPRISE: {"employeeNumber": "4711"}}), ["employee:4711"], id="in SCIM's extension"),
        pytest.param(changes(**{f"{ENTERPRISE}:employeeNumber": "4711"}), ["employee:4711"], id="by its whole path"),
        pytest.param(changes(**{ENTERPRISE: {"costCenter": "1"}}), [], id="an extension without one"),
        pytest.param(
            changes(name={"givenName": "Ana", "familyName": "Lima"}), ["full_name:ana lima"], id="a full name"
        ),
        pytest.param(changes(name={"givenName": "Ana"}), [], id="half a name"),
        pytest.param(changes(firstname="Ana", lastname="Lima"), ["full_name:ana lima"], id="in two fields"),
        pytest.param(changes(displayName="Ana Lima"), ["full_name:ana lima"], id="a name to show"),
        pytest.param(
            changes(displayName="ines.almeida"), ["full_name:ines.almeida"], id="a name to show that is the user name"
        ),
        pytest.param(changes(active=False, title="x"), [], id="nothing of who it is"),
        pytest.param(
            changes(**{f"attribute{n}": "x" for n in range(99)}, username="ana"), ["name:ana"], id="behind many others"
        ),
        pytest.param(changes(userName=None, email=["x"], employeeNumber=True, emails="x"), [], id="other shapes"),
    ],
)
def test_what_was_set_tells_who_it_is(sent: list[dict[str, Any]], expected: list[str]) -> None:
    assert told(changes=sent) == tuple(expected)


@pytest.mark.parametrize(
    ("event_type", "fields"),
    [
        pytest.param("group_update_provision", {"resource": {"id": "g", "type": "user_group"}}, id="a group"),
        pytest.param("idm_integration_update", {"resource": None}, id="an integration"),
        pytest.param("admin_update", {"resource": {"id": "a", "type": "admin"}}, id="an administrator"),
        pytest.param("user_update", {"success": False, "error_message": "taken"}, id="a change that was refused"),
    ],
)
def test_what_is_no_persons_tells_nothing(event_type: str, fields: dict[str, Any]) -> None:
    assert told(event_type, changes=changes(displayName="x", username="y"), **fields) == ()


def test_an_attempt_that_the_application_refused_tells_as_well() -> None:
    assert told(success=False, error_message="no", changes=changes(userName="ana")) == ("name:ana",)


@settings(max_examples=60, deadline=None)
@given(events())
def test_any_event_tells_few_short_texts(record: dict[str, Any]) -> None:
    found = from_object(record)
    for text in (texts := identifiers(found, facts(found))):
        kind, colon, value = text.partition(":")
        assert kind
        assert colon
        assert 0 < len(value) <= 256
    assert len(texts) <= MAX_IDENTIFIERS


DECISION = IdentityDecision(
    ANA, "b" * 24, True, datetime(2026, 3, 19, 12, 0, 0, 250000, UTC), "ada", "papers", UUID(int=7)
)


def test_a_decision_is_an_event_that_reads_as_it_was_made() -> None:
    sealed = seal_decision("org", DECISION)
    read = unseal(sealed.value, sealed.headers, DECISION.at)
    found = parse(read.value, read.event_type, read.version)
    told_facts = facts(found)
    assert (read.source, read.organization, read.version) == ("idtrail:ada", "org", 1)
    assert (told_facts.event_type, told_facts.subject_id, told_facts.actor_name) == (LINKED, ANA, "ada")
    assert identifiers(found, told_facts) == (f"decided:{'b' * 24}",)
    assert list(drift(found)) == []
    assert read_identity_decision(read.value, DECISION.event_id) == DECISION
    assert seal_decision("org", DECISION._replace(linked=False)).event_type == "identity_separated"


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="another type"),
        pytest.param({"event_type": LINKED}, id="no other id"),
        pytest.param({"event_type": LINKED, "other_resource": {"id": 7}}, id="another id that is none"),
        pytest.param(
            {"event_type": LINKED, "other_resource": {"id": "b"}, "resource": STATSIG | {"id": ""}}, id="no id"
        ),
    ],
)
def test_what_is_no_decision_is_none(fields: dict[str, Any]) -> None:
    assert (
        read_identity_decision(orjson.dumps(event(**{"initiated_by": {"username": "a"}, **fields})), UUID(int=1))
        is None
    )

"""What an event says as columns, of published events and of the shapes that provisioning takes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given

from schemas.envelope import Source, Trust, seal
from schemas.events import ALIASES, EVENT_TYPES, DirectoryEvent, Kind, from_object, parse
from schemas.facts import MAX_CHANGES, facts
from schemas.verdict import MAX_DETAIL, shown
from tests.schemas.strategies import events

DATA = Path(__file__).parent / "data"


def event(event_type: str = "user_update_provision", **fields: Any) -> Any:
    """The facts of an event with these fields; None leaves one out."""
    base = {"id": "1", "timestamp": "2026-03-19T14:03:11Z", "event_type": event_type, **fields}
    return facts(from_object({name: value for name, value in base.items() if value is not None}))


def changes(**to: Any) -> list[dict[str, Any]]:
    return [{"field": name, "to": value} for name, value in to.items()]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        pytest.param(
            "sekoia-automation-sso_auth.json",
            {
                "event_type": "sso_auth",
                "kind": "other",
                "outcome": "success",
                "subject_id": "5ee8dbcb03231715576d73cc",
                "subject_name": "john.doe",
                "application_name": "zoom",
                "actor_name": "john.doe",
                "flags": (),
            },
            id="a sign-in, whose success has a name of its own",
        ),
        pytest.param(
            "sekoia-automation-radius_auth_attempt.json",
            {"event_type": "radius_auth_attempt", "outcome": "success", "subject_id": "jane.doe", "flags": ()},
            id="radius, whose actor has no id",
        ),
        pytest.param(
            "jumpcloud-docs-radius_nested-2.json",
            {"event_type": "", "outcome": "success", "subject_id": "zezeye21", "flags": ("no_event_type",)},
            id="radius without a type",
        ),
        pytest.param(
            "jumpcloud-docs-admin_login_attempt-1.json",
            {
                "event_type": "admin_login_attempt",
                "outcome": "success",
                "subject_id": "5ce434e77128503e528e747c",
                "subject_type": "admin",
                "subject_email": "jane.doe@gmail.com",
                "actor_id": "",
            },
            id="an administrator's sign-in",
        ),
        pytest.param(
            "jumpcloud-docs-directory-attribute-examples.json",
            {
                "event_type": "systemuser_update",
                "outcome": "success",
                "http_status": 200,
                "integration_id": "62ebd659c306695de4eb9c75",
                "application_name": "aws",
                "actor_name": "user1@domain.com",
                "changed": ("lastname",),
            },
            id="every documented field at once",
        ),
    ],
)
def test_published_events_are_read(file: str, expected: dict[str, Any]) -> None:
    raw = (DATA / file).read_bytes()
    envelope = seal(raw, Source("file:x", Trust.EXPORT), datetime(2026, 3, 19, tzinfo=UTC))
    found = facts(parse(envelope.value))._asdict()

    assert envelope.value == raw.strip()
    assert {name: found[name] for name in expected} == expected


ADA = {"id": "5f", "type": "admin", "email": "ada@corp.example"}


def connection(op: str, **ends: Any) -> dict[str, Any]:
    sides = zip(("from", "to"), ends.items(), strict=False)
    return {
        "op": op,
        "connection": {side: {"name": name, "type": kind, "object_id": f"{name}-1"} for side, (kind, name) in sides},
    }


@pytest.mark.parametrize(
    ("association", "expected"),
    [
        pytest.param(
            connection("add", USER_GROUP="sales", APPLICATION="slack"),
            ("add", "sales-1", "user_group", "sales", "slack-1", "slack", "sales-1", "sales"),
            id="a group bound to an application",
        ),
        pytest.param(
            connection("remove", APPLICATION="slack", USER_GROUP="sales"),
            ("remove", "sales-1", "user_group", "sales", "slack-1", "slack", "sales-1", "sales"),
            id="unbound, written the other way round",
        ),
        pytest.param(
            connection("add", USER_GROUP="sales", USER="ines"),
            ("add", "ines-1", "user", "ines", "", "", "sales-1", "sales"),
            id="somebody added to a group",
        ),
        pytest.param(
            connection("remove", user_group="sales", user="ines"),
            ("remove", "ines-1", "user", "ines", "", "", "sales-1", "sales"),
            id="somebody removed from a group",
        ),
        pytest.param(
            connection("add", USER="ines", APPLICATION="slack"),
            ("add", "ines-1", "user", "ines", "slack-1", "slack", "", ""),
            id="a person bound to an application",
        ),
    ],
)
def test_an_association_is_about_what_it_connects(association: dict[str, Any], expected: tuple[str, ...]) -> None:
    found = event("association_change", association=association, initiated_by=ADA)
    told = (
        found.action, found.subject_id, found.subject_type, found.subject_name, found.application_id,
        found.application_name, found.group_id, found.group_name,
    )  # fmt: skip
    assert told == expected
    assert (found.kind, found.event_type, found.actor_id) == ("other", "association_change", "5f")


@pytest.mark.parametrize(
    "association",
    [
        pytest.param(None, id="none"),
        pytest.param({}, id="empty"),
        pytest.param(
            {"type": "admin", "id": "5c86", "email": "user1@domain.com"}, id="as the vendor's document has it"
        ),
        pytest.param(connection("add", SYSTEM_GROUP="laptops", SYSTEM="mac"), id="devices"),
        pytest.param(connection("update", USER_GROUP="sales", USER="ines"), id="neither added nor removed"),
        pytest.param(connection("add", USER="ines", user="kofi"), id="two people"),
        pytest.param({"op": "add", "connection": {"from": 1, "to": None}}, id="odd sides"),
        pytest.param({"op": ["add"], "connection": []}, id="odd in every part"),
        pytest.param("sales", id="a text"),
    ],
)
def test_an_association_of_another_kind_is_about_who_made_it(association: Any) -> None:
    found = event("association_change", association=association, initiated_by=ADA)
    assert (found.subject_id, found.action, found.group_id, found.application_id) == ("5f", "", "", "")
    assert found.flags == (("odd_association",) if isinstance(association, str) else ())


@pytest.mark.parametrize("event_type", [*EVENT_TYPES, *ALIASES])
def test_every_provisioning_type_has_its_class(event_type: str) -> None:
    found = from_object({"timestamp": "x", "event_type": event_type})

    assert found.canonical == ALIASES.get(event_type, event_type)
    assert found.kind is not Kind.OTHER
    assert found.canonical.startswith(found.kind.value) or found.canonical.startswith("idm_integration")
    assert found.action


@pytest.mark.parametrize("event_type", ["user_login_attempt", "", None, 7, ["user_deprovision"]])
def test_any_other_type_is_kept(event_type: Any) -> None:
    assert isinstance(from_object({"timestamp": "x", "event_type": event_type}), DirectoryEvent)


PERSON = {"id": "u1", "type": "user", "username": "w.wonka", "email": "w@example.com"}
APPLICATION = {"id": "a1", "name": "statsig", "display_label": "Statsig"}


@pytest.mark.parametrize(
    ("event_type", "fields", "expected"),
    [
        pytest.param("user_create_provision", {"resource": PERSON}, ("u1", "user", "w.wonka", "w@example.com"),
                     id="a person by the resource"),
        pytest.param("user_create_provision", {"changes": changes(externalId="u1", userName="w.wonka")},
                     ("u1", "user", "w.wonka", ""), id="a person by what was sent"),
        pytest.param("user_create_provision", {"changes": changes(userName="w.wonka")},
                     ("w.wonka", "user", "w.wonka", ""), id="a person by user name alone"),
        pytest.param("user_update_provision", {"resource": {"username": "w"}, "changes": changes(externalId="u1")},
                     ("u1", "user", "w", ""), id="a resource without id, what was sent has it"),
        pytest.param("group_create_provision", {"resource": {"id": "g1", "type": "user_group", "name": "Staff"}},
                     ("g1", "user_group", "Staff", ""), id="a group"),
        pytest.param("group_create_provision", {"resource": {"id": "g1", "name": "Staff"}},
                     ("g1", "user_group", "Staff", ""), id="a group without a type"),
        pytest.param("group_create_provision", {"changes": changes(displayName="Staff")},
                     ("Staff", "user_group", "Staff", ""), id="a group by what was sent"),
        pytest.param("integration_activate", {"resource": PERSON, "application": APPLICATION},
                     ("a1", "application", "statsig", ""), id="an integration by its application"),
        pytest.param("idm_integration_reauth", {"idm_client_id": "c1"}, ("c1", "application", "", ""),
                     id="an integration by its own id"),
        pytest.param("user_login_attempt", {"initiated_by": {"id": "u1", "type": "user", "username": "w.wonka"}},
                     ("u1", "user", "w.wonka", ""), id="a sign-in by who signs in"),
        pytest.param("user_deprovision", {"initiated_by": {"id": "admin"}}, ("", "", "", ""),
                     id="an actor is not the subject"),
        pytest.param("user_deprovision", {"resource": []}, ("", "", "", ""), id="an odd resource"),
    ],
)  # fmt: skip
def test_who_an_event_is_about(event_type: str, fields: dict[str, Any], expected: tuple[str, ...]) -> None:
    found = event(event_type, **fields)

    assert (found.subject_id, found.subject_type, found.subject_name, found.subject_email) == expected


@pytest.mark.parametrize(
    ("event_type", "sent", "expected"),
    [
        pytest.param("user_create_provision", None, "active", id="a create"),
        pytest.param("user_create_provision", changes(active=False), "inactive", id="a create, inactive"),
        pytest.param("user_update_provision", changes(active=True), "active", id="re-enabled"),
        pytest.param("user_update_provision", changes(active="False"), "inactive", id="disabled, as text"),
        pytest.param("user_update_provision", changes(active="TRUE"), "active", id="true in capitals"),
        pytest.param("user_update_provision", changes(displayName="W"), "", id="another attribute"),
        pytest.param("user_update_provision", changes(active=None), "", id="no value is no state"),
        pytest.param("user_deprovision", None, "inactive", id="a deprovision"),
        pytest.param("user_delete_provision", changes(active=True), "deleted", id="a delete"),
        pytest.param("user_lookup_provision", None, "", id="a lookup"),
        pytest.param("group_delete_provision", None, "", id="a group"),
        pytest.param("user_suspended", changes(active=False), "", id="another type"),
    ],
)
def test_what_the_account_was_to_become(event_type: str, sent: Any, expected: str) -> None:
    assert event(event_type, changes=sent).account_state == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param([{"field": "active", "from": True, "to": False}], ("active: true -> false",), id="a state, both"),
        pytest.param(changes(active=False), ("active: false",), id="a state"),
        pytest.param([{"field": "state", "from": "ACTIVATED", "to": "SUSPENDED"}],
                     ("state: ACTIVATED -> SUSPENDED",), id="a state in words"),
        pytest.param(changes(displayName="Willy Wonka", emails=[{"value": "w@example.com"}]),
                     ("displayName", "emails"), id="what is personal by name only"),
        pytest.param([{"field": "systems"}], ("systems",), id="a field alone"),
        pytest.param([{"to": "x"}, {}], (), id="without a field"),
        pytest.param(None, (), id="none"),
    ],
)  # fmt: skip
def test_what_changed_is_named_and_only_states_are_shown(sent: Any, expected: tuple[str, ...]) -> None:
    assert event(changes=sent).changed == expected


def test_a_state_is_shown_wherever_it_stands_among_the_attributes() -> None:
    many = changes(**{f"attribute{number}": "x" for number in range(MAX_CHANGES)})
    states = [{"field": "state", "from": "ACTIVATED", "to": to} for to in ("SUSPENDED", "STAGED")] * 999
    found = event(event_type="user_update", changes=[*many, *states, *many, *changes(suspended=True)])

    assert found.changed[MAX_CHANGES:] == ("state: ACTIVATED -> SUSPENDED", "suspended: true")


def test_columns_are_bounded() -> None:
    found = event(
        changes=[{"field": "x" * 999}] * 99,
        success=False,
        error_message="refused " * 999,
        resource={"id": "1", "username": "n" * 999},
    )

    assert len(found.changed) == MAX_CHANGES
    assert len(found.detail) <= MAX_DETAIL
    assert max(len(found.changed[0]), len(found.subject_name)) <= 256


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("User w.wonka@example.com exists", "User [address] exists", id="an address"),
        pytest.param("<o'brien+x@mail.example.co.uk>", "<[address]>", id="an address with marks"),
        pytest.param("Jörg.Müller@münchen.example", "[address]", id="letters beyond ASCII"),
        pytest.param("Bearer abcdefgh12345678 refused", "Bearer [redacted] refused", id="a secret"),
        pytest.param("at 10 @ noon", "at 10 @ noon", id="no address"),
    ],
)
def test_the_detail_holds_no_addresses_and_no_secrets(text: str, expected: str) -> None:
    assert shown(text) == expected
    assert event(success=False, error_message=text).detail == expected


def test_a_success_has_no_detail() -> None:
    found = event(success=True, message_chain={"response_code": "201", "message_details": '{"userName":"w.wonka"}'})

    assert (found.outcome, found.http_status, found.detail) == ("success", 201, "")


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        pytest.param({"id": None}, ("no_id",), id="no id"),
        pytest.param({"success": "perhaps"}, ("odd_success",), id="an odd success"),
        pytest.param({"resource": 7, "changes": {}}, ("odd_changes", "odd_resource"), id="odd shapes"),
        pytest.param({"success": True, "message_chain": {"response_code": 409}}, ("success_contradicted",),
                     id="a contradiction"),
        pytest.param({}, (), id="nothing"),
    ],
)  # fmt: skip
def test_what_is_odd_is_flagged(fields: dict[str, Any], flags: tuple[str, ...]) -> None:
    assert event(**fields).flags == flags


def test_an_odd_field_takes_nothing_else_with_it() -> None:
    found = event(success="perhaps", resource=PERSON, application="statsig", message_chain={"response_code": "409"})

    assert (found.subject_id, found.outcome, found.cause) == ("u1", "failure", "conflict")


@given(events())
def test_facts_are_the_same_however_an_event_is_read(record: dict[str, Any]) -> None:
    try:
        raw = orjson.dumps(record)
    except TypeError:  # an integer beyond 64 bits
        return
    found = facts(from_object(orjson.loads(raw)))

    assert facts(parse(raw)) == facts(parse(raw, found.event_type)) == found
    assert "@example." not in found.detail

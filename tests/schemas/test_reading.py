"""Reading never lies about a record, never raises on one, and takes nothing else with what is odd."""

from __future__ import annotations

import gc
import json
import tracemalloc
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from schemas.envelope import Source, Trust, seal, unseal
from schemas.errors import BadUsage, ForeignOrganization, MalformedRecord
from schemas.events import (
    ALIASES,
    EVENT_TYPES,
    DirectoryEvent,
    ProvisioningEvent,
    class_of,
    from_object,
    parse,
)
from schemas.facts import MAX_ID, Facts, facts
from schemas.jsontext import encode
from schemas.misfits import MAX_ODD
from schemas.organization import MAX_ORGANIZATION
from tests.schemas.strategies import JSON, RECEIVED, events

EXPORT = Source("file:x", Trust.EXPORT)
BASE = {"timestamp": "2026-03-19T14:03:11Z", "id": "1", "organization": "o", "event_type": "user_create_provision"}


def read(**fields: Any) -> Facts:
    """The facts of an event with these fields, which are the same by both of the readers."""
    raw = json.dumps({**BASE, **fields}).encode()
    found = facts(parse(raw))
    assert facts(parse(raw, {**BASE, **fields}["event_type"])) == found
    return found


@pytest.mark.parametrize("claimed", [*EVENT_TYPES, *ALIASES, "sso_auth", "directory_event", ""])
@pytest.mark.parametrize(
    "own", ["user_create_provision", "integration_deactivate", "idm_integration_delete", "sso_auth", "", None, 7, ...]
)
def test_a_wrong_type_from_the_caller_changes_nothing(claimed: str, own: Any) -> None:
    record = {"timestamp": "x", "event_type": own} if own is not ... else {"timestamp": "x"}
    found = parse(orjson.dumps(record), claimed)

    assert type(found) is class_of(record.get("event_type"))
    assert facts(found) == facts(from_object(record))


@pytest.mark.parametrize("event_type", [*EVENT_TYPES, *ALIASES])
def test_the_union_of_the_twelve_is_told_apart_by_the_type(event_type: str) -> None:
    found = TypeAdapter(ProvisioningEvent).validate_python({"timestamp": "x", "event_type": event_type})

    assert type(found) is class_of(event_type)


@pytest.mark.parametrize(
    ("fields", "expected", "flags"),
    [
        pytest.param({"resource": {"id": 5, "username": "w"}}, {"subject_name": "w"}, ("odd_resource",), id="an id"),
        pytest.param(
            {"message_chain": {"response_code": [], "message_details": "Not unique"}, "success": False},
            {"cause": "conflict"},
            ("odd_message_chain",),
            id="a response code",
        ),
        pytest.param(
            {"changes": [7, {"field": "active", "to": False}, {"field": {}, "to": 1}]},
            {"account_state": "inactive", "changed": ("active: false",)},
            ("odd_changes",),
            id="elements of a list",
        ),
        pytest.param({"application": {"name": "statsig", "id": []}}, {"application_name": "statsig"},
                     ("odd_application",), id="an application's id"),
        pytest.param({"@version": {}, "_version": []}, {}, ("odd_@version",), id="both names of the version"),
        pytest.param({"initiated_by": {"id": {}, "email": "a@example.com"}, "correlation": {"id": 1.5}},
                     {"actor_name": "a@example.com"}, ("odd_correlation", "odd_initiated_by"), id="two fields"),
        pytest.param({"changes": [7] * (MAX_ODD + 1) + [{"field": "active", "to": False}]}, {"changed": ()},
                     ("odd_changes",), id="too much to pick from"),
    ],
)  # fmt: skip
def test_what_is_odd_goes_alone(fields: dict[str, Any], expected: dict[str, Any], flags: tuple[str, ...]) -> None:
    found = read(**fields)

    assert {name: getattr(found, name) for name in expected} == expected
    assert found.flags == flags


@pytest.mark.timeout(20)
def test_a_long_list_of_odd_elements_takes_no_longer_than_another() -> None:
    assert read(changes=[7] * 100_000).flags == ("odd_changes",)


ODD_VALUES = st.sampled_from(
    [None, True, 1.5, 404, "404", " 404 x", "4040", {}, {"a": 1}, [404], 2**70, "x", -5, 1e300]
)
BODIES = st.dictionaries(
    st.sampled_from(["status", "code", "detail", "message", "scimType", "error", "errors", "schemas"]),
    ODD_VALUES | JSON,
)


@given(
    BODIES | ODD_VALUES,
    ODD_VALUES,
    st.none() | st.booleans(),
    st.sampled_from(["user_create_provision", "user_deprovision", "sso_auth"]),
)
@example({"status": {"a": 1}}, None, False, "user_deprovision")
@example({"a": 2**70}, "409", False, "user_create_provision")
def test_any_answer_can_be_read(details: Any, code: Any, success: bool | None, event_type: str) -> None:
    for body in (details, json.dumps(details), f"400: {json.dumps(details)}"):
        chain = {"response_code": code, "message_details": body}
        found = read(event_type=event_type, success=success, message_chain=chain, error_message=str(body))
        assert 0 <= found.http_status < 600


@given(JSON)
def test_json_is_the_same_text_by_both_readers(value: Any) -> None:
    raw = json.dumps({"timestamp": "x", "event_type": "sso_auth", "value": value}).encode()
    by_type, plain = parse(raw, "sso_auth"), parse(raw)

    assert isinstance(by_type, DirectoryEvent)
    assert encode((by_type.model_extra or {})["value"]) == encode((plain.model_extra or {})["value"])


SCIM_ERROR = json.dumps(
    {"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "500", "detail": "User already exists"}
)


@pytest.mark.parametrize(
    ("event_type", "success", "chain", "expected"),
    [
        pytest.param("user_create_provision", None, {"response_code": "200", "message_details": "<html>Sign in</html>"},
                     ("unknown", "", ("answer_contradicted",)), id="a sign-in page under a 200"),
        pytest.param("user_create_provision", None, {"response_code": "200", "message_details": SCIM_ERROR},
                     ("unknown", "", ("answer_contradicted",)), id="a SCIM error under a 200"),
        pytest.param("user_deprovision", True, {"response_code": "200", "message_details": "<html>Sign in</html>"},
                     ("unknown", "", ("success_contradicted",)), id="the directory calls a sign-in page a success"),
        pytest.param("user_deprovision", True, {"response_code": "200", "message_details": SCIM_ERROR},
                     ("unknown", "", ("success_contradicted",)), id="the directory calls an error a success"),
        pytest.param("user_deprovision", True, {"message_details": SCIM_ERROR},
                     ("unknown", "", ("success_contradicted",)), id="the same without a code"),
        pytest.param("user_deprovision", True, {"message_details": "HTTP 401 Unauthorized"},
                     ("unknown", "", ("success_contradicted",)), id="success with a refusal in words"),
        pytest.param("user_deprovision", None, {"response_code": "200", "message_details": "<html>Sign in</html>"},
                     ("unknown", "", ("answer_contradicted",)), id="a sign-in page under a deprovision's 200"),
        pytest.param("user_create_provision", True,
                     {"message_details": '{"id":"7","userName":"ines","title":"code 404"}'},
                     ("success", "", ()), id="a number in an accepted account is no status"),
        pytest.param("user_create_provision", False, {"response_code": "200", "message_details": "<html>"},
                     ("failure", "malformed_response", ()), id="the directory calls a page a failure"),
        pytest.param("user_create_provision", False, {"response_code": "200", "message_details": SCIM_ERROR},
                     ("failure", "conflict", ()), id="the directory calls an error a failure"),
        pytest.param("user_create_provision", False, {"response_code": "201", "response_message": "Read timed out"},
                     ("failure", "network", ()), id="the directory's own words"),
        pytest.param("user_create_provision", False, {"response_code": "204"}, ("failure", "malformed_response", ()),
                     id="no words at all"),
        pytest.param("user_deprovision", False, {"response_code": "404", "message_details": "404 page not found"},
                     ("failure", "configuration", ()), id="an address that nobody serves says nothing of the account"),
        pytest.param("user_delete_provision", False,
                     {"response_code": "404", "message_details": "Cannot DELETE /scim/v2/Users/1"},
                     ("failure", "configuration", ()), id="another server's words for it"),
        pytest.param("user_delete_provision", False,
                     {"response_code": "404",
                      "message_details": "The requested URL was not found on the server. Check your spelling."},
                     ("failure", "configuration", ()), id="a third's"),
        pytest.param("user_delete_provision", False,
                     {"message_details": '{"status":"404","detail":"Resource 1 not found"}'},
                     ("reported_absent", "", ()), id="the status only in the body"),
        pytest.param("user_delete_provision", False, {"response_code": "404", "message_details": "<nil>"},
                     ("reported_absent", "", ()), id="no page, but nothing in Go"),
        pytest.param("user_deprovision", False,
                     {"response_code": "404", "message_details": "SCIM is not enabled for this organization"},
                     ("failure", "configuration", ()), id="provisioning that is switched off hides the account"),
        pytest.param("user_deprovision", False, {"response_code": "404", "message_details": "Invalid token"},
                     ("failure", "credentials", ()), id="so does a token that is refused"),
        *(
            pytest.param("user_deprovision", False, {"response_code": "404", "message_details": text},
                         ("failure", "configuration", ()), id=text)
            for text in (
                "Organization not found", "The workspace acme-corp does not exist", "Error: tenant not found",
                "Unknown tenant", "No such workspace", "Could not find directory", "Unable to find organization 88",
                "The directory could not be found.", "Directory with id 6a7 could not be found",
                "Application not found",
               "default backend - 404", "There is no app configured at that hostname", "URL No Longer Exists",
                "This API endpoint is not recognized.", "The deployment could not be found on Vercel.",
            )
        ),
        pytest.param("user_deprovision", False, {"response_code": "404", "message_details": "No such gizmo"},
                     ("failure", "unknown", ()), id="what is not understood is no absence"),
        pytest.param("user_deprovision", False, {"response_code": "404", "message_details": "User 7 not found"},
                     ("reported_absent", "", ()), id="the person is not there"),
        pytest.param("group_delete_provision", False, {"response_code": "404", "message_details": "Team not found"},
                     ("reported_absent", "", ()), id="the group is not there"),
        pytest.param("user_update_provision", False, {"response_code": "404", "message_details": "No such gizmo"},
                     ("failure", "not_found", ()), id="of an update any 404 is something that is missing"),
    ],
)  # fmt: skip
def test_the_body_is_weighed_with_the_code(
    event_type: str, success: bool | None, chain: dict[str, Any], expected: tuple[str, str, tuple[str, ...]]
) -> None:
    found = read(event_type=event_type, success=success, message_chain=chain)

    assert (found.outcome, found.cause, found.flags) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "active"), (False, "inactive"), ("True", "active"), ("0", "inactive"), (1, "active"), (0.0, "inactive"),
        ("maybe", ""), ({}, ""), ([], ""),
    ],
)  # fmt: skip
def test_a_state_is_not_guessed(value: Any, expected: str) -> None:
    assert read(changes=[{"field": "active", "to": value}]).account_state == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([{"value": "a@example.com"}, {"value": "b@example.com", "primary": True}], "b@example.com"),
        ([{"value": "a@example.com"}, {"value": "b@example.com"}], "a@example.com"),
        ([{"value": 7}, "a@example.com"], ""),
        ("a@example.com", ""),
        (None, ""),
    ],
)
def test_a_person_s_address_is_read_from_what_was_sent(sent: Any, expected: str) -> None:
    assert read(changes=[{"field": "emails", "to": sent}]).subject_email == expected
    assert (
        read(resource={"email": "own@example.com"}, changes=[{"field": "emails", "to": sent}]).subject_email[:3]
        == "own"
    )


def test_what_goes_into_key_and_headers_is_bounded() -> None:
    for fields in ({"resource": {"id": "r" * 9999, "type": "t" * 9999}}, {"event_type": "z" * 9999, "id": "i" * 9999},
                   {"event_type": "integration_activate", "application": {"id": "a" * 9999}}):  # fmt: skip
        envelope = seal(orjson.dumps({**BASE, **fields}), EXPORT, RECEIVED)
        assert len(envelope.key) + sum(len(value) for _, value in envelope.headers) < 5 * MAX_ID


def told_by(details: Any, error: str = "refused", changes: Any = None) -> bytes:
    chain = {"response_code": "400", "message_details": details}
    told = {"success": False, "message_chain": chain, "error_message": error, "changes": changes or []}
    return orjson.dumps({**BASE, **told})


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(
            told_by({"errors": {f"emails[{'a' * 20_000}]": ["no"] * 4_000}}), id="many words under a long key"
        ),
        pytest.param(told_by({"errors": {".".join("a" * 20_000): ["no"] * 4_000}}), id="a key of very many parts"),
        pytest.param(told_by({"errors": ["no"] * 200_000}), id="very many words"),
        pytest.param(
            told_by("", "abc " * 1_000, [{"field": "displayName", "to": [f"{'abc ' * 60}{n}" for n in range(40)]}]),
            id="the same word in many values",
        ),
    ],
)
def test_reading_takes_memory_by_the_size_of_a_record(raw: bytes) -> None:
    """Or one record of a megabyte would end whoever reads it, each time it is read."""
    facts(parse(raw))
    tracemalloc.start()
    try:
        facts(parse(raw))
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert taken < 5_000_000 + 60 * len(raw)


def test_no_reader_remembers_what_is_large() -> None:
    def seal_and_read(number: int) -> None:
        large = f"{number} {'x' * 100_000}"
        raw = orjson.dumps({**BASE, large: 1, "message_chain": {"response_code": large}})
        facts(parse(seal(raw, EXPORT, RECEIVED).value))

    seal_and_read(0)
    tracemalloc.start()
    try:
        for number in range(1, 30):
            seal_and_read(number)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


NO_ORGANIZATIONS = [
    pytest.param("o" * (MAX_ORGANIZATION + 1), id="too long"),
    pytest.param("a\0b", id="a control character"),
    pytest.param("a\nb", id="a line break"),
    pytest.param("*", id="all"),
    pytest.param("a|b", id="the separator of keys"),
    pytest.param(" a", id="a space before"),
    pytest.param("a ", id="a space after"),
]


@pytest.mark.parametrize("organization", NO_ORGANIZATIONS)
def test_an_organization_that_is_no_id_is_refused(organization: str) -> None:
    with pytest.raises(ForeignOrganization) as caught:
        seal(orjson.dumps({**BASE, "organization": organization}), EXPORT, RECEIVED)
    assert caught.value.reason == "odd_organization"
    with pytest.raises(BadUsage, match="organization: must be the id of one organization"):
        Source("file:x", Trust.EXPORT, organization)


@pytest.mark.parametrize("organization", ["641b3db57090821c0b2f8183", "Zoë & Co *1", "o" * MAX_ORGANIZATION])
def test_an_organization_may_have_any_name_of_its_own(organization: str) -> None:
    for source in (EXPORT, Source("file:x", Trust.EXPORT, organization)):
        assert seal(orjson.dumps({**BASE, "organization": organization}), source, RECEIVED).organization == organization


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("ce_id", b"abcd", id="a short id"),
        pytest.param("idtrail_fingerprint", b"abcd", id="a short fingerprint"),
        pytest.param("idtrail_received_at", b"2026-03-19T14:03:11", id="a time without a zone"),
        pytest.param("ce_source", None, id="null, which Kafka allows"),
    ],
)
def test_a_header_that_would_not_fit_the_store_is_refused(name: str, value: Any) -> None:
    envelope = seal(orjson.dumps(BASE), EXPORT, RECEIVED)

    with pytest.raises(MalformedRecord):
        unseal(envelope.value, [(key, value if key == name else old) for key, old in envelope.headers], RECEIVED)


@given(events())
def test_an_unsealed_event_is_the_one_that_was_sealed(record: dict[str, Any]) -> None:
    record["organization"] = "o"
    raw = json.dumps(record).encode()
    envelope = seal(raw, EXPORT, RECEIVED)

    assert unseal(envelope.value, envelope.headers, RECEIVED).value is envelope.value
    for wrapped in (raw, b'\xef\xbb\xbf{"jumpcloud":' + raw + b"}"):
        found = unseal(wrapped, [], RECEIVED)
        assert (found.value, found.event_id) == (envelope.value, envelope.event_id.bytes)
        assert facts(parse(found.value, found.event_type)) == facts(parse(envelope.value))


@pytest.mark.parametrize(
    ("success", "code", "error", "expected"),
    [
        pytest.param(True, None, "status code 401: Unauthorized", ("unknown", 401, ("success_contradicted",)),
                     id="success without a code"),
        pytest.param(True, 200, "status code 401: Unauthorized", ("unknown", 200, ("success_contradicted",)),
                     id="success with a good code"),
        pytest.param(True, 200, SCIM_ERROR, ("unknown", 200, ("success_contradicted",)), id="a SCIM error"),
        pytest.param(True, 200, "2 attributes were left out", ("success", 200, ()), id="a remark about a success"),
        pytest.param(None, 200, "unexpected EOF", ("unknown", 200, ("answer_contradicted",)), id="a good code alone"),
        pytest.param(False, 200, "unexpected EOF", ("failure", 200, ()), id="a failure is one"),
    ],
)  # fmt: skip
def test_an_error_message_contradicts_what_calls_the_attempt_good(
    success: bool | None, code: int | None, error: str, expected: tuple[Any, ...]
) -> None:
    chain = {} if code is None else {"response_code": code}
    found = read(event_type="user_deprovision", success=success, message_chain=chain, error_message=error)

    assert (found.outcome, found.http_status, found.flags) == expected


@pytest.mark.parametrize(
    ("event_type", "success", "body", "expected"),
    [
        pytest.param("user_deprovision", True, {"active": True}, ("unknown", "success_contradicted"), id="active"),
        pytest.param("user_deprovision", None, {"active": True}, ("unknown", "answer_contradicted"),
                     id="by code alone"),
        pytest.param("user_deprovision", True, {"Active": "True"}, ("unknown", "success_contradicted"),
                     id="active, as a text"),
        pytest.param("user_deprovision", True, {"active": False}, ("success", ""), id="inactive"),
        pytest.param("user_deprovision", True, {"userName": "ines"}, ("success", ""), id="not said"),
        pytest.param("user_deprovision", True, {"x": {"active": True}}, ("success", ""), id="something else is active"),
        pytest.param("user_deprovision", False, {"active": True}, ("failure", ""), id="refused"),
        pytest.param("user_create_provision", True, {"active": True}, ("success", ""), id="a creation"),
        pytest.param("user_delete_provision", True, {"active": True}, ("success", ""), id="the account as it was"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_text", [True, False])
def test_an_account_that_is_still_active_is_not_closed(
    event_type: str, success: bool | None, body: dict[str, Any], expected: tuple[str, str], as_text: bool
) -> None:
    chain = {"response_code": "200", "message_details": json.dumps(body) if as_text else body}
    found = read(event_type=event_type, success=success, message_chain=chain)

    assert (found.outcome, "".join(found.flags)) == expected
    assert found.detail == "" or success is False, "the account is not for display"


@pytest.mark.parametrize(
    ("body", "other"),
    [
        pytest.param({"title": "Bad", "detail": "x"}, {"detail": "x", "title": "Bad"}, id="two texts"),
        pytest.param({"errors": {"userName": ["is required"], "emails": ["is required"]}},
                     {"errors": {"emails": ["is required"], "userName": ["is required"]}}, id="two attributes"),
        pytest.param({"errors": {"name.familyName": ["is required"]}}, {"errors": {"name_familyName": ["is required"]}},
                     id="a sanitised part"),
    ],
)  # fmt: skip
def test_an_answer_is_the_same_whatever_the_order_and_spelling_of_its_keys(
    body: dict[str, Any], other: dict[str, Any]
) -> None:
    found, again = (
        read(success=False, message_chain={"response_code": "400", "message_details": details})
        for details in (body, other)
    )
    assert (found.cause, found.attribute, found.detail) == (again.cause, again.attribute, again.detail)
    assert found.attribute or "errors" not in body

"""Which attribute or member an answer blames: what its text names, and nothing where it names none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.attribute import _NAMES, attribute_in
from schemas.cause import Cause
from schemas.member import member_in
from tests.schemas.test_cause import ANSWERS, PROVIDERS, PUBLISHED, STATUSES, failed, scim

NAMED = [
    ("Attribute 'emails' is required", "emails"),
    ("400: title: 'Grand Vizier' exceeds 10 characters", "title"),
    ("status code 400 (Bad Request): title: over 10 characters", "title"),
    ("The specified email is already in use by another account", "emails"),
    ("Email ines@corp.example has already been taken", "emails"),
    ("List attribute emails exceeds allowed limit of 1", "emails"),
    ("Missing attribute: department", "department"),
    ("Missing required attribute: userName", "userName"),
    ("Required attribute name.familyName is missing", "name.familyName"),
    ("Property 'costCenter' is invalid", "costCenter"),
    ("The field manager.value must be a known id", "manager"),
    ("The sub-attribute 'emails.value' is missing", "emails"),
    ("Attribute 'active' must be a boolean", "active"),
    ("Invalid value 'title' for attribute 'department'", "department"),
    ("User with userName jdoe: title is too long", "title"),
    ("Attribute 'badgeNumber' is required", "badgeNumber"),
    ("Attribute 'profile.badgeNumber' is required", "profile.badgeNumber"),
    ("Attribute 'custom.badge_no' is required", "custom.badge_no"),
    ('path: "emails[type eq "work"].value" has no target', "emails"),
    ('addresses[type eq "work"].country must be ISO 3166', "addresses.country"),
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager is invalid", "manager"),
    ("The specified attribute 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department' is not writable",
     "department"),
    ("urn:scim:schemas:extension:enterprise:1.0.costCenter invalid", "costCenter"),
    ("urn:ietf:params:scim:schemas:core:2.0:User:name.givenName: too long", "name.givenName"),
    ("urn:ietf:params:scim:schemas:extension:acme:2.0:User:badgeNumber must be a number", "badgeNumber"),
    ("schemas.name.familyName: This field may not be blank.", "name.familyName"),
    ("body.emails[0].value: Invalid", "emails"),
    ("Operations[0].value.title too long", "title"),
    ("at /emails/0/value: not an address", "emails"),
    ("/name/familyName is required", "name.familyName"),
    ("'title' over 100 characters", "title"),
    ('"userName" must be a valid address', "userName"),
    ("title: value must not exceed 100 characters", "title"),
    ("emails: has already been taken", "emails"),
    ("first_name: can't be blank", "name.givenName"),
    ("title is invalid", "title"),
    ("The name is too long", "name"),
    ("Name length must not exceed 256 characters", "name"),
    ("name.givenName is required", "name.givenName"),
    ("familyName cannot be blank", "name.familyName"),
    ("Last name is required", "name.familyName"),
    ("Employee number must be digits", "employeeNumber"),
    ("phonenumber is not valid", "phoneNumbers"),
    ("is not a valid phone number", "phoneNumbers"),
    ("Invalid email address", "emails"),
    ("Invalid email: a domain is required", "emails"),
    ("Email domain is not verified", "emails"),
    ("Email domain example.org is not allowed", "emails"),
    ("Email address violates the domain policy of this organization", "emails"),
    ("A user with this email already exists", "emails"),
    ("A user with this userName already exists", "userName"),
    ("userName w.wonka is already taken", "userName"),
    ("Error: username taken", "userName"),
    ("password must be at least 8 characters", "password"),
    ("Invalid value for 'Title'", "title"),
    ("Value of userType must be one of Employee, Contractor", "userType"),
    ("timezone Europe/Kyiv is unknown", "timezone"),
    ("Invalid locale", "locale"),
    ("Duplicate entry for externalId", "externalId"),
    ("givenName, familyName, userName, displayName all required", "name.givenName"),
    ("Failed to evaluate mapping for name.familyName: cannot fetch x from <nil> (1:13)", "name.familyName"),
    ("username_taken", "userName"),
    ("Bad Request · email_taken", "emails"),
    ("expression 'toScimEmails(jcUser.email)' failed", "jcUser.email"),
]  # fmt: skip

ONLY_LOOKS_LIKE_IT = [
    "something is invalid",
    "Your organization requires a verified domain",
    "the organization is not allowed",
    "your active subscription does not include this",
    "User must be Active",
    "Unknown custom role 'x'",
    "Unknown custom role 'manager'",
    "role 'title' must be one of these",
    "User 'title' not found",
    "Group 'members' already exists",
    "member already exists",
    "invalid member",
    "Contact support by email",
    "We will email you when the title deed is ready",
    "host title.example.com is invalid",
    "see https://help.example.com/userName for valid values",
    "bad value for name.surname@corp.example",
    'filter userName eq "x" is invalid',
    "Filtering on externalId is not valid",
    "Invalid host name",
    "Domain name is not valid",
    "name resolution has failed",
    "IP address is not allowed",
    "Invalid address of the proxy",
    "Unknown attribute name",
    "The attribute value is invalid",
    "Property 'value' is required",
    "Property 'ines.almeida' is not unique",
    'invalid property: "Ines.Almeida-Prado"',
    '{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":409,"scimType":"uniqueness"}',
    '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"active":true}',
    "schema urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig is unknown",
    "attribute is required",
    "Invalid username or password",
    "Request is unparsable, syntactically incorrect, or violates schema",
    'duplicate key value violates unique constraint "users_email_key"',
    "email\u017f is invalid",
]

OF_GROUPS = [
    ("Name length must not exceed 256 characters", "displayName"),
    ("displayName is required", "displayName"),
    ("Attribute 'name' is required", "displayName"),
    ('members[value eq "12"] is invalid', "members"),
    ("Too many members", "members"),
    ("groups are not supported", ""),
]


@pytest.mark.parametrize(("text", "attribute"), NAMED, ids=[text for text, _ in NAMED])
def test_the_attribute_that_a_text_names_is_named_in_one_spelling(text: str, attribute: str) -> None:
    assert attribute_in(text) == attribute


BLAMED = {
    "400 e-mail address": "emails",
    "400 name length": "name",
    "400 validation, required": "name.givenName",
    "400 validation, single-valued e-mails": "emails",
    "412 duplicate": "userName",
    "422 taken": "emails",
    "400 duplicate in words": "emails",
    "400 associated": "emails",
    "422 being used": "emails",
    "400 a name that is not available": "userName",
    "500 taken": "userName",
    "409 that is a policy": "emails",
    "400 mutability": "userName",
    "422": "phoneNumbers",
    "400 missing": "userName",
    "400 blank": "name.familyName",
    "400 invalidValue for an absent one": "emails",
    "invalid, not missing": "emails",
    "a weak password": "password",
    "unverified domain": "emails",
    "403 domain": "emails",
    "details an object": "userName",
    "a slug, taken": "userName",
    "400 unknown field": "badge",
}
"""Of the answers whose causes are tested: those that name an attribute. The others are about none."""


@pytest.mark.parametrize(("code", "details", "error", "cause"), [*PUBLISHED, *ANSWERS, *PROVIDERS, *STATUSES])
def test_an_answer_blames_what_it_names(
    code: Any, details: Any, error: str | None, cause: Cause, request: pytest.FixtureRequest
) -> None:
    case = request.node.callspec.id

    assert failed(code, details, error=error).attribute == BLAMED.get(case, "")


def test_every_name_is_found_where_it_is_called_an_attribute() -> None:
    for name in _NAMES.values():
        if not name.startswith("members"):
            assert attribute_in(f"Attribute '{name}' is required") == name


@pytest.mark.parametrize("text", ONLY_LOOKS_LIKE_IT)
def test_a_word_that_only_looks_like_an_attribute_is_none(text: str) -> None:
    assert attribute_in(text) == ""


@pytest.mark.parametrize(("text", "attribute"), OF_GROUPS)
def test_a_group_has_attributes_of_its_own(text: str, attribute: str) -> None:
    assert attribute_in(text, of_group=True) == attribute


@pytest.mark.parametrize(
    ("status", "text", "cause", "attribute"),
    [
        pytest.param("404", "No valid resources: [{memberId=7, display=null}]", Cause.NOT_FOUND, "members", id="Miro"),
        pytest.param("400", "no valid resources found for members", Cause.NOT_FOUND, "members", id="in words"),
        pytest.param("404", "Group member not found", Cause.NOT_FOUND, "members", id="not found"),
        pytest.param("400", "Member 63ec9bba89a64e507ce0a4c2 does not exist", Cause.NOT_FOUND, "members", id="by id"),
        pytest.param("400", "One or more members are invalid: user 7 not found", Cause.NOT_FOUND, "members", id="one"),
        pytest.param("404", "Resource 2819c223 not found", Cause.NOT_FOUND, "", id="the group itself"),
        pytest.param("404", "Group not found", Cause.NOT_FOUND, "", id="the group, in words"),
        pytest.param("409", "displayName already exists", Cause.CONFLICT, "displayName", id="its name"),
        pytest.param("413", "Payload exceeds the limit of 800000 bytes", Cause.TOO_LARGE, "", id="nothing named"),
        pytest.param(
            "400", "Too many members in one request: payload too large", Cause.TOO_LARGE, "members", id="size"
        ),
    ],
)
def test_a_group_s_push_blames_its_members_only_where_the_answer_does(
    status: str, text: str, cause: Cause, attribute: str
) -> None:
    found = failed(status, scim(detail=text), event_type="group_update_provision")

    assert (found.cause, found.attribute) == (cause, attribute)


@pytest.mark.parametrize(
    ("details", "attribute", "detail"),
    [
        pytest.param({"errors": {"email": ["is not valid"]}}, "emails", "email: is not valid", id="by its key"),
        pytest.param(
            {"message": "Validation Failed", "errors": [{"resource": "User", "field": "title", "code": "invalid"}]},
            "title", "Validation Failed · attribute title · User · invalid", id="under field",
        ),
        pytest.param(
            {"errors": [{"source": {"pointer": "/data/attributes/title"}, "detail": "is too long"}]},
            "title", "is too long · attribute /data/attributes/title", id="by a pointer",
        ),
        pytest.param(
            {"Errors": [{"description": "costCenter is invalid", "code": "400"}]}, "costCenter",
            "costCenter is invalid · 400", id="SCIM 1.1",
        ),
        pytest.param({"detail": "Invalid user name"}, "userName", "Invalid user name", id="in words"),
        pytest.param({"detail": "Member not found", "status": "404"}, "", "Member not found", id="an account"),
        pytest.param({"detail": "The user's manager does not exist"}, "manager",
                     "The user's manager does not exist", id="whom it refers to"),
        pytest.param({"detail": "User with userName w.wonka not found"}, "",
                     "User with userName w.wonka not found", id="whom it looked for"),
    ],
)  # fmt: skip
def test_a_body_names_the_attribute_where_its_form_does(details: dict[str, Any], attribute: str, detail: str) -> None:
    found = failed("400", details)

    assert (found.attribute, found.detail) == (attribute, detail)


@pytest.mark.parametrize(
    ("text", "member"),
    [
        ("No valid resources: [{memberId=3074457345618265000, display=null}]", "3074457345618265000"),
        ("Member 63ec9bba89a64e507ce0a4c2 does not exist", "63ec9bba89a64e507ce0a4c2"),
        ("Could not find user with id 42", "42"),
        ("One or more members are invalid: user 7 not found", "7"),
        ('members[value eq "2819c223-7f76-453a-919d-413861904646"]', "2819c223-7f76-453a-919d-413861904646"),
        ("user U012AB3CD not found", "U012AB3CD"),
        ("user jane@corp.example not found", ""),
        ("user 42@corp.example not found", ""),
        ("member w.wonka not found", ""),
        ("user 555-0100 not found", ""),
        ("member not found", ""),
    ],
)
def test_a_member_is_named_by_its_id_and_never_by_anything_personal(text: str, member: str) -> None:
    assert member_in(text) == member


@given(st.text(max_size=300), st.booleans())
def test_any_text_has_an_attribute_or_none(text: str, of_group: bool) -> None:
    assert "@" not in attribute_in(text, of_group=of_group)


@pytest.mark.parametrize("piece", ["a.", "urn:", "attribute ", "emails[", "/", "a", "'a' ", "a-b_", "urn:a.1.0:", " "])
def test_no_text_takes_long_to_read(piece: str) -> None:
    # What backtracks takes minutes for this, and the test's own limit ends it.
    text = piece * (4_000 // len(piece))
    assert "@" not in attribute_in(text) + member_in(text)

"""Causes of real answers: the texts are those that providers, directories and their users published."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from schemas.cause import CAUSES, Cause, Scope
from schemas.events import from_object
from schemas.facts import Facts, facts
from tests.incidents import oracle

ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"


def scim(status: int | str | None = None, detail: str = "", scim_type: str = "") -> str:
    """A SCIM error body; what is empty is left out."""
    body = {"schemas": [ERROR], "detail": detail, "status": status, "scimType": scim_type}
    return orjson.dumps({name: value for name, value in body.items() if value}).decode()


def failed(
    code: str | int | None, details: Any = None, *, error: str | None = None, event_type: str = "user_create_provision"
) -> Facts:
    """The facts of an attempt that failed with this answer."""
    chain = {"response_code": code, "message_details": details}
    return facts(
        from_object(
            {
                "id": "65a1f0c2e4b0a1b2c3d4e5f6",
                "timestamp": "2026-03-19T14:03:11.482Z",
                "event_type": event_type,
                "success": False,
                "message_chain": {name: value for name, value in chain.items() if value is not None},
                "error_message": error,
            }
        )
    )


C = Cause

PUBLISHED = [
    pytest.param(
        None, None, "There was a problem activating identity management", C.CONFIGURATION,
        id="the directory itself, on activation",
    ),
    pytest.param("401", "Unauthorized: api key user not found", None, C.CREDENTIALS, id="401 api key user"),
    pytest.param(
        None, None, "Unauthorized: api key user not found", C.CREDENTIALS, id="the same, without its status"
    ),
    pytest.param(
        "409", scim(detail="User already exists in the database."), None, C.CONFLICT, id="409 body without scimType"
    ),
    pytest.param("409", "member already exists", None, C.CONFLICT, id="409 plain text"),
    pytest.param(
        "404", "No valid resources: [{memberId=3074457345618265000, display=null}]", None, C.NOT_FOUND,
        id="404 no valid resources",
    ),
    pytest.param("404", "member not found", None, C.NOT_FOUND, id="404 member"),
    pytest.param("400", "Invalid email address", None, C.INVALID_VALUE, id="400 e-mail address"),
    pytest.param("400", "Unknown custom role 'x'", None, C.INVALID_VALUE, id="400 custom role"),
    pytest.param("400", "Name length must not exceed 256 characters", None, C.INVALID_VALUE, id="400 name length"),
    pytest.param(
        "400", '{"__type":"ValidationException","message":"givenName is required"}', None, C.MISSING_ATTRIBUTE,
        id="400 validation, required",
    ),
    pytest.param(
        "400", "ValidationException: List attribute emails exceeds allowed limit of 1", None, C.INVALID_VALUE,
        id="400 validation, single-valued e-mails",
    ),
    pytest.param("401", "UnauthorizedException", None, C.CREDENTIALS, id="401 exception name"),
    pytest.param("413", "Request payload is over 800000 bytes", None, C.TOO_LARGE, id="413 payload"),
    pytest.param("415", "Unsupported Media Type", None, C.UNSUPPORTED, id="415 media type"),
    pytest.param("405", "Method Not Allowed", None, C.UNSUPPORTED, id="405 method"),
    pytest.param(
        "429",
        scim(429, "The user has sent too many requests in a given amount of time", "tooManyRequests"),
        None, C.RATE_LIMITED, id="429 with scimType",
    ),
    pytest.param("429", "ratelimited", None, C.RATE_LIMITED, id="429 one word"),
    pytest.param("429", None, None, C.RATE_LIMITED, id="429 nothing else"),
    pytest.param(
        "201", "json: cannot unmarshal number into Go struct field User.id of type string", None,
        C.MALFORMED_RESPONSE, id="id sent as an integer, by its parser",
    ),
    pytest.param(
        None, None, "id in the response must be a string", C.MALFORMED_RESPONSE, id="id sent as an integer, in words"
    ),
    pytest.param(
        None, None, "Base URL must not end with a trailing slash", C.CONFIGURATION, id="trailing slash"
    ),
    pytest.param(
        "409", "The test user email already exists in your account", None, C.CONFIGURATION, id="test user in use"
    ),
    pytest.param(
        None, None, "Group management requires create, update and delete support", C.CONFIGURATION,
        id="group management must be off",
    ),
]  # fmt: skip

ANSWERS = [
    pytest.param(None, None, "dial tcp 203.0.113.4:443: connect: connection refused", C.NETWORK, id="refused"),
    pytest.param(None, None, "lookup scim.example.com: no such host", C.NETWORK, id="unknown to DNS"),
    pytest.param(None, None, "getaddrinfo ENOTFOUND scim.example.com", C.NETWORK, id="ENOTFOUND"),
    pytest.param(None, None, "read ECONNRESET", C.NETWORK, id="ECONNRESET"),
    pytest.param(None, None, "read tcp 10.1.2.3:443: connection reset by peer", C.NETWORK, id="reset"),
    pytest.param(None, None, "Remote end closed connection without response", C.NETWORK, id="closed by the peer"),
    pytest.param(
        None, None, "remote error: tls: handshake failure", C.NETWORK, id="TLS handshake"
    ),
    pytest.param(
        None, None, "x509: certificate signed by unknown authority", C.CONFIGURATION, id="TLS verification is set up"
    ),
    pytest.param(
        None, None, "context deadline exceeded (Client.Timeout exceeded while awaiting headers)", C.NETWORK,
        id="time-out while waiting",
    ),
    pytest.param(None, None, "context deadline exceeded", C.NETWORK, id="deadline"),
    pytest.param(None, None, "Read timed out.", C.NETWORK, id="timed out"),
    pytest.param("408", "Request Timeout", None, C.NETWORK, id="408"),
    pytest.param("425", "Too Early", None, C.PROVIDER_ERROR, id="425"),
    pytest.param("500", None, None, C.PROVIDER_ERROR, id="500 empty"),
    pytest.param("500", "Internal Server Error", None, C.PROVIDER_ERROR, id="500"),
    pytest.param("502", "<html><body>502 Bad Gateway</body></html>", None, C.PROVIDER_ERROR, id="502 page"),
    pytest.param("503", "upstream connect error or disconnect/reset", None, C.PROVIDER_ERROR, id="503"),
    pytest.param("504", "Gateway Timeout", None, C.PROVIDER_ERROR, id="504 is the provider's"),
    pytest.param("500", "TypeError: Cannot read properties of undefined", None, C.PROVIDER_ERROR, id="500 a bug"),
    pytest.param("401", None, None, C.CREDENTIALS, id="401 empty"),
    pytest.param("401", scim(401, "Token rate limit; token is invalid"), None, C.CREDENTIALS, id="401 says rate"),
    pytest.param("401", "<html>Sign in</html>", None, C.CREDENTIALS, id="401 page"),
    pytest.param("403", None, None, C.PERMISSION, id="403 empty"),
    pytest.param("403", "The token has expired", None, C.CREDENTIALS, id="403 for an expired token"),
    pytest.param("400", "invalid_grant", None, C.CREDENTIALS, id="400 invalid_grant"),
    pytest.param("400", scim(400, "User already exists", "uniqueness"), None, C.CONFLICT, id="400 uniqueness"),
    pytest.param("409", scim(409, "", "uniqueness"), None, C.CONFLICT, id="409 uniqueness, no words"),
    pytest.param("409", None, None, C.CONFLICT, id="409 empty"),
    pytest.param("412", "userName must be unique", None, C.CONFLICT, id="412 duplicate"),
    pytest.param("422", '{"errors":{"email":["has already been taken"]}}', None, C.CONFLICT, id="422 taken"),
    pytest.param("400", "A user with this email already exists", None, C.CONFLICT, id="400 duplicate in words"),
    pytest.param("400", "User already in the account", None, C.CONFLICT, id="400 in the account"),
    pytest.param("400", "Email is already associated with another account", None, C.CONFLICT, id="400 associated"),
    pytest.param("422", "Email is already being used by another user", None, C.CONFLICT, id="422 being used"),
    pytest.param("400", "Username is not available", None, C.CONFLICT, id="400 a name that is not available"),
    pytest.param("400", "Maximum number of licensed users reached", None, C.QUOTA, id="400 licensed users"),
    pytest.param("400", "Unable to find a user with id 7", None, C.NOT_FOUND, id="400 unable to find"),
    pytest.param(
        "500", 'ERROR: duplicate key value violates unique constraint "users_email_key"', None, C.CONFLICT,
        id="500 plain-text duplicate",
    ),
    pytest.param("500", "Error: username taken", None, C.CONFLICT, id="500 taken"),
    pytest.param("409", "User must be Active", None, C.INVALID_VALUE, id="409 of a state, not a duplicate"),
    pytest.param(
        "409", scim(409, "Email address violates the domain policy of this organization"), None, C.INVALID_VALUE,
        id="409 that is a policy",
    ),
    pytest.param("412", "Precondition failed", None, C.PROVIDER_ERROR, id="412 of a version: try again"),
    pytest.param("400", scim(400, "no match for path", "noTarget"), None, C.UNSUPPORTED, id="400 noTarget"),
    pytest.param("400", scim(400, "bad path", "invalidPath"), None, C.UNSUPPORTED, id="400 invalidPath"),
    pytest.param("400", scim(400, "userName is read-only", "mutability"), None, C.UNSUPPORTED, id="400 mutability"),
    pytest.param("400", scim(400, "bad", "invalidValue"), None, C.INVALID_VALUE, id="400 invalidValue"),
    pytest.param("400", scim(400, "bad", "invalidSyntax"), None, C.INVALID_VALUE, id="400 invalidSyntax"),
    pytest.param("400", scim(400, "password in URI", "sensitive"), None, C.INVALID_VALUE, id="400 sensitive"),
    pytest.param("422", scim(422, "is not a valid phone number"), None, C.INVALID_VALUE, id="422"),
    pytest.param("422", None, None, C.INVALID_VALUE, id="422 empty"),
    pytest.param("400", scim(400, "filter", "invalidFilter"), None, C.UNSUPPORTED, id="400 invalidFilter"),
    pytest.param("501", None, None, C.UNSUPPORTED, id="501 empty"),
    pytest.param("501", "Filtering is not implemented", None, C.UNSUPPORTED, id="501 on a filter"),
    pytest.param("405", "<html>Method Not Allowed</html>", None, C.CONFIGURATION, id="405 from a web server"),
    pytest.param("400", scim(400, "yields too many results", "tooMany"), None, C.TOO_LARGE, id="400 tooMany"),
    pytest.param("413", "<html>Request Entity Too Large</html>", None, C.TOO_LARGE, id="413 page"),
    pytest.param("404", scim(404, "Resource 2819c223 not found"), None, C.NOT_FOUND, id="404 scim body"),
    pytest.param("404", None, None, C.NOT_FOUND, id="404 empty"),
    pytest.param("400", "Application role 'x' not found", None, C.NOT_FOUND, id="400 a role of the application"),
    pytest.param("400", "Unknown organization unit", None, C.UNKNOWN, id="400 a unit of the organization"),
    pytest.param("400", "Unknown organization", None, C.CONFIGURATION, id="400 the organization itself"),
    pytest.param("404", "<!DOCTYPE html><h1>Not Found</h1>", None, C.CONFIGURATION, id="404 page: the base URL"),
    pytest.param("404", "Cannot POST /scim/v2//Users", None, C.CONFIGURATION, id="404 of a web framework"),
    pytest.param("410", "Gone", None, C.NOT_FOUND, id="410"),
    pytest.param("301", None, None, C.CONFIGURATION, id="301"),
    pytest.param("302", "<html>Redirecting to /login</html>", None, C.CONFIGURATION, id="302 page"),
    pytest.param("200", "<html>Welcome</html>", None, C.MALFORMED_RESPONSE, id="200 page"),
    pytest.param("200", None, "unexpected end of JSON input", C.MALFORMED_RESPONSE, id="200 cut short"),
    pytest.param("201", None, "response has no id", C.MALFORMED_RESPONSE, id="201 without id"),
    pytest.param(
        None, None, "invalid character '<' looking for beginning of value", C.MALFORMED_RESPONSE, id="HTML for JSON"
    ),
]  # fmt: skip

PROVIDERS = [
    pytest.param("400", "user_already_exists", None, C.CONFLICT, id="a slug"),
    pytest.param("400", scim(400, "username_taken"), None, C.CONFLICT, id="a slug, taken"),
    pytest.param("403", "You have reached the maximum number of seats", None, C.QUOTA, id="403 seats"),
    pytest.param("403", scim(403, "No licenses available"), None, C.QUOTA, id="403 licences"),
    pytest.param("402", "Payment required", None, C.QUOTA, id="402"),
    pytest.param("400", "User limit reached for your plan", None, C.QUOTA, id="400 user limit"),
    pytest.param("409", "Seat limit exceeded", None, C.QUOTA, id="409 seats"),
    pytest.param("403", "SCIM is disabled for this organization", None, C.CONFIGURATION, id="403 switched off"),
    pytest.param("403", "SCIM provisioning is not enabled", None, C.CONFIGURATION, id="403 not enabled"),
    pytest.param("404", scim(404, "SCIM not enabled for workspace"), None, C.CONFIGURATION, id="404 not enabled"),
    pytest.param(
        "403", "Your plan does not include SCIM. Upgrade your plan", None, C.CONFIGURATION, id="403 not in the plan"
    ),
    pytest.param("403", "Must be an organization admin", None, C.PERMISSION, id="403 admin"),
    pytest.param("403", scim(403, "missing_scope"), None, C.PERMISSION, id="403 scope"),
    pytest.param("403", "Insufficient privileges to complete the operation", None, C.PERMISSION, id="403 privileges"),
    pytest.param("400", "Token's owner is not a superuser", None, C.PERMISSION, id="400 superuser"),
    pytest.param(
        "400", scim(400, "Member 63ec9bba89a64e507ce0a4c2 does not exist"), None, C.NOT_FOUND, id="400 unknown member"
    ),
    pytest.param("400", scim(400, "Members 7, 9 do not exist"), None, C.NOT_FOUND, id="400 several unknown members"),
    pytest.param("400", scim(400, "Unknown custom field 'badge'"), None, C.INVALID_VALUE, id="400 unknown field"),
    pytest.param("400", scim(400, "Your note exceeds 10 characters"), None, C.INVALID_VALUE, id="400 characters"),
    pytest.param("400", scim(400, "invalid_client"), None, C.CREDENTIALS, id="400 client"),
    pytest.param("400", scim(400, "The value is not one of: a, b"), None, C.INVALID_VALUE, id="400 none of them"),
    pytest.param("400", scim(400, "This is immutable"), None, C.UNSUPPORTED, id="400 immutable"),
    pytest.param(None, None, 'Post "https://api.example/Users": EOF', C.NETWORK, id="EOF"),
    pytest.param("400", "Could not find user with id 42", None, C.NOT_FOUND, id="400 could not find"),
    pytest.param("404", scim("404", "Group member not found"), None, C.NOT_FOUND, id="404 member, status as text"),
    pytest.param("400", scim(400, "One or more members are invalid: user 7 not found"), None, C.NOT_FOUND,
                 id="one unknown member rejects the push"),
    pytest.param(
        "400", scim(400, "PATCH operation 'remove' with value is not supported"), None, C.UNSUPPORTED,
        id="400 PATCH form",
    ),
    pytest.param("400", "Unsupported PATCH operation", None, C.UNSUPPORTED, id="400 unsupported"),
    pytest.param("403", "Deleting users is not supported", None, C.UNSUPPORTED, id="403 unsupported"),
    pytest.param("400", "Missing required attribute: userName", None, C.MISSING_ATTRIBUTE, id="400 missing"),
    pytest.param("400", scim(400, "familyName cannot be blank"), None, C.MISSING_ATTRIBUTE, id="400 blank"),
    pytest.param(
        "400", scim(400, "Attribute 'emails' is required", "invalidValue"), None, C.MISSING_ATTRIBUTE,
        id="400 invalidValue for an absent one",
    ),
    pytest.param("400", "Invalid email: a domain is required", None, C.INVALID_VALUE, id="invalid, not missing"),
    pytest.param("400", "password must be at least 8 characters", None, C.INVALID_VALUE, id="a weak password"),
    pytest.param("400", "Email domain is not verified", None, C.INVALID_VALUE, id="unverified domain"),
    pytest.param("400", "Bearer authentication required", None, C.CREDENTIALS, id="400 bearer"),
    pytest.param("400", "Bad Request", None, C.UNKNOWN, id="400 says nothing"),
    pytest.param("400", None, None, C.UNKNOWN, id="400 empty"),
    pytest.param(None, None, None, C.UNKNOWN, id="nothing at all"),
    pytest.param(None, None, "Something went wrong", C.UNKNOWN, id="nothing of use"),
    pytest.param("503", "Too many requests, slow down", None, C.RATE_LIMITED, id="503 that is a rate"),
    pytest.param("500", "Request was throttled", None, C.RATE_LIMITED, id="500 that is a rate"),
    pytest.param("403", "API rate limit exceeded", None, C.RATE_LIMITED, id="403 that is a rate"),
    pytest.param("400", "Request body could not be parsed", None, C.INVALID_VALUE, id="400 of the request's syntax"),
    pytest.param("500", "Unexpected token < in JSON", None, C.PROVIDER_ERROR, id="500 a parser's"),
    pytest.param("403", "Email domain example.org is not allowed", None, C.INVALID_VALUE, id="403 domain"),
    pytest.param("409", "The user is locked by a concurrent update", None, C.PROVIDER_ERROR, id="409 that is a lock"),
    pytest.param("409", "Already a member of the group", None, C.CONFLICT, id="409 already a member"),
    pytest.param("400", "ThrottlingException", None, C.RATE_LIMITED, id="an exception's name, rate"),
    pytest.param("400", "ResourceNotFoundException", None, C.NOT_FOUND, id="an exception's name, absent"),
    pytest.param("400", "ServiceQuotaExceededException", None, C.QUOTA, id="an exception's name, quota"),
    pytest.param("403", "AccessDeniedException", None, C.PERMISSION, id="an exception's name, permission"),
    pytest.param(
        None, '{"Errors":[{"description":"user_not_found","code":"404"}]}', None, C.NOT_FOUND, id="a SCIM 1.1 body"
    ),
    pytest.param(
        "422", '{"message":"Validation Failed","errors":[{"code":"already_exists"}]}', None, C.CONFLICT,
        id="the reason under errors",
    ),
]  # fmt: skip

STATES = [
    pytest.param("400", scim(400, "User is already deactivated"), None, C.CONFLICT, id="400 is so already"),
    pytest.param("409", "The account is already suspended", None, C.CONFLICT, id="409 is so already"),
    pytest.param("400", "User was already deleted", None, C.NOT_FOUND, id="400 already gone"),
    pytest.param("400", "The last owner cannot be removed", None, C.UNSUPPORTED, id="400 the last owner"),
    pytest.param("422", "The last owner cannot be deprovisioned", None, C.UNSUPPORTED, id="422 the last owner"),
    pytest.param("403", "Cannot deactivate the last admin", None, C.UNSUPPORTED, id="403 the last admin"),
    pytest.param(None, None, "A workspace needs at least one owner", C.UNSUPPORTED, id="at least one owner"),
    pytest.param("400", "Service accounts cannot be deactivated", None, C.UNSUPPORTED, id="400 a kind of account"),
    pytest.param("409", "Default groups can't be deleted", None, C.UNSUPPORTED, id="409 a kind of group"),
    pytest.param("403", "Your trial has ended", None, C.QUOTA, id="403 trial"),
    pytest.param("400", scim(400, "Trial expired"), None, C.QUOTA, id="400 trial"),
    pytest.param("400", "User is suspended", None, C.INVALID_VALUE, id="400 suspended"),
    pytest.param("409", "The user is suspended", None, C.INVALID_VALUE, id="409 suspended: a state, not a duplicate"),
    pytest.param("400", "Cannot update a deactivated user", None, C.INVALID_VALUE, id="400 deactivated"),
    pytest.param("400", "Your account has been suspended", None, C.CONFIGURATION, id="400 the whole account"),
    pytest.param("403", "This organization is deactivated", None, C.CONFIGURATION, id="403 the organization"),
    pytest.param("400", "The user does not belong to this workspace", None, C.NOT_FOUND, id="400 of another workspace"),
    pytest.param("400", "The service is temporarily unavailable", None, C.PROVIDER_ERROR, id="400 of its own failure"),
    pytest.param("400", "Malformed JSON", None, C.INVALID_VALUE, id="400 of the request's form"),
    pytest.param("400", "Cannot update user: title is too long", None, C.INVALID_VALUE, id="the reason after it"),
    pytest.param("400", "Cannot update user: seat limit reached", None, C.QUOTA, id="the reason after it, seats"),
    pytest.param(None, None, "Cannot update user: connection reset", C.NETWORK, id="the reason after it, network"),
    pytest.param("400", "The request cannot be processed", None, C.UNKNOWN, id="400 that tells no reason"),
]

STATUSES = [
    pytest.param(409, "member already exists", None, C.CONFLICT, id="status an integer"),
    pytest.param("409 Conflict", "member already exists", None, C.CONFLICT, id="status with its phrase"),
    pytest.param(None, scim(429, "slow"), None, C.RATE_LIMITED, id="status only in the body, integer"),
    pytest.param(None, scim("429", "slow"), None, C.RATE_LIMITED, id="status only in the body, text"),
    pytest.param(None, None, "SCIM server returned 401", C.CREDENTIALS, id="returned 401"),
    pytest.param(None, None, "HTTP 503 Service Unavailable", C.PROVIDER_ERROR, id="HTTP 503"),
    pytest.param(None, None, "HTTP/1.1 429 Too Many Requests", C.RATE_LIMITED, id="a status line"),
    pytest.param(None, None, "request failed with status code 413", C.TOO_LARGE, id="status code 413"),
    pytest.param(None, None, "409: " + scim(detail="User exists", scim_type="uniqueness"), C.CONFLICT, id="409: body"),
    pytest.param(None, None, "Request failed (403)", C.PERMISSION, id="in brackets"),
    pytest.param("", None, "404 Not Found", C.NOT_FOUND, id="status empty, text begins with one"),
    pytest.param("ok", "member already exists", None, C.CONFLICT, id="status no number"),
    pytest.param(0, None, "timeout of 60000ms exceeded", C.NETWORK, id="status zero"),
    pytest.param("400", {"detail": "userName is required"}, None, C.MISSING_ATTRIBUTE, id="details an object"),
    pytest.param("400", [{"detail": "Invalid value"}], None, C.INVALID_VALUE, id="details a list"),
]


@pytest.mark.parametrize(("code", "details", "error", "cause"), [*PUBLISHED, *ANSWERS, *PROVIDERS, *STATES, *STATUSES])
def test_an_answer_has_its_cause(code: str | int | None, details: Any, error: str | None, cause: Cause) -> None:
    found = failed(code, details, error=error)

    assert found.cause == cause, found.detail
    assert found.retryable is CAUSES[cause].retryable


@pytest.mark.parametrize(
    "text", ["user 401 Main Street", "room 404", "ticket 409123", "port 443", "id 500abc", "500 users were read"]
)
def test_a_number_that_is_no_status_is_not_taken_for_one(text: str) -> None:
    assert failed(None, None, error=text).http_status == 0


@pytest.mark.parametrize(
    ("text", "status"),
    [
        pytest.param("status=409", 409, id="status="),
        pytest.param('{"error":{"code":403,"message":"no"}}', 403, id="an object under error"),
        pytest.param("HTTP 500", 500, id="HTTP"),
        pytest.param("SCIM server responded with 422", 422, id="responded with"),
        pytest.param("error: 429", 429, id="error:"),
    ],
)
def test_a_status_is_found_in_the_text(text: str, status: int) -> None:
    assert failed(None, None, error=text).http_status == status


def test_the_detail_of_a_body_is_shown_without_its_braces() -> None:
    found = failed("409", scim(409, "User w.wonka@example.com already exists", "uniqueness"))

    assert found.detail == "User [address] already exists"
    assert found.scim_type == "uniqueness"


@pytest.mark.parametrize(
    ("text", "attribute"),
    [
        pytest.param("Attribute 'emails' is required", "emails", id="quoted"),
        pytest.param("Invalid email address", "emails", id="in words"),
        pytest.param("givenName, familyName, userName, displayName all required", "name.givenName", id="the first"),
        pytest.param("phonenumber is not valid", "phoneNumbers", id="spelt otherwise"),
        pytest.param("something is invalid", "", id="none"),
    ],
)
def test_the_attribute_at_fault_is_named(text: str, attribute: str) -> None:
    assert failed("400", text).attribute == attribute


def test_only_failures_have_causes() -> None:
    succeeded = facts(
        from_object({"timestamp": "x", "event_type": "user_create_provision", "success": True, "error_message": "429"})
    )
    other = facts(from_object({"timestamp": "x", "event_type": "user_login_attempt", "success": False}))

    assert (succeeded.cause, succeeded.retryable) == ("", False)
    assert (other.cause, other.outcome) == ("", "failure")


def test_every_cause_has_its_words() -> None:
    for text in CAUSES.values():
        assert text.sentence.endswith(".")
        assert text.remedy.endswith(".")


@pytest.mark.parametrize(
    ("scope", "causes"),
    [
        pytest.param(Scope.INTEGRATION, oracle.WHOLE, id="with any success at the application"),
        pytest.param(Scope.EVENT_TYPE, oracle.TYPE, id="with any success of the same type"),
        pytest.param(Scope.SUBJECT, set(Cause) - oracle.WHOLE - oracle.TYPE, id="with everybody's own success"),
    ],
)
def test_an_incident_ends(scope: Scope, causes: set[str]) -> None:
    assert {cause for cause in Cause if CAUSES[cause].ends_with is scope} == causes

"""What is known about applications, by cause: their answers, and what helped. Tests read every answer as an event."""

from __future__ import annotations

from typing import Final, NamedTuple

from schemas.cause import Cause


class Example(NamedTuple):
    """One answer, and what is derived from it."""

    status: int
    """0 if the directory logged none."""
    text: str
    attribute: str = ""
    scim_type: str = ""
    of: str = "user_create_provision"
    """The event's type."""
    by: str = ""
    """Whose answer it is, if known."""


_GROUP: Final = "group_update_provision"

EXAMPLES: Final[dict[Cause, tuple[Example, ...]]] = {
    Cause.CREDENTIALS: (
        Example(401, "Unauthorized: api key user not found", by="JumpCloud"),
        Example(401, "UnauthorizedException", by="AWS IAM Identity Center"),
        Example(403, "The token has expired"),
        Example(400, "invalid_grant"),
        Example(0, "SCIM server returned 401"),
    ),
    Cause.PERMISSION: (
        Example(403, "Insufficient privileges to complete the operation"),
        Example(403, "AccessDeniedException"),
        Example(400, "Token's owner is not a superuser"),
        Example(403, "missing_scope"),
    ),
    Cause.CONFLICT: (
        Example(409, "User already exists in the database.", by="Sentry"),
        Example(409, "member already exists", by="LaunchDarkly"),
        Example(400, "A user with this userName already exists", "userName", "uniqueness"),
        Example(500, 'duplicate key value violates unique constraint "users_email_key"'),
        Example(200, "lookup is ambiguous: multiple users match"),
        Example(400, "User is already deactivated", of="user_deprovision"),
    ),
    Cause.INVALID_VALUE: (
        Example(400, "Invalid email address", "emails", by="LaunchDarkly"),
        Example(400, "Name length must not exceed 256 characters", "name", by="LaunchDarkly"),
        Example(400, "Unknown custom role 'x'", by="LaunchDarkly"),
        Example(400, "List attribute emails exceeds allowed limit of 1", "emails"),
        Example(
            400, "Request is unparsable, syntactically incorrect, or violates schema", "", "invalidSyntax",
            by="AWS IAM Identity Center",
        ),
        Example(400, "title: value must not exceed 100 characters", "title", "invalidValue"),
        Example(409, "Email address violates the domain policy of this organization", "emails"),
        Example(400, "'costCenter' must be a number", "costCenter"),
        Example(
            0, "Failed to evaluate mapping for name.familyName: cannot fetch x from <nil> (1:13)", "name.familyName"
        ),
        Example(400, "The user is suspended", of="user_update_provision"),
    ),
    Cause.MISSING_ATTRIBUTE: (
        Example(400, "givenName is required", "name.givenName"),
        Example(400, "Required attribute name.familyName is missing", "name.familyName", "invalidValue"),
        Example(400, "schemas.name.familyName: This field may not be blank.", "name.familyName"),
        Example(400, "Attribute 'emails' is required", "emails", "invalidValue"),
    ),
    Cause.NOT_FOUND: (
        Example(
            404, "No valid resources: [{memberId=3074457345618265000, display=null}]", "members", of=_GROUP, by="Miro"
        ),
        Example(404, "member not found", by="LaunchDarkly"),
        Example(400, "Member 63ec9bba89a64e507ce0a4c2 does not exist", "members", of=_GROUP),
        Example(404, "Resource 2819c223 not found", of="user_update_provision"),
        Example(400, "The user's manager does not exist", "manager", of="user_update_provision"),
        Example(400, "The user does not belong to this workspace", of="user_update_provision"),
    ),
    Cause.UNSUPPORTED: (
        Example(405, "Method Not Allowed", by="Qase"),
        Example(400, "PATCH operation 'remove' with value is not supported", of=_GROUP),
        Example(400, 'path: "emails[type eq "work"].value" has no target', "emails", "noTarget"),
        Example(400, "userName is read-only", "userName", "mutability", of="user_update_provision"),
        Example(403, "Deleting groups through SCIM is not supported for project groups", of="group_delete_provision"),
        Example(400, "The last owner cannot be deprovisioned", of="user_deprovision"),
        Example(400, "Service accounts cannot be deactivated", of="user_deprovision"),
    ),
    Cause.RATE_LIMITED: (
        Example(429, "The user has sent too many requests in a given amount of time", "", "tooManyRequests", by="Miro"),
        Example(429, "ratelimited"),
        Example(400, "ThrottlingException"),
    ),
    Cause.QUOTA: (
        Example(403, "You have reached the maximum number of seats"),
        Example(402, "Payment required"),
        Example(400, "ServiceQuotaExceededException"),
        Example(403, "Your trial has ended"),
    ),
    Cause.TOO_LARGE: (
        Example(413, "Request payload is over 800000 bytes", of=_GROUP, by="Qase"),
        Example(400, "Too many members in one request: payload too large", "members", of=_GROUP),
        Example(400, "yields too many results", "", "tooMany"),
    ),
    Cause.PROVIDER_ERROR: (
        Example(500, "Internal Server Error"),
        Example(503, "upstream connect error or disconnect/reset"),
        Example(409, "The user is locked by a concurrent update", of="user_update_provision"),
        Example(400, "The service is temporarily unavailable"),
    ),
    Cause.NETWORK: (
        Example(0, "lookup scim.example.com: no such host"),
        Example(0, "read tcp 10.1.2.3:443: connection reset by peer"),
        Example(0, "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"),
        Example(408, "Request Timeout"),
    ),
    Cause.MALFORMED_RESPONSE: (
        Example(201, "json: cannot unmarshal number into Go struct field User.id of type string"),
        Example(0, "id in the response must be a string"),
        Example(200, "unexpected end of JSON input"),
    ),
    Cause.CONFIGURATION: (
        Example(0, "There was a problem activating identity management", of="idm_integration_activate", by="JumpCloud"),
        Example(404, "Cannot POST /scim/v2//Users"),
        Example(404, "<!DOCTYPE html><h1>Not Found</h1>"),
        Example(403, "SCIM is disabled for this organization"),
        Example(409, "The test user email already exists in your account", of="idm_integration_activate"),
        Example(0, "x509: certificate signed by unknown authority"),
    ),
    Cause.UNKNOWN: (
        Example(400, "Bad Request"),
        Example(0, "Something went wrong"),
    ),
}  # fmt: skip

NOTES: Final[dict[Cause, tuple[str, ...]]] = {
    Cause.CREDENTIALS: (
        "Every push fails until the integration is re-authorised, including the closing of leavers' accounts. `GET "
        "/api/v1/exposures` lists the accounts that stayed open meanwhile.",
        "After a new token, check in `idtrail failures` whether the failed attempts are retried; a change of the user "
        "group's record starts a new push.",
        "Some applications answer 403 or 400 for an expired token; the text decides.",
    ),
    Cause.PERMISSION: (
        "Snipe-IT requires a superuser's token; others require one of an owner or administrator of the organization.",
        "If only one person or group is refused, the token is fine, but that object is protected in the application.",
    ),
    Cause.CONFLICT: (
        "Often somebody made the account by hand. Sentry and LaunchDarkly answer 409 without a SCIM type, others 400, "
        "or 500 with a database error.",
        "A duplicate right after a time-out or a 429 is usually the account that the first attempt created after all.",
        "Some applications take over a group of the same name; others, such as Statsig, never do.",
        "`already deactivated` and the like: the account is in the requested state, and there is nothing to fix.",
    ),
    Cause.INVALID_VALUE: (
        "AWS IAM Identity Center accepts one address, one telephone number and no empty texts, and refuses `<>;:%`.",
        "Several applications accept only addresses in domains that they have verified.",
        "The directory does not check a constant in a mapping before sending it.",
        "An account's state can be refused like a value: an account that is suspended, archived or inactive at the "
        "application accepts no changes until it is activated there.",
        "`idtrail events ID` compares the shape of the refused value with the last accepted one.",
    ),
    Cause.MISSING_ATTRIBUTE: (
        "AWS IAM Identity Center requires a given name, family name, user name and display name for everybody.",
        "A changed mapping is not sent until the user group's record changes.",
    ),
    Cause.NOT_FOUND: (
        "Miro and others refuse a group's whole push for one member that they do not know: create that account first.",
        "A 404 that is a web page says nothing about the account, and is `configuration`.",
        "On a closing or a deletion, a 404 without details, or about the account itself, is not a failure but "
        "`reported_absent`. Any other 404 is a failure, and `unknown` if no other cause is recognised.",
    ),
    Cause.UNSUPPORTED: (
        "Statsig neither renames nor deletes project groups through SCIM; Miro's and Databricks' older integrations "
        "need group management to be switched off.",
        "Applications without PATCH or PUT answer 405 or 501, some 404 with a web page.",
        "Applications keep their last owner, their service accounts and their own groups: appoint another owner there "
        "first, then remove the account by hand.",
    ),
    Cause.RATE_LIMITED: (
        "Slack accepts 180 writes of users a minute and 600 of all kinds in an organization; Miro accepts 5 changes of "
        "large groups in 30 seconds.",
        "Many answers state the wait in `Retry-After`; binding several large groups at once makes it worse.",
    ),
    Cause.QUOTA: (
        "Applications answer 402, 403 or 409 if a plan is full, rarely with a SCIM type.",
        "A trial or plan that has ended has no seats for anybody.",
    ),
    Cause.TOO_LARGE: ("Miro accepts 8,000 members or 800 kB in one request, Qase 800,000 bytes.",),
    Cause.PROVIDER_ERROR: (
        "A creation that was answered with 5xx may have succeeded: the next lookup shows it, and a duplicate is then "
        "harmless.",
    ),
    Cause.NETWORK: (
        "A request that timed out may have taken effect. Entra, for example, waits 60 seconds for an answer.",
        "Applications behind a firewall must allow the directory's addresses.",
    ),
    Cause.MALFORMED_RESPONSE: (
        "JumpCloud needs the account's `id` as text: it refuses a number although the account was created.",
    ),
    Cause.CONFIGURATION: (
        "JumpCloud makes a test user and a test group on activation: the test user's address must be free and, if the "
        "application checks it, in a verified domain.",
        "With a trailing `/` in the base URL some applications answer with a web page.",
        "The plan may not include SCIM.",
    ),
    Cause.UNKNOWN: ("Application vendors say that JumpCloud passes on little of their answers.",),
}

"""Why a provisioning attempt failed, what a person can do about it, and whose success shows that it is over."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Cause(StrEnum):
    """Why a provisioning attempt failed."""

    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    CONFLICT = "conflict"
    INVALID_VALUE = "invalid_value"
    MISSING_ATTRIBUTE = "missing_attribute"
    NOT_FOUND = "not_found"
    UNSUPPORTED = "unsupported"
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    TOO_LARGE = "too_large"
    PROVIDER_ERROR = "provider_error"
    NETWORK = "network"
    MALFORMED_RESPONSE = "malformed_response"
    CONFIGURATION = "configuration"
    UNKNOWN = "unknown"


class Scope(StrEnum):
    """Whose success ends a failure, because it shows that the cause is gone."""

    INTEGRATION = "integration"
    """Anybody's: the application accepts requests again."""
    EVENT_TYPE = "event_type"
    """Any success of the same event type: this operation works again."""
    SUBJECT = "subject"
    """Only the same person's or group's own."""


class CauseFacts(NamedTuple):
    """What is known of one cause, with advice for people."""

    sentence: str
    remedy: str
    retryable: bool
    """Whether the same attempt, unchanged, can succeed later."""
    ends_with: Scope
    """A failed closing, except for causes that concern the whole integration, ends only with a success of the same
    subject that closes or opens the account, whatever the scope."""
    of_attribute: bool
    """Whether the provider's text may name the attribute at fault."""


CAUSES: Final[dict[Cause, CauseFacts]] = {
    Cause.CREDENTIALS: CauseFacts(
        "The application refused the integration's credentials.",
        "Make a new token in the application and re-authorise the integration in the directory.",
        retryable=False,
        ends_with=Scope.INTEGRATION,
        of_attribute=False,
    ),
    Cause.PERMISSION: CauseFacts(
        "The credentials are valid, but do not permit this.",
        "Give the token's owner the application's administrator role, or issue the token as somebody who has it.",
        retryable=False,
        ends_with=Scope.EVENT_TYPE,
        of_attribute=False,
    ),
    Cause.CONFLICT: CauseFacts(
        "The application already has this account, group or member.",
        "Link the existing account (same user name or e-mail), or rename one of the two.",
        retryable=False,
        ends_with=Scope.SUBJECT,
        of_attribute=True,
    ),
    Cause.INVALID_VALUE: CauseFacts(
        "The application refused a value.",
        "Correct the attribute in the directory, or its mapping.",
        retryable=False,
        ends_with=Scope.SUBJECT,
        of_attribute=True,
    ),
    Cause.MISSING_ATTRIBUTE: CauseFacts(
        "The application requires an attribute that was not sent.",
        "Fill the attribute in the directory, or add it to the integration's mapping.",
        retryable=False,
        ends_with=Scope.SUBJECT,
        of_attribute=True,
    ),
    Cause.NOT_FOUND: CauseFacts(
        "The account, group or member does not exist at the application.",
        "If it was removed there by hand, bind the group again so that it is created again.",
        retryable=False,
        ends_with=Scope.SUBJECT,
        of_attribute=False,
    ),
    Cause.UNSUPPORTED: CauseFacts(
        "The application does not support this operation.",
        "Do it in the application by hand, or switch the feature off in the integration.",
        retryable=False,
        ends_with=Scope.SUBJECT,
        of_attribute=True,
    ),
    Cause.RATE_LIMITED: CauseFacts(
        "The application asked to slow down.",
        "If it persists, push fewer groups at once; a later retry can succeed.",
        retryable=True,
        ends_with=Scope.SUBJECT,
        of_attribute=False,
    ),
    Cause.QUOTA: CauseFacts(
        "The application has no seats or capacity left.",
        "Buy or free seats in the application; the next retry then succeeds.",
        retryable=True,
        ends_with=Scope.EVENT_TYPE,
        of_attribute=False,
    ),
    Cause.TOO_LARGE: CauseFacts(
        "The request was larger than the application accepts.",
        "Split the group: its membership is pushed in one request.",
        retryable=False,
        ends_with=Scope.SUBJECT,
        of_attribute=True,
    ),
    Cause.PROVIDER_ERROR: CauseFacts(
        "The application had an internal error.",
        "If it persists, check the application's status page; a later retry can succeed.",
        retryable=True,
        ends_with=Scope.SUBJECT,
        of_attribute=False,
    ),
    Cause.NETWORK: CauseFacts(
        "The application could not be reached.",
        "Check the base URL's host, firewall and allow lists; a later retry can succeed.",
        retryable=True,
        ends_with=Scope.INTEGRATION,
        of_attribute=False,
    ),
    Cause.MALFORMED_RESPONSE: CauseFacts(
        "The application's answer was not valid SCIM.",
        "Report it to the application's vendor with the answer; check the base URL.",
        retryable=False,
        ends_with=Scope.SUBJECT,
        of_attribute=False,
    ),
    Cause.CONFIGURATION: CauseFacts(
        "The integration is set up wrongly, or switched off at the application.",
        "Check the base URL (no trailing slash), that SCIM is enabled there, and the test user's address.",
        retryable=False,
        ends_with=Scope.INTEGRATION,
        of_attribute=False,
    ),
    Cause.UNKNOWN: CauseFacts(
        "The record does not say why.",
        "Open the event for the raw answer; the application's own log may say more.",
        retryable=False,
        ends_with=Scope.SUBJECT,
        of_attribute=False,
    ),
}
"""A provider's own errors and its rate limits end person by person: half an outage lets some requests through. So do
failures because of something unsupported, or not allowed for this account (a last owner): another account's success
shows nothing about it."""


def scope_of(cause: str) -> Scope:
    """Return the scope of a cause as stored; an unknown cause ends with the subject's own success."""
    return CAUSES[Cause(cause)].ends_with if cause in CAUSES else Scope.SUBJECT

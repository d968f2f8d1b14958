"""Why a provisioning attempt failed, and what a person can do about it."""

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


class CauseText(NamedTuple):
    """Advice on one cause for people."""

    sentence: str
    remedy: str
    retryable: bool
    """Whether the same attempt, unchanged, can succeed later."""


CAUSES: Final[dict[Cause, CauseText]] = {
    Cause.CREDENTIALS: CauseText(
        "The application refused the integration's credentials.",
        "Make a new token in the application and re-authorise the integration in the directory.",
        False,
    ),
    Cause.PERMISSION: CauseText(
        "The credentials are valid, but do not permit this.",
        "Give the token's owner the application's administrator role, or issue the token as somebody who has it.",
        False,
    ),
    Cause.CONFLICT: CauseText(
        "The application already has this account, group or member.",
        "Link the existing account (same user name or e-mail), or rename one of the two.",
        False,
    ),
    Cause.INVALID_VALUE: CauseText(
        "The application refused a value.",
        "Correct the attribute in the directory, or its mapping.",
        False,
    ),
    Cause.MISSING_ATTRIBUTE: CauseText(
        "The application requires an attribute that was not sent.",
        "Fill the attribute in the directory, or add it to the integration's mapping.",
        False,
    ),
    Cause.NOT_FOUND: CauseText(
        "The account, group or member does not exist at the application.",
        "If it was removed there by hand, bind the group again so that it is created again.",
        False,
    ),
    Cause.UNSUPPORTED: CauseText(
        "The application does not support this operation.",
        "Do it in the application by hand, or switch the feature off in the integration.",
        False,
    ),
    Cause.RATE_LIMITED: CauseText(
        "The application asked to slow down.",
        "If it persists, push fewer groups at once; a later retry can succeed.",
        True,
    ),
    Cause.QUOTA: CauseText(
        "The application has no seats or capacity left.",
        "Buy or free seats in the application; the next retry then succeeds.",
        True,
    ),
    Cause.TOO_LARGE: CauseText(
        "The request was larger than the application accepts.",
        "Split the group: its membership is pushed in one request.",
        False,
    ),
    Cause.PROVIDER_ERROR: CauseText(
        "The application had an internal error.",
        "If it persists, check the application's status page; a later retry can succeed.",
        True,
    ),
    Cause.NETWORK: CauseText(
        "The application could not be reached.",
        "Check the base URL's host, firewall and allow lists; a later retry can succeed.",
        True,
    ),
    Cause.MALFORMED_RESPONSE: CauseText(
        "The application's answer was not valid SCIM.",
        "Report it to the application's vendor with the answer; check the base URL.",
        False,
    ),
    Cause.CONFIGURATION: CauseText(
        "The integration is set up wrongly, or switched off at the application.",
        "Check the base URL (no trailing slash), that SCIM is enabled there, and the test user's address.",
        False,
    ),
    Cause.UNKNOWN: CauseText(
        "The record does not say why.",
        "Open the event for the raw answer; the application's own log may say more.",
        False,
    ),
}

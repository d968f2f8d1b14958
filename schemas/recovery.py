"""Defines what ends a failure: whose success shows that its cause is gone."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from schemas.cause import Cause


class Scope(StrEnum):
    """Whose success ends a failure."""

    INTEGRATION = "integration"
    """Anybody's: the application accepts requests again."""
    EVENT_TYPE = "event_type"
    """Any success of the same event type: this operation works again."""
    SUBJECT = "subject"
    """Only the same person's or group's own."""


_WIDER: Final = {
    Cause.CREDENTIALS: Scope.INTEGRATION,
    Cause.NETWORK: Scope.INTEGRATION,
    Cause.CONFIGURATION: Scope.INTEGRATION,
    Cause.PERMISSION: Scope.EVENT_TYPE,
    Cause.QUOTA: Scope.EVENT_TYPE,
}
SCOPES: Final = {cause: _WIDER.get(cause, Scope.SUBJECT) for cause in Cause}
"""A provider's own errors and its rate limits also end person by person: half an outage lets some requests through. So
do failures because of something unsupported, or not allowed for this account (a last owner): another account's success
shows nothing about it.

A failed closing, except for causes that concern the whole integration, ends only with a success of the same subject
that closes or opens the account, whatever the scope.
"""


def scope_of(cause: str) -> Scope:
    """Return the scope of a cause as stored; an unknown cause ends with the subject's own success."""
    try:
        return SCOPES[Cause(cause)]
    except ValueError:
        return Scope.SUBJECT

"""What ends a trouble: whose success shows that a cause of failure is gone."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from schemas.cause import Cause


class Scope(StrEnum):
    """Whose success it takes."""

    INTEGRATION = "integration"
    """Anybody's: the application takes requests again."""
    EVENT_TYPE = "event_type"
    """One of the same event type: this may be done again."""
    SUBJECT = "subject"
    """The same person's or group's own."""


_WIDER: Final = {
    Cause.CREDENTIALS: Scope.INTEGRATION,
    Cause.NETWORK: Scope.INTEGRATION,
    Cause.CONFIGURATION: Scope.INTEGRATION,
    Cause.PERMISSION: Scope.EVENT_TYPE,
    Cause.QUOTA: Scope.EVENT_TYPE,
}
SCOPES: Final = {cause: _WIDER.get(cause, Scope.SUBJECT) for cause in Cause}
"""A provider's own errors and its rate limits end person by person too: half an outage lets some through. So does what
is not supported, or not of this account (a last owner): that another one's title was taken shows nothing of it.

A closing that failed, but for what concerns the whole integration, ends with nothing but the subject's own success that
closes or opens the account, whatever the scope.
"""


def scope_of(cause: str) -> Scope:
    """The scope of a cause as the store has it; an unknown one ends with the person's own success."""
    try:
        return SCOPES[Cause(cause)]
    except ValueError:
        return Scope.SUBJECT

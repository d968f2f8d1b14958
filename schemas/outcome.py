"""What became of an attempt, read from what the directory logged. Success is never guessed."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Outcome(StrEnum):
    """What became of one attempt."""

    SUCCESS = "success"
    FAILURE = "failure"
    REPORTED_ABSENT = "reported_absent"
    """A deprovision or delete was answered 404: probably gone, but not the same as confirmed."""
    UNKNOWN = "unknown"
    """The record does not say, or contradicts itself."""


REMOVALS: Final = frozenset({"user_deprovision", "user_delete_provision", "group_delete_provision"})

CONTRADICTED: Final = "success_contradicted"
"""Flag: `success` is true, but the response code is an error."""


class Evidence(NamedTuple):
    """What a record says about its own outcome."""

    event_type: str
    success: bool | None
    response_code: int
    """The provider's HTTP status in `message_chain`; 0 where there is none."""
    error_message: str
    html: bool
    """The provider answered with a web page, not with SCIM."""


def judge(evidence: Evidence) -> tuple[Outcome, str]:
    """The outcome, and a flag (`CONTRADICTED` or empty).

    In order: a 404 on a removal; `success`, unless the code contradicts it; the code; a non-empty
    error message; a lookup, which is only logged when it went wrong; otherwise unknown.
    """
    event_type, success, code, error_message, html = evidence
    if code == 404 and not html and event_type in REMOVALS:
        return Outcome.REPORTED_ABSENT, ""
    if success is not None:
        if success and code >= 400:
            return Outcome.UNKNOWN, CONTRADICTED
        return (Outcome.SUCCESS if success else Outcome.FAILURE), ""
    if code:
        return (Outcome.SUCCESS if 200 <= code < 300 else Outcome.FAILURE), ""
    if error_message:
        return Outcome.FAILURE, ""
    if event_type == "user_lookup_provision":
        return Outcome.FAILURE, ""
    return Outcome.UNKNOWN, ""

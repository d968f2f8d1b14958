"""Derives the outcome of an attempt from what the directory logged. Success is never guessed."""

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


CONTRADICTED: Final = "success_contradicted"
"""Flag: `success` is true, but the answer's status is no 2xx or its body denies it."""
ANSWER_CONTRADICTED: Final = "answer_contradicted"
"""Flag: `success` is absent and the response code a good one, but an error message or the body contradicts it."""


class Evidence(NamedTuple):
    """The parts of a record that say something about its outcome."""

    removal: bool
    """Whether it was to close an account or delete a group."""
    lookup: bool
    success: bool | None
    response_code: int
    """The provider's HTTP status in `message_chain`; 0 if there is none."""
    status: int
    """`response_code`, or else a status in a text."""
    error_message: str
    body_denies: bool
    """Whether the texts contradict the status: a web page or an error under a 200, an account that is
    still active after a deprovision, or a 404 of something else."""


def judge(evidence: Evidence) -> tuple[Outcome, str]:
    """Return the outcome, and a flag or an empty text.

    The first of these that applies decides: a 404 on a removal, unless the body is about something else; `success`,
    unless the answer contradicts it, by its status or its body; the code, unless a body or an error message contradicts
    a good one; a non-empty error message; a lookup, which is only logged when it fails; otherwise unknown.
    """
    removal, lookup, success, code, status, error_message, body_denies = evidence
    if status == 404 and removal and not body_denies:
        return Outcome.REPORTED_ABSENT, ""
    if success is not None:
        if success and (status >= 300 or body_denies):
            return Outcome.UNKNOWN, CONTRADICTED
        return (Outcome.SUCCESS if success else Outcome.FAILURE), ""
    if 200 <= code < 300:
        denied = body_denies or error_message
        return (Outcome.UNKNOWN, ANSWER_CONTRADICTED) if denied else (Outcome.SUCCESS, "")
    if code:
        return Outcome.FAILURE, ""
    if error_message:
        return Outcome.FAILURE, ""
    if lookup:
        return Outcome.FAILURE, ""
    return Outcome.UNKNOWN, ""

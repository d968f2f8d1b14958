"""Derives what a record says about its attempt: outcome, cause, and the provider's answer.

Many attempts get the same answer; it is read, judged and classified once.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from schemas.absence import tells_absence
from schemas.answer import read_answer, tells_active
from schemas.attribute import attribute_in, spelling
from schemas.cause import CAUSES, Cause
from schemas.classification import Answer, classify
from schemas.events import REMOVALS, DirectoryEvent, Event, Kind, UserDeprovision, UserLookupProvision
from schemas.jsontext import encode
from schemas.member import misses_member
from schemas.outcome import Evidence, Outcome, judge
from schemas.redaction import redact_text
from schemas.withheld import withhold

MAX_DETAIL: Final = 500
MAX_REMEMBERED: Final = 4096
"""Longer answers are not cached: they come from outside."""

_ADDRESS = re.compile(r"(?<![\w.+'-])[\w.+'-]+@[\w-]+(?:\.[\w-]+)+")


class Verdict(NamedTuple):
    """The columns that depend only on the type and the answer, and the part of the answer that may be shown."""

    outcome: str
    http_status: int
    scim_type: str
    cause: str
    attribute: str
    detail: str
    retryable: bool
    flag: str
    """A contradiction, or empty."""


def verdict(event: Event, event_type: str) -> Verdict:
    """Return outcome and cause of the attempt that `event` records."""
    found = _read(event, event_type)
    if not found.detail:
        return found
    # Before the text is cut: otherwise part of a personal value at the cut would remain.
    detail = withhold(found.detail, event)
    if detail == found.detail:
        return found if len(detail) <= MAX_DETAIL else found._replace(detail=detail[:MAX_DETAIL])
    # `property 'ines'`: a name that only a withheld value gave is not an attribute.
    named = found.attribute in detail or spelling(found.attribute, known=True)
    return found._replace(detail=detail[:MAX_DETAIL], attribute=found.attribute if named else "")


def _read(event: Event, event_type: str) -> Verdict:
    chain, error, success = event.message_chain, event.error_message or "", event.success
    if success is None and isinstance(event, DirectoryEvent):
        success = event.sso_token_success
    classed = event_type if event.kind is not Kind.OTHER else ""
    if chain is None:
        return (_remembered if len(error) <= MAX_REMEMBERED else _verdict)(classed, success, None, "", "", error)
    message, details = chain.response_message or "", chain.message_details
    if not isinstance(details, str):
        details = "" if details is None else encode(details)
    code = chain.response_code
    size = len(message) + len(details) + len(error) + (len(code) if isinstance(code, str) else 0)
    return (_remembered if size <= MAX_REMEMBERED else _verdict)(classed, success, code, message, details, error)


def _verdict(
    event_type: str, success: bool | None, response_code: str | int | None, message: str, details: str, error: str
) -> Verdict:
    answer = read_answer(response_code, message, details, error, success)
    told = Answer(answer.status, answer.scim_type, answer.text, answer.html)
    denies = answer.html or (answer.error and answer.status < 300)
    removal, lookup = event_type in REMOVALS, event_type == UserLookupProvision.canonical
    not_found, of_group = removal and answer.status == 404, event_type.startswith("group_")
    if not_found:
        denies = classify(told) is not Cause.NOT_FOUND or not tells_absence(answer.text, of_group)
    still_active = event_type == UserDeprovision.canonical and answer.status < 300 and tells_active(details)
    denies = denies or still_active
    outcome, flag = judge(Evidence(removal, lookup, success, answer.code, answer.status, error, denies))
    cause = attribute = detail = ""
    retryable = False
    if outcome is Outcome.FAILURE and event_type:
        found = classify(told)
        if not_found and found is Cause.NOT_FOUND:
            found = Cause.UNKNOWN  # whatever was not found, it is not the account
        cause, retryable = found.value, CAUSES[found].retryable
        attribute = _attribute(found, answer.text, of_group)
    if outcome is not Outcome.SUCCESS and not still_active:  # that body is the account, not for display
        detail = shown(answer.text)
    return Verdict(outcome.value, answer.status, answer.scim_type, cause, attribute, detail, retryable, flag)


def _attribute(cause: Cause, text: str, of_group: bool) -> str:
    """Return the rejected attribute. For something missing, only a reference to somebody else: `user with userName x`
    blames no attribute."""
    if CAUSES[cause].of_attribute:
        return attribute_in(text, of_group=of_group)
    if cause is not Cause.NOT_FOUND:
        return ""
    if of_group:
        return "members" if misses_member(text) else ""
    return "manager" if attribute_in(text) == "manager" else ""


_remembered = lru_cache(maxsize=4096)(_verdict)


def shown(text: str) -> str:
    """Return running text fit to be shown: no secrets, no mail addresses."""
    return redact_text(_ADDRESS.sub("[address]", text))

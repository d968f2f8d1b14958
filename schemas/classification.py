"""Derives the cause from a provider's answer: status, SCIM type and text together, never the status alone.

Providers disagree: a duplicate is a 409 here, a 400 there and a plain-text 500 elsewhere; a 403 is a missing
permission, a full seat quota or a disabled integration. The rules are tried in order; the first that matches gives the
cause.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from schemas import wording as w
from schemas.cause import Cause


class Answer(NamedTuple):
    """The known parts of the answer to a failed attempt."""

    status: int
    """HTTP status, 0 when unknown."""
    scim_type: str
    """RFC 7644 section 3.12 `scimType`, as sent."""
    text: str
    """All texts of the record about the failure, joined."""
    html: bool


class Rule(NamedTuple):
    """One rule that identifies a cause."""

    cause: Cause
    sentence: str
    """The criteria, described for people."""
    fits: Callable[[int, str, str, bool], bool]
    """Arguments: status, SCIM type in lower case, text, and whether the answer was a web page."""


def _refused(status: int) -> bool:
    """Whether the request was refused, as far as is known."""
    return 400 <= status < 500 or status == 0


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        Cause.RATE_LIMITED,
        "Status 429, SCIM type `tooManyRequests`, or a text about rates or throttling under any status but 401.",
        lambda status, kind, text, _: (
            status == 429 or kind == "toomanyrequests" or (w.says_rate(text) and status != 401)
        ),
    ),
    Rule(Cause.CREDENTIALS, "Status 401 or 407, whatever the text.", lambda status, *_: status in (401, 407)),
    Rule(
        Cause.CONFIGURATION,
        "A web page under a redirect, a 404 or a 405: something other than the SCIM service answers there.",
        lambda status, _kind, _text, html: html and status in (301, 302, 303, 307, 308, 404, 405),
    ),
    Rule(
        Cause.MALFORMED_RESPONSE,
        "A web page under status 200.",
        lambda status, _kind, _text, html: html and status == 200,
    ),
    Rule(Cause.CONFIGURATION, "Any redirect: the token is never sent on.", lambda status, *_: 300 <= status < 400),
    Rule(
        Cause.TOO_LARGE,
        "Status 413, SCIM type `tooMany`, or a text about the size of the payload under 400, 422 or no status.",
        lambda status, kind, text, _: (
            status == 413 or kind == "toomany" or (w.says_large(text) and status in (0, 400, 422))
        ),
    ),
    Rule(
        Cause.CONFLICT,
        "A text about several matches, unless the application failed.",
        lambda status, _kind, text, _html: w.says_ambiguous(text) and status < 500,
    ),
    Rule(
        Cause.CONFIGURATION,
        "A duplicate of the test user, whose address must be free.",
        lambda status, kind, text, _: not kind and _duplicate(status, text) and w.says_setup(text),
    ),
    Rule(
        Cause.CONFLICT,
        "SCIM type `uniqueness`, or a text about a duplicate under 400, 403, 409, 412, 422, 500 or no status.",
        lambda status, kind, text, _: kind == "uniqueness" or _duplicate(status, text),
    ),
    Rule(
        Cause.CONFIGURATION,
        "A text about provisioning that is switched off or not in the plan, under 400, 402, 403, 404, 409 or no "
        "status.",
        lambda status, _kind, text, _html: status in (0, 400, 402, 403, 404, 409) and w.says_switched_off(text),
    ),
    Rule(
        Cause.QUOTA,
        "Status 402, or a text about seats, licences or limits of the plan under 400, 403, 409, 422 or no status.",
        lambda status, _kind, text, _html: status == 402 or (status in (0, 400, 403, 409, 422) and w.says_quota(text)),
    ),
    Rule(
        Cause.CONFIGURATION,
        "A text about the base URL, certificate, test user or a route that is not there, under 400, 403, 404, 405, 409 "
        "or no status.",
        lambda status, _kind, text, _html: (
            status in (0, 400, 403, 404, 405, 409) and (w.says_setup(text) or w.says_wrong_address(text))
        ),
    ),
    Rule(
        Cause.UNSUPPORTED,
        "Status 405, 415 or 501, or SCIM type `invalidPath`, `noTarget`, `mutability` or `invalidFilter`.",
        lambda status, kind, *_: (
            status in (405, 415, 501) or kind in ("invalidpath", "notarget", "mutability", "invalidfilter")
        ),
    ),
    Rule(
        Cause.UNSUPPORTED,
        "A text about what is not supported or read-only, under any 4xx or no status.",
        lambda status, _kind, text, _html: _refused(status) and w.says_unsupported(text),
    ),
    Rule(
        Cause.MALFORMED_RESPONSE,
        "The directory's own words about an answer that it could not read. Under a 4xx only where it speaks of a "
        "response: an application that answers 400 could not read the request.",
        lambda status, _kind, text, _html: (
            (status == 0 and w.says_unreadable(text)) or (_refused(status) and w.says_bad_response(text))
        ),
    ),
    Rule(
        Cause.CREDENTIALS,
        "A text about a token, key or sign-in that is not valid, under any 4xx or no status.",
        lambda status, _kind, text, _html: _refused(status) and w.says_credentials(text),
    ),
    Rule(
        Cause.INVALID_VALUE,
        "A 403 about an address or a policy.",
        lambda status, _kind, text, _html: status == 403 and w.says_refused_address(text),
    ),
    Rule(
        Cause.PERMISSION,
        "Any other 403, or a text about rights and roles under any 4xx but 404 and 409, or no status.",
        lambda status, _kind, text, _html: (
            status == 403 or (_refused(status) and status not in (404, 409) and w.says_permission(text))
        ),
    ),
    Rule(
        Cause.NOT_FOUND,
        "Status 404 or 410, or a text about something that is not there under 400, 409, 422 or no status.",
        lambda status, _kind, text, _html: (
            status in (404, 410) or (status in (400, 409, 422, 0) and w.says_missing_object(text))
        ),
    ),
    Rule(
        Cause.MISSING_ATTRIBUTE,
        "A text about what is required, missing or blank under 400, 409, 412, 422 or no status, unless it begins with "
        "`invalid`.",
        lambda status, _kind, text, _html: _judged(status) and w.says_required(text) and not w.says_invalid_first(text),
    ),
    Rule(
        Cause.INVALID_VALUE,
        "SCIM type `invalidValue`, `invalidSyntax`, `sensitive` or `invalidVers`, or a text about length, format, "
        "validity or a policy, under 400, 409, 412, 422 or no status.",
        lambda status, kind, text, _: (
            _judged(status)
            and (
                kind in ("invalidvalue", "invalidsyntax", "sensitive", "invalidvers")
                or w.says_invalid(text)
                or w.says_refused_address(text)
            )
        ),
    ),
    Rule(
        Cause.PROVIDER_ERROR,
        "A text about a lock or a concurrent change under 409, 412 or 423.",
        lambda status, _kind, text, _html: status in (409, 412, 423) and w.says_busy(text),
    ),
    Rule(
        Cause.NETWORK,
        "Status 408, or a text about time-outs, connections, names or TLS where there is no status: nothing answered.",
        lambda status, _kind, text, _html: status == 408 or (status == 0 and w.says_network(text)),
    ),
    Rule(
        Cause.INVALID_VALUE,
        "A text about the account's state, such as suspended or inactive, under 400, 409, 412, 422 or no status.",
        lambda status, _kind, text, _html: _judged(status) and w.says_state(text),
    ),
    Rule(
        Cause.PROVIDER_ERROR,
        "The application's words about a failure of its own, under 400, 409, 412, 422 or no status.",
        lambda status, _kind, text, _html: _judged(status) and w.says_own_failure(text),
    ),
    Rule(
        Cause.UNSUPPORTED,
        "A text about what cannot be done to this account or group, under 400, 409, 412, 422 or no status.",
        lambda status, _kind, text, _html: _judged(status) and w.says_protected(text),
    ),
    Rule(Cause.INVALID_VALUE, "Any other 422.", lambda status, *_: status == 422),
    Rule(Cause.CONFLICT, "Any other 409.", lambda status, *_: status == 409),
    Rule(Cause.PROVIDER_ERROR, "Any other 5xx, or 425.", lambda status, *_: status >= 500 or status == 425),
)
"""Tried in order. If none matches, the cause is unknown."""


def classify(answer: Answer) -> Cause:
    """Return the cause of a failed attempt. Pure and total.

    With a success status, the directory could not process the answer: its own words may give the cause, as without a
    status; otherwise the answer was malformed.
    """
    status, scim_type, text, html = answer
    text = w.in_words(text)
    kind = scim_type.lower()
    good = 200 <= status < 300
    if good and not (html and status == 200):
        status = 0
    for rule in RULES:
        if rule.fits(status, kind, text, html):
            return rule.cause
    return Cause.MALFORMED_RESPONSE if good else Cause.UNKNOWN


def _duplicate(status: int, text: str) -> bool:
    return status in (0, 400, 403, 409, 412, 422, 500) and w.says_duplicate(text) and not w.says_absent(text)


def _judged(status: int) -> bool:
    """Whether the request was understood and its values were checked, as far as is known."""
    return status in (0, 400, 409, 412, 422)

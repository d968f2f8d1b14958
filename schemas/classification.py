"""From a provider's answer to its cause: status, SCIM type and text together, never the status alone.

Providers disagree: a duplicate is a 409 here, a 400 there and a plain-text 500 elsewhere; a 403 is a
missing permission, a full seat quota or a switched-off integration. The rules of `classify` are tried
in order; the first that fits names the cause.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from schemas.cause import Cause


class Answer(NamedTuple):
    """What is known of a failed attempt's answer."""

    status: int
    """HTTP status, 0 when unknown."""
    scim_type: str
    """RFC 7644 section 3.12 `scimType`, as sent."""
    text: str
    """All texts of the record about the failure, joined."""
    html: bool


def _says(*patterns: str) -> Callable[[str], bool]:
    pattern = re.compile("|".join(patterns), re.IGNORECASE)
    return lambda text: pattern.search(text) is not None


_duplicate = _says(
    r"already (?:an? )?(?:exist|been taken|in use|taken|member|registered|assigned|belongs|present|invited)",
    r"\bin use\b",
    r"existing (?:user|account|group|member|record)",
    r"\bexists\b(?! not)",
    r"\bduplicate",
    r"\btaken\b",
    r"\bnot unique\b",
    r"must be unique",
    r"uniqueness",
    r"unique constraint",
)
_ambiguous = _says(r"multiple (?:users|accounts|matches|results)", r"more than one (?:user|match|account)")
_absent = _says(r"does not exist", r"doesn'?t exist", r"not exists?\b", r"no longer exists")
_rate = _says(r"too many requests", r"rate.?limit", r"\bthrottl", r"slow down")
_quota = _says(
    r"\bseats?\b",
    r"\blicen[sc]es?\b",
    r"\bquota",
    r"(?:user|member|plan|account) limit",
    r"subscription",
    r"upgrade your plan",
    r"maximum number of (?:users|members|accounts)",
    r"limit of \d+ (?:users|members)",
)
_credentials = _says(
    r"\bunauthori[sz]ed",
    r"(?:token|key|credential)s?\b.{0,30}\b(?:expired|invalid|revoked|not valid|not found)",
    r"(?:expired|invalid|revoked|bad|wrong) (?:\w+ )?(?:token|api key|credential|key|secret)",
    r"authentication (?:failed|required|error)",
    r"not authenticated",
    r"invalid.grant",
    r"invalid.token",
    r"login required",
)
_permission = _says(
    r"\bforbidden\b",
    r"not (?:authori[sz]ed|allowed|permitted)",
    r"permission",
    r"insufficient",
    r"access denied",
    r"super.?user",
    r"lacks? (?:the )?(?:scope|role|right)",
    r"admin(?:istrator)? (?:role|rights)",
)
_switched_off = _says(
    r"(?:scim|provisioning|integration|sso|sync)\b.{0,40}\b(?:disabled|not enabled|deactivated)",
    r"(?:scim|provisioning|integration|sso|sync)\b.{0,40}\b(?:switched|turned) off",
    r"(?:disabled|not enabled) for (?:this|your)",
    r"enable (?:scim|provisioning)",
    r"(?:plan|subscription|edition)\b.{0,40}\b(?:does not|doesn'?t) include",
)
_setup = _says(
    r"problem activating identity management",
    r"trailing slash",
    r"base ?url",
    r"tenant url",
    r"redirect",
    r"test (?:user|account).{0,40}(?:exist|in use|email)",
    r"certificate",
    r"self.signed",
    r"unknown host",
    r"group management",
)
wrong_address = _says(
    r"404 page not found",
    r"no (?:such )?(?:route|endpoint|path)\b",
    r"\b(?:route|endpoint|path|url)\b.{0,60}\b(?:not found|does not exist)",
    r"unknown (?:route|endpoint|path|url)",
    r"no (?:handler|static resource)\b",
    r"cannot (?:get|post|put|patch|delete) /",
)
"""Whether a 404 is about the address: nobody serves it, so it says nothing of the account."""
_unsupported = _says(
    r"not (?:currently )?(?:supported|implemented)",
    r"\bunsupported\b",
    r"does not support",
    r"doesn'?t support",
    r"method not allowed",
    r"not available via scim",
    r"cannot be (?:renamed|deleted|changed) (?:via|through|using) scim",
    r"read.?only",
)
_required = _says(
    r"\b(?:is|are|was|field|attribute|value) (?:a )?(?:required|mandatory|missing)",
    r"\brequired\b.{0,40}(?:attribute|field|missing)",
    r"\bmissing\b",
    r"(?:must|should) (?:be )?(?:provide|specif|present)",
    r"(?:cannot|can't|must not|may not) be (?:null|empty|blank)",
    r"\brequires?\b.{0,60}\b(?:attribute|field|value)s?\b",
    r"all required",
)
_invalid = _says(
    r"\binvalid\b",
    r"must not exceed",
    r"too (?:long|short)",
    r"\blength\b",
    r"at most \d+",
    r"over \d+ characters",
    r"maximum (?:length|of \d+)",
    r"not (?:a )?valid",
    r"malformed (?:email|address|value)",
    r"unknown (?:custom )?role",
    r"validation",
    r"\bformat\b",
    r"domain .{0,40}not",
    r"(?:could not|cannot|failed to) (?:be )?pars",
    r"must (?:be|match|contain)",
    r"not an? allowed",
    r"unrecognized (?:value|attribute)",
    r"out of range",
)
_missing_object = _says(
    r"not found",
    r"no valid resources",
    r"does not exist",
    r"doesn'?t exist",
    r"no such (?:user|group|member|resource)",
    r"unknown (?:user|member|group|resource)",
    r"could not find",
    r"no longer exists",
)
_large = _says(r"payload", r"too (?:large|big)", r"entity too", r"exceeds? .{0,20}(?:bytes|size)", r"over \d+ bytes")
_network = _says(
    r"timed? ?out",
    r"\btimeout",
    r"connection (?:refused|reset|closed|aborted|error)",
    r"closed (?:the )?connection",
    r"deadline exceeded",
    r"broken pipe",
    r"econn",
    r"enotfound",
    r"eai.again",
    r"\bdns\b",
    r"no such host",
    r"unreachable",
    r"socket hang ?up",
    r"unexpected eof",
    r"\btls\b",
    r"\bssl\b",
    r"firewall",
    r"network",
    r"could not connect",
    r"failed to connect",
    r"no response",
)
_unreadable = _says(
    r"unexpected (?:token|character|end)",
    r"invalid character .{1,6} (?:looking for|after|in (?:literal|string|numeric))",
    r"invalid (?:json|xml)",
    r"not (?:valid )?json",
    r"(?:parse|parsing|decode|unmarshal)",
    r"cannot deserialize",
    r"\bid\b.{0,30}must be a string",
    r"response .{0,30}(?:missing|without|no) .{0,10}\bid\b",
)
_bad_response = _says(r"(?:invalid|malformed|unexpected|empty|unreadable) response")
_refused_address = _says(
    r"\bpolic(?:y|ies)\b",
    r"\b(?:domain|e-?mail(?: address)?)\b.{0,40}\b(?:not (?:allowed|permitted|verified|in)|blocked)",
)
_busy = _says(r"\block(?:ed)?\b", r"concurren", r"being (?:modified|updated)", r"try again", r"precondition failed")
_SEAM = re.compile(r"_|(?<=[a-z])(?=[A-Z])")


def classify(answer: Answer) -> Cause:
    """The cause of a failed attempt. Pure and total."""
    status, scim_type, text, html = answer
    text = _SEAM.sub(" ", text)  # `user_already_exists`, `ThrottlingException`: slugs read as words
    kind = scim_type.lower()
    client_error = 400 <= status < 500 or status == 0

    if status == 429 or kind == "toomanyrequests" or (_rate(text) and status != 401):
        return Cause.RATE_LIMITED
    if status in (401, 407):
        return Cause.CREDENTIALS
    if html and status in (200, 301, 302, 303, 307, 308, 404, 405):
        return Cause.CONFIGURATION if status >= 300 else Cause.MALFORMED_RESPONSE
    if 300 <= status < 400:
        return Cause.CONFIGURATION
    if 200 <= status < 300:  # the directory could not take a good answer: its own words may say why
        found = classify(answer._replace(status=0))
        return Cause.MALFORMED_RESPONSE if found is Cause.UNKNOWN else found
    if status == 413 or kind == "toomany" or (_large(text) and status in (0, 400, 422)):
        return Cause.TOO_LARGE
    if _ambiguous(text) and status < 500:  # a lookup that was answered well, and found too many
        return Cause.CONFLICT
    if kind == "uniqueness" or (
        _duplicate(text) and not _absent(text) and (status in (0, 400, 403, 409, 412, 422, 500))
    ):
        return Cause.CONFIGURATION if _setup(text) and not kind else Cause.CONFLICT
    if status in (0, 400, 402, 403, 404, 409) and _switched_off(text):
        return Cause.CONFIGURATION
    if status == 402 or (status in (0, 400, 403, 409, 422) and _quota(text)):
        return Cause.QUOTA
    if status in (0, 400, 403, 404, 405, 409) and (_setup(text) or wrong_address(text)):
        return Cause.CONFIGURATION
    if status in (405, 415, 501) or kind in ("invalidpath", "notarget", "mutability", "invalidfilter"):
        return Cause.UNSUPPORTED
    if client_error and _unsupported(text):
        return Cause.UNSUPPORTED
    # A provider that answers 400 could not read the request; only the directory speaks of a response.
    if (status == 0 and _unreadable(text)) or (client_error and _bad_response(text)):
        return Cause.MALFORMED_RESPONSE
    if client_error and _credentials(text):
        return Cause.CREDENTIALS
    if status == 403 and _refused_address(text):
        return Cause.INVALID_VALUE
    if status == 403 or (client_error and status not in (404, 409) and _permission(text)):
        return Cause.PERMISSION
    if status in (400, 404, 409, 422, 0) and _missing_object(text):
        return Cause.NOT_FOUND
    if status in (404, 410):
        return Cause.NOT_FOUND
    if status in (0, 400, 409, 412, 422):
        if _required(text) and not _says_invalid_first(text):
            return Cause.MISSING_ATTRIBUTE
        if (
            kind in ("invalidvalue", "invalidsyntax", "sensitive", "invalidvers")
            or _invalid(text)
            or _refused_address(text)
        ):
            return Cause.INVALID_VALUE
    if status in (409, 412, 423) and _busy(text):
        return Cause.PROVIDER_ERROR
    if status == 422:
        return Cause.INVALID_VALUE
    if status == 409:
        return Cause.CONFLICT
    if status == 408 or (status == 0 and _network(text)):
        return Cause.NETWORK
    if status >= 500 or status == 425:
        return Cause.PROVIDER_ERROR
    return Cause.UNKNOWN


def _says_invalid_first(text: str) -> bool:
    """`Invalid email address: a domain is required` is about the value, not about a missing attribute."""
    return re.match(r"\W*(?:\w+[:\s]+)?invalid\b", text, re.IGNORECASE) is not None

"""Tests of what the texts of providers and directories say. No phrase decides a cause alone."""

from __future__ import annotations

import re
from collections.abc import Callable

_SEAM = re.compile(r"_|(?<=[a-z])(?=[A-Z])")


def in_words(text: str) -> str:
    """Return slugs and identifiers as words: `user_already_exists`, `ThrottlingException`."""
    return _SEAM.sub(" ", text)


def _says(*patterns: str) -> Callable[[str], bool]:
    pattern = re.compile("|".join(patterns), re.IGNORECASE)
    return lambda text: pattern.search(text) is not None


says_duplicate = _says(
    r"already (?:an? )?(?:exist|been taken|in use|taken|member|registered|assigned|belongs|present|invited)",
    r"already (?:been )?(?:active|activated|inactive|deactivated|disabled|suspended|archived|enabled)\b",
    r"already (?:in|part of|on) (?:the |this |your )?(?:group|team|organi[sz]ation|workspace|account)\b",
    r"already (?:being )?used\b|already (?:associated|linked) (?:with|to)\b",
    r"\b(?:user ?name|e-?mail(?: address)?|login|name) is not available\b",
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
says_ambiguous = _says(r"multiple (?:users|accounts|matches|results)", r"more than one (?:user|match|account)")
says_absent = _says(r"\bdo(?:es)? not exist", r"\bdo(?:es)?n'?t exist", r"not exists?\b", r"no longer exists?")
says_rate = _says(r"too many requests", r"rate.?limit", r"\bthrottl", r"slow down")
says_quota = _says(
    r"\bseats?\b",
    r"\blicen[sc]es?\b",
    r"\bquota",
    r"(?:user|member|plan|account) limit",
    r"subscription",
    r"upgrade your plan",
    r"maximum number of (?:\w+ )?(?:users|members|accounts)",
    r"limit of \d+ (?:users|members)",
    r"\b(?:trial|plan)\b.{0,30}\b(?:ended|expired|over|run out)\b",
    r"\bexpired trial\b",
    r"\bpayments? (?:is |are )?(?:overdue|past due)\b",
)
says_credentials = _says(
    r"\bunauthori[sz]ed",
    r"(?:token|key|credential)s?\b.{0,30}\b(?:expired|invalid|revoked|not valid)",
    r"(?:token|credential|api.?key)s?\b.{0,30}\bnot found",
    r"(?:expired|invalid|revoked|bad|wrong) (?:\w+ )?(?:token|api key|credential|key|secret)",
    r"authentication (?:failed|required|error)",
    r"not authenticated",
    r"(?:invalid|unauthorized).client\b",
    r"invalid.grant",
    r"invalid.token",
    r"login required",
)
says_permission = _says(
    r"\bforbidden\b",
    r"not (?:authori[sz]ed|allowed|permitted)",
    r"permission",
    r"insufficient",
    r"access denied",
    r"super.?user",
    r"lacks? (?:the )?(?:scope|role|right)",
    r"admin(?:istrator)? (?:role|rights)",
)
says_switched_off = _says(
    r"(?:scim|provisioning|integration|sso|sync)\b.{0,40}\b(?:disabled|not enabled|deactivated)",
    r"(?:scim|provisioning|integration|sso|sync)\b.{0,40}\b(?:switched|turned) off",
    r"(?:disabled|not enabled) for (?:this|your)",
    r"enable (?:scim|provisioning)",
    r"(?:plan|subscription|edition)\b.{0,40}\b(?:does not|doesn'?t) include",
    r"\b(?:your (?:account|team)|(?:this|your|the) (?:organi[sz]ation|workspace|tenant))"
    r" (?:is|was|has been) (?:currently )?(?:suspended|deactivated|disabled|inactive|archived|frozen)\b",
    r"^\W*(?:organi[sz]ation|workspace|tenant) (?:is|was|has been) (?:suspended|deactivated|disabled|inactive)\b",
)
says_setup = _says(
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
_TENANT = r"(?:organi[sz]ation|tenant|workspace|integration|connection|directory|app(?:lication)?|deployment)"
_OF_TENANT = r"(?:user|account|member|group|person|profile|resource|role|unit|entitlement|attribute|field)"
says_wrong_address = _says(
    r"404 page not found",
    r"no (?:such )?(?:route|endpoint|path)\b",
    r"\b(?:route|endpoint|path|url)\b.{0,60}\b(?:not found|does not exist|no longer exists?|not recogni[sz]ed)",
    r"unknown (?:route|endpoint|path|url)",
    r"no (?:handler|static resource)\b",
    r"cannot (?:get|post|put|patch|delete) /",
    r"\bdefault backend\b",
    r"\bno app(?:lication)? configured\b",
    rf"(?:^|· )\W*(?:\w+:\s*)?(?:the |this |your )?{_TENANT}\b"
    rf"(?:(?!\b{_OF_TENANT}).){{0,60}}"
    r"\b(?:not (?:be )?found|does not exist|doesn'?t exist)",
    rf"\b(?:no such|unknown|(?:could not|cannot|unable to) find) (?:the |this |your )?{_TENANT}\b"
    rf"(?! {_OF_TENANT})",
)
"""Whether a 404 is about the address or the tenant: it says nothing about the account."""
says_unsupported = _says(
    r"not (?:currently )?(?:supported|implemented)",
    r"\bunsupported\b",
    r"does not support",
    r"doesn'?t support",
    r"method not allowed",
    r"not available via scim",
    r"cannot be (?:renamed|deleted|changed) (?:via|through|using) scim",
    r"read.?only",
    r"\bimmutable\b",
    r"\b(?:last|sole)\b.{0,25}\b(?:owner|admin(?:istrator)?)\b",
    r"\bthe only (?:\w+ )?(?:owner|admin(?:istrator)?)\b",
    r"\bat least one (?:\w+ )?(?:owner|admin(?:istrator)?)\b",
)
says_protected = _says(
    r"\b(?:cannot|can'?t|can not) be (?:removed|deleted|deactivated|deprovisioned|suspended|disabled|updated|modified"
    r"|renamed|changed|edited|invited|provisioned|managed)\b",
    r"\b(?:cannot|can'?t|can not) (?:remove|delete|deactivate|deprovision|suspend|disable|update|modify|rename|change"
    r"|edit|invite)\b",
    r"\b(?:transfer|reassign) (?:the )?ownership\b",
)
"""Whether this account or group is one that the application does not change. Many texts begin so and give the reason
afterwards, so it counts only if the text says nothing else."""
says_state = _says(
    r"\b(?:user|account|member|group|profile|person)(?:'s account)? (?:is|was|has been) (?:currently )?(?:suspended"
    r"|inactive|deactivated|disabled|locked|archived|blocked|frozen|not active|pending)\b",
    r"\b(?:suspended|inactive|deactivated|disabled|locked|archived|blocked|frozen) (?:user|account|member|group)s?\b",
)
"""Whether the account is in a state in which the application changes nothing of it."""
says_required = _says(
    r"\b(?:is|are|was|field|attribute|value) (?:a )?(?:required|mandatory|missing)",
    r"\brequired\b.{0,40}(?:attribute|field|missing)",
    r"\bmissing\b",
    r"(?:must|should) (?:be )?(?:provide|specif|present)",
    r"(?:cannot|can't|must not|may not) be (?:null|empty|blank)",
    r"\brequires?\b.{0,60}\b(?:attribute|field|value)s?\b",
    r"all required",
)
says_invalid = _says(
    r"\binvalid\b",
    r"must not exceed",
    r"exceeds (?:the )?(?:allowed|maximum) (?:limit|length|number)",
    r"too (?:long|short)",
    r"(?:exceeds?|longer than|more than|fewer than|shorter than) .{0,30}\bcharacters",
    r"\blength\b",
    r"at most \d+",
    r"over \d+ characters",
    r"maximum (?:length|of \d+)",
    r"not (?:a )?valid",
    r"malformed (?:email|address|value)",
    r"unknown (?:custom )?(?:role|field|attribute|property)",
    r"validation",
    r"\bformat\b",
    r"domain .{0,40}not",
    r"(?:could not|cannot|failed to) (?:be )?pars",
    r"must (?:be|match|contain)",
    r"not an? allowed",
    r"not one of\b",
    r"unrecognized (?:value|attribute)",
    r"out of range",
    r"\bunparsable\b",
    r"violates .{0,20}schema",
    r"(?:evaluate|apply) .{0,20}(?:mapping|expression)",
    r"malformed (?:json|request|body|syntax)",
    r"(?:illegal|disallowed|prohibited) (?:character|value)",
    r"\b(?:is|are) (?:reserved|prohibited|unverified|blacklisted|blocklisted)\b",
    r"not an? verified domain",
    r"\b(?:circular|cyclic)\b",
    r"type mismatch",
    r"expected .{1,30} but (?:got|found|was)\b",
    r"cannot fetch .{1,60} from <nil>",
)
says_missing_object = _says(
    r"not found",
    r"no valid resources",
    r"\bdo(?:es)? not exist",
    r"\bdo(?:es)?n'?t exist",
    r"no such (?:user|group|member|resource)",
    r"unknown (?:user|member|group|resource)",
    r"(?:could not|unable to|cannot) find",
    r"no longer exists?",
    r"\b(?:user|account|group|member|resource) (?:is|was|has been) (?:already )?(?:been )?(?:deleted|removed)\b",
    r"already (?:been )?(?:deleted|removed)\b",
    r"\bis(?: not|n'?t) (?:a member|in|part) of\b|\bis(?: not|n'?t) a member\b",
    r"\bnot in (?:the |this |your )?(?:group|team|organi[sz]ation|org|workspace)\b",
    r"\bdo(?:es)?(?: not|n'?t) belong to\b",
)
says_large = _says(
    r"payload", r"too (?:large|big)", r"entity too", r"exceeds? .{0,20}(?:bytes|size)", r"over \d+ bytes"
)
says_network = _says(
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
    r"\beof\b",
    r"\btls\b",
    r"\bssl\b",
    r"firewall",
    r"network",
    r"could not connect",
    r"failed to connect",
    r"no response",
)
says_unreadable = _says(
    r"unexpected (?:token|character|end)",
    r"invalid character .{1,6} (?:looking for|after|in (?:literal|string|numeric))",
    r"invalid (?:json|xml)",
    r"not (?:valid )?json",
    r"(?:parse|parsing|decode|unmarshal)",
    r"cannot deserialize",
    r"\bid\b.{0,30}must be a string",
    r"response .{0,30}(?:missing|without|no) .{0,10}\bid\b",
)
says_bad_response = _says(r"(?:invalid|malformed|unexpected|empty|unreadable) response")
says_refused_address = _says(
    r"\bpolic(?:y|ies)\b",
    r"\b(?:domain|e-?mail(?: address)?)\b.{0,40}\b(?:not (?:allowed|permitted|verified|in)|blocked)",
)
says_own_failure = _says(
    r"internal (?:server )?error",
    r"(?:server|database) error",
    r"(?:temporarily|service) (?:un|not )available",
    r"\bmaintenance\b",
)
says_busy = _says(r"\block(?:ed)?\b", r"concurren", r"being (?:modified|updated)", r"try again", r"precondition failed")


def says_invalid_first(text: str) -> bool:
    """Whether the text is about an invalid value: `Invalid email address: a domain is required` is not about a missing
    attribute."""
    return re.match(r"\W*(?:\w+[:\s]+)?invalid\b", text, re.IGNORECASE) is not None

"""Defines what counts as a secret: names whose values are secret, and patterns of secrets in running text.

Causes must survive: "token: expired", "Bearer authentication required" and "password must be at least 8 characters"
hold no secret. An ambiguous text counts as a secret; an ordinary word after a colon ("password: monkey") counts as a
cause.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from typing import Final

MARK: Final = "[redacted]"

_WHOLE_NAMES = (
    "password passwd pwd passphrase passcode secret token authorization credential credentials cookie cookies "
    "api-key access-key private-key secret-key signing-key encryption-key shared-key recovery-key scim-key token-key"
)
_SINGULARS = tuple(_WHOLE_NAMES.replace("-", "").split())
_PLURALS = tuple(
    f"{name}s" for name in _SINGULARS if name[-1] != "s" and name not in ("authorization", "credential", "cookie")
)
NAME_ENDINGS: Final = (*_SINGULARS, *_PLURALS)
NEEDED: Final = ("pass", "pwd", "secret", "authoriz", "token", "key", "credential", "cookie", "bearer", "basic", "eyj")
"""Every known secret has one of these near it, ignoring punctuation, or is a SCIM key or part of a URL."""
_ASIDE: Final = string.punctuation + " "
_ASIDE_TABLE = str.maketrans("", "", _ASIDE)
_ASIDE_BYTES = (_ASIDE + string.digits).encode()
_LOWER = bytes(range(256)).lower()

# A run of words, such as `InvalidTokenException` or `expired.`: too regular for a secret.
_WORDS = (
    r"(?-i: [A-Z]?[a-z]{1,16}+ (?: (?: [-_./]+[A-Z]? | [A-Z] ) [a-z]{1,16}+ ){0,16}+ )"
    r"[-_.~/=]{0,8}+ (?! [a-z0-9._~+/=-] )"
)
# The same with small numbers, such as `2-integration`, or `-customer-portal-2024` after `scim`.
_NUMBERED_WORDS = (
    r"(?-i: \d{0,2} [-_]? [A-Z]?[a-z]{1,16}+ \d{0,2}"
    r" (?: (?: [-_]+[A-Z]? | [A-Z] ) [a-z]{1,16}+ \d{0,2} | [-_]+ \d{1,5} (?! [a-z0-9] ) ){0,16}+ )"
    r"[-_]{0,8}+ (?! [a-z0-9] )"
)
# What user and password look like in base64: both cases, and no sign of another alphabet.
_BASE64 = (
    r"(?-i: (?= [a-z0-9+/]{0,64}+ [A-Z] ) (?= [A-Z0-9+/]{0,64}+ [a-z] ) [A-Za-z0-9+/]{8,}+ ={0,2}+ (?! [\w=~-] ) )"
)
_COMPLAINT = (
    r"(?: is|are|was|were|has|have|must|should|can|cannot|may|does|do|not|no|bad|wrong|expired|invalid|missing|required"
    r"|revoked|unknown|empty|blank|malformed|incorrect|unauthori[sz]ed|forbidden|denied|failed|disabled|true|false|null"
    r"|none|nil|undefined|token|authentication|authorization|credentials?|header|scheme|realm|scope|error ) (?! [\w-] )"
)
_NAME = "(?: " + " | ".join(_WHOLE_NAMES.replace("-", r"[-_\ ]?").split()) + " )"
# Part of a host name, such as `scim.eu-central-1.amazonaws.com`.
_LABEL = r"[a-z0-9-]{1,63}+ \."
_SCHEME = r"(?: bearer | basic | digest | token | ssws | api-?key | genie-?key | oauth | negotiate | ntlm ) \b"
_NO_SCHEME = (
    r"(?: user | group | account | application | app | role | scope | member | object | resource | request | client"
    r" | code | the | this | your | for | of | http | https ) \b"
)
_NUMBERED = r"""(?= [^\s"'\\,;&}\]]{8} ) [^\s"'\\,;&}\]]{0,64}? \d"""
# What may follow `token:` without being one: an ordinary word or several joined, a name in the answer's own language,
# an address without digits.
_LOWER_CASE = r"(?: [a-z]{1,16}+ (?! [a-z] ) | [\x80-\U0010ffff]{1,60}+ )"
_WORD = rf"(?: [A-Z]?+ {_LOWER_CASE}{{1,8}}+ | [A-Z]{{1,16}}+ ) (?! [A-Za-z] )"
_ORDINARY = (
    rf"(?-i: [/(\[<{{\"'`]{{0,2}}+ (?: https?://[^\s\d]{{1,256}}+ | [a-zA-Z._+-]{{1,64}}+@[a-zA-Z.-]{{1,64}}+"
    rf" | {_WORD} (?: [-_./:='+]{{1,2}}+ {_WORD} ){{0,16}}+ ) [.:)\]>}}\"'`]{{0,4}}+ (?! [^\s,;] ) )"
)
# The name of an error in a program: `TokenExpiredError`, `[ErrorDetail(…`.
_ERROR_NAME = (
    r"(?-i: [^\s\w]{0,3}+ [A-Za-z_.]{0,48}? (?: Invalid | Expired | Missing | Required | Exception | Error | Denied"
    r" | Fail | Violation | Mismatch | Unauthorized | Forbidden | Locked | Disabled | Unknown | Not"
    r" | Such | Too | Bad | Wrong ) )"
)
# A sentence of the answer instead of a value.
_SENTENCE = rf"(?: [a-z'-]{{1,16}}+ \s ){{0,4}}? {_COMPLAINT}"
# Look-aheads are bounded, groups atomic or possessive: a record of `token:token:…` must take linear time like any
# other. Each branch needs one of the words above. ASCII only, so that bytes can be searched as Latin-1.
_SECRET = re.compile(
    rf"""(?aix)
      (?P<scheme> \b (?: bearer [\s"':=]++ (?! {_WORDS} | (?:realm|error|scope)\b )
        | basic [\s"':=]++ (?! {_NUMBERED_WORDS} ) (?= {_BASE64} ) ) ) [a-z0-9._~+/=-]{{8,}}
    | (?P<header> authorization ["'\\]*+ \s*+ (?: [:=] \s*+ \[?+ | (?<=["']) , \s*+ ["'\\]++ )
        (?: {_SCHEME} \s++ | (?! {_COMPLAINT} | {_NO_SCHEME} ) (?-i: [A-Z][A-Za-z0-9-]{{1,30}}+ ) \s++
          (?= {_NUMBERED} ) ) )
        (?! {_COMPLAINT} | \[redacted ) [^\s"'\\,;&}}\]]{{4,}}
    | (?P<address> : (?: \\*+ / ){{2}} [^\s/@:"'\\?\#<>]{{0,64}}+ : ) (?! \[redacted ) [^\s/"'\\?\#<>]{{1,256}} (?=@)
    | (?P<quoted> {_NAME} ["'\\]*+ \s*+ [:=]{{1,2}}+ >?+ \s*+ (?: " | (?P<single>') | (?P<escaped>\\+["']) )
        (?! {_COMPLAINT} | \[redacted ) )
        (?(single) [^'\\]+ | (?(escaped) [^"'\\]+ | (?: [^"\\] | \\[\s\S] )+ ) )
    | (?P<cookie> cookie ["'\\]*+ \s*+ : \s*+ (?= [\w-]{{1,64}}+ = (?! {_COMPLAINT} ) ) )
        [^\s"'\\,;}}]++ (?: ; \s? [\w.-]{{1,64}}+ = [^\s"'\\,;}}]++ )*+
    | (?P<element> {_NAME} (?: \s [^<>]{{0,256}}+ )? > (?: <!\[CDATA\[ )?+ (?! {_SENTENCE} | \[redacted ) )
        (?: (?! \]\]> ) [^<>] ){{4,}}+ (?= (?: \]\]> )?+ < \\*+ / )
    | (?P<markup> {_NAME} &gt; (?! {_SENTENCE} | \[redacted ) ) (?: (?! &[lg]t; ) [^<>] ){{4,}}+ (?= &lt; \\*+ / )
    | (?P<told> {_NAME} \s++ (?: is | was | set\ to ) (?: \s*+ : )?+ \s++ ["'\\]*+
        (?! {_NUMBERED_WORDS} | \d{{4}}-\d\d | \[redacted ) (?= {_NUMBERED} ) ) [^\s"'\\,;&}}\]]{{8,}}
    | (?P<plain> {_NAME} (?: ["'\\\]]*+ \s*+ (?: =>?+ | %3d ) \s*+
        | ["'\\]*+ \s*+ : \s*+ (?=[^\s,;]{{5}}) (?: (?=\S{{0,256}}?\d) | (?! {_ORDINARY} | {_ERROR_NAME} ) ) )
        (?! {_COMPLAINT} | bearer\b | basic\b | \[redacted ) ) [^\s"'\\,;&}}]{{4,}}
    | \b (?<! // ) (?<! @ ) scim (?: _? (?!-) | - (?! {_LABEL} {_LABEL} [a-z] ) | \. (?! {_LABEL} [a-z0-9] ) )
        (?! {_NUMBERED_WORDS} ) [a-z0-9_-]{{12,}}
    | (?<![a-z0-9_-]) (?P<lead> (?> (?:[a-z0-9_-]*?[-_])?? (?=eyJ) ) )
        eyJ[a-z0-9_-]{{8,}}\.[a-z0-9_-]{{8,}}\.[a-z0-9_-]*
    | (?P<begin> -----BEGIN\ [A-Z\ ]{{0,30}}PRIVATE\ KEY----- ) (?! \[redacted ) [^-]+
    """
)
_INTRODUCTIONS: Final = (
    "scheme",
    "header",
    "address",
    "quoted",
    "cookie",
    "element",
    "markup",
    "told",
    "plain",
    "lead",
    "begin",
)
# Without word boundaries and exceptions, for speed: a false match only costs a closer look.
_STEM = re.compile("|".join((*NEEDED, "scim", "://")))
_ADDRESS = re.compile(r""":[/\\]{2,16}[^\s/@:"'\\]{0,64}:""")
_CREDENTIAL = re.compile(rf"(?aix) (?: [a-z][a-z0-9-]{{1,30}}+ \s )? (?! {_NUMBERED_WORDS} ) (?= \S*\d ) \S{{8,}}")
_SCIM_KEY = re.compile(r"scim[-_.]?[a-z0-9_-]{12,}")
_MOMENT = re.compile(r"(?a)\d{4}-\d\d-\d\d[T ]\d\d:[\d:.,]+ ?(?:Z|UTC|[+-]\d\d:?\d\d)?")
_HOST = re.compile(r"(?a)(?:\d{1,3}\.){3}\d{1,3}(?::\d{1,5}|/\d\d?)?|(?=[^:]*:[^:]*:)[0-9a-fA-F:.]{2,45}")
_DAY_OR_URL = re.compile(r"(?a)\d{4}-\d\d-\d\d|[A-Za-z][A-Za-z0-9+.-]{1,30}://\S+")
_REFUSAL = re.compile(
    r"""(?aix)
      (?: expired | invalid | missing | required | revoked | unknown | empty | blank | incorrect | none | null ) [.!]?
    | (?: (?:your|the|this) \s )? (?: \w{1,20} \s )??
      (?: is|are|was|were|has|have|must|should|can|cannot|can't|may|does|do ) \s
      (?: be|been|not|too|have|contain|include|match|differ|exceed|required|missing|invalid|expired|revoked|empty
        |blank|wrong|incorrect|unknown|already ) \b [^\d]* (?: \d{1,3} \b [^\d]* )*
    """
)


def may_hold_secrets(raw: bytes) -> bool:
    """Whether a closer look at JSON or text is needed; most records end here."""
    if b"\\" in raw and b"\\u00" in raw:  # an escaped ASCII letter could spell any of them
        return True
    # Latin-1, because searching text is twice as fast as searching bytes.
    text = raw.lower().decode("latin-1")
    if _SCIM_KEY.search(text) or (("//" in text or "\\/" in text) and _ADDRESS.search(text)):
        return True
    letters = raw.translate(_LOWER, _ASIDE_BYTES).decode("latin-1")
    for word in NEEDED:  # noqa: SIM110  because a plain loop is faster, and every record is asked
        if word in letters:
            return True
    return False


def _bare(name: str) -> str:
    """Return the end of a name in lower case, without punctuation or a final `value`: `scim.token.value`, like
    `Token`, ends in `token`."""
    return name[-64:].lower().translate(_ASIDE_TABLE).removesuffix("value")


class _Names(dict[str, bool]):
    """Whether a name ends like a secret's; cached after the first look at each name."""

    def __missing__(self, name: str) -> bool:
        # Only ASCII: some letters of other scripts become ASCII in lower case, and would escape `may_hold_secrets`.
        found = name.isascii() and _bare(name).endswith(NAME_ENDINGS)
        if len(self) < MAX_NAMES and len(name) <= 64:  # names come from outside
            self[name] = found
        return found


MAX_NAMES: Final = 4096
_NAMES: Final = _Names()


def names_secret(name: str) -> bool:
    """Whether the value under `name` is secret, in any spelling: `Client-Secret`, `newPassword`."""
    return _NAMES[name]


def names_several(name: str) -> bool:
    """Whether a secret's name is in the plural, which may also name a count, or things with ids and names."""
    return _bare(name).endswith(_PLURALS)


def is_credential(text: str) -> bool:
    """Whether the text beside a secret's name looks like its value (`SSWS 00…`), not like another name."""
    return _CREDENTIAL.fullmatch(text) is not None


def is_refusal(text: str) -> bool:
    """Whether a text under a secret's name is an error about it, as in `{"errors": {"password": "is too short"}}`.

    Only for a provider's answer: elsewhere it could be a passphrase.
    """
    return len(text) <= 200 and _REFUSAL.fullmatch(text) is not None


def is_moment_or_host(text: str) -> bool:
    """Whether a text is a date with a time or an IP address, which a secret never is."""
    return _MOMENT.fullmatch(text) is not None or _HOST.fullmatch(text) is not None


def is_evidence(text: str) -> bool:
    """Whether a text that is secret in its place probably means something else in other places: a date, any address."""
    return is_moment_or_host(text) or _DAY_OR_URL.fullmatch(text) is not None


def holds_secret(text: str) -> bool:
    """Whether `secrets_in` finds any."""
    return _STEM.search(text.lower()) is not None and _SECRET.search(text) is not None


def secrets_in(text: str) -> Iterator[tuple[int, int]]:
    """Yields the positions of the secrets in running text, without what introduces them (`Bearer`, `password=`)."""
    for match in _SECRET.finditer(text):
        start = max(match.end(name) for name in _INTRODUCTIONS)
        yield (match.start() if start < 0 else start), match.end()

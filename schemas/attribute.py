"""Finds the SCIM attribute that a provider's text rejects: one that the text names, never a guess.

An attribute is spelt as in RFC 7643, a part of a name or an address with its parent, without schema, index and filter:
`name.familyName`, `emails`, `manager`. The patterns are tried from the most to the least certain.
"""

from __future__ import annotations

import re
from typing import Final

_TOP = (
    "userName name displayName nickName profileUrl title userType preferredLanguage locale timezone active password "
    "emails phoneNumbers ims photos addresses groups entitlements roles x509Certificates externalId members "
    "employeeNumber costCenter organization division department manager id schemas meta"
).split()
_OF_NAME = "formatted familyName givenName middleName honorificPrefix honorificSuffix".split()
_OF_ADDRESS = "formatted streetAddress locality region postalCode country".split()
_NAMES: Final = {
    **{name.lower(): name for name in _TOP},
    **{name.lower(): f"name.{name}" for name in _OF_NAME[1:]},
    **{name.lower(): f"addresses.{name}" for name in ("streetAddress", "postalCode")},
    "firstname": "name.givenName", "lastname": "name.familyName", "surname": "name.familyName",
    "fullname": "name.formatted", "email": "emails", "emailaddress": "emails", "mail": "emails",
    "phone": "phoneNumbers",
    "phonenumber": "phoneNumbers", "member": "members", "memberid": "members", "address": "addresses", "role": "roles",
    "entitlement": "entitlements", "photo": "photos", "zipcode": "addresses.postalCode",
}  # fmt: skip
"""Keyed by lower-case letters alone: `family_name`, `Family name` and `familyName` are one."""
_PARTS: Final = {
    "name": {name.lower(): f"name.{name}" for name in _OF_NAME},
    "addresses": {name.lower(): f"addresses.{name}" for name in _OF_ADDRESS},
}
_ANY_PART = frozenset({"value", "type", "primary", "display", "ref", "displayname", "formatted"})
"""Parts that any complex attribute may have: they do not identify the attribute."""
_HOLDERS = frozenset({"schemas", "body", "user", "group", "data", "attributes", "resource", "resources", "operations"})
"""Words that may begin a path but do not belong to it."""
_NO_NAME = _ANY_PART | {
    "op",
    "path",
    "user",
    "group",
    "attribute",
    "field",
    "property",
    "true",
    "false",
    "null",
    "none",
}
_LISTED = frozenset({"groups", "members", "roles", "entitlements"})
"""Names that applications also give to collections: `/groups/7` is an address."""

_WORD = r"[A-Za-z$][\w$-]*"
_STEP = rf"{_WORD}(?:\[[^\]\n]{{0,80}}\])?"
_PATH = rf"{_STEP}(?:[./](?:{_STEP}|\d+|-(?!\w)))*"
_SCHEMA = r"urn:[\w:.-]{0,120}?\d\.\d(?::[A-Z]\w*)?[:.]"
_QUOTE = r"[\"'`\u2018\u2019\u201c\u201d]"

_SPELT = (
    r"user[ _-]?name|(?:given|family|middle|first|last|full|display|nick)[ _-]?name|surname|external[ _-]?id"
    r"|honorific(?:prefix|suffix)|profile[ _-]?url|user[ _-]?type|preferred[ _-]?language|phone[ _-]?numbers?"
    r"|employee[ _-]?number|cost[ _-]?center|street[ _-]?address|postal[ _-]?code|member[ _-]?ids?"
)
"""Names that mean nothing else."""
_COMMON = (
    "e-?mail[ _-]?address(?:es)?|e-?mails?|timezone|locale|title|name|department|division|manager|members?|entitlements"
    "|passwords?|roles?"
)
"""Common words: an attribute only where the text treats them as one."""
_RARE = "organization|groups|address(?:es)?|active"
"""Words that nearly always mean something else: accepted only if called an attribute, or in quotes."""

_SAID_OF_IT = (
    r"(?:attribute|field|property|value|is|are|was|were|must|can|cannot|can't|may|should|has|exceeds?|length|too"
    r"|not|already|over|contains?|domain|format|violates?|taken|does|in use|required|missing|invalid|longer|cannot)\b"
)
_SAID_OF_A_WORD = r"(?:attribute|field|property|value|is|must|cannot|can't|may|should|exceeds?|length|too|over)\b"
_BEFORE_IT = (
    r"(?:^|[.,:;!?\u00b7(\[{]\s*|\b(?:the|this|user(?:'s)?|required|mandatory|and|that|group|with|same|failed|error|an?"
    r"|specified|given|provided|supplied)\s+)"
)
_BLAMED = (
    r"\b(?:invalid|missing|malformed|empty|bad|duplicate|illegal|incorrect|too\ many|(?:value|values)\ (?:for|of))"
)

_BETWEEN = "or|required|mandatory|missing|the|an?|user(?! name)|user's|empty|attribute|field|value|for|of"
_NO_ATTRIBUTE = r"[-@/\\]|\.\w| (?:server|id|of the|policy|scope|or password)"
_PLAIN_NAME = r"names?(?![\w.\[/])(?! (?:is|must|cannot|may|should|exceeds|too)\b)"
"""`Unknown attribute name` is not about an attribute called `name`."""

_TIERS: Final = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (
        # Called an attribute: `Property 'costCenter' is invalid`, `path: "emails[type eq \"work\"].value"`.
        rf"\b(?:attribute|property|field|path|pointer|param|parameter|mapping|expression)s?(?:\(s\))?"
        rf"(?: (?:name|for|of))?[\s:=(\[]{{1,3}}"
        rf"(?:{_QUOTE}(?P<called>/?(?:{_SCHEMA})?{_PATH}){_QUOTE}|(?!{_PLAIN_NAME})(?P<token>/?(?:{_SCHEMA})?{_PATH}))",
        # With its schema, which may be a custom one.
        rf"{_SCHEMA}(?P<extended>{_PATH})",
        # A path: `emails[type eq "work"].value`, `name.familyName`, `/emails/0/value`.
        rf"(?<![\w./:@-])(?P<path>/?{_STEP}(?:[./](?:{_STEP}|\d+|-(?!\w)))+|{_WORD}\[[^\]\n]{{1,80}}\])",
        # Quoted with a verdict, or as a label: `title: value must not exceed 100 characters`.
        rf"(?<!role )(?<!group )(?<!user )(?<!value )(?<!named )(?<!type ){_QUOTE}(?P<token>{_WORD}){_QUOTE}"
        rf"\s+{_SAID_OF_A_WORD}|(?:^|[;,\u00b7{{]\s*|[45]\d\d:?\s|\):\s){_QUOTE}?(?P<label>{_SPELT}|{_COMMON}|{_RARE}){_QUOTE}?\s?:\s",
        # Blamed without quotes: `Invalid email address`, `title is too long`.
        rf"{_BLAMED}(?: (?:{_BETWEEN})){{0,3}}"
        rf"[\s:(]{{1,2}}{_QUOTE}?(?P<token>{_SPELT}|{_COMMON})\b(?!{_NO_ATTRIBUTE})"
        rf"|{_BEFORE_IT}(?P<subject>{_SPELT}|{_COMMON})\s+(?:\u2026\s+)?{_SAID_OF_IT}"
        rf"|(?:^|[.:;\u00b7]\s*)(?P<valued>timezone|locale|department) {_QUOTE}?\S{{1,60}} (?:is|must|cannot)\b"
        rf"|\b(?P<spelt>{_SPELT}){_QUOTE}?\s+{_SAID_OF_IT}"
        r"|\bnot an? valid (?P<valid>phone number|e-?mail(?: address)?|locale|timezone)\b",
        # Mentioned at all, for names that mean nothing else.
        rf"(?<![\w@.-])(?P<token>{_SPELT})\b(?![@\\]|\.\w| or password)",
        # The source field of a mapping, in the directory's own terms.
        r"\b(?P<source>jcUser(?:\??\.\w+)+)",
    )
)
"""From the most to the least certain pattern; within one pattern, the first match."""
_NOISE: Final = re.compile(
    r"""https?://\S+ | [\w.+'-]+@[\w.-]+ | urn:ietf:params:scim:api:[\w:.]+
    | \bfilter(?:ing|ed|s)?\b (?:\ (?:on|by|for|using))? [\s:=?"'`(]{0,3} [\w.:]+
      (?:\s(?:eq|co|sw|ew|ne|pr)\b\s?\S*)?""",
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)
"""Addresses, message templates, and attributes that were only searched by."""
_SLUG: Final = re.compile(r"(?:^|(?<=\u00b7 ))[a-z]+(?:_[a-z]+)+(?= \u00b7|$)")
"""Slugs such as `username_taken`."""
_MENTIONS: Final = (
    "name mail title attribute field property path urn: phone external member password locale timezone role address "
    "active depart division manager organi employee cost groups entitle type language param pointer mapping expression "
    "photo postal honorific profile jcuser ims x509 zip schemas meta"
).split()
"""A text without any of these names no attribute: most failures end here."""
MAX_READ: Final = 1000
"""Providers say first what is wrong."""
_INDEX = re.compile(r"\[[^\]]*\]?")
_SEPARATORS = re.compile(r"[\s_-]")
_URN = re.compile(_SCHEMA)
_SEAM = re.compile(r"[a-z][A-Z]|[_$\d]", re.ASCII)
"""Marks of program identifiers, which people's names lack: `ines.almeida` is not an attribute."""


def attribute_in(text: str, *, of_group: bool = False) -> str:
    """Return the attribute that a provider's text rejects, in its canonical spelling; empty if it names none.

    `members` belongs to groups only: elsewhere a member is an account. A group's name is its `displayName`.
    """
    text = text[:MAX_READ]
    lower = text.lower()
    if not any(map(lower.__contains__, _MENTIONS)):
        return ""
    text = _SLUG.sub(lambda slug: slug[0].replace("_", " "), _NOISE.sub(" \u2026 ", text))
    for tier in _TIERS:
        for match in tier.finditer(text):
            kind = match.lastgroup or ""
            found = _spelling(match[kind], kind, of_group)
            if found:
                return found
    return ""


def spelling(name: str, *, of_group: bool = False, known: bool = False) -> str:
    """Return the canonical spelling of an attribute's name or path, such as a field of `changes`; empty if it is not
    one.

    An application's own names are returned unchanged, unless `known` limits the result to RFC 7643.
    """
    return _spelling(name, "" if known else "field", of_group)


def _spelling(named: str, kind: str, of_group: bool) -> str:
    """`kind` is the name of the group in `_TIERS` that matched: how sure it is that this is an attribute at all."""
    if kind == "source":
        return named.replace("?", "")
    path = _URN.sub("", named)
    steps = [step for step in re.split(r"[./]", _INDEX.sub("", path)) if step and not step.isdigit() and step != "-"]
    while len(steps) > 1 and steps[0].lower() in _HOLDERS:
        del steps[0]
    words = [_SEPARATORS.sub("", step).lower().lstrip("$") for step in steps]
    if not words:
        return ""
    if top := _NAMES.get(words[0]):
        return _known(top, words[1] if len(words) > 1 else "", path, kind, of_group)
    if path.startswith("/") or not _is_own(steps, words):
        return ""
    if kind == "called" and path == named and _is_person(steps, words):
        return ""
    believed = kind in ("called", "field") or (kind == "extended" and steps[0][0].islower())
    return ".".join(steps) if believed else ""


def _known(top: str, part: str, path: str, kind: str, of_group: bool) -> str:
    """Return the spelling of an attribute of RFC 7643, or of a part of one."""
    inner = _PARTS.get(top, {}).get(part, "")
    if kind == "path" and part and not inner and part not in _ANY_PART:
        return ""  # `title.example.com`
    if path.startswith("/") and top in _LISTED and not part:
        return ""
    if top == "members":
        return top if of_group else ""
    if of_group and top == "name":
        return "displayName"
    return inner or top


def _is_own(steps: list[str], words: list[str]) -> bool:
    """Whether a path that RFC 7643 does not know may be an attribute of an application's own."""
    return words[0] not in _NO_NAME and steps[0][0] != "$" and (len(steps) > 1 or words[0] not in _HOLDERS)


def _is_person(steps: list[str], words: list[str]) -> bool:
    """Whether a path looks like a person's name, such as `ines.almeida`."""
    return len(steps) > 1 and words[-1] not in _ANY_PART and not _SEAM.search(" ".join(steps))

"""Removes from a provider's text the personal values that it quotes from the attempt.

A removed value is replaced by its attribute: `Invalid title '[value of title]'`. A value is known only from the event
that sent it, so a text about somebody else's value stays as the provider wrote it. Pure. Ids, roles, and names of
attributes and groups stay, because they say what to fix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

from schemas.attribute import spelling
from schemas.events import Event, Kind
from schemas.parts import Resource

SHORTEST_WORD: Final = 3
"""Shorter values are found only in quotes."""
MAX_VALUES: Final = 500
"""The most values of an event that are looked for in the text."""
MAX_WORD: Final = 256

ORDINARY: Final = frozenset(
    "account accounts active address admin administrator attribute contact default department display email employee "
    "error external false field first full given group groups guest home inactive invalid last mail manager member "
    "members missing mobile name none normal null office organization other owner password permission phone primary "
    "required role roles seat support system team test title token true type unknown user username users value work "
    "workspace".split()
)
"""Words of the texts themselves, even where they equal a value that was sent: `User already exists` is said of
everybody, also of the user type `User`."""

QUOTED: Final = re.compile(
    r"""(?x) "(?!SCOPE")[^"]*" | (?<!\w)'(?!SCOPE')(?: [^'] | (?<=\w)'(?=\w) )*'(?!\w) | `(?!SCOPE`)[^`]*`
    | \u201c[^\u201d]*\u201d | \u201e[^\u201c\u201d]*[\u201c\u201d] | \u2018[^\u2019]*\u2019 | «[^»]*» | »[^«]*«
    """.replace("SCOPE", r"[a-z_]+(?::[a-z_]+)+")
)
"""Excludes names of permissions, such as `users:write`: which one is missing is the problem."""
PLACEHOLDER: Final = re.compile(r"\[value of [^\]\s]{1,64}\]")

_PUBLIC = frozenset({"id", "externalid", "active", "schemas", "meta", "roles", "entitlements"})
"""Attributes that reveal nothing personal, or that are needed to fix the problem."""
_LINKS = frozenset({"members", "groups", "manager"})
"""Their values are ids; other fields beside them may be names."""
_OF_GROUP = frozenset({"displayName", "name", "name.formatted"})
_NO_VALUE = frozenset({"type", "primary", "$ref", "ref", "schemas", "meta", "id"})
_NAMES = frozenset({"displayname", "name", "formatted"})
"""Their words are looked for too, because providers reorder them."""
_OF_RESOURCE: Final = {"username": "userName", "email": "emails", "display_name": "displayName"}
_NO_FIELD = re.compile(r"[^\w.:$-]+", re.ASCII)
_ID = re.compile(r"[\w-]*\d[\w-]*", re.ASCII)
_PART = re.compile(r"[^\s,;()]+")
_DIGITS = re.compile(r"\D+", re.ASCII)
_PHONE = re.compile(r"\+?\d[\d\s().\u00a0/-]{4,30}\d", re.ASCII)
_ELLIPSES: Final = " .\u2026"


class _Value(NamedTuple):
    """A value that an event sent, in the form it is searched in."""

    attribute: str
    word: str
    name: bool


class _Span(NamedTuple):
    """A place in the text, and the attribute of the value there."""

    start: int
    end: int
    attribute: str


def withhold(text: str, event: Event) -> str:
    """Return `text` about the event's person or group without the values that the event has of them. Total."""
    if not text or event.kind not in (Kind.USER, Kind.GROUP):
        return text
    said = _said(text)
    if not _may_repeat(said, event):
        return text
    folded, values = said.folded, list(_values(event))
    spans = [*_in_quotes(folded, values), *_by_themselves(folded, values), *_numbers(text, values)]
    if not spans:
        return text
    pieces: list[str] = []
    done = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if span.start >= done:
            pieces += (text[done : span.start], f"[value of {span.attribute}]")
        done = max(done, span.end)
    return "".join((*pieces, text[done:]))


class _Said(NamedTuple):
    """A text prepared for searching; many events get the same one."""

    folded: str
    quoted: tuple[str, ...]
    numbers: bool
    """Whether the text may hold a telephone number."""


@lru_cache(maxsize=1024)
def _said(text: str) -> _Said:
    folded = _folded(text)
    quoted = [match[0][1:-1].strip(_ELLIPSES) for match in QUOTED.finditer(folded)]
    quoted = [inner for inner in quoted if inner and not _known(inner[:MAX_WORD])]
    return _Said(folded, tuple(quoted), _PHONE.search(text) is not None)


def _may_repeat(said: _Said, event: Event) -> bool:
    """Whether the text may repeat a value, so that the slow search is needed: for most failures it is not."""
    folded, quoted, numbers = said
    told: list[Any] = [value for change in event.changes or () for value in (change.to, change.from_) if value]
    if event.resource is not None and event.kind is Kind.USER:
        told += event.resource.__dict__.values()
        told += (event.resource.__pydantic_extra__ or {}).values()
    for _ in range(MAX_VALUES):
        if not told:
            break
        value = told.pop()
        kind = type(value)
        if kind is dict:
            told += value.values()
        elif kind is list:
            told += value[:MAX_VALUES]
        elif value and (kind is str or kind is int):
            parts = _folded(str(value)[: MAX_WORD + 1]).split()
            word = " ".join(parts)
            for part in (word, *_PART.findall(word)) if len(parts) > 1 or "," in word else parts:
                if part in folded and len(part) >= SHORTEST_WORD and part not in ORDINARY:
                    return True
            if quoted and any(inner in word for inner in quoted):
                return True
            if "@" in word and word.partition("@")[0] in folded:
                return True
            if numbers and word[-1:].isdigit():
                return True
    return bool(told)


def _folded(text: str) -> str:
    """Return the text in one case, letter by letter, so that positions stay the same."""
    folded = text.casefold()
    if len(folded) == len(text):
        return folded
    return "".join(fold if len(fold := letter.casefold()) == 1 else letter for letter in text)


def _in_quotes(folded: str, values: list[_Value]) -> Iterator[_Span]:
    """Yields quoted values, whole or cut short by the provider."""
    for match in QUOTED.finditer(folded):
        inner = match[0][1:-1].strip(_ELLIPSES)
        if not inner or _known(inner[:MAX_WORD]):
            continue
        piece = len(inner) >= SHORTEST_WORD and inner not in ORDINARY
        for attribute, word, _ in values:
            if inner == word.strip(_ELLIPSES) or (piece and inner in word and _holds(word, inner)):
                yield _Span(match.start() + 1, match.end() - 1, attribute)
                break


def _holds(word: str, piece: str) -> bool:
    return word.startswith(piece) or next(_places(word, piece), None) is not None


def _by_themselves(folded: str, values: list[_Value]) -> Iterator[_Span]:
    sought: set[str] = set()
    for attribute, word, name in values:
        for part in (word, *_PART.findall(word)) if name else (word,):
            if part in sought or len(part) < SHORTEST_WORD or part not in folded or part in ORDINARY or _known(part):
                continue
            sought.add(part)
            for start in _places(folded, part):
                yield _Span(start, start + len(part), attribute)


def _places(text: str, word: str) -> Iterator[int]:
    """Yields the positions at which `word` stands by itself."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum()):
            yield at
        at = text.find(word, end)


def _numbers(text: str, values: list[_Value]) -> Iterator[_Span]:
    """Yields telephone numbers, however they are spaced."""
    sent = [(value.attribute, _DIGITS.sub("", value.word)) for value in values if _PHONE.fullmatch(value.word)]
    for match in _PHONE.finditer(text) if sent else ():
        digits = _DIGITS.sub("", match[0])
        for attribute, number in sent:
            if len(digits) >= 6 and (digits in number or number in digits):
                yield _Span(match.start(), match.end(), attribute)
                break


def _values(event: Event) -> Iterator[_Value]:
    """Yields at most `MAX_VALUES` values, in the record's order."""
    told: list[tuple[str, str, Any]] = []
    for change in reversed(event.changes or ()):
        told += _told(change.field or "", change.from_) + _told(change.field or "", change.to)
    if event.kind is Kind.GROUP:
        told = [one for one in told if one[0] not in _OF_GROUP]
    elif event.resource is not None:
        told += _of_resource(event.resource)
    for _ in range(MAX_VALUES):
        if not told:
            break
        field, key, value = told.pop()
        link = field in _LINKS
        if isinstance(value, dict):
            if field.startswith("urn:"):
                told += (one for name, inner in value.items() for one in _told(name, inner))
            else:
                told += (
                    (field, name.lower(), inner)
                    for name, inner in value.items()
                    if name.lower() not in _NO_VALUE and not (link and name.lower() == "value")
                )
        elif isinstance(value, list):
            told += ((field, key, one) for one in reversed(value[:MAX_VALUES]))
        elif isinstance(value, str | int) and not isinstance(value, bool):
            word = _folded(" ".join(str(value)[: MAX_WORD + 1].split()))
            if word and len(word) <= MAX_WORD and not (link and _ID.fullmatch(word)):
                yield _Value(field, word, name=key in _NAMES)
                if "@" in word:
                    yield _Value(field, word.partition("@")[0], name=False)


def _told(name: str, value: Any) -> list[tuple[str, str, Any]]:
    """Return what is sent under a name: attribute, key and value; nothing if it is not personal."""
    if value is None or value is True or value is False:
        return []
    field, key = _attribute(name[:MAX_WORD])
    return [] if key in _PUBLIC else [(field, key, value)]


@lru_cache(maxsize=1024)
def _attribute(name: str) -> tuple[str, str]:
    field = _known(name) or _NO_FIELD.sub("", name)[:64] or "attribute"
    return field, field.lower()


@lru_cache(maxsize=1024)
def _known(name: str) -> str:
    return spelling(name, known=True)


def _of_resource(resource: Resource) -> Iterator[tuple[str, str, Any]]:
    for name, value in (*resource.__dict__.items(), *(resource.__pydantic_extra__ or {}).items()):
        if name != "type":
            yield from _told(_OF_RESOURCE.get(name, name), value)

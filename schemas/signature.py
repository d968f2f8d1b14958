"""Decides which failures are one incident: those of one application, cause and attribute whose texts differ only in
noise.

Noise is whatever distinguishes one try from the next: numbers, dates, addresses, ids of requests, quoted values, the
status in words, and what the event itself says of its person or group. Pure; the same failure always has the same
incident.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel

from schemas.credentials import MARK
from schemas.events import Event, Kind
from schemas.facts import Facts
from schemas.withheld import MAX_VALUES, MAX_WORD, ORDINARY, PLACEHOLDER, QUOTED, SHORTEST_WORD

NONE: Final = bytes(16)
"""The incident id of an event that did not fail."""
BETWEEN: Final = " · "
"""Separates the texts of one answer in the facts' detail."""
MAX_PATTERN: Final = 160
"""Providers say first what is wrong; later text may be cut off at a place that depends on the noise."""
_LABELLED = re.compile(
    r"\b(?:request|correlation|trace|span|ray|reference|ref|activity|session|incident|error|log|transaction|event)"
    r"[\s_-]?(?:id|uuid|no|number|key)\b"
    r"(?:(?:\s*[:=#(\[]+\s*|\s+(?!(?:is|was|has|not|no|must|can|cannot|could|does|already|expired|invalid|missing"
    r"|revoked|unknown|required|failed|wrong|in|of|for|and|or)\b))[\w./+=-]*)?"
    r"|(?:^|(?<=[.;,(\[]))\s*(?:reference|ref)\b[\s.:=#]+[\w/+=-]+"
)
_DATE_WORDS = re.compile(
    r"\b(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},?\s+)?#?\s*"
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\b\.?,?\s*#(?:[\s,]*#)*"
    r"|\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6},\s+(?=#)|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b"
)
_CLOCK_WORDS = re.compile(r"#\s*(?:am|pm|utc|gmt|[ap]\.m\.)\b")
_COUNTED = re.compile(
    r"#\s*(?:milliseconds?|ms|seconds?|secs?|minutes?|mins?|hours?|days?|s|m|h)\b"
    r"|\b(?:an?|one|(?:a )?few|several)\s+(?:seconds?|minutes?|hours?|days?)\b"
)
_NUMBERED = re.compile(r"[^\s,;()\[\]{}<>|]*\d[^\s,;()\[\]{}<>|]*")
_LINK = re.compile(
    r"(?:\b(?:get|post|put|patch|delete)\s+(?=[\"'/]|[a-z]+://))?(?:\"[a-z]+://[^\"]+\"|\b[a-z][a-z0-9+.-]*://\S+"
    r"|(?<!\w)/(?:\S*/)?(?:users|groups)\b\S*)"
)
"""Also matches the request's method: a request without an answer fails whatever it asks."""
_NOISE = re.compile(r"(?:#[\s,;:./|&+-]*)+")
_REPEATED = re.compile(r"(\{[^{}]*\})(?:[\s,;]*\1)+(?:[\s,;]*\{[^{}]*$)?")
"""Members in a list, the last of which may be cut off with the text."""
_SPACE = re.compile(r"\s+")
_PART = re.compile(r"[^\s,;()]+")
_EDGES: Final = " .,;:!-#()[]{}<>|=·"
_PHRASES: Final = "|".join(re.escape(status.phrase.casefold()) for status in HTTPStatus if status >= 400)
_STATUS = re.compile(
    rf"\W*(?:(?:http(?:/\d(?:\.\d)?)?|status(?:[ _]?code)?|error|request failed|[45]\d\d)\b"
    rf"|(?:{_PHRASES})(?=\s*(?:[:;,.()-]|[45]\d\d\b|$)))[\s:;,.=()-]*"
)
"""What the status and the cause already say. Some records repeat it before the text, and some do not."""


def pattern(detail: str, own: Iterable[str] = ()) -> str:
    """Return a provider's text with its noise replaced by `#`. `own` are words of the event itself."""
    words = sorted({word.casefold() for word in own}, key=len, reverse=True)
    parts = dict.fromkeys(_quiet(part, words) for part in detail.casefold().split(BETWEEN))
    text = BETWEEN.join(part for part in parts if part)
    if len(text) > MAX_PATTERN:
        text = text[:MAX_PATTERN].rpartition(" ")[0] or text[:MAX_PATTERN]
    return text.strip(_EDGES)


def _quiet(text: str, words: Iterable[str]) -> str:
    """Return one part of a text without noise and without a leading status."""
    while match := _STATUS.match(text):
        text = text[match.end() :]
    text = PLACEHOLDER.sub("#", text.replace("[address]", "#").replace(MARK, "#"))
    for word in words:
        text = _without(text, word)
    for noise in (_LINK, QUOTED, _LABELLED, _NUMBERED, _DATE_WORDS, _CLOCK_WORDS, _COUNTED):
        text = noise.sub("#", text)
    return _REPEATED.sub(r"\1", _SPACE.sub(" ", _NOISE.sub("# ", text))).strip(_EDGES)


def _without(text: str, word: str) -> str:
    """Replace `word` by noise where it stands by itself."""
    at = text.find(word)
    while at >= 0:
        end = at + len(word)
        if not (text[at - 1 : at].isalnum() or text[end : end + 1].isalnum()):
            text = f"{text[:at]}#{text[end:]}"
            end = at + 1
        at = text.find(word, end)
    return text


def own_words(event: Event, found: Facts) -> frozenset[str]:
    """Return what an event says of its person or group, where the text repeats it: names, addresses, ids, sent
    values."""
    text = found.detail.casefold()
    words = set()
    told: list[Any] = [value for change in event.changes or () for value in (change.to, change.from_) if value]
    if event.resource is not None:
        told += [value for name, value in _members(event.resource) if value and name != "type"]
        if event.kind is Kind.USER:
            told += _PART.findall(event.resource.display_name or "")
    told += [found.subject_name, found.subject_email, found.subject_id, found.integration_id]
    told += found.subject_email.partition("@")[:1]
    for _ in range(MAX_VALUES):
        if not told:
            break
        value = told.pop()
        if isinstance(value, str):
            if SHORTEST_WORD <= len(value) <= MAX_WORD:
                word = value.casefold()
                if word in text and word not in ORDINARY:
                    words.add(word)
        elif isinstance(value, list):
            told += value
        elif isinstance(value, dict):
            told += value.values()
        elif isinstance(value, BaseModel):
            told += [inner for _, inner in _members(value)]
    return frozenset(words)


def _members(part: BaseModel) -> Iterator[tuple[str, Any]]:
    yield from part.__dict__.items()
    yield from (part.__pydantic_extra__ or {}).items()


_remembered = lru_cache(maxsize=4096)(pattern)
"""Many failures get the same answer, which usually mentions nobody."""


def incident_id(organization: str, event: Event, found: Facts) -> bytes:
    """Return 16 bytes; `NONE` for an event that did not fail, or that concerns no known application."""
    if found.outcome != "failure" or not found.application_id:
        return NONE
    said = _remembered(found.detail, own_words(event, found)) if found.detail else ""
    parts = (organization, found.application_id, found.cause, found.attribute, said)
    return blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).digest()

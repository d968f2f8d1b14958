"""Reads the provider's answer, as far as a record includes it: status, SCIM type and texts.

The status may be a number or a string, absent, or only inside a text; bodies may be SCIM, other JSON, HTML, plain text
or empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from schemas.attribute import spelling
from schemas.errors import MalformedRecord
from schemas.jsontext import decode_object

MAX_TEXT: Final = 4000
MAX_KEY: Final = 64
"""Longer keys do not name an attribute."""

_STATUS_IN_TEXT = re.compile(
    r"""(?ix)
      (?: \bhttp (?:/\d (?:\.\d)?)? | \bstatus (?:[ _]?code)? | \bcode | \berror | \breturned | \bresponded\ with )
        [\s:="'(]* ([2-5]\d\d) \b
    | ^ \W* ([3-5]\d\d) \b (?= \s* (?: [:{-] | $ ) )
    | \( ([45]\d\d) \)
    | \b ([45]\d\d) \s (?= (?:bad|unauthori|forbidden|not\ |method|conflict|gone|precondition|payload|request
        |payment|unsupported|unprocess|too\ |internal|service|gateway) )
    """
)
"""A number is a status only where words or its position say so: `user 401 Main Street` has none."""
_SCIM_TYPE_IN_TEXT = re.compile(
    r"\b(uniqueness|invalidValue|invalidFilter|invalidPath|invalidSyntax|noTarget|mutability|tooMany"
    r"|tooManyRequests|sensitive|invalidVers)\b"
)
_CODE = re.compile(r"\s*([1-5]\d\d)(?!\d)", re.ASCII)
_PAGE = re.compile(r"\s*<(?!nil>)(?:[!?]|/?[a-z])", re.IGNORECASE)
_ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"
_TAG = re.compile(r"<[/!a-zA-Z][^<>@]*>")
_SPOKEN = frozenset({"detail", "message", "error_description", "description", "error", "title", "code", "__type"})
_CODES = frozenset({"code", "__type"})
_HELD = frozenset({"errors", "details"})
_UNSAFE = re.compile(r"[^A-Za-z0-9_]")
_NAMING = frozenset({"attribute", "attributename", "field", "fieldname", "property", "propertyname", "path", "pointer"})
"""Keys whose value names what an error is about."""


class Reading(NamedTuple):
    """The provider's answer as the record gives it."""

    code: int
    """Status from `message_chain.response_code` alone."""
    status: int
    """`code`, or else a status found in the texts."""
    scim_type: str
    text: str
    html: bool
    error: bool
    """Whether a text is a SCIM error, or the error message names the status of one."""


def _code(value: object) -> int:
    """Return an HTTP status given as a number or at the start of a text; 0 for anything else."""
    if isinstance(value, str):
        match = _CODE.match(value)
        return int(match[1]) if match else 0
    return value if isinstance(value, int) and 100 <= value < 600 else 0


def read_answer(
    response_code: str | int | None, message: str, details: str, error: str, success: bool | None
) -> Reading:
    """Read the provider's answer from `message_chain`, `error_message` and `success`."""
    code = _code(response_code)
    html = _is_page(details) or _is_page(error)
    if 200 <= code < 300 and not error and not html and success is not False and _ERROR_SCHEMA not in details:
        return Reading(code, code, "", "", False, False)  # the body of a success is the account, not for display
    body = _scim_error(details) or _scim_error(error)
    scim_type = _text_of(body, "scimType")
    texts = list(_enough(_words(body))) if body else []
    texts += [text for text in (error, message, details) if text and not (texts and text.lstrip().startswith("{"))]
    text = " · ".join(dict.fromkeys(" ".join(_TAG.sub(" ", text).split()) for text in texts if text))
    named = 0 if code >= 300 else _status_in(error)
    status = code or _code(body.get("status") if body else None) or named
    if not status and not (success and body):  # numbers in an accepted account are the account's
        status = _status_in(details)
    if not scim_type and (match := _SCIM_TYPE_IN_TEXT.search(text)):
        scim_type = match[1]
    denied = _ERROR_SCHEMA in details or _ERROR_SCHEMA in error or named >= 300
    return Reading(code, status, scim_type[:64], text[:MAX_TEXT], html, denied)


def tells_active(details: str) -> bool:
    """Whether the body is an account that is active: providers answer 200 to what they did not do."""
    if '"active"' not in details.lower():
        return False
    try:
        found = decode_object(details.strip().encode())
    except MalformedRecord:
        return False
    return any(key.lower() == "active" and str(value).lower() == "true" for key, value in found.items())


def _is_page(text: str) -> bool:
    return _PAGE.match(text) is not None


def _scim_error(text: str) -> dict[str, Any] | None:
    """Return the SCIM (or other JSON) error object in `text`, also after a few words as in `409: {…}`."""
    start = text.find("{")
    if start < 0 or start > 200:
        return None
    try:
        found = decode_object(text[start : text.rfind("}") + 1].encode())
    except MalformedRecord:
        return None
    inner = found.get("error")
    return inner if isinstance(inner, dict) else found


def _words(body: dict[str, Any]) -> Iterator[str]:
    """Yields an error object's texts for people; SCIM 1.1 and others list them under `errors`.

    An event is one event whatever the order of its keys, which exports sort.
    """
    for key, value in sorted(body.items(), key=_rank):
        if isinstance(value, str) and key.lower() in _SPOKEN:
            yield value
        elif isinstance(value, str) and key.lower() in _NAMING:
            yield f"attribute {value}"
        elif key.lower() in _HELD:
            yield from _leaves(value)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for key, item in sorted(value.items(), key=_rank) if isinstance(value, dict) else enumerate(value):
            about = _about(key) if isinstance(key, str) else ""
            for leaf in _leaves(item):
                yield about + leaf


def _about(key: str) -> str:
    """Return what a key says about the words under it."""
    if key.lower() in _NAMING:
        return "attribute "
    if len(key) > MAX_KEY:
        return ""
    for path in (key, key.replace("_", ".")):  # exports write `name_familyName`
        if spelling(path, of_group=True, known=True):
            return f"{path}: "
    return ""


def _rank(item: tuple[str, Any]) -> tuple[int, str]:
    """Words come before lists of words, and these before codes; otherwise keys in order, as exports spell them."""
    key, lower = item[0], item[0].lower()
    return 2 if lower in _CODES else int(lower in _HELD), _UNSAFE.sub("_", key)


def _enough(words: Iterator[str]) -> Iterator[str]:
    """Yields as many words as can be shown: a record of one megabyte may hold half a million."""
    size = 0
    for word in words:
        yield word
        size += len(word) + 1
        if size > MAX_TEXT:
            return


def _text_of(body: dict[str, Any] | None, key: str) -> str:
    value = body.get(key) if body else None
    return value if isinstance(value, str) else ""


def _status_in(text: str) -> int:
    match = _STATUS_IN_TEXT.search(text)
    return int(match[match.lastindex or 0]) if match else 0

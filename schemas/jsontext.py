"""JSON as bytes: reading one object, and finding where each of its values stands in the text.

The bytes of a record are evidence. Whatever needs a part of them (an inner object, a secret to cut
out) takes it by position, so that nothing is ever written anew that need not be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, NamedTuple

import orjson

from schemas.errors import MalformedRecord

MAX_DEPTH: Final = 128
"""Deeper nesting is refused: no event has it, and parsers and recursion give up at various depths beyond."""

_BOM = b"\xef\xbb\xbf"
# A string, one structural byte, or a literal. JSON's own escapes never contain a bare quote.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_NO_STRING = re.compile(rb'[{}\[\],:]|[^\s{}\[\],:"]+')
_SURROGATE = re.compile("[\ud800-\udfff]")


def trim(raw: bytes) -> bytes:
    """`raw` without the white space and byte-order mark around it."""
    return raw.strip().removeprefix(_BOM).lstrip()


def decode_object(raw: bytes) -> dict[str, Any]:
    """The object that `raw` spells. Raises `MalformedRecord` for anything else."""
    decoded = decode(raw)
    if type(decoded) is not dict:
        raise MalformedRecord(f"not an object but {_kind(decoded)}", reason="not_an_object")
    return decoded


def decode(raw: bytes) -> Any:
    """The value that `raw` spells. Raises `MalformedRecord` for what is not JSON.

    What orjson refuses but RFC 8259 allows (lone surrogates) is read by the standard library; such a
    surrogate becomes U+FFFD in the value returned, never in the bytes. An integer beyond 64 bits is a float.
    """
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _depth(raw) > MAX_DEPTH:
        raise MalformedRecord(f"nested deeper than {MAX_DEPTH} levels", reason="too_deep")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return _decode_leniently(raw, error)


def _decode_leniently(raw: bytes, error: orjson.JSONDecodeError) -> Any:
    try:
        text = raw.decode()
    except UnicodeDecodeError as bad:
        raise MalformedRecord(f"invalid UTF-8 at byte {bad.start}", reason="invalid_utf8") from None
    try:
        return _without_surrogates(json.loads(text, parse_constant=_refuse_constant, parse_int=_integer))
    except (ValueError, RecursionError):
        raise MalformedRecord(f"not JSON: {error.msg} (byte {error.pos})", reason="not_json") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int | float:
    if len(digits) > 20:
        return float(digits)
    value = int(digits)
    return value if -(2**63) <= value < 2**64 else float(digits)


def end_of_strings(raw: bytes) -> int:
    """Where the first string begins that never ends, and behind which none does; only what is no JSON has any.

    Whoever looks for strings there goes through all the rest from each of its quotes.
    """
    last = raw.rfind(b'"')
    while last >= 0:
        before = last - 1
        while before >= 0 and raw[before] == 0x5C:  # a backslash
            before -= 1
        if (last - before) % 2:
            break
        last = raw.rfind(b'"', 0, last)
    unclosed = raw.find(b'"', last + 1)
    return len(raw) if unclosed < 0 else unclosed


def _tokens(raw: bytes) -> Iterator[re.Match[bytes]]:
    end = end_of_strings(raw)
    return chain(_TOKEN.finditer(raw, 0, end), _NO_STRING.finditer(raw, end))


def _depth(raw: bytes) -> int:
    deepest = depth = 0
    for match in _tokens(raw):
        token = match[0]
        if token in (b"{", b"["):
            depth += 1
            deepest = max(deepest, depth)
        elif token in (b"}", b"]"):
            depth -= 1
    return deepest


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def _kind(value: object) -> str:
    names = {list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def encode(value: Any) -> str:
    """`value` as compact JSON: the same text whichever reader it came through."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer beyond 64 bits, which pydantic's reader keeps and `decode_object` makes a float
        return orjson.dumps(json.loads(json.dumps(value), parse_int=_integer)).decode()


def decode_string(token: bytes) -> str:
    """The text of one JSON string token, quotes included."""
    if b"\\" not in token:
        return token[1:-1].decode()
    try:
        text = orjson.loads(token)
    except orjson.JSONDecodeError:
        text = _without_surrogates(json.loads(token))
    assert isinstance(text, str)
    return text


def spelt(token: bytes) -> str:
    """The text of one string token of what may be no JSON: what cannot be decoded is taken byte by byte."""
    try:
        return decode_string(token)
    except ValueError:
        return token[1:-1].decode("latin-1")


class Node(NamedTuple):
    """One value of an object, where it stands, and the key and value that hold it."""

    start: int
    end: int
    """For an object or array the end is that of its opening bracket; see `inner_object`."""
    key: str
    """The key it stands under; for an element of an array, the array's key."""
    parent: int
    """Index of the holding object or array in the sequence of nodes; -1 for the outermost."""
    kind: str
    """`{`, `[`, `"` or `literal`."""


def nodes(raw: bytes) -> Iterator[Node]:
    """Every value of JSON in the order of the text, holders before what they hold.

    Of what is not well-formed, all that look like values; one that opens where none can ends what is open.
    """
    stack: list[tuple[int, str, bool]] = []  # index of the holder, key it gives its elements, is it an object
    key, expects_key, expects_value, index = "", False, False, -1
    for match in _tokens(raw):
        token = match[0]
        first = token[:1]
        if first in (b",", b":"):
            expects_key = first == b"," and bool(stack) and stack[-1][2]
            expects_value = first == b":"
            continue
        if first in (b"}", b"]"):
            for depth in (-1, -2):  # one that was never closed is closed with what holds it
                if len(stack) >= -depth and stack[depth][2] is (first == b"}"):
                    del stack[depth:]
                    break
            expects_key = False
            continue
        if expects_key and first == b'"':
            key, expects_key = spelt(token), False
            continue
        if first in (b"{", b"[") and not expects_value and stack and stack[-1][2]:
            stack.clear()
        holder, inherited, in_object = stack[-1] if stack else (-1, "", False)
        own_key = (key if expects_value else "") if in_object else inherited
        index, expects_key, expects_value = index + 1, False, False
        kind = first.decode() if first in (b"{", b"[", b'"') else "literal"
        yield Node(match.start(), match.end(), own_key, holder, kind)
        if kind in ("{", "["):
            stack.append((index, own_key, kind == "{"))
            expects_key = kind == "{"


def inner_object(raw: bytes, name: str) -> bytes | None:
    """The bytes, from `{` to `}`, of the object that `raw` holds under `name` at its outermost level.

    None when there is no such object. `raw` must be well-formed JSON.
    """
    depth, key, expects_key, start = 0, "", False, -1
    for match in _tokens(raw):
        first = match[0][:1]
        if first in (b"{", b"["):
            if depth == 1 and first == b"{" and key == name:
                start = match.start()
            depth += 1
            expects_key = depth == 1
        elif first in (b"}", b"]"):
            depth -= 1
            if depth == 1 and start >= 0:
                return raw[start : match.end()]
        elif first == b",":
            expects_key = depth == 1
        elif expects_key and first == b'"':
            key, expects_key = decode_string(match[0]), False
    return None

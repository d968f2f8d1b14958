"""JSON as bytes: decodes one object, and finds the position of each of its values in the text.

The bytes of a record are evidence. A part of them (an inner object, a secret to cut out) is taken by position, so that
nothing is rewritten unnecessarily.
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
"""Deeper nesting is rejected: no event has it, and beyond it parsers and recursion fail at various depths."""

_BOM = b"\xef\xbb\xbf"
# A string, one structural byte, or a literal. JSON's own escapes never contain a bare quote.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_NO_STRING = re.compile(rb'[{}\[\],:]|[^\s{}\[\],:"]+')
_SURROGATE = re.compile("[\ud800-\udfff]")


def trim(raw: bytes) -> bytes:
    """Return `raw` without surrounding white space and byte-order mark."""
    return raw.strip().removeprefix(_BOM).lstrip()


def decode_object(raw: bytes) -> dict[str, Any]:
    """Decode the JSON object in `raw`. Raises `MalformedRecord` for anything else."""
    decoded = decode(raw)
    if type(decoded) is not dict:
        raise MalformedRecord(f"not an object but {_kind(decoded)}", reason="not_an_object")
    return decoded


def decode(raw: bytes) -> Any:
    """Decode the JSON value in `raw`. Raises `MalformedRecord` if it is not JSON.

    The standard library decodes what orjson rejects but RFC 8259 allows (lone surrogates); such a surrogate becomes
    U+FFFD in the returned value, never in the bytes. An integer beyond 64 bits becomes a float.
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
    """Return the start of the first string that never ends, after which no string ends; only invalid JSON has one.

    A search for strings from there would scan the whole rest from each quote.
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
    """Return `value` as compact JSON: the same text whichever decoder it came through."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer beyond 64 bits, which pydantic's decoder keeps and `decode_object` makes a float
        return orjson.dumps(json.loads(json.dumps(value), parse_int=_integer)).decode()


def decode_string(token: bytes) -> str:
    """Decode one JSON string token, quotes included."""
    if b"\\" not in token:
        return token[1:-1].decode()
    try:
        text = orjson.loads(token)
    except orjson.JSONDecodeError:
        text = _without_surrogates(json.loads(token))
    assert isinstance(text, str)
    return text


def spelt(token: bytes) -> str:
    """Decode one string token of text that may not be JSON: what cannot be decoded is taken byte by byte."""
    try:
        return decode_string(token)
    except ValueError:
        return token[1:-1].decode("latin-1")


class Node(NamedTuple):
    """One value in a JSON text: its position, and the key and the container that hold it."""

    start: int
    end: int
    """For an object or array, the end of its opening bracket; see `inner_object`."""
    key: str
    """The value's key; for an array element, the array's key."""
    parent: int
    """Index of the containing object or array in the sequence of nodes; -1 for the outermost."""
    kind: str
    """`{`, `[`, `"` or `literal`."""


def nodes(raw: bytes) -> Iterator[Node]:
    """Yields every JSON value in the order of the text, containers before their contents.

    In malformed text, yields everything that looks like a value; a value that begins where none can may end what is
    open.
    """
    stack: list[tuple[int, str, bool]] = []  # index of the container, key of its elements, whether it is an object
    key, expects_key, expects_value, index = "", False, False, -1
    for match in _tokens(raw):
        token = match[0]
        first = token[:1]
        if first in (b",", b":"):
            expects_key = first == b"," and bool(stack) and stack[-1][2]
            expects_value = first == b":"
            continue
        if first in (b"}", b"]"):
            for depth in (-1, -2):  # a container that was never closed is closed with the one around it
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
    """Return the bytes, from `{` to `}`, of the object under `name` at the top level of `raw`.

    None if there is no such object. `raw` must be well-formed JSON.
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

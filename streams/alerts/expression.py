"""The expressions of rules: CEL over `fact` and `event`, refused where evaluation could take long.

The engine has no time limit, holds the interpreter's lock while it runs, and crashes on deep nesting or chaining. So
everything is bounded before it is compiled: length, nesting, functions, patterns. What remains has no loops.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Any, Final, NamedTuple

import cel

from schemas.near import meant
from streams.alerts.pattern import check_pattern

MAX_BYTES: Final = 2_000
MAX_TOKENS: Final = 500
MAX_DEPTH: Final = 50
MAX_PLUSES: Final = 5
"""Each sum of two texts or lists copies both."""
MAX_PATTERNS: Final = 3
"""The engine compiles patterns every time it runs."""

MACROS: Final = frozenset({"all", "exists", "exists_one", "map", "filter"})
_TEXT_METHODS: Final = frozenset({"contains", "startsWith", "endsWith", "matches"})
_TIMES: Final = "FullYear Month Date DayOfMonth DayOfWeek DayOfYear Hours Minutes Seconds Milliseconds"
FUNCTIONS: Final = frozenset(
    {"has", "size", "type", "int", "double", "string", "bool", "timestamp", "duration", *_TEXT_METHODS}
    | {f"get{part}" for part in _TIMES.split()}
)
_CONSTANTS: Final = frozenset({"true", "false", "null"})
_INSTEAD: Final = {"and": "&&", "or": "||", "not": "!", "true": "true", "false": "false", "none": "null"}
"""CEL operators for words of other languages."""
TYPES: Final = frozenset({"string", "int", "uint", "double", "bool", "null_type", "list", "map"})
"""What `type(…)` may be compared with."""
_LOOP: Final = "@not_strictly_false"
"""What the engine compiles `all` and `exists` to."""
FACT: Final = "fact"
EVENT: Final = "event"

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<text>[rR](?:"[^"\r\n]*"|'[^'\r\n]*')|"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*')(?!["'])
    |(?P<number>(?:0x[0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)u?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>&&|\|\||[=!<>]=|/(?!/)|[-+*%<>!?:.,()\[\]])""",
    re.VERBOSE,
)
"""A subset of the language: it omits whatever CEL's own lexer and this one could read differently (comments, triple
quotes)."""
_CLOSES: Final = {")": "(", "]": "["}


class Token(NamedTuple):
    """A token of the source."""

    kind: str
    text: str
    at: int
    """Its position; the first character is 1."""


class Used(NamedTuple):
    """The facts and fields that an expression reads."""

    facts: frozenset[str]
    fields: frozenset[str]
    """Top-level fields of the event."""


class Expression(NamedTuple):
    """An expression that is safe to run."""

    program: Any
    """Has the method `execute(context)`."""
    used: Used


def checked(source: str, known: dict[str, type]) -> Expression:
    """Compile an expression that is boolean and cannot run for long; `known` are the facts with their types. Raises
    `ValueError`."""
    used = check(source, known)
    program = _compiled(source)
    _compare(program)
    if not used.fields:
        try:
            answer = program.execute({FACT: {name: known[name]() for name in used.facts}})
        except TypeError as error:
            raise ValueError(f"compares what cannot be compared: {str(error).partition('. ')[0]}") from None
        except Exception:  # noqa: S110  because it may suit other facts than empty ones
            pass
        else:
            if not isinstance(answer, bool):
                raise ValueError("is neither true nor false: compare it with something")
    return Expression(program, used)


def _compare(program: Any) -> None:
    """Check that the engine parsed what was checked, in case its parser ever differs from this one."""
    named = {name for name in program.functions() if name.isidentifier()}
    if not {*program.variables()} <= {FACT, EVENT} | TYPES or not named <= FUNCTIONS or _LOOP in program.functions():
        raise ValueError("is read otherwise by the engine: write it more plainly")


def check(source: str, known: dict[str, type]) -> Used:
    """Return what a source reads, if it may be compiled; `known` are the facts with their types. Raises
    `ValueError`."""
    if len(source.encode()) > MAX_BYTES:
        raise ValueError(f"is longer than {MAX_BYTES:,} bytes")
    tokens = _tokens(source)
    _check_nesting(tokens)
    _check_amounts(tokens)
    facts, fields = set(), set()
    for index, token in enumerate(tokens):
        if token.text == "." and not _holds(tokens, index - 1):
            raise ValueError(f"'.' at character {token.at} follows nothing")
        if token.kind != "name":
            continue
        if _text(tokens, index + 1) == "(" and token.text != "in":
            _check_call(tokens, index)
        elif _text(tokens, index - 1) == ".":
            continue
        elif token.text == FACT:
            facts.add(_fact(tokens, index, known))
        elif token.text == EVENT:
            fields.add(_field(tokens, index))
        elif token.text != "in" and token.text not in _CONSTANTS | TYPES:
            instead = _INSTEAD.get(token.text.lower(), "fact.… or event.…, and texts in quotes")
            raise ValueError(f"{token.text!r} at character {token.at} is not known: write {instead}")
    return Used(frozenset(facts), frozenset(fields))


def compared(source: str) -> Iterator[tuple[str, str]]:
    """Yields the facts of a checked source, each with the texts that it is compared with."""
    tokens = _tokens(source)
    for index, token in enumerate(tokens):
        if (token.kind, token.text) != ("name", FACT) or _text(tokens, index - 1) == ".":
            continue
        name, sign = _text(tokens, index + 2), _text(tokens, index + 3)
        given: Iterable[Token] = tokens[index + 4 : index + 5] if sign in ("==", "!=") else ()
        if sign == "in":
            given = takewhile(lambda one: one.text != "]", tokens[index + 4 :])
        yield from ((name, one.text.lstrip("rR")[1:-1]) for one in given if one.kind == "text")


def _compiled(source: str) -> Any:
    """Compile a checked source. Raises `ValueError`."""
    try:
        return cel.compile(source)
    except ValueError as error:
        raise ValueError(f"is not a CEL expression: {_first_complaint(str(error))}") from None


def _first_complaint(message: str) -> str:
    found = re.search(r"<input>:(\d+):(\d+): (.*)", message)
    if found is None:
        return message.splitlines()[0]
    line, column, complaint = found.groups()
    short = re.split(r" expecting |, found", complaint)[0].removeprefix("Syntax error: ")
    return f"{short} in line {line} at character {column}"


def _tokens(source: str) -> list[Token]:
    tokens, at = [], 0
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None:
            instead = ": equal is ==" if source[at] == "=" else ""
            raise ValueError(f"{source[at]!r} at character {at + 1} has no place in an expression{instead}")
        if found.lastgroup != "space":
            tokens.append(Token(found.lastgroup or "", found[0], at + 1))
        at = found.end()
    if len(tokens) > MAX_TOKENS:
        raise ValueError(f"has {len(tokens)} words and signs; {MAX_TOKENS} are allowed")
    return tokens


def _check_nesting(tokens: list[Token]) -> None:
    opened: list[str] = []
    for token in tokens:
        if token.text in ("(", "["):
            opened.append(token.text)
            if len(opened) > MAX_DEPTH:
                raise ValueError(f"is nested deeper than {MAX_DEPTH} brackets")
        elif token.text in _CLOSES and (not opened or opened.pop() != _CLOSES[token.text]):
            raise ValueError(f"{token.text!r} at character {token.at} closes nothing")
    if opened:
        raise ValueError(f"{opened[-1]!r} is not closed")


def _check_amounts(tokens: list[Token]) -> None:
    if sum(token.text == "+" for token in tokens) > MAX_PLUSES:
        raise ValueError(f"has more than {MAX_PLUSES} pluses")
    if sum(token.text == "matches" for token in tokens) > MAX_PATTERNS:
        raise ValueError(f"has more than {MAX_PATTERNS} patterns")


def _text(tokens: list[Token], index: int) -> str:
    return tokens[index].text if 0 <= index < len(tokens) else ""


def _holds(tokens: list[Token], index: int) -> bool:
    """Whether the expression that ends at `index` can have a field."""
    if index < 0:
        return False
    before = tokens[index]
    return before.text in (")", "]") or before.kind == "text" or (before.kind == "name" and before.text != "in")


def _check_call(tokens: list[Token], index: int) -> None:
    name, at = tokens[index].text, tokens[index].at
    if name in MACROS:
        raise ValueError(f"{name}() at character {at} is a loop, and may run for ever: rules have none")
    if name not in FUNCTIONS:
        raise ValueError(f"{name}() at character {at} is not known; {meant(name, FUNCTIONS)}")
    if name == "matches":
        if len(tokens) < index + 4 or tokens[index + 2].kind != "text" or tokens[index + 3].text != ")":
            raise ValueError(f"matches() at character {at} must have its pattern in quotes")
        written = _compiled(tokens[index + 2].text).execute({})
        check_pattern(written)
        try:
            _compiled(f"''.matches({tokens[index + 2].text})").execute({})
        except RuntimeError as error:
            complaint = str(error).replace(". Check function arguments and their types.", "").splitlines()[-1]
            raise ValueError(f"matches() at character {at} has no valid pattern: {complaint}") from None


def _fact(tokens: list[Token], index: int, known: dict[str, type]) -> str:
    """Return the fact read at `index`, after checking that its comparison fits its type."""
    name = _text(tokens, index + 2)
    if _text(tokens, index + 1) != "." or not name:
        raise ValueError(f"fact at character {tokens[index].at} must name one of them, such as fact.http_status")
    if name not in known:
        raise ValueError(f"fact.{name} at character {tokens[index].at} is not known; {meant(name, known)}")
    if _text(tokens, index + 3) in ("==", "!=", "<", "<=", ">", ">=") and index + 4 < len(tokens):
        given = tokens[index + 4]
        if given.kind in ("text", "number") and (given.kind, known[name]) not in (("text", str), ("number", int)):
            what = {str: "a text", int: "a number", bool: "true or false", tuple: "a list: write 'x' in fact." + name}
            raise ValueError(f"fact.{name} at character {tokens[index].at} is {what[known[name]]}")
    return name


def _field(tokens: list[Token], index: int) -> str:
    """Return the top-level event field read at `index`."""
    after, name = _text(tokens, index + 1), tokens[index + 2] if index + 2 < len(tokens) else None
    if after == "." and name is not None and name.kind == "name":
        return name.text
    if after == "[" and name is not None and name.kind == "text" and _text(tokens, index + 3) == "]":
        written = _compiled(name.text).execute({})
        assert isinstance(written, str)
        return written
    raise ValueError(f"event at character {tokens[index].at} must name a field, such as event.service")

"""Cuts secrets out of the bytes of a record before they reach the log or the dead letters.

Only the secret's own bytes change; a record without secrets is returned as the same object. Known secrets: values under
a credential's name (also `changes` of such a field), bearer and basic authorization, SCIM keys (`scim…`), JSON web
tokens, private keys; also in JSON inside a string. See `credentials`. A value under such a name is also cut wherever
else the record repeats it. See `echoes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from schemas.credentials import (
    MARK,
    holds_secret,
    is_credential,
    is_moment_or_host,
    is_refusal,
    may_hold_secrets,
    names_secret,
    names_several,
    secrets_in,
)
from schemas.echoes import Echoes, inside, outside
from schemas.errors import MalformedRecord
from schemas.jsontext import Node, decode, end_of_strings, nodes, spelt, trim
from schemas.spelling import Unescaped

MAX_EMBEDDED: Final = 4
"""Levels of JSON in a string of JSON in a string …: anything deeper is searched as text."""
SHORTEST: Final = 8
"""A shorter text cannot hold a secret together with what identifies it as one."""

_MARK = MARK.encode()
_NUMBERS = b"-0123456789"
_NAMING_KEYS = frozenset({"field", "name", "key", "attribute", "path", "header"})
"""Keys whose value names what a sibling holds: `{"field": "password", "to": …}`."""
_NAMED_KEYS = frozenset("from to value values old new oldValue newValue old_value new_value before after".split())
_ANSWER_KEYS = frozenset({"message_chain", "message_details", "errors", "error"})
"""Keys of a provider's answer; JSON in strings counts as one too."""
_IDENTIFYING_ENDINGS = ("id", "name", "email", "organization", "type", "label")
"""Endings of keys, and of names of changed fields, whose values identify what an event is about."""
_PLAIN_KEYS = frozenset({"timestamp", "jc_timestamp", "event_type", "client_ip", "organization"})
"""Keys whose values place an event: repeats of a secret are not cut there."""
_ABOUT = re.compile(
    r"(?:.*[_-])?(?:id|name|email|type|label|at|date|time|expires|status|method|scopes?|agent)"
    r"|.*(?:I[dD]|Name|Email|Type|At|Date|Time|Status|Method|Agent)"
)
"""Keys that describe the secret in whose object they stand."""
_PAIR = re.compile(r'\[\s*"([^"\\]*)"\s*,\s*"')
# A JSON string, and whether it is a key; excludes "", true, false, null, and objects with only one of these.
_STRING = re.compile(
    r'''"([^"\\]*(?:\\.[^"\\]*)*)"'''
    r"""(\s*:(?!\s*(?:""|true|false|null|\{\s*"[^"\\]*"\s*:\s*(?:true|false|null)\s*\})\s*[,}]))?""",
    re.DOTALL,
)


class _Secrecy(IntEnum):
    """Which values under a name are secret."""

    NONE = 0
    STRINGS = 1
    """For plurals: a number may be their count."""
    SURE = 2


class _Cut(NamedTuple):
    start: int
    end: int
    mark: bytes
    """What replaces the cut bytes."""


def redact(raw: bytes) -> tuple[bytes, int]:
    """Return `raw` with every secret replaced by `[redacted]`, and the number of secrets. Never raises.

    Bytes that are not JSON are searched as text, and for parts that look like JSON; UTF-16 is searched in decoded form.
    """
    codec = _wide_codec(raw) if b"\0" in raw else None
    if codec is None:
        return _redact(raw)
    value, cut = _redact_wide(raw, codec)
    value, more = _redact(value)  # what looked like UTF-16 may be something else
    return value, cut + more


def _redact(raw: bytes) -> tuple[bytes, int]:
    if not may_hold_secrets(raw):
        return raw, 0
    echoes = Echoes()
    cuts = _with_echoes(raw, _cuts(raw, 0, echoes), echoes)
    if not cuts:
        return raw, 0
    pieces: list[bytes] = []
    done = 0
    for cut in cuts:
        pieces += (raw[done : cut.start], cut.mark)
        done = cut.end
    return b"".join((*pieces, raw[done:])), len(cuts)


def _wide_codec(raw: bytes) -> str | None:
    """Return the codec of UTF-16 bytes, which have a byte-order mark, or zeros in every other byte of most letters."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16-le" if raw[0] == 0xFF else "utf-16-be"
    even, odd = raw[::2].count(0), raw[1::2].count(0)
    if max(even, odd) * 4 < len(raw):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _redact_wide(raw: bytes, codec: str) -> tuple[bytes, int]:
    """Redact UTF-16, otherwise byte for byte: also lone surrogates and half a letter at the end."""
    whole = len(raw) & ~1
    value, cut = _redact(raw[:whole].decode(codec, "surrogatepass").encode(errors="surrogatepass"))
    if not cut:
        return raw, 0
    return value.decode(errors="surrogatepass").encode(codec, "surrogatepass") + raw[whole:], cut


def redact_text(text: str) -> str:
    """Return running text without its secrets; what introduces one (`Bearer`, `password=`) stays."""
    pieces: list[str] = []
    done = 0
    for start, end in secrets_in(text):
        pieces += (text[done:start], MARK)
        done = end
    return "".join((*pieces, text[done:])) if pieces else text


def _cuts(raw: bytes, level: int, echoes: Echoes) -> list[_Cut]:
    cuts = _json_cuts(raw, level, echoes) if _worth_parsing(raw) else ()
    return list(cuts) if _is_json(raw) else _merged((*_text_cuts(raw), *cuts))


def _is_json(raw: bytes) -> bool:
    try:
        decode(trim(raw))
    except MalformedRecord:
        return False
    return True


def _with_echoes(raw: bytes, cuts: list[_Cut], echoes: Echoes) -> list[_Cut]:
    """Return the cuts, plus those of the same secrets elsewhere in a string, or anywhere in what is not JSON."""
    if not echoes:
        return cuts
    searched = [(0, len(raw))]
    if is_json := _is_json(raw):
        meant = Unescaped(raw)
        spans = [(meant.place(start), meant.place(end)) for start, end in echoes.places(meant.text)]
    else:
        spans = list(echoes.places(raw))
    spans = outside(spans, [cut[:2] for cut in cuts])
    if is_json and spans:
        strings = (node for node in nodes(raw) if node.kind == '"' and node.key not in _PLAIN_KEYS)
        searched = [(node.start + 1, node.end - 1) for node in strings]
    return _merged((*cuts, *(_Cut(start, end, _MARK) for start, end in inside(spans, searched))))


def _merged(cuts: Iterable[_Cut]) -> list[_Cut]:
    """Return the cuts in the order of the text, with overlapping ones merged."""
    merged: list[_Cut] = []
    for cut in sorted(cuts):
        last = merged[-1] if merged else None
        if last is None or cut.start >= last.end:
            merged.append(cut)
        elif cut[:2] != last[:2]:
            merged[-1] = _Cut(last.start, max(last.end, cut.end), _MARK)
        else:
            merged[-1] = min(last, cut, key=lambda one: len(one.mark))
    return merged


def _worth_parsing(raw: bytes) -> bool:
    """Whether the JSON can hold anything to cut; most records with a secret's word hold only facts about it."""
    key, values = "", []
    whole = raw.decode("latin-1")
    if any(map(names_secret, _PAIR.findall(whole))):
        return True
    for text, is_key in _STRING.findall(whole, 0, end_of_strings(raw)):
        if "\\" in text and may_hold_secrets(text.encode("latin-1")):
            return True
        if is_key:
            if names_secret(text):
                return True
            key = text
        elif key in _NAMING_KEYS and names_secret(text):
            return True
        elif "\\" not in text:
            values.append(text)
    return may_hold_secrets("\n".join(values).encode("latin-1")) and any(map(holds_secret, values))


def _text_cuts(text: bytes) -> Iterator[_Cut]:
    # Latin-1 maps every byte to one character and back: places in the text are places in the bytes.
    return (_Cut(start, end, _MARK) for start, end in secrets_in(text.decode("latin-1")))


def _json_cuts(raw: bytes, level: int, echoes: Echoes) -> Iterator[_Cut]:
    tree = list(nodes(raw))
    fields = {node.parent: _text(raw, node) for node in tree if node.kind == '"' and node.key in _NAMING_KEYS}
    paired = set(_paired(raw, tree))
    secrecy: list[_Secrecy] = []
    answer: list[bool] = []
    for index, node in enumerate(tree):
        held = secrecy[node.parent] if node.parent >= 0 else _Secrecy.NONE
        field = fields.get(node.parent, "") if node.key in _NAMED_KEYS else ""
        own = _Secrecy.SURE if index in paired else max(_secrecy(field), _secrecy(node.key))
        secrecy.append(max(held, own))
        answer.append(level > 0 or node.key in _ANSWER_KEYS or (node.parent >= 0 and answer[node.parent]))
        if node.kind == "literal":
            if secrecy[-1] is _Secrecy.SURE and raw[node.start] in _NUMBERS and not _is_about(raw, node, own):
                yield _Cut(node.start, node.end, b'"' + _MARK + b'"')
        elif node.kind != '"':
            continue
        elif secrecy[-1] is _Secrecy.NONE or _is_about(raw, node, own) or _is_count(raw, node, secrecy[-1]):
            if not answer[-1] and (field or node.key).lower().endswith(_IDENTIFYING_ENDINGS):
                echoes.spare(_inside(raw, node))
            yield from _string_cuts(raw, node, level, echoes)
        elif not _harmless(_text(raw, node), node.key, answer=answer[-1]):
            if not is_refusal(_text(raw, node)):
                echoes.add(_inside(raw, node))
            yield _Cut(node.start + 1, node.end - 1, _MARK)


def _paired(raw: bytes, tree: Sequence[Node]) -> Iterator[int]:
    """Yields the second of two strings in a list if the first is its name: `["Authorization", "SSWS …"]`."""
    for index in range(2, len(tree)):
        holder, name, value = tree[index - 2 : index + 1]
        if holder.kind == "[" and name.kind == value.kind == '"' and name.parent == value.parent == index - 2:
            alone = index + 1 == len(tree) or tree[index + 1].parent != index - 2
            if alone and names_secret(_text(raw, name)) and is_credential(_text(raw, value)):
                yield index


def _secrecy(name: str) -> _Secrecy:
    if not names_secret(name):
        return _Secrecy.NONE
    return _Secrecy.STRINGS if names_several(name) else _Secrecy.SURE


def _is_about(raw: bytes, node: Node, own: _Secrecy) -> bool:
    """Whether it only describes the secret in whose object it stands, and has no secret's name itself."""
    return own is _Secrecy.NONE and (_ABOUT.fullmatch(node.key) is not None or is_moment_or_host(_text(raw, node)))


def _is_count(raw: bytes, node: Node, secrecy: _Secrecy) -> bool:
    return secrecy is _Secrecy.STRINGS and _text(raw, node).isdigit()


def _harmless(text: str, key: str, *, answer: bool) -> bool:
    """Whether a string in a secret's place is not a secret."""
    return text in ("", MARK) or (key in _NAMING_KEYS and names_secret(text)) or (answer and is_refusal(text))


def _string_cuts(raw: bytes, node: Node, level: int, echoes: Echoes) -> Iterator[_Cut]:
    """Yields the cuts inside a string: in the JSON that it holds, or in its text."""
    if node.end - node.start < SHORTEST:
        return
    token = raw[node.start + 1 : node.end - 1]
    if b"\\" not in token and not may_hold_secrets(token):
        return
    spelled = Unescaped(token, node.start + 1)
    text = spelled.text
    if not may_hold_secrets(text):
        return
    embedded = level < MAX_EMBEDDED and b'"' in text and (b"{" in text or b"[" in text)
    for cut in _cuts(text, level + 1, echoes) if embedded else _text_cuts(text):
        mark = cut.mark.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        yield _Cut(spelled.place(cut.start), spelled.place(cut.end), mark)


def _inside(raw: bytes, node: Node) -> bytes:
    """Return the decoded text of a string."""
    return Unescaped(raw[node.start + 1 : node.end - 1]).text


def _text(raw: bytes, node: Node) -> str:
    return spelt(raw[node.start : node.end])

"""Cutting secrets out of the bytes of a record, before they reach the log or the dead letters.

Only the secret's own bytes change. A record without one is returned as it came, the same object.
Known secrets: values under a credential's name (also `changes` of such a field), bearer and basic
authorization, SCIM keys of the directory (`scim…`), JSON web tokens.
"""

from __future__ import annotations

import json
import re
import string
from functools import lru_cache
from typing import Final

from schemas.errors import MalformedRecord
from schemas.jsontext import Node, decode_object, decode_string, nodes

MARK: Final = "[redacted]"

_SENSITIVE = frozenset(
    "password passwd pwd passphrase secret clientsecret authorization proxyauthorization token accesstoken "
    "refreshtoken idtoken bearertoken authtoken apitoken tokenkey apikey xapikey scimtoken scimkey "
    "privatekey credential credentials setcookie sessiontoken".split()
)
_NAMING_KEYS = frozenset({"field", "name", "key", "attribute"})
"""Keys whose value names what their siblings hold: `{"field": "password", "to": …}`."""

# In running text a secret must look like one (a digit, or mixed case, or long), unless it is quoted or
# follows an equals sign: "token: expired" and "bearer authentication" are causes, not secrets.
# Each branch needs one of the words that `_suspicious` looks for. Look-aheads are bounded and groups
# atomic: a record of `token:token:…` must take linear time like any other.
_SECRET_TEXT = re.compile(
    r"""(?aix)
      (?P<scheme> \b (?:bearer|basic) [\s"':=]+ ) (?=\S{0,256}?\d|\S{0,256}?(?-i:[a-z][A-Z])|\S{24}) [a-z0-9._~+/=-]{8,}
    | (?P<name> (?:password|passwd|passphrase|secret|authorization|api[-_ ]?key|token)
        (?: ["'\\]* \s* = \s* ["'\\]* | ["'\\]+ \s* : \s* ["'\\]+ | \s* : \s* (?=[^\s,;]{5}) (?=\S{0,256}?\d) )
        (?! bearer\b | basic\b | \[redacted ) ) [^\s"'\\,;&}]{4,}
    | \b scim [-_.]? (?=[a-z_-]{0,64}\d) [a-z0-9_-]{12,}
    | (?<![a-z0-9_-]) (?P<lead> (?> (?:[a-z0-9_-]*?[-_])?? (?=eyJ) ) ) eyJ[a-z0-9_-]{8,}\.[a-z0-9_-]{8,}\.[a-z0-9_-]*
    """
)
_NEEDED: Final = ("pass", "pwd", "secret", "authoriz", "token", "key", "credential", "cookie", "bearer", "basic", "eyj")
"""Every secret that is known has one of these by it, punctuation aside, or is a SCIM key."""
_ASIDE: Final = string.punctuation + " "
_ASIDE_BYTES = (_ASIDE + string.digits).encode()
_ASIDE_TABLE = str.maketrans("", "", _ASIDE)
_LOWER = bytes(range(256)).lower()
# Without the word boundary, for speed: what it finds too much costs a closer look.
_SCIM_KEY = re.compile(r"scim[-_.]?(?=[a-z_-]{0,64}\d)[a-z0-9_-]{12,}")


def redact(raw: bytes) -> tuple[bytes, int]:
    """`raw` with every secret replaced by `[redacted]`, and how many were. Never raises.

    Bytes that are not JSON are searched as text.
    """
    if not _suspicious(raw):
        return raw, 0
    try:
        decode_object(raw)
    except MalformedRecord:
        return _redact_text(raw)
    return _redact_json(raw)


def _suspicious(raw: bytes) -> bool:
    """Whether a closer look is needed; most records end here."""
    if b"\\" in raw and b"\\u00" in raw:  # an escaped ASCII letter could spell any of them
        return True
    # Latin-1, because searching text is twice as fast as searching bytes.
    if _SCIM_KEY.search(raw.lower().decode("latin-1")):
        return True
    letters = raw.translate(_LOWER, _ASIDE_BYTES).decode("latin-1")
    return any(word in letters for word in _NEEDED)


def _redact_json(raw: bytes) -> tuple[bytes, int]:
    tree = list(nodes(raw))
    named_sensitive = {
        node.parent
        for node in tree
        if node.kind == '"' and node.key in _NAMING_KEYS and _is_sensitive(_text(raw, node))
    }
    sensitive: list[bool] = []
    pieces: list[bytes] = []
    done = cut = 0
    for index, node in enumerate(tree):
        held = node.parent >= 0 and sensitive[node.parent]
        sensitive.append(held or _is_sensitive(node.key) or index in named_sensitive)
        replacement = _replacement(raw, node, secret=sensitive[index])
        if replacement is not None:
            pieces += (raw[done : node.start], replacement)
            done, cut = node.end, cut + 1
    if not cut:
        return raw, 0
    return b"".join((*pieces, raw[done:])), cut


def _replacement(raw: bytes, node: Node, *, secret: bool) -> bytes | None:
    if node.kind == "literal":
        is_number = raw[node.start : node.start + 1] not in (b"t", b"f", b"n")
        return f'"{MARK}"'.encode() if secret and is_number else None
    if node.kind != '"' or (node.key in _NAMING_KEYS and not secret and _is_sensitive(_text(raw, node))):
        return None
    text = _text(raw, node)
    if secret:
        keeps = not text or text == MARK or (node.key in _NAMING_KEYS and _is_sensitive(text))
        return None if keeps else f'"{MARK}"'.encode()
    cleaned = redact_text(text)
    return None if cleaned == text else json.dumps(cleaned, ensure_ascii=False).encode()


def _text(raw: bytes, node: Node) -> str:
    return decode_string(raw[node.start : node.end])


@lru_cache(maxsize=4096)
def _is_sensitive(name: str) -> bool:
    # Only ASCII: some letters of other scripts become ASCII in lower case, and would escape `_suspicious`.
    return name.isascii() and name.lower().translate(_ASIDE_TABLE) in _SENSITIVE


def redact_text(text: str) -> str:
    """Running text without its secrets; what introduces one (`Bearer`, `password=`) stays."""
    return _SECRET_TEXT.sub(lambda match: _introduction(match) + MARK, text)


def _introduction(match: re.Match[str]) -> str:
    return match["scheme"] or match["name"] or match["lead"] or ""


def _redact_text(raw: bytes) -> tuple[bytes, int]:
    # Latin-1 maps every byte to one character and back: nothing but the secrets can change.
    text = raw.decode("latin-1")
    cleaned, cut = _SECRET_TEXT.subn(lambda match: _introduction(match) + MARK, text)
    return (cleaned.encode("latin-1"), cut) if cut else (raw, 0)

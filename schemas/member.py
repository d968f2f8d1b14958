"""Finds the member that the answer to a group push is about: its id, never a name or an address."""

from __future__ import annotations

import re
from typing import Final

_ID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9a-f]{16,64}|\d{1,20}|[UW][A-Z0-9]{8,11}"
"""Matches ids only, not user names or addresses."""
_MEMBER: Final = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"(?i:\bmember_?id)[\s:=\"']{{1,4}}({_ID})(?![\w@.-])",
        rf"\bmembers\[value eq [\"']?({_ID})(?![\w@.-])",
        r"(?i:\b(?:members?|users?|accounts?|resources?)\b(?: \w+ id| id| with id)?)"
        rf"[\s:=\"'(\[]{{1,4}}({_ID})(?![\w@.-])",
    )
)
_NO_MEMBER: Final = re.compile(
    r"memberid|no valid resources"
    r"|\b(?:no such|unknown|could not find|invalid) (?:user|member|account)"
    r"|\b(?:user|member|account)s?\b.{0,400}(?:not found|not exist|no longer exist|doesn'?t exist|invalid)",
    re.ASCII | re.IGNORECASE,
)


def misses_member(text: str) -> bool:
    """Whether the answer to a group push says that somebody is missing: the accounts that a group names are its
    members."""
    return _NO_MEMBER.search(text) is not None


def member_in(text: str) -> str:
    """Return the id of the member that a group push failed on; empty if there is none, or only a name is given."""
    for pattern in _MEMBER:
        match = pattern.search(text)
        if match:
            return match[1]
    return ""

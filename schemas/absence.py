"""Decides whether a 404 on a removal means that the account or group does not exist.

A server that never looked for the account answers 404 too: for a wrong address, a deleted tenant, a token without
rights. A text counts as absence if it says that the account does not exist, or nothing else. A text that is not
understood does not count.
"""

from __future__ import annotations

import re
from typing import Final

from schemas.wording import in_words, says_permission, says_protected

_LABELS: Final = frozenset(
    "id ids identifier uuid guid key name named username email mail address login external".split()
)
"""Words that lead to an id or a name, and are not themselves what is missing."""
_SILENT: Final = frozenset(
    "a an the this that your such given requested specified with by matching existing active valid http https status"
    " code error errors exception message detail details schemas request response returned null nil none undefined true"
    " false success failed has have been be is are was were can ca could do don does doesn did".split()
)
"""Filler from the answer's form and grammar, between the words that matter."""
_FORM: Final = re.compile(r"urn:ietf:[\w:.]+|\b[a-z]+://\S+|\bhttp/\d(?:\.\d)?\b|\b404\b")
_NOT: Final = re.compile(r"n['\u2019]t\b|(?<=can)not\b")
_QUOTED: Final = re.compile(r"(?<!\S)(?<!: )([\"'`])[^\"'`]{1,120}\1(?![\w=])")
_TOKEN: Final = re.compile(r"[\w.@+-]+")
_END: Final = re.compile(r"[·:;.!?()\[\]{},|]")
_WORD: Final = re.compile(r"[^\W\d_]+|[#@]")

_IDS: Final = r"(?: [#@~])*"
_PLACE: Final = rf"(?: (?:in|from|at|on|within)(?: (?!not)[a-z]+){{1,2}}{_IDS})?"
_MISSING: Final = (
    r"(?:not (?:found|exists?|member|belong|in)|no longer exists?|(?:already )?(?:deleted|removed|gone))\b"
)
_NOT_FOUND: Final = r"(?:unknown|(?:not|unable to|to) (?:find|locate))"
_GOES_ON: Final = r"(?= (?:[#@~]|(?:found|exists?|in|of|from|at|on|within|for|or|and)\b)|$)"
"""Excludes `no user pool`."""
_RESOURCE: Final = "resources?|records?|objects?|entity"


def _gone(nouns: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{nouns}){_IDS}{_PLACE} {_MISSING}|\b(?:no|{_NOT_FOUND})(?: scim)? (?:{nouns}){_GOES_ON}")


_GONE: Final = {
    False: _gone(f"users?|members?|accounts?|persons?|people|profiles?|employees?|guests?|identity|{_RESOURCE}"),
    True: _gone(f"groups?|teams?|{_RESOURCE}"),
}
_TARGET: Final = "(?:user|member|account|group|team)"
_REMOVE: Final = "(?:delet|remov|deactivat|deprovision|suspend|disabl)"
_ALL_SAID: Final = re.compile(
    r"(?:(?:not found|notfound|gone)(?: |$))*|(?:[#@~](?: |$))*"
    rf"|(?:(?:unable|not|while|when|to) )*{_REMOVE}(?:e|ing|ion|al)?(?: {_TARGET})?{_IDS}{_PLACE}"
    rf"|{_TARGET}{_IDS} not {_REMOVE}e?d"
)
"""Says only that it was not found, or what was tried."""
_ELSE: Final = re.compile(rf"\b(?:{_MISSING}|{_NOT_FOUND}\b)")


def tells_absence(text: str, of_group: bool) -> bool:
    """Whether the text of a 404 says that the account (with `of_group`: the group) does not exist, or says nothing."""
    text = in_words(text).casefold()
    if says_permission(text) or says_protected(text) or "access" in text:
        return False
    text = _QUOTED.sub(" @ ", _NOT.sub(" not", _FORM.sub(" ", text)))
    text = _TOKEN.sub(lambda token: _marked(token[0]), text)
    clauses = [clause for clause in map(_plain, _END.split(text)) if not _ALL_SAID.fullmatch(clause)]
    gone = [_GONE[of_group].search(clause) is not None for clause in clauses]
    elsewhere = any(_ELSE.search(clause) for clause, told in zip(clauses, gone, strict=True) if not told)
    return not clauses or (any(gone) and not elsewhere)


def _marked(word: str) -> str:
    """Replace ids by `#`, and addresses, hosts, names with a dot and quoted names by `@`."""
    within = word.strip(".")
    if "@" in word or ("." in within and not within.replace(".", "").isdecimal()):
        return " @ "
    return " # " if any(map(str.isdecimal, word)) else word


def _plain(clause: str) -> str:
    """Return the words that matter, separated by single spaces."""
    return " ".join("~" if word in _LABELS else word for word in _WORD.findall(clause) if word not in _SILENT)

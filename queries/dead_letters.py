"""Records that could not be read: where they came from and why. Their bytes are on the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from queries.cursor import Cursor, decode_cursor, encode_cursor
from queries.store import Store
from schemas.errors import NotFound
from schemas.times import LATEST, SENTINEL, to_microseconds

Row = dict[str, Any]

MOST_REASONS: Final = 200
"""Lines of the statistics: the largest ones."""

_COLUMNS: Final = (
    "letter_id, organization, source, position, reason, message, known_at, size, log_topic, log_partition, log_offset"
)
_SCOPE: Final = "({organization:String} = '*' OR organization = {organization:String})"
_CONDITIONS: Final = (
    f"{_SCOPE}"
    " AND (empty({ids:Array(UUID)}) OR letter_id IN {ids:Array(UUID)})"
    " AND ({source:String} = '' OR source ILIKE {source:String}"
    " OR substring(source, position(source, ':') + 1) ILIKE {source:String})"
    " AND ({reason:String} = '' OR reason = {reason:String})"
    " AND known_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')"
    " AND known_at < fromUnixTimestamp64Milli({until:Int64}, 'UTC')"
)
_LIST: Final = (
    f"SELECT {_COLUMNS} FROM dead_letters FINAL WHERE {_CONDITIONS}"
    " AND (known_at, letter_id) < (fromUnixTimestamp64Milli({after_at:Int64}, 'UTC'), {after_id:UUID})"
    " ORDER BY known_at DESC, letter_id DESC LIMIT {limit:UInt32}"
)
_ONE: Final = f"SELECT {_COLUMNS} FROM dead_letters FINAL WHERE {_SCOPE} AND letter_id = {{letter_id:UUID}}"
_REASONS: Final = (
    "SELECT reason, source, count() AS letters, min(known_at) AS first, max(known_at) AS last"
    f" FROM dead_letters FINAL WHERE {_CONDITIONS}"
    " GROUP BY reason, source ORDER BY letters DESC, reason, source LIMIT {limit:UInt32}"
)
_NEWEST: Final = Cursor(LATEST, UUID(int=2**128 - 1))


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters are meant; what is empty does not narrow."""

    organization: str | None = None
    """None: of every organization."""
    ids: Sequence[UUID] = ()
    source: str = ""
    """The beginning of the source's name, with or without its kind (`file:`), in any case; a pattern of the
    whole name if `*` or `?` is in it."""
    reason: str = ""
    since: datetime = SENTINEL
    until: datetime = LATEST

    def asked(self) -> str:
        """What a cursor is bound to."""
        times = [at.isoformat() for at in (self.since, self.until)]
        return (
            f"dead-letters {self.organization!r} {[str(i) for i in self.ids]} {self.source!r} {self.reason!r} {times}"
        )

    def parameters(self) -> dict[str, object]:
        """Of the statements here."""
        return {
            "organization": _scope(self.organization),
            "ids": [str(letter_id) for letter_id in self.ids],
            "source": _pattern(self.source),
            "reason": self.reason,
            "since": to_microseconds(self.since) // 1000,
            "until": to_microseconds(self.until) // 1000,
        }


class Letters(NamedTuple):
    """Some dead letters, newest first, and the cursor of the next ones; None ends."""

    items: list[Row]
    next: str | None


def list_dead_letters(store: Store, wanted: LetterFilter, *, cursor: str | None = None, limit: int = 100) -> Letters:
    """Raises `BadUsage` for a cursor of another filter."""
    question = wanted.asked()
    after = decode_cursor(cursor, question) if cursor else _NEWEST
    place = {"after_at": to_microseconds(after.at) // 1000, "after_id": str(after.id), "limit": limit + 1}
    rows = store.query_dicts(_LIST, {**wanted.parameters(), **place})
    if len(rows) <= limit:
        return Letters(rows, None)
    last = rows[limit - 1]
    return Letters(rows[:limit], encode_cursor(Cursor(last["known_at"], last["letter_id"]), question))


def get_dead_letter(store: Store, organization: str | None, letter_id: UUID) -> Row:
    """Raises `NotFound`."""
    rows = store.query_dicts(_ONE, {"organization": _scope(organization), "letter_id": str(letter_id)})
    if not rows:
        raise NotFound(f"no dead letter {letter_id}")
    return rows[0]


def count_dead_letters(store: Store, wanted: LetterFilter) -> list[Row]:
    """Letters by reason and source, most first: `letters`, the `first` and the `last` of them."""
    return store.query_dicts(_REASONS, {**wanted.parameters(), "limit": MOST_REASONS})


def _scope(organization: str | None) -> str:
    return "*" if organization is None else organization


def _pattern(source: str) -> str:
    """As ILIKE takes it, whose own signs stand for themselves here."""
    if not source:
        return ""
    literal = source.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    whole = "*" in source or "?" in source
    return literal.replace("*", "%").replace("?", "_") if whole else literal + "%"

"""Records that could not be read: where they came from and why. Their bytes are on the log."""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from uuid import UUID

from queries.cursor import Cursor, decode_cursor, encode_cursor
from queries.store import Store
from schemas.errors import NotFound
from schemas.times import to_microseconds

Row = dict[str, Any]

_COLUMNS: Final = (
    "letter_id, organization, source, position, reason, message, known_at, size, log_topic, log_partition, log_offset"
)
_SCOPE: Final = "({organization:String} = '*' OR organization = {organization:String})"
_LIST: Final = (
    f"SELECT {_COLUMNS} FROM dead_letters FINAL WHERE {_SCOPE}"
    " AND ({source:String} = '' OR positionCaseInsensitiveUTF8(source, {source:String}) > 0)"
    " AND ({reason:String} = '' OR reason = {reason:String})"
    " AND (known_at, letter_id) < (fromUnixTimestamp64Milli({after_at:Int64}, 'UTC'), {after_id:UUID})"
    " ORDER BY known_at DESC, letter_id DESC LIMIT {limit:UInt32}"
)
_ONE: Final = f"SELECT {_COLUMNS} FROM dead_letters FINAL WHERE {_SCOPE} AND letter_id = {{letter_id:UUID}}"
_NEWEST: Final = Cursor(Cursor._field_defaults["until"], UUID(int=2**128 - 1))


class Letters(NamedTuple):
    """Some dead letters, newest first, and the cursor of the next ones; None ends."""

    items: list[Row]
    next: str | None


def list_dead_letters(
    store: Store,
    organization: str | None,
    *,
    source: str = "",
    reason: str = "",
    cursor: str | None = None,
    limit: int = 100,
) -> Letters:
    """`source` matches any part of the source's name. Raises `BadUsage` for a foreign cursor."""
    question = f"dead-letters {organization!r} {source!r} {reason!r}"
    after = decode_cursor(cursor, question) if cursor else _NEWEST
    rows = store.query_dicts(
        _LIST,
        {
            "organization": _scope(organization),
            "source": source,
            "reason": reason,
            "after_at": to_microseconds(after.at) // 1000,
            "after_id": str(after.id),
            "limit": limit + 1,
        },
    )
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


def _scope(organization: str | None) -> str:
    return "*" if organization is None else organization

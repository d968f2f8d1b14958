"""Records that could not be read: where they came from and why. Their bytes are on the log."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from queries.store import Store
from schemas.errors import NotFound

Row = dict[str, Any]

_COLUMNS: Final = (
    "letter_id, organization, source, position, reason, message, known_at, size, log_topic, log_partition, log_offset"
)
_SCOPE: Final = "({organization:String} = '*' OR organization = {organization:String})"


def list_dead_letters(
    store: Store, organization: str | None, *, source: str = "", reason: str = "", limit: int = 100
) -> list[Row]:
    """Newest first. `source` matches any part of the source's name."""
    return store.query_dicts(
        f"SELECT {_COLUMNS} FROM dead_letters FINAL WHERE {_SCOPE}"
        " AND ({source:String} = '' OR positionCaseInsensitiveUTF8(source, {source:String}) > 0)"
        " AND ({reason:String} = '' OR reason = {reason:String})"
        " ORDER BY known_at DESC, letter_id LIMIT {limit:UInt32}",
        {"organization": _scope(organization), "source": source, "reason": reason, "limit": limit},
    )


def get_dead_letter(store: Store, organization: str | None, letter_id: UUID) -> Row:
    """Raises `NotFound`."""
    rows = store.query_dicts(
        f"SELECT {_COLUMNS} FROM dead_letters FINAL WHERE {_SCOPE} AND letter_id = {{letter_id:UUID}}",
        {"organization": _scope(organization), "letter_id": str(letter_id)},
    )
    if not rows:
        raise NotFound(f"no dead letter {letter_id}")
    return rows[0]


def _scope(organization: str | None) -> str:
    return "*" if organization is None else organization

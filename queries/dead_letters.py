"""Records that could not be read: where they came from, why, and what was decided. Their bytes are on the log.

A letter waits until an event was made of it (redriven) or somebody gave it up (discarded). Its state is a function of
the set of its decisions: redriven wins over discarded, whatever their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from queries.cursor import Cursor, decode_cursor, encode_cursor, question_of
from queries.scope import SCOPE, scoped
from queries.store import Store
from schemas.errors import BadUsage, NotFound
from schemas.times import LATEST, SENTINEL, to_microseconds

Row = dict[str, Any]

MOST_REASONS: Final = 200
"""How many lines the statistics have at most: the largest ones."""

_COLUMNS: Final = (
    "letter_id, organization, source, position, reason, message, known_at, size, log_topic, log_partition, log_offset"
)
_CONDITIONS: Final = (
    f"{SCOPE}"
    " AND (empty({ids:Array(UUID)}) OR letter_id IN {ids:Array(UUID)})"
    " AND ({source:String} = '' OR source ILIKE {source:String}"
    " OR substring(source, position(source, ':') + 1) ILIKE {source:String})"
    " AND ({reason:String} = '' OR reason = {reason:String})"
    " AND known_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')"
    " AND known_at < fromUnixTimestamp64Milli({until:Int64}, 'UTC')"
)
_DECIDED: Final = (
    f"(organization, letter_id) GLOBAL IN (SELECT organization, letter_id FROM letter_decisions WHERE {SCOPE}"
    " AND decision = '{}')"
)
_STATE: Final = (
    f"multiIf({_DECIDED.replace('{}', 'redriven')}, 'redriven', {_DECIDED.replace('{}', 'discarded')}, 'discarded',"
    " 'waiting')"
)
WAITING: Final = (
    "(organization, letter_id) GLOBAL NOT IN (SELECT organization, letter_id FROM letter_decisions"
    " WHERE {own} AND decision IN ('redriven', 'discarded'))"
)
"""Conditions on letters by filter. `own` is the condition on the organization."""
_LIST: Final = (
    f"SELECT {_COLUMNS} FROM dead_letters FINAL WHERE {_CONDITIONS}"
    f" AND ({{state:String}} = '' OR {_STATE} = {{state:String}})"
    " AND (known_at, letter_id) < (fromUnixTimestamp64Milli({after_at:Int64}, 'UTC'), {after_id:UUID})"
    " ORDER BY known_at DESC, letter_id DESC LIMIT {limit:UInt32}"
)
_ONE: Final = f"SELECT {_COLUMNS} FROM dead_letters FINAL WHERE {SCOPE} AND letter_id = {{letter_id:UUID}}"
_REASONS: Final = (
    "SELECT reason, source, count() AS letters, countIf(state = 'waiting') AS waiting,"
    " countIf(state = 'redriven') AS redriven, countIf(state = 'discarded') AS discarded,"
    " min(known_at) AS first, max(known_at) AS last"
    f" FROM (SELECT reason, source, known_at, {_STATE} AS state FROM dead_letters FINAL WHERE {_CONDITIONS})"
    f" WHERE {{state:String}} = '' OR state = {{state:String}}"
    " GROUP BY reason, source ORDER BY letters DESC, reason, source LIMIT {limit:UInt32}"
)
_LAST: Final = (
    "SELECT organization, letter_id,"
    " uniqExactIf((log_topic, log_partition, log_offset), decision != 'discarded') AS attempts,"
    " argMax((decision, decided_at, decided_by, reason, message, event_id),"
    " (indexOf(['still_unreadable', 'discarded', 'redriven'], decision), decided_at, log_partition, log_offset))"
    " AS last"
    f" FROM letter_decisions WHERE {SCOPE} AND letter_id IN {{ids:Array(UUID)}}"
    " GROUP BY organization, letter_id"
)
_DECISIONS: Final = (
    "SELECT decision, decided_at, decided_by, reason, message, event_id FROM letter_decisions FINAL"
    " WHERE organization = {organization:String} AND letter_id = {letter_id:UUID}"
    " ORDER BY decided_at, log_partition, log_offset"
)
_NOTHING: Final = UUID(int=0)
_NEWEST: Final = Cursor(LATEST, UUID(int=2**128 - 1))


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Selects letters. Empty fields select everything."""

    organization: str | None = None
    """None selects every organization."""
    ids: Sequence[UUID] = ()
    source: str = ""
    """The beginning of the source's name, with or without its kind (`file:`), in any case. With `*` or `?` it is a
    pattern of the whole name."""
    reason: str = ""
    state: str = ""
    """waiting, redriven or discarded."""
    since: datetime = SENTINEL
    until: datetime = LATEST
    range_asked: str = ""
    """The times as the caller wrote them: `24h` means the same times on every page."""

    def narrows(self) -> bool:
        """Whether the filter selects less than every letter; checked before a change."""
        return bool(self.ids or self.source or self.reason or self.since != SENTINEL or self.until != LATEST)

    def parameters(self) -> dict[str, object]:
        """Return the parameters of the statements in this module."""
        return {
            **scoped(self.organization),
            "ids": [str(letter_id) for letter_id in self.ids],
            "source": _pattern(self.source),
            "reason": self.reason,
            "state": self.state,
            "since": to_microseconds(self.since) // 1000,
            "until": to_microseconds(self.until) // 1000,
        }


class Letters(NamedTuple):
    """A page of dead letters, the newest first, and the cursor of the next page; None on the last page."""

    items: list[Row]
    next: str | None


def list_dead_letters(store: Store, wanted: LetterFilter, *, cursor: str | None = None, limit: int = 100) -> Letters:
    """Return letters, each with its state and last decision. Raises `BadUsage` for a cursor of another filter."""
    question = question_of(wanted)
    after = decode_cursor(cursor, question) if cursor else _NEWEST._replace(since=wanted.since, until=wanted.until)
    wanted = replace(wanted, since=after.since, until=after.until)
    place = {"after_at": to_microseconds(after.at) // 1000, "after_id": str(after.id), "limit": limit + 1}
    rows = store.query_dicts(_LIST, {**wanted.parameters(), **place})
    items = _with_decisions(store, wanted.organization, rows[:limit])
    if len(rows) <= limit:
        return Letters(items, None)
    last = rows[limit - 1]
    return Letters(items, encode_cursor(after._replace(at=last["known_at"], id=last["letter_id"]), question))


def get_dead_letter(store: Store, organization: str | None, letter_id: UUID) -> Row:
    """Return a letter with its state and all `decisions`, the oldest first.

    Raises `NotFound`, and `BadUsage` if the letter belongs to several organizations because a file was imported for
    each.
    """
    parameters = {**scoped(organization), "letter_id": str(letter_id)}
    rows = store.query_dicts(_ONE, parameters)
    if not rows:
        raise NotFound(f"no dead letter {letter_id}")
    if len(rows) > 1:
        owners = ", ".join(sorted(repr(row["organization"]) for row in rows))
        raise BadUsage(f"dead letter {letter_id} belongs to several organizations: name one of {owners}")
    (row,) = _with_decisions(store, organization, rows)
    decisions = store.query_dicts(_DECISIONS, {**parameters, "organization": row["organization"]})
    return {**row, "decisions": [{**found, "event_id": _event(found["event_id"])} for found in decisions]}


def count_dead_letters(store: Store, wanted: LetterFilter) -> list[Row]:
    """Return the numbers of letters by reason and source, the largest first.

    Each row has `letters`, the numbers by state, and the times of the `first` and `last` letter.
    """
    return store.query_dicts(_REASONS, {**wanted.parameters(), "limit": MOST_REASONS})


def _with_decisions(store: Store, organization: str | None, rows: Sequence[Row]) -> list[Row]:
    """Return the rows with `state`, `attempts`, and the decision that led to the state, or the last failed attempt."""
    if not rows:
        return []
    ids = [str(row["letter_id"]) for row in rows]
    found = store.query(_LAST, {**scoped(organization), "ids": ids})
    decided = {(owner, letter_id): (attempts, *last) for owner, letter_id, attempts, last in found}
    return [{**row, **_decision(decided.get((row["organization"], row["letter_id"])))} for row in rows]


def _decision(found: tuple[Any, ...] | None) -> Row:
    attempts, decision, at, by, reason, message, event_id = found or (0, "", None, "", "", "", _NOTHING)
    return {
        "state": decision if decision in ("redriven", "discarded") else "waiting",
        "attempts": attempts,
        "decision": decision,
        "decided_at": at,
        "decided_by": by,
        "decision_reason": reason,
        "decision_message": message,
        "event_id": _event(event_id),
    }


def _event(event_id: UUID) -> UUID | None:
    return event_id if event_id != _NOTHING else None


def _pattern(source: str) -> str:
    """Return the source as an ILIKE pattern, in which ILIKE's own signs stand for themselves."""
    if not source:
        return ""
    literal = source.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    whole = "*" in source or "?" in source
    return literal.replace("*", "%").replace("?", "_") if whole else literal + "%"

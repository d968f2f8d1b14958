"""Reads how sources and dead letters usually behave."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from queries.checks.blindness import CutLog, Habit, LetterRate
from queries.dead_letters import WAITING
from queries.scope import SCOPE, scoped
from queries.store import Store
from schemas.letters import CUTS

HABIT_DAYS: Final = 14
LETTER_DAYS: Final = 7
MOST_SOURCES: Final = 1000
MOST_CUTS: Final = 20

_UNKNOWN: Final = "organization = ''"
# Each file has its own name; a person who imports a file every hour is one source.
_HABITS: Final = (
    "SELECT organization, if(startsWith(source, 'file:'), 'file', source) AS name,"
    " max(known_at) AS last, uniqExact(toDate(known_at)) AS days,"
    " arraySort(groupUniqArray(toUnixTimestamp(toStartOfMinute(known_at)))) AS minutes,"
    " arraySort(arrayPopFront(arrayDifference(minutes))) AS gaps,"
    " length(minutes) AS talks,"
    " if(empty(gaps), 0, gaps[toUInt32(ceil(length(gaps) * 0.99))]) AS usual,"
    " if(length(gaps) < 2, 0, gaps[-2]) AS repeated"
    # An event is known after it occurred, so the first condition avoids reading older months.
    f" FROM events WHERE {SCOPE} AND occurred_at >= fromUnixTimestamp64Milli({{since:Int64}}, 'UTC')"
    " AND known_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')"
    " GROUP BY organization, name ORDER BY talks DESC LIMIT {limit:UInt32}"
)
_LETTERS: Final = (
    "SELECT organization, countIf(known_at >= fromUnixTimestamp64Milli({hour_ago:Int64}, 'UTC')) AS lately,"
    " minIf(known_at, known_at >= fromUnixTimestamp64Milli({hour_ago:Int64}, 'UTC')) AS since,"
    " count() - lately AS before"
    f" FROM dead_letters FINAL WHERE {SCOPE} AND known_at >= fromUnixTimestamp64Milli({{since:Int64}}, 'UTC')"
    " AND ({files:Bool} OR NOT startsWith(source, 'file:'))"
    " GROUP BY organization HAVING lately > 0 ORDER BY lately DESC LIMIT {limit:UInt32}"
)
_CUTS: Final = (
    f"SELECT letter_id, reason, position, message, known_at FROM dead_letters FINAL WHERE {_UNKNOWN}"
    f" AND reason IN {{reasons:Array(String)}} AND {WAITING.format(own=_UNKNOWN)}"
    " ORDER BY known_at DESC LIMIT {limit:UInt32}"
)
_NEWEST: Final = (
    f"SELECT max(known_at) FROM events WHERE {SCOPE}"
    " AND occurred_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')"
)


def read_habits(store: Store, organization: str | None, now: datetime) -> list[Habit]:
    """Return the habits of sources that sent something in the last days, by the log's clock."""
    rows = store.query_dicts(_HABITS, _parameters(organization, now - timedelta(days=HABIT_DAYS)))
    return [
        Habit(
            row["organization"],
            row["name"],
            row["talks"],
            row["days"],
            row["last"],
            timedelta(seconds=int(row["usual"])),
            timedelta(seconds=int(row["repeated"])),
        )
        for row in rows
    ]


def read_letter_rates(store: Store, organization: str | None, now: datetime, *, files: bool = True) -> list[LetterRate]:
    """Return the letter rates of organizations with dead letters in the last hour; without `files`, imports do not
    count."""
    begin = now - timedelta(days=LETTER_DAYS)
    hour_ago = {"hour_ago": _milliseconds(now - timedelta(hours=1))}
    rows = store.query_dicts(_LETTERS, {**_parameters(organization, begin), **hour_ago, "files": files})
    hours = LETTER_DAYS * 24 - 1
    return [LetterRate(row["organization"], row["lately"], row["since"], row["before"] / hours) for row in rows]


def read_cuts(store: Store) -> list[CutLog]:
    """Return the losses of the log that nobody has looked into. They belong to no organization and concern all."""
    rows = store.query(_CUTS, {"reasons": list(CUTS), "limit": MOST_CUTS})
    return [CutLog(*row) for row in rows]


def read_newest(store: Store, organization: str | None, now: datetime) -> datetime | None:
    """Return when the newest stored event of the last days became known; None if there is none."""
    ((newest,),) = store.query(_NEWEST, _parameters(organization, now - timedelta(days=HABIT_DAYS)))
    return newest if newest.timestamp() > 0 else None


def _parameters(organization: str | None, since: datetime) -> dict[str, object]:
    return {**scoped(organization), "since": _milliseconds(since), "limit": MOST_SOURCES}


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)

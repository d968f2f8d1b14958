"""Reads one incident in full: whom it affects and who recovered, what the provider said, and its course by the hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from queries.cursor import Cursor, decode_cursor, encode_cursor
from queries.incidents.listing import Row
from queries.incidents.runs import SOME, run_parameters, runs_sql
from queries.pieces import IDS_AT_ONCE, pieces
from queries.selection import Selection
from queries.store import Store
from schemas.alerts import utc
from schemas.times import LATEST, to_microseconds

MAX_TEXTS: Final = 20
MAX_HOURS: Final = 1000
"""How many hours with failures are read, the latest ones."""


class Details(NamedTuple):
    """The details behind a row of `incidents`."""

    subjects: list[Row]
    """subject_id, kind, name, attempts, first_at, last_at, mended_at (None: still in trouble), accepted_at (None: no
    success of its own since, so that its account is as the last failure left it). Subjects in trouble come first, then
    by their last failure, the latest first."""
    next: str | None
    """The cursor of more subjects; None on the last page."""
    texts: list[Row] | None
    """detail, attempts, first_at, last_at; the most frequent. None on pages after the first."""
    hours: list[Row] | None
    """hour, attempts, in order; only hours with failures. None on pages after the first."""


_ENDED: Final = "if(run.ended_at > {now:Int64}, 0, run.ended_at)"
_LAST_END: Final = f"if(min({_ENDED}) = 0, 0, max({_ENDED}))"
"""When the last run ended, in microseconds; 0 if a run has not ended by now."""


def subjects_sql(*, after: bool) -> str:
    """Return the SQL of the people and groups of one incident. They are mended when their last run has ended by now."""
    keyset = ""
    if after:
        keyset = (
            " WHERE rank > {after_rank:UInt8} OR rank = {after_rank:UInt8}"
            " AND (last_us, event) < ({after_at:Int64}, {after_id:String})"
        )
    return (
        "SELECT * FROM (SELECT run.subject_id AS subject_id, run.kind AS kind, sum(run.attempts) AS attempts,"
        " min(run.first_at) AS first_us, max(run.last_at) AS last_us,"
        f" {_LAST_END} AS mended_us, if(mended_us = 0, 0, 1) AS rank,"
        " lower(hex(argMax(run.last_event, tuple(run.last_at, run.last_event)))) AS event"
        f" FROM ({runs_sql(SOME)}) AS run GROUP BY subject_id, kind){keyset}"
        " ORDER BY rank, last_us DESC, event DESC LIMIT {limit:UInt32}"
    )


def own_successes_sql() -> str:
    """Return the SQL of when some people and groups of one incident had a success of their own after its failures."""
    runs = runs_sql(f"{SOME} AND subject_id IN {{subjects:Array(String)}}", own=True)
    return f"SELECT subject_id, kind, {_LAST_END} FROM ({runs}) AS run GROUP BY subject_id, kind LIMIT {{limit:UInt32}}"


_NAMES: Final = (
    "SELECT subject_id, argMax(subject_name, tuple(occurred_at, event_id, version)) FROM events_by_subject"
    " WHERE organization = {organization:String} AND subject_id IN {subjects:Array(String)} AND subject_name != ''"
    " AND known_at <= fromUnixTimestamp64Micro({known:Int64}, 'UTC') GROUP BY subject_id LIMIT {limit:UInt32}"
)


def texts_sql(selection: Selection) -> str:
    """Return the SQL of what the provider said, the most frequent first."""
    return (
        "SELECT detail, count() AS attempts, min(occurred_at) AS first_at, max(occurred_at) AS last_at"
        f" FROM ({selection.in_force_sql(('detail',), 'attempts_by_application')})"
        " GROUP BY detail ORDER BY attempts DESC, detail LIMIT {limit:UInt32}"
    )


def hours_sql(selection: Selection) -> str:
    """Return the SQL of failures by hour, the latest first."""
    return (
        "SELECT toStartOfHour(occurred_at) AS hour, count() AS attempts"
        f" FROM ({selection.in_force_sql((), 'attempts_by_application')})"
        " GROUP BY hour ORDER BY hour DESC LIMIT {limit:UInt32}"
    )


def read_details(store: Store, row: Row, now: datetime, cursor: str | None = None, limit: int = 100) -> Details:
    """Return the details of a row of `incidents`, with at most `limit` subjects. Later pages keep the `now` of the
    first. Raises `BadUsage` for a cursor of another question."""
    incident = bytes(row["incident_id"]).hex()
    question = f"incident {incident}"
    after = decode_cursor(cursor, question) if cursor else None
    place: Row = {}
    if after is not None:
        now = after.now
        place = {"after_at": to_microseconds(after.at), "after_id": after.id.hex, "after_rank": after.rank}
    application = row["organization"], row["application_id"]
    values = run_parameters(store, [application], [bytes(row["incident_id"])])
    values |= {"begin": to_microseconds(row["first_at"]), "now": to_microseconds(now)}
    found = store.query_dicts(subjects_sql(after=after is not None), values | place | {"limit": limit + 1})
    subjects, more = found[:limit], None
    if len(found) > limit:
        last = subjects[-1]
        more = encode_cursor(Cursor(utc(last["last_us"]), UUID(last["event"]), now=now, rank=last["rank"]), question)
    names = names_of(store, row["organization"], [subject["subject_id"] for subject in subjects])
    accepted = _accepted(store, subjects, values)
    told = [_subject(subject, names, accepted) for subject in subjects]
    if after is not None:
        return Details(told, more, None, None)
    end = row["last_at"] + timedelta(microseconds=1)
    failed = Selection(row["organization"], row["first_at"], end, outcomes=("failure",), incident=incident)
    texts = store.query_dicts(texts_sql(failed), failed.parameters() | {"limit": MAX_TEXTS})
    hours = store.query_dicts(hours_sql(failed), failed.parameters() | {"limit": MAX_HOURS})
    return Details(told, more, texts, hours[::-1])


def names_of(store: Store, organization: str, subjects: list[str], known_at: datetime = LATEST) -> dict[str, str]:
    """Return the last names, known at a time, of people and groups by id. Subjects without a name are left out."""
    values: Row = {"organization": organization, "known": to_microseconds(known_at)}
    found: dict[str, str] = {}
    for some in pieces(subjects, IDS_AT_ONCE):
        found |= store.query(_NAMES, values | {"subjects": list(some), "limit": len(some)})
    return found


def _accepted(store: Store, subjects: list[Row], values: Row) -> dict[tuple[str, str], int]:
    """Return when each had a success of its own, in microseconds and 0 for never, by id and kind. Those in trouble are
    left out: theirs would have ended it."""
    mended = [subject["subject_id"] for subject in subjects if subject["mended_us"]]
    found: dict[tuple[str, str], int] = {}
    for some in pieces(mended, IDS_AT_ONCE):
        rows = store.query(own_successes_sql(), values | {"subjects": list(some), "limit": 2 * len(some)})
        found |= {(subject, kind): ended for subject, kind, ended in rows}
    return found


def _subject(found: Row, names: dict[str, str], accepted: dict[tuple[str, str], int]) -> Row:
    accepted_us = accepted.get((found["subject_id"], found["kind"]))
    return {
        "subject_id": found["subject_id"],
        "kind": found["kind"],
        "name": names.get(found["subject_id"], ""),
        "attempts": found["attempts"],
        "first_at": utc(found["first_us"]),
        "last_at": utc(found["last_us"]),
        "mended_at": utc(found["mended_us"]) if found["mended_us"] else None,
        "accepted_at": utc(accepted_us) if accepted_us else None,
    }

"""Reading lifecycles: one person's in pages, and what surrounds everybody's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from heapq import merge
from typing import Any, Final, NamedTuple

from queries.account import Account
from queries.bindings import BINDING_COLUMNS, Bindings, Memberships
from queries.cursor import Cursor, decode_cursor, encode_cursor
from queries.folding import Row, in_force, place_of
from queries.lifecycle import Fold
from queries.people import Person, each_id
from queries.selection import IN_FORCE
from queries.step import COLUMNS, Step
from queries.store import BULK_LIMITS, Store
from schemas.times import EARLIEST, LATEST, SENTINEL, TimeQuality, to_microseconds

BATCH: Final = 20_000
"""Events held in memory at once, however many a person has."""

_LIST: Final = ", ".join(COLUMNS)


class History(NamedTuple):
    """A page of a lifecycle."""

    steps: list[Step]
    accounts: list[Account] | None
    """Where every account stands at the end of the whole range; only with the first page."""
    next: str | None


def history_sql() -> str:
    """Reads `events_by_subject` and nothing else. Ids are ordered as their text, as the fold orders them;
    ClickHouse would compare their second half first. No range leaves out what has no believable time.

    Copies that were appended after `known` are as if they were not there.
    """
    person = (
        "organization = {organization:String} AND subject_id = {subject:String}"
        " AND known_at <= fromUnixTimestamp64Micro({known:Int64}, 'UTC')"
    )
    return (
        f"SELECT {_LIST} FROM events_by_subject WHERE {person}"
        " AND (event_id, version, fingerprint) GLOBAL IN ("
        "SELECT event_id, tupleElement(best, 1), tupleElement(best, 2) FROM ("
        f"SELECT event_id, max({IN_FORCE}) AS best FROM events_by_subject WHERE {person} GROUP BY event_id))"
        " AND (time_quality != 'ok' OR (occurred_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"
        " AND occurred_at < fromUnixTimestamp64Micro({until:Int64}, 'UTC')))"
        " AND occurred_at >= fromUnixTimestamp64Micro({after_at:Int64}, 'UTC')"
        " AND (occurred_at, toString(event_id))"
        " > (fromUnixTimestamp64Micro({after_at:Int64}, 'UTC'), {after_id:String})"
        " ORDER BY occurred_at, toString(event_id) LIMIT 1 BY event_id LIMIT {limit:UInt32}"
    )


def read_history(
    store: Store,
    person: Person,
    since: datetime,
    until: datetime,
    cursor: str | None = None,
    limit: int = 1000,
    *,
    timeline: bool = False,
    known_at: datetime | None = None,
) -> History:
    """A page of at most `limit` steps between two times, by what was known at one. Raises `BadUsage` for a foreign
    cursor.

    All ids of the person count, each with accounts of its own: these are told by what was before `since` too, and
    with `timeline` with every change of their states. Every page is folded from the first event to the last, so that
    what it retries, and what ended it, is known; no more than `BATCH` events of an id are held at once.
    """
    people = each_id(person)
    question = " ".join(("lifecycle", person.organization, *(one.subject_id for one in people)))
    after = decode_cursor(cursor, question) if cursor else None
    if after is not None:
        since, until, known_at = after.since, after.until, None if after.now == SENTINEL else after.now
    known = known_at or LATEST
    folds = {
        one.subject_id: Fold(
            read_bindings(store, one.organization, one.subject_id, until, known),
            read_memberships(store, one, until, known),
            timeline=timeline,
        )
        for one in people
    }
    page: list[Step] = []
    more = False
    for own, row in _together(store, people, EARLIEST, until, known):
        step = folds[own].add(row)
        step.subject_id = own
        if step.occurred_at < since and step.time_quality == TimeQuality.OK:
            continue
        if after is not None and (step.occurred_at, step.event_id.int) <= (after.at, after.id.int):
            continue
        if len(page) < limit:
            page.append(step)
            continue
        more = True
    last = Cursor(page[-1].occurred_at, page[-1].event_id, since, until, known_at or SENTINEL) if more else None
    return History(
        page,
        _accounts(folds) if after is None else None,
        encode_cursor(last, question) if last is not None else None,
    )


def _together(
    store: Store, people: Sequence[Person], since: datetime, until: datetime, known: datetime
) -> Iterator[tuple[str, Row]]:
    """The events of several ids in one order, each with its id."""

    def of(one: Person) -> Iterator[tuple[str, Row]]:
        return ((one.subject_id, row) for row in read_events(store, one, since, until, known))

    return merge(*map(of, people), key=lambda item: place_of(item[1]))


def _accounts(folds: Mapping[str, Fold]) -> list[Account]:
    found = []
    for own, folding in folds.items():
        for account in folding.accounts():
            account.subject_id = own
            found.append(account)
    return sorted(found, key=lambda account: (account.application, account.application_id))  # ids in their order


_BINDING: Final = ", ".join((*BINDING_COLUMNS, "version", "fingerprint"))
_OWN: Final = "organization = {organization:String}"
_KNOWN: Final = "known_at <= fromUnixTimestamp64Micro({known:Int64}, 'UTC')"


def bindings_sql(subject: bool) -> str:
    """What surrounds everybody of an organization; with `subject`, a group, also who came into it and went.

    Reads `associations` and nothing else: groups that ended stand there after an empty application and group.
    """
    members = " OR (application_id = '' AND group_id = {subject:String})" if subject else ""
    return (
        f"SELECT {_BINDING} FROM associations WHERE {_OWN} AND {_KNOWN}"
        f" AND (application_id != '' OR (application_id = '' AND group_id = ''){members})"
    )


def read_bindings(
    store: Store, organization: str, subject: str, until: datetime, known_at: datetime = LATEST
) -> Bindings:
    """What surrounds one subject's events before a time; with no subject, what surrounds everybody's."""
    values = {"organization": organization, "known": to_microseconds(known_at)}
    if subject:
        values["subject"] = subject
    return Bindings(_before(until, store.query_dicts(bindings_sql(bool(subject)), values, BULK_LIMITS)))


def memberships_sql() -> str:
    """A person's own associations with groups."""
    return (
        f"SELECT {_BINDING} FROM events_by_subject WHERE {_OWN} AND subject_id = {{subject:String}} AND {_KNOWN}"
        " AND event_type = 'association_change' AND group_id != ''"
    )


def read_memberships(store: Store, person: Person, until: datetime, known_at: datetime = LATEST) -> Memberships:
    """When the person was in which group, as told by events before a time."""
    values = {
        "organization": person.organization,
        "subject": person.subject_id,
        "known": to_microseconds(known_at),
    }
    return Memberships(_before(until, store.query_dicts(memberships_sql(), values, BULK_LIMITS)))


def _before(until: datetime, rows: list[Row]) -> Iterator[Row]:
    """The copies in force of what occurred before: one of a time before it may have given way to one after."""
    return (row for row in in_force(rows) if row["occurred_at"] < until)


def read_events(
    store: Store, person: Person, since: datetime, until: datetime, known_at: datetime = LATEST
) -> Iterator[Row]:
    """The person's events between two times as they were known at `known_at`, each once, in order."""
    parameters: dict[str, Any] = {
        "organization": person.organization,
        "subject": person.subject_id,
        "since": to_microseconds(since),
        "until": to_microseconds(until),
        "known": to_microseconds(known_at),
        "limit": BATCH,
        "after_at": -1,
        "after_id": "",
    }
    while True:
        rows = store.query_dicts(history_sql(), parameters)
        yield from rows
        if len(rows) < BATCH:
            return
        parameters |= {
            "after_at": to_microseconds(rows[-1]["occurred_at"]),
            "after_id": str(rows[-1]["event_id"]),
        }

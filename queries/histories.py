"""Reading lifecycles: one person's in pages, and what surrounds everybody's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from heapq import merge
from typing import Any, Final, NamedTuple

from queries.account import Account
from queries.bindings import BINDING_COLUMNS, Bindings, Memberships
from queries.cursor import Cursor, decode_cursor, encode_cursor
from queries.folding import Row, in_force, place_of
from queries.foreign import own_rows
from queries.lifecycle import Fold
from queries.people import Person, each_id
from queries.selection import IN_FORCE
from queries.step import COLUMNS, Step
from queries.store import BULK_LIMITS, SMALL_LIMITS, Store
from schemas.times import LATEST, SENTINEL, TICK, TimeQuality, to_microseconds

BATCH: Final = 20_000
"""Events held in memory at once, however many a person has."""

_LIST: Final = ", ".join(COLUMNS)


class History(NamedTuple):
    """A page of a lifecycle."""

    steps: list[Step]
    accounts: list[Account] | None
    """Where every account stands at the end of the whole range; only with the first page."""
    next: str | None


_OWN: Final = "organization = {organization:String}"
_KNOWN: Final = "known_at <= fromUnixTimestamp64Micro({known:Int64}, 'UTC')"
_COPIES: Final = "version, fingerprint"


def history_sql() -> str:
    """Every copy of what is told of some subjects and was appended by `known`, in no order; reads
    `events_by_subject` once, and nothing else. Which copies are in force is told sooner by whoever gets them.
    """
    return (
        f"SELECT subject_id, {_LIST}, {_COPIES} FROM events_by_subject"
        f" WHERE {_OWN} AND subject_id IN {{subjects:Array(String)}} AND {_KNOWN} LIMIT {{limit:UInt32}}"
    )


def batch_sql() -> str:
    """The same of one subject with very many events: those in force, the next of them in order.

    Ids are ordered as their text, as the fold orders them; ClickHouse would compare their second half first. No
    range leaves out what has no believable time.
    """
    person = f"{_OWN} AND subject_id = {{subject:String}} AND {_KNOWN}"
    return (
        f"SELECT subject_id, {_LIST}, {_COPIES} FROM events_by_subject WHERE {person}"
        " AND (event_id, version, fingerprint) GLOBAL IN ("
        "SELECT event_id, tupleElement(best, 1), tupleElement(best, 2) FROM ("
        f"SELECT event_id, max({IN_FORCE}) AS best FROM events_by_subject WHERE {person} GROUP BY event_id))"
        " AND (time_quality != 'ok' OR occurred_at < fromUnixTimestamp64Micro({until:Int64}, 'UTC'))"
        " AND occurred_at >= fromUnixTimestamp64Micro({after_at:Int64}, 'UTC')"
        " AND (occurred_at, toString(event_id))"
        " > (fromUnixTimestamp64Micro({after_at:Int64}, 'UTC'), {after_id:String})"
        " ORDER BY occurred_at, toString(event_id) LIMIT 1 BY event_id LIMIT {limit:UInt32}"
    )


class Told(NamedTuple):
    """What there is to fold of one id of a person, or of a group."""

    subject_id: str
    bindings: Bindings
    memberships: Memberships
    events: Iterable[Row]
    """Each once, in order; to be gone through once."""


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
    applications: Collection[str] | None = None,
    now: datetime = LATEST,
) -> History:
    """A page of at most `limit` steps between two times, by what was known at one. Raises `BadUsage` for a foreign
    cursor.

    All ids of the person count, each with accounts of its own: these are told by what was before `since` too, and
    with `timeline` with every change of their states. Every page is folded from the first event to the last, so that
    what it retries, and what ended it, is known; no more than `BATCH` events of an id are held at once. With
    `applications`, by id, only their accounts and steps, and those of no application: the directory's. Steps that are
    stamped ahead of `now` are told, but where accounts stand is not told by them.
    """
    people = each_id(person)
    question = " ".join(("lifecycle", person.organization, *(one.subject_id for one in people), *(applications or ())))
    after = decode_cursor(cursor, question) if cursor else None
    if after is not None:
        since, until, known_at = after.since, after.until, None if after.now == SENTINEL else after.now
    known = known_at or LATEST
    told = read_told(store, people, until, known)
    folds = {one.subject_id: Fold(one.bindings, one.memberships, timeline=timeline) for one in told}
    page: list[Step] = []
    more = False
    ahead = any(row["occurred_at"] > now for one in told for row in one.bindings.agenda[-1:])
    for own, row in _together(told):
        ahead = ahead or row["occurred_at"] > now
        step = folds[own].add(row)
        step.subject_id = own
        if step.occurred_at < since and step.time_quality == TimeQuality.OK:
            continue
        if applications is not None and step.application_id and step.application_id not in applications:
            continue
        if after is not None and (step.occurred_at, step.event_id.int) <= (after.at, after.id.int):
            continue
        if len(page) < limit:
            page.append(step)
            continue
        more = True
    if ahead and after is None:
        folds = {one.subject_id: _folded(one, timeline=timeline) for one in read_told(store, people, now + TICK, known)}
    last = Cursor(page[-1].occurred_at, page[-1].event_id, since, until, known_at or SENTINEL) if more else None
    return History(
        page,
        _accounts(folds, applications) if after is None else None,
        encode_cursor(last, question) if last is not None else None,
    )


def _together(told: Iterable[Told]) -> Iterator[tuple[str, Row]]:
    """The events of several ids in one order, each with its id."""

    def of(one: Told) -> Iterator[tuple[str, Row]]:
        return ((one.subject_id, row) for row in one.events)

    return merge(*map(of, told), key=lambda item: place_of(item[1]))


def _folded(told: Told, *, timeline: bool) -> Fold:
    folding = Fold(told.bindings, told.memberships, timeline=timeline, explained=False)
    for row in told.events:
        folding.add(row)
    return folding


def _accounts(folds: Mapping[str, Fold], applications: Collection[str] | None) -> list[Account]:
    found = []
    for own, folding in folds.items():
        for account in folding.accounts():
            if applications is None or account.application_id in applications:
                account.subject_id = own
                found.append(account)
    return sorted(found, key=lambda account: (account.application, account.application_id))  # ids in their order


_BINDING: Final = f"{', '.join(BINDING_COLUMNS)}, {_COPIES}"


def bindings_sql(members: bool) -> str:
    """What surrounds everybody of an organization; with `members` also who came into some groups and went.

    Reads `associations` and nothing else: groups that ended stand there after an empty application and group.
    """
    groups = " OR (application_id = '' AND group_id IN {subjects:Array(String)})" if members else ""
    return (
        f"SELECT {_BINDING} FROM associations WHERE {_OWN} AND {_KNOWN}"
        f" AND (application_id != '' OR (application_id = '' AND group_id = ''){groups})"
    )


def read_bindings(store: Store, organization: str, until: datetime) -> Bindings:
    """What surrounds everybody's events before a time."""
    values = {"organization": organization, "known": to_microseconds(LATEST)}
    return Bindings(_before(until, store.query_dicts(bindings_sql(members=False), values, BULK_LIMITS)))


def memberships_sql() -> str:
    """A person's own associations: with groups, and with applications."""
    return (
        f"SELECT {_BINDING} FROM events_by_subject WHERE {_OWN} AND subject_id = {{subject:String}} AND {_KNOWN}"
        " AND event_type = 'association_change'"
    )


def read_told(store: Store, people: Sequence[Person], until: datetime, known_at: datetime = LATEST) -> list[Told]:
    """What each id of one person is folded from: what occurred before a time, as it was known at another one.

    Two statements, unless there are more than `BATCH` events: those are read a batch at a time, and never held
    together.
    """
    subjects = [one.subject_id for one in people]
    values: dict[str, Any] = {
        "organization": people[0].organization,
        "subjects": subjects,
        "known": to_microseconds(known_at),
    }
    surrounding = list(_before(until, store.query_dicts(bindings_sql(members=True), values, BULK_LIMITS)))
    rows = store.query_dicts(history_sql(), {**values, "limit": BATCH + 1}, SMALL_LIMITS)
    if len(rows) > BATCH:
        return [
            Told(
                one.subject_id,
                _bindings_of(one.subject_id, surrounding),
                _read_memberships(store, one, until, known_at),
                _batches(store, one, until, known_at),
            )
            for one in people
        ]
    copies: dict[str, list[Row]] = {subject: [] for subject in subjects}
    for row in own_rows(store, values["organization"], rows, values["known"]):
        copies[row["subject_id"]].append(row)
    told = []
    for subject, own in copies.items():
        events = list(_before(until, own))
        told.append(Told(subject, _bindings_of(subject, surrounding), Memberships(events), events))
    return told


def _bindings_of(subject: str, surrounding: Iterable[Row]) -> Bindings:
    """Who came into another group and went is nothing to this one."""
    return Bindings(row for row in surrounding if row["application_id"] or row["group_id"] in ("", subject))


def _read_memberships(store: Store, person: Person, until: datetime, known_at: datetime) -> Memberships:
    """When the person was in which group, as told by events before a time."""
    values = {
        "organization": person.organization,
        "subject": person.subject_id,
        "known": to_microseconds(known_at),
    }
    rows = store.query_dicts(memberships_sql(), values, BULK_LIMITS)
    return Memberships(_before(until, own_rows(store, person.organization, rows, to_microseconds(known_at))))


def _before(until: datetime, rows: list[Row]) -> Iterator[Row]:
    """The copies in force of what occurred before: one of a time before it may have given way to one after. What has
    no believable time is before everything.
    """
    return (row for row in in_force(rows) if row["occurred_at"] < until)


def _batches(store: Store, person: Person, until: datetime, known_at: datetime) -> Iterator[Row]:
    parameters: dict[str, Any] = {
        "organization": person.organization,
        "subject": person.subject_id,
        "until": to_microseconds(until),
        "known": to_microseconds(known_at),
        "limit": BATCH,
        "after_at": -1,
        "after_id": "",
    }
    while True:
        rows = store.query_dicts(batch_sql(), parameters)
        yield from own_rows(store, person.organization, rows, parameters["known"])
        if len(rows) < BATCH:
            return
        parameters |= {
            "after_at": to_microseconds(rows[-1]["occurred_at"]),
            "after_id": str(rows[-1]["event_id"]),
        }

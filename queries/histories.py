"""Reads lifecycles: a person's in pages, and the bindings around everybody's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from heapq import merge
from typing import Any, Final, NamedTuple

from queries.accounts.account import Account
from queries.accounts.bindings import BINDING_COLUMNS, DEACTIVATED, Bindings, Memberships
from queries.accounts.folding import Row, in_force, place_of
from queries.accounts.step import COLUMNS, Step
from queries.cursor import Cursor, decode_cursor, encode_cursor
from queries.foreign import own_rows
from queries.integrations.replaced import read_replaced
from queries.integrations.uses import read_uses
from queries.lifecycle import Fold
from queries.people.resolving import Person, each_id
from queries.selection import IN_FORCE
from queries.store import BULK_LIMITS, SMALL_LIMITS, Store
from schemas.times import LATEST, SENTINEL, TICK, TimeQuality, to_microseconds

BATCH: Final = 20_000
"""Events held in memory at once, however many a person has."""

_LIST: Final = ", ".join(COLUMNS)


class History(NamedTuple):
    """A page of a lifecycle."""

    steps: list[Step]
    accounts: list[Account] | None
    """Every account as it stands at the end of the whole range; only on the first page."""
    next: str | None


_OWN: Final = "organization = {organization:String}"
_KNOWN: Final = "known_at <= fromUnixTimestamp64Micro({known:Int64}, 'UTC')"
_COPIES: Final = "version, fingerprint"


def history_sql() -> str:
    """Return the SQL of every copy of some subjects' events that was appended by `known`, in no order.

    It reads `events_by_subject` once and nothing else. The caller decides faster which copies are in force.
    """
    return (
        f"SELECT subject_id, {_LIST}, {_COPIES} FROM events_by_subject"
        f" WHERE {_OWN} AND subject_id IN {{subjects:Array(String)}} AND {_KNOWN} LIMIT {{limit:UInt32}}"
    )


def batch_sql() -> str:
    """Return the SQL of the next events in force, in order, of one subject with very many events.

    Ids are ordered as text, as the fold does; ClickHouse would compare their second half first. Events without a
    believable time belong to every range.
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
    """What is folded for one id of a person, or for a group."""

    subject_id: str
    bindings: Bindings
    memberships: Memberships
    events: Iterable[Row]
    """The events, each once and in order. It can be iterated only once."""


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
    """Return a page of at most `limit` steps between two times, by what was known at a time.

    All ids of the person count, and each has its own accounts. Accounts also depend on what happened before `since`;
    with `timeline` they hold every change of their states. Every page is folded from the first event to the last, so
    that retries and what superseded a step are known; at most `BATCH` events of an id are held at once. With
    `applications`, given by id, only their accounts and steps and those of the directory are returned. Steps stamped
    after `now` are returned but do not change accounts.

    Raises `BadUsage` for a cursor of another question.
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
    ahead = any(row["occurred_at"] > now for one in told for row in one.bindings.agenda[-1:])
    for own, row in _together(told):
        ahead = ahead or row["occurred_at"] > now
        step = folds[own].add(row)
        step.subject_id = own
        if len(page) <= limit and _is_asked(step, since, applications, after):
            page.append(step)
    if ahead and after is None:
        folds = {one.subject_id: _folded(one, timeline=timeline) for one in read_told(store, people, now + TICK, known)}
    accounts = _accounts(folds, applications) if after is None else None
    if len(page) <= limit:
        return History(page, accounts, None)
    del page[limit:]
    last = Cursor(page[-1].occurred_at, page[-1].event_id, since, until, known_at or SENTINEL)
    return History(page, accounts, encode_cursor(last, question))


def _is_asked(step: Step, since: datetime, applications: Collection[str] | None, after: Cursor | None) -> bool:
    """Whether the step is in the range, of the applications or the directory, and on none of the previous pages."""
    if step.occurred_at < since and step.time_quality == TimeQuality.OK:
        return False
    if applications is not None and step.application_id and step.application_id not in applications:
        return False
    return after is None or (step.occurred_at, step.event_id.int) > (after.at, after.id.int)


def _together(told: Iterable[Told]) -> Iterator[tuple[str, Row]]:
    """Yield the events of several ids in one order, each with its id."""

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
    return sorted(found, key=lambda account: (account.application, account.application_id))  # stable for ids


_BINDING: Final = f"{', '.join(BINDING_COLUMNS)}, {_COPIES}"


def bindings_sql(members: bool) -> str:
    """Return the SQL of the bindings around everybody of an organization.

    With `members` it also selects who joined and left some groups. It reads `associations` only, where a deleted group
    stands under an empty application and group.
    """
    groups = " OR (application_id = '' AND group_id IN {subjects:Array(String)})" if members else ""
    return (
        f"SELECT {_BINDING} FROM associations WHERE {_OWN} AND {_KNOWN}"
        f" AND (application_id != '' OR (application_id = '' AND group_id = ''){groups})"
    )


def read_bindings(store: Store, organization: str, until: datetime) -> Bindings:
    """Return the bindings that surround everybody's events before a time."""
    values = {"organization": organization, "known": to_microseconds(LATEST)}
    return Bindings(_surrounding(store, bindings_sql(members=False), values, until))


def _surrounding(store: Store, sql: str, values: dict[str, Any], until: datetime) -> list[Row]:
    """Return the rows of `bindings_sql` before a time; if integrations were deleted, without those that had been
    replaced, and with what shows that one is used after all."""
    organization, known = values["organization"], values["known"]
    rows = list(_before(until, own_rows(store, organization, store.query_dicts(sql, values, BULK_LIMITS), known)))
    if any(row["event_type"] == DEACTIVATED for row in rows):
        replaced = read_replaced(store, [organization], known)
        rows = [row for row in rows if row["event_id"] not in replaced]
        rows += read_uses(store, organization, Bindings(rows), until, known)
    return rows


def memberships_sql() -> str:
    """Return the SQL of a person's own associations, with groups and with applications."""
    return (
        f"SELECT {_BINDING} FROM events_by_subject WHERE {_OWN} AND subject_id = {{subject:String}} AND {_KNOWN}"
        " AND event_type = 'association_change'"
    )


def read_told(store: Store, people: Sequence[Person], until: datetime, known_at: datetime = LATEST) -> list[Told]:
    """Return what to fold for each id of one person: events before `until`, as known at `known_at`.

    Runs two statements, and a few more if an integration was ever deleted. If there are more than `BATCH` events, they
    are read in batches and never held together.
    """
    subjects = [one.subject_id for one in people]
    values: dict[str, Any] = {
        "organization": people[0].organization,
        "subjects": subjects,
        "known": to_microseconds(known_at),
    }
    surrounding = _surrounding(store, bindings_sql(members=True), values, until)
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
    """Return the bindings without the members of other groups, which do not concern this one."""
    return Bindings(row for row in surrounding if row["application_id"] or row["group_id"] in ("", subject))


def _read_memberships(store: Store, person: Person, until: datetime, known_at: datetime) -> Memberships:
    """Return when the person was in which group, by events before a time."""
    values = {
        "organization": person.organization,
        "subject": person.subject_id,
        "known": to_microseconds(known_at),
    }
    rows = store.query_dicts(memberships_sql(), values, BULK_LIMITS)
    return Memberships(_before(until, own_rows(store, person.organization, rows, to_microseconds(known_at))))


def _before(until: datetime, rows: list[Row]) -> Iterator[Row]:
    """Yield the copies in force that occurred before a time, chosen among all copies: an earlier copy may have been
    replaced by one that occurred after it. Events without a believable time count as before everything."""
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

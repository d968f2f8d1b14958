"""Reading lifecycles: one person's in pages, and those of all accounts that should be closed and are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from queries.cursor import Cursor, decode_cursor, encode_cursor
from queries.lifecycle import COLUMNS, Account, Fold, Row, Step, fold, in_force
from queries.people import Person
from queries.selection import IN_FORCE
from queries.store import BULK_LIMITS, Store
from schemas.times import to_microseconds

BATCH: Final = 20_000
"""Events held in memory at once, however many a person has."""
SUBJECTS_AT_ONCE: Final = 200
MAX_EXPOSURES: Final = 10_000

_LIST: Final = ", ".join(COLUMNS)


class History(NamedTuple):
    """A page of a lifecycle."""

    steps: list[Step]
    accounts: list[Account] | None
    """Where every account stands at the end of the whole range; only with the first page."""
    next: str | None


def history_sql() -> str:
    """Reads `events_by_subject` and nothing else. Ids are ordered as their text, as the fold orders them;
    ClickHouse would compare their second half first. No range leaves out what has no believable time."""
    person = "organization = {organization:String} AND subject_id = {subject:String}"
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
    store: Store, person: Person, since: datetime, until: datetime, cursor: str | None = None, limit: int = 1000
) -> History:
    """A page of at most `limit` steps between two times. Raises `BadUsage` for a foreign cursor.

    Every page is folded from the first event on, so that what it retries is known; no more than `BATCH`
    events are held at once.
    """
    question = f"lifecycle {person.organization} {person.subject_id}"
    after = decode_cursor(cursor, question) if cursor else None
    if after is not None:
        since, until = after.since, after.until
    folding = Fold()
    page: list[Step] = []
    more = False
    for row in _events(store, person, since, until):
        step = folding.add(row)
        if after is not None and (step.occurred_at, step.event_id.int) <= (after.at, after.id.int):
            continue
        if len(page) < limit:
            page.append(step)
            continue
        more = True
        if after is not None:
            break
    last = Cursor(page[-1].occurred_at, page[-1].event_id, since, until) if more else None
    return History(
        page,
        folding.accounts() if after is None else None,
        encode_cursor(last, question) if last is not None else None,
    )


def _events(store: Store, person: Person, since: datetime, until: datetime) -> Iterator[Row]:
    parameters: dict[str, Any] = {
        "organization": person.organization,
        "subject": person.subject_id,
        "since": to_microseconds(since),
        "until": to_microseconds(until),
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


class Exposure(NamedTuple):
    """An account that was meant to be closed and is not confirmed closed."""

    organization: str
    subject_id: str
    person: str
    account: Account


class Exposures(NamedTuple):
    """Open ones, the longest first; and apart from them those that the provider answered with 404."""

    open: list[Exposure]
    reported_absent: list[Exposure]


_ATTEMPT: Final = "organization, application_id, subject_id, account_state, outcome, occurred_at"

# Whoever is exposed has a closing attempt that was not confirmed: a cheap look at one table leaves few
# accounts. `account_states` would be cheaper still, but a copy out of force may stand there as confirmed.
_SUSPECTS: Final = f"""
SELECT organization, application_id, subject_id FROM (
    SELECT event_id, tupleElement(copy, 1) AS organization, tupleElement(copy, 2) AS application_id,
        tupleElement(copy, 3) AS subject_id, tupleElement(copy, 4) AS account_state,
        tupleElement(copy, 5) AS outcome, tupleElement(copy, 6) AS occurred_at
    FROM (
        SELECT event_id, argMax(tuple({_ATTEMPT}), {IN_FORCE}) AS copy FROM attempts
        WHERE {{scope}} AND kind = 'user' AND account_state != '' AND time_quality = 'ok'
            AND (organization, application_id, subject_id) GLOBAL IN (
                SELECT organization, application_id, subject_id FROM attempts
                WHERE {{scope}} AND kind = 'user' AND account_state IN ('inactive', 'deleted')
                    AND outcome != 'success' AND application_id != '' AND time_quality = 'ok')
        GROUP BY event_id
    )
)
GROUP BY organization, application_id, subject_id
HAVING argMax(account_state, (occurred_at, toString(event_id))) IN ('inactive', 'deleted')
    AND argMax(outcome, (occurred_at, toString(event_id))) != 'success'
ORDER BY organization, subject_id
LIMIT {MAX_EXPOSURES}
"""

_THEIR_EVENTS: Final = (
    f"SELECT organization, subject_id, subject_name, version, fingerprint, {_LIST} FROM events_by_subject"
    " WHERE organization = {organization:String} AND subject_id IN {subjects:Array(String)}"
    " AND kind = 'user' AND account_state != ''"
)


def suspects_sql(organization: str | None) -> str:
    """Accounts whose last attempt was to close them and was not confirmed."""
    return _SUSPECTS.format(scope="1" if organization is None else "organization = {organization:String}")


def list_exposures(store: Store, organization: str | None) -> Exposures:
    """Accounts meant to be closed and not confirmed closed, told by the same fold as a lifecycle."""
    own = {} if organization is None else {"organization": organization}
    wanted: dict[str, set[tuple[str, str]]] = {}
    for owner, application, subject in store.query(suspects_sql(organization), own):
        wanted.setdefault(owner, set()).add((application, subject))
    found: list[Exposure] = []
    for owner, accounts in wanted.items():
        subjects = sorted({subject for _, subject in accounts})
        for start in range(0, len(subjects), SUBJECTS_AT_ONCE):
            values = {"organization": owner, "subjects": subjects[start : start + SUBJECTS_AT_ONCE]}
            found += exposures_of(store.query_dicts(_THEIR_EVENTS, values, BULK_LIMITS), accounts)
    found.sort(key=lambda exposure: (str(exposure.account.closing_since), exposure.person))
    return Exposures(
        [exposure for exposure in found if exposure.account.exposed],
        [exposure for exposure in found if exposure.account.state == "reported_absent"],
    )


def exposures_of(rows: Sequence[Row], accounts: set[tuple[str, str]]) -> list[Exposure]:
    """The (application, subject) `accounts` as their events tell of them. Pure."""
    by_account: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        key = (row["application_id"], row["subject_id"])
        if key in accounts:
            by_account.setdefault(key, []).append(row)
    told = []
    for (_, subject), own in by_account.items():
        names = [row["subject_name"] for row in in_force(own) if row["subject_name"]]
        (account,) = fold(own).accounts
        told.append(Exposure(own[0]["organization"], subject, names[-1] if names else subject, account))
    return told

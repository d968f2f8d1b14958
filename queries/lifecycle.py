"""One person's lifecycle: every attempt in every application, and where each account stands.

The fold is pure and a function of the set of events: order of arrival and repeats change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from queries.cursor import Position, decode_cursor, encode_cursor
from queries.people import Person
from queries.store import Store
from schemas.outcome import Outcome
from schemas.times import TimeQuality, to_microseconds

CLOSED: Final = frozenset({"inactive", "deleted"})
RETRY_WINDOW: Final = timedelta(hours=48)
"""A same attempt after a failed one within this counts as its retry."""
PAGE: Final = 10_000

_COLUMNS: Final = (
    "event_id", "occurred_at", "occurred_text", "time_quality", "version", "event_type", "kind", "action", "outcome",
    "cause", "attribute", "http_status", "detail", "application_id", "application_name", "actor_name", "actor_type",
    "account_state", "changed", "subject_name", "subject_email", "known_at",
)  # fmt: skip

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One event of the lifecycle."""

    event_id: UUID
    occurred_at: datetime
    time_quality: str
    event_type: str
    kind: str
    action: str
    outcome: str
    cause: str
    attribute: str
    http_status: int
    detail: str
    application_id: str
    application: str
    actor: str
    account_state: str
    changed: list[str]
    retry_of: UUID | None
    """The first of the failed attempts that this one repeats."""


@dataclass(slots=True)
class Account:
    """Where the person stands in one application, as far as the log tells."""

    application_id: str
    application: str
    attempted: str = ""
    """active, inactive or deleted: what the last attempt that says so meant the account to be."""
    attempted_at: datetime | None = None
    confirmed: str = ""
    """What the provider last accepted."""
    confirmed_at: datetime | None = None
    state: str = "unknown"
    """open, closed, reported_absent, or unknown: of an account that is meant to be closed, whether it is."""
    closing_since: datetime | None = None
    """When it was first meant to be closed, if it is meant to be."""
    closing_tries: int = 0
    last_try: datetime | None = None
    last_outcome: str = ""
    last_cause: str = ""
    last_detail: str = ""
    steps: list[Step] = field(default_factory=list, repr=False)

    @property
    def exposed(self) -> bool:
        """Meant to be closed, and not confirmed closed."""
        return self.attempted in CLOSED and self.state == "open"


class Lifecycle(NamedTuple):
    """The whole answer, or a page of it."""

    steps: list[Step]
    accounts: list[Account]


def in_force(rows: Iterable[Row]) -> list[Row]:
    """One row an event, the copy of the largest version, in the order of (occurred, event id)."""
    best: dict[UUID, Row] = {}
    for row in rows:
        known = best.get(row["event_id"])
        if known is None or row["version"] > known["version"]:
            best[row["event_id"]] = row
    return sorted(best.values(), key=lambda row: (row["occurred_at"], row["event_id"].int))


def fold(rows: Iterable[Row]) -> Lifecycle:
    """The lifecycle that a person's events tell. Events whose time cannot be believed come first and
    change no state."""
    accounts: dict[str, Account] = {}
    failing: dict[tuple[str, str, str], Step] = {}
    steps = []
    for row in in_force(rows):
        step = _step(row, failing)
        steps.append(step)
        if step.kind == "user" and step.application_id:
            account = accounts.setdefault(step.application_id, Account(step.application_id, step.application))
            account.application = step.application or account.application
            account.steps.append(step)
            if step.account_state and step.time_quality == TimeQuality.OK:
                _advance(account, step)
    return Lifecycle(steps, sorted(accounts.values(), key=lambda account: account.application))


def _step(row: Row, failing: dict[tuple[str, str, str], Step]) -> Step:
    """`failing` holds, for each kind of attempt, the first failure of the run that goes on."""
    key = (row["application_id"], row["event_type"], row["account_state"])
    first = failing.get(key)
    retry_of = None
    if first is not None and row["occurred_at"] - first.occurred_at <= RETRY_WINDOW * 15:
        retry_of = first.event_id
    step = Step(
        row["event_id"],
        row["occurred_at"],
        row["time_quality"],
        row["event_type"],
        row["kind"],
        row["action"],
        row["outcome"],
        row["cause"],
        row["attribute"],
        row["http_status"],
        row["detail"],
        row["application_id"],
        row["application_name"],
        row["actor_name"],
        row["account_state"],
        list(row["changed"]),
        retry_of if row["kind"] == "user" else None,
    )
    if step.kind == "user" and step.time_quality == TimeQuality.OK:
        if step.outcome == Outcome.FAILURE:
            failing.setdefault(key, step)
        else:
            failing.pop(key, None)
    return step


def _advance(account: Account, step: Step) -> None:
    closing = step.account_state in CLOSED
    if closing and account.attempted not in CLOSED:
        account.closing_since, account.closing_tries = step.occurred_at, 0
    if not closing:
        account.closing_since, account.closing_tries = None, 0
    account.closing_tries += closing
    account.attempted, account.attempted_at = step.account_state, step.occurred_at
    account.last_try, account.last_outcome = step.occurred_at, step.outcome
    account.last_cause, account.last_detail = step.cause, step.detail
    if step.outcome == Outcome.SUCCESS:
        account.confirmed, account.confirmed_at = step.account_state, step.occurred_at
    account.state = _state(account)


def _state(account: Account) -> str:
    if account.confirmed in CLOSED and account.attempted in CLOSED:
        return "closed"
    if account.attempted in CLOSED:
        return "reported_absent" if account.last_outcome == Outcome.REPORTED_ABSENT else "open"
    return "open" if account.confirmed == "active" else "unknown"


def lifecycle_sql(after: Position | None) -> str:
    """Reads `events_by_subject` and nothing else."""
    keyset = ""
    if after is not None:
        keyset = " AND (occurred_at, event_id) > (fromUnixTimestamp64Micro({after_at:Int64}, 'UTC'), {after_id:UUID})"
    return (
        f"SELECT {', '.join(_COLUMNS)} FROM events_by_subject"
        " WHERE organization = {organization:String} AND subject_id = {subject:String}"
        " AND occurred_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"
        f" AND occurred_at < fromUnixTimestamp64Micro({{until:Int64}}, 'UTC'){keyset}"
        " ORDER BY occurred_at, event_id, version DESC LIMIT 1 BY occurred_at, event_id LIMIT {limit:UInt32}"
    )


def read_lifecycle(
    store: Store,
    person: Person,
    since: datetime,
    until: datetime,
    cursor: str | None = None,
    limit: int = PAGE,
) -> tuple[Lifecycle, str | None]:
    """The lifecycle between two times, and a cursor for what follows when it is longer than `limit`.

    States of a page that is not the first are those of the page alone.
    """
    question = f"{person.organization}|{person.subject_id}|{since.isoformat()}"
    after = decode_cursor(cursor, question) if cursor else None
    parameters: dict[str, Any] = {
        "organization": person.organization,
        "subject": person.subject_id,
        "since": to_microseconds(since),
        "until": to_microseconds(until),
        "limit": limit + 1,
    }
    if after is not None:
        parameters |= {"after_at": to_microseconds(after.occurred_at), "after_id": str(after.event_id)}
    rows = store.query_dicts(lifecycle_sql(after), parameters)
    following = None
    if len(rows) > limit:
        rows = rows[:limit]
        last = rows[-1]
        following = encode_cursor(Position(last["occurred_at"], last["event_id"]), question)
    return fold(rows), following


_OPEN_ACCOUNTS: Final = """
SELECT organization, application_id, subject_id FROM (
    SELECT organization, application_id, subject_id,
        argMaxMerge(attempted) AS wanted, argMaxIfMerge(confirmed) AS accepted
    FROM account_states
    WHERE ({organization:String} = '*' OR organization = {organization:String})
    GROUP BY organization, application_id, subject_id
)
WHERE wanted.state IN ('inactive', 'deleted') AND accepted.state NOT IN ('inactive', 'deleted')
ORDER BY wanted.occurred_at DESC
LIMIT {limit:UInt32}
"""

_THEIR_EVENTS: Final = (
    f"SELECT organization, subject_id, {', '.join(_COLUMNS)} FROM events_by_subject"
    " WHERE organization IN {organizations:Array(String)} AND subject_id IN {subjects:Array(String)}"
    " AND kind = 'user' AND account_state != ''"
)


class Exposure(NamedTuple):
    """An account that was meant to be closed and is not confirmed closed."""

    organization: str
    subject_id: str
    person: str
    account: Account


def list_exposures(store: Store, organization: str | None, limit: int) -> list[Exposure]:
    """Found by the states of all accounts, then told by the same fold as a lifecycle; the longest first."""
    found = store.query(_OPEN_ACCOUNTS, {"organization": "*" if organization is None else organization, "limit": limit})
    wanted = {(own, application, subject) for own, application, subject in found}
    if not wanted:
        return []
    rows = store.query_dicts(
        _THEIR_EVENTS,
        {
            "organizations": sorted({own for own, _, _ in wanted}),
            "subjects": sorted({subject for _, _, subject in wanted}),
        },
    )
    return _exposures(rows, wanted)


def _exposures(rows: Sequence[Row], wanted: set[tuple[str, str, str]]) -> list[Exposure]:
    by_account: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        key = (row["organization"], row["application_id"], row["subject_id"])
        if key in wanted:
            by_account.setdefault(key, []).append(row)
    exposures = []
    for (organization, _, subject), own in by_account.items():
        names = [row["subject_name"] for row in in_force(own) if row["subject_name"]]
        (account,) = fold(own).accounts
        exposures.append(Exposure(organization, subject, names[-1] if names else subject, account))
    return sorted(exposures, key=lambda exposure: str(exposure.account.closing_since))

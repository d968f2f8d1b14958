"""One person's lifecycle: every attempt in every application, and where each account stands.

The fold is pure and a function of the set of events: order of arrival and repeats change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas.outcome import Outcome
from schemas.times import TimeQuality

ABSENT: Final = "absent"
ACTIVE: Final = "active"
INACTIVE: Final = "inactive"
DELETED: Final = "deleted"
UNKNOWN: Final = "unknown"
"""What an account is meant to be, or was confirmed to be."""
REPORTED_ABSENT: Final = "reported_absent"
"""Only of what was confirmed: the provider answered 404 when it was to be closed."""
INTENDED: Final = (ABSENT, ACTIVE, INACTIVE, DELETED, UNKNOWN)
CONFIRMED: Final = (*INTENDED, REPORTED_ABSENT)

CLOSED: Final = frozenset({INACTIVE, DELETED})
RETRY_WINDOW: Final = timedelta(hours=48)
"""A same attempt within this after the last of a run that failed counts as its retry."""

COLUMNS: Final = (
    "event_id", "occurred_at", "time_quality", "event_type", "kind", "action", "outcome", "cause", "attribute",
    "http_status", "detail", "application_id", "application_name", "actor_name", "account_state", "changed",
)  # fmt: skip
"""What the fold reads of an event."""

Row = dict[str, Any]


class Because(NamedTuple):
    """What set a step off, or decided what an account is meant to be."""

    kind: str
    """directory, membership, binding, integration, retry, superseded, test or unknown."""
    event_id: UUID | None
    """The event that did; None where the log does not tell it for certain."""
    text: str
    """A few words for people."""


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
    """Names of the attributes it set; values only of states."""
    retry_of: UUID | None
    """The first of the failed attempts that this one repeats."""


@dataclass(slots=True)
class Account:
    """Where the person stands in one application, as far as the log tells."""

    application_id: str
    application: str
    intended: str = ABSENT
    """One of `INTENDED`: what the directory wants it to be."""
    intended_since: datetime | None = None
    """When that was decided: at the directory's own event where the log has it, else at the first attempt."""
    intended_because: Because | None = None
    confirmed: str = ABSENT
    """One of `CONFIRMED`: what the provider last accepted."""
    confirmed_since: datetime | None = None
    test: bool = False
    """Of the test user or group that an activation makes and takes away again."""
    attempted: str = ""
    """active, inactive or deleted: what the last attempt that says so meant the account to be."""
    attempted_at: datetime | None = None
    confirmed_at: datetime | None = None
    """When the provider last accepted an attempt that says what the account is to be."""
    state: str = "unknown"
    """open, closed, reported_absent or unknown."""
    closing_since: datetime | None = None
    """When it was first meant to be closed, if it is meant to be."""
    closing_tries: int = 0
    last_try: datetime | None = None
    last_outcome: str = ""
    last_cause: str = ""
    last_detail: str = ""

    @property
    def exposed(self) -> bool:
        """Meant to be closed, and neither confirmed closed nor reported absent."""
        return self.attempted in CLOSED and self.state == "open"


class Lifecycle(NamedTuple):
    """The whole answer."""

    steps: list[Step]
    accounts: list[Account]


class _Run(NamedTuple):
    """The same attempt, failing again and again."""

    first: UUID
    last_at: datetime


class Fold:
    """Takes a person's events, each once, in the order of (occurred, event id), and keeps only where things
    stand: no event."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._shut: dict[str, str] = {}
        self._failing: dict[tuple[str, ...], _Run] = {}

    def add(self, row: Row) -> Step:
        """The step that the event is."""
        step = _step(row, self._retry_of(row))
        if step.kind == "user" and step.application_id:
            account = self._accounts.setdefault(step.application_id, Account(step.application_id, step.application))
            account.application = step.application or account.application
            if step.account_state and step.time_quality == TimeQuality.OK:
                self._advance(account, step)
        return step

    def accounts(self) -> list[Account]:
        """Where they stand, by application."""
        return sorted(self._accounts.values(), key=lambda account: (account.application, account.application_id))

    def _retry_of(self, row: Row) -> UUID | None:
        if row["kind"] == "other" or row["time_quality"] != TimeQuality.OK:
            return None
        key = (row["application_id"], row["event_type"], row["account_state"], *row["changed"])
        run = self._failing.pop(key, None)
        at: datetime = row["occurred_at"]
        if run is not None and at - run.last_at > RETRY_WINDOW:
            run = None
        if row["outcome"] == Outcome.FAILURE:
            self._failing[key] = _Run(run.first if run else row["event_id"], at)
        return run.first if run else None

    def _advance(self, account: Account, step: Step) -> None:
        closing = step.account_state in CLOSED
        if closing and account.attempted not in CLOSED:
            account.closing_since, account.closing_tries = step.occurred_at, 0
        if not closing:
            account.closing_since, account.closing_tries = None, 0
        account.closing_tries += closing
        account.attempted, account.attempted_at = step.account_state, step.occurred_at
        if account.intended != step.account_state:
            account.intended, account.intended_since = step.account_state, step.occurred_at
        account.last_try, account.last_outcome = step.occurred_at, step.outcome
        account.last_cause, account.last_detail = step.cause, step.detail
        if step.outcome == Outcome.SUCCESS:
            account.confirmed_at = step.occurred_at
            if account.confirmed != step.account_state:
                account.confirmed, account.confirmed_since = step.account_state, step.occurred_at
        self._shut[account.application_id] = shut = _shut(self._shut.get(account.application_id, ""), step)
        if closing:
            account.state = shut or "open"
        else:
            account.state = "open" if account.confirmed == "active" else "unknown"


def _shut(before: str, step: Step) -> str:
    """`closed` or `reported_absent` if the provider said so and nothing since may have opened the account."""
    if step.account_state in CLOSED:
        if step.outcome == Outcome.SUCCESS:
            return "closed"
        return before or ("reported_absent" if step.outcome == Outcome.REPORTED_ABSENT else "")
    return before if step.outcome == Outcome.FAILURE else ""


def in_force(rows: Iterable[Row]) -> list[Row]:
    """One row an event, the copy of the largest (version, fingerprint), by (occurred, event id)."""
    best: dict[UUID, Row] = {}
    for row in rows:
        known = best.get(row["event_id"])
        if known is None or _rank(row) > _rank(known):
            best[row["event_id"]] = row
    return sorted(best.values(), key=lambda row: (row["occurred_at"], row["event_id"].int))


def _rank(row: Row) -> tuple[Any, Any]:
    return row["version"], row["fingerprint"]


def fold(rows: Iterable[Row]) -> Lifecycle:
    """The lifecycle that a person's events tell, in any order and however often each is given.

    Events whose time cannot be believed come first and change no state.
    """
    folding = Fold()
    steps = [folding.add(row) for row in in_force(rows)]
    return Lifecycle(steps, folding.accounts())


def _step(row: Row, retry_of: UUID | None) -> Step:
    return Step(
        event_id=row["event_id"],
        occurred_at=row["occurred_at"],
        time_quality=row["time_quality"],
        event_type=row["event_type"],
        kind=row["kind"],
        action=row["action"],
        outcome=row["outcome"],
        cause=row["cause"],
        attribute=row["attribute"],
        http_status=row["http_status"],
        detail=row["detail"],
        application_id=row["application_id"],
        application=row["application_name"],
        actor=row["actor_name"],
        account_state=row["account_state"],
        changed=list(row["changed"]),
        retry_of=retry_of,
    )

"""Accounts that are open though they should be closed: since when, why, and whether they were used since.

Cheap statements find who may be exposed, and never too few; what is told of them is told by the fold of a lifecycle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from queries.account import ACTIVE, CLOSED, REPORTED_ABSENT, Account
from queries.bindings import NO_BINDINGS, Bindings
from queries.folding import Row, in_force
from queries.foreign import own_rows
from queries.histories import read_bindings
from queries.lifecycle import fold
from queries.repeats import without_repeats
from queries.step import COLUMNS
from queries.store import BULK_LIMITS, Store
from queries.suspects import MAX_SUSPECTS, read_suspects
from schemas.outcome import Outcome
from schemas.times import LATEST, TimeQuality, to_microseconds

SLA: Final = timedelta(hours=1)
"""So long after it was meant to be closed nobody need have tried yet."""
SUBJECTS_AT_ONCE: Final = 200

FAILING: Final = "failing"
NEVER_ATTEMPTED: Final = "never_attempted"
LEFT_BEHIND: Final = "left_behind"
REASONS: Final = (FAILING, NEVER_ATTEMPTED, LEFT_BEHIND, REPORTED_ABSENT)

_TICK: Final = timedelta(microseconds=1)
_LIST: Final = ", ".join(COLUMNS)


class Exposure(NamedTuple):
    """An account that should be closed and is not confirmed closed."""

    organization: str
    subject_id: str
    person: str
    account: Account
    reason: str
    """failing: tried, and not accepted; never_attempted: not tried within the SLA; left_behind: its integration was
    deleted while it was open; reported_absent: the provider answered 404."""
    since: datetime | None
    used_since: datetime | None
    """The first sign-in to the application after it should have been closed."""


@dataclass(frozen=True, slots=True)
class Exposures:
    """By reason, in each the longest open first."""

    failing: list[Exposure] = field(default_factory=list)
    never_attempted: list[Exposure] = field(default_factory=list)
    left_behind: list[Exposure] = field(default_factory=list)
    reported_absent: list[Exposure] = field(default_factory=list)
    complete: bool = True
    """False: more accounts may be exposed than were looked at."""

    @property
    def open(self) -> list[Exposure]:
        """Failing, or never attempted."""
        return sorted([*self.failing, *self.never_attempted], key=_order)

    def everything(self) -> list[Exposure]:
        """All, whatever the reason."""
        return [*self.open, *self.left_behind, *self.reported_absent]


def reason_of(account: Account, at: datetime, sla: timedelta) -> str:
    """Why the account counts at that time; empty if it does not. Pure."""
    if account.test:
        return ""
    if account.state == REPORTED_ABSENT and account.intended in CLOSED:
        return REPORTED_ABSENT
    if account.left_behind is not None and _open_behind(account):
        return LEFT_BEHIND
    if not account.exposed:
        return ""
    if account.closing_tries:
        return FAILING
    late = account.closing_since is not None and account.closing_since + sla < at
    return NEVER_ATTEMPTED if late else ""


def _open_behind(account: Account) -> bool:
    if account.intended in CLOSED:
        return account.exposed
    return account.intended == ACTIVE and account.hidden == ACTIVE


def since_of(account: Account, reason: str) -> datetime | None:
    """From when on it should have been closed; left behind, if the integration went away before, from then on."""
    since = account.closing_since
    if reason == LEFT_BEHIND and account.left_behind is not None and (since is None or account.left_behind < since):
        return account.left_behind
    return since


def _order(exposure: Exposure) -> tuple[str, str, str]:
    return str(exposure.since), exposure.person, exposure.account.application


_OWN: Final = "organization = {organization:String}"
_AT: Final = "fromUnixTimestamp64Micro({at:Int64}, 'UTC')"

# In order, so that they come in one block: of hundreds of small ones each costs as much as its rows.
_THEIR_EVENTS: Final = (
    f"SELECT organization, subject_id, subject_name, version, fingerprint, {_LIST} FROM events_by_subject"
    f" WHERE {_OWN} AND subject_id IN {{subjects:Array(String)}}"
    " AND event_type != 'sso_auth'"
    " AND (kind = 'other' OR (application_id, subject_id) IN {accounts:Array(Tuple(String, String))})"
    " ORDER BY subject_id"
)

_SIGNED_IN: Final = (
    f"SELECT DISTINCT event_id FROM events_by_subject WHERE {_OWN} AND subject_id IN {{subjects:Array(String)}}"
    " AND event_type = 'sso_auth' AND (application_id, subject_id) IN {accounts:Array(Tuple(String, String))}"
    f" AND occurred_at <= {_AT} AND occurred_at >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC')"
)
# Of every sign-in that some copy tells of, all copies about these people: which is in force is told among them.
_SIGN_INS: Final = (
    "SELECT event_id, version, fingerprint, subject_id, event_type, application_id, outcome, time_quality, occurred_at"
    f" FROM events_by_subject WHERE {_OWN} AND subject_id IN {{subjects:Array(String)}}"
    " AND event_id IN {events:Array(UUID)}"
)


def list_exposures(
    store: Store,
    organization: str | None,
    now: datetime,
    at: datetime | None = None,
    sla: timedelta = SLA,
    applications: Collection[str] | None = None,
) -> Exposures:
    """Every account that should be closed and is not confirmed closed, now or at a time in the past; with
    `applications`, in these alone."""
    time = at or now
    found: list[Exposure] = []
    complete = True
    for owner in organizations(store, organization):
        bindings = read_bindings(store, owner, LATEST if at is None else at + _TICK)
        accounts = read_suspects(store, owner, bindings, at)
        complete = complete and len(accounts) < MAX_SUSPECTS
        if applications is not None:
            accounts = {account for account in accounts if account[0] in applications}
        for rows in _events(store, owner, accounts):
            found += exposures_of(own_rows(store, owner, rows), accounts, bindings, time, sla, until=at)
    used = _used(store, found, time)
    found = [each._replace(used_since=used.get(_key(each))) for each in found]
    found.sort(key=_order)
    failing, never_attempted, left_behind, absent = (
        [each for each in found if each.reason == reason] for reason in REASONS
    )
    return Exposures(failing, never_attempted, left_behind, absent, complete)


def organizations(store: Store, organization: str | None) -> list[str]:
    """That one; None: all that attempted anything."""
    if organization is not None:
        return [organization]
    return [own for (own,) in store.query("SELECT DISTINCT organization FROM integrations ORDER BY organization")]


def _events(store: Store, organization: str, accounts: set[tuple[str, str]]) -> Iterable[list[Row]]:
    by_subject: dict[str, list[tuple[str, str]]] = {}
    for account in sorted(accounts):
        by_subject.setdefault(account[1], []).append(account)
    subjects = sorted(by_subject)
    for start in range(0, len(subjects), SUBJECTS_AT_ONCE):
        chunk = subjects[start : start + SUBJECTS_AT_ONCE]
        own = [account for subject in chunk for account in by_subject[subject]]
        values = {"organization": organization, "subjects": chunk, "accounts": own}
        yield store.query_dicts(_THEIR_EVENTS, values, BULK_LIMITS)


def exposures_of(
    rows: Sequence[Row],
    accounts: set[tuple[str, str]],
    bindings: Bindings = NO_BINDINGS,
    at: datetime = LATEST,
    sla: timedelta = SLA,
    until: datetime | None = None,
) -> list[Exposure]:
    """Those of the (application, subject) `accounts` that are exposed, as their subjects' events tell. Pure."""
    by_subject: dict[str, list[Row]] = {}
    for row in rows:
        if (
            not row["application_id"]
            or row["kind"] == "other"
            or (row["application_id"], row["subject_id"]) in accounts
        ):
            by_subject.setdefault(row["subject_id"], []).append(row)
    told = []
    for subject, copies in by_subject.items():
        own = [row for row in in_force(copies) if until is None or row["occurred_at"] <= until]
        names = [row["subject_name"] for row in own if row["subject_name"]]
        for account in fold(without_repeats(own, bindings), bindings).accounts:
            reason = reason_of(account, at, sla) if (account.application_id, subject) in accounts else ""
            if reason:
                name = names[-1] if names else subject
                since = since_of(account, reason)
                told.append(Exposure(own[0]["organization"], subject, name, account, reason, since, None))
    return told


def _key(exposure: Exposure) -> tuple[str, str, str]:
    return exposure.organization, exposure.subject_id, exposure.account.application_id


def _used(store: Store, exposures: list[Exposure], at: datetime) -> dict[tuple[str, str, str], datetime]:
    """The first sign-in after each should have been closed."""
    wanted = {_key(each): each.since for each in exposures if each.since is not None}
    used: dict[tuple[str, str, str], datetime] = {}
    for organization in sorted({owner for owner, _, _ in wanted}):
        by_subject: dict[str, list[tuple[str, str, str]]] = {}
        for key in sorted(wanted):
            if key[0] == organization:
                by_subject.setdefault(key[1], []).append(key)
        subjects = list(by_subject)
        for start in range(0, len(subjects), SUBJECTS_AT_ONCE):
            chunk = subjects[start : start + SUBJECTS_AT_ONCE]
            own = [key for subject in chunk for key in by_subject[subject]]
            values: dict[str, Any] = {
                "organization": organization,
                "subjects": chunk,
                "accounts": [(application, subject) for _, subject, application in own],
                "since": to_microseconds(min(wanted[key] for key in own)),
                "at": to_microseconds(at),
            }
            values["events"] = [str(event) for (event,) in store.query(_SIGNED_IN, values, BULK_LIMITS)]
            if not values["events"]:
                continue
            copies = own_rows(store, organization, store.query_dicts(_SIGN_INS, values, BULK_LIMITS))
            for row in in_force(copies):
                key, occurred = (organization, row["subject_id"], row["application_id"]), row["occurred_at"]
                begun = wanted.get(key)
                if begun is not None and begun <= occurred <= at and _is_use(row):
                    used.setdefault(key, occurred)
    return used


def _is_use(row: Row) -> bool:
    signed_in = row["event_type"] == "sso_auth" and row["outcome"] != Outcome.FAILURE
    return bool(signed_in and row["time_quality"] == TimeQuality.OK)

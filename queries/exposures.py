"""Lists accounts that are open but should be closed: since when, why, and whether they were used since.

Cheap statements find every account that may be exposed; the fold of the lifecycle then decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from queries.accounts.account import ACTIVE, CLOSED, REPORTED_ABSENT, Account
from queries.accounts.bindings import NO_BINDINGS, Bindings
from queries.accounts.folding import Row, in_force
from queries.accounts.repeats import without_repeats
from queries.accounts.step import COLUMNS
from queries.foreign import OPEN, has_better_ways, own_rows
from queries.histories import read_bindings
from queries.lifecycle import fold
from queries.pieces import ACCOUNT_SQL, account_text, subjects_at_once
from queries.sign_ins import AccountKey, first_sign_ins, signed_in_to
from queries.store import BULK_LIMITS, Store
from queries.suspects import MAX_SUSPECTS, Key, read_suspects
from queries.turns import TURNS, Updates, fold_turns
from schemas.times import LATEST, TICK

SLA: Final = timedelta(hours=1)
"""An account must have a first attempt to close it within this time; until then it is not reported as never
attempted."""
SUBJECTS_AT_ONCE: Final = 200
"""How many subjects are read at once with all their events."""
TURNED_AT_ONCE: Final = 500

FAILING: Final = "failing"
NEVER_ATTEMPTED: Final = "never_attempted"
LEFT_BEHIND: Final = "left_behind"
REASONS: Final = (FAILING, NEVER_ATTEMPTED, LEFT_BEHIND, REPORTED_ABSENT)

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
    """The first sign-in to the application after the account should have been closed."""
    sign_ins_known: bool
    """Whether None in `used_since` means that no sign-in was seen: the trail has sign-ins to the application."""


@dataclass(frozen=True, slots=True)
class Exposures:
    """Exposed accounts by reason. Each list starts with those used since, then those open the longest."""

    failing: list[Exposure] = field(default_factory=list)
    never_attempted: list[Exposure] = field(default_factory=list)
    left_behind: list[Exposure] = field(default_factory=list)
    reported_absent: list[Exposure] = field(default_factory=list)
    complete: bool = True
    """False if more accounts may be exposed than were examined."""

    @property
    def open(self) -> list[Exposure]:
        """Exposures that are failing or never attempted."""
        return sorted([*self.failing, *self.never_attempted], key=_order)

    def everything(self) -> list[Exposure]:
        """Return the exposures of all reasons."""
        return [*self.open, *self.left_behind, *self.reported_absent]


def reason_of(account: Account, at: datetime, sla: timedelta) -> str:
    """Return why the account is exposed at that time; empty if it is not. Pure."""
    if account.test and not account.exposed:
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
    """Return when the account should have been closed.

    For an account left behind, that is the deletion of the integration, if it came first.
    """
    since = account.closing_since
    if reason == LEFT_BEHIND and account.left_behind is not None and (since is None or account.left_behind < since):
        return account.left_behind
    return since


def _order(exposure: Exposure) -> tuple[bool, str, str, str]:
    return exposure.used_since is None, str(exposure.since), exposure.person, exposure.account.application


_OWN: Final = "organization = {organization:String}"
# A copy that names no application may be the one in force.
_ABOUT: Final = f"(kind = 'other' OR application_id = '' OR {ACCOUNT_SQL} IN {{accounts:Array(String)}})"

# Ordered, so that the rows come in one block: each of hundreds of small blocks costs as much as its rows.
_THEIR_EVENTS: Final = (
    f"SELECT organization, subject_id, subject_name, version, fingerprint, {_LIST} FROM events_by_subject"
    f" WHERE {_OWN} AND subject_id IN {{subjects:Array(String)}}"
    " AND event_type != 'sso_auth'"
    f" AND {_ABOUT}"
    " ORDER BY subject_id"
)

THEIR_TURNS: Final = (
    f"SELECT subject_id, subject_name, version, fingerprint, {TURNS}"
    f" FROM account_turns WHERE {_OWN} AND subject_id IN {{subjects:Array(String)}}"
    f" AND {_ABOUT}"
    " ORDER BY subject_id"
    # A few rows at each of hundreds of places: threads share them, read each in one go, and do not read far ahead.
    " SETTINGS merge_tree_min_rows_for_concurrent_read = 1, merge_tree_min_bytes_for_concurrent_read = 1,"
    " max_read_buffer_size_local_fs = 16384, optimize_move_to_prewhere = 0"
)


def list_exposures(
    store: Store,
    organization: str | None,
    now: datetime,
    at: datetime | None = None,
    sla: timedelta = SLA,
    applications: Collection[str] | None = None,
) -> Exposures:
    """Return every account that should be closed and is not confirmed closed, now or at a time in the past.

    With `applications`, only accounts in these.
    """
    time = at or now
    found: list[Exposure] = []
    complete = True
    for owner in organizations(store, organization):
        bindings = read_bindings(store, owner, time + TICK)
        doubted = OPEN if has_better_ways(store, owner) else 0
        suspects = read_suspects(store, owner, bindings, time, past=at is not None, doubted=doubted)
        complete = complete and len(suspects) < MAX_SUSPECTS
        if applications is not None:
            suspects = {account: told for account, told in suspects.items() if account[0] in applications}
        untold: set[Key] = set()
        for some, rows in _read(store, owner, suspects, THEIR_TURNS, TURNED_AT_ONCE):
            exposed, others = turned_exposures(
                owner, rows, {each: suspects[each] for each in some}, bindings, time, sla, doubted=doubted
            )
            found += exposed
            untold |= others
        for some, rows in _read(store, owner, untold, _THEIR_EVENTS, SUBJECTS_AT_ONCE):
            found += exposures_of(own_rows(store, owner, rows), some, bindings, time, sla)
    used = first_sign_ins(store, {_key(each): each.since for each in found if each.since is not None}, time)
    known = signed_in_to(store, (key for each in found if (key := _key(each)) not in used), time)
    found = [
        each._replace(used_since=(use := used.get(_key(each))), sign_ins_known=use is not None or _where(each) in known)
        for each in found
    ]
    found.sort(key=_order)
    failing, never_attempted, left_behind, absent = (
        [each for each in found if each.reason == reason] for reason in REASONS
    )
    return Exposures(failing, never_attempted, left_behind, absent, complete)


def organizations(store: Store, organization: str | None) -> list[str]:
    """Return the given organization, or with None all organizations that have attempts."""
    if organization is not None:
        return [organization]
    return [own for (own,) in store.query("SELECT DISTINCT organization FROM integrations ORDER BY organization")]


def _read(
    store: Store, organization: str, accounts: Iterable[Key], sql: str, most: int
) -> Iterator[tuple[set[Key], list[Row]]]:
    """Yield accounts in groups of at most `most` subjects, with their rows. All accounts of a subject come together."""
    by_subject: dict[str, list[Key]] = {}
    for account in sorted(accounts):
        by_subject.setdefault(account[1], []).append(account)
    for chunk in subjects_at_once(dict(sorted(by_subject.items())), most):
        own = [account for subject in chunk for account in by_subject[subject]]
        values = {
            "organization": organization,
            "subjects": chunk,
            "accounts": [account_text(*account) for account in own],
        }
        yield set(own), store.query_dicts(sql, values, BULK_LIMITS)


def turned_exposures(
    organization: str,
    turns: Sequence[Row],
    accounts: Mapping[Key, Updates | None],
    bindings: Bindings = NO_BINDINGS,
    at: datetime = LATEST,
    sla: timedelta = SLA,
    doubted: int = 0,
) -> tuple[list[Exposure], set[Key]]:
    """Return the exposed accounts, and the accounts that cannot be decided without their accepted updates.

    `doubted`: a copy that is not read may overrule copies up to this version. Pure.
    """
    by_subject: dict[str, tuple[list[Row], dict[str, Updates]]] = {}
    wanted: dict[str, set[str]] = {}
    for (application, subject), updates in accounts.items():
        wanted.setdefault(subject, set()).add(application)
        _, told = by_subject.setdefault(subject, ([], {}))
        if updates is not None:
            told[application] = updates
    for row in turns:
        by_subject[row["subject_id"]][0].append(row)
    narrowed: dict[frozenset[str], Bindings] = {}
    found: list[Exposure] = []
    untold: set[Key] = set()
    for subject, (rows, told) in by_subject.items():
        applications = frozenset(wanted[subject])
        if applications not in narrowed:
            narrowed[applications] = bindings.only(applications)
        certain = doubted == 0 or _certain(rows, told.values(), doubted)
        turned = fold_turns(rows, told, narrowed[applications], at) if certain else None
        if turned is None:
            untold |= {(application, subject) for application in applications}
            continue
        own = [account for account in turned.accounts if account.application_id in applications]
        found += _exposed(organization, subject, turned.events, own, at, sla)
    return found, untold


def _certain(turns: Sequence[Row], updates: Iterable[Updates], doubted: int) -> bool:
    better = {row["event_id"] for row in turns if row["version"] > doubted}
    return all(row["version"] > doubted or row["event_id"] in better for row in turns) and all(
        version > doubted for each in updates for version in each.versions
    )


def exposures_of(
    rows: Sequence[Row],
    accounts: set[Key],
    bindings: Bindings = NO_BINDINGS,
    at: datetime = LATEST,
    sla: timedelta = SLA,
) -> list[Exposure]:
    """Return which of the (application, subject) `accounts` are exposed, given their events up to a time. Pure."""
    by_subject: dict[str, list[Row]] = {}
    for row in rows:
        by_subject.setdefault(row["subject_id"], []).append(row)
    told: list[Exposure] = []
    for subject, copies in by_subject.items():
        events = [
            row
            for row in in_force(copies)
            if row["occurred_at"] <= at
            and (not row["application_id"] or row["kind"] == "other" or (row["application_id"], subject) in accounts)
        ]
        folded = fold(without_repeats(events, bindings), bindings).accounts
        own = [account for account in folded if (account.application_id, subject) in accounts]
        told += _exposed(copies[0]["organization"], subject, events, own, at, sla)
    return told


def _exposed(
    organization: str,
    subject: str,
    events: Sequence[Row],
    accounts: Iterable[Account],
    at: datetime,
    sla: timedelta,
) -> Iterator[Exposure]:
    name = next((row["subject_name"] for row in reversed(events) if row["subject_name"]), subject)
    for account in accounts:
        reason = reason_of(account, at, sla)
        if reason:
            yield Exposure(organization, subject, name, account, reason, since_of(account, reason), None, False)


def _key(exposure: Exposure) -> AccountKey:
    return exposure.organization, exposure.subject_id, exposure.account.application_id


def _where(exposure: Exposure) -> tuple[str, str]:
    return exposure.organization, exposure.account.application_id

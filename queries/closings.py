"""Measures how long closing accounts took in a period: per application against an SLA, with the exceptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from queries.accounts.account import ACTIVE, CLOSED, CONFIRMATION, REPORTED_ABSENT, UNKNOWN, Account
from queries.accounts.bindings import Bindings, Memberships
from queries.accounts.folding import Row, in_force
from queries.accounts.repeats import without_repeats
from queries.accounts.step import COLUMNS
from queries.exposures import SUBJECTS_AT_ONCE, organizations
from queries.foreign import own_rows
from queries.histories import read_bindings
from queries.lifecycle import Fold
from queries.pieces import pieces
from queries.store import BULK_LIMITS, Store
from queries.suspects import PARTED_ONES, ended_of
from schemas.times import TICK, to_microseconds

MAX_SUBJECTS: Final = 100_000
TIMES: Final = {"p50": 50, "p90": 90, "p99": 99, "longest": 100}
"""The times of a summary, each the percentile that it is."""


class Closing(NamedTuple):
    """An account that became intended closed."""

    organization: str
    subject_id: str
    person: str
    application_id: str
    application: str
    since: datetime
    closed_at: datetime | None
    """When the application confirmed it; None if it has not."""
    absent_at: datetime | None
    """When the application answered that it knows no such account, if it said nothing else since."""

    @property
    def is_open(self) -> bool:
        """Whether it is neither confirmed closed nor reported absent."""
        return self.closed_at is None and self.absent_at is None

    def took(self, now: datetime) -> timedelta:
        """Return the time until it was confirmed or reported absent, or until now."""
        return (self.closed_at or self.absent_at or now) - self.since


class Summary(NamedTuple):
    """The closings of one application. Times are seconds over all that are confirmed or open; None if there are none.

    An account that is still open counts with its age: without it, times would look the better the more fail to close.
    """

    organization: str
    application_id: str
    application: str
    closings: int
    still_open: int
    reported_absent: int
    """Neither confirmed closed nor open: the application knows no such account."""
    within_sla: int
    """The number confirmed closed within the SLA."""
    p50: float | None
    p90: float | None
    p99: float | None
    longest: float | None
    at_least: tuple[str, ...]
    """Those of the four times that are lower bounds: an account open for so long or shorter may take longer."""


class Report(NamedTuple):
    """The applications, those with the most exceptions first, and the exceptions, the longest first."""

    applications: list[Summary]
    exceptions: list[Closing]
    """Accounts that were open for longer than the SLA, whether closed by now or not."""


class Span(NamedTuple):
    """The time between the intention to close an account and its end."""

    since: datetime
    closed_at: datetime | None = None
    absent_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether the account was confirmed closed or reported absent."""
        return self.closed_at is not None or self.absent_at is not None


def closings_of(account: Account) -> Iterator[Span]:
    """Yield when the account became intended closed, and how that ended. Pure; needs the account's changes.

    A closing is dropped if the account was wanted again before it was closed, or if the account never existed and
    nobody tried to close it. An end is undone if the account is opened again, or may be, before it is wanted again.
    """
    confirmed = account.initial
    since: datetime | None = None
    span: Span | None = None
    for change in sorted(account.changes, key=lambda change: change.at):
        if change.view == CONFIRMATION:
            if change.because.kind == "integration":
                continue  # while the integration is deleted, the account counts as it was
            confirmed = change.state
            if since is not None and confirmed in (ACTIVE, UNKNOWN):
                span = Span(since)
            elif span is None or span.closed_at is not None:
                continue
            elif confirmed in CLOSED:
                span = Span(span.since, change.at)
            elif confirmed == REPORTED_ABSENT:
                span = Span(span.since, None, change.at)
        elif change.state not in CLOSED:
            if span is not None and span.ended:
                yield span
            since = span = None
        else:
            since = since or change.at
            if span is None and confirmed not in CLOSED:
                span = Span(since)
    if span is not None and (span.ended or account.exposed):
        yield span


def summarise(closings: Iterable[Closing], sla: timedelta, now: datetime) -> Report:
    """Summarize closings by application. Pure."""
    by_application: dict[tuple[str, str], list[Closing]] = {}
    for closing in closings:
        by_application.setdefault((closing.organization, closing.application_id), []).append(closing)
    summaries = []
    exceptions = [each for own in by_application.values() for each in own if each.took(now) > sla]
    late = Counter((each.organization, each.application_id) for each in exceptions)
    for (organization, application), own in by_application.items():
        taken = sorted((each.took(now).total_seconds(), each.is_open) for each in own if each.absent_at is None)
        times = {name: _percentile(taken, share) for name, share in TIMES.items()} if taken else {}
        summaries.append(
            Summary(
                organization,
                application,
                own[-1].application,
                len(own),
                sum(1 for each in own if each.is_open),
                sum(1 for each in own if each.absent_at is not None),
                sum(1 for each in own if each.closed_at is not None and each.took(now) <= sla),
                **{name: times[name].seconds if times else None for name in TIMES},
                at_least=tuple(name for name, time in times.items() if time.at_least),
            )
        )
    summaries.sort(key=lambda each: (-late[each.organization, each.application_id], each.application))
    exceptions.sort(key=lambda each: (-each.took(now), each.person, each.application))
    return Report(summaries, exceptions)


class _Time(NamedTuple):
    seconds: float
    at_least: bool


def _percentile(taken: list[tuple[float, bool]], share: int) -> _Time:
    """Return the nearest-rank percentile of times, at least one, each with whether it still grows.

    It is at least this if it grows itself or a shorter one does, which may overtake it.
    """
    rank = max(0, -(-len(taken) * share // 100) - 1)
    return _Time(taken[rank][0], any(grows for _, grows in taken[: rank + 1]))


_OWN: Final = "organization = {organization:String}"
_FROM: Final = "occurred_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"
_WITHIN: Final = f"{_FROM} AND occurred_at < fromUnixTimestamp64Micro({{until:Int64}}, 'UTC')"
_UNBOUND: Final = (
    f"SELECT subject_id FROM account_marks WHERE {_OWN} AND application_id IN {{unbound:Array(String)}}"
    f" UNION ALL SELECT subject_id FROM ({PARTED_ONES})"
)
"""Selects everybody in applications that lost their last group in the period, and of other unbindings in it those whom
they may concern."""


def closers_sql() -> str:
    """Return the SQL of subjects whose accounts may have become intended closed in the period."""
    return (
        f"SELECT DISTINCT subject_id FROM ("
        f"SELECT subject_id FROM attempts WHERE {_OWN} AND {_FROM} AND kind = 'user'"
        " AND account_state IN ('inactive', 'deleted')"
        f" UNION ALL SELECT subject_id FROM directory_acts WHERE {_OWN} AND {_WITHIN}"
        f" UNION ALL SELECT subject_id FROM associations WHERE {_OWN} AND application_id = '' AND action = 'remove'"
        f" AND {_WITHIN} UNION ALL {_UNBOUND}) WHERE subject_id != '' ORDER BY subject_id LIMIT {MAX_SUBJECTS}"
    )


_EVENTS: Final = (
    f"SELECT organization, subject_id, subject_name, version, fingerprint, {', '.join(COLUMNS)} FROM events_by_subject"
    f" WHERE {_OWN} AND subject_id IN {{subjects:Array(String)}} AND event_type != 'sso_auth'"
)


def read_closers(store: Store, organization: str, bindings: Bindings, since: datetime, until: datetime) -> list[str]:
    """Return the subjects whose accounts may have become intended closed in the period."""
    ended = ended_of(bindings, since, until)
    values: dict[str, Any] = {
        "organization": organization,
        "since": to_microseconds(since),
        "until": to_microseconds(until),
        "unbound": sorted(ended.unbound),
        **ended.of_parted(),
    }
    return [subject for (subject,) in store.query(closers_sql(), values, BULK_LIMITS)]


def report(
    store: Store, organization: str | None, since: datetime, until: datetime, sla: timedelta, now: datetime
) -> Report:
    """Return the report on every account that became intended closed between two times, by what has occurred by now."""
    found: list[Closing] = []
    for owner in organizations(store, organization):
        bindings = read_bindings(store, owner, now + TICK)
        for some in pieces(read_closers(store, owner, bindings, since, until), SUBJECTS_AT_ONCE):
            values = {"organization": owner, "subjects": some}
            rows = own_rows(store, owner, store.query_dicts(_EVENTS, values, BULK_LIMITS))
            found += _closings(rows, bindings, since, until, now)
    return summarise(found, sla, now)


def _closings(
    rows: list[Row], bindings: Bindings, since: datetime, until: datetime, now: datetime
) -> Iterator[Closing]:
    by_subject: dict[str, list[Row]] = {}
    for row in rows:
        by_subject.setdefault(row["subject_id"], []).append(row)
    for subject, copies in by_subject.items():
        own = [row for row in in_force(copies) if row["occurred_at"] <= now]
        names = [row["subject_name"] for row in own if row["subject_name"]]
        folding = Fold(bindings, Memberships(own), timeline=True, explained=False)
        for row in without_repeats(own, bindings):
            folding.add(row)
        for account in folding.accounts():
            if account.test and not account.exposed:
                continue
            for span in closings_of(account):
                if since <= span.since < until:
                    yield Closing(
                        copies[0]["organization"],
                        subject,
                        names[-1] if names else subject,
                        account.application_id,
                        account.application,
                        *span,
                    )

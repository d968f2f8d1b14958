"""Finds what shows that an application has an integration after all, though the log has its deletion and no activation
since: the next attempt that tells about its credentials, or re-authorisation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from queries.accounts.bindings import ACTIVATED, BINDING_COLUMNS, DEACTIVATED, ON_ITS_WAY, USED, Bindings
from queries.accounts.folding import Row, in_force
from queries.foreign import own_rows
from queries.pieces import IDS_AT_ONCE, pieces
from queries.store import BULK_LIMITS, Store
from schemas.action import Action
from schemas.cause import Cause
from schemas.outcome import Outcome
from schemas.times import TICK, TimeQuality, to_microseconds

AT_ONCE: Final = 20
"""How many spans one statement searches."""
CANDIDATES: Final = 4
"""How many events of a span are examined; fifty times as many if none is in force."""

_USES: Final = (
    "(kind != 'integration' AND (outcome = 'success' OR (outcome = 'failure' AND cause = 'credentials'))"
    " OR action = 'reauth' AND outcome = 'success')"
)


def uses_of(rows: Iterable[Row]) -> list[Row]:
    """Return the rows that show an integration in use, as rows for `Bindings`. Pure."""
    return [{**row, "event_type": USED, "group_id": ""} for row in rows if _shows_use(row)]


def _shows_use(row: Row) -> bool:
    accepted: bool = row["outcome"] == Outcome.SUCCESS
    if row["time_quality"] != TimeQuality.OK or not row["application_id"]:
        return False
    if row["kind"] in ("user", "group"):
        return accepted or bool(row["outcome"] == Outcome.FAILURE and row["cause"] == Cause.CREDENTIALS)
    return accepted and bool(row["kind"] == "integration" and row["action"] == Action.REAUTH)


class Span(NamedTuple):
    """A time in which an integration was deleted, as far as activations and deletions tell."""

    application: str
    begin: datetime
    end: datetime
    """Exclusive."""


def spans_of(bindings: Bindings, until: datetime) -> list[Span]:
    """Return the times before `until` in which a use would show something. Pure."""
    found: list[Span] = []
    deleted: dict[str, datetime] = {}
    for row in bindings.agenda:
        application, at = row["application_id"], row["occurred_at"]
        if row["event_type"] in (ACTIVATED, DEACTIVATED):
            if application in deleted:
                found.append(Span(application, deleted.pop(application), at))
            if row["event_type"] == DEACTIVATED:
                deleted[application] = at + ON_ITS_WAY + TICK
    found += [Span(application, begin, until) for application, begin in deleted.items()]
    return [span for span in found if span.begin < span.end]


def candidates_sql(spans: int) -> str:
    """Return the SQL of the first events, by any copy, that show a use in each of this many spans."""
    return " UNION ALL ".join(
        f"SELECT * FROM (SELECT {number} AS span, occurred_at, event_id, subject_id FROM attempts_by_application"
        f" WHERE organization = {{organization:String}} AND application_id = {{application_{number}:String}}"
        f" AND occurred_at >= fromUnixTimestamp64Micro({{begin_{number}:Int64}}, 'UTC')"
        f" AND occurred_at < fromUnixTimestamp64Micro({{end_{number}:Int64}}, 'UTC')"
        f" AND time_quality = 'ok' AND {_USES} ORDER BY occurred_at, toString(event_id) LIMIT {{limit:UInt32}})"
        for number in range(spans)
    )


COPIES_SQL: Final = (
    f"SELECT {', '.join(BINDING_COLUMNS)}, kind, cause, version, fingerprint FROM events_by_subject"
    " WHERE organization = {organization:String} AND subject_id IN {subjects:Array(String)}"
    " AND event_id IN {events:Array(UUID)} AND known_at <= fromUnixTimestamp64Micro({known:Int64}, 'UTC')"
)
"""Selects every copy of some events that was appended by `known`."""


def read_uses(store: Store, organization: str, bindings: Bindings, until: datetime, known: int) -> list[Row]:
    """Return the first use in each span before `until`, as known at a time (microseconds since 1970), for
    `Bindings`."""
    spans, candidates = spans_of(bindings, until), CANDIDATES
    found: list[Row] = []
    while spans:
        unsure: list[Span] = []
        for some in pieces(spans, AT_ONCE):
            rows = _candidates(store, organization, some, candidates)
            uses = _uses(store, organization, [row for own in rows.values() for row in own], known)
            for number, span in enumerate(some):
                own = [(span.application, *row[:2]) for row in rows[number]]
                first = next((uses[each] for each in own if each in uses), None)
                if first is not None:
                    found.append(first)
                elif len(own) == candidates:
                    unsure.append(span)
        spans, candidates = unsure, candidates * 50
    return found


def _candidates(
    store: Store, organization: str, spans: Sequence[Span], limit: int
) -> defaultdict[int, list[tuple[Any, ...]]]:
    values: dict[str, Any] = {"organization": organization, "limit": limit}
    for number, (application, begin, end) in enumerate(spans):
        values |= {
            f"application_{number}": application,
            f"begin_{number}": to_microseconds(begin),
            f"end_{number}": to_microseconds(end),
        }
    rows: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for number, *row in sorted(store.query(candidates_sql(len(spans)), values, BULK_LIMITS), key=_place):
        rows[number].append(tuple(row))
    return rows


def _place(row: Sequence[Any]) -> tuple[int, datetime, int]:
    return row[0], row[1], row[2].int


def _uses(
    store: Store, organization: str, candidates: Collection[tuple[Any, ...]], known: int
) -> dict[tuple[Any, ...], Row]:
    """Return which candidates are uses by their copy in force, by application, time and event."""
    copies: list[Row] = []
    for some in pieces(list(candidates), IDS_AT_ONCE):
        values = {
            "organization": organization,
            "subjects": sorted({subject for _, _, subject in some}),
            "events": [str(event) for _, event, _ in some],
            "known": known,
        }
        copies += store.query_dicts(COPIES_SQL, values, BULK_LIMITS)
    uses = uses_of(in_force(own_rows(store, organization, copies, known)))
    return {(row["application_id"], row["occurred_at"], row["event_id"]): row for row in uses}

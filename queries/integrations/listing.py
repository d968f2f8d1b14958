"""Lists the integrations: when each last worked, what fails since, and who changed it last.

It makes two small reads, whatever the size of the log: one row per integration, and of the attempts only those since
its last success or of the last day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from queries.pieces import pieces
from queries.scope import SCOPE, scoped
from queries.selection import IN_FORCE
from queries.store import Store, as_tuple
from schemas.times import SENTINEL, to_microseconds

DAY: Final = timedelta(days=1)
AT_ONCE: Final = 50
"""Integrations whose attempts one statement counts."""

Row = dict[str, Any]


class LastChange(NamedTuple):
    """An event that configured the integration."""

    event_id: Any
    event_type: str
    at: datetime
    actor: str


class Failure(NamedTuple):
    """The last attempt that failed."""

    event_id: Any
    at: datetime
    cause: str
    attribute: str
    detail: str


class Integration(NamedTuple):
    """One application of one organization, with what its attempts show."""

    organization: str
    application_id: str
    application: str
    integration_id: str
    last_attempt: datetime | None
    last_outcome: str
    last_success: datetime | None
    last_failure: Failure | None
    change: LastChange | None
    failures_since_success: int
    """All failures if nothing ever succeeded."""
    attempts_last_day: int


class Integrations(NamedTuple):
    """Integrations, those with the most failures since their last success first and the idle ones last."""

    items: list[Integration]
    total: int
    """The number of integrations, including those beyond the limit."""


# The last success may come from a copy that is not in force, of an event that another copy calls failed. That is
# accepted: honest copies of one attempt may say less than each other but not the opposite, and whoever can send a false
# copy can as well send a false success with an id of its own. Incidents decide by copies in force what is in trouble.
STATES: Final = f"""
SELECT * FROM (
    SELECT organization, application_id, tupleElement(argMaxIfMerge(i.name), 1) AS application,
        tupleElement(argMaxIfMerge(i.integration), 1) AS integration_id, argMaxIfMerge(i.attempted) AS attempted,
        argMaxIfMerge(i.succeeded) AS succeeded, argMaxIfMerge(i.failed) AS failed,
        argMaxIfMerge(i.configured) AS configured, count() OVER () AS total
    FROM integrations AS i
    WHERE {SCOPE}
    GROUP BY organization, application_id
)
ORDER BY tupleElement(attempted, 2) DESC, organization, application_id
LIMIT {{limit:UInt32}}
"""
"""Selects one row per integration."""

# Each integration's range is one of the primary key, and its order finds the copy in force at once: grouping a million
# attempts by id takes three times as long.
# XXX: copies of one event with different times are judged separately, as in the states above, because a question polled
# every few seconds must not read every attempt. Counting ids counts the event once; the health goes by copies in force.
_COUNTS: Final = f"""
SELECT organization, application_id,
    uniqExactIf(event_id, outcome = 'failure' AND occurred_at > {{succeeded}}) AS failures,
    uniqExactIf(event_id, occurred_at >= fromUnixTimestamp64Micro({{{{day:Int64}}}}, 'UTC')) AS attempts
FROM (
    SELECT organization, application_id, occurred_at, event_id, outcome
    FROM attempts_by_application
    WHERE kind != 'integration' AND ({{ranges}})
    ORDER BY organization, application_id, occurred_at, event_id, {IN_FORCE} DESC
    LIMIT 1 BY organization, application_id, occurred_at, event_id
)
GROUP BY organization, application_id
LIMIT {AT_ONCE}
"""


def counts_sql(integrations: int) -> str:
    """Return the SQL of the attempts of this many integrations, each from its own time on."""
    numbers = range(integrations)
    ranges = [
        f"(organization = {{organization_{number}:String}} AND application_id = {{application_{number}:String}}"
        f" AND occurred_at > fromUnixTimestamp64Micro({{from_{number}:Int64}}, 'UTC'))"
        for number in numbers
    ]
    succeeded = [
        f"organization = {{organization_{number}:String}} AND application_id = {{application_{number}:String}},"
        f" fromUnixTimestamp64Micro({{succeeded_{number}:Int64}}, 'UTC')"
        for number in numbers
    ]
    return _COUNTS.format(
        ranges=" OR ".join(ranges), succeeded=f"multiIf({', '.join(succeeded)}, toDateTime64(0, 6, 'UTC'))"
    )


def list_integrations(store: Store, organization: str | None, now: datetime, limit: int) -> Integrations:
    """Return at most `limit` integrations, those that were attempted last."""
    rows = store.query_dicts(STATES, {**scoped(organization), "limit": limit})
    found = []
    for some in pieces(rows, AT_ONCE):
        counts = _count(store, some, now - DAY)
        found += [_told(row, *counts.get((row["organization"], row["application_id"]), (0, 0))) for row in some]
    found.sort(key=_order)
    return Integrations(found, rows[0]["total"] if rows else 0)


def _order(item: Integration) -> tuple[int, bool, str, str]:
    return (-item.failures_since_success, not item.attempts_last_day, item.application.lower(), item.application_id)


def _count(store: Store, rows: Sequence[Row], day: datetime) -> dict[tuple[str, str], tuple[int, int]]:
    values: dict[str, Any] = {"day": to_microseconds(day)}
    for number, row in enumerate(rows):
        succeeded = as_tuple(row["succeeded"])[1]
        values |= {
            f"organization_{number}": row["organization"],
            f"application_{number}": row["application_id"],
            f"succeeded_{number}": to_microseconds(succeeded),
            f"from_{number}": to_microseconds(min(succeeded, day)),
        }
    found = store.query(counts_sql(len(rows)), values)
    return {
        (organization, application): (failures, attempts) for organization, application, failures, attempts in found
    }


def _told(row: Row, failures: int, attempts: int) -> Integration:
    attempted, succeeded = as_tuple(row["attempted"]), as_tuple(row["succeeded"])
    failed, configured = as_tuple(row["failed"]), as_tuple(row["configured"])
    return Integration(
        organization=row["organization"],
        application_id=row["application_id"],
        application=row["application"],
        integration_id=row["integration_id"],
        last_attempt=_known(attempted[1]),
        last_outcome=attempted[2],
        last_success=_known(succeeded[1]),
        last_failure=Failure(*failed) if _known(failed[1]) else None,
        change=LastChange(configured[0], configured[2], configured[1], configured[4])
        if _known(configured[1])
        else None,
        failures_since_success=failures,
        attempts_last_day=attempts,
    )


def _known(at: datetime) -> datetime | None:
    """Return the time, or None for the sentinel, which stands for no state."""
    return at if at > SENTINEL else None

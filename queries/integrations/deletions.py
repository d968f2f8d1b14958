"""Lists integrations that were deleted recently, from one row per integration."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from queries.accounts.bindings import DEACTIVATED
from queries.store import Store
from schemas.outcome import Outcome
from schemas.times import to_microseconds

MOST: Final = 1_000


class Deletion(NamedTuple):
    """An integration whose last configuration event was its deletion."""

    organization: str
    application_id: str
    event_id: UUID
    at: datetime


_SQL: Final = (
    "SELECT organization, application_id, tupleElement(last, 1), tupleElement(last, 2) AS at FROM"
    " (SELECT organization, application_id, argMaxIfMerge(i.configured) AS last FROM integrations AS i"
    " GROUP BY organization, application_id)"
    f" WHERE tupleElement(last, 3) = '{DEACTIVATED}' AND tupleElement(last, 4) = '{Outcome.SUCCESS}'"
    " AND at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"
    " AND at <= fromUnixTimestamp64Micro({until:Int64}, 'UTC')"
    " ORDER BY at DESC, organization, application_id LIMIT {limit:UInt32}"
)


def read_deletions(store: Store, since: datetime, until: datetime) -> list[Deletion]:
    """Return the deletions in all organizations; if there are more than `MOST`, the latest."""
    asked = {"since": to_microseconds(since), "until": to_microseconds(until), "limit": MOST}
    return [Deletion(*row) for row in store.query(_SQL, asked)]

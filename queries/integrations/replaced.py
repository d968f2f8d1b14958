"""Finds the deletions of integrations that had been replaced: another one of the application was activated before.

They end nothing, whoever asks: the application still has an integration.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from queries.accounts.bindings import ACTIVATED, DEACTIVATED
from queries.accounts.folding import Row, in_force
from queries.foreign import own_rows
from queries.store import BULK_LIMITS, Store
from schemas.outcome import Outcome
from schemas.times import LATEST, TimeQuality, to_microseconds

_THEIRS: Final = "organization IN {organizations:Array(String)}"


def replaced_sql(own: str) -> str:
    """Return the SQL of all copies of activations and deletions of the integrations that were ever deleted.

    `own` selects the organizations. The subject of such an event is the application.
    """
    return (
        "SELECT organization, application_id, event_id, occurred_at, time_quality, event_type, outcome, integration_id,"
        f" version, fingerprint FROM events_by_subject WHERE {own} AND subject_id GLOBAL IN"
        f" (SELECT application_id FROM associations WHERE {own} AND application_id != ''"
        f" AND event_type = '{DEACTIVATED}') AND event_type IN ('{ACTIVATED}', '{DEACTIVATED}')"
        " AND known_at <= fromUnixTimestamp64Micro({known:Int64}, 'UTC') ORDER BY organization"
    )


def read_replaced(
    store: Store, organizations: Collection[str] | None, known: int = to_microseconds(LATEST)
) -> set[UUID]:
    """Return such deletions of these organizations, or of all, as known at a time (microseconds since 1970)."""
    values: dict[str, Any] = {"known": known}
    if organizations is not None:
        values["organizations"] = sorted(organizations)
    rows = store.query_dicts(replaced_sql("1" if organizations is None else _THEIRS), values, BULK_LIMITS)
    found: set[UUID] = set()
    for organization, own in groupby(rows, key=itemgetter("organization")):
        found |= replaced(own_rows(store, organization, list(own), known))
    return found


def replaced(rows: Iterable[Row]) -> set[UUID]:
    """Return the deletions, among rows of one organization, that name another integration than the one activated
    last. Pure."""
    activated: dict[str, str] = {}
    found = set()
    for row in in_force(rows):
        application, own = row["application_id"], row["integration_id"]
        if row["time_quality"] != TimeQuality.OK or row["outcome"] != Outcome.SUCCESS:
            continue
        if row["event_type"] == ACTIVATED:
            activated[application] = own
        elif row["event_type"] == DEACTIVATED and own and activated.get(application, "") not in ("", own):
            found.add(row["event_id"])
        elif row["event_type"] == DEACTIVATED:
            activated.pop(application, None)
    return found

"""Finds when accounts were first signed in to since a time, and of which applications the trail has sign-ins at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from queries.accounts.folding import Row, in_force
from queries.foreign import own_rows
from queries.pieces import ACCOUNT_SQL, account_text, subjects_at_once
from queries.store import BULK_LIMITS, SMALL_LIMITS, Store
from schemas.outcome import Outcome
from schemas.times import TimeQuality, to_microseconds

AccountKey = tuple[str, str, str]
"""(organization, subject, application)."""
SUBJECTS_AT_ONCE: Final = 500
LATELY: Final = timedelta(days=90)
"""An application that nobody signed in to for this long may be one whose sign-ins do not reach the trail."""

_OWN: Final = "organization = {organization:String}"
_AT: Final = "fromUnixTimestamp64Micro({at:Int64}, 'UTC')"

# For every sign-in that some copy reports, all copies about these people, so that the one in force can be chosen.
_THEIRS: Final = f"{_OWN} AND subject_id IN {{subjects:Array(String)}}"
_SIGN_INS: Final = (
    "SELECT event_id, version, fingerprint, subject_id, event_type, application_id, outcome, time_quality, occurred_at"
    f" FROM events_by_subject WHERE {_THEIRS} AND event_id GLOBAL IN ("
    f"SELECT event_id FROM events_by_subject WHERE {_THEIRS}"
    f" AND event_type = 'sso_auth' AND {ACCOUNT_SQL} IN {{accounts:Array(String)}}"
    f" AND occurred_at <= {_AT} AND occurred_at >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC'))"
)

_SIGNED_IN_TO: Final = (
    f"SELECT DISTINCT application_id FROM applications WHERE {_OWN}"
    " AND application_id IN {applications:Array(String)} AND signed_in_on BETWEEN {since:Date} AND {at:Date}"
)


def first_sign_ins(store: Store, wanted: Mapping[AccountKey, datetime], at: datetime) -> dict[AccountKey, datetime]:
    """Return the first sign-in to each account between its own time and `at`. Accounts without one are left out."""
    used: dict[AccountKey, datetime] = {}
    for organization in sorted({owner for owner, _, _ in wanted}):
        by_subject: dict[str, list[AccountKey]] = {}
        for key in sorted(wanted):
            if key[0] == organization:
                by_subject.setdefault(key[1], []).append(key)
        for chunk in subjects_at_once(by_subject, SUBJECTS_AT_ONCE):
            own = [key for subject in chunk for key in by_subject[subject]]
            values: dict[str, Any] = {
                "organization": organization,
                "subjects": chunk,
                "accounts": [account_text(application, subject) for _, subject, application in own],
                "since": to_microseconds(min(wanted[key] for key in own)),
                "at": to_microseconds(at),
            }
            copies = own_rows(store, organization, store.query_dicts(_SIGN_INS, values, BULK_LIMITS))
            for row in in_force(copies):
                key, occurred = (organization, row["subject_id"], row["application_id"]), row["occurred_at"]
                begun = wanted.get(key)
                if begun is not None and begun <= occurred <= at and _is_use(row):
                    used.setdefault(key, occurred)
    return used


def signed_in_to(store: Store, wanted: Iterable[AccountKey], at: datetime) -> set[tuple[str, str]]:
    """Return the (organization, application) of these accounts that anybody tried to sign in to lately before `at`, to
    the day."""
    by_owner: dict[str, set[str]] = {}
    for organization, _, application in wanted:
        by_owner.setdefault(organization, set()).add(application)
    found = set()
    for organization, applications in sorted(by_owner.items()):
        values: dict[str, Any] = {
            "organization": organization,
            "applications": sorted(applications),
            "since": (at - LATELY).date(),
            "at": at.date(),
        }
        found |= {(organization, application) for (application,) in store.query(_SIGNED_IN_TO, values, SMALL_LIMITS)}
    return found


def _is_use(row: Row) -> bool:
    signed_in = row["event_type"] == "sso_auth" and row["outcome"] != Outcome.FAILURE
    return bool(signed_in and row["time_quality"] == TimeQuality.OK)

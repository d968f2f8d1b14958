"""What views, folds and detection made, against the events that are stored. Reads only.

Detection comes after the sink: what it may still be at is not compared.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from queries.derivation import LOOKS, WINDOWS, Difference, derived_differences
from queries.store import BULK_LIMITS, Store
from schemas.envelope import TRUST_STEP
from streams.incidents import Incident
from streams.interest import Application
from streams.refolding import touched_applications
from streams.runs import refold, stored_incidents

DETECTION_SECONDS: Final = 600
"""How long detection may take for a fresh event."""
INCIDENTS: Final = "incidents"

_PROGRESS: Final = (
    "SELECT log_partition, max(next_offset) FROM backfill_progress WHERE log_topic = {topic:String} GROUP BY 1"
)
_RECENT: Final = (
    "SELECT DISTINCT organization, {what} FROM events"
    " WHERE fresh AND kind != 'other' AND known_at > now() - {{seconds:UInt32}}"
)
_MINUTE: Final = "toString(toDateTime(toStartOfMinute(occurred_at), 'UTC'))"
_WAITING: Final = (
    "SELECT 1 FROM events WHERE NOT fresh AND kind != 'other' AND time_quality = 'ok' AND log_topic = {{topic:String}}"
    " AND ({behind}) LIMIT 1"
)


def detection_is_behind(store: Store, topic: str, ends: Mapping[int, int]) -> bool:
    """Whether older events before these offsets wait to be folded: windows and incidents cannot be compared then."""
    progress = dict(store.query(_PROGRESS, {"topic": topic}))
    conditions = []
    parameters: dict[str, Any] = {"topic": topic}
    for n, (partition, end) in enumerate(ends.items()):
        conditions.append(
            f"log_partition = {{p{n}:UInt16}} AND log_offset >= {{b{n}:UInt64}} AND log_offset < {{e{n}:UInt64}}"
        )
        parameters |= {f"p{n}": partition, f"b{n}": progress.get(partition, 0), f"e{n}": end}
    return bool(store.query(_WAITING.format(behind=" OR ".join(conditions) or "0"), parameters, BULK_LIMITS))


def find_differences(store: Store, *, detected: bool, pause_seconds: float) -> Iterator[Difference]:
    """Of all tables. `detected`: windows and incidents too."""
    seconds = {"seconds": DETECTION_SECONDS}
    for found in derived_differences(store, TRUST_STEP, windows=detected, pause_seconds=pause_seconds):
        if found.table == WINDOWS:
            recent = set(store.query(_RECENT.format(what=_MINUTE), seconds, BULK_LIMITS))
            if (found.key["organization"], found.key["window_start"]) in recent:
                continue
        yield found
    if detected:
        yield from _incidents(store, pause_seconds)


def _incidents(store: Store, pause_seconds: float) -> Iterator[Difference]:
    applications = touched_applications(store, {})
    recent = set(store.query(_RECENT.format(what="application_id"), {"seconds": DETECTION_SECONDS}, BULK_LIMITS))
    for application in applications:
        if application not in recent:
            for incident, kind in _off(store, application, pause_seconds).items():
                yield _difference(incident, kind)
    known = set(applications)
    for organization in sorted({organization for organization, _ in applications}):
        for incident, _ in stored_incidents(store, {organization}):
            if incident.attempts and (incident.organization, incident.application_id) not in known:
                yield _difference(incident, "extra")


def _off(store: Store, application: Application, pause_seconds: float) -> Mapping[Incident, str]:
    """What differs whenever it is looked at."""
    found: dict[Incident, str] = {}
    for look in range(LOOKS):
        changed = refold(store, [application]).changed
        if not changed:
            return {}
        rows = {row.incident_id for row, _ in stored_incidents(store, {application[0]}) if row.attempts}
        kinds = {
            incident: "extra" if not incident.attempts else ("altered" if incident.incident_id in rows else "missing")
            for incident in changed
            if incident.attempts or incident.incident_id in rows
        }
        found = {incident: kind for incident, kind in kinds.items() if not look or found.get(incident) == kind}
        if not found:
            return {}
        time.sleep(pause_seconds * (look + 1) if look + 1 < LOOKS else 0)
    return found


def _difference(incident: Incident, kind: str) -> Difference:
    key = {
        "organization": incident.organization,
        "incident_id": incident.incident_id.hex(),
        "application_id": incident.application_id,
    }
    return Difference(kind, INCIDENTS, key, [])

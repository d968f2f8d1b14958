"""Compares what views, folds and detection made with the stored events. Reads only.

Detection comes after the sink, so what it may not have finished is left out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from queries.checks.derivation import LOOKS, WINDOWS, Difference, derived_differences
from queries.store import BULK_LIMITS, Store
from schemas.envelope import TRUST_STEP
from streams.backfill import PROGRESS
from streams.incidents import Incident
from streams.interest import Application
from streams.refolding import touched_applications
from streams.runs import refold, stored_incidents

DETECTION_SECONDS: Final = 600
"""How long detection may take for a fresh event."""
INCIDENTS: Final = "incidents"

_UNDETECTED: Final = (
    "SELECT DISTINCT organization, {what} FROM events WHERE kind != 'other' AND time_quality = 'ok'"
    " AND (fresh AND known_at > now() - {{seconds:UInt32}}"
    " OR NOT fresh AND log_topic = {{topic:String}} AND NOT ({folded}))"
)
_MINUTE: Final = "toString(toDateTime(toStartOfMinute(occurred_at), 'UTC'))"


class Undetected(NamedTuple):
    """Data that detection may not have finished: results that depend on it are not compared."""

    minutes: set[tuple[str, str]]
    """Organization and minute, as in windows."""
    applications: set[Application]


def read_undetected(store: Store, topic: str) -> Undetected:
    """Return the fresh events that came just now, and the older ones that the backfill has not folded."""
    conditions = []
    parameters: dict[str, Any] = {"topic": topic, "seconds": DETECTION_SECONDS}
    for n, (partition, offset) in enumerate(store.query(PROGRESS, {"topic": topic})):
        conditions.append(f"log_partition = {{p{n}:UInt16}} AND log_offset < {{o{n}:UInt64}}")
        parameters |= {f"p{n}": partition, f"o{n}": offset}
    folded = " OR ".join(conditions) or "0"

    def read(what: str) -> set[tuple[str, str]]:
        found = store.query(_UNDETECTED.format(what=what, folded=folded), parameters, BULK_LIMITS)
        return {(organization, one) for organization, one in found}

    return Undetected(read(_MINUTE), read("application_id"))


def find_differences(store: Store, topic: str, undetected: Undetected, *, pause_seconds: float) -> Iterator[Difference]:
    """Yields the differences in all derived tables. `undetected` was read before; what came meanwhile is left out
    too."""
    windows: list[Difference] = []
    for found in derived_differences(store, TRUST_STEP, pause_seconds=pause_seconds):
        if found.table == WINDOWS:
            windows.append(found)
        else:
            yield found
    if windows:
        left_out = undetected.minutes | read_undetected(store, topic).minutes
        for found in windows:
            if (found.key["organization"], found.key["window_start"]) not in left_out:
                yield found
    yield from _incidents(store, topic, undetected, pause_seconds)


def _incidents(store: Store, topic: str, undetected: Undetected, pause_seconds: float) -> Iterator[Difference]:
    applications = touched_applications(store, {})
    for application in applications:
        if application not in undetected.applications:
            off = _off(store, application, pause_seconds)
            if off and application not in read_undetected(store, topic).applications:
                yield from (_difference(incident, kind) for incident, kind in off.items())
    known = set(applications)
    for organization in sorted({organization for organization, _ in applications}):
        for incident, _ in stored_incidents(store, {organization}):
            if incident.attempts and (incident.organization, incident.application_id) not in known:
                yield _difference(incident, "extra")


def _off(store: Store, application: Application, pause_seconds: float) -> Mapping[Incident, str]:
    """Return the incidents that differ each time they are compared."""
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

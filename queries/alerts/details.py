"""Reads one alert in full: its history, its deliveries, and the names of the people, groups and applications in it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from queries.alerts.listing import Row, Told
from queries.incidents.details import names_of
from queries.store import Store
from schemas.alerts import Delivered, Detected, Detection, read_alert_record, too_late

MAX_HISTORY: Final = 1_000
"""How many records of each kind are read, the latest ones: detections, acts and deliveries."""
_OWN: Final = "organization = {organization:String} AND alert_id = toFixedString(unhex({id:String}), 16)"
_TOLD_APART: Final = (
    "SELECT log_partition, log_offset FROM (SELECT log_partition, log_offset,"
    " concat(detection, toString(ended_at), toString(episodes)) AS stands, lagInFrame(stands) OVER records AS before,"
    f" row_number() OVER records AS number, count() OVER () AS all FROM alert_records WHERE {_OWN}"
    " AND record = 'detected' WINDOW records AS (ORDER BY log_partition, log_offset"
    " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) WHERE stands != before OR number = all"
)
_RECORDS: Final = (
    f"SELECT known_at, body FROM alert_records FINAL WHERE {_OWN}"
    f" AND (record != 'detected' OR (log_partition, log_offset) GLOBAL IN ({_TOLD_APART}))"
    " ORDER BY log_partition DESC, log_offset DESC LIMIT {limit:UInt32} BY record"
)
"""Of the detections only those that changed the alert's state, and the last: a growing alert is recorded every two
seconds."""
_APPLICATIONS: Final = (
    "SELECT application_id, max(name) FROM applications WHERE organization = {organization:String}"
    " AND application_id IN {ids:Array(String)} AND name != '' GROUP BY application_id LIMIT {limit:UInt32}"
)


class AlertDetails(NamedTuple):
    """What the list of alerts leaves out."""

    history: list[Row]
    """Detections and acts in order. Of several records of growth only the last is kept."""
    deliveries: list[Row]
    """Every delivery attempt, in order."""
    names: dict[str, str]
    """Maps ids of people, groups and applications in the alert to their names, where known."""


def read_alert_details(store: Store, told: Told) -> AlertDetails:
    """Return the details of one alert."""
    detected = told.detected
    organization = detected.organization
    rows = store.query(_RECORDS, {"organization": organization, "id": detected.alert_id, "limit": MAX_HISTORY})
    history: list[Row] = []
    deliveries: list[Row] = []
    late = too_late(detected, told.acts)
    before: Detected | None = None
    for known_at, body in reversed(rows):
        record = read_alert_record(body.encode())
        if isinstance(record, Delivered):
            deliveries.append(_plain(record, known_at))
        elif isinstance(record, Detected):
            history.append(_found(record, before, known_at))
            before = record
        else:
            done = {"what": record.act.value, "too_late": record.act_id in late}
            history.append({**_NOTHING, **_plain(record, known_at), **done})
    return AlertDetails(history, deliveries, _names(store, detected))


_NOTHING: Final[dict[str, Any]] = {
    **dict.fromkeys(("by", "text"), ""),
    **dict.fromkeys(("until", "events", "people")),
    "too_late": False,
}


def _plain(record: Any, known_at: datetime) -> Row:
    fields: Row = record.model_dump(exclude={"alert_id", "organization", "rule_id", "record", "act", "after"})
    return {**fields, "known_at": known_at}


def _found(record: Detected, before: Detected | None, known_at: datetime) -> Row:
    what, at = what_changed(record, before)
    return {**_NOTHING, "what": what, "at": at, "events": record.events, "people": record.people, "known_at": known_at}


def what_changed(record: Detected, before: Detected | None) -> tuple[str, datetime]:
    """Return what changed, in a word, and when. A record holds the alert's state, not its changes."""
    if record.detection is Detection.WITHDRAWN:
        return "withdrawn", record.triggered_at
    if record.ended_at is not None and (before is None or before.ended_at != record.ended_at):
        return "ended", record.ended_at
    if before is None:
        return "opened", record.opened_at
    if record.episodes > before.episodes or (before.ended_at is not None and record.ended_at is None):
        return "opened again", record.since
    return "grew", record.last_at


def _names(store: Store, detected: Detected) -> dict[str, str]:
    ids = list(detected.applications)
    asked = {"organization": detected.organization, "ids": ids, "limit": len(ids)}
    applications = dict(store.query(_APPLICATIONS, asked)) if ids else {}
    return applications | names_of(store, detected.organization, list(detected.people_named))

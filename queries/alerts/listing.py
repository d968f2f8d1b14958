"""Reads alerts, which are folded from their records in the order of the log, and their states.

A state depends on the time of the question, so it is computed when read and never stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from queries.cursor import Cursor, decode_cursor, encode_cursor, question_of
from queries.scope import SCOPE, scoped
from queries.store import Store
from schemas.alerts import Acted, Detected, Severity, State, read_alert_record, standing
from schemas.errors import Ambiguous, NotFound
from schemas.times import to_microseconds

Row = dict[str, Any]

MAX_CANDIDATES: Final = 5
MAX_RECORDS: Final = 100_000
"""Acts and last detections that are read for one page of alerts."""
OVER: Final = (State.RESOLVED, State.WITHDRAWN)
URGENT_FIRST: Final = tuple(reversed(Severity))


@dataclass(frozen=True, slots=True)
class Alerts:
    """Selects alerts. All given conditions must hold; a list matches any of its values."""

    organization: str | None
    """None selects every organization, for tokens that may see all of them."""
    since: datetime
    """Leaves out alerts without activity since then, unless they are still open."""
    until: datetime
    """Leaves out alerts that opened at this time or later."""
    asked: str = ""
    """The range as the caller wrote it. A cursor is bound to it, since the clock moves on between pages."""
    states: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()
    """Application ids."""
    staging: bool = False
    """Includes alerts of rules in staging."""

    def parameters(self, now: datetime) -> dict[str, Any]:
        """Return the parameters of all conditions."""
        return {
            **scoped(self.organization),
            "begin": to_microseconds(self.since),
            "end": to_microseconds(self.until),
            "now": to_microseconds(now),
            "states": list(self.states),
            "severities": list(self.severities),
            "rules": list(self.rules),
            "applications": list(self.applications),
        }


class Page(NamedTuple):
    """A page of alerts as JSON objects, and the cursor of the next page; None on the last page."""

    items: list[Row]
    next: str | None


class Told(NamedTuple):
    """The records of one alert: the last detection, and every act in the order of the log."""

    detected: Detected
    acts: list[Acted]


_PLACE: Final = "(log_partition, log_offset)"
_DETECTED: Final = (
    "rule_id", "severity", "detection", "staging", "opened_at", "since", "triggered_at", "ended_at", "last_at",
    "events", "applications", "log_offset",
)  # fmt: skip
_STATE: Final = (
    "multiIf(detection = 'withdrawn', 'withdrawn',"
    " detection = 'ended' AND reopened_at <= ended_at, 'resolved',"
    " turned = 'resolve' AND triggered_at <= turned_at, 'resolved',"
    " said = 'snooze' AND snoozed_until > fromUnixTimestamp64Micro({now:Int64}, 'UTC'), 'snoozed',"
    " said = 'acknowledge' AND said_at >= since, 'acknowledged', 'open')"
)
"""The same states as `schemas.alerts.standing` returns."""
_RANK: Final = (
    f"multiIf(state = 'open', toUInt8(indexOf([{', '.join(repr(each.value) for each in URGENT_FIRST)}], severity)),"
    " state = 'acknowledged', 5, state = 'snoozed', 6, state = 'resolved', 7, 8)"
)


_COLUMNS: Final = ", ".join(f"tupleElement(last, {number}) AS {name}" for number, name in enumerate(_DETECTED, 1))
_FOLDED: Final = (
    f"SELECT organization, id, {_COLUMNS}, tupleElement(deed, 1) AS said, tupleElement(deed, 2) AS said_at,"
    " tupleElement(deed, 3) AS snoozed_until, tupleElement(turn, 1) AS turned, tupleElement(turn, 2) AS turned_at,"
    " acknowledged_at,"
    f" greatest(triggered_at, last_at, ended_at, acted_at) AS active_at, {_STATE} AS state, {_RANK} AS rank"
    " FROM (SELECT organization, lower(hex(alert_id)) AS id,"
    f" argMaxIf(tuple({', '.join(_DETECTED)}), {_PLACE}, record = 'detected') AS last,"
    f" argMaxIf(tuple(act, at, snoozed_until), {_PLACE},"
    " act IN ('acknowledge', 'resolve', 'reopen', 'snooze')) AS deed,"
    f" argMaxIf(tuple(act, at), {_PLACE}, act IN ('resolve', 'reopen')) AS turn,"
    f" argMaxIf(at, {_PLACE}, act = 'reopen') AS reopened_at,"
    " minIf(at, act = 'acknowledge') AS acknowledged_at, maxIf(at, record = 'acted') AS acted_at"
    f" FROM alert_records WHERE {SCOPE} GROUP BY organization, alert_id HAVING countIf(record = 'detected') > 0)"
)
"""Selects one row per alert, with its state at `{now}`."""


def chosen_sql(chosen: Alerts) -> str:
    """Return the SQL of the chosen alerts, one row each, with their states."""
    where = [
        "opened_at < fromUnixTimestamp64Micro({end:Int64}, 'UTC')",
        "(active_at >= fromUnixTimestamp64Micro({begin:Int64}, 'UTC') OR state NOT IN ('resolved', 'withdrawn'))",
        "1" if chosen.staging else "NOT staging",
    ]
    if chosen.states:
        where.append("state IN {states:Array(String)}")
    if chosen.severities:
        where.append("severity IN {severities:Array(String)}")
    if chosen.rules:
        where.append("rule_id IN {rules:Array(String)}")
    if chosen.applications:
        where.append("hasAny(applications, {applications:Array(String)})")
    return f"SELECT * FROM ({_FOLDED}) WHERE {' AND '.join(where)}"


def alerts_sql(chosen: Alerts, *, after: bool) -> str:
    """Return the SQL of a page of alerts: open ones by urgency, then acknowledged, snoozed and closed; the latest
    first."""
    keyset = (
        " WHERE rank > {after_rank:UInt8} OR rank = {after_rank:UInt8}"
        " AND (active_at, id) < (fromUnixTimestamp64Micro({after_at:Int64}, 'UTC'), {after_id:String})"
    )
    return (
        "SELECT organization, id, active_at, rank, log_offset AS last_offset"
        f" FROM ({chosen_sql(chosen)}){keyset if after else ''}"
        " ORDER BY rank, active_at DESC, id DESC LIMIT {limit:UInt32}"
    )


_RECORDS: Final = (
    "SELECT organization, lower(hex(alert_id)) AS id, body FROM alert_records"
    " WHERE organization IN {organizations:Array(String)}"
    " AND alert_id IN (SELECT toFixedString(unhex(arrayJoin({ids:Array(String)})), 16))"
    " AND (record = 'acted' OR record = 'detected' AND log_offset IN {offsets:Array(UInt64)})"
    " ORDER BY log_partition DESC, log_offset DESC LIMIT 1 BY organization, alert_id, record, act_id"
    " LIMIT {limit:UInt32}"
)
"""Selects the last detection of each alert and each act once, the last first. `offsets` are those of the last
detections: an alert that grows all day has thousands of detections, whose bodies need not be read."""


def read_told(store: Store, found: Sequence[Row]) -> dict[tuple[str, str], Told]:
    """Return alerts by (organization, id), from rows with both and with `last_offset`, the offset of the last
    detection."""
    if not found:
        return {}
    rows = store.query(
        _RECORDS,
        {
            "organizations": sorted({row["organization"] for row in found}),
            "ids": [row["id"] for row in found],
            "offsets": [row["last_offset"] for row in found],
            "limit": MAX_RECORDS,
        },
    )
    last: dict[tuple[str, str], Detected] = {}
    acts: dict[tuple[str, str], list[Acted]] = {}
    for organization, own, body in reversed(rows):
        record = read_alert_record(body.encode())
        if isinstance(record, Detected):
            last[organization, own] = record
        elif isinstance(record, Acted):
            acts.setdefault((organization, own), []).append(record)
    return {key: Told(detected, acts.get(key, [])) for key, detected in last.items()}


def list_alerts(store: Store, chosen: Alerts, now: datetime, cursor: str | None = None, limit: int = 100) -> Page:
    """Return a page of at most `limit` alerts. Raises `BadUsage` for a cursor of another question.

    Later pages keep the `now` of the first, so that no snooze ends between them.
    """
    question = question_of(chosen)
    after = decode_cursor(cursor, question) if cursor else None
    place: Row = {}
    if after is not None:
        chosen, now = replace(chosen, since=after.since, until=after.until), after.now
        place = {"after_at": to_microseconds(after.at), "after_id": after.id.hex, "after_rank": after.rank}
    values = chosen.parameters(now) | place | {"limit": limit + 1}
    rows = store.query_dicts(alerts_sql(chosen, after=after is not None), values)
    keys = [(row["organization"], row["id"]) for row in rows[:limit]]
    told = read_told(store, rows[:limit])
    items = [alert_object(told[key], now) for key in keys]
    if len(rows) <= limit:
        return Page(items, None)
    end = rows[limit - 1]
    last = Cursor(end["active_at"], UUID(end["id"]), chosen.since, chosen.until, now, end["rank"])
    return Page(items, encode_cursor(last, question))


def alert_object(told: Told, now: datetime) -> Row:
    """Return an alert as the API shows it."""
    stands = standing(told.detected, told.acts, now)
    row = told.detected.model_dump(exclude={"record", "owner"})
    return {
        **row,
        "state": stands.state,
        "state_since": stands.since,
        "state_by": stands.by,
        "reopened": stands.reopened,
        "owner": stands.owner,
        "snoozed_until": stands.snoozed_until,
        "notes": sum(bool(act.text) and act.act != "own" for act in told.acts),
    }


ONE: Final = (
    f"SELECT organization, lower(hex(alert_id)) AS id, argMax(log_offset, {_PLACE}) AS last_offset"
    f" FROM alert_records WHERE {SCOPE} AND record = 'detected' AND startsWith(id, {{beginning:String}})"
    f" GROUP BY organization, alert_id ORDER BY alert_id, organization LIMIT {MAX_CANDIDATES}"
)
"""Selects alerts whose id begins with a given text."""


def find_alert(store: Store, organization: str | None, beginning: str) -> Told:
    """Return the alert whose id begins with `beginning`. Raises `Ambiguous` and `NotFound`, also for another
    organization's alert."""
    rows = store.query_dicts(ONE, {**scoped(organization), "beginning": beginning.lower()})
    if not rows:
        raise NotFound(f"no alert {beginning[:32]}")
    if len(rows) > 1:
        candidates = [row["id"] for row in rows]
        raise Ambiguous(f"several alerts begin with {beginning[:32]!r}: {', '.join(candidates)}", candidates)
    (told,) = read_told(store, rows).values()
    return told

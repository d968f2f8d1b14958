"""Finds accounts that may be exposed with cheap statements. It never finds too few, so only their events need be
read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from queries.accounts.because import ROLLOUT
from queries.accounts.bindings import GROUP_DELETED, Bindings
from queries.selection import IN_FORCE
from queries.store import BULK_LIMITS, Store
from queries.turns import NO_UPDATE, Updates, updates_of
from schemas.times import EARLIEST, LATEST, to_microseconds

Key = tuple[str, str]
"""An account: (application, subject)."""
MAX_SUSPECTS: Final = 50_000
"""How many suspects of one organization are read. With this many, the answer is not complete."""

_HOUR: Final = timedelta(hours=1)
_SHARE: Final = 8192
"""Rows that are worth a thread: each row takes much work, and ClickHouse would give 160,000 rows to one thread."""
_OWN: Final = "organization = {organization:String}"
_AT: Final = "fromUnixTimestamp64Micro({at:Int64}, 'UTC')"
_AHEAD: Final = "bitShiftLeft(toUInt256({at:Int64} + 1), 192)"
_KEY: Final = "(at, toString(event_id))"

# For each account, the last attempt that sets its state, as one number, and its accepted updates: see migrations 19, 24
# and 26. A copy that is not in force counts only if its time differs from that of the copy in force. A number from
# `_AHEAD` on is stamped ahead of now and hides the last one before it.
_NOW: Final = f"SELECT application_id, subject_id, last, first_update, last_update FROM account_marks WHERE {_OWN}"
_THEN: Final = f"""
SELECT application_id, subject_id,
    bitShiftLeft(toUInt256(greatest(toUnixTimestamp64Micro(occurred_at), 0)), 192)
        + bitShiftLeft(toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))), 64)
        + toUInt256(version) * 256
        + multiIf(account_state = 'active', 2, account_state = 'inactive', 4, 6) + (outcome = 'success') AS last,
    bitNot(toUInt256(0)) AS first_update,
    CAST((toUInt256(0), '', ''), 'Tuple(place UInt256, application_name String, subject_name String)') AS last_update
FROM account_turns
WHERE {_OWN} AND kind = 'user' AND account_state != '' AND application_id != '' AND time_quality = 'ok'
    AND occurred_at <= {_AT}
UNION ALL
SELECT application_id, subject_id, toUInt256(0) AS last, first_update, last_update FROM account_marks WHERE {_OWN}
"""

_ACTS: Final = f"""
    SELECT event_id, tupleElement(copy, 1) AS subject_id, tupleElement(copy, 2) AS act, tupleElement(copy, 3) AS at,
        tupleElement(copy, 4) AS application_id, tupleElement(copy, 5) AS version
    FROM (
        SELECT event_id, argMax(tuple(subject_id, act, occurred_at, application_id, version), {IN_FORCE}) AS copy
        FROM directory_acts
        WHERE {_OWN} AND time_quality = 'ok' AND occurred_at <= {_AT}
        GROUP BY event_id
    )
"""
_DOUBTED: Final = "countIf(version <= {doubted:Int64}) > 0"
# A deleted person has left, even if the same id is created again: the old accounts stay intended deleted. A copy that
# may be overruled hides no other act.
_LEFT: Final = (
    f"SELECT subject_id FROM ({_ACTS}) GROUP BY subject_id, application_id"
    f" HAVING argMax(act, {_KEY}) IN ('suspended', 'deleted', 'unbound') OR countIf(act = 'deleted') > 0 OR {_DOUBTED}"
)
_IN_GROUPS: Final = f"{_OWN} AND application_id = '' AND group_id IN {{groups:Array(String)}}"
_REMOVED: Final = f"""
SELECT subject_id FROM associations
WHERE {_IN_GROUPS} AND time_quality = 'ok' AND outcome != 'failure' AND occurred_at <= {_AT}
    AND subject_id GLOBAL IN (SELECT subject_id FROM associations WHERE {_IN_GROUPS} AND action = 'remove')
GROUP BY group_id, subject_id
HAVING argMax(action, (occurred_at, toString(event_id), version)) = 'remove' OR {_DOUBTED}
"""

# Everybody who was ever in a group that was unbound while the application had other groups,
_PARTED: Final = (
    "SELECT arrayJoin(arrayFilter((a, g) -> g = group_id, {parted:Array(String)}, {parted_from:Array(String)})) AS app,"
    f" subject_id FROM associations WHERE {_OWN} AND application_id = ''"
    " AND group_id IN {parted_from:Array(String)}"
)
# and everybody whose account was wanted within hours of the group's binding: it may have been for that group, and the
# log may not say who was in it before the log began.
_SINCE: Final = f"toIntervalHour(arrayJoin(range({ROLLOUT // _HOUR + 1})))"
_PUSHED: Final = (
    f"SELECT application_id, subject_id FROM attempts WHERE {_OWN}"
    f" AND toStartOfHour(occurred_at) IN (SELECT arrayJoin({{pushed_at:Array(DateTime('UTC'))}}) + {_SINCE})"
    " AND application_id IN {parted:Array(String)} AND kind = 'user' AND account_state = 'active'"
    f" AND (application_id, toStartOfHour(occurred_at)) IN (SELECT bound.1, bound.2 + {_SINCE} FROM"
    " (SELECT arrayJoin(arrayZip({pushed:Array(String)}, {pushed_at:Array(DateTime('UTC'))})) AS bound))"
)
PARTED_ONES: Final = f"{_PARTED} UNION ALL {_PUSHED}"
"""Selects (application, subject) of everybody whose access may have ended with `Ended.parted`."""
# A person who left a group that is bound to anything is suspect in every application: that finds never too few, with
# one condition.
_LEAVING: Final = f"subject_id GLOBAL IN ({_LEFT} UNION ALL {_REMOVED})"
_ENDED: Final = "application_id IN {deleted:Array(String)} OR has({unbound:Array(String)}, application_id)"


def _version(last: str) -> str:
    """Return the SQL of the version in such a number."""
    return f"toInt64(bitAnd(bitShiftRight({last}, 8), toUInt256(0xFFFFFFFFFFFFFF)))"


def suspects_sql(*, past: bool, parted: bool) -> str:
    """Return the SQL of accounts that may be exposed: (application, subject) and their accepted updates.

    With `past` at a time in the past, else now. With `parted` also for groups unbound while others were not: that is
    rare, and takes a third of the time. Three kinds are included to be safe: deleted accounts that were ever updated,
    since an update after the deletion opens them again; accounts whose last copy, or a copy of an act on whose person,
    may be overruled (versions up to `doubted`); and what is stamped ahead of now. Only rows of people with a suspect
    row are grouped.
    """
    marks = _THEN if past else _NOW
    closing = (
        f"SELECT subject_id FROM ({marks}) WHERE toUInt8(last) IN (4, 6, 7) OR last >= {_AHEAD}"
        f" OR ({{doubted:Int64}} > 0 AND {_version('last')} BETWEEN 1 AND {{doubted:Int64}})"
    )
    gone = f"{_LEAVING} OR (application_id, subject_id) GLOBAL IN ({PARTED_ONES})" if parted else _LEAVING
    return f"""
SELECT application_id, subject_id, first, tupleElement(final, 1), tupleElement(final, 2), tupleElement(final, 3) FROM (
    SELECT application_id, subject_id, toUInt8(max(last)) AS code, toInt64(bitShiftRight(max(last), 192)) AS attempted,
        min(first_update) AS first, max(last_update) AS final, max(leaves) AS gone, {_version("max(last)")} AS version
    FROM (SELECT application_id, subject_id, last, first_update, last_update, {gone} AS leaves FROM ({marks}))
    WHERE leaves OR subject_id GLOBAL IN ({closing}) OR {_ENDED}
    GROUP BY application_id, subject_id
)
WHERE code IN (4, 6) OR (code = 7 AND first < {NO_UPDATE}) OR version BETWEEN 1 AND {{doubted:Int64}}
    OR attempted > {{at:Int64}} OR (code < 4 AND (
        gone
        OR application_id IN {{deleted:Array(String)}}
        OR (has({{unbound:Array(String)}}, application_id) AND attempted
            <= arrayElement({{unbound_at:Array(Int64)}}, indexOf({{unbound:Array(String)}}, application_id)))))
ORDER BY application_id, subject_id
LIMIT {MAX_SUSPECTS}
SETTINGS merge_tree_min_rows_for_concurrent_read = {_SHARE}, merge_tree_min_bytes_for_concurrent_read = 1
"""


Suspects = dict[Key, Updates | None]
"""Suspect accounts with their accepted updates, or None. The updates are as of now, whatever time is asked about."""


def read_suspects(
    store: Store, organization: str, bindings: Bindings, at: datetime, *, past: bool = False, doubted: int = 0
) -> Suspects:
    """Return at most `MAX_SUSPECTS` accounts that may be exposed now, or with `past` at a time in the past.

    `doubted`: a copy that is not read may overrule copies up to this version.
    """
    ended = ended_of(bindings)
    unbound = sorted(ended.unbound)
    values: dict[str, Any] = {
        "organization": organization,
        "at": to_microseconds(at),
        "deleted": sorted(ended.deleted),
        "unbound": unbound,
        "unbound_at": [to_microseconds(ended.unbound[each]) for each in unbound],
        **ended.of_parted(),
        "groups": sorted(ended.groups),
        "doubted": doubted,
    }
    found = store.query(suspects_sql(past=past, parted=bool(ended.parted)), values, BULK_LIMITS)
    return {(application, subject): updates_of(*told) for application, subject, *told in found}


@dataclass(slots=True)
class Ended:
    """What may have ended somebody's access, according to an organization's bindings."""

    deleted: set[str] = field(default_factory=set)
    """Applications whose integration is deleted."""
    unbound: dict[str, datetime] = field(default_factory=dict)
    """Maps an application that lost its last bound group, which may have been anybody's, to the end of the time without
    groups. A push during that time does not make an account wanted."""
    parted: set[tuple[str, str]] = field(default_factory=set)
    """(application, group) pairs that were unbound while other groups stayed bound."""
    pushed: set[tuple[str, datetime]] = field(default_factory=set)
    """(application, hour) of the bindings of those groups: their people were first pushed from then on."""
    groups: set[str] = field(default_factory=set)
    """Groups that were ever bound."""

    def of_parted(self) -> dict[str, Any]:
        """Return the parameters of `PARTED_ONES`."""
        parted, pushed = sorted(self.parted), sorted(self.pushed)
        return {
            "parted": [application for application, _ in parted],
            "parted_from": [group for _, group in parted],
            "pushed": [application for application, _ in pushed],
            "pushed_at": [f"{hour:%Y-%m-%d %H:%M:%S}" for _, hour in pushed],
        }


def ended_of(bindings: Bindings, since: datetime = EARLIEST, until: datetime = LATEST) -> Ended:
    """Return what may have ended access, from the bindings; of unbindings, those between two times. Pure."""
    ended = Ended(set(bindings.deleted))
    bound: dict[str, dict[str, list[datetime]]] = {}
    for row in bindings.agenda:
        application, group, at = row["application_id"], row["group_id"], row["occurred_at"]
        if row["event_type"] == GROUP_DELETED:
            for each, own in bound.items():
                if row["subject_id"] in own:
                    _part(ended if since <= at < until else Ended(), each, row["subject_id"], own)
        elif application and group:
            ended.groups.add(group)
            own = bound.setdefault(application, {})
            if row["action"] == "add":
                if not own and application in ended.unbound:
                    ended.unbound[application] = at
                own.setdefault(group, []).append(at)
            else:
                _part(ended if since <= at < until else Ended(), application, group, own)
    return ended


def _part(ended: Ended, application: str, group: str, bound: dict[str, list[datetime]]) -> None:
    times = bound.pop(group, [])
    if not bound:
        ended.unbound[application] = LATEST
        return
    ended.parted.add((application, group))
    ended.pushed |= {(application, since.replace(minute=0, second=0, microsecond=0)) for since in times}

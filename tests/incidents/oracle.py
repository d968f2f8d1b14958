"""Incidents worked out step by step, by somebody who has never seen the fold: events in order, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from queries.store import Store
from streams.rows import EVENT_COLUMNS

WHOLE = {"credentials", "network", "configuration"}
CLOSING = {"user_deprovision", "user_delete_provision", "group_delete_provision"}
TYPE = {"permission", "quota"}


@dataclass
class Watched:
    """One incident as it goes along."""

    application: str
    cause: str
    tries: list[tuple[int, bytes, str, str]] = field(default_factory=list)
    hurt: dict[tuple[str, ...], set[tuple[str, str]]] = field(default_factory=dict)
    """In trouble now: scope, and who in it."""
    episodes: int = 0
    since: int = 0
    ended: tuple[int, bytes] = (0, bytes(16))
    change: bytes = bytes(16)


def in_force(rows: Iterable[tuple[object, ...]]) -> list[dict[str, Any]]:
    """Of each event the copy that counts, in order of time."""
    best: dict[Any, dict[str, Any]] = {}
    for values in rows:
        row = dict(zip(EVENT_COLUMNS, values, strict=True))
        held = best.get(row["event_id"])
        if held is None or (row["version"], row["fingerprint"]) > (held["version"], held["fingerprint"]):
            best[row["event_id"]] = row
    return sorted(best.values(), key=lambda row: (row["occurred_at"], row["event_id"]))


def _scope(cause: str, row: dict[str, Any]) -> tuple[str, ...]:
    if row["kind"] == "integration":
        return ("integration",)
    if cause in WHOLE:
        return ("whole",)
    if row["event_type"] in CLOSING or row["account_state"] == "inactive":
        return ("account", row["kind"], row["subject_id"])
    return ("type", row["event_type"]) if cause in TYPE else ("subject", row["kind"], row["subject_id"])


def _ended(row: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """The scopes that a success is the end of."""
    yield ("integration",)
    if row["kind"] == "integration":
        return
    yield from (("whole",), ("type", row["event_type"]), ("subject", row["kind"], row["subject_id"]))
    if row["account_state"] or row["event_type"] in {*CLOSING, "group_create_provision"}:
        yield ("account", row["kind"], row["subject_id"])


def incidents_of(rows: Iterable[tuple[object, ...]]) -> list[tuple[Any, ...]]:
    """What `written` must say: from rows as `decode_events` makes them."""
    found: dict[bytes, Watched] = {}
    changes: dict[str, bytes] = {}
    for row in in_force(rows):
        if row["time_quality"] != "ok" or row["kind"] == "other" or not row["application_id"]:
            continue
        who, at = (row["kind"], row["subject_id"]), (row["occurred_at"], row["event_id"])
        if row["outcome"] == "success":
            removed = row["kind"] == "integration" and row["action"] == "delete"
            for one in found.values():
                if one.application != row["application_id"] or not one.hurt:
                    continue
                if removed:
                    one.hurt.clear()
                else:
                    for scope in _ended(row):
                        one.hurt.pop(scope, None)
                if not one.hurt:
                    one.ended = at
        if row["outcome"] == "failure":
            one = found.setdefault(row["incident_id"], Watched(row["application_id"], row["cause"]))
            if not one.hurt:
                one.episodes += 1
                one.since, one.ended = row["occurred_at"], (0, bytes(16))
                one.change = changes.get(row["application_id"], bytes(16))
            one.hurt.setdefault(_scope(one.cause, row), set()).add(who)
            one.tries.append((*at, *who))
        if row["kind"] == "integration":
            changes[row["application_id"]] = row["event_id"]
    return sorted(
        (
            incident.hex(),
            one.application,
            one.cause,
            len(one.tries),
            len({subject for _, _, kind, subject in one.tries if kind == "user"}),
            len({subject for _, _, kind, subject in one.tries if kind == "group"}),
            len(set().union(*one.hurt.values())) if one.hurt else 0,
            one.tries[0][0],
            one.tries[-1][0],
            one.tries[0][1].hex(),
            one.tries[-1][1].hex(),
            one.episodes,
            one.since,
            *((0, bytes(16).hex()) if one.hurt else (one.ended[0], one.ended[1].hex())),
            one.change.hex(),
        )
        for incident, one in found.items()
    )


_WRITTEN = """
SELECT lower(hex(incident_id)), application_id, cause, attempts, people, groups, affected,
    toUnixTimestamp64Micro(first_at), toUnixTimestamp64Micro(last_at),
    replaceAll(toString(first_event), '-', ''), replaceAll(toString(last_event), '-', ''), episodes,
    toUnixTimestamp64Micro(since), toUnixTimestamp64Micro(ended_at), replaceAll(toString(ended_by), '-', ''),
    replaceAll(toString(change_event), '-', '')
FROM incidents FINAL WHERE organization = {organization:String} AND attempts > 0
"""


def written(store: Store, organization: str) -> Sequence[tuple[Any, ...]]:
    """The rows of an organization's incidents."""
    return sorted(store.query(_WRITTEN, {"organization": organization}))

"""Finds groups that a provider has twice: SCIM never merges groups of one name. Pure; only accepted events count as
proof."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from queries.bindings import ACTIVATED
from queries.finding import CERTAIN, LIKELY, App, Finding, Kind
from queries.folding import Row, in_force
from queries.trial import only_tests
from schemas.action import PUSHES, Action
from schemas.outcome import Outcome
from schemas.times import TimeQuality

CREATED = 201
"""The provider made a group. Any other answer to a creation may mean that it took an existing one."""


class _Held(NamedTuple):
    """A group that the provider has."""

    subject_id: str
    name: str
    created: UUID
    at: datetime
    status: int


def twice_groups(app: App, rows: Iterable[Row]) -> list[Finding]:
    """Return pairs of groups that the provider has at the end of `rows`.

    `rows`: the application's attempts on groups, its activations and deletions. A pair is a creation that the provider
    answered as one (201; without a status it is only likely) of a name that it has under another id; or of the same id,
    after the integration was deleted with the group still there. An activation's test group and refused attempts never
    count: only accepted attempts say what the provider has.
    """
    held: list[_Held] = []
    renewed: datetime | None = None
    own = [row for row in in_force(rows) if row["time_quality"] == TimeQuality.OK]
    tests = only_tests(own)
    for row in own:
        if row["kind"] == "integration":
            if row["outcome"] == Outcome.SUCCESS and row["event_type"] == ACTIVATED:
                renewed = row["occurred_at"]
            continue
        if row["kind"] != "group" or ("group", row["subject_id"]) in tests:
            continue
        subject = row["subject_id"]
        if row["action"] == Action.DELETE and row["outcome"] in (Outcome.SUCCESS, Outcome.REPORTED_ABSENT):
            held = _without_last(held, subject)
        if row["outcome"] != Outcome.SUCCESS or not row["subject_name"]:
            continue
        name = row["subject_name"]
        if row["action"] == Action.CREATE and row["http_status"] in (0, CREATED):
            same = [one for one in held if one.subject_id == subject]
            if same and (renewed is None or same[-1].at > renewed):
                continue  # recorded twice, not made twice
            held.append(_Held(subject, name, row["event_id"], row["occurred_at"], row["http_status"]))
        elif row["action"] in PUSHES:
            held = _renamed(held, subject, name)
    return list(_pairs(app, held))


def _without_last(held: list[_Held], subject: str) -> list[_Held]:
    """Return the groups without the one made last, which is the one that the directory deletes."""
    for index in range(len(held) - 1, -1, -1):
        if held[index].subject_id == subject:
            return held[:index] + held[index + 1 :]
    return held


def _renamed(held: list[_Held], subject: str, name: str) -> list[_Held]:
    for index in range(len(held) - 1, -1, -1):
        if held[index].subject_id == subject:
            return [*held[:index], held[index]._replace(name=name), *held[index + 1 :]]
    return held


def _pairs(app: App, held: list[_Held]) -> Iterable[Finding]:
    first: dict[str, _Held] = {}
    for one in held:
        before = first.setdefault(one.name.casefold(), one)
        if before is one:
            continue
        sure = CERTAIN if before.status == one.status == CREATED else LIKELY
        how = (
            "again after the integration was set up anew" if before.subject_id == one.subject_id else "under another id"
        )
        yield Finding(
            Kind.TWICE_GROUPS, app, one.at, one.at, sure, f"group {one.name!r} was created {how}: the provider has two",
            tuple(dict.fromkeys((before.subject_id, one.subject_id))), (one.created, before.created), 1,
        )  # fmt: skip

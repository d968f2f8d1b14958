"""Finds groups that a provider has twice: SCIM never merges groups of one name. Pure; only accepted events count as
proof."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from queries.accounts.bindings import ACTIVATED
from queries.accounts.folding import Row, in_force
from queries.accounts.trial import only_tests
from queries.findings.finding import CERTAIN, LIKELY, App, Finding, Kind
from schemas.action import PUSHES, Action
from schemas.outcome import Outcome
from schemas.times import TimeQuality

CREATED = 201
"""The provider made a group. Any other answer to a creation may mean that it took an existing one."""


class _Held(NamedTuple):
    """A group that the provider has."""

    subject_id: str
    name: str
    named_by: UUID
    """The creation, or the update that gave it another name."""
    named_at: datetime
    created_at: datetime
    status: int


def twice_groups(app: App, rows: Iterable[Row]) -> list[Finding]:
    """Return pairs of groups that the provider has at the end of `rows`.

    `rows`: the application's attempts on groups, its activations and deletions. A pair is a creation that the provider
    answered as one (201; without a status it is only likely), or a renaming, to a name that it has under another id; or
    a creation of the same id, after the integration was deleted with the group still there. An activation's test group
    and refused attempts never count: only accepted attempts say what the provider has.
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
            if same and (renewed is None or same[-1].created_at > renewed):
                continue  # recorded twice, not made twice
            at = row["occurred_at"]
            held.append(_Held(subject, name, row["event_id"], at, at, row["http_status"]))
        elif row["action"] in PUSHES:
            held = _renamed(held, row)
    return list(_pairs(app, held))


def _without_last(held: list[_Held], subject: str) -> list[_Held]:
    """Return the groups without the one made last, which is the one that the directory deletes."""
    for index in range(len(held) - 1, -1, -1):
        if held[index].subject_id == subject:
            return held[:index] + held[index + 1 :]
    return held


def _renamed(held: list[_Held], row: Row) -> list[_Held]:
    """Return the groups with the name that an update gave to the one made last."""
    for index in range(len(held) - 1, -1, -1):
        one = held[index]
        if one.subject_id == row["subject_id"]:
            if one.name.casefold() != row["subject_name"].casefold():
                one = one._replace(named_by=row["event_id"], named_at=row["occurred_at"])
            return [*held[:index], one._replace(name=row["subject_name"]), *held[index + 1 :]]
    return held


def _pairs(app: App, held: list[_Held]) -> Iterable[Finding]:
    first: dict[str, _Held] = {}
    for one in sorted(held, key=lambda one: (one.named_at, one.named_by.int)):
        before = first.setdefault(one.name.casefold(), one)
        if before is one:
            continue
        sure = CERTAIN if before.status == one.status == CREATED else LIKELY
        yield Finding(
            Kind.TWICE_GROUPS, app, one.named_at, one.named_at, sure, f"{_how(before, one)}: the provider has two",
            tuple(dict.fromkeys((before.subject_id, one.subject_id))), (one.named_by, before.named_by), 1,
        )  # fmt: skip


def _how(before: _Held, one: _Held) -> str:
    if one.named_at > one.created_at:
        return f"a group was renamed to {one.name!r}, the name of another"
    again = before.subject_id == one.subject_id
    how = "again after the integration was set up anew" if again else "under another id"
    return f"group {one.name!r} was created {how}"

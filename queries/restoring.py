"""The way back from a mass change: what to do, in which order, for those who were in one minute before. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from queries.account import ACTIVE, CLOSED
from queries.because import PROMPT, act_on_person
from queries.bindings import ACTIVATED, DEACTIVATED, Memberships, is_membership
from queries.finding import Finding, Kind
from queries.folding import Row, in_force
from queries.lifecycle import fold
from schemas.association import ASSOCIATION_CHANGE
from schemas.outcome import Outcome

BEFORE: Final = timedelta(minutes=1)

ORDER: Final = (
    "activate_integration", "activate_person", "recreate_person", "bind_group", "add_member", "reactivate_account",
    "recreate_account", "recreate_group",
)  # fmt: skip
"""First what everything else needs; people before the groups that they are members of."""


class Undo(NamedTuple):
    """One step."""

    do: str
    """One of `ORDER`."""
    subject_id: str
    name: str
    group_id: str
    """Of `add_member` and `bind_group`."""
    group: str
    because: UUID
    """The event that it undoes."""


class Stood(NamedTuple):
    """Somebody who was in one minute before, and how it is now."""

    subject_id: str
    name: str
    was: str
    now: str


def stood_of(finding: Finding, subjects: Collection[str], theirs: Iterable[Row]) -> list[Stood]:
    """Where the accounts of some of the finding's subjects stood one minute before it, and stand now, by all that is
    told of them.

    Of people removed from groups: `member` where they were and `removed` where they still are not.
    """
    by_subject: dict[str, list[Row]] = defaultdict(list)
    for row in in_force(theirs):
        by_subject[row["subject_id"]].append(row)
    found = []
    for subject in finding.subjects:
        if subject not in subjects:
            continue
        rows = by_subject.get(subject, [])
        names = [row["subject_name"] for row in rows if row["subject_name"]]
        was, now = _standing(finding, rows)
        found.append(Stood(subject, names[-1] if names else "", was, now))
    return found


def _standing(finding: Finding, rows: Sequence[Row]) -> tuple[str, str]:
    if finding.kind is Kind.MASS_REMOVALS:
        still = any(left for _, left in _removals(finding, rows))
        return "member", "removed" if still else "member"
    before = [row for row in rows if row["occurred_at"] <= finding.since - BEFORE]
    was, now = (
        next(
            (one.confirmed for one in fold(some).accounts if one.application_id == finding.app.application_id),
            "unknown",
        )
        for some in (before, rows)
    )
    return was, now


def undo(finding: Finding, stood: Sequence[Stood], theirs: Iterable[Row], acts: Iterable[Row]) -> list[Undo]:
    """The steps, as `ordered` puts them: undo what set it off, then each account that was active and is closed now.

    Whoever is back already has none, nor whoever was not in one minute before.
    """
    theirs = in_force(theirs)
    lost = {one.subject_id: one for one in stood if one.was in (ACTIVE, "member") and one.now != one.was}
    steps = _undo_acts(finding, acts) if lost else []
    steps += _undo_people(finding, lost, theirs)
    events = _events(finding, theirs)
    if finding.kind is not Kind.MASS_REMOVALS:
        for subject, one in lost.items():
            if one.now in CLOSED and subject in events:
                steps.append(Undo(_step(finding, one), subject, one.name, "", "", events[subject]))
    return ordered(steps)


def ordered(steps: Iterable[Undo]) -> list[Undo]:
    """Each once, by `ORDER`, then by name."""
    return sorted(set(steps), key=lambda one: (ORDER.index(one.do), one.name, one.subject_id, one.group, one.group_id))


def _step(finding: Finding, one: Stood) -> str:
    if finding.kind is Kind.MASS_GROUP_DELETIONS:
        return "recreate_group"
    return "reactivate_account" if one.now == "inactive" else "recreate_account"


def _events(finding: Finding, theirs: Sequence[Row]) -> dict[str, UUID]:
    """The event of the finding that closed each."""
    own = set(finding.events)
    return {row["subject_id"]: row["event_id"] for row in theirs if row["event_id"] in own}


def _undo_acts(finding: Finding, acts: Iterable[Row]) -> list[Undo]:
    """Groups that were unbound and are not bound again, and the integration, if it is deleted."""
    app = finding.app
    bound: dict[str, Row] = {}
    integration: Row | None = None
    for row in in_force(acts):
        if row["outcome"] == Outcome.FAILURE:
            continue
        if row["event_type"] == ASSOCIATION_CHANGE and row["application_id"] == app.application_id:
            bound[row["group_id"]] = row
        if row["event_type"] in (ACTIVATED, DEACTIVATED) and row["outcome"] == Outcome.SUCCESS:
            integration = row
    steps = [
        Undo("bind_group", app.application_id, app.application, group, row["group_name"], row["event_id"])
        for group, row in bound.items()
        if row["action"] == "remove" and finding.since - PROMPT <= row["occurred_at"] <= finding.until
    ]
    if integration is not None and integration["event_type"] == DEACTIVATED:
        steps.append(Undo("activate_integration", app.application_id, app.application, "", "", integration["event_id"]))
    return steps


def _undo_people(finding: Finding, lost: dict[str, Stood], theirs: Sequence[Row]) -> list[Undo]:
    """Who was suspended, deleted or removed from a group by it, and still is."""
    steps = []
    by_subject: dict[str, list[Row]] = defaultdict(list)
    for row in theirs:
        if row["subject_id"] in lost:
            by_subject[row["subject_id"]].append(row)
    for subject, rows in by_subject.items():
        name, acted = lost[subject].name, ""
        last: Row | None = None
        for row in rows:
            found = act_on_person(row)
            if found:
                acted, last = found, row
        if last is not None and acted in ("suspended", "deleted") and _within(finding, last["occurred_at"]):
            do = "activate_person" if acted == "suspended" else "recreate_person"
            steps.append(Undo(do, subject, name, "", "", last["event_id"]))
        steps += [
            Undo("add_member", subject, name, row["group_id"], row["group_name"], row["event_id"])
            for row, left in _removals(finding, rows)
            if left
        ]
    return steps


def _removals(finding: Finding, rows: Sequence[Row]) -> list[tuple[Row, bool]]:
    """The person's removals from groups that belong to it, each with whether they are still out."""
    memberships, last = Memberships(rows), (datetime.max.replace(tzinfo=finding.since.tzinfo), 0)
    own = set(finding.events)
    return [
        (row, not memberships.holds(row["group_id"], last))
        for row in rows
        if is_membership(row) and row["action"] == "remove"
        and (row["event_id"] in own if finding.kind is Kind.MASS_REMOVALS else _within(finding, row["occurred_at"]))
    ]  # fmt: skip


def _within(finding: Finding, at: datetime) -> bool:
    return finding.since - PROMPT <= at <= finding.until

"""Plans how to undo a mass change: which steps, in which order, for those affected. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from queries.accounts.account import ACTIVE, CLOSED
from queries.accounts.because import MAKES, PROMPT, act_on_person
from queries.accounts.bindings import DEACTIVATED, GROUP_DELETED, Memberships, is_membership
from queries.accounts.bound import bindings_of, binds, bound_at
from queries.accounts.folding import Row, in_force
from queries.findings.finding import Finding, Kind
from queries.lifecycle import fold
from schemas.outcome import Outcome
from schemas.times import LATEST

BEFORE: Final = timedelta(minutes=1)

ORDER: Final = (
    "activate_integration", "activate_person", "recreate_person", "bind_group", "add_member", "reactivate_account",
    "recreate_account", "recreate_group",
)  # fmt: skip
"""The order of steps: first what others depend on; people before the groups that they are members of."""


NOBODY: Final[Mapping[str, str]] = {}


class Undo(NamedTuple):
    """One step."""

    do: str
    """One of `ORDER`."""
    subject_id: str
    name: str
    group_id: str
    """For `add_member` and `bind_group`."""
    group: str
    because: UUID
    """The event that the step undoes."""


class Stood(NamedTuple):
    """The account of a subject one minute before the change, and now."""

    subject_id: str
    name: str
    was: str
    now: str
    back_as: str = ""
    """The other id under which the person is back in the directory, if any; `now` is its account."""


def out_of(theirs: Iterable[Row]) -> dict[str, Row]:
    """Return for each person who is suspended or deleted now the event that did it."""
    found: dict[str, Row] = {}
    for row in in_force(theirs):
        act = act_on_person(row)
        if act == "activated" or (row["event_type"] in MAKES and row["outcome"] != Outcome.FAILURE):
            found.pop(row["subject_id"], None)
        elif act:
            found[row["subject_id"]] = row
    return found


def came_back(theirs: Iterable[Row], others: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Return for people who are out of the directory the other id of theirs that came into it since; of several, the
    latest.

    `others`: the other ids of each of them. `theirs`: all events of all these ids.
    """
    theirs = in_force(theirs)
    out, first = out_of(theirs), {row["subject_id"]: row["occurred_at"] for row in reversed(theirs)}
    found = {}
    for subject, ids in others.items():
        since = [one for one in ids if one in first and one not in out and first[one] > out[subject]["occurred_at"]]
        if since:
            found[subject] = max(since, key=lambda one: (first[one], one))
    return found


def stood_of(
    finding: Finding, subjects: Collection[str], theirs: Iterable[Row], back: Mapping[str, str] = NOBODY
) -> list[Stood]:
    """Return the accounts of some of the finding's subjects one minute before it and now, from all their events.

    For people removed from groups the states are `member` and, while they are still out, `removed`. `back`: who is back
    under which other id, with its events among `theirs`.
    """
    by_subject = _by_subject(in_force(theirs))
    found = []
    for subject in finding.subjects:
        if subject not in subjects:
            continue
        rows = by_subject.get(subject, [])
        names = [row["subject_name"] for row in rows if row["subject_name"]]
        back_as = back.get(subject, "")
        was, now = _standing(finding, rows, by_subject[back_as] if back_as else rows)
        found.append(Stood(subject, names[-1] if names else "", was, now, back_as))
    return found


def _by_subject(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["subject_id"]].append(row)
    return found


def _standing(finding: Finding, rows: Sequence[Row], latest: Sequence[Row]) -> tuple[str, str]:
    """`latest`: the events of the id that the person has now."""
    if finding.kind is Kind.MASS_REMOVALS:
        still = any(left for _, left in _removals(rows, latest, _belongs(finding)))
        return "member", "removed" if still else "member"
    before = [row for row in rows if row["occurred_at"] <= finding.since - BEFORE]
    was, now = (
        next(
            (one.confirmed for one in fold(some).accounts if one.application_id == finding.app.application_id),
            "unknown",
        )
        for some in (before, latest)
    )
    return was, now


def undo(finding: Finding, stood: Sequence[Stood], theirs: Iterable[Row], acts: Iterable[Row]) -> list[Undo]:
    """Return the steps in the order of `ordered`: undo what set the change off, then each account that was active and
    is closed now.

    Subjects that are back already, be it under another id, or were not in one minute before, get no step. What happened
    to single people in the same hour is kept, unless such acts set the change off. A person suspended or deleted by
    another act gets no step at all. `acts` has the bindings of groups, and the deletion of the integration if it is
    deleted now.
    """
    theirs, acts = in_force(theirs), in_force(acts)
    back = {one.subject_id for one in stood if one.back_as}
    out = {subject: row for subject, row in out_of(theirs).items() if subject not in back}
    lost = {
        one.subject_id: one
        for one in stood
        if one.was in (ACTIVE, "member") and one.now != one.was
        and (one.subject_id not in out or _by_people(finding, out[one.subject_id], "directory"))
    }  # fmt: skip
    steps = _undo_acts(finding, acts) if lost else []
    for subject, row in out.items():
        if subject in lost:
            do = "activate_person" if act_on_person(row) == "suspended" else "recreate_person"
            steps.append(Undo(do, subject, lost[subject].name, "", "", row["event_id"]))
    steps += _undo_removals(finding, lost, theirs, acts)
    events = _events(finding, theirs)
    if finding.kind is not Kind.MASS_REMOVALS:
        for subject, one in lost.items():
            if (one.now in CLOSED or one.back_as) and subject in events:
                own = one.back_as or subject
                steps.append(Undo(_step(finding, one), own, one.name, "", "", events[subject]))
    return ordered(steps)


def ordered(steps: Iterable[Undo]) -> list[Undo]:
    """Return each step once, in the order of `ORDER`, then of names."""
    return sorted(set(steps), key=lambda one: (ORDER.index(one.do), one.name, one.subject_id, one.group, one.group_id))


def _step(finding: Finding, one: Stood) -> str:
    if finding.kind is Kind.MASS_GROUP_DELETIONS:
        return "recreate_group"
    return "reactivate_account" if one.now == "inactive" else "recreate_account"


def _events(finding: Finding, theirs: Sequence[Row]) -> dict[str, UUID]:
    """Return for each subject the event of the finding that closed it."""
    own = set(finding.events)
    return {row["subject_id"]: row["event_id"] for row in theirs if row["event_id"] in own}


def _undo_acts(finding: Finding, acts: Sequence[Row]) -> list[Undo]:
    """Return steps for groups that were unbound and are not bound again, and for the integration, if it is deleted."""
    app = finding.app
    bound: dict[str, Row] = {}
    for row in acts:
        if row["outcome"] != Outcome.FAILURE and binds(row, app.application_id):
            bound[row["group_id"]] = row
    steps = [
        Undo("bind_group", app.application_id, app.application, group, row["group_name"], row["event_id"])
        for group, row in bound.items()
        if row["action"] == "remove" and finding.since - PROMPT <= row["occurred_at"] <= finding.until
    ]
    steps += [
        Undo("activate_integration", app.application_id, app.application, "", "", row["event_id"])
        for row in acts
        if row["event_type"] == DEACTIVATED
    ]
    return steps


def _undo_removals(
    finding: Finding, lost: Mapping[str, Stood], theirs: Sequence[Row], acts: Sequence[Row]
) -> Iterator[Undo]:
    """Yield steps for people whom the change removed from a group and who are still out."""
    by_subject = _by_subject(theirs)
    counts = _belongs(finding) if finding.kind is Kind.MASS_REMOVALS else _withdrew(finding, acts)
    for subject, one in lost.items():
        own = one.back_as or subject
        for row, left in _removals(by_subject[subject], by_subject[own], counts):
            if left:
                group = row["group_id"], row["group_name"]
                yield Undo("add_member", own, one.name, *group, row["event_id"])


def _removals(rows: Sequence[Row], latest: Sequence[Row], counts: Callable[[Row], bool]) -> list[tuple[Row, bool]]:
    """Return the person's removals from groups that count, each with whether they are still out under the id that they
    have now, by its `latest` events."""
    memberships, last = Memberships(latest), (LATEST, 0)
    return [
        (row, not memberships.holds(row["group_id"], last))
        for row in rows
        if is_membership(row) and row["action"] == "remove" and counts(row)
    ]


def _belongs(finding: Finding) -> Callable[[Row], bool]:
    own = set(finding.events)
    return lambda row: row["event_id"] in own


def _withdrew(finding: Finding, acts: Sequence[Row]) -> Callable[[Row], bool]:
    """Return a test of whether a row set the change off, with others of its kind, and took the application away."""
    bound = bindings_of(row for row in acts if binds(row, finding.app.application_id))

    def withdrew(row: Row) -> bool:
        then = bound_at(bound.get(row["group_id"], ()), row["occurred_at"])
        return finding.app.application_id in then and _by_people(finding, row, "directory", "membership")

    return withdrew


def _by_people(finding: Finding, row: Row, *kinds: str) -> bool:
    """Whether acts on people, of these kinds, set the change off, and the row is one of that hour."""
    act = finding.act
    if act is None or act.because.kind not in kinds or act.event_type == GROUP_DELETED:
        return False
    return bool(finding.since - PROMPT <= row["occurred_at"] <= finding.until)

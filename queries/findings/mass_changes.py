"""Finds mass changes: bursts of deactivations, deletions or removals from groups, against each application's own
baseline.

Pure. Rows may come in any order and repeat. docs/findings.md defines a mass change with these names.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from statistics import median_low
from typing import Final, NamedTuple

from queries.accounts.account import Because
from queries.accounts.because import PROMPT, act_on_person, told_by
from queries.accounts.bindings import ACTIVATED, DEACTIVATED, GROUP_DELETED, is_membership
from queries.accounts.bound import Bound, bindings_of, binds, bound_at
from queries.accounts.folding import Row, in_force, place_of
from queries.findings.changed import Changed, changes_of
from queries.findings.finding import CERTAIN, LIKELY, Act, App, Finding, Kind
from schemas.association import ASSOCIATION_CHANGE
from schemas.outcome import Outcome
from schemas.times import TimeQuality

WINDOW: Final = timedelta(hours=1)
GAP: Final = timedelta(minutes=5)
"""A change further apart from the rest is not part of the burst, if the rest reaches the threshold without it."""
MINIMUM: Final = 10
"""Different people (or groups) within the window; fewer are never a mass change."""
MULTIPLE: Final = 3
"""How many times the usual busiest hour of a day."""
# Rules of kind `mass` (streams/alerts/kinds.py) compute their usual differently: docs/findings.md lists how.
DAYS: Final = timedelta(days=28)
"""The time before the day in question that defines what is usual."""
LITTLE: Final = timedelta(days=7)
"""With a shorter history there is no baseline, and a burst must reach a share of the application's people."""
SHARE: Final = 0.05
READ_BEFORE: Final = DAYS + timedelta(days=2)
"""How much must be read before the time that is asked about."""

_DID: Final = {
    Kind.MASS_DEACTIVATIONS: "to be deactivated",
    Kind.MASS_DELETIONS: "to be deleted",
    Kind.MASS_GROUP_DELETIONS: "to be deleted",
    Kind.MASS_REMOVALS: "removed from their groups",
}


class History(NamedTuple):
    """The history that an application is measured by."""

    begun: datetime
    """Its first attempt of any kind."""
    people: int
    """How many people it had in its first `LITTLE`; 0 if it is older than the range asked about."""


def mass_changes(app: App, rows: Iterable[Row], history: History) -> list[Finding]:
    """Return the mass changes of one application, without what set them off."""
    by_kind: dict[Kind, list[Changed]] = defaultdict(list)
    for change in changes_of(rows):
        by_kind[change.kind].append(change)
    return [_told(app, kind, *burst) for kind, changes in by_kind.items() for burst in _bursts(changes, history)]


def _bursts(changes: Sequence[Changed], history: History) -> Iterator[tuple[Sequence[Changed], int | None, int]]:
    """Yield stretches in which the hour up to each change reaches the threshold, with the usual number and the
    threshold."""
    baseline = _Baseline(changes, history)
    held: Counter[str] = Counter()
    start, burst = 0, range(0)
    told: tuple[int | None, int] = (None, 0)
    for end, change in enumerate(changes):
        held[change.subject_id] += 1
        while change.at - changes[start].at > WINDOW:
            held[changes[start].subject_id] -= 1
            if not held[changes[start].subject_id]:
                del held[changes[start].subject_id]
            start += 1
        usual, threshold = baseline.on(change.at.date())
        if len(held) < threshold:
            continue
        if burst and start < burst.stop:
            burst = range(burst.start, end + 1)
            continue
        if burst:
            yield _trimmed(changes[burst.start : burst.stop], told[1]), *told
        burst, told = range(start, end + 1), (usual, threshold)
    if burst:
        yield _trimmed(changes[burst.start : burst.stop], told[1]), *told


def _trimmed(burst: Sequence[Changed], threshold: int) -> Sequence[Changed]:
    """Return the burst without changes that only happened in the same hour.

    If changes less than `GAP` apart reach the threshold by themselves, it is cut to them, from the first to the last;
    else it stays whole.
    """
    pieces: list[list[Changed]] = []
    for change in burst:
        if not pieces or change.at - pieces[-1][-1].at > GAP:
            pieces.append([])
        pieces[-1].append(change)
    dense = [index for index, piece in enumerate(pieces) if len({one.subject_id for one in piece}) >= threshold]
    kept = pieces[dense[0] : dense[-1] + 1] if dense else pieces
    return [change for piece in kept for change in piece]


class _Baseline:
    """What is usual on each day, and the threshold above it."""

    def __init__(self, changes: Iterable[Changed], history: History) -> None:
        hours: dict[datetime, set[str]] = defaultdict(set)
        for change in changes:
            hours[change.at.replace(minute=0, second=0, microsecond=0)].add(change.subject_id)
        self._busiest: Counter[date] = Counter()
        for hour, subjects in hours.items():
            self._busiest[hour.date()] = max(self._busiest[hour.date()], len(subjects))
        self._history = history
        self._known: dict[date, tuple[int | None, int]] = {}

    def on(self, day: date) -> tuple[int | None, int]:
        if day not in self._known:
            self._known[day] = self._of(day)
        return self._known[day]

    def _of(self, day: date) -> tuple[int | None, int]:
        begun = self._history.begun.date()
        days = min((day - begun).days, DAYS.days)
        if days < LITTLE.days:
            return None, max(MINIMUM, round(SHARE * self._history.people))
        usual = median_low(self._busiest[day - timedelta(days=back)] for back in range(1, days + 1))
        return usual, max(MINIMUM, MULTIPLE * usual)


def _told(app: App, kind: Kind, changes: Sequence[Changed], usual: int | None, threshold: int) -> Finding:
    subjects = tuple(dict.fromkeys(change.subject_id for change in changes))
    accepted = len({change.subject_id for change in changes if change.accepted})
    what = "group" if kind is Kind.MASS_GROUP_DELETIONS else "person"
    many = "groups" if what == "group" else "people"
    usually = "its usual is not known yet" if usual is None else f"usually at most {usual:,} in an hour"
    text = f"{len(subjects):,} {what if len(subjects) == 1 else many} {_DID[kind]}, {accepted:,} accepted; {usually}"
    events = tuple(change.event_id for change in changes)
    sure = LIKELY if usual is None else CERTAIN
    return Finding(kind, app, changes[0].at, changes[-1].at, sure, text, subjects, events, accepted, usual, threshold)


def set_off(finding: Finding, acts: Iterable[Row]) -> Act | None:
    """Return the act before the finding that explains it; None if the log has none within `PROMPT`.

    `acts`: all bindings of the application until then, its configuration, deletions of groups, and acts on the people
    in the directory. If at least half of the people were suspended, deleted, removed or unbound themselves, that is the
    act. Else it is the last group unbound, or deleted while bound, or the integration's deletion; else the
    integration's last change.
    """
    subjects = set(finding.subjects)
    told = [row for row in in_force(acts) if row["occurred_at"] <= finding.until and _took_effect(row)]
    bound = bindings_of(row for row in told if binds(row, finding.app.application_id))
    before = [row for row in told if finding.since - PROMPT <= row["occurred_at"]]
    own: dict[str, Row] = {}
    for row in before:
        if row["subject_id"] in subjects and _befell(row, finding.app, bound):
            own.setdefault(row["subject_id"], row)
    if 2 * len(own) >= len(subjects):
        return _of_people(sorted(own.values(), key=place_of))
    before = [row for row in before if row["occurred_at"] <= finding.since]
    withdrawing = (row for row in reversed(before) if _withdraws(row, finding, bound))
    configuring = (row for row in reversed(before) if _configures(row))
    for row in (*withdrawing, *configuring):
        return Act(_because(row), row["event_type"], row["occurred_at"], row["actor_name"])
    return None


def _because(row: Row) -> Because:
    if row["event_type"] in (ACTIVATED, DEACTIVATED) or row["kind"] != "integration":
        return told_by(row)
    by = f" by {row['actor_name']}" if row["actor_name"] else ""
    return Because("integration", row["event_id"], f"{row['event_type']}{by}")


def _took_effect(row: Row) -> bool:
    return bool(row["outcome"] != Outcome.FAILURE and row["time_quality"] == TimeQuality.OK)


def _befell(row: Row, app: App, bound: Mapping[str, Sequence[Bound]]) -> bool:
    """Whether the event may take the application away from its person. For a group without bindings the log cannot
    say."""
    if is_membership(row):
        own = bound.get(row["group_id"])
        then = own is None or app.application_id in bound_at(own, row["occurred_at"])
        return then and bool(row["action"] == "remove")
    if row["event_type"] == ASSOCIATION_CHANGE:
        return bool(row["application_id"] == app.application_id and row["action"] == "remove")
    return act_on_person(row) in ("suspended", "deleted")


def _withdraws(row: Row, finding: Finding, bound: Mapping[str, Sequence[Bound]]) -> bool:
    """Whether the event takes the application away from whole groups."""
    if row["event_type"] == GROUP_DELETED:
        group = row["subject_id"]
        then = bound_at(bound.get(group, ()), row["occurred_at"])
        return group in finding.subjects or finding.app.application_id in then
    return row["event_type"] == DEACTIVATED or (
        binds(row, finding.app.application_id) and bool(row["action"] == "remove")
    )


def _configures(row: Row) -> bool:
    return bool(row["kind"] == "integration" and row["event_type"] != ACTIVATED)


def _of_people(rows: Sequence[Row]) -> Act:
    words = Counter(_done(row) for row in rows)
    (text, count), others = words.most_common(1)[0], len(words) - 1
    first = next(row for row in rows if _done(row) == text)
    actors = {row["actor_name"] for row in rows}
    more = f" and {others} other acts" if others > 1 else " and another act" if others else ""
    return Act(
        told_by(first)._replace(text=f"{count} {'person' if count == 1 else 'people'} {text}{more}"),
        first["event_type"],
        first["occurred_at"],
        actors.pop() if len(actors) == 1 else "",
    )


def _done(row: Row) -> str:
    return told_by(row).text.removeprefix("person ")

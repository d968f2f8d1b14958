"""What the log says of each id: its names and when it had them, how long it was in use, and the history of its
accounts.

Pure: a function of the set of events, ordered by (occurred, event id).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple
from uuid import UUID

from queries.accounts.account import CLOSED
from queries.people.mark import Mark
from schemas.cause import Cause
from schemas.events import Kind
from schemas.identifiers import PEOPLE, IdentifierKind
from schemas.identity import LINKED, SEPARATED, IdentityDecision
from schemas.outcome import Outcome
from schemas.times import LATEST, SENTINEL

MAX_HOLDERS: Final = 4
"""A number or address that more ids than this have belongs to no person: it is a placeholder or a shared mailbox."""

CALLED: Final = (IdentifierKind.EMAIL, IdentifierKind.NAME)
"""The kinds of identifier that people are called and searched by."""


class Sighting(NamedTuple):
    """An event that shows an identifier of an id."""

    subject_id: str
    kind: str
    value: str
    at: datetime
    event_id: UUID
    place: int = 0
    """Orders sightings of the same event: the one in force after the event comes last."""


class Alias(NamedTuple):
    """An id under one identifier, from the first event that shows it to the last, with no other of its kind in
    between."""

    subject_id: str
    kind: str
    value: str
    since: datetime
    first_event: UUID
    last_seen: datetime
    last_event: UUID
    until: datetime | None
    """When another identifier of its kind replaced it."""
    until_event: UUID | None

    def held(self, at: datetime) -> bool:
        """Whether the id had the identifier at that time."""
        return self.since <= at and (self.until is None or at < self.until)


class Life(NamedTuple):
    """The time in which the log mentions an id."""

    subject_id: str
    subject_type: str
    """The type that the events give. If they differ, one that is not a person's."""
    first_seen: datetime
    last_seen: datetime
    events: int
    ended_at: datetime | None
    """When it was first suspended or deleted, or the last of its accounts was to be closed, unless it was in use
    since."""
    ended_by: UUID | None

    @property
    def person(self) -> bool:
        """Whether it can be a person's id. Groups, applications and administrators are never linked."""
        return self.subject_type in PEOPLE


class AccountHistory(NamedTuple):
    """The history of an id's account in one application, as far as it can show a takeover."""

    subject_id: str
    application_id: str
    application: str
    accepted_at: datetime | None
    """When the application first accepted the account."""
    accepted_event: UUID | None
    accepted_last: datetime | None
    deleted_at: datetime | None
    """When the account was last confirmed deleted."""
    refused_at: datetime | None
    """When its creation was first refused because such an account exists already."""
    refused_event: UUID | None


@dataclass(frozen=True, slots=True)
class Known:
    """What the log says of some ids. They include all ids that share an identifier or a decision with one of them."""

    lives: Mapping[str, Life]
    aliases: Sequence[Alias]
    standings: Sequence[AccountHistory] = ()
    decisions: Sequence[IdentityDecision] = ()
    crowded: frozenset[tuple[str, str]] = frozenset()
    """Identifiers, as (kind, value), that too many ids have."""


def sightings(marks: Iterable[Mark]) -> Iterator[Sighting]:
    """Yield the names and addresses in the marks."""
    for mark in marks:
        for kind, value in _called(mark):
            yield Sighting(mark.subject_id, kind, value, mark.first_at, mark.first_event)
            yield Sighting(mark.subject_id, kind, value, mark.last_at, mark.last_event)


def _called(mark: Mark) -> Iterator[tuple[str, str]]:
    if mark.event_type == "association_change":
        return  # names whom it connects, by a name that need not be the user name
    if mark.name:
        yield IdentifierKind.NAME.value, mark.name
    if mark.email:
        yield IdentifierKind.EMAIL.value, mark.email


def lives(marks: Iterable[Mark]) -> dict[str, Life]:
    """Return the life of each id. Events without a believable time count for its existence, not its times."""
    by_id: dict[str, list[Mark]] = {}
    for mark in marks:
        by_id.setdefault(mark.subject_id, []).append(mark)
    return {subject: _life(subject, own) for subject, own in by_id.items()}


def _life(subject_id: str, marks: Sequence[Mark]) -> Life:
    own = [mark for mark in marks if mark.event_type not in (LINKED, SEPARATED)] or marks
    placed = [mark for mark in own if mark.last_at > SENTINEL] or own
    ended_at, ended_by = _end(placed) or (None, None)
    return Life(
        subject_id,
        min((mark.subject_type for mark in marks if mark.subject_type not in PEOPLE), default="user"),
        min(mark.first_at for mark in placed),
        max(mark.last_at for mark in placed),
        sum(mark.events for mark in own),
        ended_at,
        ended_by,
    )


def _end(marks: Sequence[Mark]) -> tuple[datetime, UUID] | None:
    """Return when the id ended: by the directory, unless reactivated, or when its last account was to be closed, after
    its last use.

    A push for somebody who has left was already on its way.
    """
    back = max((mark.last_at for mark in marks if mark.act == "activated"), default=SENTINEL)
    ends = [_after(mark, back) for mark in marks if mark.ending and mark.last_at > back]
    if ends:
        return min(ends, key=_in_order)
    by_application: dict[str, list[Mark]] = {}
    for mark in marks:
        if mark.kind == Kind.USER:
            by_application.setdefault(mark.application_id, []).append(mark)
    closed = []
    for own in by_application.values():
        opened = _last_use(own)
        closings = [_after(mark, opened) for mark in own if mark.closing and mark.last_at > opened]
        if not closings:
            return None
        closed.append(min(closings, key=_in_order))
    last = max(closed, key=_in_order, default=None)
    return last if last is not None and last[0] > _last_use(marks) else None


def _last_use(marks: Sequence[Mark]) -> datetime:
    return max((mark.last_at for mark in marks if mark.living), default=SENTINEL)


def _after(mark: Mark, use: datetime) -> tuple[datetime, UUID]:
    """Return the first event of the mark after `use`. If the mark's first event is not after it, the last one is
    taken."""
    return (mark.first_at, mark.first_event) if mark.first_at > use else (mark.last_at, mark.last_event)


def _in_order(place: tuple[datetime, UUID]) -> tuple[datetime, int]:
    return place[0], place[1].int


def standings(marks: Iterable[Mark]) -> list[AccountHistory]:
    """Return the account histories of each id."""
    found: dict[tuple[str, str], AccountHistory] = {}
    for mark in sorted(marks, key=lambda mark: (mark.first_at, mark.first_event.int)):
        if mark.kind != Kind.USER or not mark.application_id or mark.last_at <= SENTINEL:
            continue
        key = mark.subject_id, mark.application_id
        one = found.get(key) or AccountHistory(*key, mark.application, None, None, None, None, None, None)
        if mark.outcome == Outcome.SUCCESS and mark.account_state not in CLOSED:
            if one.accepted_at is None:
                one = one._replace(accepted_at=mark.first_at, accepted_event=mark.first_event)
            one = one._replace(accepted_last=max(mark.last_at, one.accepted_last or mark.last_at))
        elif mark.outcome == Outcome.SUCCESS and mark.account_state == "deleted":
            one = one._replace(deleted_at=max(mark.last_at, one.deleted_at or mark.last_at))
        elif mark.cause == Cause.CONFLICT and mark.action == "create" and one.refused_at is None:
            one = one._replace(refused_at=mark.first_at, refused_event=mark.first_event)
        found[key] = one
    return list(found.values())


def aliases(sightings: Iterable[Sighting]) -> list[Alias]:
    """Return the identifiers in the sightings, by id, kind and time."""
    ordered = sorted(set(sightings), key=lambda one: (one.subject_id, one.kind, one.at, one.event_id.int, one.place))
    told: list[Alias] = []
    for _, of_kind in groupby(ordered, key=lambda one: (one.subject_id, one.kind)):
        runs = [list(run) for _, run in groupby(of_kind, key=lambda one: one.value)]
        for run, after in zip(runs, [*runs[1:], None], strict=True):
            first, last = run[0], run[-1]
            until, until_event = (after[0].at, after[0].event_id) if after else (None, None)
            told.append(
                Alias(first.subject_id, first.kind, first.value, first.at, first.event_id, last.at, last.event_id,
                      until, until_event)
            )  # fmt: skip
    return told


def holders(known: Known, value: str, at: datetime | None = None) -> list[Alias]:
    """Return who had a user name or address at a time, by default now: one alias, or several if none gave it up.

    If nobody had it then, return the last holder before, else the first holder after.
    """
    when = LATEST if at is None else at
    named = [alias for alias in known.aliases if alias.value == value and alias.kind in CALLED]
    held = _latest_of_each(alias for alias in named if alias.held(when))
    if held:
        return [one for one in held if not any(_gave_up(known, one, other) for other in held)] or held
    before = [alias for alias in named if alias.since <= when]
    if before:
        return [max(before, key=lambda alias: (alias.until or LATEST, alias.last_seen, alias.subject_id))]
    return [min(named, key=lambda alias: (alias.since, alias.subject_id))] if named else []


def _latest_of_each(found: Iterable[Alias]) -> list[Alias]:
    by_id: dict[str, Alias] = {}
    for alias in sorted(found, key=lambda alias: (alias.since, alias.first_event.int)):
        by_id[alias.subject_id] = alias
    return sorted(by_id.values(), key=lambda alias: (alias.since, alias.subject_id))


def _gave_up(known: Known, one: Alias, other: Alias) -> bool:
    """Whether `one`'s id had ended when the other id was first seen under the name."""
    ended = _ended(known, one.subject_id)
    return one.subject_id != other.subject_id and ended is not None and ended <= other.since


def _ended(known: Known, subject_id: str) -> datetime | None:
    life = known.lives.get(subject_id)
    return life.ended_at if life else None

"""Who is meant by an id, a user name or a mail address, and everything that the log tells of who that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from queries.aliases import (
    CALLED,
    MAX_HOLDERS,
    Alias,
    Known,
    Life,
    Mark,
    Sighting,
    aliases,
    holders,
    lives,
    sightings,
    standings,
)
from queries.identities import Identity, identify
from queries.selection import IN_FORCE
from queries.store import SMALL_LIMITS, Store, as_bytes
from schemas.errors import BadUsage, NotFound, UserError
from schemas.identifiers import PEOPLE, IdentifierKind
from schemas.identity import SOURCE, IdentityDecision, read_identity_decision
from schemas.times import to_microseconds

MAX_CANDIDATES: Final = 20
MAX_IDS: Final = 32
"""Of those who share something with a person, and with them, and so on: more are not looked at."""
MAX_NAMES: Final = 10
MAX_EVENTS: Final = 5_000
"""Of people with more, only the first and the last event of each kind are read."""


class Person(NamedTuple):
    """One person, by one of the directory's ids, in one organization."""

    organization: str
    subject_id: str
    """The id that was asked for, or that the name stands for."""
    names: list[str]
    """Names and addresses it was seen under, the latest first, in lower case."""
    subject_ids: tuple[str, ...] = ()
    """All ids of the person, the earliest first."""
    note: str = ""
    """Who else had the name that was asked for, and when."""


def each_id(person: Person) -> list[Person]:
    """The person by each of their ids, the earliest first."""
    return [person._replace(subject_id=own) for own in person.subject_ids or (person.subject_id,)]


class Ambiguous(UserError):
    """Several people are meant: ask again with an id."""

    def __init__(self, who: str, candidates: list[Person]) -> None:
        many = f"at least {len(candidates)}" if len(candidates) == MAX_CANDIDATES else str(len(candidates))
        super().__init__(
            f"{who[:100]!r} means {many} people: ask for one of the ids "
            + ", ".join(f"{person.subject_id} ({person.names[0]})" for person in candidates[:5])
        )
        self.candidates = candidates


class Unknown(NotFound):
    """Nobody is meant; some have names like it."""

    def __init__(self, who: str, near: list[str]) -> None:
        super().__init__(f"nobody is known as {who[:100]!r}" + (f"; near: {', '.join(near)}" if near else ""))
        self.near = near


class Found(NamedTuple):
    """A person, with what the log tells of who that is."""

    person: Person
    known: Known
    identity: Identity


_SCOPE: Final = "({organization:String} = '*' OR organization = {organization:String})"
_LIMIT: Final = f"LIMIT {MAX_CANDIDATES}"
_BY_NAME: Final = (
    "SELECT DISTINCT organization, subject_id FROM ("
    f"SELECT organization, subject_id FROM subjects WHERE {_SCOPE} AND name = {{who:String}} UNION ALL"
    f" SELECT organization, subject_id FROM identifiers WHERE {_SCOPE} AND lookup IN {{lookups:Array(String)}}"
    f") ORDER BY subject_id {_LIMIT}"
)
_BY_ID: Final = (
    f"SELECT organization FROM events_by_subject WHERE {_SCOPE} AND subject_id = {{who:String}}"
    f" ORDER BY organization LIMIT 1 BY organization {_LIMIT}"
)
_DISTANCE: Final = (
    "least(editDistanceUTF8(name, lowerUTF8({who:String})),"
    " editDistanceUTF8(splitByChar('@', name)[1], lowerUTF8({who:String})))"
)
_NEAR: Final = (
    f"SELECT name FROM subjects WHERE {_SCOPE} AND subject_type IN ('user', 'systemuser', '')"
    f" GROUP BY name HAVING {_DISTANCE} <= greatest(2, intDiv(lengthUTF8({{who:String}}), 3))"
    f" ORDER BY {_DISTANCE}, name LIMIT 3"
)

_THEIRS: Final = "organization = {organization:String} AND subject_id IN {subjects:Array(String)}"
_KEYS: Final = "organization = {organization:String} AND lookup IN {lookups:Array(String)}"

EVENTS: Final = (
    "SELECT subject_id, subject_type, lowerUTF8(subject_name), lowerUTF8(subject_email), event_type, kind, action,"
    " outcome, cause, account_state, application_id, application_name, changed, occurred_at, event_id, version,"
    f" fingerprint FROM events_by_subject WHERE {_THEIRS} LIMIT {{limit:UInt32}}"
)
"""Copies and repeats too: who has few events is told sooner by all of them than by what ClickHouse makes of them."""

_SAID: Final = (
    "subject_id, toString(subject_type), lowerUTF8(subject_name), lowerUTF8(subject_email), toString(event_type),"
    " toString(kind), toString(action), toString(outcome), toString(cause), toString(account_state),"
    " if(kind = 'user', toString(application_id), ''), if(kind = 'user', toString(application_name), ''),"
    " if(kind = 'other', changed, [])"
)
MARKS: Final = (
    f"SELECT {_SAID}, count(), min(place), max(place) FROM ("
    "SELECT *, (occurred_at, toString(event_id)) AS place FROM events_by_subject"
    f" WHERE {_THEIRS} ORDER BY version DESC, fingerprint DESC LIMIT 1 BY event_id) GROUP BY {_SAID}"
)
"""Events by what they say, the first and last of each: what is read of people with very many."""

IDENTIFIERS: Final = (
    "SELECT subject_id, identifier, occurred_at, event_id, version, fingerprint FROM identifiers"
    f" WHERE {_KEYS} ORDER BY version DESC, fingerprint DESC"
)

_SHARING: Final = f"""
SELECT key, groupUniqArray({MAX_IDS + 1})(subject_id) FROM (
    SELECT name AS key, subject_id FROM subjects
    WHERE organization = {{organization:String}} AND name IN {{names:Array(String)}}
        AND subject_type IN {{people:Array(String)}}
    UNION ALL
    SELECT lookup AS key, subject_id FROM identifiers WHERE {_KEYS}
)
GROUP BY key
"""

_DECISIONS: Final = (
    "SELECT event_id, raw FROM events WHERE organization = {organization:String}"
    " AND occurred_at IN (SELECT arrayJoin(arrayMap(t -> fromUnixTimestamp64Micro(t, 'UTC'), {times:Array(Int64)})))"
    f" AND event_id IN {{events:Array(UUID)}} AND startsWith(source, '{SOURCE}')"
    f" ORDER BY {IN_FORCE} DESC LIMIT 1 BY event_id"
)


def find_person(store: Store, organization: str | None, who: str, at: datetime | None = None) -> Person:
    """Whom `who` means: see `read_person`."""
    return read_person(store, organization, who, at).person


def read_person(store: Store, organization: str | None, who: str, at: datetime | None = None) -> Found:
    """By id first: an id means one subject, even if somebody took it for a name.

    A name means who had it `at` that time, or has it now; a note tells who else had it.
    Raises `Unknown` with near names, `Ambiguous` with the candidates.
    """
    scope: dict[str, Any] = {"organization": "*" if organization is None else organization, "who": who}
    own_ones = [own for (own,) in store.query(_BY_ID, scope)] if organization is None else [organization]
    gathered = [(own, _gather(store, own, [who])) for own in own_ones]
    by_id = [_found(known, identify(known, who), own, who) for own, known in gathered if who in known.lives]
    if len(by_id) == 1:
        return by_id[0]
    if by_id:
        raise Ambiguous(who, [found.person for found in by_id])
    name = who.lower()
    lookups = [f"{kind.value}:{name}" for kind in CALLED]
    named = store.query(_BY_NAME, {**scope, "who": name, "lookups": lookups})
    if not named:
        raise Unknown(who, [near for (near,) in store.query(_NEAR, scope)])
    meant: list[Found] = []
    for own in sorted({own for own, _ in named}):
        known = _gather(store, own, [subject for of, subject in named if of == own])
        held = holders(known, name, at)
        once: dict[tuple[str, ...], tuple[Identity, Alias]] = {}
        for alias in held:
            identity = identify(known, alias.subject_id)
            once[identity.subject_ids] = identity, alias
        meant += [
            _found(known, identity, own, alias.subject_id, _note(known, identity, name, alias, at))
            for identity, alias in once.values()
        ]
    if len(meant) == 1:
        return meant[0]
    if not meant:  # only copies that are not in force bear the name
        raise Unknown(who, [])
    raise Ambiguous(who, [found.person for found in meant])


def organization_of_ids(store: Store, organization: str | None, first: str, second: str) -> str:
    """The one organization that has both ids. Raises `Unknown` for an id that is none, `BadUsage` for no two people."""
    if first == second:
        raise BadUsage("these are one id, not two")
    scope = "*" if organization is None else organization
    having = [{own for (own,) in store.query(_BY_ID, {"organization": scope, "who": who})} for who in (first, second)]
    for who, found in zip((first, second), having, strict=True):
        if not found:
            raise Unknown(who, [])
    both = sorted(having[0] & having[1])
    if len(both) != 1:
        raise BadUsage(f"{first[:100]} and {second[:100]} are not of one organization")
    return str(both[0])


def _found(known: Known, identity: Identity, organization: str, subject: str, note: str = "") -> Found:
    seen: dict[str, datetime] = {}
    for alias in known.aliases:
        if alias.subject_id in identity.subject_ids and alias.kind in CALLED:
            seen[alias.value] = max(alias.last_seen, seen.get(alias.value, alias.last_seen))
    names = sorted(seen, key=lambda name: (-to_microseconds(seen[name]), name))[:MAX_NAMES]
    person = Person(organization, subject, names or [subject], identity.subject_ids, note)
    return Found(person, known, identity)


def _note(known: Known, identity: Identity, name: str, holder: Alias, at: datetime | None) -> str:
    """Who else had the name; and when it was had, if not at the time that was asked about."""
    own = identity.subject_ids
    told = []
    if at is not None and holder.since > at:
        told.append(f"nobody was seen as {name} before {_day(holder.since)}")
    elif holder.until is not None and (at is None or holder.until <= at):
        told.append(f"{name} was given up {_day(holder.until)}")
    others: dict[str, Alias] = {}
    for alias in known.aliases:
        if alias.kind in CALLED and alias.value == name and alias.subject_id not in own:
            others[alias.subject_id] = alias
    told += [
        f"{alias.subject_id} was seen as {name} from {_day(alias.since)} to {_day(alias.last_seen)}"
        for alias in sorted(others.values(), key=lambda alias: alias.since)[:3]
    ]
    return "; ".join(told)


def _day(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")


def _gather(store: Store, organization: str, subjects: Iterable[str]) -> Known:
    """What the log tells of these ids, and of all that share something with one of them, and so on."""
    known: dict[str, Life] = {}
    marks: list[Mark] = []
    told: list[Sighting] = []
    crowded: set[tuple[str, str]] = set()
    asked: set[str] = set()
    waiting = sorted(set(subjects))
    while waiting:
        new = _marks(store, organization, waiting)
        found = lives(new)
        seen = [*sightings(new), *_identifiers(store, organization, waiting)]
        marks += new
        told += seen
        known |= found
        keys = set(_keys(seen, [life.subject_id for life in found.values() if life.person])) - asked
        asked |= keys
        waiting = sorted(_sharing(store, organization, keys, crowded) - known.keys())[: max(0, MAX_IDS - len(known))]
    return Known(known, aliases(told), standings(marks), _decisions(store, organization, told), frozenset(crowded))


def _marks(store: Store, organization: str, subjects: Iterable[str]) -> list[Mark]:
    read = {"organization": organization, "subjects": list(subjects), "limit": MAX_EVENTS + 1}
    rows = store.query(EVENTS, read, SMALL_LIMITS)
    if len(rows) > MAX_EVENTS:
        return [
            Mark._make((*said, first[0], UUID(first[1]), last[0], UUID(last[1])))
            for *said, first, last in store.query(MARKS, read)
        ]
    in_force: dict[UUID, tuple[Any, ...]] = {}
    for row in rows:
        known = in_force.get(row[14])
        if known is None or row[15:] > known[15:]:
            in_force[row[14]] = row
    return [Mark._make((*row[:13], 1, row[13], own, row[13], own)) for own, row in in_force.items()]


def _identifiers(store: Store, organization: str, subjects: Iterable[str]) -> Iterator[Sighting]:
    """What else the events in force tell of who these are."""
    read = {"organization": organization, "lookups": [f"id:{subject}" for subject in subjects]}
    in_force: dict[UUID, tuple[int, bytes]] = {}
    for subject, identifier, at, event_id, version, fingerprint in store.query(IDENTIFIERS, read, SMALL_LIMITS):
        # XXX: a better copy that tells nothing does not take back what a worse one told.
        if in_force.setdefault(event_id, (version, fingerprint)) == (version, fingerprint):
            kind, _, value = identifier.partition(":")
            yield Sighting(subject, kind, value, at, event_id, 1)


def _keys(sightings: Iterable[Sighting], people: Iterable[str]) -> Iterable[str]:
    """Under what others may be found who share something with these people."""
    own = set(people)
    yield from (f"{one.kind}:{one.value}" for one in sightings if one.subject_id in own)
    for subject in own:
        yield f"{IdentifierKind.EXTERNAL.value}:{subject}"
        yield f"{IdentifierKind.DECIDED.value}:{subject}"


def _sharing(store: Store, organization: str, keys: set[str], crowded: set[tuple[str, str]]) -> set[str]:
    """The ids under these keys; of what too many have, none, and it is noted in `crowded`."""
    if not keys:
        return set()
    called = {kind.value for kind in CALLED}
    parts = [key.partition(":") for key in sorted(keys)]
    names = [value for kind, _, value in parts if kind in called]
    read = {"organization": organization, "names": names, "people": sorted(PEOPLE), "lookups": sorted(keys)}
    under = {key: set(ids) for key, ids in store.query(_SHARING, read, SMALL_LIMITS)}
    found: set[str] = set()
    for kind, _, value in parts:
        sharing = under.get(f"{kind}:{value}", set()) | (under.get(value, set()) if kind in called else set())
        if len(sharing) > MAX_HOLDERS and kind != IdentifierKind.DECIDED:
            crowded.add((kind, value))
            continue
        found |= sharing
        if kind in (IdentifierKind.EXTERNAL, IdentifierKind.DECIDED):
            found.add(value)  # it is an id, perhaps of somebody
    return found


def _decisions(store: Store, organization: str, told: Iterable[Sighting]) -> list[IdentityDecision]:
    """Those of the decisions that came from us, read from their own bytes."""
    made = [one for one in told if one.kind == IdentifierKind.DECIDED]
    if not made:
        return []
    read = {
        "organization": organization,
        "times": sorted({to_microseconds(one.at) for one in made}),
        "events": sorted({str(one.event_id) for one in made}),
    }
    found = (read_identity_decision(as_bytes(raw), event_id) for event_id, raw in store.query(_DECISIONS, read))
    return [decision for decision in found if decision is not None]

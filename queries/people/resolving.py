"""Resolves an id, a user name or a mail address to a person."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from queries.people.aliases import CALLED, Alias, Known, holders
from queries.people.identities import Identity, identify
from queries.people.known import read_known
from queries.pieces import pieces
from queries.scope import SCOPE, scoped
from queries.store import Store
from schemas.errors import Ambiguous, BadUsage, NotFound, Unknown
from schemas.times import to_microseconds

MAX_CANDIDATES: Final = 20
MAX_NAMES: Final = 10
MAX_NEAR: Final = 3
SHORTEST_PART: Final = 3
"""Shorter parts of a name are not searched: too many names contain them."""


class Person(NamedTuple):
    """One person of one organization, under one of the directory's ids."""

    organization: str
    subject_id: str
    """The id that was asked for, or that the name stands for."""
    names: list[str]
    """The person's names and addresses, the latest first, in lower case."""
    subject_ids: tuple[str, ...] = ()
    """All ids of the person, the earliest first."""
    note: str = ""
    """Who else had the name that was asked for, and when."""


def each_id(person: Person) -> list[Person]:
    """Return the person under each of their ids, the earliest first."""
    return [person._replace(subject_id=own) for own in person.subject_ids or (person.subject_id,)]


class Found(NamedTuple):
    """A person, with what the log says of their identity."""

    person: Person
    known: Known
    identity: Identity


_LIMIT: Final = f"LIMIT {MAX_CANDIDATES}"
_BY_NAME: Final = (
    "SELECT DISTINCT organization, subject_id FROM ("
    f"SELECT organization, subject_id FROM subjects WHERE {SCOPE} AND name = {{who:String}} UNION ALL"
    f" SELECT organization, subject_id FROM identifiers WHERE {SCOPE} AND lookup IN {{lookups:Array(String)}}"
    f") ORDER BY subject_id {_LIMIT}"
)
_BY_ID: Final = (
    f"SELECT organization FROM events_by_subject WHERE {SCOPE} AND subject_id = {{who:String}}"
    f" ORDER BY organization LIMIT 1 BY organization {_LIMIT}"
)
_EDITS: Final = (
    "least(editDistanceUTF8(name, lowerUTF8({who:String})),"
    " editDistanceUTF8(splitByChar('@', name)[1], lowerUTF8({who:String})))"
)
_FAR: Final = 1_000
_DISTANCE: Final = (
    f"multiIf({_EDITS} <= greatest(2, intDiv(lengthUTF8({{who:String}}), 3)), {_EDITS},"
    f" lengthUTF8({{who:String}}) >= {SHORTEST_PART} AND position(name, lowerUTF8({{who:String}})) > 0,"
    f" least(100 + lengthUTF8(name), {_FAR - 1}), {_FAR})"
)
"""Orders names by few edits first, then names that contain the text, the shortest first."""
_NEAR: Final = (
    f"SELECT argMin(name, (distance, name)) AS near FROM ("
    f"SELECT organization, subject_id, name, {_DISTANCE} AS distance FROM subjects"
    f" WHERE {SCOPE} AND subject_type IN ('user', 'systemuser', '') AND distance < {_FAR}"
    f") GROUP BY organization, subject_id ORDER BY min(distance), near LIMIT 1 BY near LIMIT {MAX_NEAR}"
)
_SHARED: Final = (
    f"SELECT name FROM subjects WHERE {SCOPE} AND name IN {{names:Array(String)}}"
    " GROUP BY name HAVING uniqExact(organization, subject_id) > 1"
)
NAMES_AT_ONCE: Final = 400
_NOT_PEOPLE: Final = {
    "user_group": "a group: `idtrail state` and `idtrail lifecycle` tell of it",
    "application": "an application: `idtrail integrations` tells of it",
    "admin": "an administrator: `idtrail events --actor` tells what they did",
}


def find_person(
    store: Store, organization: str | None, who: str, at: datetime | None = None, known_at: datetime | None = None
) -> Person:
    """Return the person that `who` stands for, as `read_person` does."""
    return read_person(store, organization, who, at, known_at).person


def read_person(
    store: Store, organization: str | None, who: str, at: datetime | None = None, known_at: datetime | None = None
) -> Found:
    """Return the person that `who` stands for. Ids come first: an id means one subject, even if it is also somebody's
    name.

    A name means who had it `at` that time, or who has it now; the note says who else had it. With `known_at`, names and
    links between ids are taken as known then. An id or name that was unknown then is resolved by what is known now, and
    the note says so. Raises `Unknown` with similar names, or `Ambiguous` with the candidates.
    """
    scope = {**scoped(organization), "who": who}
    own_ones = [own for (own,) in store.query(_BY_ID, scope)] if organization is None else [organization]
    gathered = [(own, read_known(store, own, [who], known_at)) for own in own_ones]
    by_id = [_found(known, identify(known, who), own, who) for own, known in gathered if who in known.lives]
    if len(by_id) == 1:
        return by_id[0]
    if by_id:
        raise _ambiguous(who, [found.person for found in by_id])
    name = who.lower()
    lookups = [f"{kind.value}:{name}" for kind in CALLED]
    named = store.query(_BY_NAME, {**scope, "who": name, "lookups": lookups})
    meant: list[Found] = []
    for own in sorted({own for own, _ in named}):
        known = read_known(store, own, [subject for of, subject in named if of == own], known_at)
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
    if meant:
        raise _ambiguous(who, [found.person for found in meant])
    if known_at is not None:
        return _since(store, find_person(store, organization, who, at), who, known_at)
    near = [] if named else store.query(_NEAR, scope)  # none if only copies that are not in force have the name
    like = [other for (other,) in near]
    raise Unknown(f"nobody is known as {who[:100]!r}" + (f"; near: {', '.join(like)}" if like else ""), like)


def _ambiguous(who: str, candidates: list[Person]) -> Ambiguous:
    """The caller must ask again with an id, and with its organization if they are in several."""
    many = f"at least {len(candidates)}" if len(candidates) == MAX_CANDIDATES else str(len(candidates))
    apart = len({person.organization for person in candidates}) > 1
    told = [
        f"{person.subject_id} ({person.names[0]})" + (f" of the organization {person.organization}" if apart else "")
        for person in candidates[:5]
    ]
    within = ", and name its organization:" if apart else ""
    message = f"{who[:100]!r} means {many} people: ask for one of the ids{within} {', '.join(told)}"
    return Ambiguous(message, [person._asdict() for person in candidates])


def _since(store: Store, person: Person, who: str, known_at: datetime) -> Found:
    """Return the person whose id or name became known only later, with what was known of them then."""
    known = read_known(store, person.organization, [person.subject_id], known_at)
    told = f"nobody was known as {who} {_day(known_at)}: by what is known since, it is {person.subject_id}"
    note = "; ".join(filter(None, (told, person.note)))
    return _found(known, identify(known, person.subject_id), person.organization, person.subject_id, note)


def shared_names(store: Store, organization: str | None, names: Iterable[str]) -> set[str]:
    """Return which of the names, in lower case, more than one id has or had. A search for one may find another
    person."""
    shared: set[str] = set()
    for some in pieces(sorted({name.lower() for name in names}), NAMES_AT_ONCE):
        shared |= {name for (name,) in store.query(_SHARED, {**scoped(organization), "names": some})}
    return shared


def require_person(found: Found) -> Found:
    """Return `found` unchanged. Raises `NotFound` for a group, an application or an administrator, and says where to
    ask."""
    life = found.known.lives.get(found.person.subject_id)
    if life is None or life.person:
        return found
    what = _NOT_PEOPLE.get(life.subject_type, f"of type {life.subject_type}")
    raise NotFound(f"{found.person.names[0]} ({life.subject_id}) is not a person but {what}")


def read_two(store: Store, organization: str | None, first: str, second: str) -> tuple[Found, Found]:
    """Return two people of one organization, each given by an id or a name.

    Raises what `read_person` and `require_person` raise, and `BadUsage` unless these are two ids of one organization.
    """
    having = [
        {own for (own,) in store.query(_BY_ID, {**scoped(organization), "who": who})}
        or {find_person(store, organization, who).organization}
        for who in (first, second)
    ]
    both = having[0] & having[1]
    if len(both) != 1:
        raise BadUsage(f"{first[:100]} and {second[:100]} do not belong to the same organization")
    (own,) = both
    one, other = (require_person(read_person(store, own, who)) for who in (first, second))
    if one.person.subject_id == other.person.subject_id:
        raise BadUsage(f"{first[:100]} and {second[:100]} are one id, not two: {one.person.subject_id}")
    return one, other


def _found(known: Known, identity: Identity, organization: str, subject: str, note: str = "") -> Found:
    seen: dict[str, datetime] = {}
    for alias in known.aliases:
        if alias.subject_id in identity.subject_ids and alias.kind in CALLED:
            seen[alias.value] = max(alias.last_seen, seen.get(alias.value, alias.last_seen))
    names = sorted(seen, key=lambda name: (-to_microseconds(seen[name]), name))[:MAX_NAMES]
    person = Person(organization, subject, names or [subject], identity.subject_ids, note)
    return Found(person, known, identity)


def _note(known: Known, identity: Identity, name: str, holder: Alias, at: datetime | None) -> str:
    """Return who else had the name, and when this holder had it, if not at the time asked about."""
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

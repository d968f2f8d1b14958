"""Reads all that the log says about who some ids are, and about all ids that share something with them, by what is
known now or was known at a time.

Three reads by key find all of it, however large the log is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from queries.people.aliases import CALLED, MAX_HOLDERS, Known, Life, Sighting, aliases, lives, sightings, standings
from queries.people.mark import Mark
from queries.pieces import texts_at_once
from queries.selection import IN_FORCE
from queries.store import SMALL_LIMITS, Store, as_bytes
from schemas.identifiers import PEOPLE, IdentifierKind
from schemas.identity import SOURCE, IdentityDecision, read_identity_decision
from schemas.times import LATEST, to_microseconds

MAX_IDS: Final = 32
"""How many ids that share something with a person, directly or through others, are examined."""
MAX_EVENTS: Final = 5_000
"""For a person with more events than this, only the first and the last event of each kind are read."""

MAX_SHARING: Final = 1_000
"""How many of those who share a name or an address now are checked for whether they did at a time."""

_KNOWN: Final = "known_at <= fromUnixTimestamp64Micro({known:Int64}, 'UTC')"
_THEIRS: Final = f"organization = {{organization:String}} AND subject_id IN {{subjects:Array(String)}} AND {_KNOWN}"
_KEYS: Final = "organization = {organization:String} AND lookup IN {lookups:Array(String)}"

EVENTS: Final = (
    "SELECT subject_id, subject_type, lowerUTF8(subject_name), lowerUTF8(subject_email), event_type, kind, action,"
    " outcome, cause, account_state, application_id, application_name, changed, occurred_at, event_id, version,"
    f" fingerprint FROM events_by_subject WHERE {_THEIRS} LIMIT {{limit:UInt32}}"
)
"""Reads copies and repeats too: for a person with few events that is faster than deduplicating in ClickHouse."""

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
"""Reads events grouped by what they say, the first and last of each, for people with very many events."""

IDENTIFIERS: Final = f"SELECT subject_id, identifier, occurred_at, event_id, fingerprint FROM identifiers WHERE {_KEYS}"
FORCES: Final = (
    f"SELECT event_id, tupleElement(max({IN_FORCE}), 2) FROM events_by_subject WHERE {_THEIRS}"
    f" AND event_id GLOBAL IN (SELECT event_id FROM identifiers WHERE {_KEYS}) GROUP BY event_id"
)
"""Reads the fingerprint of the copy in force of each event with identifiers, for people with very many events."""

_NAMED: Final = (
    "FROM subjects WHERE organization = {organization:String} AND name IN {names:Array(String)}"
    " AND subject_type IN {people:Array(String)}"
)
_SHARING: Final = f"""
SELECT key, groupUniqArray({MAX_IDS + 1})(subject_id) FROM (
    SELECT name AS key, subject_id {_NAMED}
    UNION ALL
    SELECT lookup AS key, subject_id FROM identifiers WHERE {_KEYS}
)
GROUP BY key
"""
_OWN_NAMES: Final = (
    "SELECT DISTINCT subject_id, arrayJoin([lowerUTF8(subject_name), lowerUTF8(subject_email)]) AS name"
    f" FROM events_by_subject WHERE {_THEIRS} AND name != ''"
)
_OWN_IDENTIFIERS: Final = f"SELECT DISTINCT subject_id, identifier FROM identifiers WHERE {_KEYS}"
_POINTING: Final = (IdentifierKind.EXTERNAL, IdentifierKind.DECIDED)
"""The kinds of identifiers whose value is another id."""
# Neither table holds when its rows became known.
_SHARED: Final = f"""
SELECT key, groupUniqArray({MAX_IDS + 1})(subject_id) FROM (
    SELECT arrayJoin([lowerUTF8(subject_name), lowerUTF8(subject_email)]) AS key, subject_id FROM events_by_subject
    WHERE organization = {{organization:String}} AND {_KNOWN} AND key IN {{names:Array(String)}}
        AND subject_id GLOBAL IN (SELECT subject_id {_NAMED} ORDER BY subject_id LIMIT {MAX_SHARING} BY name)
    UNION ALL
    SELECT lookup AS key, subject_id FROM identifiers WHERE {_KEYS}
        AND (event_id, fingerprint) GLOBAL IN (
            SELECT event_id, fingerprint FROM events_by_subject
            WHERE organization = {{organization:String}} AND {_KNOWN} AND subject_id GLOBAL IN (
                SELECT subject_id FROM identifiers WHERE {_KEYS} ORDER BY subject_id LIMIT {MAX_SHARING} BY lookup))
)
GROUP BY key
"""

_DECISIONS: Final = (
    "SELECT event_id, raw FROM events WHERE organization = {organization:String}"
    " AND occurred_at IN (SELECT arrayJoin(arrayMap(t -> fromUnixTimestamp64Micro(t, 'UTC'), {times:Array(Int64)})))"
    f" AND event_id IN {{events:Array(UUID)}} AND startsWith(source, '{SOURCE}') AND {_KNOWN}"
    f" ORDER BY {IN_FORCE} DESC LIMIT 1 BY event_id"
)


def read_known(store: Store, organization: str, subjects: Iterable[str], known_at: datetime | None = None) -> Known:
    """Return what the log says of these ids and of all that share something with them, directly or through others.

    By all that is known now, or as it was known at a time.
    """
    asked: dict[str, Any] = {"organization": organization, "known": to_microseconds(known_at or LATEST)}
    sharing = _SHARING if known_at is None else _SHARED
    known: dict[str, Life] = {}
    marks: list[Mark] = []
    told: list[Sighting] = []
    crowded: set[tuple[str, str]] = set()
    looked: set[str] = set()
    waiting = sorted(set(subjects))
    while waiting:
        read = {**asked, "subjects": waiting, "lookups": [f"id:{subject}" for subject in waiting]}
        new, forces = _marks(store, read)
        found = lives(new)
        seen = [*sightings(new), *_identifiers(store, read, forces)]
        marks += new
        told += seen
        known |= found
        keys = set(_keys(seen, [life.subject_id for life in found.values() if life.person])) - looked
        looked |= keys
        others = _sharing(store, sharing, asked, keys, crowded) - known.keys()
        waiting = sorted(others)[: max(0, MAX_IDS - len(known))]
    return Known(known, aliases(told), standings(marks), _decisions(store, asked, told), frozenset(crowded))


def sharing(store: Store, organization: str, subjects: Iterable[str]) -> set[str]:
    """Return which of these ids share something with another one; any other is a person of its own."""
    own = sorted(set(subjects))
    if not own:
        return set()
    read: dict[str, Any] = {"organization": organization, "known": to_microseconds(LATEST), "people": sorted(PEOPLE)}
    having: dict[str, set[str]] = defaultdict(set)
    found: set[str] = set()
    for subject in own:
        for kind in _POINTING:
            having[f"{kind.value}:{subject}"].add(subject)
    for subject, name in store.query(_OWN_NAMES, {**read, "subjects": own}):
        for kind in CALLED:
            having[f"{kind.value}:{name}"].add(subject)
    for subject, identifier in store.query(_OWN_IDENTIFIERS, {**read, "lookups": [f"id:{one}" for one in own]}):
        having[identifier].add(subject)
        if identifier.partition(":")[0] in _POINTING:
            found.add(subject)
    for keys in texts_at_once(sorted(having)):
        names = sorted({key.partition(":")[2] for key in keys if key.partition(":")[0] in CALLED})
        for key, ids in store.query(_SHARING, {**read, "names": names, "lookups": keys}):
            for holding in (key, *(f"{kind.value}:{key}" for kind in CALLED)):
                found |= {subject for subject in having.get(holding, ()) if set(ids) != {subject}}
    return found


def _marks(store: Store, read: dict[str, Any]) -> tuple[list[Mark], dict[UUID, bytes]]:
    """Return the marks of their events, and the fingerprint of the copy in force of each event that may hold
    identifiers."""
    rows = store.query(EVENTS, {**read, "limit": MAX_EVENTS + 1}, SMALL_LIMITS)
    if len(rows) > MAX_EVENTS:
        marks = [
            Mark._make((*said, first[0], UUID(first[1]), last[0], UUID(last[1])))
            for *said, first, last in store.query(MARKS, read)
        ]
        return marks, dict(store.query(FORCES, read))
    in_force: dict[UUID, tuple[Any, ...]] = {}
    for row in rows:
        known = in_force.get(row[14])
        if known is None or row[15:] > known[15:]:
            in_force[row[14]] = row
    marks = [Mark._make((*row[:13], 1, row[13], own, row[13], own)) for own, row in in_force.items()]
    return marks, {own: row[16] for own, row in in_force.items()}


def _identifiers(store: Store, read: dict[str, Any], forces: dict[UUID, bytes]) -> Iterator[Sighting]:
    """Yield the other identifiers in the events in force."""
    for subject, identifier, at, event_id, fingerprint in store.query(IDENTIFIERS, read, SMALL_LIMITS):
        if forces.get(event_id) == fingerprint:
            kind, _, value = identifier.partition(":")
            yield Sighting(subject, kind, value, at, event_id, 1)


def _keys(sightings: Iterable[Sighting], people: Iterable[str]) -> Iterable[str]:
    """Return the keys under which ids that share something with these people may be found."""
    own = set(people)
    yield from (f"{one.kind}:{one.value}" for one in sightings if one.subject_id in own)
    for subject in own:
        yield f"{IdentifierKind.EXTERNAL.value}:{subject}"
        yield f"{IdentifierKind.DECIDED.value}:{subject}"


def _sharing(store: Store, sql: str, asked: dict[str, Any], keys: set[str], crowded: set[tuple[str, str]]) -> set[str]:
    """Return the ids under these keys. Keys that too many ids have give none, and are added to `crowded`."""
    called = {kind.value for kind in CALLED}
    found: set[str] = set()
    for some in texts_at_once(sorted(keys)):
        parts = [key.partition(":") for key in some]
        names = [value for kind, _, value in parts if kind in called]
        read = {**asked, "names": names, "people": sorted(PEOPLE), "lookups": some}
        under = {key: set(ids) for key, ids in store.query(sql, read, SMALL_LIMITS)}
        for kind, _, value in parts:
            sharing = under.get(f"{kind}:{value}", set()) | (under.get(value, set()) if kind in called else set())
            if len(sharing) > MAX_HOLDERS and kind != IdentifierKind.DECIDED:
                crowded.add((kind, value))
                continue
            found |= sharing
            if kind in (IdentifierKind.EXTERNAL, IdentifierKind.DECIDED):
                found.add(value)  # the value is an id, perhaps somebody's
    return found


def _decisions(store: Store, asked: dict[str, Any], told: Iterable[Sighting]) -> list[IdentityDecision]:
    """Return the decisions made through idtrail itself, read from their own bytes."""
    made = [one for one in told if one.kind == IdentifierKind.DECIDED]
    if not made:
        return []
    read = {
        **asked,
        "times": sorted({to_microseconds(one.at) for one in made}),
        "events": sorted({str(one.event_id) for one in made}),
    }
    found = (read_identity_decision(as_bytes(raw), event_id) for event_id, raw in store.query(_DECISIONS, read))
    return [decision for decision in found if decision is not None]

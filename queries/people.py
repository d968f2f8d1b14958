"""Who is meant by an id, a user name or a mail address."""

from __future__ import annotations

from typing import Final, NamedTuple

from queries.store import Store
from schemas.errors import NotFound, UserError

MAX_CANDIDATES: Final = 20


class Person(NamedTuple):
    """One subject, by the directory's id, in one organization."""

    organization: str
    subject_id: str
    names: list[str]
    """Names and addresses it was seen under, the latest first, in lower case."""


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


_SCOPE: Final = "({organization:String} = '*' OR organization = {organization:String})"
_LIMIT: Final = f"LIMIT {MAX_CANDIDATES}"
_BY_NAME: Final = (
    f"SELECT DISTINCT organization, subject_id FROM subjects WHERE {_SCOPE} AND name = lowerUTF8({{who:String}})"
    f" ORDER BY subject_id {_LIMIT}"
)
_BY_ID: Final = (
    f"SELECT DISTINCT organization, subject_id FROM events_by_subject WHERE {_SCOPE}"
    f" AND subject_id = {{who:String}} ORDER BY organization {_LIMIT}"
)
_NAMES: Final = (
    "SELECT name FROM subjects WHERE organization = {organization:String} AND subject_id = {subject:String}"
    " GROUP BY name ORDER BY max(last_seen) DESC, name LIMIT 10"
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


def find_person(store: Store, organization: str | None, who: str) -> Person:
    """By id first: an id means one subject, even if somebody took it for a name.

    Raises `Unknown` with near names, `Ambiguous` with the candidates.
    """
    parameters = {"organization": "*" if organization is None else organization, "who": who}
    found = store.query(_BY_ID, parameters) or store.query(_BY_NAME, parameters)
    people = [Person(own, subject, _names(store, own, subject)) for own, subject in found]
    if len(people) == 1:
        return people[0]
    if people:
        raise Ambiguous(who, people)
    raise Unknown(who, [name for (name,) in store.query(_NEAR, parameters)])


def _names(store: Store, organization: str, subject: str) -> list[str]:
    rows = store.query(_NAMES, {"organization": organization, "subject": subject})
    return [name for (name,) in rows] or [subject]

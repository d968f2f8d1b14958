"""Who is meant by an id, a user name or a mail address."""

from __future__ import annotations

from typing import Final, NamedTuple

from queries.store import Store
from schemas.errors import NotFound, UserError


class Person(NamedTuple):
    """One subject, by the directory's id, in one organization."""

    organization: str
    subject_id: str
    names: list[str]
    """Names and addresses it was seen under, the latest first, in lower case."""


class Ambiguous(UserError):
    """Several people are meant: ask again with an id."""

    def __init__(self, who: str, candidates: list[Person]) -> None:
        super().__init__(
            f"{who!r} means {len(candidates)} people: ask for one of the ids "
            + ", ".join(f"{person.subject_id} ({person.names[0]})" for person in candidates[:5])
        )
        self.candidates = candidates


_SCOPE: Final = "({organization:String} = '*' OR organization = {organization:String})"
_BY_NAME: Final = (
    "SELECT DISTINCT organization, subject_id FROM subjects"
    f" WHERE {_SCOPE} AND (name = lowerUTF8({{who:String}}) OR subject_id = {{who:String}}) LIMIT 20"
)
_NAMES: Final = (
    "SELECT name FROM subjects FINAL WHERE organization = {organization:String} AND subject_id = {subject:String}"
    " ORDER BY last_seen DESC LIMIT 10"
)
_BY_ID: Final = (
    f"SELECT DISTINCT organization, subject_id FROM events_by_subject WHERE {_SCOPE}"
    " AND subject_id = {who:String} LIMIT 20"
)
_NEAR: Final = (
    f"SELECT name FROM subjects FINAL WHERE {_SCOPE} AND subject_type IN ('user', 'systemuser', '')"
    " GROUP BY name ORDER BY ngramDistanceCaseInsensitiveUTF8(name, {who:String}), name LIMIT 3"
)


def find_person(store: Store, organization: str | None, who: str) -> Person:
    """Raises `NotFound` with near names, `Ambiguous` with the candidates."""
    parameters = {"organization": "*" if organization is None else organization, "who": who}
    found = store.query(_BY_NAME, parameters) or store.query(_BY_ID, parameters)
    people = [
        Person(
            own,
            subject,
            [name for (name,) in store.query(_NAMES, {"organization": own, "subject": subject})] or [subject],
        )
        for own, subject in found
    ]
    if len(people) == 1:
        return people[0]
    if people:
        raise Ambiguous(who, people)
    near = [name for (name,) in store.query(_NEAR, parameters)]
    hint = f"; near: {', '.join(near)}" if near else ""
    raise NotFound(f"nobody is known as {who[:100]!r}{hint}")

"""The conditions of a filter of events, each both as SQL and as a check in memory, which select the same. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableSet
from dataclasses import dataclass
from typing import Any, Final, Protocol

from queries.scope import SCOPE

Item = Mapping[str, Any]
Check = Callable[[Item], bool]


class Condition(Protocol):
    """One condition. Its parameter of the statement is called like the field of the filter."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the SQL reads."""
        ...

    def sql(self, name: str) -> str:
        """Return the condition on the parameter `name`."""
        ...

    def check(self, wanted: Any, known: MutableSet[str]) -> Check:
        """Return the condition on the value of that parameter.

        `known` holds the ids of subjects that were ever called what the filter asks for. It grows, so that a renamed
        person is still found.
        """
        ...


@dataclass(frozen=True, slots=True)
class Among:
    """The column has one of several values."""

    columns: tuple[str]

    def sql(self, name: str) -> str:
        return f"{self.columns[0]} IN {{{name}:Array(String)}}"

    def check(self, wanted: tuple[str, ...], known: MutableSet[str]) -> Check:
        (column,) = self.columns
        return lambda item: item[column] in wanted


@dataclass(frozen=True, slots=True)
class Called:
    """The id is the value, or the name is, in any case."""

    columns: tuple[str, str]

    def sql(self, name: str) -> str:
        own, called = self.columns
        return f"({own} = {{{name}:String}} OR lowerUTF8({called}) = lowerUTF8({{{name}:String}}))"

    def check(self, wanted: str, known: MutableSet[str]) -> Check:
        own, called = self.columns
        lower = wanted.lower()
        return lambda item: wanted == item[own] or lower == item[called].lower()


@dataclass(frozen=True, slots=True)
class EverCalled:
    """The subject's id is the value, or a name or mail address that it ever had is, in any case."""

    columns: tuple[str, ...] = ("subject_id",)

    def sql(self, name: str) -> str:
        return f"(subject_id = {{{name}:String}} OR subject_id GLOBAL IN ({subjects_called(name)}))"

    def check(self, wanted: str, known: MutableSet[str]) -> Check:
        lower = wanted.lower()

        def meets(item: Item) -> bool:
            own: str = item["subject_id"]
            if own and lower in (item["subject_name"].lower(), item["subject_email"].lower()):
                known.add(own)
            return wanted == own or own in known

        return meets


@dataclass(frozen=True, slots=True)
class Belongs:
    """The event belongs to the incident whose id, in hex, is the value."""

    columns: tuple[str, ...] = ("incident_id",)

    def sql(self, name: str) -> str:
        return f"incident_id = unhex({{{name}:String}})"

    def check(self, wanted: str, known: MutableSet[str]) -> Check:
        return lambda item: bool(item["incident_id"] == wanted)


@dataclass(frozen=True, slots=True)
class Holds:
    """One of the columns holds the value, in any case."""

    columns: tuple[str, ...]

    def sql(self, name: str) -> str:
        return f"({' OR '.join(f'positionCaseInsensitiveUTF8({own}, {{{name}:String}}) > 0' for own in self.columns)})"

    def check(self, wanted: str, known: MutableSet[str]) -> Check:
        part = wanted.lower()
        return lambda item: any(part in item[column].lower() for column in self.columns)


def subjects_called(name: str) -> str:
    """Return a sub-select of the ids of the subjects that were ever called what the parameter `name` says."""
    return f"SELECT subject_id FROM subjects WHERE {SCOPE} AND name = lowerUTF8({{{name}:String}})"


CONDITIONS: Final[Mapping[str, Condition]] = {
    "event_types": Among(("event_type",)),
    "kinds": Among(("kind",)),
    "outcomes": Among(("outcome",)),
    "causes": Among(("cause",)),
    "application": Called(("application_id", "application_name")),
    "subject": EverCalled(),
    "actor": Called(("actor_id", "actor_name")),
    "incident": Belongs(),
    "text": Holds(("detail", "subject_name", "subject_email", "application_name", "actor_name", "event_type")),
}
"""The condition of each field of a `Selection` but the organization and the time."""

OF_INCIDENTS: Final = frozenset({"causes", "application", "incident"})
"""The conditions that an incident can meet; it is about many people, types and actors."""

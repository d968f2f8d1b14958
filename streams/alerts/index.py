"""The rules in force, indexed so that the ones an event concerns are found by lookup, however many rules there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, cast

from schemas.events import EVENT_TYPES, Kind
from streams.alerts.condition import KEY_FACTS, Matcher
from streams.alerts.occurrence import Occurrence, Role
from streams.alerts.rule import Condition, Rule, title_parts
from streams.alerts.seen import Seen, Value, incident_of, reader_of, values_reader
from streams.alerts.terms import terms_of
from streams.alerts.variables import Variables

REMEMBERED: Final = 50_000
"""Cached kinds of events: each application has some dozens, unless somebody invents event types."""
_key = values_reader(KEY_FACTS)
_INTEGRATION: Final = Kind.INTEGRATION.value


class Watched:
    """A rule, compiled for checking events."""

    def __init__(self, rule: Rule, variables: Variables) -> None:
        def ready(condition: Condition | None) -> Matcher | None:
            return None if condition is None else Matcher(condition, variables)

        self.rule = rule
        self.terms = terms_of(rule)
        self._match = Matcher(rule.match, variables)
        self._unless, self._failed = ready(rule.unless), ready(rule.failed)
        self._then, self._until = ready(rule.then), ready(rule.until)
        parts = (self._match, self._unless, self._failed, self._then, self._until)
        self.parts = [part for part in parts if part is not None]
        """The rule's conditions."""
        self.group_by = tuple(rule.group_by)
        self._of = reader_of(rule.of) if rule.of is not None else None
        self._group = cast("Callable[[Seen], tuple[str, ...]]", values_reader(rule.group_by))  # only text facts
        form, names = title_parts(rule.title)
        self._titled = bool(names)
        self._title = form if names else form.format()
        self._title_values = values_reader(names)

    def roles(self, seen: Seen) -> int:
        """Return which of the rule's conditions the event meets, as `Role` bits; 0 when it does not concern the
        rule."""
        roles = 0
        if self._match(seen) and not (self._unless is not None and self._unless(seen)):
            roles = Role.MATCH
            if self._failed is not None and self._failed(seen):
                roles |= Role.FAILED
        if self._then is not None and self._then(seen):
            roles |= Role.THEN
        if self._until is not None and self._until(seen):
            roles |= Role.UNTIL
        return roles

    @property
    def types(self) -> frozenset[str]:
        """Return the event types that the rule names."""
        parts = (self._match, self._then, self._until)
        return frozenset().union(*(part.types or () for part in parts if part is not None))

    def may_concern(self, seen: Seen) -> bool:
        """Whether an event with the same `condition.KEY_FACTS` as this one can concern the rule."""
        return any(part is not None and part.may_match(seen) for part in (self._match, self._then, self._until))

    @property
    def by_key(self) -> bool:
        """Whether events with equal `condition.KEY_FACTS` have the same roles."""
        return all(part.by_key for part in self.parts)

    def group(self, seen: Seen) -> tuple[str, ...]:
        """Return the values of the rule's `group_by`."""
        return self._group(seen)

    def occurrence(self, seen: Seen, roles: int, alike: Occurrence) -> Occurrence:
        """Return what the rule keeps of an event with these roles, other than one that only ends alerts. `alike` is
        what every rule keeps of it."""
        at, event_id, version, _, _, subject, application, cause, _, incident = alike
        value = "" if self._of is None else str(self._of(seen))
        title = self._title.format(*self._title_values(seen)) if self._titled else self._title
        return Occurrence(at, event_id, version, roles, value, subject, application, cause, title, incident)

    @property
    def errors(self) -> int:
        """How often an expression of the rule could not be evaluated on an event, which then does not match."""
        return sum(part.errors for part in self.parts)


def alike_in(seen: Seen) -> Occurrence:
    """Return what every rule keeps of an event."""
    facts = seen.facts
    subject = "" if facts.kind == _INTEGRATION else facts.subject_id
    return Occurrence(
        seen.at, seen.event_id.hex(), seen.version, 0, "", subject, facts.application_id, facts.cause, "",
        incident_of(seen),
    )  # fmt: skip


class Kept(NamedTuple):
    """The part of an event that one rule keeps."""

    watched: Watched
    group: tuple[str, ...]
    occurrence: Occurrence


class Rules:
    """Rules with distinct ids. Not safe for several threads at once."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        variables = Variables()
        self._watched = {rule.id: Watched(rule, variables) for rule in rules}
        self._wanted: dict[tuple[Value, ...], tuple[tuple[Watched, int | None], ...]] = {}
        """Rules by `condition.KEY_FACTS`, each with the event's roles if these facts determine them."""

    def __len__(self) -> int:
        return len(self._watched)

    def __iter__(self) -> Iterator[Watched]:
        return iter(self._watched.values())

    def __getitem__(self, rule_id: str) -> Watched:
        return self._watched[rule_id]

    def __contains__(self, rule_id: object) -> bool:
        return rule_id in self._watched

    def other_types(self) -> frozenset[str]:
        """Return the event types that the rules name besides those of provisioning."""
        return frozenset().union(*(watched.types for watched in self)) - frozenset(EVENT_TYPES)

    @property
    def reads_events(self) -> bool:
        """Whether any rule reads a field of the record itself."""
        return any(part.reads_event for watched in self for part in watched.parts)

    def interested(self, seen: Seen) -> tuple[tuple[Watched, int | None], ...]:
        """Return the rules that the event may concern, each with its roles where these follow from the key facts;
        empty for an event that no rule wants."""
        key = _key(seen)
        wanted = self._wanted.get(key)
        if wanted is None:
            if len(self._wanted) >= REMEMBERED:
                self._wanted.clear()
            wanted = self._wanted[key] = tuple(self._sought(seen))
        return wanted

    def kept(self, seen: Seen) -> list[Kept]:
        """Return what the rules keep of the event."""
        found: list[Kept] = []
        wanted = self.interested(seen)
        if not wanted:
            return found
        ending = alike = None
        groups: dict[tuple[str, ...], tuple[str, ...]] = {}
        for watched, roles in wanted:
            if roles is None:
                roles = watched.roles(seen)
            if roles:
                by = watched.group_by
                group = groups.get(by)
                if group is None:
                    group = groups[by] = watched.group(seen)
                if roles == Role.UNTIL:
                    one = ending = ending or Occurrence(seen.at, seen.event_id.hex(), seen.version, Role.UNTIL)
                else:
                    alike = alike or alike_in(seen)
                    one = watched.occurrence(seen, roles, alike)
                found.append(Kept(watched, group, one))
        return found

    def _sought(self, seen: Seen) -> Iterator[tuple[Watched, int | None]]:
        for watched in self._watched.values():
            if not watched.by_key:
                if watched.may_concern(seen):
                    yield watched, None
            elif roles := watched.roles(seen):
                yield watched, roles

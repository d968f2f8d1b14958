"""The rules that are in force, and which of them an event may concern: found by a table, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from schemas.events import Kind
from streams.alerts.condition import Matcher
from streams.alerts.kinds import terms_of
from streams.alerts.occurrence import Occurrence, Role
from streams.alerts.rule import Condition, Rule
from streams.alerts.seen import Seen, fact_of
from streams.alerts.variables import Variables

REMEMBERED: Final = 4_096
"""Kinds of events. There are some hundred, unless somebody invents event types."""


class Watched:
    """A rule, ready to be asked about events."""

    def __init__(self, rule: Rule, variables: Variables) -> None:
        def ready(condition: Condition | None) -> Matcher | None:
            return None if condition is None else Matcher(condition, variables)

        self.rule = rule
        self.terms = terms_of(rule)
        self._match = Matcher(rule.match, variables)
        self._unless, self._failed = ready(rule.unless), ready(rule.failed)
        self._then, self._until = ready(rule.then), ready(rule.until)

    def roles(self, seen: Seen) -> Role:
        """Which of the rule's conditions the event meets; 0 when it is nothing to the rule."""
        roles = Role(0)
        if self._match(seen) and not (self._unless is not None and self._unless(seen)):
            roles |= Role.MATCH
            if self._failed is not None and self._failed(seen):
                roles |= Role.FAILED
        if self._then is not None and self._then(seen):
            roles |= Role.THEN
        if self._until is not None and self._until(seen):
            roles |= Role.UNTIL
        return roles

    def occurrence(self, seen: Seen) -> Occurrence | None:
        """What the rule keeps of the event; None when it is nothing to the rule."""
        roles = self.roles(seen)
        if not roles:
            return None
        facts, of = seen.facts, self.rule.of
        return Occurrence(
            seen.at,
            seen.event_id.hex(),
            seen.version,
            int(roles),
            str(fact_of(seen, of)) if of is not None else "",
            facts.subject_id if facts.kind != Kind.INTEGRATION else "",
            facts.application_id,
            facts.cause,
            self.title(seen),
        )

    def group(self, seen: Seen) -> tuple[str, ...]:
        """The values of the rule's `group_by`."""
        return tuple(str(fact_of(seen, name)) for name in self.rule.group_by)

    def title(self, seen: Seen) -> str:
        """The rule's title for an alert of which this is the last event."""
        return self.rule.title.format_map({name: fact_of(seen, name) for name in self.rule.title_facts})

    def may_concern(self, seen: Seen) -> bool:
        """Whether any event can be something to the rule that is like this one in `condition.KEY_FACTS`."""
        return any(part is not None and part.may_match(seen) for part in (self._match, self._then, self._until))

    @property
    def errors(self) -> int:
        """How often an expression of the rule could not be asked of an event, which is no match then."""
        parts = (self._match, self._unless, self._failed, self._then, self._until)
        return sum(part.errors for part in parts if part is not None)


class Rules:
    """Rules of different ids. Not for several threads at once."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        variables = Variables()
        self._watched = {rule.id: Watched(rule, variables) for rule in rules}
        self._wanted: dict[tuple[str, str, str, str, str, bool], tuple[Watched, ...]] = {}

    def __len__(self) -> int:
        return len(self._watched)

    def __iter__(self) -> Iterator[Watched]:
        return iter(self._watched.values())

    def __getitem__(self, rule_id: str) -> Watched:
        return self._watched[rule_id]

    def __contains__(self, rule_id: object) -> bool:
        return rule_id in self._watched

    def interested(self, seen: Seen) -> tuple[Watched, ...]:
        """The rules that the event may concern; whether it does, their `roles` tell."""
        facts = seen.facts
        key = (facts.event_type, facts.kind, facts.action, facts.outcome, facts.cause, seen.drifted)
        wanted = self._wanted.get(key)
        if wanted is None:
            if len(self._wanted) >= REMEMBERED:
                self._wanted.clear()
            wanted = self._wanted[key] = tuple(one for one in self._watched.values() if one.may_concern(seen))
        return wanted

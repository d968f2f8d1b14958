"""Compiled conditions: tell whether an event meets them. Tables are checked first; the expression runs last, if at
all."""

from __future__ import annotations

from typing import Final

from schemas.events import Kind
from schemas.facts import Facts
from streams.alerts.expression import checked
from streams.alerts.rule import Condition
from streams.alerts.seen import FACT_TYPES, Seen, Value, values_reader
from streams.alerts.variables import Variables

REMEMBERED: Final = 4_096
"""Cached answers of an expression, by the facts that it reads: few combinations occur."""
KEY_FACTS: Final = ("event_type", "kind", "action", "outcome", "cause", "application_id", "drift", "organization")
"""Facts that have few values and that rules ask for: events that agree in these concern the same rules."""


class Where:
    """An expression of a rule. Where it cannot be evaluated, as when a field is missing, it does not hold."""

    def __init__(self, source: str, variables: Variables) -> None:
        self._program, used = checked(source, FACT_TYPES)
        variables.offer(used)
        self._variables = variables
        self.reads_event = bool(used.fields)
        """Whether it reads a field of the record itself."""
        self._values = values_reader(sorted(used.facts))
        self._answers: dict[tuple[Value, ...], bool | None] = {}
        self.by_key = used.facts <= set(KEY_FACTS) and not used.fields
        """Whether it reads only `KEY_FACTS`."""
        self.errors = 0
        """How often it could not be evaluated."""

    def __call__(self, seen: Seen) -> bool:
        if self.reads_event:
            answer = self._run(seen)
        else:
            key = self._values(seen)
            try:
                answer = self._answers[key]
            except KeyError:
                if len(self._answers) >= REMEMBERED:
                    self._answers.clear()
                answer = self._answers[key] = self._run(seen)
        if answer is None:
            self.errors += 1
            return False
        return answer

    def _run(self, seen: Seen) -> bool | None:
        context = self._variables.context(seen, with_event=self.reads_event)
        try:
            answer = self._program.execute(context)
        except Exception:  # the engine may raise anything on data that does not suit
            return None
        return answer if isinstance(answer, bool) else None


class Matcher:
    """A compiled condition."""

    def __init__(self, condition: Condition, variables: Variables) -> None:
        self.types: frozenset[str] | None = frozenset(condition.type) or None
        """The event types that it names; None if it applies to provisioning events and those with drift."""
        tables = (
            (Facts._fields.index(name), frozenset(map(str, given)))
            for name in ("event_type", "kind", "action", "outcome", "cause")
            if (given := getattr(condition, "type" if name == "event_type" else name))
        )
        self._tables = tuple(tables)
        self._where = Where(condition.where, variables) if condition.where else None

    def __call__(self, seen: Seen) -> bool:
        """Whether the event meets the condition."""
        return self._is_listed(seen) and (self._where is None or self._where(seen))

    def may_match(self, seen: Seen) -> bool:
        """Whether an event with the same `KEY_FACTS` as this one can meet the condition."""
        return self._is_listed(seen) and (self._where is None or not self._where.by_key or self._where(seen))

    @property
    def reads_event(self) -> bool:
        """Whether the expression reads a field of the record itself."""
        return self._where is not None and self._where.reads_event

    @property
    def by_key(self) -> bool:
        """Whether `KEY_FACTS` alone decide if an event meets the condition."""
        return self._where is None or self._where.by_key

    @property
    def errors(self) -> int:
        """How often the expression could not be evaluated."""
        return 0 if self._where is None else self._where.errors

    def _is_listed(self, seen: Seen) -> bool:
        facts = seen.facts
        if self.types is None and facts.kind == Kind.OTHER and not seen.drifted:
            return False  # live detection does not see this event unless another rule names its type
        for column, listed in self._tables:  # noqa: SIM110  because a plain loop is faster, and every event is asked
            if facts[column] not in listed:
                return False
        return True

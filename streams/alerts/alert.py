"""Alerts: what the triggers of one group of one rule make, folded in order. Pure.

The id is made of the rule, the group and the stretch of time (epoch-aligned, as long as the rule's `dedup`) in which
the alert opened: whoever folds the same events finds the same alert.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final, NamedTuple

from schemas.alerts import MAX_NAMED
from streams.alerts.kinds import machine
from streams.alerts.machine import Trigger
from streams.alerts.occurrence import Occurrence, Role
from streams.alerts.rule import MOST_WITHIN
from streams.alerts.terms import Terms

NEVER: Final = 0
MOST_NAMED: Final = 1_000
"""People and applications of an alert that are told apart; `people` counts no further."""


class Alert(NamedTuple):
    """One trouble, however many events it makes. Times are microseconds since 1970."""

    alert_id: str
    """32 hexadecimal digits."""
    rule_id: str
    organization: str
    group: tuple[str, ...]
    """The values of what the rule groups by."""
    bucket: int
    opened_at: int
    """When the rule's condition first held."""
    triggered_at: int
    """When it held last."""
    first_at: int
    first_event: str
    last_at: int
    last_event: str
    events: int
    """How many different ones."""
    people: tuple[str, ...]
    applications: tuple[str, ...]
    cause: str
    title: str
    """Cause and title are the last event's."""
    episodes: int = 1
    """How often it opened."""
    since: int = NEVER
    """When it opened last."""
    ended_at: int = NEVER
    """When the condition ended; `NEVER` while it goes on."""
    ended_by: str = ""
    """The event that ended it; empty where time did."""
    incidents: tuple[str, ...] = ()
    """Those that its failures belong to: the first `schemas.alerts.MAX_NAMED`."""


def alert_id(rule_id: str, organization: str, group: tuple[str, ...], bucket: int) -> str:
    """The same wherever and whenever it is found; the rule's version has no part in it."""
    parts = [rule_id, organization, str(bucket), *group]
    text = "".join(f"{len(part)}:{part}" for part in parts)  # so that no two lists make one text
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


class Fold:
    """The alerts of one group, from its occurrences in order. `advance` tells it the time."""

    def __init__(
        self, rule_id: str, organization: str, group: tuple[str, ...], terms: Terms, saved: dict[str, Any] | None = None
    ) -> None:
        """`saved`: what `saved()` gave, to go on from there."""
        self._own = rule_id, organization, group
        self._terms = terms
        saved = saved or {"machine": None, "pending": [], "alert": None}
        self._machine = machine(terms, saved["machine"])
        self._pending = [Occurrence(*each) for each in saved["pending"]]
        """Counted events that no alert has: the next one's window may cover them."""
        self._alert = alert_of(saved["alert"]) if saved["alert"] else None
        self._open = self._alert if self._alert is not None and self._alert.ended_at == NEVER else None
        self.found: dict[str, Alert] = {}
        """By id, every alert that was opened, grew or ended since the start."""

    def feed(self, one: Occurrence) -> None:
        """The next occurrence in order."""
        if one.role == Role.UNTIL and self._open is None and not self._machine.moved_by_ends:
            return  # most of what comes
        self._reach(one.at)
        trigger = self._machine.feed(one)
        if trigger is not None:
            self._trigger(trigger)
        elif one.role & self._machine.counted:
            if self._open is None:
                self._pending.append(one._replace(value="", title=""))  # which are the trigger's
                if len(self._pending) > MOST_WITHIN:
                    del self._pending[0]
            else:
                self._keep(_grown(self._open, one))
        if trigger is None and one.role & Role.UNTIL and self._open is not None:
            self._keep(self._open._replace(ended_at=one.at, ended_by=one.event_id))

    def advance(self, clock: int) -> None:
        """It is `clock` now, and nothing up to then is to come."""
        self._due(clock + 1)
        self._end_of_quiet(clock)

    def deadline(self) -> int | None:
        """When time alone changes something next."""
        ends = [] if (due := self._machine.deadline()) is None else [due]
        if self._open is not None and not self._terms.ends:
            ends.append(self._open.triggered_at + self._terms.quiet + 1)
        return min(ends, default=None)

    def idle(self, at: int) -> bool:
        """Whether it can be forgotten: a new one would find the same from `at` on."""
        if self._open is not None or not self._machine.idle(at):
            return False
        # One that opens again has its number.
        return self._alert is None or self._alert.bucket < at // self._terms.dedup

    def saved(self) -> dict[str, Any]:
        """Its state, as JSON can hold it."""
        return {
            "machine": self._machine.saved(),
            "pending": [list(each) for each in self._pending],
            "alert": list(self._alert) if self._alert else None,
        }

    def _due(self, before: int) -> None:
        for trigger in self._machine.due(before):
            self._end_of_quiet(trigger.at)
            self._trigger(trigger)

    def _reach(self, before: int) -> None:
        self._due(before)
        self._end_of_quiet(before)
        if self._pending and self._open is None:
            since = before - self._terms.window
            if self._pending[0].at < since - self._terms.window:
                self._pending = [each for each in self._pending if each.at >= since]

    def _end_of_quiet(self, before: int) -> None:
        if self._open is not None and not self._terms.ends:
            end = self._open.triggered_at + self._terms.quiet
            if end < before:
                self._keep(self._open._replace(ended_at=end))

    def _trigger(self, trigger: Trigger) -> None:
        by, open_one = trigger.by, self._open
        if open_one is None:
            open_one = self._opened(trigger)
            for each in self._pending:
                if each.at >= trigger.since:
                    open_one = _grown(open_one, each)
            self._pending = []
        self._keep(_grown(open_one, by)._replace(triggered_at=trigger.at))

    def _opened(self, trigger: Trigger) -> Alert:
        bucket = trigger.at // self._terms.dedup
        last = self._alert
        if last is not None and last.bucket == bucket:
            return last._replace(episodes=last.episodes + 1, since=trigger.at, ended_at=NEVER, ended_by="")
        rule_id, organization, group = self._own
        return Alert(
            alert_id(rule_id, organization, group, bucket), rule_id, organization, group, bucket,
            trigger.at, trigger.at, 0, "", 0, "", 0, (), (), "", "", since=trigger.at,
        )  # fmt: skip

    def _keep(self, alert: Alert) -> None:
        self._alert = alert
        self._open = alert if alert.ended_at == NEVER else None
        self.found[alert.alert_id] = alert


def alert_of(saved: list[Any]) -> Alert:
    """The alert that was put down as JSON."""
    alert = Alert(*saved)
    return alert._replace(
        group=tuple(alert.group),
        people=tuple(alert.people),
        applications=tuple(alert.applications),
        incidents=tuple(alert.incidents),
    )


def _grown(alert: Alert, one: Occurrence) -> Alert:
    """With one event more."""
    first = alert.events == 0
    return alert._replace(
        events=alert.events + 1,
        first_at=one.at if first else alert.first_at,
        first_event=one.event_id if first else alert.first_event,
        last_at=one.at,
        last_event=one.event_id,
        people=_with(alert.people, one.subject),
        applications=_with(alert.applications, one.application),
        cause=one.cause or alert.cause,
        title=one.title,
        incidents=_with(alert.incidents, one.incident, MAX_NAMED),
    )


def _with(known: tuple[str, ...], one: str, most: int = MOST_NAMED) -> tuple[str, ...]:
    if not one or one in known or len(known) >= most:
        return known
    return (*known, one)

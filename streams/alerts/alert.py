"""Alerts: the triggers of one group of one rule, folded in order. Pure.

The id is made of the rule, the group and the time bucket (epoch-aligned, as long as the rule's `dedup`) in which the
alert opened: whoever folds the same events finds the same alert.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final, NamedTuple

from schemas.alerts import MAX_COUNTED, MAX_NAMED
from streams.alerts.kinds import machine
from streams.alerts.machine import Trigger
from streams.alerts.occurrence import Occurrence, Role
from streams.alerts.rule import MOST_WITHIN
from streams.alerts.terms import Terms

NEVER: Final = 0


class Alert(NamedTuple):
    """One problem, however many events it causes. Times are microseconds since 1970."""

    alert_id: str
    """32 hexadecimal digits."""
    rule_id: str
    organization: str
    group: tuple[str, ...]
    """The values of the rule's `group_by` fields."""
    bucket: int
    opened_at: int
    """When the rule's condition first held."""
    triggered_at: int
    """When the condition last held."""
    first_at: int
    first_event: str
    last_at: int
    last_event: str
    events: int
    """The number of distinct events."""
    people: tuple[str, ...]
    applications: tuple[str, ...]
    cause: str
    title: str
    """The last event's title."""
    episodes: int = 1
    """How often the alert opened."""
    since: int = NEVER
    """When the alert last opened."""
    ended_at: int = NEVER
    """When the condition ended; `NEVER` while it holds."""
    ended_by: str = ""
    """The id of the event that ended the condition; empty where time ended it."""
    incidents: tuple[str, ...] = ()
    """The incidents that its failures belong to, the first `schemas.alerts.MAX_NAMED` of them."""


def alert_id(rule_id: str, organization: str, group: tuple[str, ...], bucket: int) -> str:
    """Return the id of an alert. It does not depend on the rule's version, or on where and when the alert is found."""
    parts = [rule_id, organization, str(bucket), *group]
    text = "".join(f"{len(part)}:{part}" for part in parts)  # so that no two lists make one text
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


class Fold:
    """Folds the occurrences of one group, in order, into alerts. `advance` moves its time on."""

    def __init__(
        self, rule_id: str, organization: str, group: tuple[str, ...], terms: Terms, saved: dict[str, Any] | None = None
    ) -> None:
        """`saved` is what `saved()` returned, to continue from there."""
        self._own = rule_id, organization, group
        self._terms = terms
        saved = saved or {"machine": None, "pending": [], "alert": None}
        self._machine = machine(terms, saved["machine"])
        self._pending = [Occurrence(*each) for each in saved["pending"]]
        """Counted events that belong to no alert: the next alert's window may cover them."""
        self._alert = alert_of(saved["alert"]) if saved["alert"] else None
        self._open = self._alert if self._alert is not None and self._alert.ended_at == NEVER else None
        self.found: dict[str, Alert] = {}
        """Every alert that opened, grew or ended since the start, by id."""

    def feed(self, one: Occurrence) -> None:
        """Take the next occurrence in order."""
        if one.role == Role.UNTIL and self._open is None and not self._machine.moved_by_ends:
            return  # the usual case
        self._reach(one.at)
        trigger = self._machine.feed(one)
        if trigger is not None:
            self._trigger(trigger)
        elif one.role & self._machine.counted:
            if self._open is None:
                self._pending.append(one._replace(value="", title=""))  # the trigger's own value and title are used
                if len(self._pending) > MOST_WITHIN:
                    del self._pending[0]
            else:
                self._keep(_grown(self._open, one))
        if trigger is None and one.role & Role.UNTIL and self._open is not None:
            self._keep(self._open._replace(ended_at=one.at, ended_by=one.event_id))

    def advance(self, clock: int) -> None:
        """Move the time to `clock`: no occurrence up to then is still to come."""
        self._due(clock + 1)
        self._end_of_quiet(clock)

    def deadline(self) -> int | None:
        """Return when time alone next changes something."""
        ends = [] if (due := self._machine.deadline()) is None else [due]
        if self._open is not None and not self._terms.ends:
            ends.append(self._open.triggered_at + self._terms.quiet + 1)
        return min(ends, default=None)

    def idle(self, at: int) -> bool:
        """Whether this fold can be dropped: a new one would find the same alerts from `at` on."""
        if self._open is not None or not self._machine.idle(at):
            return False
        # An alert that opens again keeps its episode count.
        return self._alert is None or self._alert.bucket < at // self._terms.dedup

    def saved(self) -> dict[str, Any]:
        """Return the state as JSON values."""
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
    """Return the alert that was saved as JSON values."""
    alert = Alert(*saved)
    return alert._replace(
        group=tuple(alert.group),
        people=tuple(alert.people),
        applications=tuple(alert.applications),
        incidents=tuple(alert.incidents),
    )


def _grown(alert: Alert, one: Occurrence) -> Alert:
    """Return the alert with one more event."""
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


def _with(known: tuple[str, ...], one: str, most: int = MAX_COUNTED) -> tuple[str, ...]:
    if not one or one in known or len(known) >= most:
        return known
    return (*known, one)

"""One group of one rule, followed live: repeats count once, and late events are put in their place.

Occurrences older than fresh events can be are folded for good. The rest is kept in order, and folded again from there
when an earlier one comes. Pure: the caller passes the time.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any, Final, NamedTuple

from streams.alerts.alert import Alert, Fold, alert_of
from streams.alerts.occurrence import Occurrence
from streams.alerts.terms import Terms

MOST_GROUPS: Final = 20_000
"""Per rule and organization; further groups are left out."""
MOST_KEPT: Final = 1_000
"""Occurrences kept in order: in a busier group, those that come later than these are left out."""


class Told(NamedTuple):
    """An alert as it is to be published now."""

    alert: Alert
    withdrawn: bool = False
    """Whether late events showed that there was no such alert, or that it belongs to an earlier one."""


class Group:
    """The alerts of one group, in whatever order its occurrences come."""

    def __init__(
        self, rule_id: str, organization: str, group: tuple[str, ...], terms: Terms, saved: dict[str, Any] | None = None
    ) -> None:
        """`saved` is what `saved()` returned, to continue from there."""
        self._own = rule_id, organization, group, terms
        self._stale = saved is not None
        saved = saved or {"folded": None, "until": (0, ""), "kept": [], "told": [], "settled": [], "clock": 0}
        self._folded: dict[str, Any] | None = saved["folded"]
        self._until: tuple[int, str] = tuple(saved["until"])
        """The last occurrence that is folded for good."""
        self._settled = {alert.alert_id: alert for alert in map(alert_of, saved["settled"])}
        """Alerts of what was folded for good, until they are published."""
        self._kept = [Occurrence(*each) for each in saved["kept"]]
        self._by_id = {each.event_id: each for each in self._kept}
        self._clock: int = saved["clock"]
        self._told = {alert.alert_id: alert for alert in map(alert_of, saved["told"])}
        self._unsure: set[str] = set()
        """Alerts that may or may not have been published as they are."""
        self._head = Fold(*self._own)

    def doubt(self, alert: Alert) -> None:
        """Publish this alert anew, as it is now: it may have been published in this form."""
        self._told[alert.alert_id] = alert
        self._unsure.add(alert.alert_id)

    def take(self, one: Occurrence) -> bool:
        """Take an occurrence, in any order. Returns whether it counted: repeats and those that come too late do not."""
        if one[:2] <= self._until:
            return False
        same = self._by_id.get(one.event_id)
        if same is not None:
            if one.version <= same.version:
                return False
            self._kept.remove(same)
            self._stale = True
        late = bool(self._kept) and one[:2] < self._kept[-1][:2]
        if late or one.at <= self._clock:
            self._stale = True
        insort(self._kept, one)
        self._by_id[one.event_id] = one
        if not self._stale:
            self._head.feed(one)
        if len(self._kept) > MOST_KEPT:
            self._settle(MOST_KEPT // 2)
        return True

    def advance(self, clock: int) -> None:
        """Move the time to `clock`; what comes for earlier times is late."""
        self._clock = max(self._clock, clock)
        if not self._stale:
            self._head.advance(self._clock)

    @property
    def kept(self) -> tuple[Occurrence, ...]:
        """Return the occurrences that are not folded for good."""
        return tuple(self._kept)

    def settle(self, before: int) -> bool:
        """Fold for good the occurrences before `before`, when nothing earlier can come. Returns whether there were
        any."""
        count = bisect_left(self._kept, (before,))
        if count:
            self._settle(count)
        return count > 0

    def _settle(self, count: int) -> None:
        fold = Fold(*self._own, self._folded)
        over = set(self._last_folded())
        for one in self._kept[:count]:
            fold.feed(one)
            del self._by_id[one.event_id]
        self._folded = fold.saved()
        self._settled |= fold.found
        over |= fold.found.keys()
        for alert_id in over - set(self._last_folded()):  # the last may still change
            self._head.found.pop(alert_id, None)
        self._until = self._kept[count - 1][:2]
        self._kept = self._kept[count:]

    def changes(self) -> list[Told]:
        """Return the alerts that changed since the last call."""
        head = self._run()
        now = self._settled | self._last_folded() | head.found
        changed = [
            Told(alert)
            for alert_id, alert in now.items()
            if alert_id in self._unsure or self._told.get(alert_id) != alert
        ]
        changed += [
            Told(alert, withdrawn=True)
            for alert_id, alert in self._told.items()
            if alert_id not in now and alert.triggered_at >= self._until[0]
        ]
        self._told, self._settled, self._unsure = now, {}, set()
        return changed

    def deadline(self) -> int | None:
        """Return when time alone next changes something."""
        return self._run().deadline()

    def idle(self, at: int) -> bool:
        """Whether the group can be dropped."""
        return not self._kept and self._run().idle(at)

    def saved(self) -> dict[str, Any]:
        """Return the state as JSON values."""
        return {
            "folded": self._folded,
            "until": self._until,
            "kept": [list(each) for each in self._kept],
            "told": [list(each) for each in self._told.values()],
            "settled": [list(each) for each in self._settled.values()],
            "clock": self._clock,
        }

    def _last_folded(self) -> dict[str, Alert]:
        """Return the last alert of what was folded for good, by its id, if any: what comes may still change it."""
        if self._folded is None or self._folded["alert"] is None:
            return {}
        alert = alert_of(self._folded["alert"])
        return {alert.alert_id: alert}

    def _run(self) -> Fold:
        if self._stale:
            self._head = Fold(*self._own, self._folded)
            for one in self._kept:
                self._head.feed(one)
            self._head.advance(self._clock)
            self._stale = False
        return self._head

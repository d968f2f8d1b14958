"""The kinds of rules and their alerts once more, slowly and as docs/rules.md says them: what the code is held against.

Everything is worked out from the whole set of occurrences, again and again; nothing here is shared with the code but
the values that go in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median_low
from typing import Any, NamedTuple

from streams.alerts.occurrence import Occurrence, Role
from streams.alerts.rule import RuleKind
from streams.alerts.terms import Terms

HOUR = 3_600_000_000
DAY = 24 * HOUR
MOST = 10_000
"""Matches that a window holds, the last; and that wait for what should follow, the first."""
WINDOWED = {RuleKind.THRESHOLD, RuleKind.DISTINCT, RuleKind.RATIO, RuleKind.MASS}


class Moment(NamedTuple):
    at: int
    later: int
    """1: what time brings comes after the events of its instant."""
    event: Occurrence
    triggers: bool
    covers: int


class Expected(NamedTuple):
    """Every field of an alert but its id and whose it is."""

    bucket: int
    opened_at: int
    triggered_at: int
    first_at: int
    first_event: str
    last_at: int
    last_event: str
    events: int
    people: tuple[str, ...]
    applications: tuple[str, ...]
    cause: str
    title: str
    episodes: int
    since: int
    ended_at: int
    ended_by: str
    incidents: tuple[str, ...]


def expected_alerts(terms: Terms, occurrences: Iterable[Occurrence], clock: int) -> list[Expected]:
    events = in_order(occurrences)
    moments = sorted([*prompt(terms, events), *deferred(terms, events, clock)], key=lambda m: (m.at, m.later, m.event))
    found: list[dict[str, Any]] = []
    uncounted: list[Occurrence] = []
    for moment in moments:
        end_of_quiet(terms, found, moment.at)
        alert = found[-1] if found and not found[-1]["ended_at"] else None
        counts = bool(moment.event.role & (Role.FAILED if terms.kind is RuleKind.RATIO else Role.MATCH))
        counts = counts and terms.kind in WINDOWED and not moment.later
        if moment.triggers:
            if alert is None:
                bucket = moment.at // terms.dedup
                if found and found[-1]["bucket"] == bucket:
                    alert = found[-1]
                    alert.update(episodes=alert["episodes"] + 1, since=moment.at, ended_at=0, ended_by="")
                else:
                    alert = {"bucket": bucket, "opened_at": moment.at, "since": moment.at, "events": [], "episodes": 1}
                    alert |= {"ended_at": 0, "ended_by": ""}
                    found.append(alert)
                alert["events"] += [one for one in uncounted if one.at >= moment.covers]
                uncounted = []
            alert["events"].append(moment.event)
            alert["triggered_at"] = moment.at
        elif counts:
            (uncounted if alert is None else alert["events"]).append(moment.event)
            uncounted = uncounted[-MOST:]
        if not moment.triggers and moment.event.role & Role.UNTIL and not moment.later and alert is not None:
            alert.update(ended_at=moment.at, ended_by=moment.event.event_id)
    end_of_quiet(terms, found, clock)
    return [shown(alert) for alert in found]


def in_order(occurrences: Iterable[Occurrence]) -> list[Occurrence]:
    best: dict[str, Occurrence] = {}
    for one in occurrences:
        if one.event_id not in best or one.version > best[one.event_id].version:
            best[one.event_id] = one
    return sorted(best.values(), key=lambda one: (one.at, one.event_id))


def end_of_quiet(terms: Terms, found: list[dict[str, Any]], at: int) -> None:
    if found and not found[-1]["ended_at"] and not terms.ends and found[-1]["triggered_at"] + terms.quiet < at:
        found[-1]["ended_at"] = found[-1]["triggered_at"] + terms.quiet


def shown(alert: dict[str, Any]) -> Expected:
    events = alert["events"]
    return Expected(
        alert["bucket"],
        alert["opened_at"],
        alert["triggered_at"],
        events[0].at,
        events[0].event_id,
        events[-1].at,
        events[-1].event_id,
        len(events),
        first_seen(one.subject for one in events),
        first_seen(one.application for one in events),
        ["", *(one.cause for one in events if one.cause)][-1],
        events[-1].title,
        alert["episodes"],
        alert["since"],
        alert["ended_at"],
        alert["ended_by"],
        first_seen(one.incident for one in events)[:20],
    )


def first_seen(values: Iterable[str]) -> tuple[str, ...]:
    """Each once, in order: the first thousand."""
    return tuple(dict.fromkeys(value for value in values if value))[:1_000]


def prompt(terms: Terms, events: Sequence[Occurrence]) -> Iterable[Moment]:
    """Every event, and whether the rule's condition holds with it."""
    for place, one in enumerate(events):
        before = events[: place + 1]
        matches = [each for each in before if each.role & Role.MATCH]
        within = [each for each in matches if each.at > one.at - terms.window][-MOST:]
        is_match = bool(one.role & Role.MATCH)
        holds, covers = False, one.at
        if terms.kind is RuleKind.MATCH:
            holds = is_match
        elif terms.kind is RuleKind.THRESHOLD:
            holds, covers = is_match and len(within) >= terms.threshold, one.at - terms.window + 1
        elif terms.kind is RuleKind.DISTINCT:
            different = {each.value for each in within} - {""}
            holds = is_match and one.value != "" and len(different) >= terms.threshold
            covers = one.at - terms.window + 1
        elif terms.kind is RuleKind.RATIO:
            failed = [each for each in within if each.role & Role.FAILED]
            holds = is_match and bool(one.role & Role.FAILED) and len(within) >= terms.minimum
            holds = holds and len(failed) / len(within) >= terms.ratio
            covers = one.at - terms.window + 1
        elif terms.kind is RuleKind.SEQUENCE:
            earlier = [each for each in events[:place] if each.role & Role.MATCH]
            undone = [each for each in events[:place] if each.role & Role.UNTIL]
            holds = bool(one.role & Role.THEN) and any(
                each.at >= one.at - terms.window and not any(each[:2] < end[:2] for end in undone) for each in earlier
            )
        elif terms.kind is RuleKind.NEW:
            known = {each.value for each in matches[:-1]} if is_match else set()
            holds = is_match and one.value not in known | {""} and one.at > matches[0].at + terms.learn
        elif terms.kind is RuleKind.MASS:
            holds = is_match and one.subject != "" and len(busy(matches, one)) >= needed(terms, matches, one)
            covers = one.at - HOUR + 1
        yield Moment(one.at, 0, one, holds, covers)


def busy(matches: Sequence[Occurrence], one: Occurrence) -> set[str]:
    within = [each for each in matches if one.at - HOUR < each.at and each[:2] <= one[:2]]
    return {each.subject for each in within[-MOST:]} - {""}


def needed(terms: Terms, matches: Sequence[Occurrence], one: Occurrence) -> float:
    if one.at - matches[0].at <= 7 * DAY:
        return terms.threshold
    day = one.at // DAY
    usual = []
    for each_day in range(max(day - 28, matches[0].at // DAY), day):
        usual.append(max((len(busy(matches, each)) for each in matches if each.at // DAY == each_day), default=0))
    return min(max(terms.threshold, terms.multiple * median_low(usual)), MOST)


def deferred(terms: Terms, events: Sequence[Occurrence], clock: int) -> Iterable[Moment]:
    """What nothing followed in time."""
    if terms.kind not in (RuleKind.ABSENCE, RuleKind.SILENCE):
        return
    follows = Role.THEN | Role.UNTIL if terms.kind is RuleKind.ABSENCE else Role.MATCH
    waiting: list[Occurrence] = []
    for place, one in enumerate(events):
        waiting = [each for each in waiting if each.at + terms.window >= one.at]
        if one.role & follows:
            waiting = []
        if not one.role & Role.MATCH or len(waiting) == MOST:
            continue
        waiting.append(one)
        end = one.at + terms.window
        answered = any(each.role & follows and each.at <= end for each in events[place + 1 :])
        # Something later shows as well as a clock that the time is over.
        over = clock >= end or any(each.at > end for each in events)
        if over and not answered:
            yield Moment(end, 1, one, True, one.at)

"""Decides what to send to whom now, from the log and the time. Pure: the same log and time give the same plan.

Its state is on the log alone, so a restart continues where the last process was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import reduce
from hashlib import blake2b
from itertools import pairwise
from typing import Final, NamedTuple

from schemas.alerts import Detected, Detection, Severity
from streams.alerts.delivery.destinations import DELIVERY_FAILING, Destination, Destinations
from streams.alerts.delivery.ledger import HOUR, Answers, Ledger
from streams.alerts.delivery.story import Occasion, Story, Tries

GATHER: Final = timedelta(seconds=5)
"""People receive a message this long after the first new occasion, with all that came meanwhile."""
FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(hours=1)
JITTER: Final = 0.5
"""A wait is longer by up to this fraction of it."""
GIVE_UP: Final = timedelta(hours=24)
FAILING_AFTER: Final = timedelta(minutes=15)
"""A destination that has accepted nothing for this long is itself an alert."""
ROUND: Final = 100
"""The most messages to one destination in one plan: the next plan sees what people did meanwhile."""

_VERSION: Final = "0" * 16


class Item(NamedTuple):
    """One occasion that is due for one destination."""

    partition: int
    alert: Detected
    occasion: Occasion
    attempt: int


class Message(NamedTuple):
    """One message to a destination, about one organization."""

    destination: str
    items: tuple[Item, ...]
    full_until: datetime | None
    """With this message the destination reaches its limit for the hour; no other comes before this time."""


class Plan(NamedTuple):
    """A plan of what to do now."""

    messages: list[Message]
    reports: list[Detected]
    """Alerts about destinations."""
    done: list[tuple[int, str]]
    """Alerts, with their partitions, that need no look until another record of them comes."""
    wake: datetime | None
    """When to plan again if no record comes before."""


class _Due(NamedTuple):
    at: datetime
    item: Item


def make_plan(
    ledgers: Mapping[int, Ledger], destinations: Destinations, now: datetime, busy: Collection[str] = ()
) -> Plan:
    """Plan from the ledgers by partition. Nothing more is planned for destinations that are `busy`."""
    due: dict[str, list[_Due]] = {destination.name: [] for destination in destinations}
    wakes: list[datetime] = []
    done: list[tuple[int, str]] = []
    for partition, ledger in ledgers.items():
        for alert_id in ledger.watched:
            story = ledger.stories[alert_id]
            found = list(_pending(partition, story, destinations, now))
            for name, one in found:
                due[name].append(one)
            opens = story.opens_at(now)
            if opens is not None:
                wakes.append(opens)
            elif not found:
                done.append((partition, alert_id))
    messages: list[Message] = []
    gone = (report for report in _reported(ledgers.values()) if report.group["destination"] not in destinations)
    reports = [_over(report, now) for report in gone]
    for destination in destinations:
        answers = reduce(Answers.and_those, (led.answers[destination.name] for led in ledgers.values()), Answers())
        reports += _reports(ledgers.values(), destination, answers, due[destination.name], now)
        if destination.name not in busy and due[destination.name]:
            found_now, wake = _messages(destination, answers, due[destination.name], now)
            messages += found_now
            wakes.append(wake)
            if answers.failed and now < min(answers.failed) + FAILING_AFTER:
                wakes.append(min(answers.failed) + FAILING_AFTER)
    return Plan(messages, reports, done, min(wakes, default=None))


def wait_after(count: int, seed: str) -> timedelta:
    """Return the wait after `count` failed tries: longer each time, and different for different seeds."""
    base = min(FIRST_WAIT * (1 << min(count - 1, 20)), LONGEST_WAIT)
    drawn = int.from_bytes(blake2b(f"{seed} {count}".encode(), digest_size=4).digest()) / 2**32
    return base * (1 + JITTER * drawn)


def _pending(partition: int, story: Story, destinations: Destinations, now: datetime) -> Iterable[tuple[str, _Due]]:
    """Yields what is still due of one alert, with the destination and the time."""
    alert = story.detected
    if alert is None or not (occasions := story.occasions(now)):
        return
    for destination in destinations.of(alert):
        opening: datetime | None = None
        """When the end may be sent: once the opening was sent, or together with it."""
        for occasion in occasions:
            tries = story.told.get((destination.name, occasion.name)) if story.told else None
            if tries is not None and tries.succeeded:
                opening = tries.last
                continue
            if not (occasion.known or tries):
                continue
            at = _when(destination, occasion, tries, now)
            if occasion.kind == "ended" and at is not None:
                at = None if opening is None else max(at, opening)
            if at is None:
                continue
            yield destination.name, _Due(at, Item(partition, alert, occasion, tries.number + 1 if tries else 1))
            if destination.one_by_one:
                break  # one occasion after the other
            opening = at


def _when(destination: Destination, occasion: Occasion, tries: Tries | None, now: datetime) -> datetime | None:
    """Return when to send to a destination next; None for never."""
    begin = min(occasion.begin, now)  # the broker's clock may be ahead of ours
    if tries is not None:
        if now >= max(tries.first, begin) + GIVE_UP:  # no try was sooner, though a clock that was behind may say so
            return None
        return destination.released(tries.last + wait_after(tries.number, f"{destination.name} {tries.last}"))
    at = destination.released(begin)
    if not occasion.stands and now >= at + GIVE_UP:
        return None  # nothing ran to send it, and it is over
    after_quiet = destination.released(now)
    return after_quiet if at <= now < after_quiet else at


def _messages(
    destination: Destination, answers: Answers, due: list[_Due], now: datetime
) -> tuple[list[Message], datetime]:
    ready = max(now, answers.not_before)
    if answers.failed:
        last = max(answers.failed)
        ready = max(ready, last + wait_after(_rounds(answers.failed), f"{destination.name} {last}"))
    sent = sorted(at for at in answers.sent if at > now - HOUR)
    room = ROUND if destination.per_hour is None else destination.per_hour - len(sent)
    if room <= 0:
        ready = max(ready, sent[-(destination.per_hour or 1)] + HOUR)
    elif not destination.one_by_one and not answers.failed:
        ready = max(
            ready, min(one.at for one in due) + (GATHER if all(one.item.attempt == 1 for one in due) else timedelta())
        )
    now_due = sorted((one.item for one in due if one.at <= now), key=_order)
    if ready > now or not now_due:
        return [], max(ready, min(one.at for one in due))
    pieces = [(item,) for item in now_due] if destination.one_by_one else _by_organization(now_due)
    # A destination that does not answer is tried with one message until it does.
    pieces = pieces[: 1 if answers.failed else min(room, ROUND)]
    found = [Message(destination.name, items, None) for items in pieces]
    if destination.per_hour is not None and len(found) == room and not destination.one_by_one:
        found[-1] = found[-1]._replace(full_until=(sent[0] if sent else now) + HOUR)
    return found, now


def _by_organization(items: list[Item]) -> list[tuple[Item, ...]]:
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.alert.organization, []).append(item)
    return [tuple(sorted(its, key=lambda item: _order(item)[1:])) for its in found.values()]


def _rounds(failed: Collection[datetime]) -> int:
    """Counts the rounds of failed tries: tries made at the same time count once."""
    return 1 + sum(later - sooner >= FIRST_WAIT for sooner, later in pairwise(sorted(failed)))


def _order(item: Item) -> tuple[int, datetime, str, bool]:
    """Sort key: new items go first, so that one refused message holds up no other."""
    return item.attempt, item.occasion.begin, item.alert.alert_id, item.occasion.kind == "ended"


def _reports(
    ledgers: Iterable[Ledger], destination: Destination, answers: Answers, due: list[_Due], now: datetime
) -> Iterable[Detected]:
    """Yields the alerts that a destination fails, one for each organization with waiting alerts, and the ends of those
    that are over.

    The alert of a day is one: it opens again when the destination fails again.
    """
    if answers.failed and now - min(answers.failed) >= FAILING_AFTER:
        waiting: dict[str, list[Item]] = {}
        for one in due:
            if one.item.attempt > 1:
                waiting.setdefault(one.item.alert.organization, []).append(one.item)
        for organization, items in waiting.items():
            report = _failing(organization, destination, min(answers.failed), items, now)
            stories = (ledger.stories.get(report.alert_id) for ledger in ledgers)
            before = next((story.detected for story in stories if story and story.detected), None)
            if before is None:
                yield report
            elif before.detection is Detection.ENDED:
                again = {"opened_at": before.opened_at, "episodes": before.episodes + 1}
                yield report.model_copy(update=again)
    if not answers.failed:
        for report in _reported(ledgers):
            if report.group["destination"] == destination.name and answers.succeeded > report.triggered_at:
                yield _over(report, answers.succeeded)


def _reported(ledgers: Iterable[Ledger]) -> Iterable[Detected]:
    """Yields the reports that have not ended."""
    for ledger in ledgers:
        for alert_id in ledger.reported:
            found = ledger.stories[alert_id].detected
            if found is not None and found.detection is Detection.OPEN:
                yield found


def _over(report: Detected, at: datetime) -> Detected:
    return report.model_copy(update={"detection": Detection.ENDED, "ended_at": at})


def _failing(
    organization: str, destination: Destination, since: datetime, items: list[Item], now: datetime
) -> Detected:
    """Return the report that a destination fails: one a day and destination, with the same id whoever finds it."""
    about = f"{DELIVERY_FAILING}\n{organization}\n{destination.name}\n{since.date()}"
    first, last = items[0].alert, items[-1].alert
    return Detected(
        alert_id=blake2b(about.encode(), digest_size=16).hexdigest(),
        organization=organization,
        rule_id=DELIVERY_FAILING,
        rule_version=_VERSION,
        severity=Severity.CRITICAL,
        title=f"The destination {destination.name} cannot be told of alerts",
        description="It has taken nothing for a quarter of an hour. What it is not told within 24 hours is given up.",
        remedy="Read the tries of its alerts (idtrail alerts show), mend what they name, then run "
        f"idtrail destinations test {destination.name}.",
        cause="",
        group={"destination": destination.name},
        staging=False,
        owner="",
        destinations=(),
        detection=Detection.OPEN,
        opened_at=since,
        since=since,
        triggered_at=now,
        ended_at=None,
        ended_by=None,
        episodes=1,
        events=len(items),
        first_at=since,
        first_event=first.first_event,
        last_at=now,
        last_event=last.last_event,
        people=0,
        people_named=(),
        applications=(),
    )

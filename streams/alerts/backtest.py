"""Backtests: the alerts that rules would have made of the stored events, had they been in force.

Uses the same fold as live detection. It reads all events, each by its copy in force; where the result is compared with
the alerts of live detection, it reads fresh events alone. This process reads the store in pieces; child processes
evaluate one share of the rules each, so that all cores work and the serving process keeps answering.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from queries.alerts.evidence import PastEvents, disputed, minutes_of, read_evidence, told_of
from queries.store import Store
from schemas.alerts import Detected, Detection
from schemas.facts import Facts
from schemas.times import to_microseconds
from streams.alerts.alert import NEVER, Alert
from streams.alerts.detection import Detector, LeftOut, in_order
from streams.alerts.index import Rules
from streams.alerts.loading import read_rule
from streams.alerts.seen import Seen
from streams.child import Child, children_at_once

PIECE_EVENTS: Final = 50_000
"""The most events read at once, unless one minute alone holds more."""

_MICROS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Question:
    """The rules to test, and the events to test them on. Rules are passed as text; each child parses them again."""

    rules: tuple[str, ...]
    against: tuple[str, ...]
    organization: str
    """Empty for every organization."""
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """The alerts that the tested rules make, and those they are compared with."""

    events: int
    fresh: int
    """How many of the events live detection had."""
    alerts: list[Alert]
    """The alerts made of all events."""
    before: str
    """What `after` is compared with: `rules` or `told`."""
    after: list[Alert]
    """The alerts to compare with `before`: the same as `alerts`, or those of fresh events where `before` is `told`."""
    against: list[Alert]
    left_out: dict[str, LeftOut]
    """By rule: what is missing from these alerts, on the side that lacks more."""


class Backtest:
    """One backtest: `run()` once; `done` and `total` show the progress in events."""

    def __init__(self, store: Store, question: Question) -> None:
        """Raises `BadRule` for a text that is not a rule."""
        self._store = store
        self._question = question
        rules = Rules(read_rule(text, "rule") for text in question.rules)
        against = Rules(read_rule(text, "rule") for text in question.against)
        self._rule_ids = [watched.rule.id for watched in rules]
        types = tuple(sorted(rules.other_types() | against.other_types()))
        since, until = to_microseconds(question.since), to_microseconds(question.until)
        self._evidence = PastEvents(question.organization or None, types, since, until)
        self._with_body = rules.reads_events or against.reads_events
        self.done = self.total = 0

    async def run(self) -> Found:
        """Run the backtest. Raises `StoreAway`, and `Fatal` when a child ends unexpectedly."""
        shares = _shares(self._question, children_at_once())
        children = [Child(_serve, share, "idtrail-backtest") for share in shares]
        try:
            minutes = await asyncio.to_thread(minutes_of, self._store, self._evidence)
            self.total = sum(count for _, count in minutes)
            await _tell(children, await asyncio.to_thread(disputed, self._store, self._evidence))
            for since, until in pieces(minutes, self._evidence):
                piece = self._evidence._replace(since=since, until=until)
                table = await asyncio.to_thread(read_evidence, self._store, piece, with_body=self._with_body)
                await _tell(children, table)
                self.done += table.num_rows
            await _tell(children, None)
            parts = await asyncio.gather(*(asyncio.to_thread(child.receive) for child in children))
        finally:
            for child in children:
                child.close()
        events, fresh, *_ = parts[0]
        alerts, others = (in_order(alert for part in parts for alert in part[which]) for which in (2, 3))
        left_out = _most(left for part in parts for left in part[4])
        if self._question.against:
            return Found(events, fresh, alerts, "rules", alerts, others, left_out)
        return Found(events, fresh, alerts, "told", others, await asyncio.to_thread(self._told), left_out)

    def _told(self) -> list[Alert]:
        """Return the alerts of these rules that live detection published."""
        told = told_of(self._store, self._evidence, self._rule_ids)
        return [_alert_of(each) for each in told if each.detection is not Detection.WITHDRAWN]


def pieces(minutes: Sequence[tuple[int, int]], evidence: PastEvents) -> Iterator[tuple[int, int]]:
    """Cut the range into stretches of few events each, at whole minutes except for the ends of the range."""
    begin, events = evidence.since, 0
    for minute, count in minutes:
        at = minute * _MICROS
        if events and events + count > PIECE_EVENTS:
            yield begin, at
            begin, events = at, 0
        events += count
    if events:
        yield begin, evidence.until


def _alert_of(told: Detected) -> Alert:
    return Alert(
        told.alert_id,
        told.rule_id,
        told.organization,
        tuple(told.group.values()),
        0,  # of published alerts only the id is known
        to_microseconds(told.opened_at),
        to_microseconds(told.triggered_at),
        to_microseconds(told.first_at),
        told.first_event.hex if told.first_event else "",
        to_microseconds(told.last_at),
        told.last_event.hex if told.last_event else "",
        told.events,
        told.people_named,
        told.applications,
        told.cause,
        told.title,
        told.episodes,
        to_microseconds(told.since),
        NEVER if told.ended_at is None else to_microseconds(told.ended_at),
    )


@dataclass(frozen=True, slots=True)
class _Share:
    """The rules of one child."""

    rules: tuple[str, ...]
    against: tuple[str, ...] | None
    """None where the alerts are compared with those that live detection published."""
    until: datetime


def _shares(question: Question, count: int) -> list[_Share]:
    """Return at most `count` shares, none of them without rules."""
    count = max(1, min(count, max(len(question.rules), len(question.against))))
    return [
        _Share(question.rules[n::count], question.against[n::count] if question.against else None, question.until)
        for n in range(count)
    ]


async def _tell(children: Sequence[Child], what: object) -> None:
    await asyncio.gather(*(asyncio.to_thread(child.send, what) for child in children))


def _serve(pipe: Connection, share: _Share) -> None:
    rules = Rules(read_rule(text, "rule") for text in share.rules)
    against = None if share.against is None else Rules(read_rule(text, "rule") for text in share.against)
    after, before = Detector(rules), Detector(rules if against is None else against)
    best: dict[bytes, int] = pipe.recv()
    events = live = 0
    while (table := pipe.recv()) is not None:
        for seen, fresh in seen_in(table):
            if best and best.get(seen.event_id, seen.version) != seen.version:
                continue
            events, live = events + 1, live + fresh
            kept = rules.kept(seen)
            after.take(seen.organization, kept)
            if against is not None:
                before.feed(seen)
            elif fresh:
                before.take(seen.organization, kept)
    clock = to_microseconds(share.until)
    found = after.alerts(clock), before.alerts(clock)
    pipe.send((events, live, *found, (after.left_out(), before.left_out())))


def _most(sides: Iterable[dict[str, LeftOut]]) -> dict[str, LeftOut]:
    most: dict[str, LeftOut] = {}
    for side in sides:
        most |= {rule_id: max(left, most.get(rule_id, left)) for rule_id, left in side.items()}
    return most


def seen_in(table: pa.Table) -> Iterator[tuple[Seen, bool]]:
    """Yields the stored rows as rules see them, in order, each with whether it was fresh."""
    # ClickHouse orders ids differently.
    ids: Any = table["event_id"].combine_chunks()
    keys = pa.table({"at": table["at"], "id": ids.storage})
    order = pc.sort_indices(keys, sort_keys=[("at", "ascending"), ("id", "ascending")])
    table, keys = table.take(order), keys.take(order)
    told = zip(*(_values(table, name) for name in Facts._fields), strict=True)
    seen = map(
        Seen, _values(table, "organization"), _values(keys, "id"), _values(keys, "at"), _values(table, "known_ms"),
        _values(table, "version"), map(Facts._make, told), _values(table, "incident_id"),
        map(bool, _values(table, "drifted")), table["body"].cast(pa.binary()).to_pylist(),
    )  # fmt: skip
    return zip(seen, _values(table, "fresh"), strict=True)


def _values(table: pa.Table, name: str) -> list[Any]:
    column: Any = table[name]
    if pa.types.is_list(column.type):
        return [tuple(each) for each in column.to_pylist()]
    if pa.types.is_fixed_size_binary(column.type):
        found: list[Any] = column.to_numpy().tolist()  # `to_pylist` is forty times slower
        return found
    values: list[Any] = column.to_pylist()
    return values

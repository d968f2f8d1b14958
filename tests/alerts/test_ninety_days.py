"""Ninety simulated days through the whole pack: a backtest finds what the plain reference finds, live the same."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import NamedTuple

import pytest

from producers.simulation import Pace
from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from queries.store import Store
from schemas.alerts import Detected, Detection, seal_record
from schemas.times import TimeQuality, to_microseconds
from streams.alerts.alert import Alert
from streams.alerts.backtest import Backtest, Question
from streams.alerts.fresh import LATENESS, MARGIN
from streams.alerts.group import Told
from streams.alerts.index import Rules
from streams.alerts.live import Live
from streams.alerts.loading import shipped_rules, texts_in_force
from streams.alerts.record import detected, version_of
from streams.alerts.seen import Seen, seen_of
from streams.alerts.terms import HOUR, MICROSECOND
from streams.forwarded import read_forwarded
from streams.rows import decode_events, read
from tests.alerts.ninety_days import END, START, Arrivals, ninety_days
from tests.alerts.plain_rules import Found, expected_of
from tests.alerts.reference import Expected
from tests.alerts.test_live import Entries
from tests.records import Record, seen_in

HORIZON = timedelta(hours=24)
PACK = shipped_rules()
CLOCK = to_microseconds(END)
LATE = LATENESS // MICROSECOND


class Size(NamedTuple):
    people: int
    pace: Pace
    seeds: tuple[int, ...]
    """An organization each."""
    found: int
    """More alerts than this."""


def logged(size: Size) -> list[Record]:
    arrivals = Arrivals(size.seeds[0])
    for seed in size.seeds:
        for event in ninety_days(seed, size.people, size.pace):
            arrivals.add(event)
    return arrivals.records()


def referred(records: list[Record]) -> tuple[Found, Found]:
    """By the reference, of the copies in force: of all, and of those that are fresh."""
    best: dict[bytes, Seen] = {}
    is_fresh: dict[bytes, bool] = {}
    for record in records:
        *_, moment, known_at = read(record)
        seen = seen_in(record)
        assert (seen is None) is (moment.quality is not TimeQuality.OK)
        if seen is not None and (seen.event_id not in best or seen.version > best[seen.event_id].version):
            best[seen.event_id], is_fresh[seen.event_id] = seen, known_at - moment.at <= HORIZON
    fresh = [seen for own, seen in best.items() if is_fresh[own]]
    return expected_of(PACK, best.values(), CLOCK), expected_of(PACK, fresh, CLOCK)


async def backtested(store: Store, records: list[Record]) -> tuple[list[Alert], list[Alert]]:
    """By a backtest: of all events, and of the fresh ones."""
    rows = decode_events(records, HORIZON).rows
    store.insert_arrow("events", batch(rows, EVENTS_ARROW_SCHEMA), "events")
    question = Question(tuple(texts_in_force()), (), "", START - timedelta(days=400), END)
    found = await Backtest(store, question).run()
    assert found.fresh < found.events < len(records)
    return found.alerts, found.after


def shown(alerts: list[Alert]) -> Found:
    made = {
        (one.rule_id, one.organization, one.group, one.bucket): Expected(
            *(getattr(one, name) for name in Expected._fields)
        )
        for one in alerts
    }
    assert len(made) == len(alerts) == len({one.alert_id for one in alerts})
    return made


def lived(records: list[Record], seed: int) -> list[bytes]:
    """By a live run with a clock of its own, that begins anew from its table now and then: of each alert what is told
    last, those left out that are taken back."""
    rules, draw = Rules(PACK), random.Random(seed)
    forward = decode_events(records, HORIZON, also=rules.other_types()).forward
    table, told, restarts = Entries(), list[Detected](), 0
    live, offsets, clock = Live(rules, table, HORIZON + MARGIN), Counter[int](), 0
    partitions: dict[bytes, int] = {}

    def tell(now: int) -> None:
        for partition in offsets:
            live.advance(partition, now - LATE)
        told.extend(live.changes(now / 1e6))
        live.write()

    for produced in forward:
        forwarded = read_forwarded(produced.value, dict(produced.headers))
        now = forwarded.known_ms * 1_000
        while clock and now - clock > HOUR:  # nothing comes for hours, or for a year
            clock += max(HOUR, (now - clock) // 48)
            tell(clock)
            live.forget()
        clock = now
        partition = partitions.setdefault(produced.key, len(partitions))
        seen = seen_of(forwarded)
        if seen is not None:
            live.take(partition, offsets[partition], seen)
        offsets[partition] += 1
        chance = draw.random()
        if chance < 0.5:
            tell(clock)
        if chance < 0.01:
            live, restarts = Live(rules, table, HORIZON + MARGIN), restarts + 1
            list(live.restore(set(offsets)))
    while clock < CLOCK:
        clock += HOUR
        tell(clock)
        live.forget()
    tell(CLOCK + LATE)
    assert restarts > 10
    assert len(partitions) == len({record.key.split(b"|")[0] for record in records if record.key})
    last = {one.alert_id: one for one in told}
    return sorted(seal_record(one).value for one in last.values() if one.detection is not Detection.WITHDRAWN)


@pytest.mark.store
@pytest.mark.parametrize(
    "size",
    [
        pytest.param(Size(36, Pace(edits=0.02, touches=0.1, sign_ins=0.1, admin_acts=2), (1,), 40), id="a small one"),
        pytest.param(
            Size(60, Pace(edits=0.2, touches=1.5, sign_ins=0.3, admin_acts=4), (2, 3), 100),
            marks=[pytest.mark.soak, pytest.mark.timeout(1_800)],
            id="two busy ones",
        ),
    ],
)
async def test_reference_backtest_and_live_run_find_the_same_alerts(store: Store, size: Size) -> None:
    records = logged(size)
    every, fresh = await backtested(store, records)
    expected, expected_fresh = referred(records)
    assert shown(every) == expected
    silent = {rule.id for rule in PACK} - {rule_id for rule_id, *_ in expected}
    assert not silent, "tests/alerts/ninety_days.py has nothing for these rules to find"
    assert len(expected) > size.found
    assert shown(fresh) == expected_fresh != expected
    rules = {rule.id: rule for rule in PACK}
    as_told = [detected(rules[one.rule_id], version_of(rules[one.rule_id]), Told(one)) for one in fresh]
    assert lived(records, size.seeds[0]) == sorted(seal_record(one).value for one in as_told)

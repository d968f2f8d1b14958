"""Backtests over a store: the alerts of the shipped rules over a simulated time are those of the events themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import Pipe

import orjson
import pytest

from producers.simulation import load
from queries.alerts.evidence import PastEvents, read_evidence
from queries.arrow import ALERT_RECORDS_ARROW_SCHEMA, EVENTS_ARROW_SCHEMA, batch
from queries.store import Store
from schemas.alerts import seal_record
from schemas.envelope import Source, Trust, seal
from schemas.times import to_microseconds
from streams.alert_records import decode_alerts
from streams.alerts.backtest import Backtest, Found, Question, _most, _serve, _Share, pieces
from streams.alerts.comparison import compare
from streams.alerts.detection import LeftOut, detect
from streams.alerts.group import Told
from streams.alerts.index import Rules
from streams.alerts.loading import read_rule, shipped_rules, texts_in_force
from streams.alerts.record import detected
from streams.alerts.seen import Seen
from streams.rows import Row, decode_events, read
from tests.records import Record, record_of, seen_in
from tests.records import event as provisioned

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 20
END = START + timedelta(days=DAYS + 2)
HORIZON = timedelta(hours=24)
STRICT = """
id: any-failure
title: "{subject_name}"
severity: low
description: d
remedy: r
kind: match
match: {outcome: [failure], where: 'has(event.changes)'}
group_by: [application_id]
"""


def logged() -> Iterator[Record]:
    """Events of a simulated time, each logged a minute after it occurred; some twice, some too late to be fresh."""
    source = Source("test", Trust.EXPORT)
    for number, event in enumerate(load(3, 2_000, START, days=DAYS)):
        sealed = seal(event.raw, source, START)
        at = datetime.fromisoformat(orjson.loads(event.raw)["timestamp"])
        late = timedelta(days=3) if number % 50 == 0 else timedelta(minutes=1)
        record = Record(sealed.value, sealed.headers, number, int((at + late).timestamp() * 1_000), "events")
        yield record
        if number % 20 == 0:
            yield replace(record, offset=100_000 + number, timestamp=record.timestamp + 1)


@dataclass(frozen=True)
class Simulated:
    rows: list[Row]
    seen: list[tuple[Seen, bool]]
    """What the rows tell rules, and whether live detection would have had it."""


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    """Made once: that takes longer than to store it."""
    records = list(logged())
    found = []
    for record in records:
        *_, moment, known_at = read(record)
        seen = seen_in(record)
        if seen is not None:
            found.append((seen, known_at - moment.at <= HORIZON))
    return Simulated(decode_events(records, HORIZON).rows, found)


@pytest.fixture
def events(store: Store, simulated: Simulated) -> list[tuple[Seen, bool]]:
    """What the store has."""
    store.insert_arrow("events", batch(simulated.rows, EVENTS_ARROW_SCHEMA), "events")
    return simulated.seen


async def backtest(store: Store, rules: list[str], against: tuple[str, ...] = ()) -> Found:
    test = Backtest(store, Question(tuple(rules), against, "", START, END))
    found = await test.run()
    assert 0 < found.events <= test.total
    return found


@pytest.mark.parametrize("cores", [1, 3])
async def test_alerts_are_those_that_the_events_make(
    store: Store, events: list[tuple[Seen, bool]], monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    monkeypatch.setattr("streams.alerts.backtest.PIECE_EVENTS", 150)
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    found = await backtest(store, [*texts_in_force(), STRICT])
    rules = Rules([*shipped_rules(), read_rule(STRICT, "strict")])
    expected, live = (
        detect(rules, [seen for seen, fresh in events if fresh or every], to_microseconds(END))
        for every in (True, False)
    )
    assert len({alert.rule_id for alert in expected}) > 3
    assert found.alerts == expected != live
    assert (found.before, found.after, found.against) == ("told", live, [])


@pytest.mark.parametrize(("first", "second"), [(2, 5), (5, 2)])
async def test_of_an_events_copies_the_one_in_force_counts_when_it_says_it_occurred(
    store: Store, first: int, second: int
) -> None:
    told = provisioned("user_deprovision", success=False, changes=[])
    copies = [
        record_of({**told, "timestamp": f"2026-03-{day:02}T09:00:00Z"}, source=Source("test", trust), offset=day)
        for day, trust in ((first, Trust.EXPORT), (second, Trust.TENANT_API))
    ]
    store.insert_arrow("events", batch(decode_events(copies, HORIZON).rows, EVENTS_ARROW_SCHEMA), "events")
    found = await backtest(store, [STRICT])
    assert [alert.opened_at for alert in found.alerts] == [to_microseconds(datetime(2026, 3, second, 9, tzinfo=UTC))]


async def test_rules_are_held_against_others(store: Store, events: list[tuple[Seen, bool]]) -> None:
    narrower = STRICT.replace("match: {", "match: {cause: [credentials], ")
    other = STRICT.replace("any-failure", "other-failure")
    found = await backtest(store, [STRICT, other], (narrower,))
    every = [seen for seen, _ in events]
    before, after = (
        detect(Rules(read_rule(text, "r") for text in texts), every, to_microseconds(END))
        for texts in ([narrower], [STRICT, other])
    )
    assert compare(found.after, found.against) == compare(after, before)
    assert compare(after, before).gained


async def test_rules_are_held_against_what_was_told(store: Store, events: list[tuple[Seen, bool]]) -> None:
    rules = Rules([read_rule(STRICT, "strict")])
    first, *others = detect(rules, [seen for seen, fresh in events if fresh], to_microseconds(END))
    record = detected(rules["any-failure"].rule, "0" * 16, Told(first._replace(events=first.events + 1)))
    rows = decode_alerts([Record(seal_record(record).value, topic="idtrail.alerts")]).rows
    store.insert_arrow("alert_records", batch(rows, ALERT_RECORDS_ARROW_SCHEMA), "told")
    found = await backtest(store, [STRICT])
    compared = compare(found.after, found.against)
    assert [moved.after.alert_id for moved in compared.moved] == [first.alert_id]
    assert [alert.alert_id for alert in compared.gained] == [alert.alert_id for alert in others]
    assert (compared.lost, compared.same) == ([], 0)


def test_what_a_child_leaves_out_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.alerts.detection.MOST_GROUPS", 1)
    by_person = STRICT.replace("application_id", "subject_id").replace(", where: 'has(event.changes)'", "")
    told = provisioned("user_deprovision", success=False, changes=[])
    copies = [
        record_of({**told, "id": str(day), "timestamp": f"2026-03-{day:02}T09:00:00Z", "resource": {"id": f"p{day}"}})
        for day in range(1, 6)
    ]
    store.insert_arrow("events", batch(decode_events(copies, HORIZON).rows, EVENTS_ARROW_SCHEMA), "events")
    evidence = PastEvents(None, (), to_microseconds(START - timedelta(days=9)), to_microseconds(END))
    ours, theirs = Pipe()
    ours.send({})
    ours.send(read_evidence(store, evidence, with_body=False))
    ours.send(None)
    _serve(theirs, _Share((by_person,), None, END))
    events, _, after, before, left_out = ours.recv()
    assert (events, len(after), len(before)) == (5, 2, 0)
    assert left_out == ({"any-failure": LeftOut(3, 0)}, {})
    more = {"any-failure": LeftOut(4, 1), "other": LeftOut(0, 1)}
    assert _most([*left_out, more, {}]) == more


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(60, 1), (120, 2)], [(0, 999_000_000)], id="all at once"),
        pytest.param([(60, 2), (120, 2), (180, 1)], [(0, 120_000_000), (120_000_000, 999_000_000)], id="two"),
        pytest.param([(60, 9), (120, 1)], [(0, 120_000_000), (120_000_000, 999_000_000)], id="a minute of too many"),
    ],
)
def test_pieces_are_the_range(
    minutes: list[tuple[int, int]], expected: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.alerts.backtest.PIECE_EVENTS", 3)
    assert list(pieces(minutes, PastEvents(None, (), 0, 999_000_000))) == expected

"""Windows of older events are what the store itself counts."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from queries.store import Store
from schemas.envelope import Source, Trust
from schemas.errors import StoreAway, UserError
from schemas.kafka import EVENTS
from streams import backfill as module
from streams.backfill import Backfill
from streams.incident_writer import IncidentWriter
from streams.incidents import Incident
from streams.lag import Lag
from streams.rows import decode_events
from tests.failures.support import counted, windowed
from tests.measured import measured
from tests.records import NOON, STATSIG, Record, event, record_of

pytestmark = pytest.mark.store

HORIZON = timedelta(hours=24)
LONG_AGO = datetime(2025, 11, 3, 9, 0, tzinfo=UTC)
REFUSED: dict[str, Any] = {"success": False, "error_message": "409: uniqueness"}
ANSWERS = [{}, {}, REFUSED, {"success": False, "error_message": "401 Unauthorized"}]


class Log:
    """Records at consecutive offsets of a few partitions, and how far the sink has stored them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.ends: dict[int, int] = {}

    def sink(self, records: Sequence[Record], partition: int = 0) -> None:
        first = self.ends.get(partition, 0)
        placed = [
            Record(r.value, r.headers, first + n, r.timestamp, EVENTS, partition, r.key) for n, r in enumerate(records)
        ]
        rows = decode_events(placed, HORIZON).rows
        self._store.insert_arrow("events", batch(rows, EVENTS_ARROW_SCHEMA), f"{partition}:{first}")
        self.ends[partition] = first + len(records)

    async def lag(self) -> list[Lag]:
        return [Lag(EVENTS, partition, end, end) for partition, end in self.ends.items()]


def unpublished(store: Store) -> IncidentWriter:
    """Incidents of which nobody hears."""

    async def publish(incidents: Sequence[Incident]) -> None:
        assert incidents

    return IncidentWriter(store, 2, publish)


def troubled(store: Store) -> dict[str, int]:
    """The applications with incidents, and the tries of these."""
    found = "SELECT application_id, sum(attempts) FROM incidents FINAL WHERE attempts > 0 GROUP BY application_id"
    return dict(store.query(found))


@pytest.fixture
def log(store: Store) -> Log:
    return Log(store)


@pytest.fixture
def backfill(store: Store, log: Log) -> Backfill:
    return Backfill(store, log.lag, unpublished(store))


def attempts(count: int, seed: int = 1, begin: datetime = LONG_AGO, minutes: int = 10) -> list[Record]:
    """A few people and applications, some attempts refused."""
    draw = random.Random(seed)
    return [
        record_of(
            event(
                draw.choice(["user_create_provision", "user_update_provision", "user_deprovision"]),
                timestamp=(begin + timedelta(seconds=draw.random() * 60 * minutes)).isoformat(),
                application=draw.choice([{"id": "a1", "name": "statsig"}, {"id": "a2", "name": "github"}]),
                resource={"id": f"u{draw.randrange(9)}", "type": "user"},
                **draw.choice(ANSWERS),
            )
        )
        for _ in range(count)
    ]


async def test_windows_of_older_events_are_what_the_store_counts(store: Store, log: Log, backfill: Backfill) -> None:
    log.sink(attempts(300), 0)
    log.sink(attempts(300, seed=2), 1)
    assert await backfill.catch_up() == 10
    assert windowed(store) == counted(store) != []
    assert await backfill.catch_up() == 0


async def test_more_of_a_minute_that_was_folded_already_is_folded_with_the_rest(
    store: Store, log: Log, backfill: Backfill
) -> None:
    records = attempts(200, minutes=5)
    for piece in (records[:80], records[60:140], records[140:]):
        log.sink(piece)
        await backfill.catch_up()
        assert windowed(store) == counted(store)


async def test_a_better_copy_moves_an_event_to_its_own_window_and_application(
    store: Store, log: Log, backfill: Backfill
) -> None:
    webhook = Source("webhook:test", Trust.WEBHOOK)
    told = [event(timestamp="2025-11-03T09:00:30Z", **REFUSED) for _ in range(4)]
    told[0]["application"] = {"id": "a9", "name": "github"}
    log.sink([record_of(raw, source=webhook) for raw in told])
    await backfill.catch_up()
    assert windowed(store) == counted(store)
    assert troubled(store) == {"a9": 1, STATSIG["id"]: 3}
    better = {"success": True, "error_message": "", "application": STATSIG}
    log.sink([record_of({**raw, **better}) for raw in told[:3]])
    await backfill.catch_up()
    assert windowed(store) == counted(store)
    assert troubled(store) == {STATSIG["id"]: 1}
    assert [row[4:7] for row in windowed(store)] == [("", "3", "0"), ("conflict", "1", "1")]


async def test_a_new_worker_goes_on_where_the_last_one_was(store: Store, log: Log, backfill: Backfill) -> None:
    log.sink(attempts(50))
    await backfill.catch_up()
    log.sink(attempts(50, seed=2, begin=LONG_AGO + timedelta(days=1), minutes=1))
    names = ("idtrail_backfill_minutes_total", "idtrail_windows_written_total")
    minutes, windows = (measured(name) for name in names)
    assert await Backfill(store, log.lag, unpublished(store)).catch_up() == 1
    assert measured(names[0]) == minutes + 1
    assert measured(names[1]) > windows
    assert windowed(store) == counted(store)


async def test_a_topic_that_was_made_anew_is_looked_through_from_its_beginning(
    store: Store, log: Log, backfill: Backfill
) -> None:
    log.sink(attempts(50))
    await backfill.catch_up()
    log.ends.clear()
    log.sink(attempts(20, seed=2))
    assert await Backfill(store, log.lag, unpublished(store)).catch_up() > 0
    assert windowed(store) == counted(store)


async def test_minutes_of_fresh_events_alone_are_left_to_the_agent(store: Store, log: Log, backfill: Backfill) -> None:
    log.sink(attempts(50, begin=NOON - timedelta(hours=1)))
    assert await backfill.catch_up() == 0
    assert windowed(store) == []


async def test_a_fresh_event_in_a_minute_that_also_holds_older_ones_is_folded_with_them(
    store: Store, log: Log, backfill: Backfill
) -> None:
    at = NOON - timedelta(hours=24, minutes=1)
    stale = [record_of(event(timestamp=at.isoformat(), **REFUSED)) for _ in range(2)]
    fresh = record_of(event(timestamp=at.isoformat(), **REFUSED), known_at=at + timedelta(hours=1))
    log.sink(stale, 0)
    await backfill.catch_up()
    log.sink([fresh], 1)  # a partition of the log that lags behind
    assert await backfill.catch_up() == 1
    assert windowed(store) == counted(store)


async def test_a_time_that_cannot_be_believed_is_in_no_window(store: Store, log: Log, backfill: Backfill) -> None:
    log.sink([record_of(event(timestamp=text)) for text in ("", "yesterday", "2093-01-01T00:00:00Z")])
    assert await backfill.catch_up() == 0
    assert windowed(store) == counted(store) == []


async def test_a_store_that_goes_away_halfway_leaves_the_rest_for_the_next_pass(
    store: Store, log: Log, backfill: Backfill, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.sink(attempts(200))
    monkeypatch.setattr(module, "COPIES_AT_ONCE", 60)
    insert, calls = store.insert_arrow, []

    def failing(table: str, rows: object, token: str) -> None:
        calls.append(table)
        if len(calls) == 3:
            raise StoreAway("gone")
        insert(table, rows, token)  # type: ignore[arg-type]  # because it is passed on as it came

    monkeypatch.setattr(store, "insert_arrow", failing)
    with pytest.raises(StoreAway):
        await backfill.catch_up()
    assert windowed(store) != counted(store)
    await backfill.catch_up()
    assert windowed(store) == counted(store)


class Narrow:
    """Refuses queries over more offsets than `most`, as a store does whose limits they exceed."""

    def __init__(self, store: Store, most: int) -> None:
        self._query = store.query
        self.most = most
        self.asked: list[int] = []

    def __call__(self, sql: str, parameters: Any, *limits: Any) -> list[tuple[Any, ...]]:
        if "a0" in parameters:
            size = sum(parameters[f"b{n}"] - parameters[f"a{n}"] for n in range(2) if f"b{n}" in parameters)
            if self.asked[-1:] != [size]:
                self.asked.append(size)
            if size > self.most:
                raise UserError("the query is too large")
        return self._query(sql, parameters, *limits)


async def test_a_stretch_that_is_too_large_is_halved_and_doubled_again_afterwards(
    store: Store, log: Log, backfill: Backfill, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.sink(attempts(200), 0)
    log.sink(attempts(120, seed=2), 1)
    narrow = Narrow(store, 90)
    monkeypatch.setattr(store, "query", narrow)
    monkeypatch.setattr(module, "FEWEST_OFFSETS_AT_ONCE", 10)
    await backfill.catch_up()
    assert narrow.asked[:5] == [320, 160, 80, 160, 80]
    monkeypatch.undo()
    assert windowed(store) == counted(store) != []
    assert await backfill.catch_up() == 0


async def test_a_stretch_that_is_too_large_however_small_waits_and_loses_nothing(
    store: Store, log: Log, backfill: Backfill, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.sink(attempts(100))
    narrow = Narrow(store, 5)
    monkeypatch.setattr(store, "query", narrow)
    monkeypatch.setattr(module, "FEWEST_OFFSETS_AT_ONCE", 10)
    for _ in range(2):
        with pytest.raises(UserError, match="too large"):
            await backfill.catch_up()
    assert narrow.asked == [100, 50, 25, 12, 10]
    narrow.most = 1_000
    await backfill.catch_up()
    monkeypatch.undo()
    assert windowed(store) == counted(store) != []


async def test_twenty_thousand_older_events_take_seconds(store: Store, log: Log, backfill: Backfill) -> None:
    few = attempts(2_000, minutes=60 * 24 * 30)
    rows = decode_events([Record(r.value, r.headers, n, r.timestamp) for n, r in enumerate(few)], HORIZON).rows
    place = {field.name: index for index, field in enumerate(EVENTS_ARROW_SCHEMA)}
    many = []
    for copy in range(10):
        for number, row in enumerate(rows):
            changed = list(row)
            changed[place["event_id"]] = (copy * len(rows) + number).to_bytes(16, "big")
            occurred = changed[place["occurred_at"]]
            assert isinstance(occurred, int)
            changed[place["occurred_at"]] = occurred + copy * 61_000_000
            changed[place["log_offset"]] = copy * len(rows) + number
            many.append(tuple(changed))
    store.insert_arrow("events", batch(many, EVENTS_ARROW_SCHEMA), "many")
    log.ends[0] = len(many)
    begin = time.process_time()  # of the processor, the engine's threads too: what else runs on it is not counted
    minutes = await backfill.catch_up()
    seconds = time.process_time() - begin
    print(f"{len(many)} events in {minutes} minutes: {seconds:.1f} s")  # noqa: T201  because -s shows the figure
    assert windowed(store) == counted(store)
    assert seconds < 6

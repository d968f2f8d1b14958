"""The live feed over a real broker: nothing is left out, nothing repeated, nobody waits for anybody."""

from __future__ import annotations

import asyncio
import functools
import tracemalloc
from contextlib import AsyncExitStack, nullcontext
from datetime import UTC, datetime

import orjson
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from queries.feed import About, Message, Start
from schemas.alerts import dumped, seal_record
from schemas.envelope import Source, Trust
from schemas.errors import BadUsage, BrokerAway, FeedAway, Gone
from schemas.kafka import KafkaConnection
from streams.feed import SHARED, SLOW, STOPPED, Reader
from streams.follower import Follower
from streams.position import Position
from tests.alerts.records import detected
from tests.feed.support import EXPORT, Log, Watching, everything, feed_of, number_of, numbered, watching
from tests.fixtures_kafka import Topics, until
from tests.measured import measured
from tests.records import event, record_of

pytestmark = pytest.mark.kafka


@pytest.fixture
def log(producer: AIOKafkaProducer, topics: Topics) -> Log:
    return Log(producer, topics.events)


async def test_a_reader_is_shown_what_is_logged_from_now_on(kafka: KafkaConnection, topics: Topics, log: Log) -> None:
    await log.put(20)
    async with watching(feed_of(kafka, topics.events)) as watch:
        await log.put(30)
        await watch.has(30)
    assert sorted(watch.numbers) == list(range(20, 50))


async def test_fifty_readers_get_everything_though_one_of_them_is_stuck(
    kafka: KafkaConnection, topics: Topics, log: Log
) -> None:
    feed = feed_of(kafka, topics.events, queue_messages=300)
    readers, dropped = measured("idtrail_feed_readers"), measured("idtrail_feed_dropped_total")
    async with asyncio.timeout(60):
        async with feed.open(everything, Start()) as stuck:
            watches = [Watching() for _ in range(49)]

            async def follow(watch: Watching) -> None:
                async with watching(feed) as mine:
                    await mine.has(600)
                    watch.messages, watch.position = mine.messages, mine.position

            tasks = [asyncio.create_task(follow(watch)) for watch in watches]
            await until(lambda: len(feed.joined) == 50)
            assert measured("idtrail_feed_readers") == readers + 50
            for _ in range(6):
                await log.put(100)
                await until(lambda: len(feed.joined) == 50 or stuck not in feed.joined)
            await asyncio.gather(*tasks)
            told = await stuck.next()
        assert [sorted(watch.numbers) for watch in watches] == [list(range(600))] * 49
        assert (told.messages, told.ended) == ([], SLOW)
        async with watching(feed, Start(after=told.position)) as resumed:
            await resumed.has(600)
    assert sorted(resumed.numbers) == list(range(600))
    assert measured("idtrail_feed_readers") == readers
    assert measured("idtrail_feed_dropped_total") == dropped + 1


@pytest.mark.parametrize("stop_at", [7, 399], ids=lambda count: f"after {count}")
async def test_a_reader_resumes_without_gap_or_repeat(
    kafka: KafkaConnection, topics: Topics, log: Log, stop_at: int
) -> None:
    feed = feed_of(kafka, topics.events)
    async with watching(feed) as first:
        await log.put(400)
        await first.has(400)
    before = first.messages[:stop_at]
    await log.put(200)
    async with watching(feed) as other, watching(feed, Start(after=before[-1].position)) as second:
        await log.put(100)
        await second.has(700 - stop_at)
        await other.has(100)
        await log.put(50)
        await second.has(750 - stop_at)
    assert sorted([*first.numbers[:stop_at], *second.numbers]) == list(range(750))


async def test_whoever_catches_up_while_much_comes_misses_and_repeats_nothing(
    kafka: KafkaConnection, topics: Topics, log: Log
) -> None:
    await log.put(1)
    feed = feed_of(kafka, topics.events, queue_messages=40)
    async with watching(feed, Start(since=datetime(2020, 1, 1, tzinfo=UTC))) as watch:
        for _ in range(20):
            await log.put(100)
        await until(functools.partial(_finished, Watching(), watch))
    while watch.ended:  # a small queue runs over now and then: it goes on from where it was told to
        assert watch.ended == SLOW
        async with watching(feed, Start(after=watch.position)) as more:
            await until(functools.partial(_finished, watch, more))
        watch.messages += more.messages
        watch.position, watch.ended = more.position, more.ended
    assert sorted(watch.numbers) == list(range(2001))


def _finished(watch: Watching, more: Watching) -> bool:
    return bool(more.ended) or len(watch.messages) + len(more.messages) >= 2001


async def test_a_sign_of_life_moves_the_position_past_what_is_not_wanted(
    kafka: KafkaConnection, topics: Topics, log: Log
) -> None:
    feed = feed_of(kafka, topics.events)

    def nothing(message: Message) -> bool:
        return False

    async with watching(feed, wants=nothing) as watch, watching(feed) as other:
        await log.put(30)
        await other.has(30)
        await until(lambda: watch.position == other.position)
    async with watching(feed, Start(after=watch.position)) as later:
        await log.put(5)
        await later.has(5)
    assert sorted(later.numbers) == list(range(30, 35))


async def test_a_reader_may_begin_at_a_time(kafka: KafkaConnection, topics: Topics, log: Log) -> None:
    await log.put(10)
    await asyncio.sleep(0.01)  # the broker's clock counts milliseconds
    then = datetime.now(UTC)
    await log.put(10)
    async with watching(feed_of(kafka, topics.events), Start(since=then)) as watch:
        await watch.has(10)
        await log.put(1)
        await watch.has(11)
    assert sorted(watch.numbers) == list(range(10, 21))


async def test_an_event_logged_again_is_shown_again_only_if_a_better_copy_says_something_else(
    kafka: KafkaConnection, topics: Topics, log: Log
) -> None:
    raw = event(resource={"id": "x", "type": "user", "username": "x", "email": "1@example.com"})
    api = Source("jumpcloud", Trust.TENANT_API)
    async with watching(feed_of(kafka, topics.events)) as watch:
        await log.put_raw([raw], EXPORT)
        await log.put_raw([raw, {**raw, "success": False}], EXPORT)
        await log.put_raw([raw], api)
        await log.put_raw([{**raw, "success": False}], Source("connector", Trust.CONNECTOR))
        await log.put_raw([numbered(2)])
        await watch.has(3)
    of_it = [message for message in watch.messages if number_of(message) == 1]  # the other's partition may be ahead
    found = [(message.item["outcome"], message.item["source"]) for message in of_it]
    assert found == [("success", "file:test.json"), ("failure", "connector")]


async def test_what_cannot_be_read_stops_nobody_and_incidents_and_alerts_come_beside_events(
    kafka: KafkaConnection, topics: Topics, log: Log, producer: AIOKafkaProducer
) -> None:
    found = detected()
    incident = {"incident_id": "i1", "organization": "o", "application_id": "a", "application": "b", "cause": "c"}
    async with watching(feed_of(kafka, topics.events, topics.dead_letters, topics.provisioning)) as watch:
        for value in (b"no JSON", None, b"[]"):
            await producer.send_and_wait(topics.events, value, key=b"o|x")
            await producer.send_and_wait(topics.dead_letters, value, key=b"i1")
            await producer.send_and_wait(topics.provisioning, value, key=b"a1")
        await producer.send_and_wait(topics.dead_letters, b'{"incident_id": "of nobody"}', key=b"i1")
        await producer.send_and_wait(topics.dead_letters, orjson.dumps(incident), key=b"i1")
        await producer.send_and_wait(topics.provisioning, seal_record(found).value, key=b"a1")
        await log.put(1)
        await watch.has(3)
    shown = {message.about: message.item for message in watch.messages}
    assert (shown[About.INCIDENT], shown[About.ALERT]) == (incident, dumped(found))
    assert shown[About.EVENT]["subject_email"] == "0@example.com"


async def test_the_log_is_read_only_while_somebody_reads(kafka: KafkaConnection, topics: Topics) -> None:
    feed = feed_of(kafka, topics.events)
    async with feed.open(everything, Start()):
        async with feed.open(everything, Start()):
            assert feed.live is not None
        assert feed.live is not None
    assert feed.live is None


async def test_too_many_readers_are_told_so(kafka: KafkaConnection, topics: Topics) -> None:
    feed = feed_of(kafka, topics.events, most_readers=1)
    async with feed.open(everything, Start()):
        with pytest.raises(FeedAway, match="1 readers follow the feed"):
            async with feed.open(everything, Start()):
                pass
    async with feed.open(everything, Start()):
        pass


async def test_an_organization_with_many_readers_gives_way_to_another(kafka: KafkaConnection, topics: Topics) -> None:
    feed = feed_of(kafka, topics.events, most_readers=4)
    async with AsyncExitStack() as stack:

        async def follow(organization: str) -> Reader:
            return await stack.enter_async_context(feed.open(everything, Start(), organization))

        first, second, third, newest = [await follow("many") for _ in range(4)]
        with pytest.raises(FeedAway, match="4 readers follow the feed"):
            await follow("many")
        await follow("few")
        assert (await newest.next()).ended == SHARED
        await follow("few")
        assert (await third.next()).ended == SHARED
        for organization in ("few", "many", "another"):
            with nullcontext() if organization == "another" else pytest.raises(FeedAway):
                await follow(organization)
        ended = [(await reader.next()).ended for reader in (first, second)]
    assert ended == ["", SHARED]


async def test_stopping_ends_all_readers_and_lets_none_begin(kafka: KafkaConnection, topics: Topics) -> None:
    feed = feed_of(kafka, topics.events)
    async with watching(feed) as watch:
        await feed.stop()
        await until(lambda: bool(watch.ended))
    assert watch.ended == STOPPED
    with pytest.raises(FeedAway):
        async with feed.open(everything, Start()):
            pass
    assert feed.live is None


@pytest.mark.parametrize(
    ("position", "error"),
    [
        pytest.param("1.7-0-0-0.", Gone, id="beyond the end"),
        pytest.param("1.0-0-0-0-0.", Gone, id="of a log with more partitions"),
        pytest.param("1.0.0.0", Gone, id="of a log with more topics"),
        pytest.param("2.0-0-0-0.", BadUsage, id="of another version"),
        pytest.param("x", BadUsage, id="none at all"),
    ],
)
async def test_a_position_that_the_log_does_not_hold_is_refused(
    kafka: KafkaConnection, topics: Topics, position: str, error: type[Exception]
) -> None:
    feed = feed_of(kafka, topics.events, topics.dead_letters)
    with pytest.raises(error, match="start again without it"):
        async with feed.open(everything, Start(after=position)):
            pass
    assert feed.live is None


async def test_a_broker_that_is_away_is_told() -> None:
    feed = feed_of(KafkaConnection("127.0.0.1:1"), "events")
    with pytest.raises(BrokerAway):
        async with feed.open(everything, Start()):
            pass


async def test_a_message_that_waits_holds_little_more_than_its_own_bytes() -> None:
    records = [record_of(numbered(number), offset=number) for number in range(500)]
    follower = Follower(KafkaConnection("127.0.0.1:1"), ("idtrail.events",))
    follower.position = Position(("idtrail.events",), {TopicPartition("idtrail.events", 0): 0})
    follower.decode(records[:100])
    tracemalloc.start()
    try:
        waiting = follower.decode(records[100:])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        await follower.stop()
    assert len(waiting) == 400
    assert held / len(waiting) < 6_000  # some 800 are its line of JSON

"""Everything at once: workers killed, the broker restarted, a receiver that is away for a minute, clocks that change.

No alert is lost, none is told under another id, and all are in the state that their events put them in.
"""

from __future__ import annotations

import asyncio
import gc
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from idtrail.stack.topics import create_topics
from queries.alerts.listing import Alerts, list_alerts
from queries.store import Store
from schemas.alerts import MAX_NAMED, AlertRecord, Delivered, Detected, State, read_alert_record
from schemas.kafka import ALERTS, DEAD_LETTERS, EVENTS, PROVISIONING, TOPICS, KafkaConnection
from schemas.times import to_microseconds
from streams.alerts.loading import shipped_rules
from streams.alerts.seen import Seen
from streams.alerts.terms import MICROSECOND
from streams.worker import APP, WORKER_TOPICS
from tests.alerts.plain_rules import Found, expected_of
from tests.alerts.reference import Expected
from tests.delivery.receiver import Receiver, receiving
from tests.delivery.test_courier import Place, hook, one_id_each
from tests.delivery.zone import NAME, after_the_change, spring
from tests.failures.workers import Workers
from tests.fixtures_kafka import until
from tests.forked import Forked
from tests.records import Record, event, record_of, seen_in
from tests.stack.children import broker_process, local_kafka

SECONDS = 110
"""So long events come."""
SECOND = timedelta(seconds=1)
PACK = {rule.id: rule for rule in shipped_rules()}
RULES_TOLD = {"deprovision-failed", "credentials-failing", "group-push-rejected", "provider-outage"}


def troubles(begin: datetime) -> Iterator[tuple[datetime, Record]]:
    """What happens, and when the log is to have it: some later than others, some twice."""

    def at(
        second: float, number: int, event_type: str, status: int, app: str, subject: str
    ) -> Iterator[tuple[datetime, Record]]:
        when = begin + second * SECOND
        record = record_of(
            event(
                event_type,
                organization=f"org-{number % 3}",
                timestamp=when.isoformat(),
                success=status < 400,
                resource={"id": subject, "type": "user_group" if event_type.startswith("group") else "user"},
                application={"id": app, "name": app},
                message_chain={"response_code": str(status)},
            ),
            known_at=when,
        )
        yield when + number % 4 * 0.4 * SECOND, record
        if number % 7 == 0:
            yield when + number % 9 * SECOND, record

    for number in range(2 * SECONDS):
        second = number / 2
        # Accounts that cannot be closed, every other one then is.
        app, status = ("slack", 401) if number % 4 == 0 else ("miro", 400)
        yield from at(second, number, "user_deprovision", status, app, f"p{number}")
        if number % 2:
            yield from at(second + 12, number, "user_deprovision", 204, app, f"p{number}")
        # Groups that are rejected, and an application that goes away and comes back.
        if number % 10 == 5:
            yield from at(second, number, "group_update_provision", 400, "figma", f"g{number}")
        if number % 20 == 5:
            yield from at(second + 15, number, "group_update_provision", 200, "figma", f"g{number}")
        if number % 60 < 6:
            yield from at(second, number - number % 60, "user_update_provision", 503, "zoom", f"z{number}")
        if number % 60 == 30:
            yield from at(second, number - number % 60, "user_update_provision", 200, "zoom", f"z{number}")


async def emit(kafka: KafkaConnection, records: list[tuple[datetime, Record]]) -> None:
    """As their time comes, each until the broker has it."""
    waiting = sorted(records, key=lambda each: each[0])
    while waiting:
        try:
            async with AIOKafkaProducer(**kafka.options(), acks="all", request_timeout_ms=5_000) as producer:
                while waiting:
                    when, record = waiting[0]
                    await asyncio.sleep((when - datetime.now(UTC)).total_seconds())
                    await producer.send_and_wait(EVENTS, record.value, key=record.key, headers=record.headers)
                    del waiting[0]
        except KafkaError:
            await asyncio.sleep(0.5)


@dataclass
class Kept:
    """A worker that is started again whenever it has ended."""

    workers: Workers
    process: Forked | None = None
    ends: list[int] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            self.process = self.workers.start()
            self.ends.append(await asyncio.to_thread(self.process.wait))
            await asyncio.sleep(0.5)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()


def expected(records: list[Record]) -> Found:
    """By the reference."""
    events: dict[bytes, Seen] = {}
    for record in records:
        seen = seen_in(record)
        assert seen is not None
        events[seen.event_id] = seen
    found = expected_of(PACK.values(), events.values(), to_microseconds(datetime.now(UTC)))
    return {own: _named(alert) for own, alert in found.items()}


def told(records: Iterable[AlertRecord]) -> tuple[Found, dict[str, Detected]]:
    """What the topic says last of each alert, by its id; and of those of the rules, as the reference says it.

    A worker that is down for long makes alerts of its own: that the trail is behind.
    """
    last = {one.alert_id: one for one in records if isinstance(one, Detected)}
    found: Found = {}
    of_rules = [one for one in last.values() if one.rule_id in PACK]
    for one in of_rules:
        assert one.first_event is not None
        assert one.last_event is not None
        opened_at = to_microseconds(one.opened_at)
        bucket = opened_at // (PACK[one.rule_id].dedup // MICROSECOND)
        found[one.rule_id, one.organization, tuple(one.group.values()), bucket] = Expected(
            bucket,
            opened_at,
            to_microseconds(one.triggered_at),
            to_microseconds(one.first_at),
            one.first_event.hex,
            to_microseconds(one.last_at),
            one.last_event.hex,
            one.events,
            one.people_named,
            one.applications,
            one.cause,
            one.title,
            one.episodes,
            to_microseconds(one.since),
            0 if one.ended_at is None else to_microseconds(one.ended_at),
            "" if one.ended_by is None else one.ended_by.hex,
            one.incidents,
        )
    assert len(found) == len(of_rules), "two ids for one alert"
    return found, last


def _named(alert: Expected) -> Expected:
    return alert._replace(people=alert.people[:MAX_NAMED], applications=alert.applications[:MAX_NAMED])


def taken(receiver: Receiver) -> list[tuple[str, str]]:
    """Alert and occasion of what was answered well."""
    answered = zip(receiver.told(), receiver.answers, strict=True)
    return [occasion for occasion, (_, answer) in answered if answer.startswith("204")]


def to_be_told(alerts: dict[str, Detected]) -> set[tuple[str, str]]:
    """The last opening of each, and its end."""
    found = set()
    for own, alert in alerts.items():
        found.add((own, f"{'reopened' if alert.episodes > 1 else 'opened'} {alert.episodes}"))
        if alert.ended_at is not None:
            found.add((own, f"ended {alert.episodes}"))
    return found


def states(store: Store) -> dict[str, State]:
    now = datetime.now(UTC)
    page = list_alerts(store, Alerts(None, now - timedelta(hours=1), now), now, limit=10_000)
    return {item["alert_id"]: item["state"] for item in page.items}


@dataclass
class Trail:
    """What there is to look at."""

    place: Place
    store: Store
    receivers: dict[str, Receiver]
    records: list[Record]

    async def missing(self) -> list[str]:
        """What is not as it has to be in the end."""
        try:
            said = [read_alert_record(value) for value in await self.place.values()]
        except KafkaError as error:
            return [repr(error)]
        found, last = told(said)
        wrong = [f"{own} on the topic" for own, _ in found.items() ^ expected(self.records).items()]
        resolved = {own: State.OPEN if one.ended_at is None else State.RESOLVED for own, one in last.items()}
        wrong += [f"{own} in the store" for own, _ in states(self.store).items() ^ resolved.items()]
        recorded = {
            (one.destination, one.alert_id, one.occasion)
            for one in said
            if isinstance(one, Delivered) and one.succeeded
        }
        for name, receiver in self.receivers.items():
            wrong += [f"{occasion} at {name}" for occasion in to_be_told(last) - set(taken(receiver))]
            wrong += [f"{one} of {name}" for one in {(name, *one) for one in taken(receiver)} - recorded]
        return wrong


# aiokafka leaves the connections that it was just making when the broker goes.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.soak
@pytest.mark.kafka
@pytest.mark.store
@pytest.mark.timeout(900)
async def test_chaos_loses_no_alert_and_tells_none_under_another_id(
    front: str, http_store: Store, tmp_path: Path
) -> None:
    broker = local_kafka(tmp_path)
    await broker.start()
    kafka = KafkaConnection(broker.bootstrap)
    place = Place(kafka, ALERTS, tmp_path / "destinations.toml")
    now = datetime.now(UTC).replace(microsecond=0)
    change, quiet_until = now + 90 * SECOND, now + 140 * SECOND
    zone = spring(tmp_path / "zones", change)
    workers = Workers(
        {
            "bootstrap": kafka.bootstrap,
            "store": front,
            "database": http_store.database,
            "topics": (EVENTS, DEAD_LETTERS, PROVISIONING),
            "alerts": ALERTS,
            "group": "idtrail-sink",
            "app_id": APP,
            "state_dir": str(tmp_path),
            "destinations": str(place.file),
        },
        tmp_path / "workers.log",
        environment={
            "TZ": f":{zone}",
            "PYTHONTZPATH": ":".join((str(tmp_path / "zones"), *zoneinfo.TZPATH)),
        },
    )
    kept = Kept(workers)
    try:
        await create_topics(kafka, 4, 1, (*TOPICS, *WORKER_TOPICS), patience_seconds=60)
        async with receiving() as day, receiving() as night:
            place.write(day=hook(day), night=hook(night))
            with place.file.open("a") as file:
                file.write('[night.quiet_hours]\nbegin = "01:30"\n')
                file.write(f'end = "{after_the_change(quiet_until - change)}"\nzone = "{NAME}"\n')
            keeping = asyncio.create_task(kept.run())
            first = (datetime.now(UTC), next(troubles(datetime.now(UTC)))[1])
            await emit(kafka, [first])
            await until(lambda: bool(day.requests), 60)
            came = list(troubles(datetime.now(UTC)))
            trail = Trail(place, http_store, {"day": day, "night": night}, [first[1], *(record for _, record in came)])
            emitting = asyncio.create_task(emit(kafka, came))

            async def at(second: float) -> None:
                await asyncio.sleep((begin + second * SECOND - datetime.now(UTC)).total_seconds())

            begin = datetime.now(UTC)
            await at(8)
            kept.kill()
            await at(20)
            await day.stop()
            await at(30)
            kept.kill()
            await at(50)
            day.answer = "503 Service Unavailable"
            await day.start()
            await at(60)
            await broker.stop()
            await broker.start()
            await at(80)
            day.answer = "204 No Content"
            await at(88)
            kept.kill()
            await at(95)
            broker_process(tmp_path).kill()
            await broker.stop()
            await broker.start()
            await emitting

            deadline = asyncio.get_running_loop().time() + 300
            while (wrong := await trail.missing()) and asyncio.get_running_loop().time() < deadline:
                assert not keeping.done()
                await asyncio.sleep(2)
            assert not wrong
            keeping.cancel()

            _, alerts = told([read_alert_record(value) for value in await place.values()])
            assert len(alerts) > 150
            assert kept.ends.count(-9) == 3
            assert {alert.rule_id for alert in alerts.values()} >= RULES_TOLD
            for receiver in (day, night):
                assert one_id_each(receiver)
                assert {own for own, _ in receiver.told()} == alerts.keys()
                openings = Counter(own for own, occasion in set(receiver.told()) if not occasion.startswith("ended"))
                assert not [own for own, count in openings.items() if count > alerts[own].episodes]
                # Told again is only what a worker had no time to put down.
                again = Counter(taken(receiver)) - Counter(set(taken(receiver)))
                assert sum(again.values()) <= len(kept.ends)
            refused = [answer for _, answer in day.answers if not answer.startswith("204")]
            assert refused, "it was away while there was something to tell"
            assert min(when for when, _ in night.answers) >= quiet_until
            assert min(when for when, _ in night.answers) < quiet_until + 60 * SECOND
            print(  # noqa: T201  because -s shows it
                f"{len(alerts)} alerts, {len(day.requests)} and {len(night.requests)} messages; ended: {kept.ends}"
            )
    finally:
        workers.end()
        await broker.stop()
        gc.collect()

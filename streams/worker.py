"""Runs a worker's parts in one event loop: the sink, the Faust agent, the backfill.

The first part that fails ends `run()` with its error, and with it the process: no part of a worker goes on without the
rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import faust
import orjson
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from mode.supervisors import CrashingSupervisor

from broker.batches import send_all
from broker.refusal import failure
from queries.incidents.listing import as_of, incident_object
from queries.store import Store
from schemas.alerts import Detected, seal_record
from schemas.errors import BrokerRefuses, Fatal, RecordError
from schemas.kafka import COMPRESSION, INCIDENTS, LARGEST_RECORD, KafkaConnection, TopicSpec
from streams.agent import FLUSH_EVENTS, DetectionAgent
from streams.alerts.delivery.courier import Courier
from streams.alerts.fresh import TABLE as GROUPS
from streams.alerts.fresh import AlertDetection
from streams.alerts.index import Rules
from streams.alerts.lookout.lookout import Lookout
from streams.backfill import Backfill
from streams.consumer import SteadyConsumer
from streams.failures import TABLE as COPIES
from streams.failures import FailureDetection
from streams.incident_writer import IncidentWriter, LiveIncidents
from streams.incidents import Incident
from streams.joining import NOTICED, SESSION
from streams.lag import Lag, read_lag
from streams.rows import Produced, dead_letter
from streams.sink import Sink, SinkOptions
from streams.table import ConfirmedTable, changelog
from streams.writer import StoreWriter, patiently

APP: Final = "idtrail-detection"
REBALANCE_SECONDS: Final = 300
"""A rebalance waits for the flush in progress, which may wait for a store that is away."""


def tables_of(app_id: str) -> tuple[TopicSpec, ...]:
    """Return the topics that the Faust tables need; created by us, like every topic."""
    return changelog(app_id, COPIES), changelog(app_id, GROUPS)


WORKER_TOPICS: Final = tables_of(APP)

log = structlog.get_logger(__name__)


class Worker:
    """Runs with `run()` until cancelled, or until one of its parts fails."""

    def __init__(
        self,
        connection: KafkaConnection,
        store: Store,
        options: SinkOptions,
        *,
        retry_seconds: float,
        state_dir: Path,
        rules: Rules,
        courier: Courier | None = None,
        app_id: str = APP,
        checkpoint: Callable[[str], None] = lambda point: None,
    ) -> None:
        """Without a `courier` no alerts are delivered.

        `checkpoint` is called with the name of each completed step; tests kill the process there.
        """
        events, dead_letters, provisioning = options.topics
        self._connection = connection
        self._store = store
        self._retry_seconds = retry_seconds
        self._dead_letters = dead_letters
        self._producer: Any = None
        self.sink = Sink(connection, StoreWriter(store, retry_seconds), options, checkpoint)
        self._options = options
        self._courier = courier
        self._lag: Sequence[Lag] = ()
        self._looked_at: tuple[int, set[tuple[str, int]]] | None = None
        self._app = make_app(connection, app_id, state_dir, options.session)
        incidents = IncidentWriter(store, retry_seconds, self._publish)
        failures = FailureDetection(
            self._app,
            store,
            horizon=options.horizon,
            retry_seconds=retry_seconds,
            incidents=LiveIncidents(incidents),
            checkpoint=checkpoint,
        )
        alerts = AlertDetection(
            self._app,
            rules,
            horizon=options.horizon,
            publish=self._publish_alerts,
            source=provisioning,
            checkpoint=checkpoint,
        )
        self.agent = DetectionAgent(
            self._app,
            [failures, alerts],
            dead_letter=self._dead_letter,
            source=provisioning,
            checkpoint=checkpoint,
        )
        self.backfill = Backfill(store, self._own_lag, incidents, events)
        self.lookout = Lookout(
            connection,
            store,
            options,
            detection=app_id,
            leads=lambda: (events, 0) in self.sink.partitions(),
            publish=self._publish_alerts,
        )

    async def run(self) -> None:
        """Run all parts. Raises `Fatal` when going on could lose or double events, `BrokerRefuses` when the broker
        refuses the connection.

        When cancelled, it finishes what it holds.
        """
        self._producer = AIOKafkaProducer(
            acks="all", enable_idempotence=True, max_request_size=LARGEST_RECORD, **self._connection.options()
        )
        try:
            await self._producer.start()
            await self._run_parts()
        except KafkaError as error:
            if isinstance(refused := await failure(self._connection, error), BrokerRefuses):
                raise refused from error
            raise Fatal(f"the worker lost its broker: {error!r}") from error
        finally:
            await self._producer.stop()

    async def _run_parts(self) -> None:
        tasks = [
            asyncio.create_task(part, name=name)
            for name, part in (
                *([("deliveries", self._courier.run())] if self._courier is not None else []),
                ("lookout", self.lookout.run()),
                ("backfill", self.backfill.run()),
                ("sink", self.sink.run()),
                ("agent", _run_agent(self._app)),
                ("flushes", _run_flushes(self._app, self.agent)),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
                raise Fatal(f"the worker's {task.get_name()} ended by itself")
        finally:
            # Flushes stop last: Faust waits for the events in hand, and those wait for their flush.
            for task in tasks:
                task.cancel()
                await asyncio.wait([task])

    async def _own_lag(self) -> Sequence[Lag]:
        """Return the lag of the partitions that this worker's sink holds: other workers backfill the others."""
        held = self.sink.partitions()
        looked_at = (self.sink.stored, held)
        if not held:
            return ()
        if looked_at != self._looked_at:
            lag = await read_lag(self._connection, self._options.group, [self._options.topics[0]])
            self._lag = [place for place in lag if (place.topic, place.partition) in held]
            self._looked_at = looked_at
        return self._lag

    async def _dead_letter(self, message: Any, error: RecordError) -> None:
        """Send a dead letter; confirmed before the message is acknowledged."""
        record = dead_letter(
            message.topic, message.partition, message.offset, message.key, message.value, message.headers or (), error
        )
        await self._producer.send_and_wait(self._dead_letters, record.value, key=record.key, headers=record.headers)

    async def _publish_alerts(self, alerts: Sequence[Detected]) -> None:
        """Publish alerts; confirmed before the table entries that record them."""
        records = [Produced(*seal_record(alert)) for alert in alerts]
        await asyncio.gather(*await send_all(self._producer, self._options.alerts, records))

    async def _publish(self, incidents: Sequence[Incident]) -> None:
        """Publish incidents; confirmed before their rows are stored."""
        now = datetime.now(UTC)
        rows = await patiently(
            lambda: as_of(self._store, [one._asdict() for one in incidents], now), self._retry_seconds
        )
        records = [
            Produced(row["incident_id"].hex().encode(), orjson.dumps(incident_object(row, now)), []) for row in rows
        ]
        await asyncio.gather(*await send_all(self._producer, INCIDENTS, records))


async def _run_agent(app: Any) -> None:
    app.producer.buffer.max_messages = 2 * FLUSH_EVENTS  # by default it stalls, and warns, at 100
    try:
        await app.start()
        await app.wait_until_stopped()
    finally:
        await asyncio.shield(app.stop())
    if app.crash_reason is not None:
        raise Fatal(f"the agent stopped: {app.crash_reason!r}") from app.crash_reason


async def _run_flushes(app: Any, agent: DetectionAgent) -> None:
    try:
        await agent.run_flushes()
    except Exception as error:
        # or its stop would wait forever for events that nobody acknowledges
        await app.crash(error)
        raise


def make_app(connection: KafkaConnection, app_id: str, state_dir: Path, session: timedelta = SESSION) -> Any:
    """Return a Faust app with the settings that keep it from losing events (each line has cost somebody events)."""
    logging.getLogger("faust").setLevel(logging.WARNING)
    logging.getLogger("mode").setLevel(logging.WARNING)
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)  # Faust only creates directories below it
    app = faust.App(
        app_id,
        broker=[f"kafka://{address}" for address in connection.bootstrap.split(",")],
        broker_credentials=_credentials(connection),
        store="memory://",
        table_standby_replicas=0,  # a standby would be read from the changelog again anyway
        datadir=state_dir / "faust",
        Table=ConfirmedTable,
        agent_supervisor=CrashingSupervisor,  # the default one restarts after the event that failed
        stream_wait_empty=True,  # a stop waits for the events in hand
        broker_session_timeout=session.total_seconds(),
        broker_heartbeat_interval=min(session / 12, NOTICED).total_seconds(),
        broker_rebalance_timeout=REBALANCE_SECONDS,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        producer_linger=0.02,  # or every table entry would be a request of its own
        producer_compression_type=COMPRESSION,
        producer_max_request_size=LARGEST_RECORD,
        topic_allow_declare=False,  # we create the topics
        topic_disable_leader=True,
        web_enabled=False,
    )
    app.transport.Consumer = SteadyConsumer
    return app


def _credentials(connection: KafkaConnection) -> Any:
    options = connection.options()
    context = options.get("ssl_context")
    if "sasl_mechanism" in options:
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None

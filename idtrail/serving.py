"""Roles as processes: what each starts, in which order it stops, and what ends it.

All parts of a role run in one event loop. The first part that fails ends the role with its error: a trail without one
of its parts would lose or hide events.
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog
from fastapi import FastAPI

from idtrail.connections import courier_of, deployment_of, open_store, rule_ids, sink_options, usable_rules
from idtrail.emitting import now, open_emitter
from idtrail.http_server import listening, serve, url_of
from idtrail.maintenance import Maintenance
from idtrail.measuring import serving_metrics
from idtrail.settings import Settings
from idtrail.stack.jars import verified_jars
from idtrail.stack.jvm import java_executable
from idtrail.stack.kafka import LocalKafka
from idtrail.stack.lock import StateDirectory, make_directory
from idtrail.stack.topics import create_topics
from producers.emitter import Emitter
from producers.slicer import slice_whole
from queries.api import Context, create_app
from queries.jobs import Jobs
from queries.scope import EVERY_ORGANIZATION
from queries.store import Store
from queries.tokens import LOCAL, SCOPES, Tokens
from schemas.errors import BadUsage
from schemas.kafka import PROVISIONING, STORED, TOPICS, KafkaConnection
from streams.alerts.index import Rules
from streams.feed import Feed
from streams.interpreter import tune_interpreter
from streams.lag import read_lag
from streams.log_reader import read_record, read_records
from streams.older_store import find_lacks, go_back, refuse
from streams.sink import GROUP
from streams.worker import APP, WORKER_TOPICS, Worker

LOCAL_PARTITIONS: Final = 1
"""Partitions of each topic of the embedded stack. One process reads them all, and each further one means one more
insert, through every view."""
STOP_SECONDS: Final = 30.0

log = structlog.get_logger(__name__)
Part = Coroutine[Any, Any, None]


async def run_until_stopped(*parts: Part) -> None:
    """Run `parts` until SIGTERM or Ctrl-C, then cancel them in order; the first error of any ends all."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    stopping = asyncio.create_task(stop.wait())
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
        failed = [task for task in tasks if task.done()]
    finally:
        stopping.cancel()
        for task in tasks:
            task.cancel()
            await asyncio.wait([task], timeout=STOP_SECONDS)
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(name)
    for task in failed:
        task.result()


async def run_worker(settings: Settings) -> None:
    """Run `idtrail worker`: the sink and the Faust agents against an outside Kafka and ClickHouse."""
    rules = usable_rules(settings)
    connection = settings.outside()
    make_directory(settings.state)
    await create_topics(connection, settings.kafka_partitions, settings.kafka_replication, (*TOPICS, *WORKER_TOPICS))
    store = await open_store(settings)
    try:
        refuse(await find_lacks(connection, store, sink_options(settings)))
        log.info("working", kafka=connection.bootstrap)
        with serving_metrics(settings):
            await run_until_stopped(_work(connection, store, settings, rules))
    finally:
        store.close()


async def run_api(settings: Settings) -> None:
    """Run `idtrail api`: the HTTP API against an outside Kafka and ClickHouse."""
    tune_interpreter()
    connection = settings.outside()
    with listening(settings) as sock:
        store = await open_store(settings)
        try:
            async with open_emitter(settings, connection, spool="api", clock=now) as emitter:
                log.info("serving", url=url_of(sock))
                feed = Feed(connection, settings.feed_readers)
                jobs = jobs_of(settings, connection, store)
                app = app_of(settings, connection, store, emitter, feed, jobs)
                await run_until_stopped(serve(app, sock, feed), jobs.run(), emitter.died())
        finally:
            store.close()


@dataclass(frozen=True, slots=True)
class Trail:
    """A running embedded trail."""

    connection: KafkaConnection
    store: Store
    emitter: Emitter
    url: str
    token: str
    parts: tuple[Part, ...]
    """The parts to run with `run_until_stopped`."""


@asynccontextmanager
async def embedded(settings: Settings, say: Callable[[str], None]) -> AsyncIterator[Trail]:
    """Start the whole trail in this process; only the broker is a child process.

    `say` receives each step of the start. Everything is stopped in order at the end.
    """
    if not settings.embedded_kafka or settings.clickhouse_url.get_secret_value():
        raise BadUsage(
            "this starts the embedded stack, but the settings name an outside Kafka or ClickHouse: unset "
            "IDTRAIL_KAFKA_BOOTSTRAP and IDTRAIL_CLICKHOUSE_URL, or use `idtrail worker` and `idtrail api`"
        )
    rules = usable_rules(settings)
    async with AsyncExitStack() as stack:
        state = stack.enter_context(StateDirectory(settings.state))
        sock = stack.enter_context(listening(settings))
        java = java_executable(settings.java)
        jars = await asyncio.to_thread(verified_jars, say)
        say("starting the broker")
        broker = LocalKafka(settings.state, java=java, jars=jars, synced=settings.synced)
        stack.push_async_callback(broker.stop)
        await broker.start()
        connection = KafkaConnection(broker.bootstrap)
        await create_topics(connection, LOCAL_PARTITIONS, 1, (*TOPICS, *WORKER_TOPICS))
        say("opening the store")
        store = await open_store(settings)
        stack.callback(store.close)
        if lacks := await find_lacks(connection, store, sink_options(settings)):
            await go_back(connection, lacks, sink_options(settings))
        token = await asyncio.to_thread(first_token, settings, store)
        emitter = await stack.enter_async_context(open_emitter(settings, connection, spool="api", clock=now))
        state.announce(bootstrap=broker.bootstrap, api_url=url_of(sock))
        stack.callback(state.retract)
        feed = Feed(connection, settings.feed_readers)
        jobs = jobs_of(settings, connection, store)
        parts = (
            serve(app_of(settings, connection, store, emitter, feed, jobs), sock, feed),
            jobs.run(),
            emitter.died(),
            _work(connection, store, settings, rules),
            broker.died(),
        )
        yield Trail(connection, store, emitter, url_of(sock), token, parts)


async def run_embedded(settings: Settings, say: Callable[[str], None], ready: Callable[[Trail], None]) -> None:
    """Run `idtrail up`: the embedded trail until SIGTERM or Ctrl-C."""
    async with embedded(settings, say) as trail:
        ready(trail)
        await run_until_stopped(*trail.parts)


def first_token(settings: Settings, store: Store) -> str:
    """Return the token of the local stack. It is created at the first start, in a file that only its owner can read."""
    file = settings.state / "token"
    tokens = Tokens(store, now)
    # The contents of a damaged file are no token.
    if file.exists() and tokens.check(text := file.read_text(errors="replace").strip()):
        return text
    text, _ = tokens.create(LOCAL, SCOPES, EVERY_ORGANIZATION)
    file.unlink(missing_ok=True)
    with open(file, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
        out.write(text + "\n")
    return text


def app_of(
    settings: Settings, connection: KafkaConnection, store: Store, emitter: Emitter, feed: Feed, jobs: Jobs
) -> FastAPI:
    """Return the API over these parts."""
    return create_app(
        Context(
            store=store,
            tokens=Tokens(store, now, settings.admin_token.get_secret_value()),
            ingest=emitter,
            slice_body=slice_whole,
            read_record=lambda topic, partition, offset: read_record(connection, topic, partition, offset),
            read_records=lambda places: read_records(connection, places),
            read_lag=lambda: read_lag(connection, GROUP, STORED),
            read_detection_lag=lambda: read_lag(connection, APP, [PROVISIONING]),
            feed=feed,
            jobs=jobs,
            clock=now,
            rules=rule_ids(settings),
        )
    )


def jobs_of(settings: Settings, connection: KafkaConnection, store: Store) -> Maintenance:
    """Return the jobs over these parts; to be run beside the API."""
    return Maintenance(connection, store, deployment_of(settings), sink_options(settings), now)


async def _work(connection: KafkaConnection, store: Store, settings: Settings, rules: Rules) -> None:
    tune_interpreter()
    await Worker(
        connection,
        store,
        replace(sink_options(settings), also=rules.other_types()),
        # To end the embedded stack would end ingest as well, which needs no store.
        retry_seconds=math.inf if settings.embedded_kafka else settings.sink_retry_seconds,
        state_dir=settings.state,
        rules=rules,
        courier=courier_of(settings, connection),
    ).run()

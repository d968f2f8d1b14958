"""Workers of a test: in this process, on topics and a store of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idtrail.stack.topics import create_topics
from queries.store import Store
from schemas.kafka import FOR_EVER, KafkaConnection, TopicSpec
from streams.alerts.index import Rules
from streams.alerts.loading import shipped_rules
from streams.sink import SinkOptions
from streams.worker import Worker, tables_of
from tests.failures.workers import workers as workers  # the fixture
from tests.fixtures_kafka import Topics

Running = Callable[..., AbstractAsyncContextManager[tuple[Worker, asyncio.Task[None]]]]


@pytest.fixture
async def topics(topics: Topics) -> Topics:
    """With alerts that no other test sees; whoever starts workers makes their topic."""
    return replace(topics, alerts=topics.events.replace("events", "alerts"))


@pytest.fixture
async def running(kafka: KafkaConnection, topics: Topics, store: Store, tmp_path: Path) -> Running:
    """`async with running() as (worker, task)`: cancelled and drained at the end."""
    app_id = topics.group.replace("sink", "detection")
    await create_topics(kafka, 4, 1, [*tables_of(app_id), TopicSpec(topics.alerts, FOR_EVER)], patience_seconds=30)

    @asynccontextmanager
    async def start(**sink: Any) -> AsyncIterator[tuple[Worker, asyncio.Task[None]]]:
        worker = Worker(
            kafka,
            store,
            SinkOptions(topics=topics.names, alerts=topics.alerts, group=topics.group, **sink),
            retry_seconds=2,
            state_dir=tmp_path,
            rules=Rules(shipped_rules()),
            app_id=app_id,
        )
        task = asyncio.create_task(worker.run())
        try:
            yield worker, task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

    return start

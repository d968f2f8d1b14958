"""Whole workers in processes of their own, to be killed, frozen and woken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from idtrail.stack.topics import create_topics
from queries.store import Store
from schemas.kafka import FOR_EVER, KafkaConnection, TopicSpec
from streams.worker import tables_of
from tests.failures.process import main as run_worker
from tests.fixtures_kafka import Topics
from tests.forked import Main
from tests.sink.support import Sinks


@dataclass
class Workers(Sinks):
    """Whole workers, where the sink's tests run a sink."""

    main: Main = run_worker


@pytest.fixture
async def workers(
    kafka: KafkaConnection, topics: Topics, front: str, http_store: Store, tmp_path: Path
) -> AsyncIterator[Workers]:
    app_id = topics.group.replace("sink", "detection")
    await create_topics(kafka, 4, 1, [*tables_of(app_id), TopicSpec(topics.alerts, FOR_EVER)], patience_seconds=30)
    arguments = {
        "bootstrap": kafka.bootstrap,
        "store": front,
        "database": http_store.database,
        "topics": topics.names,
        "alerts": topics.alerts,
        "group": topics.group,
        "app_id": app_id,
        "state_dir": str(tmp_path),
    }
    made = Workers(arguments, tmp_path / "workers.log")
    try:
        yield made
    finally:
        made.end()

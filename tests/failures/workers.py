"""Whole workers in processes of their own, to be killed, frozen and woken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from idtrail.stack.topics import create_topics
from queries.store import Store
from schemas.kafka import FOR_EVER, KafkaConnection, TopicSpec
from streams.worker import tables_of
from tests.fixtures_kafka import Topics
from tests.sink.support import ROOT, Sinks


@dataclass
class Workers(Sinks):
    """Whole workers, where the sink's tests run a sink."""

    environment: dict[str, str] = field(default_factory=dict)
    """Beside this process's own."""

    def start(self, **more: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.failures.process", json.dumps({**self.arguments, **more})]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, **self.environment}
            )
        self.running.append(process)
        return process


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

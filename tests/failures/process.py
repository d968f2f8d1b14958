"""A worker in a process of its own, to be killed, frozen and woken: `main({"bootstrap": …, "store": …, "database": …,
"topics": […], "group": …, "app_id": …, "state_dir": …, "die_at": "windows", "die_after": 2, "destinations": …})`."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from idtrail.connections import courier_of
from idtrail.settings import Settings
from queries.store import Store
from schemas.kafka import KafkaConnection
from streams.alerts.index import Rules
from streams.alerts.loading import shipped_rules
from streams.sink import SinkOptions
from streams.worker import Worker
from tests.sink.process import Doom


async def main(arguments: dict[str, Any]) -> None:
    connection = KafkaConnection(arguments["bootstrap"])
    file = arguments.get("destinations")
    worker = Worker(
        connection,
        Store.open(arguments["store"], database=arguments["database"]),
        SinkOptions(
            topics=tuple(arguments["topics"]),
            alerts=arguments["alerts"],
            group=arguments["group"],
            flight_rows=arguments.get("flight_rows", 20_000),
            horizon=timedelta(hours=arguments.get("horizon_hours", 24)),
        ),
        retry_seconds=30,
        state_dir=Path(arguments["state_dir"]),
        rules=Rules(shipped_rules()),
        courier=courier_of(Settings(destinations_file=file, deliver_private=True), connection),
        app_id=arguments["app_id"],
        checkpoint=Doom(arguments.get("die_at", ""), arguments.get("die_after", 1)),
    )
    running = asyncio.create_task(worker.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with suppress(asyncio.CancelledError):
        await running

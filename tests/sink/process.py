"""A worker's sink in a process of its own, that can be told to die at a named point: `main({"bootstrap": …,
"store": …, "database": …, "topics": […], "group": …, "die_at": "inserted", "die_after": 2})`."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from typing import Any

from queries.store import Store
from schemas.kafka import KafkaConnection
from streams.sink import Sink, SinkOptions
from streams.writer import StoreWriter


class Doom:
    """Kills this process, as `kill -9` would, when a point is reached for the n-th time."""

    def __init__(self, point: str, after: int) -> None:
        self._point = point
        self._left = after

    def __call__(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


async def main(arguments: dict[str, Any]) -> None:
    store = Store.open(arguments["store"], database=arguments["database"])
    writer = StoreWriter(store, arguments.get("retry_seconds", 30))
    options = SinkOptions(
        topics=tuple(arguments["topics"]),
        group=arguments["group"],
        flight_rows=arguments.get("flight_rows", 400),
        session=timedelta(seconds=2),  # the dead are missed sooner
    )
    doom = Doom(arguments.get("die_at", ""), arguments.get("die_after", 1))
    await Sink(KafkaConnection(arguments["bootstrap"]), writer, options, doom).run()

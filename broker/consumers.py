"""Stops Kafka consumers without losing the error that the caller stops for."""

from __future__ import annotations

import asyncio
from typing import Any


async def stop_consumer(consumer: Any) -> None:
    """Leave the group and disconnect; use it wherever a consumer is stopped.

    aiokafka's own `stop` cancels the consumer's tasks and waits for them. A task that had not begun, or that waits for
    its next try, ends as cancelled, and `stop` would raise that cancellation in its caller, hiding the error for which
    the caller stops.
    """
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait([stopping])
    if not stopping.cancelled():
        stopping.result()
        return
    fetcher = consumer._fetcher
    for task in (fetcher._fetch_task, *fetcher._pending_tasks):
        task.cancel()
    await consumer._client.close()

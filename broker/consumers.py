"""Stopping consumers."""

from __future__ import annotations

import asyncio
from typing import Any


async def stop_consumer(consumer: Any) -> None:
    """Let go of the group and the broker; use it wherever a consumer is stopped.

    aiokafka's own `stop` cancels tasks of the consumer's and waits for them. One that had not begun, or that waits for
    its next try, ends as cancelled, and whoever stops would be told to be cancelled himself, in place of the error
    that he stops for.
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

"""Waits for partitions, and detects what keeps the group from sharing them out."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import structlog
from aiokafka.errors import InconsistentGroupProtocolError

from schemas.errors import Fatal

SESSION: Final = timedelta(seconds=6)
"""How long a silent worker keeps its partitions: a killed worker's move within 10 s."""
NOTICED: Final = timedelta(milliseconds=500)
"""How soon a rebalance is noticed."""
JOIN_SECONDS: Final = 60.0
"""A killed worker is missed a session later; one of another version that keeps running must be ended."""
LOOK_SECONDS: Final = 1.0

log = structlog.get_logger(__name__)


def membership(session: timedelta) -> dict[str, int]:
    """Return a consumer's options for a session of this length."""
    millisecond = timedelta(milliseconds=1)
    return {
        "session_timeout_ms": session // millisecond,
        "heartbeat_interval_ms": min(session // 12, NOTICED) // millisecond,
    }


async def start_in_group(consumer: Any) -> None:
    """Start a consumer that has subscribed. `wait_for_partitions` checks whether the group accepts it. Raises
    `KafkaError`."""
    with suppress(InconsistentGroupProtocolError):
        await consumer.start()


async def wait_for_partitions(consumer: Any, assigned: asyncio.Event, group: str) -> None:
    """Return when `assigned` is set. Raises what ended the group's work, which aiokafka reports only to callers that
    fetch: a `KafkaError`, or `Fatal` where a worker of another version stays in the group."""
    now = asyncio.get_running_loop().time
    deadline: float | None = None
    while not assigned.is_set():
        try:
            consumer._coordinator.check_errors()  # this also makes it try again
        except InconsistentGroupProtocolError as error:
            if deadline is None:
                log.warning("a worker of another version is, or was, in the group: it is waited for", group=group)
                deadline = now() + JOIN_SECONDS
            elif now() >= deadline:
                raise Fatal(
                    f"a worker of another version has been in the group {group} for {JOIN_SECONDS:.0f} s, and shares "
                    "nothing with this one: end all of them, then start those of this version"
                ) from error
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await assigned.wait()

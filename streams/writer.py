"""Writes chunks into ClickHouse: one Arrow table, one insert, one token, repeated unchanged until it succeeds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

import pyarrow as pa
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay
from tenacity.wait import wait_exponential_jitter

from queries.arrow import batch
from queries.store import Store
from schemas.errors import Fatal, StoreAway
from schemas.metrics import STORE_RETRIES
from streams.blocks import Block

_LONGEST_WAIT_SECONDS: Final = 5.0

T = TypeVar("T")

log = structlog.get_logger(__name__)


class StoreWriter:
    """Writes chunks of the log. Retries a store that is away, with the same rows and the same token."""

    def __init__(self, store: Store, retry_seconds: float) -> None:
        self._store = store
        self._retry_seconds = retry_seconds

    async def write(self, blocks: Sequence[Block], token: str) -> None:
        """Insert the rows of one chunk. Returns when they are stored; raises `Fatal` when the retry time is used up."""
        for block in blocks:
            await patiently(partial(self._store.insert_arrow, block.table, block.rows, token), self._retry_seconds)


async def insert_patiently(
    store: Store, table: str, rows: Sequence[Sequence[object]], schema: pa.Schema, token: str, seconds: float
) -> None:
    """Insert one block. Retries a store that is away for `seconds`, which may be infinite, with growing waits, then
    raises `Fatal`."""

    def insert() -> None:
        store.insert_arrow(table, batch(rows, schema), token)

    await patiently(insert, seconds)


async def patiently(call: Callable[[], T], seconds: float) -> T:
    """Run `call` in a thread and return its result, with the retries of `insert_patiently`."""
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(StoreAway),
        wait=wait_exponential_jitter(multiplier=0.2, max=_LONGEST_WAIT_SECONDS),
        stop=stop_after_delay(seconds),
        before_sleep=_say,
        reraise=True,
    )
    try:
        async for attempt in attempts:
            with attempt:
                return await asyncio.to_thread(call)
    except StoreAway as error:
        raise Fatal(
            f"the store was away for {seconds:.0f} s: {error}. Nothing is lost: the log holds what was not "
            "stored, and the worker goes on from there when it is started again"
        ) from error
    raise AssertionError("the attempts end by a return or an error")


def _say(state: RetryCallState) -> None:
    assert state.outcome is not None
    STORE_RETRIES.inc()
    log.warning("store away", error=str(state.outcome.exception()), attempt=state.attempt_number)

"""Whose turn it is to read the store.

A question holds a thread and a reader of the store for seconds, and there are few of both. So each organization has a
share, and what is beyond it waits in the event loop, where it holds up nobody else.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from anyio import CapacityLimiter
from starlette.concurrency import run_in_threadpool

from queries.store import READERS
from schemas.errors import Busy

AT_ONCE: Final = READERS
"""Questions that are answered at once."""
SHARE: Final = AT_ONCE - 1
"""Of these, the most of one organization, or of one token of all organizations: one is always left for others."""
PATIENCE_SECONDS: Final = 20.0
"""How long a question waits for its turn."""
CHECKS: Final = 2
"""Tokens checked at once. They do not queue for a thread behind all questions."""


class Turns:
    """Hands out turns, to those who wait in the order in which they came."""

    def __init__(self, at_once: int = AT_ONCE, share: int = SHARE, patience: float = PATIENCE_SECONDS) -> None:
        self._all = asyncio.Semaphore(at_once)
        self._shares: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(share))
        self._patience = patience
        self.checks = CapacityLimiter(CHECKS)

    @asynccontextmanager
    async def take(self, whose: str, *, patiently: bool = False) -> AsyncIterator[None]:
        """Hold a turn while the block runs. Raises `Busy` if none comes in time, unless one waits `patiently`."""
        busy = "as many questions of this organization are being answered as may be"
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(None if patiently else self._patience):
                    await held.enter_async_context(self._shares[whose])
                    busy = "as many questions are being answered as can be"
                    await held.enter_async_context(self._all)
            except TimeoutError:
                raise Busy(
                    f"{busy}, and this one waited {self._patience:g} s for its turn: "
                    "ask again later, fewer at once, or for a shorter time range"
                ) from None
            yield


@dataclass(frozen=True, slots=True)
class Share:
    """Where one client's turns come from."""

    turns: Turns
    whose: str

    async def each(self, blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Yield the blocks of a long answer, each made in another turn: who reads them slowly holds up nobody."""
        while True:
            async with self.turns.take(self.whose, patiently=True):
                block = await run_in_threadpool(next, blocks, None)
            if block is None:
                return
            yield block

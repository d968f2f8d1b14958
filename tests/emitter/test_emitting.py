"""Several commands that emit at once: each has a spool of its own, and what one could not log, the next one does."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from idtrail.emitting import open_emitter, open_emitter_beside_others
from idtrail.settings import Settings
from producers.emitter import Emitter
from producers.spool import Spool
from schemas.errors import AlreadyRunning
from schemas.kafka import KafkaConnection
from tests.emitter.support import clock
from tests.emitter.test_spool import AT, record

NOWHERE = KafkaConnection("127.0.0.1:1")


async def _opened(stack: AsyncExitStack, state: Path) -> Emitter:
    settings = Settings(state_dir=state)
    return await stack.enter_async_context(open_emitter_beside_others(settings, NOWHERE, clock=clock))


async def test_commands_that_start_at_once_have_a_spool_each(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        emitters = await asyncio.gather(*(_opened(stack, tmp_path) for _ in range(4)))
        spools = {emitter._delivery._spool.path.name for emitter in emitters}
    assert len(spools) == 4


@pytest.mark.parametrize("left", ["cli", "cli-2", "cli-3"])
async def test_what_an_earlier_command_left_is_taken_up_first(tmp_path: Path, left: str) -> None:
    for name in ("cli", "cli-2", "cli-3"):
        async with Spool(tmp_path / f"spool-{name}.sqlite3") as spool:
            if name == left:
                await spool.append([record(1)], AT)
    async with AsyncExitStack() as stack:
        depths = [(await _opened(stack, tmp_path)).status().depth for _ in range(4)]
    assert depths == [1, 0, 0, 0]


async def test_a_role_has_one_spool_and_is_told_what_to_do_when_it_is_taken(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    async with open_emitter(settings, NOWHERE, spool="watch", clock=clock):
        with pytest.raises(AlreadyRunning, match=r"spool-watch\.sqlite3: end it, or give this one another state dir"):
            async with open_emitter(settings, NOWHERE, spool="watch", clock=clock):
                pass

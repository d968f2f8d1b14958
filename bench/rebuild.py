"""A rebuild, from the log to exchanged tables, and a verification, with what each step takes.

python -m bench.rebuild [EVENTS]
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import psutil

from bench.children import hide_main
from bench.sink import HORIZON, fresh_store, records, topics_of
from idtrail.stack.jars import verified_jars
from idtrail.stack.jvm import java_executable
from idtrail.stack.kafka import LocalKafka
from queries.migrate import Deployment
from schemas.kafka import KafkaConnection
from streams.child import children_at_once
from streams.interpreter import tune_interpreter
from streams.rebuild import Rebuild
from streams.sink import Sink, SinkOptions
from streams.verify import Verification
from streams.writer import StoreWriter


async def main(count: int) -> None:
    tune_interpreter()
    decoders = children_at_once()
    with tempfile.TemporaryDirectory() as directory:
        broker = LocalKafka(Path(directory), java=java_executable("bundled"), jars=verified_jars(), synced=False)
        await broker.start()
        connection = KafkaConnection(broker.bootstrap)
        store = fresh_store(Path(directory, "engine"))
        try:
            topics = await topics_of(connection, records(count, fresh=False))
            options = SinkOptions(topics=topics, group=f"sink-{topics[0]}", horizon=HORIZON, decoders=decoders - 1)
            sink = Sink(connection, StoreWriter(store, 60), options)
            began, cpu = time.perf_counter(), _cpu()
            running = asyncio.create_task(sink.run())
            while sink.stored < count:
                await asyncio.wait([running], timeout=0.05)
                if running.done():
                    running.result()
            alone, spent = count / (time.perf_counter() - began), (_cpu() - cpu) / count * 1e6
            print(
                f"{count:,} events, {os.cpu_count()} cores; the sink alone: {alone:,.0f}/s, {spent:.0f} us of CPU each"
            )
            steps: list[tuple[str, float, float]] = [("", time.perf_counter(), _cpu())]
            rebuild = Rebuild(
                connection,
                store,
                Deployment("embedded", synced=False),
                options,
                decoders=decoders,
                code="bench",
                checkpoint=lambda point: steps.append((point, time.perf_counter(), _cpu())),
            )
            await rebuild.run(accept_loss=False)
            done = [step for step in steps if step[0] not in ("exchanged", "reached")]
            for (_, before, idle), (name, after, busy) in pairwise(done):
                print(f"  {name:<10} {after - before:>7.2f} s {(busy - idle) / count * 1e6:>7.0f} us of CPU an event")
            seconds = steps[-1][1] - steps[0][1]
            filled = next(end[1] - begin[1] for begin, end in pairwise(done) if end[0] == "filled")
            print(f"rebuild {count / seconds:,.0f}/s in all; filling {count / filled:,.0f}/s by {decoders} decoders")
            began = time.perf_counter()
            report = await Verification(connection, store, options, decoders=decoders).run()
            assert report["sound"], report["found"]
            print(f"verify {count / (time.perf_counter() - began):,.0f}/s")
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
        finally:
            store.close()
            await broker.stop()


def _cpu() -> float:
    """Of this process and its children, the broker left out."""
    here = psutil.Process()
    times = here.cpu_times()
    spent = times.user + times.system + times.children_user + times.children_system
    for child in here.children():
        with suppress(psutil.Error):
            if "java" not in child.name():
                spent += sum(child.cpu_times()[:2])
    return spent


if __name__ == "__main__":
    hide_main()
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000))

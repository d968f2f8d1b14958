"""The live feed under load: many readers over HTTP, one of them stuck, while a sink works in the same process.

python -m bench.feed [READERS] [EVENTS_PER_SECOND] [SECONDS]

API, feed and sink share this process, as in the embedded stack; the readers and the emitter have one of their own.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import orjson
import psutil

from bench.sink import by_sink, fresh_store, records
from idtrail.emitting import now
from idtrail.serving import app_of, jobs_of, listening, serve, url_of
from idtrail.settings import load_settings
from idtrail.stack.jars import verified_jars
from idtrail.stack.jvm import java_executable
from idtrail.stack.kafka import LocalKafka
from idtrail.stack.topics import create_topics
from producers.emitter import Emitter
from producers.spool import Spool
from queries.store import Store
from schemas.kafka import FOR_EVER, KafkaConnection, TopicSpec
from streams.feed import QUEUE_MESSAGES, Feed

PARTITIONS = 4
TOKEN = "a token of the benchmark"  # noqa: S105  because it opens nothing but this
WARM_SECONDS = 10.0
BACKLOG = 60_000
SEND_BYTES = 256 * 1024
"""Of each connection: what the kernel keeps for the stuck one is the same everywhere then."""
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of the feed."""

    readers: int = 50
    """One of them is stuck."""
    rate: int = 2_000
    """Events a second."""
    seconds: float = 60.0
    queue_messages: int = QUEUE_MESSAGES
    most_ahead: int = sys.maxsize
    """Events that may be emitted before the slowest of the others has them: for where speed is of no interest."""


class Reading(NamedTuple):
    """What one reader got."""

    received: int
    distinct: int
    dropped: bool


class Report(NamedTuple):
    """What came of it."""

    emitted: int
    readers: list[Reading]
    stuck: Reading
    """What the stuck one found in its connection when it looked again at the end."""
    resumed: int
    """Distinct events that the stuck one had when it had gone on from where it was told to."""
    p50_ms: float
    p99_ms: float
    rss_mb: tuple[float, float, float]
    """Before the readers, after the first seconds, and the most after that."""
    cpu_seconds: float
    """Of the API's process, until the readers had everything."""
    sunk_seconds: float
    """What the sink needed for its backlog while all this went on."""


async def measure(
    connection: KafkaConnection, store: Store, load: Load, sink: Callable[[], Awaitable[float]] | None = None
) -> Report:
    """Run the load once; `sink` works beside it."""
    topic = f"feed-{uuid4().hex[:8]}"
    await create_topics(connection, PARTITIONS, 1, [TopicSpec(topic, FOR_EVER)])
    feed = Feed(connection, load.readers, (topic,), queue_messages=load.queue_messages)
    settings = load_settings(api_port=0, admin_token=TOKEN)
    process = psutil.Process()
    with listening(settings) as sock, tempfile.TemporaryDirectory() as spool:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        sock.listen()  # whoever connects early waits
        emitter = Emitter(connection, Spool(Path(spool, "spool.sqlite")), now)
        app = app_of(settings, connection, store, emitter, feed, jobs_of(settings, connection, store))
        serving = asyncio.create_task(serve(app, sock, feed))
        before, cpu = _rss(process), _cpu(process)
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.feed_readers", url_of(sock), TOKEN, connection.bootstrap, topic,
            str(load.readers), str(load.rate), str(load.seconds), str(load.most_ahead),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            watching = asyncio.create_task(_watch(process, min(WARM_SECONDS, load.seconds / 2)))
            sinking = asyncio.ensure_future(sink()) if sink else None
            out, _ = await child.communicate()
            assert child.returncode == 0, f"the readers failed: {child.returncode}"
            cpu = _cpu(process) - cpu
            watching.cancel()
            warm, most = await watching
            sunk = await sinking if sinking else 0.0
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
            serving.cancel()
            await asyncio.wait([serving])
    found = orjson.loads(out)
    return Report(
        found["emitted"],
        [Reading(*reading) for reading in found["readers"]],
        Reading(*found["stuck"]),
        found["resumed"],
        found["p50_ms"],
        found["p99_ms"],
        (before, warm, most),
        cpu,
        sunk,
    )


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _rss(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20


async def _watch(process: psutil.Process, warm_seconds: float) -> tuple[float, float]:
    """Resident memory after the first seconds, and the most after them; until it is cancelled."""
    warm = most = 0.0
    try:
        await asyncio.sleep(warm_seconds)
        warm = most = _rss(process)
        while True:
            await asyncio.sleep(0.5)
            most = max(most, _rss(process))
    except asyncio.CancelledError:
        return warm, most


def show(load: Load, report: Report) -> None:
    """Print it."""
    whole = [reading for reading in report.readers if reading.received == reading.distinct == report.emitted]
    print(f"{load.readers} readers, one stuck; {load.rate:,} events/s for {load.seconds:.0f} s")
    print(f"  {len(whole)} of {len(report.readers)} readers got each of {report.emitted:,} events exactly once")
    for reading in report.readers:
        if reading not in whole:
            print(f"    one got {reading.received:,}, {reading.distinct:,} distinct, dropped: {reading.dropped}")
    print(f"  the stuck one: dropped and told so: {report.stuck.dropped}; after going on it had {report.resumed:,}")
    print(f"  from emit to reader: p50 {report.p50_ms:.0f} ms, p99 {report.p99_ms:.0f} ms")
    print(f"  the API's process took {report.cpu_seconds:.1f} s of a core")
    before, warm, most = report.rss_mb
    print(
        f"  memory of the API's process: {before:.0f} MB before, {warm:.0f} MB warm, then {most - warm:+.0f} MB at most"
    )


async def main(load: Load) -> None:
    with tempfile.TemporaryDirectory() as directory:
        broker = LocalKafka(Path(directory), java=java_executable("bundled"), jars=verified_jars(), synced=False)
        await broker.start()
        connection = KafkaConnection(broker.bootstrap)
        engine = Path(directory, "engine")
        store = fresh_store(engine)
        try:
            show(load, await measure(connection, store, load))
            backlog = records(BACKLOG, fresh=False)
            alone = await by_sink(connection, engine, backlog)
            short = replace(load, seconds=max(15.0, load.seconds / 4))
            beside = await measure(connection, store, short, lambda: by_sink(connection, engine, backlog))
            idle = replace(short, rate=0)
            quiet = await measure(connection, store, idle, lambda: by_sink(connection, engine, backlog))
        finally:
            store.close()
            await broker.stop()
    print(f"  a sink in the same process, {BACKLOG:,} events behind:")
    for name, seconds in (
        ("without readers", alone),
        (f"{load.readers} readers, nothing new", quiet.sunk_seconds),
        (f"{load.readers} readers at {load.rate:,}/s", beside.sunk_seconds),
    ):
        print(f"    {name:<32} {BACKLOG / seconds:>9,.0f} events/s")


def _load(arguments: Sequence[str]) -> Load:
    readers, rate, seconds = [*arguments, *("50", "2000", "60")[len(arguments) :]][:3]
    return Load(int(readers), int(rate), float(seconds))


if __name__ == "__main__":
    asyncio.run(main(_load(sys.argv[1:])))

"""The live feed under load: many readers over HTTP, one of them stuck; then a sink in the same process, with them
and without, turn by turn.

python -m bench.feed [READERS] [EVENTS_PER_SECOND] [SECONDS] [ROUNDS] [EVENTS_OF_THE_SINK]

API, feed and sink share this process, as in the embedded stack; the readers and the emitter have one of their own.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple
from uuid import uuid4

import orjson
import psutil

from bench.feed_readers import BEGUN, Load, Reading
from bench.figures import STRETCHES, Estimate, paired_ratio, slope
from bench.sink import by_sink, fresh_store, records
from idtrail.emitting import now
from idtrail.http_server import listening, serve, url_of
from idtrail.logs import configure_logs
from idtrail.serving import app_of, jobs_of
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
from streams.follower import REMEMBERED_EVENTS

PARTITIONS: Final = 4
TOKEN: Final = "a token of the benchmark"  # noqa: S105  because it opens nothing but this
ROUNDS: Final = 5
BACKLOG: Final = 40_000
LONGEST_SINK_SECONDS: Final = 300.0
WARM_EVENTS: Final = REMEMBERED_EVENTS + QUEUE_MESSAGES
"""After so many the feed remembers all that it ever does, and the stuck reader has been dropped."""
LOOK_SECONDS: Final = 0.25
SEND_BYTES: Final = 256 * 1024
"""Of each connection: what the kernel keeps for the stuck one is the same everywhere then."""
ROOT: Final = Path(__file__).parent.parent


class Look(NamedTuple):
    """At the API's process while it serves."""

    at: float
    rss_mb: float
    following: int
    """Readers that are neither gone nor dropped."""


class Report(NamedTuple):
    """What came of a load."""

    emitted: int
    seconds: float
    """That it lasted."""
    readers: list[Reading]
    stuck: Reading | None
    """What the stuck one found in its connection when it looked again at the end."""
    resumed: int
    """Distinct events that the stuck one had when it had gone on from where it was told to."""
    p50_ms: float
    p99_ms: float
    looks: list[Look]
    """`at` is counted from the first event."""
    cpu_seconds: float
    """Of the API's process, until the readers had everything."""
    sunk_seconds: float
    """What the sink needed for its backlog while all this went on."""

    def whole(self) -> list[Reading]:
        """Those that got each event exactly once."""
        return [got for got in self.readers if got.received == got.distinct == self.emitted and not got.reason]

    def dropped_after(self, readers: int) -> float | None:
        """Seconds until one of so many was let go of."""
        return next((look.at for look in self.looks if look.following < readers), None)

    def warm(self) -> list[tuple[float, float]]:
        """Minutes and memory while events come, once queues and what is remembered have their size; of a short load
        its second half."""
        after = self.seconds * min(WARM_EVENTS / self.emitted, 0.5)
        return [(look.at / 60, look.rss_mb) for look in self.looks if after <= look.at <= self.seconds]


async def measure(
    connection: KafkaConnection,
    store: Store,
    load: Load,
    *,
    queue_messages: int = QUEUE_MESSAGES,
    sink: Callable[[], Awaitable[float]] | None = None,
) -> Report:
    """Run the load once; it ends early, as soon as `sink` has come back, which begins when all readers follow."""
    topic = f"feed-{uuid4().hex[:8]}"
    await create_topics(connection, PARTITIONS, 1, [TopicSpec(topic, FOR_EVER)])
    feed = Feed(connection, max(load.readers, 1), (topic,), queue_messages=queue_messages)
    settings = load_settings(api_port=0, admin_token=TOKEN)
    process = psutil.Process()
    with listening(settings) as sock, tempfile.TemporaryDirectory() as spool:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        sock.listen()  # whoever connects early waits
        emitter = Emitter(connection, Spool(Path(spool, "spool.sqlite")), now)
        app = app_of(settings, connection, store, emitter, feed, jobs_of(settings, connection, store))
        serving = asyncio.create_task(serve(app, sock, feed))
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.feed_readers",
            url_of(sock), TOKEN, connection.bootstrap, topic, orjson.dumps(load).decode(),
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        looks: list[Look] = []
        looking = asyncio.create_task(_look_on(process, feed, looks))
        try:
            assert await child.stdout.readline() == BEGUN, "the readers did not begin"
            began, cpu = time.monotonic(), _cpu(process)
            sunk = await sink() if sink else 0.0
            sunk_at = time.monotonic()
            if sink:
                child.stdin.close()
            out = await child.stdout.read()
            assert await child.wait() == 0, f"the readers failed: {child.returncode}"
            cpu = _cpu(process) - cpu
        finally:
            looking.cancel()
            if child.returncode is None:
                child.kill()
                await child.wait()
            serving.cancel()
            await asyncio.wait([serving, looking])
    found = orjson.loads(out)
    assert not sink or sunk_at <= found["ended"], "the load ended before the sink did"
    return Report(
        found["emitted"],
        found["ended"] - began,
        [Reading(**reading) for reading in found["readers"]],
        Reading(**found["stuck"]) if found["stuck"] else None,
        found["resumed"],
        found["p50_ms"],
        found["p99_ms"],
        [look._replace(at=look.at - began) for look in looks if look.at >= began],
        cpu,
        sunk,
    )


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


async def _look_on(process: psutil.Process, feed: Feed, looks: list[Look]) -> None:
    while True:
        looks.append(Look(time.monotonic(), process.memory_info().rss / 2**20, len(feed.joined)))
        await asyncio.sleep(LOOK_SECONDS)


def show(load: Load, report: Report) -> None:
    """Print what one load did to readers and memory."""
    whole = report.whole()
    print(f"{load.readers} readers, one stuck; {report.emitted / report.seconds:,.0f} events/s, {report.seconds:.0f} s")
    print(f"  {len(whole)} of {len(report.readers)} others got each of {report.emitted:,} events exactly once")
    for got in report.readers:
        if got not in whole:
            print(f"    one got {got.received:,}, {got.distinct:,} distinct, and was told: {got.reason or 'nothing'}")
    stuck, after = report.stuck, report.dropped_after(load.readers)
    assert stuck is not None
    gone = "not dropped" if after is None else f"dropped after {after:.1f} s"
    print(f"  the stuck one: {gone}; it found {stuck.received:,} events and was told: {stuck.reason or 'nothing'}")
    print(f"    from where it was told to go on it had {report.resumed:,} in the end, none twice")
    print(f"  from emit to reader: p50 {report.p50_ms:.0f} ms, p99 {report.p99_ms:.0f} ms")
    print(f"  the API's process took {report.cpu_seconds:.1f} s of a core")
    show_memory(report)


def show_memory(report: Report) -> None:
    """Print what the API's process held over time, and whether it grew."""
    steps = [report.looks[len(report.looks) * step // STRETCHES] for step in range(STRETCHES)] + report.looks[-1:]
    print("  memory of the API's process: " + ", ".join(f"{look.at:.0f} s {look.rss_mb:.0f}" for look in steps) + " MB")
    warm = report.warm()
    if len(warm) < STRETCHES:
        print("    too short to tell whether it grows")
        return
    print(f"    from {warm[0][0] * 60:.0f} s on it grew by {_told(slope(warm), '+.1f')} MB/min while events came")


def arms_of(load: Load) -> dict[str, Load]:
    """What goes on beside the sink. The name says it."""
    none = replace(load, readers=0, stuck=False, seconds=LONGEST_SINK_SECONDS)
    rate = f"{load.rate:,}/s"
    return {
        "nothing else": replace(none, rate=0),
        f"{rate}, nobody reads": none,
        f"{load.readers} readers, nothing new": replace(none, readers=load.readers, rate=0),
        f"{load.readers - 1} readers of {rate}": replace(none, readers=load.readers - 1),
        f"{load.readers} of {rate}, one stuck": replace(none, readers=load.readers, stuck=True),
    }


async def take_turns(
    arms: Mapping[str, Load], rounds: int, run: Callable[[Load], Awaitable[Report]]
) -> dict[str, list[Report]]:
    """Every arm once in each round, another one first each time: what the machine does meanwhile, it does to all."""
    found: dict[str, list[Report]] = {name: [] for name in arms}
    order = deque(arms)
    for _ in range(rounds):
        for name in order:
            found[name].append(await run(arms[name]))
        order.rotate(-1)
    return found


def show_turns(found: Mapping[str, Sequence[Report]], backlog: int) -> None:
    """Print the sink's rate beside each arm, and what the arms cost it."""
    nothing, unread, idle, reading, stuck = found
    rates = {name: [backlog / report.sunk_seconds for report in reports] for name, reports in found.items()}
    print(f"  a sink in the same process, {backlog:,} events behind, {len(rates[nothing])} rounds, turn by turn:")
    for name, own in rates.items():
        waited = ""
        if found[name][0].p99_ms:
            p50, p99 = (median(values) for values in zip(*((r.p50_ms, r.p99_ms) for r in found[name]), strict=True))
            waited = f"; readers p50 {p50:.0f} ms, p99 {p99:.0f} ms"
        print(f"    {name:<30} {median(own):>7,.0f} events/s ({min(own):,.0f} to {max(own):,.0f}){waited}")
    for name, other in ((idle, nothing), (reading, unread), (stuck, unread), (stuck, reading)):
        print(f"    {name} : {other}  {_told(paired_ratio(rates[name], rates[other]), '.2f')}")
    others = [report for reports in found.values() for report in reports if report.readers]
    whole = sum(len(report.whole()) for report in others)
    print(f"    {whole} of {sum(len(report.readers) for report in others)} readers got each event exactly once")


def _told(estimate: Estimate, form: str) -> str:
    return f"{estimate.value:{form}} ({estimate.low:{form}} to {estimate.high:{form}})"


async def main(load: Load, rounds: int = ROUNDS, backlog: int = BACKLOG) -> None:
    with tempfile.TemporaryDirectory() as directory:
        broker = LocalKafka(Path(directory), java=java_executable("bundled"), jars=verified_jars(), synced=False)
        await broker.start()
        connection = KafkaConnection(broker.bootstrap)
        engine = Path(directory, "engine")
        store = fresh_store(engine)
        try:
            show(load, await measure(connection, store, load))
            sink = partial(by_sink, connection, engine, records(backlog, fresh=False))
            found = await take_turns(
                arms_of(load), rounds, lambda beside: measure(connection, store, beside, sink=sink)
            )
        finally:
            store.close()
            await broker.stop()
    show_turns(found, backlog)


async def _from(arguments: Sequence[str]) -> None:
    readers, rate, seconds, rounds, backlog = [
        *arguments,
        *("50", "2000", "90", str(ROUNDS), str(BACKLOG))[len(arguments) :],
    ]
    if int(rounds) < 2:
        sys.exit("two rounds are the fewest that tell an uncertainty")
    await main(Load(int(readers), int(rate), float(seconds)), int(rounds), int(backlog))


if __name__ == "__main__":
    configure_logs(level="warning")
    asyncio.run(_from(sys.argv[1:]))

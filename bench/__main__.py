"""`make bench`: every benchmark, on a broker of its own."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from bench import alerts, deliveries, emitter, feed, rebuild, sink
from bench.feed_readers import Load
from idtrail.logs import configure_logs
from idtrail.stack.jars import verified_jars
from idtrail.stack.jvm import java_executable
from idtrail.stack.kafka import LocalKafka


async def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        broker = LocalKafka(Path(directory), java=java_executable("bundled"), jars=verified_jars(), synced=False)
        await broker.start()
        try:
            await emitter.main(broker.bootstrap, 50_000)
        finally:
            await broker.stop()
    await sink.main(200_000)
    await rebuild.main(200_000)
    await feed.main(Load())
    await alerts.main(1_000_000)
    await deliveries.main()


if __name__ == "__main__":
    configure_logs(level="warning")
    asyncio.run(main())

"""A rebuild in a process of its own, that can be told to die at a named point: `main({"bootstrap": …, "store": …,
"database": …, "topics": […], "group": …, "die_at": "exchanged", "die_after": 2})`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from queries.migrate import Deployment
from queries.store import Store
from schemas.kafka import KafkaConnection
from streams import replaying
from streams.rebuild import Rebuild
from streams.sink import SinkOptions
from tests.sink.process import Doom


async def main(arguments: dict[str, Any]) -> None:
    store = Store.open(arguments["store"], database=arguments["database"])
    options = SinkOptions(topics=tuple(arguments["topics"]), group=arguments["group"], session=timedelta(seconds=2))
    rebuild = Rebuild(
        KafkaConnection(arguments["bootstrap"]),
        store,
        Deployment("server"),
        options,
        decoders=2,
        code="test",
        checkpoint=Doom(arguments.get("die_at", ""), arguments.get("die_after", 1)),
    )
    replaying.STRETCH_RECORDS, replaying.FEW_RECORDS = 200, 0  # type: ignore[misc]  # several, and by children
    await rebuild.finish()
    await rebuild.run(accept_loss=False)
    store.close()

"""A courier in a process of its own, to be killed: `main({"bootstrap": …, "topic": …, "group": …, "file": …,
"die_at": "told", "die_after": 2})`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from idtrail.connections import channels_of
from idtrail.settings import Settings
from schemas.kafka import KafkaConnection
from streams.alerts.delivery.courier import Courier
from streams.alerts.delivery.destinations import load_destinations
from tests.sink.process import Doom


async def main(arguments: dict[str, Any]) -> None:
    file = Path(arguments["file"])
    found = load_destinations(file)
    await Courier(
        KafkaConnection(arguments["bootstrap"]),
        found,
        channels_of(Settings(destinations_file=file, deliver_private=True), found),
        topic=arguments["topic"],
        group=arguments["group"],
        checkpoint=Doom(arguments.get("die_at", ""), arguments.get("die_after", 1)),
    ).run()

"""The command `idtrail demo`: sends real export files and a simulated organisation through the whole trail, and shows
the answers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from broker.consumers import stop_consumer
from idtrail.cli.client import Api
from idtrail.cli.screen import console
from idtrail.emitting import now
from idtrail.serving import Trail, embedded, run_until_stopped
from idtrail.settings import Settings
from producers.files import import_files
from producers.simulation import demo as demo_organisation
from queries.store import Store
from schemas.envelope import Source, Trust
from schemas.errors import BadUsage
from schemas.kafka import EVENTS, STORED, KafkaConnection
from streams.lag import read_lag
from streams.sink import GROUP

BATCH: Final = 2_000
SAMPLES: Final = Path(__file__).parent / "samples"
"""Export files in every format, of an organisation that pilots two applications."""
WAIT_SECONDS: Final = 0.1

Say = Callable[[str], None]
Show = Callable[[Console, "Outcome", Api], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo did, for its last screen."""

    organization: str
    events: int
    seconds: float
    agree: bool
    """Whether every event on the log is in the store, and no other."""
    until: datetime
    url: str
    token_file: Path
    stays: bool
    """Whether the trail stays up after the screen is shown."""


async def run_demo(settings: Settings, *, once: bool, say: Say, show: Show) -> None:
    """Play the demo. With `once` it runs in a temporary directory and ends by itself; otherwise it stays up with the
    API."""
    async with _place(settings, once=once) as own, embedded(own, say) as trail:
        await run_until_stopped(_play(own, trail, once=once, show=show), *trail.parts)


@asynccontextmanager
async def _place(settings: Settings, *, once: bool) -> AsyncIterator[Settings]:
    if not once:
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="idtrail-demo-") as directory:
        yield settings.model_copy(update={"state_dir": Path(directory), "api_port": 0})


async def _play(settings: Settings, trail: Trail, *, once: bool, show: Show) -> None:
    until = _end_of_story(settings.state)
    organisation = demo_organisation(until)
    organization = organisation.world.roster.organization
    await asyncio.to_thread(_refuse_other_data, trail.store, organization)
    began = time.monotonic()
    with Progress(
        TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as progress:  # fmt: skip
        files = progress.add_task("import export files", total=None)
        summary = await import_files(
            [SAMPLES], trail.emitter, organization=organization, on_progress=lambda state: None
        )
        progress.update(files, total=summary.read, completed=summary.read)
        events = [event.raw for event in organisation]
        play = progress.add_task("play a simulated organisation", total=len(events))
        source = Source("simulator", Trust.TENANT_API, organization)
        remaining = iter(events)
        while batch := list(islice(remaining, BATCH)):
            await trail.emitter.emit_many(batch, source)
            progress.advance(play, len(batch))
        await _stored(trail, progress)
    agree = await _agree(trail.connection, trail.store)
    total = await asyncio.to_thread(trail.store.query, "SELECT uniqExact(event_id) FROM events")
    took, token_file = time.monotonic() - began, settings.state / "token"
    outcome = Outcome(organization, total[0][0], took, agree, until, trail.url, token_file, stays=not once)
    api = Api(settings.model_copy(update={"api_url": trail.url}))
    with contextlib.suppress(SystemExit):  # rich exits like this if the reader of the output has gone
        await asyncio.to_thread(show, console(), outcome, api)
    if not once:
        await asyncio.Event().wait()


def _end_of_story(state: Path) -> datetime:
    """Return when the simulated month ends: now, or when an earlier demo in this directory ended, so that nothing
    doubles."""
    file = state / "demo.json"
    try:
        return datetime.fromisoformat(json.loads(file.read_text())["until"])
    except (OSError, ValueError, KeyError, TypeError):
        until = now().replace(microsecond=0) - timedelta(minutes=2)
        file.write_text(json.dumps({"until": until.isoformat()}))
        return until


def _refuse_other_data(store: Store, organization: str) -> None:
    others = store.query(
        "SELECT DISTINCT organization FROM events WHERE organization != {own:String} LIMIT 1", {"own": organization}
    )
    if others:
        raise BadUsage(
            f"this trail holds events of organization {others[0][0]}: the demo does not mix with real ones. "
            "Give it a directory of its own, such as IDTRAIL_STATE_DIR=~/.idtrail-demo"
        )


async def _stored(trail: Trail, progress: Progress) -> None:
    """Wait until the sink has stored everything and the backfill has folded it."""
    bar = progress.add_task("store and fold", total=None)
    while True:
        lag = await read_lag(trail.connection, GROUP, STORED)
        folded = dict(await asyncio.to_thread(trail.store.query, _FOLDED, {"topic": EVENTS}))
        end = sum(place.end for place in lag)
        stored = sum(place.stored for place in lag)
        progress.update(bar, total=end, completed=stored)
        events = [place for place in lag if place.topic == EVENTS]
        if stored == end and all(folded.get(place.partition, 0) == place.end for place in events):
            return
        await asyncio.sleep(WAIT_SECONDS)


_FOLDED: Final = (
    "SELECT log_partition, max(next_offset) FROM backfill_progress"
    " WHERE log_topic = {topic:String} GROUP BY log_partition"
)


async def _agree(connection: KafkaConnection, store: Store) -> bool:
    """Whether log and store hold the same copies of the same events."""
    on_log: set[tuple[str, str]] = set()
    consumer = AIOKafkaConsumer(EVENTS, auto_offset_reset="earliest", **connection.options())
    try:
        await consumer.start()
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    headers: dict[str, Any] = dict(record.headers)
                    on_log.add((headers["ce_id"].decode(), headers["idtrail_fingerprint"].decode()))
    finally:
        await stop_consumer(consumer)
    rows = await asyncio.to_thread(store.query, "SELECT DISTINCT event_id, fingerprint FROM events")
    return on_log == {(str(event_id), fingerprint.hex()) for event_id, fingerprint in rows}

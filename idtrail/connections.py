"""Opens what a role needs according to the settings: the store, the sink's options, and the courier of alerts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from idtrail.emitting import now
from idtrail.settings import Settings
from queries.migrate import Deployment, migrate
from queries.store import Store
from schemas.errors import BadUsage, StoreAway
from schemas.kafka import KafkaConnection
from streams.alerts.delivery.channel import Channel, open_channel
from streams.alerts.delivery.courier import Courier
from streams.alerts.delivery.destinations import Destinations, load_destinations, unknown_names
from streams.alerts.index import Rules
from streams.alerts.loading import load_rules, rules_in_force
from streams.alerts.rule import TOLD_WITHOUT, Rule
from streams.child import children_at_once
from streams.joining import SESSION
from streams.sink import SinkOptions

ALONE: Final = timedelta(seconds=30)
"""The session of the embedded stack's worker. Nobody waits for its partitions, and a busy machine may delay it."""

log = structlog.get_logger(__name__)


def deployment_of(settings: Settings) -> Deployment:
    """Return how the tables are created: embedded, on one server, or on a cluster."""
    if not settings.clickhouse_url.get_secret_value():
        return Deployment("embedded", synced=settings.synced)
    if settings.clickhouse_cluster:
        return Deployment("cluster", cluster=settings.clickhouse_cluster)
    return Deployment("server")


async def open_store(settings: Settings) -> Store:
    """Open and migrate the store. While it does not answer, retry with growing pauses and a message each time."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type(StoreAway),
        wait=wait_exponential_jitter(multiplier=0.5, max=15),
        before_sleep=_say_away,
    ):
        with attempt:
            return await asyncio.to_thread(_open_store, settings)
    raise AssertionError("unreachable: the retry goes on until it succeeds or raises")


def _open_store(settings: Settings) -> Store:
    url = settings.store_url()
    if url.startswith("chdb://"):
        Path(url.removeprefix("chdb://")).mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store.open(url)
    try:
        migrate(store, deployment_of(settings))
    except BaseException:
        store.close()
        raise
    return store


def _say_away(state: RetryCallState) -> None:
    assert state.outcome is not None
    log.warning("waiting for the store", reason=str(state.outcome.exception()), attempt=state.attempt_number)


def sink_options(settings: Settings) -> SinkOptions:
    """Return the sink's options from the settings."""
    return SinkOptions(
        flight_rows=settings.sink_chunk_rows,
        flush=timedelta(milliseconds=settings.sink_flush_ms),
        horizon=timedelta(hours=settings.horizon_hours),
        poison_limit=settings.poison_limit,
        session=ALONE if settings.embedded_kafka else SESSION,
        decoders=children_at_once() - 1,
    )


def courier_of(settings: Settings, connection: KafkaConnection) -> Courier | None:
    """Return a courier for the destinations in the configured file; None without a file. Raises `BadUsage`."""
    if settings.destinations_file is None:
        return None
    destinations = load_destinations(settings.destinations_file)
    return Courier(connection, destinations, channels_of(settings, destinations))


def channels_of(settings: Settings, destinations: Destinations) -> dict[str, Channel]:
    """Return the channel of each destination by name. Raises `BadUsage` that lists every URL that cannot be used."""
    channels: dict[str, Channel] = {}
    problems: list[str] = []
    for one in destinations:
        try:
            channels[one.name] = open_channel(
                one, private=settings.deliver_private, clock=now, api_url=settings.api_url
            )
        except BadUsage as error:
            problems.append(f"{settings.destinations_file}: {error}")
    if problems:
        raise BadUsage("\n".join(problems))
    return channels


def usable_rules(settings: Settings) -> Rules:
    """Return the alert rules in force: those that ship with idtrail, and custom ones.

    It is called before anything is started, so that nothing starts that could not go on. Raises `BadUsage` for rules
    and destinations that cannot be used.
    """
    rules = _rules(settings)
    if settings.destinations_file is not None:
        destinations = load_destinations(settings.destinations_file)
        channels_of(settings, destinations)
        for problem in unknown_names(rules, destinations, settings.destinations_file):
            log.warning(problem)  # the other destinations still work, which is better than refusing to run
    return Rules(rules)


def rule_ids(settings: Settings) -> frozenset[str]:
    """Return the ids of the rules in force, and of alerts that no rule makes. Raises `BadUsage`."""
    return TOLD_WITHOUT | {rule.id for rule in _rules(settings)}


def _rules(settings: Settings) -> list[Rule]:
    own = [] if settings.rules_dir is None else load_rules([settings.rules_dir.expanduser()])
    return rules_in_force(own)

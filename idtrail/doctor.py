"""The checks of `idtrail doctor`. Each reports what it found and, if that is bad, how to fix it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import httpx

from idtrail.cli.client import Api
from idtrail.cli.integration_screens import app_name, soon
from idtrail.cli.screen import counted, moment, when
from idtrail.connections import channels_of
from idtrail.settings import Settings
from idtrail.stack.jars import KAFKA_VERSION, verified_jars
from idtrail.stack.jvm import java_executable
from idtrail.stack.lock import Running, read_running
from idtrail.stack.topics import examine_topics
from queries.integrations.expiry import SOON
from queries.integrations.health import UNWELL, State
from queries.store import Store
from schemas.errors import Away, BadUsage, IdtrailError, UserError
from schemas.kafka import STORED, TOPICS, KafkaConnection
from streams.alerts.delivery.destinations import load_destinations, unknown_names
from streams.alerts.loading import examine_in_force, load_rules, rules_in_force
from streams.lag import read_lag
from streams.sink import GROUP
from streams.worker import WORKER_TOPICS


class Check(NamedTuple):
    """One line of the doctor's report."""

    name: str
    good: bool
    text: str


async def examine(settings: Settings) -> AsyncIterator[Check]:
    """Yield the result of every check that the settings call for, ordered so that an early failure explains later
    ones."""
    yield Check("settings", True, "valid")
    yield await _check("rules", lambda: _rules(settings))
    if settings.destinations_file is not None:
        yield await _check("destinations", lambda: _destinations(settings))
    running = read_running(settings.state) if settings.embedded_kafka else None
    if settings.embedded_kafka:
        yield await _check("java", lambda: str(java_executable(settings.java)))
        yield await _check("jars", lambda: f"{len(verified_jars())} of Kafka {KAFKA_VERSION}, as locked")
        if running is None:
            yield Check("trail", False, f"none is running in {settings.state}: start it with `idtrail up`")
            return
        yield Check("trail", True, f"process {running.pid} in {settings.state}")
    connection = KafkaConnection(running.bootstrap) if running else settings.kafka()
    yield await _broker(connection, _mend_broker(running))
    yield await _topics(connection)
    if settings.clickhouse_url.get_secret_value():
        yield await _check("store", lambda: _store(settings))
    if running is not None or settings.api_url:
        api = await asyncio.to_thread(_api, settings.api_url or (running.api_url if running else ""))
        yield api
        if api.good:
            for finding in await asyncio.to_thread(_blind, settings):
                yield finding
            yield await asyncio.to_thread(_integrations, settings)
    for spool in sorted(settings.state.glob("spool-*.sqlite3")):
        yield await _check(spool.stem, lambda spool=spool: _spool(spool))  # type: ignore[misc]  # because of the default


async def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, await asyncio.to_thread(look))
    except IdtrailError as error:
        return Check(name, False, str(error))


def _rules(settings: Settings) -> str:
    own = [] if settings.rules_dir is None else load_rules([settings.rules_dir.expanduser()])
    told = f", {len(own)} of them in {settings.rules_dir}" if settings.rules_dir is not None else ""
    return f"{counted(len(rules_in_force(own)), 'alert rule')}{told}"


def _destinations(settings: Settings) -> str:
    assert settings.destinations_file is not None, "asked before"
    found = load_destinations(settings.destinations_file)
    channels = channels_of(settings, found)
    rules = examine_in_force(settings.rules_dir).rules.values()
    unknown = unknown_names(rules, found, settings.destinations_file)
    if unknown:
        raise BadUsage("; ".join(unknown))
    return f"{counted(len(channels), 'destination')} (`idtrail destinations check`)"


def _mend_broker(running: Running | None) -> str:
    """Return how to fix a broker that does not answer."""
    if running is None:
        return "check IDTRAIL_KAFKA_BOOTSTRAP and that a worker made the topics"
    return f"it is a child of process {running.pid}: if it stays so, stop that one and start it again"


async def _broker(connection: KafkaConnection, mend: str) -> Check:
    try:
        async with asyncio.timeout(15):
            lag = await read_lag(connection, GROUP, STORED)
    except UserError as error:
        return Check("broker", False, str(error))
    except (Away, TimeoutError) as error:
        reason = str(error) or f"Kafka at {connection.bootstrap} does not answer"
        return Check("broker", False, f"{reason}: {mend}")
    behind = sum(place.behind for place in lag)
    return Check("broker", True, f"{connection.bootstrap}, {behind:,} records not stored yet")


async def _topics(connection: KafkaConnection) -> Check:
    try:
        async with asyncio.timeout(15):
            objections = await examine_topics(connection, (*TOPICS, *WORKER_TOPICS))
    except (Away, UserError, TimeoutError) as error:
        return Check("topics", False, str(error) or f"Kafka at {connection.bootstrap} does not answer")
    wrong = any(objection.breaks for objection in objections)
    said = [f"{'' if objection.breaks else 'unwise: '}{objection}" for objection in objections]
    return Check("topics", not wrong, "; ".join(said) or "set as the trail's promises need them")


def _store(settings: Settings) -> str:
    store = Store.open(settings.store_url())
    try:
        ((version,),) = store.query("SELECT version()")
    finally:
        store.close()
    return f"ClickHouse {version}"


def _api(url: str) -> Check:
    try:
        answer = httpx.get(f"{url}/readyz", timeout=15)
    except httpx.HTTPError as error:
        return Check("api", False, f"{url} does not answer ({error}): is `idtrail up` or `idtrail api` running?")
    if answer.is_success:
        return Check("api", True, f"{url}, ready")
    return Check("api", False, f"{url}: {answer.json().get('detail', answer.reason_phrase)}")


def _blind(settings: Settings) -> list[Check]:
    """Return why the trail may be missing events, as the API reports it."""
    try:
        found = Api(settings).get("/api/v1/health")["blind"]
    except IdtrailError as error:
        return [Check("blind", False, str(error))]
    if not found:
        return [Check("blind", True, "no usual source is silent, no dead letters are rising, no log was cut")]
    return [Check("blind", False, f"since {when(spot['since'])} UTC: {spot['text']}") for spot in found]


def _integrations(settings: Settings) -> Check:
    """Return which credentials need attention. This is never a failure: the trail itself is as it should be."""
    try:
        answer = Api(settings).get("/api/v1/integrations/health", {"limit": 1000})
    except IdtrailError as error:
        return Check("integrations", False, str(error))
    items, at = answer["items"], moment(answer["at"])
    assert at is not None
    unwell = [app_name(item) for item in items if State(item["state"]) in UNWELL]
    near = [app_name(item) for item in soon(items, at)]
    told = [counted(len(items), "integration")]
    told += [f"credentials refused: {', '.join(unwell)}"] if unwell else []
    told += [f"credentials expire within {SOON.days} days: {', '.join(near)}"] if near else []
    return Check("integrations", True, "; ".join(told) + (" (`idtrail integrations`)" if unwell or near else ""))


def _spool(path: object) -> str:
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)
    try:
        ((count,),) = database.execute("SELECT count(*) FROM spool").fetchall()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return "in use by a running process"
        raise UserError(f"{path} cannot be read ({error}): move it aside, and keep it") from None
    finally:
        database.close()
    if count:
        raise UserError(
            f"{count:,} records wait in {path}: the next `idtrail emit` or `idtrail import` (or, for the API's, "
            "its next start) takes them along"
        )
    return "empty"

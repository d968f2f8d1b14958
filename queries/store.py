"""The store: one ClickHouse, embedded (chDB) or over HTTP, behind one class.

All values reach SQL by server-side binding (`{name:Type}`). Every query has limits. Foreign exceptions end here, in
`_reader` and `insert_arrow`; `queries/refusals.py` maps each of them.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError
from urllib3.exceptions import HTTPError

from queries.refusals import ours
from schemas.errors import BadUsage, Fatal, StoreAway

READERS: Final = 4
PROMPT_READERS: Final = 2
"""Kept for `PROMPT_LIMITS`."""
CONNECT_SECONDS: Final = 5
SEND_SECONDS: Final = 120
DATABASE: Final = "idtrail"

_FOREIGN: Final = (ClickHouseError, HTTPError, OSError)
"""What the driver lets through."""

BEFORE_STATEMENT: Final[ContextVar[Callable[[], None]]] = ContextVar("before_statement", default=lambda: None)
"""What runs before each statement; it raises if nobody waits for the answer any more."""

INSERT_SETTINGS: Final = {
    "async_insert": "0",  # one insert, one block, one token
    "deduplicate_insert": "enable",
    # Rows of one key within a block are left to merges and readers: deduplicating all tables' blocks at once took a
    # quarter of the insert's time.
    "optimize_on_insert": "0",
}

Parameters = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one query may cost."""

    seconds: int = 20
    rows: int = 100_000
    """Rows of the result."""
    memory_bytes: int = 4 * 1024**3
    threads: int = 0
    """0 stands for one per processor."""
    prompt: bool = False
    """Asks one of the readers that are kept for such, so it waits behind no other question."""

    def settings(self) -> dict[str, str]:
        """Return the limits as ClickHouse settings."""
        return {
            "max_execution_time": str(self.seconds),
            "max_result_rows": str(self.rows),
            "result_overflow_mode": "throw",
            "max_memory_usage": str(self.memory_bytes),
            **({"max_threads": str(self.threads)} if self.threads else {}),
        }


DEFAULT_LIMITS: Final = Limits()
SMALL_LIMITS: Final = Limits(threads=1)
"""For reads of a few granules: sharing them among threads takes longer than reading them."""
PROMPT_LIMITS: Final = Limits(seconds=5, threads=1, prompt=True)
"""For what every request depends on: tokens, and whether the store answers."""
BULK_LIMITS: Final = Limits(seconds=120, rows=5_000_000)
"""For background work of idtrail itself, which pages by itself."""


class Store:
    """Thread-safe and synchronous: call it from worker threads, never from the event loop."""

    def __init__(self, connect: Callable[[str | None], Any], database: str) -> None:
        """`connect` returns a client whose statements run in the given database."""
        self.database = database
        self.refusal: StoreAway | None = None
        """Why the last insert failed, of those that are tried again; None when it succeeded."""
        self._connect = connect
        self._closed = False
        self._writer: Any = None
        self._writing = threading.Lock()
        self._free, self._prompt = _Clients(READERS), _Clients(PROMPT_READERS)

    @classmethod
    def open(cls, url: str, database: str = "") -> Store:
        """Open `chdb:///directory` or `http(s)://user:password@host:port/database`, and create the database.

        Raises `StoreAway` if nothing answers, `BadUsage` for an invalid address.
        """
        connect, named = _connector(url)
        store = cls(connect, database or named or DATABASE)
        try:
            with closing(connect(None)) as client:
                client.command(f"CREATE DATABASE IF NOT EXISTS `{store.database}`")
        except _FOREIGN as error:
            raise ours(error) from error
        return store

    def beside(self, database: str) -> Store:
        """Return a store of another existing database of the same ClickHouse; it must be closed separately."""
        return Store(self._connect, database)

    def query(
        self, sql: str, parameters: Parameters | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT; times are aware UTC."""
        return list(self._ask(sql, parameters, limits).result_rows)

    def query_dicts(
        self, sql: str, parameters: Parameters | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> list[dict[str, Any]]:
        """Return the rows of a SELECT as dicts by column name."""
        return list(self._ask(sql, parameters, limits).named_results())

    def query_arrow(self, sql: str, parameters: Parameters | None = None, limits: Limits = BULK_LIMITS) -> pa.Table:
        """Return the rows of a SELECT as one Arrow table; for bulk work."""
        with self._reader(self._free) as client:
            table = client.query_arrow(sql, parameters=dict(parameters or {}), settings=limits.settings())
        assert isinstance(table, pa.Table)
        return table

    def command(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run a statement without a result."""
        with self._reader(self._free) as client:
            client.command(sql, parameters=dict(parameters or {}))

    def insert_arrow(self, table: str, rows: pa.Table, token: str) -> None:
        """Insert one block under `token`: the same token again changes nothing, including in views.

        One insert runs at a time: ClickHouse does not gain from more, and blocks stay in order.
        """
        with self._writing:
            writer, self._writer = self._writer, None
            try:
                if writer is None:
                    writer = self._client()
                writer.insert_arrow(table, rows, settings={**INSERT_SETTINGS, "insert_deduplication_token": token})
            except BaseException as error:
                _drop(writer)
                if not isinstance(error, _FOREIGN):
                    raise
                found = ours(error, writing=True)
                self.refusal = found if isinstance(found, StoreAway) else None
                raise found from error
            self._writer, self.refusal = writer, None

    def close(self) -> None:
        """Close every connection, after running queries end. Later calls raise `Fatal`."""
        self._closed = True
        self._free.drop()
        self._prompt.drop()
        with self._writing:
            _drop(self._writer)
            self._writer = None

    def _ask(self, sql: str, parameters: Parameters | None, limits: Limits) -> Any:
        with self._reader(self._prompt if limits.prompt else self._free) as client:
            return client.query(sql, parameters=dict(parameters or {}), settings=limits.settings(), query_tz="UTC")

    def _client(self) -> Any:
        if self._closed:
            raise Fatal("the store was closed while something still used it")
        return self._connect(self.database)

    @contextmanager
    def _reader(self, clients: _Clients) -> Iterator[Any]:
        BEFORE_STATEMENT.get()()
        client = clients.get()
        try:
            if client is None:
                client = self._client()
            yield client
        except BaseException as error:
            # A connection that saw an error is not reused: chDB hands the rest of the failed query's result, and its
            # settings, to the next query.
            _drop(client)
            client = None
            if isinstance(error, _FOREIGN):
                raise ours(error) from error
            raise
        finally:
            clients.put(client)


class _Clients(queue.LifoQueue[Any]):
    """Connections that nobody uses now; None stands for one that is opened at its first use."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        for _ in range(number):
            self.put(None)

    def drop(self) -> None:
        """Close them all, once those in use have come back."""
        for client in [self.get() for _ in range(self._number)]:
            _drop(client)
            self.put(None)


def as_bytes(value: str | bytes) -> bytes:
    """Return a text column's bytes: the driver returns text if they are UTF-8, else bytes."""
    return value if isinstance(value, bytes) else value.encode()


def as_tuple(value: Any) -> tuple[Any, ...]:
    """Return a named tuple's values: the driver gives them by name or in order."""
    return tuple(value.values()) if isinstance(value, dict) else tuple(value)


def _drop(client: Any) -> None:
    if client is not None:
        with suppress(Exception):
            client.close()


def _connector(url: str) -> tuple[Callable[[str | None], Any], str]:
    """Return how to connect to `url`, and the database that it names."""
    parts = urlsplit(url)
    options: dict[str, Any]
    if parts.scheme == "chdb":
        options = {"interface": "chdb", "path": unquote(parts.path), "tz_mode": "aware"}
        return lambda database: clickhouse_connect.get_client(database=database, **options), ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadUsage("IDTRAIL_CLICKHOUSE_URL must look like http://user:password@host:8123/idtrail, or be empty")
    options = {
        "interface": parts.scheme,
        "host": parts.hostname,
        "port": parts.port or (8443 if parts.scheme == "https" else 8123),
        "username": unquote(parts.username or "default"),
        "password": unquote(parts.password or ""),
        "autogenerate_session_id": False,  # one session would refuse two queries at once
        "connect_timeout": CONNECT_SECONDS,
        "send_receive_timeout": SEND_SECONDS,
        "tz_mode": "aware",
        "query_retries": 0,  # ours to decide: an insert must keep its token
    }
    return lambda database: clickhouse_connect.get_client(database=database, **options), parts.path.strip("/")

"""The store: one ClickHouse, embedded (chDB) or over HTTP, behind one class.

All values reach SQL by server-side binding (`{name:Type}`). Every query has limits. Foreign exceptions
end here: what is passing becomes `StoreAway`, what will not change by itself becomes `Fatal`.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError

from schemas.errors import BadUsage, Fatal, StoreAway, UserError

READERS: Final = 4
CONNECT_SECONDS: Final = 5
SEND_SECONDS: Final = 120
DATABASE: Final = "idtrail"

# ClickHouse's error codes, by what they ask of us.
_TOO_MUCH: Final = frozenset({158, 159, 160, 241, 307, 396})
"""Too many rows, too slow, memory limit, too many bytes, too many rows in the result."""
_PASSING: Final = frozenset({3, 202, 203, 209, 210, 242, 252, 279, 319, 425, 999, 1000})
"""Network, too many queries at once, read-only or overloaded tables, keeper: worth another try."""

T = TypeVar("T")
Parameters = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may cost."""

    seconds: int = 20
    rows: int = 100_000
    """In the result."""
    memory_bytes: int = 4 * 1024**3

    def settings(self) -> dict[str, str]:
        """As ClickHouse takes them."""
        return {
            "max_execution_time": str(self.seconds),
            "max_result_rows": str(self.rows),
            "result_overflow_mode": "throw",
            "max_memory_usage": str(self.memory_bytes),
        }


DEFAULT_LIMITS: Final = Limits()
BULK_LIMITS: Final = Limits(seconds=120, rows=5_000_000)
"""For our own work in the background, which pages by itself."""


class Store:
    """Thread-safe and synchronous: call it from worker threads, never from the event loop."""

    def __init__(self, connect: Callable[[str | None], Any], database: str) -> None:
        """`connect` gives a client whose statements run in the database it is given."""
        self.database = database
        self._connect = connect
        self._writer: Any = None
        self._writing = threading.Lock()
        self._free: queue.LifoQueue[Any] = queue.LifoQueue()
        for _ in range(READERS):
            self._free.put(None)  # connected at first use

    @classmethod
    def open(cls, url: str, database: str = "") -> Store:
        """`chdb:///directory` or `http(s)://user:password@host:port/database`; makes the database.

        Raises `StoreAway` when nothing answers, `BadUsage` for an address that is none.
        """
        connect, named = _connector(url)
        store = cls(connect, database or named or DATABASE)
        with _mapped():
            client = connect(None)
            client.command(f"CREATE DATABASE IF NOT EXISTS `{store.database}`")
            client.close()
        return store

    def query(
        self, sql: str, parameters: Parameters | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> list[tuple[Any, ...]]:
        """The rows of a SELECT; times are aware UTC."""
        with self._reader() as client:
            result = client.query(sql, parameters=_bound(parameters), settings=limits.settings(), query_tz="UTC")
            aware = [index for index, kind in enumerate(result.column_types) if "DateTime" in kind.name]
            rows = [tuple(row) for row in result.result_rows]
            return [_aware(row, aware) for row in rows] if aware else rows

    def query_dicts(
        self, sql: str, parameters: Parameters | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> list[dict[str, Any]]:
        """The same, each row by column name."""
        with self._reader() as client:
            result = client.query(sql, parameters=_bound(parameters), settings=limits.settings(), query_tz="UTC")
            names = result.column_names
            aware = [index for index, kind in enumerate(result.column_types) if "DateTime" in kind.name]
            return [dict(zip(names, _aware(tuple(row), aware), strict=True)) for row in result.result_rows]

    def query_arrow(self, sql: str, parameters: Parameters | None = None, limits: Limits = BULK_LIMITS) -> pa.Table:
        """The same as one Arrow table; for bulk work."""
        with self._reader() as client:
            table = client.query_arrow(sql, parameters=_bound(parameters), settings=limits.settings())
            assert isinstance(table, pa.Table)
            return table

    def command(self, sql: str, parameters: Parameters | None = None) -> None:
        """A statement without a result."""
        with self._reader() as client:
            client.command(sql, parameters=_bound(parameters))

    def insert_arrow(self, table: str, rows: pa.Table, token: str) -> None:
        """Insert one block under `token`: the same token again changes nothing, in views neither.

        One insert at a time: ClickHouse does not gain from more, and blocks stay in order.
        """
        settings = {"insert_deduplication_token": token, "async_insert": "0", "deduplicate_insert": "enable"}
        with self._writing, _mapped():
            writer, self._writer = self._writer or self._connect(self.database), None
            writer.insert_arrow(table, rows, settings=settings)
            self._writer = writer  # only one that saw no error

    def close(self) -> None:
        """Close every connection. Waits for queries that still run."""
        for _ in range(READERS):
            client = self._free.get()
            if client is not None:
                client.close()
        with self._writing:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    @contextmanager
    def _reader(self) -> Iterator[Any]:
        client = self._free.get()
        try:
            with _mapped():
                if client is None:
                    client = self._connect(self.database)
                yield client
        except BaseException:
            # A connection that saw an error is not used again: chDB hands what is left of the failed
            # query's result, and its settings, to the next one.
            with suppress(Exception):
                client.close()
            client = None
            raise
        finally:
            self._free.put(client)


def _connector(url: str) -> tuple[Callable[[str | None], Any], str]:
    """How to connect to `url`, and the database it names."""
    parts = urlsplit(url)
    options: dict[str, Any]
    if parts.scheme == "chdb":
        options = {"interface": "chdb", "path": unquote(parts.path)}
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
        "query_retries": 0,  # ours to decide: an insert must keep its token
    }
    return lambda database: clickhouse_connect.get_client(database=database, **options), parts.path.strip("/")


def _bound(parameters: Parameters | None) -> dict[str, object]:
    return dict(parameters) if parameters else {}


def _aware(row: tuple[Any, ...], places: Sequence[int]) -> tuple[Any, ...]:
    if not places:
        return row
    values = list(row)
    for place in places:
        value = values[place]
        if isinstance(value, datetime) and value.tzinfo is None:
            values[place] = value.replace(tzinfo=UTC)
    return tuple(values)


@contextmanager
def _mapped() -> Iterator[None]:
    """The one edge where the driver's errors become ours."""
    try:
        yield
    except DatabaseError as error:
        code = getattr(error, "code", None) or 0
        text = str(error).splitlines()[0][:300]
        if code in _TOO_MUCH:
            raise UserError(f"the query is too large: narrow its time range or filters ({text})") from error
        if code in _PASSING or code == 0:
            raise StoreAway(f"ClickHouse cannot answer now: {text}") from error
        raise Fatal(f"ClickHouse refused a statement (code {code}): {text}") from error
    except (ClickHouseError, OSError) as error:
        raise StoreAway(f"ClickHouse does not answer: {str(error)[:300] or type(error).__name__}") from error

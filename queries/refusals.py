"""Maps errors of ClickHouse and its driver to errors of idtrail: pure, one function, one table of codes."""

from __future__ import annotations

import re
from typing import Final

from clickhouse_connect.driver.exceptions import ClickHouseError, Error, NotSupportedError, OperationalError

from schemas.errors import Fatal, IdtrailError, StoreAway, UserError

_TOO_MANY_ROWS: Final = 158
_TOO_SLOW: Final = frozenset({159, 160})
_MEMORY: Final = 241
_TOO_MUCH: Final = frozenset({_TOO_MANY_ROWS, _MEMORY, 307, 396}) | _TOO_SLOW
"""Too many rows, too much time, memory or bytes, too slow, or too large a result: a smaller question has an answer."""

_TOO_MANY_PARTS: Final = 252
_LIBRARY: Final = 1000
"""An error of a library that ClickHouse uses, mostly of its network."""
_PASSING: Final = frozenset(
    {3, 32, 202, 203, 209, 210}  # cut off, too many queries at once, no free connection, socket, network
    | {225, 242, 279, 285, 286, 319, 999}  # keeper or replicas away, read-only table, unknown status of an insert
    | {236, 243, 394, 439, 745, _LIBRARY}  # shutting down, disk full, cancelled, no thread, overloaded
    | {_TOO_MANY_PARTS}  # merges are behind
)

_STATUS: Final = re.compile(r"HTTP status (\d{3})")
_REASON: Final = re.compile(
    r"HTTP status \d{3}|(?<=\[Errno )-?\d+\] [A-Za-z ]+|\[SSL: \w+\]|[Rr]ead timed out|timed out|[Cc]onnection [a-z ]+"
)
_LONGEST: Final = 300


class Refused(Fatal):
    """ClickHouse rejects this statement, however often it is sent."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
        """ClickHouse's number for the reason; 0 if the driver refused."""


def ours(error: Exception, *, writing: bool = False) -> IdtrailError:
    """Return the idtrail error for a foreign one. A write is never "too large": it is retried, or it is a defect."""
    text = _first_line(error)
    code = (error.code or 0) if isinstance(error, Error) else 0
    if code in _TOO_MUCH and not writing:
        return UserError(f"the query is too large: narrow its time range or filters ({text})")
    if code in _PASSING and not _lasting(code, text):
        return StoreAway(f"ClickHouse cannot answer now (code {code}): {text}")
    if code in _TOO_MUCH:
        return StoreAway(f"ClickHouse could not finish a write (code {code}): {text}")
    if code:
        return Refused(f"ClickHouse refused a statement (code {code}): {text}", code)
    if isinstance(error, ClickHouseError) and not _unanswered(error, text):
        return Refused(f"the ClickHouse driver refused a statement: {text}", 0)
    return StoreAway(f"ClickHouse does not answer: {_reason(error)}")


def _lasting(code: int, text: str) -> bool:
    """Tell two meanings of one code apart: merges that lag recover, an insert over 100 months does not; a network
    recovers, a value that is too long for a statement does not."""
    return (code == _TOO_MANY_PARTS and "partitions" in text) or (code == _LIBRARY and "too long" in text)


def _unanswered(error: ClickHouseError, text: str) -> bool:
    """Whether nothing, or a proxy, answered in ClickHouse's place."""
    status = _STATUS.search(text)
    if status is not None:
        return status[1] == "429" or status[1].startswith("5")
    return isinstance(error, OperationalError) and not isinstance(error, NotSupportedError)


def _reason(error: Exception) -> str:
    """Return why nothing answered. The driver's whole text has the address, with the values of the query."""
    found = _REASON.search(str(error))
    return found[0].rpartition("] ")[2] if found else type(error).__name__


def _first_line(error: Exception) -> str:
    """Return enough of the error for people, and never a whole statement, which may hold values."""
    lines = str(error).splitlines() or [""]
    return lines[0].partition(" In scope ")[0][:_LONGEST] or type(error).__name__

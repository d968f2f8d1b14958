"""Log lines on standard error: text for a terminal, JSON for machines. Never payloads or secrets."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from typing import Final

import structlog

_QUIET: Final = (
    "faust",
    "mode",
    "uvicorn",
    "httpx",
    "asyncio",
    "clickhouse_connect",
    "botocore",
    "aiobotocore",
    "httpcore",
)
"""Libraries whose log lines are shown from warnings up."""
_SILENT: Final = ("aiokafka", "clickhouse_connect.driver", "apprise", "urllib3", "requests_oauthlib", "oauthlib")
"""Libraries that log what they also raise, at every attempt of a retry; idtrail logs it once. Apprise and those after
it would log the addresses of destinations, which are secrets, and of queries, with their values."""

_FLOODS: Final = {
    "asyncio": "socket.accept() out of system resource",  # a hundred times a second
    "uvicorn.error": "Invalid HTTP request received.",
}
"""What strangers can make a library log as often as they like, by logger. Each is shown once in `FLOOD_SECONDS`."""
FLOOD_SECONDS: Final = 60.0


class Seldom(logging.Filter):
    """Lets a line of a logger that begins with `text` pass once in `FLOOD_SECONDS`, and every other line."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self._passed = -FLOOD_SECONDS

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is shown."""
        if not str(record.msg).startswith(self._text):
            return True
        due = time.monotonic() - self._passed >= FLOOD_SECONDS
        if due:
            self._passed = time.monotonic()
        return due


LONGEST: Final = 1_000
"""Characters of a library's line."""


def configure_logs(log_format: str = "auto", level: str = "info") -> None:
    """Set up structlog, and send the log lines of libraries through it."""
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # The default formatter shows the local variables of every frame, which may hold values that must not be logged.
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _cut],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    handler.addFilter(_is_shown)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name, text in _FLOODS.items():
        logging.getLogger(name).filters = [Seldom(text)]


def _is_shown(record: logging.LogRecord) -> bool:
    """Whether to show a line. Decided at the handler, since clickhouse_connect sets urllib3's level back when it is
    imported. Services that are stopped say that they crashed by being cancelled."""
    if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
        return False
    return record.levelno >= logging.CRITICAL or not record.name.startswith(_SILENT)


def _cut(logger: object, method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Shorten a library's line: Faust lists every event in hand."""
    said = str(line["event"])
    return {**line, "event": said if len(said) <= LONGEST else f"{said[:LONGEST]}…"}

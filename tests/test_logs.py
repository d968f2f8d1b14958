"""Log lines: nothing of what must not be in them, and nothing too long to read."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest

from idtrail.logs import LONGEST, configure_logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The other tests' log lines go where they went before."""
    root = logging.getLogger()
    before = root.handlers, root.level
    yield
    root.handlers, root.level = before


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_library_that_sets_its_level_back_stays_silent(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json")
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # as clickhouse_connect does
    logging.getLogger("urllib3.connectionpool").warning("Retrying: /?param_subject=secret.person")
    logging.getLogger("faust").warning("behind")
    assert [line["event"] for line in lines(capsys)] == ["behind"]


def test_a_librarys_line_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json")
    logging.getLogger("mode").warning("Waiting for tasks %s", "x" * 100_000)
    (line,) = lines(capsys)
    assert len(line["event"]) == LONGEST + 1


def test_a_service_that_is_stopped_has_not_crashed(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json")
    for error in (asyncio.CancelledError(), ValueError("wrong")):
        logging.getLogger("mode").error("Crashed reason=%r", error, exc_info=error)
    assert [line["event"] for line in lines(capsys)] == ["Crashed reason=ValueError('wrong')"]

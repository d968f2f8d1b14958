"""The listener of a worker that runs alone."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest

from idtrail.measuring import serving_metrics
from idtrail.settings import Settings
from schemas.errors import BadUsage


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_metrics_are_served_while_the_worker_runs() -> None:
    with serving_metrics(Settings(metrics_port=_free_port())) as port:
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics")
        assert "idtrail_events_stored_total" in answer.text
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics")


def test_by_default_nothing_listens() -> None:
    with serving_metrics(Settings()) as port:
        assert port == 0


def test_a_port_that_is_taken_names_its_setting() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with (
            pytest.raises(BadUsage, match="IDTRAIL_METRICS_PORT"),
            serving_metrics(Settings(metrics_port=other.getsockname()[1])),
        ):
            pass

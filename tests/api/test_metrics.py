"""The route of metrics: who may read it, and that requests are counted by route, not by path."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from schemas.metrics import REGISTRY
from tests.api.conftest import As
from tests.api.support import assert_problem

pytestmark = pytest.mark.store


def _requests(method: str, route: str, status: int) -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    return REGISTRY.get_sample_value("idtrail_http_requests_total", labels) or 0


async def test_metrics_are_for_readers_of_every_organization(api: httpx.AsyncClient, using: As) -> None:
    assert_problem(await api.get("/metrics"), 401)
    assert "every organization" in assert_problem(await api.get("/metrics", headers=using("read")), 403)["detail"]
    assert_problem(await api.get("/metrics", headers=using.everywhere("ingest")), 403)
    answer = await api.get("/metrics", headers=using.everywhere("read"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE idtrail_events_stored_total counter" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "labels"),
    [
        pytest.param("GET", "/healthz", ("GET", "/healthz", 200), id="answered"),
        pytest.param("GET", f"/api/v1/events/{uuid4()}", ("GET", "/api/v1/events/{event_id}", 401), id="by its route"),
        pytest.param("GET", "/no/such/thing", ("any", "none", 404), id="no route at all"),
        pytest.param("BREW", "/pot", ("any", "none", 404), id="an invented method"),
    ],
)
async def test_a_request_is_counted_by_route_and_status(
    api: httpx.AsyncClient, method: str, path: str, labels: tuple[str, str, int]
) -> None:
    before = _requests(*labels)
    await api.request(method, path)
    assert _requests(*labels) == before + 1


async def test_how_far_the_sink_is_behind_is_told_by_partition(api: httpx.AsyncClient) -> None:
    await api.get("/readyz")
    places = [{"topic": "idtrail.events", "partition": number} for number in ("0", "1")]
    assert [REGISTRY.get_sample_value("idtrail_lag_records", place) for place in places] == [3, 0]

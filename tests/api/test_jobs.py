"""Rebuild and verify over HTTP: who may, and what is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import As
from tests.api.support import assert_problem

pytestmark = pytest.mark.store


@pytest.mark.parametrize("job", ["rebuild", "verify"])
async def test_a_job_is_begun_asked_about_and_stopped(api: Any, using: As, job: str) -> None:
    admin = using.everywhere("admin")
    assert_problem(await api.get(f"/api/v1/jobs/{job}", headers=admin), 404)
    begun = await api.post(f"/api/v1/jobs/{job}", headers=admin)
    assert (begun.status_code, begun.json()["job"]) == (202, job)
    assert (await api.get(f"/api/v1/jobs/{job}", headers=admin)).json()["done"] == 1
    assert (await api.delete(f"/api/v1/jobs/{job}", headers=admin)).status_code == 200
    assert_problem(await api.get(f"/api/v1/jobs/{job}", headers=admin), 404)


async def test_only_an_administrator_of_everything_may(api: Any, using: As) -> None:
    assert_problem(await api.post("/api/v1/jobs/rebuild", headers=using.everywhere("read", "ingest")), 403)
    assert_problem(await api.post("/api/v1/jobs/rebuild", headers=using("admin")), 403)

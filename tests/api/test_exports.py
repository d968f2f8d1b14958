"""Exports over the API: whole lists, filters, manifests, what is refused."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import datetime
from typing import Any

import httpx
import pytest
from pyarrow import parquet

from queries.api import exports
from queries.api.account_models import Exposure
from tests.api.conftest import As
from tests.api.support import assert_problem
from tests.api.test_answers import get
from tests.queries.support import Trail, at, attempt, failed
from tests.records import event

pytestmark = pytest.mark.store


def opened(answer: httpx.Response) -> tuple[dict[str, Any], bytes]:
    """The manifest and the data."""
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        assert file.testzip() is None
        manifest = json.loads(file.read("manifest.json"))
        return manifest, file.read(manifest["file"])


async def test_an_export_holds_the_events_that_the_list_tells(
    api: httpx.AsyncClient, using: As, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "PAGE", 2)
    trail.insert(*(attempt(minute) for minute in range(5)), failed(6), failed(7))
    mine = using()
    manifest, data = opened(await api.get("/api/v1/exports/events", headers=mine))
    assert [json.loads(line) for line in data.splitlines()] == (await get(api, "/api/v1/events", mine))["items"]
    assert (manifest["rows"], manifest["export"], manifest["format"]) == (7, "events", "ndjson")
    filtered, data = opened(await api.get("/api/v1/exports/events", headers=mine, params={"outcome": "failure"}))
    assert (filtered["rows"], filtered["filters"]["outcomes"]) == (2, ["failure"])
    assert filtered["filters"]["organization"] == trail.organization
    assert (filtered["behind"], filtered["log"]) == (3, []), "it is the log of every organization"
    whole, _ = opened(await api.get("/api/v1/exports/events", headers=using.everywhere()))
    assert whole["log"][1] == {"topic": "idtrail.events", "partition": 1, "stored": 5}, "how far the log is in it"


async def test_an_export_of_events_says_that_those_without_a_believable_time_are_apart(
    api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    trail.insert(attempt(0), event("user_update_provision", timestamp="soon"))
    for asked, qualities, note in (({}, ["ok"], exports.PLACED), ({"time": "unplaced"}, ["garbage"], exports.UNPLACED)):
        manifest, data = opened(await api.get("/api/v1/exports/events", headers=using(), params=asked))
        assert [json.loads(line)["time_quality"] for line in data.splitlines()] == qualities
        assert manifest["notes"] == [note]
    spread, _ = opened(await api.get("/api/v1/exports/events", headers=using(), params={"format": "csv"}))
    assert [note[:6] for note in spread["notes"]] == ["A cell", "Events"]


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet", "ocsf-1.8", "ocsf-1.9"])
async def test_events_come_in_every_format(form: str, api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    trail.insert(attempt(0), failed(1))
    manifest, data = opened(await api.get("/api/v1/exports/events", headers=using(), params={"format": form}))
    assert (manifest["rows"], manifest["bytes"]) == (2, len(data))


async def test_exposures_are_exported_as_of_a_time_and_an_sla(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    ines = {"id": "63ec9bba89a64e507ce0a4c2", "type": "user", "username": "ines.almeida"}
    change = [{"field": "state", "from": "ACTIVATED", "to": "SUSPENDED"}]
    trail.insert(
        attempt(-200, "user_create_provision"),
        event("user_update", timestamp=at(-120), resource=ines, application=None, changes=change),
        failed(30, "user_deprovision"),
    )
    mine = using()
    for asked, reasons in [
        ({"at": at(-90)}, []),
        ({"at": at(-90), "sla": "0"}, ["never_attempted"]),
        ({"at": at(0)}, ["never_attempted"]),
        ({}, ["failing"]),
    ]:
        manifest, data = opened(await api.get("/api/v1/exports/exposures", headers=mine, params=asked))
        rows = [json.loads(line) for line in data.splitlines()]
        assert [row["reason"] for row in rows] == reasons
        listed = (await get(api, "/api/v1/exposures", mine, **asked))["items"]
        assert [{**row, "namesakes": False} for row in rows] == listed
        assert manifest["filters"]["sla_seconds"] == int(asked.get("sla", 3600))
        assert "at" in manifest["filters"]
        if "at" in asked:
            assert datetime.fromisoformat(manifest["filters"]["at"]) == datetime.fromisoformat(asked["at"])


@pytest.mark.parametrize("form", ["csv", "parquet"])
async def test_a_table_of_exposures_begins_with_who_where_since_when_and_why(
    form: str, api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    trail.insert(attempt(-9, "user_create_provision"), failed(30, "user_deprovision"))
    asked = {"format": form, "at": at(31), "sla": "60"}
    manifest, data = opened(await api.get("/api/v1/exports/exposures", headers=using(), params=asked))
    assert manifest["filters"] == {
        "organization": trail.organization, "at": "2026-03-19T11:31:00Z", "sla_seconds": 60,
    }  # fmt: skip
    if form == "csv":
        names, row = csv.reader(io.StringIO(data.decode()))
    else:
        table = parquet.read_table(io.BytesIO(data))
        names, row = table.column_names, [str(column[0]) for column in table.columns]
    assert len(names) == len(set(names)) == len(Exposure.model_fields)
    assert names[:5] == ["person", "application", "since", "reason", "last_cause"]
    assert (row[0], row[1], row[2][:10], *row[3:5]) == (
        "ines.almeida", "statsig", "2026-03-19", "failing", "credentials",
    )  # fmt: skip


async def test_an_empty_list_is_exported_too(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    manifest, data = opened(await api.get("/api/v1/exports/incidents", headers=using()))
    assert (manifest["rows"], data) == (0, b"")


async def test_nobody_exports_what_is_anothers(api: httpx.AsyncClient, using: As, trail: Trail) -> None:
    trail.insert(attempt(0))
    other = using(organization="f" * 24)
    manifest, _ = opened(await api.get("/api/v1/exports/events", headers=other))
    assert manifest["rows"] == 0
    assert_problem(await api.get("/api/v1/exports/events"), 401)


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        pytest.param("events", {"format": "xlsx"}, 422, id="unknown format"),
        pytest.param("incidents", {"format": "ocsf-1.8"}, 400, id="incidents in OCSF"),
        pytest.param("exposures", {"format": "ocsf-1.9"}, 400, id="exposures in OCSF"),
        pytest.param("events", {"since": "tomorrow"}, 400, id="bad time"),
        pytest.param("exposures", {"at": "2999-01-01"}, 400, id="exposures of the future"),
        pytest.param("secrets", {}, 404, id="unknown list"),
    ],
)
async def test_what_is_wrong_is_said_before_anything_is_sent(
    path: str, params: dict[str, str], status: int, api: httpx.AsyncClient, using: As, trail: Trail
) -> None:
    assert_problem(await api.get(f"/api/v1/exports/{path}", headers=using(), params=params), status)

"""The command line beside a trail of another release, or one that has not stored all: it says so once, and goes on."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from idtrail.cli.client import Api
from idtrail.settings import Settings
from queries.checks.lag_watch import HEADER as BEHIND_HEADER
from queries.release import HEADER, RELEASE
from schemas.errors import NotFound, StoreAway

URL = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("headers", "times"),
    [
        pytest.param({HEADER: RELEASE}, 0, id="the same"),
        pytest.param({HEADER: "0.0.1"}, 1, id="another"),
        pytest.param({}, 0, id="none told"),
    ],
)
def test_a_trail_of_another_release_is_told_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, headers: dict[str, str], times: int
) -> None:
    monkeypatch.setattr(
        httpx.Client, "request", lambda self, method, path, **more: httpx.Response(200, headers=headers, json=[])
    )
    said: list[str] = []
    api = Api(Settings(state_dir=tmp_path, api_url=URL, token=SecretStr("idt_x")), said.append)
    assert (api.get("/api/v1/events"), api.get("/api/v1/stats")) == ([], [])
    assert said == times * [
        f"the trail at {URL} runs idtrail 0.0.1, this command is of {RELEASE}: "
        "restart the trail, or take the command of its release"
    ]


@pytest.mark.parametrize(
    ("status", "behind", "told"),
    [
        pytest.param(200, "0", [], id="nothing"),
        pytest.param(200, "1", ["1 record is not stored yet: this may miss it"], id="one"),
        pytest.param(404, "1204", ["1,204 records are not stored yet: this may miss them"], id="nobody known"),
    ],
)
def test_what_an_answer_may_miss_is_told_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, behind: str, told: list[str]
) -> None:
    answer = httpx.Response(status, headers={BEHIND_HEADER: behind}, json={"title": "nobody is known"})
    monkeypatch.setattr(httpx.Client, "request", lambda self, method, path, **more: answer)
    said: list[str] = []
    api = Api(Settings(state_dir=tmp_path, api_url=URL, token=SecretStr("idt_x")), said.append)
    for _ in range(2):
        with nullcontext() if status == 200 else pytest.raises(NotFound):
            api.get("/api/v1/lifecycle")
    assert said == told


@pytest.mark.parametrize(
    ("method", "parameters", "advice"),
    [
        pytest.param("get", {"since": "24h"}, "narrow the time range", id="a range"),
        pytest.param("get", {}, "`idtrail doctor` tells whether the trail is busy", id="no range"),
        pytest.param("post", None, "it may have been carried out, so look before you repeat it", id="a change"),
    ],
)
def test_a_request_without_an_answer_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, method: str, parameters: dict[str, str] | None, advice: str
) -> None:
    def silent(self: httpx.Client, method: str, path: str, **more: object) -> httpx.Response:
        raise httpx.ReadTimeout("no answer")

    monkeypatch.setattr(httpx.Client, "request", silent)
    api = Api(Settings(state_dir=tmp_path, api_url=URL, token=SecretStr("idt_x")))
    with pytest.raises(StoreAway, match=advice):
        getattr(api, method)("/api/v1/incidents", parameters)

"""The screens of incidents at 80 columns, and what their commands ask the API for."""

from __future__ import annotations

import json
from typing import Any, ClassVar
from uuid import UUID

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from idtrail.cli import app, register_commands
from idtrail.cli.commands import events as events_command
from idtrail.cli.commands import failures as failures_command
from idtrail.cli.commands import incidents as incidents_command
from idtrail.cli.commands.failures import Asked, show_failures
from idtrail.cli.incident_screens import show_incident, show_incidents
from idtrail.cli.screen import Screen
from queries.incidents.listing import incident_object
from tests.queries.incident_rows import row
from tests.queries.support import when
from tests.records import NOON

Item = dict[str, Any]

OWN = "9f" * 12
DAY = 24 * 60


def incident(number: int, **columns: Any) -> Item:
    """One as the API tells it at noon."""
    identity = (number * 0x1111_1111).to_bytes(4, "big") * 4
    return incident_object(row(OWN, number, **{"incident_id": identity, **columns}), NOON)


def detail(item: Item, **more: Any) -> Item:
    """The same whole."""
    return {**item, "subjects": [], "next": None, "texts": [], "hours": [], "blame": None, **more}


STATSIG = incident(
    1,
    detail="token expired",
    attempts=41,
    people=9,
    affected=7,
    first_at=when(-2 * DAY),
    last_at=when(40),
    change_at=when(-3 * DAY),
    change_event=UUID(int=4),
    change_type="idm_integration_reauth",
    change_actor="ada@corp.example",
)
MIRO = incident(
    2,
    application_name="miro",
    cause="invalid_value",
    attribute="title",
    detail="over 100 characters",
    attempts=1207,
    people=0,
    groups=2,
    first_at=when(-6 * DAY),
    last_at=when(59),
    since=when(-30),
    episodes=3,
)
SLACK = incident(
    3,
    application_name="slack",
    cause="conflict",
    detail="",
    first_at=when(-10),
    ended_at=when(20),
    ended_by=UUID(int=7),
)


def drawn(show: Any, *arguments: Any, width: int = 80) -> list[str]:
    """The lines, without what follows the last word of each."""
    out = Screen(width=width, no_color=True)
    with out.capture() as captured:
        show(out, *arguments)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_failures_say_the_answer_first_then_the_incidents_then_the_next_command() -> None:
    answer = {
        "attempts": 1904,
        "failures": 212,
        "since": when(-DAY).isoformat(),
        "items": [{"tries": 12, "application_id": ""}, {"tries": 200, "application_id": "x"}],
    }
    assert drawn(show_failures, answer, [MIRO, STATSIG, SLACK], 50, Asked("24h"), NOON) == [
        "last 24 h: 212 failures of 1,904 attempts (11 %), 3 incidents, 1 new",
        "",
        "  incident (whole life)                  tries  people  first    last  state",
        "  miro      invalid_value (title): ove…  1,207   2 gr.    6 d   1 min  regressed",
        "  22222222  again since 2026-03-19 10:30 · remedy: Correct the attribute in the",
        "            directory, or its mapping.",
        "  statsig   credentials: token expired      41       9    2 d  20 min  open",
        "  11111111  since 2026-03-17 11:00 · remedy: Make a new token in the application",
        "            and re-authorise the integration in the directory.",
        "  slack     conflict                         3       2    1 h  57 min  resolved",
        "  33333333  from 2026-03-19 10:50 to 2026-03-19 11:20 (30 min)",
        "  12 failures of no known application: idtrail events --outcome failure --since 24h",
        "Next: idtrail incidents show 22222222 · idtrail exposures",
    ]


def test_where_nobody_retries_the_screens_do_not_say_to_wait() -> None:
    item = incident(4, cause="provider_error", detail="boom", first_at=when(-3 * DAY), last_at=when(-41 * 60))
    assert item["state"] == "quiet"
    rows = drawn(show_incidents, [item], NOON)
    assert rows[2:] == [
        "  44444444  since 2026-03-16 11:00 · nobody retries: set it off again in the",
        "            directory, or do it in the application by hand · remedy: If it",
        "            persists, check the application's status page; a later retry can",
        "            succeed.",
    ]
    lines = drawn(show_incident, detail(item), NOON)
    assert lines[1] == "quiet since 2026-03-16 11:00:00 (3 d), last try 42 h ago"
    assert lines[4:6] == [
        "Nobody has tried again for 42 h: set it off again in the directory, or do it in",
        "the application by hand.",
    ]
    item = incident(4, cause="unsupported", detail="no", first_at=when(-3 * DAY), last_at=when(-41 * 60))
    assert drawn(show_incidents, [item], NOON)[2:] == [
        "  44444444  since 2026-03-16 11:00 · nobody retries · remedy: Do it in the",
        "            application by hand, or switch the feature off in the integration.",
    ]
    assert drawn(show_incident, detail(item), NOON)[4] == "Nobody has tried again for 42 h."


def test_failures_that_no_incident_holds_are_shown_by_cause() -> None:
    group = {
        "application": "statsig",
        "application_id": "x",
        "tries": 3,
        "people": 0,
        "groups": 1,
        "last": when(0).isoformat(),
        "state": "open",
        "cause": "quota",
        "attribute": "",
        "detail": "no seats",
        "remedy": "Buy seats.",
    }
    answer = {"attempts": 4, "failures": 3, "since": when(-DAY).isoformat(), "items": [group]}
    lines = drawn(show_failures, answer, [], 50, Asked("2026-03-01"), NOON)
    assert lines[-1] == "Next: idtrail events --outcome failure --app statsig --since 2026-03-01 · idtrail exposures"
    assert lines[0] == "since 2026-03-01: 3 failures of 4 attempts (75 %), 0 incidents, 0 new"
    assert any("statsig" in line and "quota: no seats" in line for line in lines)
    nothing = {**answer, "failures": 0, "items": []}
    assert drawn(show_failures, nothing, [], 50, Asked("7d"), NOON) == [
        "last 7 d: 0 failures of 4 attempts (0 %), 0 incidents, 0 new",
        "Nothing failed.",
    ]


def test_a_range_with_an_end_is_told_with_both_ends() -> None:
    group = {"application": "statsig", "application_id": "x", "tries": 3, "people": 1, "groups": 0, "state": "open"}
    told = {"last": when(0).isoformat(), "cause": "quota", "attribute": "", "detail": "", "remedy": "Buy seats."}
    times = {"since": when(-9 * DAY).isoformat(), "until": when(-DAY).isoformat()}
    answer = {"attempts": 4, "failures": 3, "items": [group | told], **times}
    lines = drawn(show_failures, answer, [], 50, Asked("9d", "1d"), NOON)
    assert lines[:2] == [
        "3 failures of 4 attempts (75 %), 0 incidents, 0 new",
        "from 2026-03-10 11:00 to 2026-03-18 11:00",
    ]
    assert "idtrail events --outcome failure --app statsig --since 9d --until 1d" in lines[-1]


def test_one_incident_is_told_whole() -> None:
    times = {"first_at": when(-2 * DAY).isoformat(), "last_at": when(40).isoformat()}
    subjects: list[dict[str, Any]] = [
        {
            "subject_id": "63ec9bba",
            "kind": "user",
            "name": "ines.almeida",
            "attempts": 5,
            **times,
            "mended_at": None,
            "accepted_at": None,
        },
        {
            "subject_id": "g",
            "kind": "group",
            "name": "",
            "attempts": 2,
            **times,
            "mended_at": when(50).isoformat(),
            "accepted_at": when(50).isoformat(),
        },
    ]
    hours = [{"hour": when(-60 * back).isoformat(), "attempts": count} for back, count in ((60, 9), (2, 1), (0, 8))]
    texts = [{"detail": "token expired", "attempts": 41, "last_at": when(40).isoformat()}]
    item = detail(STATSIG, subjects=subjects, next="more", texts=texts, hours=hours)
    assert drawn(show_incident, item, NOON) == [
        "statsig  credentials: token expired",
        "open since 2026-03-17 11:00:00 (2 d), last try 20 min ago",
        "41 tries of 9 people; 7 are still in trouble",
        "changed last by ada@corp.example: idm_integration_reauth 2026-03-16 11:00:00, 24",
        "h before",
        "The application refused the integration's credentials.",
        "Remedy: Make a new token in the application and re-authorise the integration in",
        "the directory.",
        "",
        "  person or group  tries  first (UTC)       last        accepted since",
        "  ines.almeida         5  2026-03-17 11:00  20 min ago  nothing",
        "  g                    2  2026-03-17 11:00  20 min ago  2026-03-19 11:50",
        "  7 more (--limit)",
        "",
        "  tries  last        what the provider said",
        "     41  20 min ago  token expired",
        "",
        "  failures by hour, at most 8 in one, up to 2026-03-19 11:00",
        f"  |{' ' * 45}▁ █|",
        "Next: idtrail lifecycle 63ec9bba · idtrail events --incident 11111111 --since 2026-03-17",
    ]
    mended = [{**subjects[0], "mended_at": when(50).isoformat()}, subjects[1]]
    lines = drawn(show_incident, {**item, "subjects": mended}, NOON)
    assert "  Where nothing was accepted since, the account is as the last failure left it." in lines
    assert "idtrail exposures" in lines[-1].split(" · ")
    other = {**subjects[0], "subject_id": "74ed0cc1"}
    alike = drawn(show_incident, detail(STATSIG, subjects=[subjects[0], other], next="more", texts=[], hours=[]), NOON)
    assert [line.split()[:2] for line in alike if "ines" in line] == [
        ["ines.alme…", "…9bba"],
        ["ines.alme…", "…0cc1"],
    ]
    assert drawn(show_incident, detail(MIRO), NOON)[2:4] == [
        "1,207 tries of 2 groups; 2 are still in trouble",
        "the 3rd time since 2026-03-13 11:00:00",
    ]
    refused = {
        "attribute": "title",
        "member": "",
        "refused_shape": "text, 104 characters",
        "accepted_shape": "text, 5 characters",
        "accepted_event": str(UUID(int=8)),
        "accepted_at": when(0).isoformat(),
        "whose": "another person",
    }
    assert "Last accepted: text, 5 characters" in drawn(show_incident, detail(MIRO, blame=refused), NOON)
    again = drawn(show_incidents, [{**SLACK, "episodes": 7}], NOON)[-1]
    assert again == "  33333333  7 times, the last from 2026-03-19 10:50 to 2026-03-19 11:20 (30 min)"
    lines = drawn(show_incident, detail(SLACK), NOON)
    assert lines[1:3] == [
        "resolved from 2026-03-19 10:50:00 to 2026-03-19 11:20:00 (30 min)",
        "3 tries of 2 people",
    ]
    assert lines[-1].endswith(f"· idtrail events {UUID(int=7)}")
    alone = drawn(show_incident, detail({**SLACK, "people": 0, "attempts": 1}), NOON)
    assert alone[2] == "1 try of the integration itself"


@pytest.mark.parametrize("width", [80, 100, 200])
def test_no_row_is_wider_than_the_terminal_and_wide_ones_show_more(width: int) -> None:
    odd = [
        incident(4, application_name="日本語アプリケーション", detail="語" * 200, attempts=10**9, people=10**6),
        incident(5, application_name="a" * 300, detail="[red]b[/red] " * 50, cause="permission"),
        STATSIG,
    ]
    lines = drawn(show_incidents, odd, NOON, width=width)
    assert max(cell_len(line) for line in lines) <= width
    assert sum("open" in line for line in lines) == 3
    assert ("[red]b" in "".join(lines)) == (width >= 100)


class FakeApi:
    """Answers with what it is given, and remembers what it was asked."""

    asked: ClassVar[list[tuple[str, Item]]] = []

    def get(self, path: str, parameters: Item | None = None) -> Item:
        self.asked.append((path, parameters or {}))
        if path.endswith("/failures"):
            return {"attempts": 0, "failures": 0, "since": when(0).isoformat(), "items": []}
        return detail(STATSIG)

    def pages(self, path: str, parameters: Item, limit: int) -> list[Item]:
        self.asked.append((path, {**parameters, "limit": limit}))
        return [STATSIG, MIRO] if path.endswith("incidents") else []


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Item]]:
    """What the commands ask for."""
    monkeypatch.setattr(FakeApi, "asked", [])
    for module in (incidents_command, failures_command, events_command):
        monkeypatch.setattr(module, "connect", FakeApi)
    register_commands()
    return FakeApi.asked


@pytest.mark.parametrize(
    ("arguments", "path", "parameters"),
    [
        pytest.param([], "/api/v1/incidents", {"since": "7d", "limit": 50}, id="the list by itself"),
        pytest.param(
            ["--state", "open", "--state", "quiet", "--app", "slack", "--cause", "quota", "--since", "3d"],
            "/api/v1/incidents",
            {"state": ["open", "quiet"], "application": "slack", "cause": ["quota"], "since": "3d", "limit": 50},
            id="narrowed",
        ),
        pytest.param(
            ["list", "--subject", "ines", "--limit", "2"],
            "/api/v1/incidents",
            {"subject": "ines", "limit": 2},
            id="list",
        ),
        pytest.param(["show", "1111"], "/api/v1/incidents/1111", {"limit": 20}, id="one, by its beginning"),
    ],
)
def test_the_commands_ask_for_what_they_are_told(
    asked: list[tuple[str, Item]], arguments: list[str], path: str, parameters: Item
) -> None:
    for more in ([], ["--json"]):
        done = CliRunner().invoke(app, ["incidents", *arguments, *more])
        assert done.exit_code == 0, done.output
        found, given = asked.pop()
        assert (found, parameters.items() <= given.items()) == (path, True), given
        if more:
            assert json.loads(done.output.splitlines()[0])["incident_id"] == STATSIG["incident_id"]
        else:
            assert "statsig" in done.output


def test_the_list_counts_states_and_names_the_next_command(asked: list[tuple[str, Item]]) -> None:
    lines = CliRunner().invoke(app, ["incidents"]).output.splitlines()
    assert lines[0] == "2 incidents: 1 open, 1 regressed"
    assert lines[-1] == "Next: idtrail incidents show 11111111"


def test_failures_ask_for_the_incidents_that_failed_and_keep_their_json(asked: list[tuple[str, Item]]) -> None:
    assert CliRunner().invoke(app, ["failures", "--app", "slack"]).exit_code == 0
    narrowed = {"since": "24h", "until": None, "application": "slack", "cause": None}
    assert asked[:2] == [
        ("/api/v1/failures", {**narrowed, "limit": 50}),
        ("/api/v1/incidents", {**narrowed, "failing": True, "limit": 1000}),
    ]
    del asked[:]
    assert CliRunner().invoke(app, ["failures", "--json"]).output == ""
    assert [path for path, _ in asked] == ["/api/v1/failures"]


def test_events_of_an_incident_are_asked_for_by_its_whole_id(asked: list[tuple[str, Item]]) -> None:
    assert CliRunner().invoke(app, ["events", "--incident", "1111"]).exit_code == 0
    assert asked[0][0] == "/api/v1/incidents/1111"
    assert asked[1][1]["incident"] == STATSIG["incident_id"]

"""The screens of integrations at 80 columns, and what the command asks the API for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.encoders import jsonable_encoder
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

from idtrail.cli import app, register_commands
from idtrail.cli.commands import integrations as command
from idtrail.cli.integration_screens import show_integration
from queries.api.integration_models import IntegrationDetail, IntegrationHealth, told, told_whole
from queries.integrations.health import fold
from queries.integrations.reports import Failures, Report, Stuck
from queries.integrations.trouble import Mark
from tests.queries.test_integration_health import DAY, at, bad, change, good, refused

Item = dict[str, Any]

NOW = at(10)
VAIN: list[Mark] = [
    change(-365 * DAY, "activate"),
    good(-3 * DAY),
    *(bad(-2 * DAY + minute) for minute in range(40)),
    refused(-DAY),
    bad(-5),
]
LONG = "a-very-long-application-name-of-a-vendor"


def report(marks: list[Mark], name: str, **more: Any) -> Report:
    base = Report("org", f"id-of-{name}", name, fold(marks, name, NOW), [], 0, 0)
    return base._replace(**more)


VAIN_BEGAN = bad(-2 * DAY).first


STATSIG = report(
    VAIN,
    "statsig",
    failures=[Failures("credentials", 401, 41, at(-5)), Failures("network", 0, 2, at(-9))],
    people_stuck=9,
    groups_stuck=1,
)
SNOWFLAKE = report([change(-170 * DAY, "activate"), good(-5)], "snowflake")
MIRO = report([good(0), change(5, "delete")], LONG)
STUCK = [Stuck("63ec9bba89a64e507ce0a4c2", "user", "ines.almeida", 40, at(-2 * DAY), at(-5))]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Item]]:
    """What the command asked for; it is answered with these."""
    calls: list[tuple[str, Item]] = []
    items = [
        jsonable_encoder(IntegrationHealth.model_validate(told(each), from_attributes=True))
        for each in (STATSIG, SNOWFLAKE, MIRO)
    ]

    class Answering:
        def get(self, path: str, parameters: Item) -> Any:
            calls.append((path, parameters))
            if path.endswith("/health"):
                states = {"healthy": 2, "deactivated": 1, "still_failing": 1}
                return {"at": NOW.isoformat(), "items": items, "states": states, "total": 5}
            return whole()

    monkeypatch.setattr(command, "connect", Answering)
    monkeypatch.setattr(command, "console", lambda: Console(width=80, highlight=False, emoji=False))
    register_commands()
    return calls


def whole(stuck: list[Stuck] = STUCK) -> Item:
    answer = IntegrationDetail.model_validate(told_whole(STATSIG, stuck, NOW), from_attributes=True)
    return dict(jsonable_encoder(answer))


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["integrations", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_list_says_first_how_they_stand_and_last_what_expires(asked: list[tuple[str, Item]]) -> None:
    lines = [line.rstrip() for line in run("--at", "1h").splitlines()]
    assert asked == [("/api/v1/integrations/health", {"at": "1h", "organization": None, "limit": 200})]
    assert lines == [
        "4 integrations: 1 still failing, 2 healthy, 1 deactivated, the first 3 shown (--limit)",
        "",
        "  integration       credentials    since   accepted    stuck  expires  changed",
        "  statsig           still failing  24 h    3 d ago     10     -        24 h ago…",
        "  snowflake         healthy        15 min  15 min ago  -      in 10 d  170 d ag…",
        "  a-very-long-app…  deactivated    5 min   10 min ago  -      -        5 min ag…",
        "",
        "Credentials that expire within 30 days",
        "  snowflake: in 10 d, about 2026-03-30 12:00; Snowflake says they live 181 d",
        "Next: idtrail integrations statsig · idtrail incidents --cause credentials",
    ]


def test_no_row_of_the_list_is_wider_than_the_terminal(asked: list[tuple[str, Item]]) -> None:
    table = run().splitlines()[2:6]
    assert all(cell_len(line) <= 80 for line in table)
    assert len(table) == 4


def test_one_is_shown_with_its_cause_whom_it_holds_up_and_its_troubles() -> None:
    out = Console(width=80, highlight=False, emoji=False, record=True)
    with out.capture() as captured:
        show_integration(out, whole())
    text = captured.get()
    lines = text.splitlines()
    assert lines[0] == "statsig  credentials: still failing since 2026-03-18 12:00 (24 h)"
    for part in (
        "failed since    41 credentials (401), 2 network",
        "stuck           9 people, 1 group",
        "ines.almeida",
        "the credentials refused were of 2025-03-19 12:00, 363 d old",
        "re-authorised 2026-03-18 12:00 by ada, refused",
        "Next: idtrail events --app statsig --cause credentials --since 2026-03-17",
        "idtrail lifecycle 63ec9bba89a64e507ce0a4c2",
    ):
        assert part in text
    (row,) = [line.split() for line in lines if "goes on" in line]
    assert row == ["2026-03-17", "12:00", "goes", "on", "2", "d", "42", "-"]
    assert all(cell_len(line) <= 80 for line in lines[:-2])


@pytest.mark.parametrize(
    ("marks", "failures", "state", "told"),
    [
        pytest.param(
            [good(-9 * DAY)],
            [Failures("unknown", 400, 45, at(-4 * DAY)), Failures("provider_error", 503, 9, at(-2 * DAY))],
            "silent",
            "--outcome failure --since 2026-03-15",
            id="failures of other causes",
        ),
        pytest.param([good(-DAY)], [], "healthy", "--since 2026-03-18", id="no failures"),
        pytest.param([change(-DAY, "activate")], [], "silent", "--since 2026-03-18", id="activated, never used"),
        pytest.param([], [], "silent", "--since 30d", id="nothing is known"),
    ],
)
def test_the_next_command_lists_events_that_there_are(
    marks: list[Mark], failures: list[Failures], state: str, told: str
) -> None:
    item = IntegrationDetail.model_validate(
        told_whole(report(marks, "crm", failures=failures), [], NOW), from_attributes=True
    )
    out = Console(width=80, highlight=False, emoji=False)
    with out.capture() as captured:
        show_integration(out, jsonable_encoder(item))
    lines = captured.get().splitlines()
    assert lines[0].startswith(f"crm  credentials: {state}")
    assert lines[-1] == f"Next: idtrail events --app crm {told}"


def test_programs_get_json(asked: list[tuple[str, Item]]) -> None:
    rows = [json.loads(line) for line in run("--json").splitlines()]
    assert [row["state"] for row in rows] == ["still_failing", "healthy", "deactivated"]
    one = json.loads(run("aws sso/prod", "--json"))
    assert asked[-1] == ("/api/v1/integrations/aws%20sso%2Fprod", {"at": None, "organization": None})
    assert one["episodes"][0]["started_by"] == str(VAIN_BEGAN.event_id)
    assert one["forecast"] is None

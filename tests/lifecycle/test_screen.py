"""The screen of a lifecycle, and what its command asks for and writes."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from idtrail.cli import app, register_commands
from idtrail.cli.commands import lifecycle as command
from idtrail.cli.lifecycle_screen import SHOWN, show_lifecycle
from idtrail.cli.screen import Screen
from queries.accounts.folding import Row
from tests.lifecycle.sample import DAY, NOW, answer_of, leaver, suspended
from tests.queries.test_lifecycle import row

register_commands()


def drawn(answer: dict[str, Any], width: int = 80, *, everything: bool = False, limit: int = SHOWN) -> list[str]:
    out = Screen(width=width, no_color=True)
    with out.capture() as captured:
        show_lifecycle(out, answer, NOW, everything=everything, limit=limit)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_the_screen_says_where_accounts_stand_then_every_step_with_what_set_it_off() -> None:
    assert drawn(answer_of(leaver())) == [
        "ines.almeida  (63ec9bba) · 14 events, 2026-03-19 to 2026-03-20",
        "statsig  OPEN    meant closed 2026-03-20 11:00 (22 h), active since 2026-03-19",
        "slack    closed  confirmed since 2026-03-20 11:00",
        "",
        "  time (UTC)      app      attempt         result          because",
        "  03-19 11:00:00  2 apps   create          201 created     cause unknown",
        "  03-19 16:00:00  -        changed jobTi…  ok              ada@corp.example",
        "  03-19 16:00:01  2 apps   update title    200 ok          jobTitle changed 16:…",
        "  03-20 11:00:00  -        suspended       ACTIVATED -> …  ada@corp.example",
        "  03-20 11:00:01  statsig  deactivate      401 credentia…  suspended 11:00:00",
        "  03-20 11:00:01  slack    deactivate      200 confirmed   suspended 11:00:00",
        "  ...             statsig  deactivate 4 times since 11:20, about every 20 min, …",
        "  03-20 12:40:00  statsig  deactivate      401 credentia…  retry of 11:00:01",
        "statsig: 6 tries, last 20 h ago: credentials: token expired",
        "Next: idtrail integrations statsig · idtrail exposures",
    ]


@pytest.mark.parametrize(
    ("asked", "note", "again"),
    [
        pytest.param("ines.almeida", "", "ines.almeida", id="as it was asked"),
        pytest.param("63ec9bba", "", "63ec9bba", id="by id"),
        pytest.param("ines.almeida", "74ed was seen as ines.almeida", "63ec9bba", id="by id where others had the name"),
    ],
)
def test_the_next_commands_find_the_same_person_and_events(asked: str, note: str, again: str) -> None:
    answer = answer_of(leaver()[:4])
    answer["person"]["note"] = note
    out = Screen(width=80, no_color=True)
    with out.capture() as captured:
        show_lifecycle(out, answer, NOW, asked=asked)
    last = captured.get().splitlines()[-1]
    assert last == f"Next: idtrail state {again} · idtrail events --subject {again} --since 2026-03-19"


@pytest.mark.parametrize(
    ("account", "command"),
    [
        pytest.param({}, "integrations statsig", id="credentials"),
        pytest.param({"closing_tries": 0, "last_cause": ""}, "integrations statsig", id="never tried"),
        pytest.param(
            {"last_cause": "provider_error"}, "incidents --app statsig --subject ines.almeida", id="another cause"
        ),
        pytest.param(
            {"last_cause": "", "last_outcome": "success"},
            "events --app statsig --subject ines.almeida --since 2026-03-20",
            id="opened again",
        ),
    ],
)
def test_the_next_command_says_why_the_account_is_open(account: dict[str, Any], command: str) -> None:
    answer = answer_of(leaver())
    next(each for each in answer["accounts"] if each["exposed"]).update(account)
    out = Screen(width=80, no_color=True)
    with out.capture() as captured:
        show_lifecycle(out, answer, NOW, asked="ines.almeida")
    assert captured.get().splitlines()[-1] == f"Next: idtrail {command} · idtrail exposures"


def test_who_has_long_names_has_a_line_for_them_and_what_was_never_tried_is_said_so() -> None:
    answer = answer_of(leaver()[:7], "ines.almeida", "ines.almeida@a-long-name.corp.example", "ia@corp.example")
    lines = drawn(answer)
    assert lines[:2] == [
        "ines.almeida · 7 events, 2026-03-19 to 2026-03-20",
        "ines.almeida@a-long-name.corp.example, ia@corp.example, 63ec9bba",
    ]
    assert "slack, statsig: nobody tried to close it" in lines
    assert all(cell_len(line) <= 80 for line in lines)


def test_who_has_no_account_is_said_to_have_none(api: type[Answering]) -> None:
    api.answer |= {"accounts": []}
    assert "no account known in slack" in run("ines.almeida", "--app", "slack").splitlines()
    assert "no account known" in run("ines.almeida").splitlines()


def test_an_update_later_than_the_last_attempt_to_open_an_account_is_not_taken_for_it() -> None:
    refused = [row(1, 0, "active", "failure", detail="no seat"), row(2, 60, "", "failure", detail="too long")]
    lines = drawn(answer_of(refused))
    assert "statsig  unknown  last attempt to open or close 2026-03-19 11:00:00: failure" in lines
    assert any("12:00:00" in line for line in lines)


def test_a_wider_screen_has_the_years_and_the_whole_answers() -> None:
    lines = drawn(answer_of(leaver()), 120)
    assert (
        "  2026-03-20 11:00:01  statsig  deactivate        401 credentials: token expired  suspended 11:00:00" in lines
    )


@pytest.mark.parametrize("width", [40, 80, 160])
@pytest.mark.parametrize("name", ["x" * 300, "界" * 200, "[red]b[/red]", "\u05d0" * 90])
def test_rows_are_cut_and_never_wrapped(width: int, name: str) -> None:
    other = {"application_id": "a9", "application_name": name, "actor_name": name, "detail": name, "changed": [name]}
    answer = answer_of([*leaver(), row(99, 2000, "inactive", "failure", **other)])
    lines = drawn(answer, width, everything=True)
    table = lines[next(place for place, line in enumerate(lines) if "because" in line or "time (" in line) :]
    rows = table[1 : 1 + len(answer["items"])]
    assert all(cell_len(line) <= width for line in rows)
    assert rows[-1].strip().startswith(("03-20 20:20:00", "2026-03-20 20:20:00"))


def of_many_applications() -> list[Row]:
    """Thirty accounts, each with updates of its own; every third cannot be closed, and is tried three times more."""
    apps = [{"application_id": f"a{place}", "application_name": f"app{place:02}"} for place in range(30)]
    numbers = count(1)
    rows = [row(next(numbers), 0, "active", "success", http_status=201, **own) for own in apps]
    rows += [
        row(next(numbers), 300 * (day + 1) + 3 * place, "", "success", changed=[f"title{day}"], **own)
        for day in range(3)
        for place, own in enumerate(apps)
    ]
    rows.append(suspended(next(numbers), DAY))
    for place, own in enumerate(apps):
        refused = place % 3 == 0
        closed = row(next(numbers), DAY + 0.01 * (place + 1), "inactive", "failure" if refused else "success", **own)
        rows.append(closed | {"cause": "provider_error", "detail": "boom"} if refused else closed)
    rows += [
        row(next(numbers), DAY + 60 * hour + place, "inactive", "failure", cause="provider_error", detail="boom", **own)
        for hour in range(1, 4)
        for place, own in enumerate(apps)
        if place % 3 == 0
    ]
    return sorted(rows, key=lambda each: each["occurred_at"])


def test_of_a_long_lifecycle_what_left_accounts_open_is_always_shown_and_the_rest_by_number() -> None:
    answer = answer_of(of_many_applications())
    lines = drawn(answer)
    begin = next(place for place, line in enumerate(lines) if "time (UTC)" in line)
    accounts, steps = lines[1 : begin - 1], lines[begin + 1 : -2]
    assert [line.split()[1] for line in accounts[:24]] == ["OPEN"] * 10 + ["closed"] * 14
    assert accounts[24:] == ["... 6 more accounts: 6 closed (--limit) ..."]
    assert [line.split(maxsplit=2)[2] for line in steps[1:3]] == [
        "-        suspended   ACTIVATED -> SUSPEND…  ada@corp.example",
        "10 apps  deactivate  401 provider_error: …  suspended 11:00:00",
    ]
    assert (steps[0].strip(), steps[3].strip()) == (
        "... 91 rows left out: --limit 0, or every event: --all ...",
        "... 7 rows left out: --limit 0, or every event: --all ...",
    )
    assert len(steps) == 4 + 24
    assert lines[-2] == "app00, app03, app06 and 7 more: 4 tries each, last 18 h ago: provider_error: bo…"
    whole = drawn(answer, limit=0)
    assert len(whole) == 1 + 30 + 2 + 91 + 2 + 7 + 24 + 2
    assert not any("--limit" in line for line in whole)


class Answering:
    """An API of one person, two steps a page."""

    asked: ClassVar[list[dict[str, Any]]] = []
    answer: ClassVar[dict[str, Any]] = {}

    def get(self, path: str, parameters: dict[str, Any]) -> dict[str, Any]:
        assert path == "/api/v1/lifecycle"
        self.asked.append(parameters)
        begin = int(parameters.get("cursor") or 0)
        items = self.answer["items"]
        return {
            **self.answer,
            "items": items[begin : begin + 2],
            "accounts": None if begin else self.answer["accounts"],
            "next": str(begin + 2) if begin + 2 < len(items) else None,
        }


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> type[Answering]:
    Answering.asked, Answering.answer = [], answer_of(leaver())
    monkeypatch.setattr(command, "connect", Answering)
    return Answering


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["lifecycle", *arguments])
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def test_all_pages_are_one_lifecycle(api: type[Answering]) -> None:
    told = json.loads(run("ines.almeida", "--json", "--since", "30d", "--organization", "corp"))
    assert (told["items"], told["next"]) == (api.answer["items"], None)
    assert [asked.get("cursor") for asked in api.asked] == [None, *(str(place) for place in range(2, 14, 2))]
    assert {(asked["person"], asked["organization"], asked["since"], asked["timeline"]) for asked in api.asked} == {
        ("ines.almeida", "corp", "30d", False)
    }


def test_what_was_known_at_a_time_is_said_to_be(api: type[Answering], tmp_path: Path) -> None:
    api.answer |= {"known_at": "2026-03-20T00:00:00Z", "later": 7}
    lines = run("ines.almeida", "--known-at", "2026-03-20").splitlines()
    assert lines[1].startswith("as known at 2026-03-20 00:00:00 (")
    assert lines[1].endswith(" ago): 7 events became known only later")
    assert api.asked[0]["known_at"] == "2026-03-20"
    file = tmp_path / "ines.html"
    run("ines.almeida", "--known-at", "2026-03-20", "--html", str(file))
    assert (
        '<p class="answer">As known at 2026-03-20 00:00:00 UTC (7 events became known only later): 1 account meant'
        in file.read_text(encoding="utf-8")
    )
    assert "<dt>As known at</dt><dd>2026-03-20 00:00:00 UTC</dd>" in file.read_text(encoding="utf-8")


def test_no_more_steps_are_fetched_than_can_be_held(api: type[Answering], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "MOST", 4)
    assert "... more: narrow the range" in run("ines.almeida")
    assert len(api.asked) == 2


def test_one_application_is_asked_for_on_every_page(api: type[Answering]) -> None:
    run("ines.almeida", "--app", "slack")
    assert {asked["application"] for asked in api.asked} == {"slack"}


def test_the_report_is_written_whole_or_not_at_all(api: type[Answering], tmp_path: Path) -> None:
    file = tmp_path / "ines.html"
    assert run("ines.almeida", "--html", str(file), "--since", "2026-03-01").splitlines() == [
        f"{file}: ines.almeida, 14 events, 2 accounts"
    ]
    assert "1 account meant to be closed is not confirmed closed: statsig" in file.read_text(encoding="utf-8")
    assert "<dt>Since</dt><dd>2026-03-01</dd>" in file.read_text(encoding="utf-8")
    assert {asked["timeline"] for asked in api.asked} == {True}
    run("ines.almeida", "--html", str(tmp_path / "none" / "ines.html"), code=1)
    assert list(tmp_path.iterdir()) == [file]

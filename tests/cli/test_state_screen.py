"""The screens of `idtrail state` at 80 columns."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from idtrail.cli import app, register_commands
from idtrail.cli.commands.state import show_differences, show_state, state
from schemas.errors import BadUsage
from tests.queries.support import when
from tests.records import NOON

Item = dict[str, Any]


def account(application: str, intended: str, confirmed: str, **more: Any) -> Item:
    """As the API tells it."""
    return {
        "subject_id": "63ec",
        "application_id": "5fad",
        "application": application,
        "intended": intended,
        "intended_since": when(20).isoformat(),
        "intended_because": None,
        "confirmed": confirmed,
        "confirmed_since": when(0).isoformat(),
        "closing_since": None,
        "closing_tries": 0,
        "last_outcome": "success",
        "last_cause": "",
        "last_detail": "",
        "exposed": False,
        **more,
    }


STATSIG = account(
    "statsig",
    "inactive",
    "active",
    exposed=True,
    closing_since=when(20).isoformat(),
    closing_tries=5,
    last_outcome="failure",
    last_cause="credentials",
    last_detail="token expired",
)
SLACK = account("slack", "inactive", "inactive", intended_because={"text": "suspended by ada@corp.example"})
DIFF = ("--diff", "2d", "1d")
PERSON = {"person": {"names": ["ines.almeida"], "subject_id": "63ec", "note": ""}}


def printed(show: Any, answer: Item, asked: str = "") -> list[str]:
    """The lines at 80 columns."""
    out = Console(file=StringIO(), width=80, highlight=False)
    show(out, answer, NOON + timedelta(days=1), asked)
    assert isinstance(out.file, StringIO)
    return out.file.getvalue().splitlines()


def test_the_state_begins_with_the_answer_and_ends_with_the_next_command() -> None:
    lines = printed(
        show_state,
        {
            **PERSON,
            "at": when(30).isoformat(),
            "known_at": when(10).isoformat(),
            "blind_since": when(10).isoformat(),
            "accounts": [SLACK, STATSIG],
            "groups": [{"id": "6a", "name": "all staff", "since": when(0).isoformat()}],
            "members": [{"id": each, "name": each, "since": when(0).isoformat()} for each in "abcdefghijklmnop"],
            "members_total": 20_000,
            "accepted": [],
            "directory": {"state": "suspended", "since": when(19).isoformat()},
            "later": 2,
        },
        "ines.almeida",
    )
    assert lines[:5] == [
        "ines.almeida · 2 accounts, 1 OPEN that should be closed",
        "at 2026-03-19 11:30:00 (24 h ago)",
        "suspended in the directory since 2026-03-19 11:19:00 (24 h ago)",
        "as known at 2026-03-19 11:10:00 (24 h ago): 2 events became known only later",
        "Nothing that occurred after 2026-03-19 11:10:00 could be known then.",
    ]
    assert lines[6].split() == ["app", "meant", "confirmed", "since", "(UTC)"]
    assert lines[7].startswith("  statsig  inactive  active     2026-03-19 11:00:00  OPEN since")
    assert lines[8].startswith("  slack    inactive  inactive   2026-03-19 11:00:00  suspended by ada")
    assert "groups: all staff" in lines
    assert "members: a, b, c, d, e, f, g, h, i, j, k, l and 19,988 more" in lines
    assert lines[-1] == "Next: idtrail lifecycle ines.almeida"
    assert all(len(line) <= 80 for line in lines[6:])


NOTE = "75f0 was seen as ines.almeida from 2026-01-01 09:00:00 to 2026-02-01 09:00:00"
TWO_IDS = {"person": {**PERSON["person"], "subject_ids": ["63ec", "74ed"], "note": NOTE}}
OLDER = account("statsig", "inactive", "active", subject_id="63ec")
NEWER = account("statsig", "active", "active", subject_id="74ed")


def test_who_else_had_the_name_and_whose_of_several_ids_an_account_is_are_told() -> None:
    whole: Item = {"at": when(30).isoformat(), "known_at": None, "blind_since": None, "accounts": [OLDER, NEWER]}
    whole |= {
        "groups": [],
        "members": [],
        "members_total": 0,
        "accepted": [],
        "directory": {"state": "active", "since": None},
    }
    lines = printed(show_state, {**TWO_IDS, **whole})
    assert lines[2] == NOTE
    assert printed(show_state, {**TWO_IDS, **whole}, "ines.almeida")[-1].startswith("Next: idtrail lifecycle 63ec ")
    assert [line.split()[:3] for line in lines[5:7]] == [
        ["statsig", "(63ec)", "inactive"],
        ["statsig", "(74ed)", "active"],
    ]


def test_a_difference_tells_who_else_had_the_name_and_whose_account_each_is() -> None:
    changed = [
        {"application_id": "5fad", "application": "statsig", "before": before, "after": after}
        for before, after in ((OLDER, {**OLDER, "confirmed": "inactive"}), (None, NEWER))
    ]
    times = {"since": when(0).isoformat(), "until": when(30).isoformat(), "known_at": None}
    lines = printed(
        show_differences, {**TWO_IDS, **times, "accounts": changed, "joined": [], "left": [], "unchanged": 0}
    )
    assert lines[1] == NOTE
    assert [line.split()[:2] for line in lines[4:6]] == [["statsig", "(63ec)"], ["statsig", "(74ed)"]]


LEFT = {"6a": "all staff", "8c": "data"}


def test_a_difference_names_each_account_before_and_after_and_groups_of_one_name_by_their_ids() -> None:
    lines = printed(
        show_differences,
        {
            **PERSON,
            "since": when(0).isoformat(),
            "until": when(30).isoformat(),
            "known_at": None,
            "accounts": [
                {
                    "application_id": "5fad",
                    "application": "statsig",
                    "before": account("statsig", "active", "active"),
                    "after": STATSIG,
                },
                {"application_id": "5fae", "application": "slack", "before": None, "after": SLACK},
            ],
            "joined": [{"id": "7b", "name": "all staff", "since": when(20).isoformat()}],
            "joined_total": 1,
            "left_total": len(LEFT),
            "left": [{"id": own, "name": name, "since": when(0).isoformat()} for own, name in LEFT.items()],
            "unchanged": 3,
        },
    )
    assert lines[-1] == "Next: idtrail lifecycle 63ec · idtrail state 63ec --at 2026-03-19T11:30:00Z"
    assert lines[0] == "ines.almeida: 2 accounts of 5 became different from 2026-03-19 11:00:00 to 2026-03-19 11:30:00"
    assert [" ".join(line.split()) for line in lines[2:7]] == [
        "app before after",
        "statsig active meant inactive, confirmed active (OPEN)",
        "slack not known inactive",
        "joined: all staff (7b)",
        "left: all staff (6a), data",
    ]


def test_a_first_line_that_has_no_room_is_two_and_a_cause_that_is_not_known_is_called_so() -> None:
    unknown = account("slack", "deleted", "deleted", intended_because={"kind": "unknown", "text": "not told"})
    answer = {
        **PERSON,
        "person": {"names": ["all staff and others"], "subject_id": "63ec", "note": ""},
        "at": when(30).isoformat(),
        "known_at": None,
        "blind_since": None,
        "accounts": [unknown],
        "groups": [],
        "members": [],
        "members_total": 0,
        "accepted": [],
        "directory": {"state": "unknown", "since": None},
    }
    lines = printed(show_state, answer, "all staff and others")
    assert lines[:2] == [
        "all staff and others · 1 account, none open that should be closed",
        f"at {when(30):%Y-%m-%d %H:%M:%S} (24 h ago)",
    ]
    assert lines[4].endswith("cause unknown")
    at = when(30).isoformat().replace("+00:00", "Z")
    assert lines[-1] == (
        "Next: idtrail lifecycle 'all staff and others'"
        f" · idtrail state 'all staff and others' --at {at} --known-at {at}"
    )


@pytest.mark.parametrize("arguments", [pytest.param((), id="at a time"), pytest.param(DIFF, id="between two")])
def test_an_organization_is_asked_for_and_kept_in_the_next_commands(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    asked: list[Item] = []
    none: Item = {
        "accounts": [],
        "groups": [],
        "members": [],
        "members_total": 0,
        "accepted": [],
        "joined": [],
        "left": [],
    }
    times = dict.fromkeys(("at", "since", "until"), when(0).isoformat()) | {"known_at": None, "blind_since": None}
    directory = {"directory": {"state": "unknown", "since": None}, "unchanged": 0}

    class Answering:
        def get(self, path: str, parameters: Item) -> Item:
            asked.append(parameters)
            return {**PERSON, **none, **times, **directory}

    monkeypatch.setattr("idtrail.cli.commands.state.connect", Answering)
    register_commands()
    done = CliRunner().invoke(app, ["state", "ines.almeida", "--organization", "two orgs", *arguments])
    assert (done.exit_code, asked[0]["organization"]) == (0, "two orgs"), done.output
    named = done.output.splitlines()[-1].removeprefix("Next: ").split(" · ")
    assert ["ines.almeida --organization 'two orgs'" in one for one in named] == [True, True]


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        pytest.param(
            ("2026-03-02", "2026-03-01"),
            "the first time of --diff (2026-03-02T00:00:00Z) must be before the second (2026-03-01T00:00:00Z): swap",
            id="the later first",
        ),
        pytest.param(
            ("2026-03-01", "2099-01-01"), "--diff: 2099-01-01T00:00:00Z is in the future, it is", id="to come"
        ),
        pytest.param(("soon", "0s"), "--diff: 'soon' is neither a time", id="no time"),
    ],
)
def test_times_that_make_no_difference_are_refused_by_the_name_of_the_option(
    monkeypatch: pytest.MonkeyPatch, times: tuple[str, str], sentence: str
) -> None:
    monkeypatch.setattr("idtrail.cli.commands.state.connect", lambda: None)
    with pytest.raises(BadUsage, match=re.escape(sentence)):
        state("ines.almeida", diff=times)

"""The screens of `idtrail state` at 80 columns."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

from rich.console import Console

from idtrail.cli.commands.state import show_differences, show_state
from tests.queries.support import when
from tests.records import NOON

Item = dict[str, Any]


def account(application: str, intended: str, confirmed: str, **more: Any) -> Item:
    """As the API tells it."""
    return {
        "application_id": "5fad",
        "application": application,
        "intended": intended,
        "intended_since": when(20).isoformat(),
        "intended_because": None,
        "confirmed": confirmed,
        "confirmed_since": when(0).isoformat(),
        "closing_since": None,
        "closing_tries": 0,
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
    last_cause="credentials",
    last_detail="token expired",
)
SLACK = account("slack", "inactive", "inactive", intended_because={"text": "suspended by ada@corp.example"})
PERSON = {"person": {"names": ["ines.almeida"], "subject_id": "63ec"}}


def printed(show: Any, answer: Item) -> list[str]:
    """The lines at 80 columns."""
    out = Console(file=StringIO(), width=80, highlight=False)
    show(out, answer, NOON + timedelta(days=1))
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
            "members": [],
            "accepted": [],
            "directory": {"state": "suspended", "since": when(19).isoformat()},
            "later": 2,
        },
    )
    assert lines[:4] == [
        "ines.almeida at 2026-03-19 11:30:00 (24 h ago) · 2 accounts, 1 OPEN that should be closed",
        "suspended in the directory since 2026-03-19 11:19:00 (24 h ago)",
        "as known at 2026-03-19 11:10:00 (24 h ago): 2 events of then came later",
        "Nothing that occurred after 2026-03-19 11:10:00 could be known then.",
    ]
    assert lines[5].split() == ["app", "meant", "confirmed", "since", "(UTC)"]
    assert lines[6].startswith("  statsig  inactive  active     2026-03-19 11:00:00  OPEN since")
    assert lines[7].startswith("  slack    inactive  inactive   2026-03-19 11:00:00  suspended by ada")
    assert "groups: all staff" in lines
    assert lines[-1] == "Next: idtrail lifecycle ines.almeida"
    assert all(len(line) <= 80 for line in lines[5:])


def test_a_difference_names_each_account_before_and_after() -> None:
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
            "joined": [],
            "left": [{"id": "6a", "name": "all staff", "since": when(0).isoformat()}],
            "unchanged": 3,
        },
    )
    assert lines[0] == "ines.almeida: 2 accounts of 5 became different from 2026-03-19 11:00:00 to 2026-03-19 11:30:00"
    assert [" ".join(line.split()) for line in lines[2:6]] == [
        "app before after",
        "statsig active meant inactive, confirmed active (OPEN)",
        "slack not known inactive",
        "left: all staff",
    ]

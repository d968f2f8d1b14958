"""The screen of `idtrail exposures` at 80 columns."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from idtrail.cli.commands.exposures import exposures, show_exposures, show_report
from schemas.errors import BadUsage
from tests.queries.support import when
from tests.records import NOON


def exposure(person: str, reason: str, **more: Any) -> dict[str, Any]:
    """As the API tells it."""
    return {
        "person": person,
        "subject_id": f"63ec9bba-{person[:4]}",
        "namesakes": False,
        "application": "statsig",
        "application_id": "5fad",
        "reason": reason,
        "since": when(0).isoformat(),
        "used_since": None,
        "sign_ins_known": True,
        "closing_tries": 5,
        "last_outcome": "failure",
        "last_cause": "credentials",
        "last_detail": "token expired",
        "intended_because": {"text": "suspended by ada@corp.example"},
        "left_behind": None,
        **more,
    }


def told(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The API's answer, of which nothing is cut off unless `more` says so."""
    behind, absent = more.get("left_behind", []), more.get("reported_absent", [])
    return {
        "at": when(90).isoformat(),
        "items": list(items),
        "total": len(items),
        "used_total": sum(item["used_since"] is not None for item in items),
        "sign_ins_unknown_total": sum(not item["sign_ins_known"] for item in items),
        "left_behind": behind,
        "left_behind_total": len(behind),
        "reported_absent": absent,
        "reported_absent_total": len(absent),
        "complete": True,
        **more,
    }


def printed(answer: dict[str, Any], *, past: bool = False, width: int = 80) -> list[str]:
    """The lines."""
    out = Console(file=StringIO(), width=width, highlight=False)
    show_exposures(out, answer, NOON + timedelta(days=2), past=past)
    assert isinstance(out.file, StringIO)
    return out.file.getvalue().splitlines()


def test_the_screen_says_who_since_when_why_and_whether_it_was_used() -> None:
    lines = printed(
        told(
            exposure("ines.almeida", "failing", used_since=when(50).isoformat()),
            exposure("lena.berg", "never_attempted", closing_tries=0),
            left_behind=[exposure("kofi.mensah", "left_behind", left_behind=when(5).isoformat())],
        )
    )
    assert lines[0] == "2 accounts meant to be closed are not confirmed closed; 1 seen used since"
    assert lines[3].startswith("  ines.almeida  statsig  03-19 11:00  2 d")
    assert lines[4].startswith("  lena.berg     statsig  03-19 11:00  2 d")
    assert lines[3].split()[-5:-2] == ["5", "03-19", "11:50"]
    assert "Left behind by a deleted integration, nobody closes them any more: 1" in lines
    assert lines[-1].startswith("Next: idtrail lifecycle ines.almeida")
    assert all(len(line) <= 80 for line in lines[:-1])


def test_of_the_past_it_says_of_when_and_tells_ages_by_that() -> None:
    lines = printed(told(exposure("ines.almeida", "failing")), past=True)
    assert lines[:2] == [
        "1 account meant to be closed was not confirmed closed; 0 seen used since",
        "at 2026-03-19 12:30:00 (47 h ago)",
    ]
    assert lines[4].startswith("  ines.almeida  statsig  03-19 11:00  1 h ")
    assert lines[-1].endswith("idtrail export exposures --at 2026-03-19T12:30:00Z -o exposures.zip")


def test_another_sla_is_named_and_stays_in_the_next_command() -> None:
    out = Console(file=StringIO(), width=120, highlight=False)
    with out.capture() as shown:
        show_exposures(out, told(exposure("ines.almeida", "failing")), NOON, sla=600)
    lines = shown.get().splitlines()
    assert lines[1] == "10 h allowed for the first attempt to close"
    assert lines[-1].endswith("idtrail export exposures --sla 600 -o exposures.zip")


def test_nobody_exposed_is_said_in_one_line() -> None:
    lines = printed(told())
    assert lines[0] == "0 accounts meant to be closed are not confirmed closed"
    assert len(lines) == 3


UNKNOWN = {"sign_ins_known": False, "application": "crm"}


@pytest.mark.parametrize(
    ("items", "end", "apps"),
    [
        pytest.param([{}], "; 0 seen used since", None, id="none seen"),
        pytest.param(
            [UNKNOWN], "; use since unknown", " of 1: the trail has no recent sign-in to crm", id="nobody knows"
        ),
        pytest.param(
            [{"used_since": when(50).isoformat()}, {}, UNKNOWN, {**UNKNOWN, "application": "hr"}],
            "; 1 seen used since",
            " of 2: the trail has no recent sign-in to crm and hr",
            id="both",
        ),
        pytest.param(
            [{**UNKNOWN, "application": f"app{place}"} for place in range(5)],
            "; use since unknown",
            " of 5: the trail has no recent sign-in to app0, app1 and others",
            id="of many applications",
        ),
    ],
)
def test_no_use_is_claimed_where_the_trail_has_no_sign_ins(
    items: list[dict[str, Any]], end: str, apps: str | None
) -> None:
    lines = printed(told(*(exposure("ines.almeida", "failing", **item) for item in items)))
    assert lines[0].endswith(f"not confirmed closed{end}")
    assert lines[1] == (f"unknown{apps}" if apps else "")
    rows = [line for line in lines if line.startswith("  ines.almeida")]
    for row, item in zip(rows, items, strict=True):
        used = "03-19 11:50" if "used_since" in item else "none seen" if "sign_ins_known" not in item else "unknown"
        assert f"  {used}  " in row


def test_that_use_is_unknown_is_said_also_of_accounts_that_are_not_shown() -> None:
    lines = printed(told(exposure("ines.almeida", "failing", **UNKNOWN), total=3, sign_ins_unknown_total=2))
    assert lines[1] == "unknown of 2: the trail has no recent sign-in to crm and others"
    lines = printed(told(exposure("ines.almeida", "failing"), total=3, sign_ins_unknown_total=2))
    assert lines[1] == "unknown of 2: the trail has no recent sign-in to their applications"
    lines = printed(told(left_behind=[exposure("kofi.mensah", "left_behind", **UNKNOWN)]))
    assert lines[1] == "unknown: the trail has no recent sign-in to crm"


YEAR = 365 * 24 * 60


@pytest.mark.parametrize(
    ("since", "used", "width", "shown"),
    [
        pytest.param(0, 50, 80, ("03-19 11:00", "03-19 11:50"), id="of one year"),
        pytest.param(-YEAR, 50, 80, ("2025-03-19", "2026-03-19"), id="of two years, the days"),
        pytest.param(-YEAR, 50, 120, ("2025-03-19 11:00", "2026-03-19 11:50"), id="of two years, with room"),
    ],
)
def test_times_of_several_years_have_their_year(since: int, used: int, width: int, shown: tuple[str, str]) -> None:
    stamps = {"since": when(since).isoformat(), "used_since": when(used).isoformat()}
    row = printed(told(exposure("kofi.mensah", "failing", **stamps)), width=width)[3]
    assert all(f"  {each}  " in row for each in shown)
    assert "credentials: t" in row


def test_a_list_that_is_not_complete_says_so() -> None:
    lines = printed(told(complete=False))
    assert lines[1] == "Not complete: more accounts may be exposed than were looked at"


def test_what_is_cut_off_is_counted_all_the_same() -> None:
    shown = exposure("kofi.mensah", "left_behind")
    lines = printed(
        told(
            exposure("ines.almeida", "failing"),
            total=1126,
            used_total=108,
            left_behind=[shown],
            left_behind_total=3,
            reported_absent=[shown],
        )
    )
    assert lines[0] == "1,126 accounts meant to be closed are not confirmed closed; 108 seen used since"
    cut = [line for line in lines if "--limit" in line]
    assert cut == [f"  ... {more} more: --limit, or --json for all" for more in ("1,125", "2")]
    assert "Left behind by a deleted integration, nobody closes them any more: 3" in lines


def test_of_several_people_of_one_name_it_says_which() -> None:
    lines = printed(told(exposure("sam.lee", "failing", namesakes=True, subject_id="5f0000000000000000c96d")))
    assert lines[3].startswith("  sam.lee …c96d  statsig")
    assert lines[-1].startswith("Next: idtrail lifecycle 5f0000000000000000c96d ·")


@pytest.mark.parametrize(
    ("limit", "asked"), [pytest.param(None, 10_000, id="all"), pytest.param(1, 1, id="so many as are wanted")]
)
def test_json_that_is_cut_off_says_so_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], limit: int | None, asked: int
) -> None:
    class Api:
        def get(self, path: str, parameters: dict[str, Any]) -> dict[str, Any]:
            assert parameters["limit"] == asked
            return told(exposure("ines.almeida", "failing"), total=1126, left_behind=[exposure("kofi", "left_behind")])

    monkeypatch.setattr("idtrail.cli.commands.exposures.connect", Api)
    exposures(limit=limit, as_json=True)
    out, err = capsys.readouterr()
    assert [json.loads(line)["person"] for line in out.splitlines()] == ["ines.almeida", "kofi"]
    assert err == "idtrail: only 1 of 1,126 accounts exposed: idtrail export exposures has all\n"


def test_the_report_says_how_many_were_closed_in_time_and_which_were_not() -> None:
    summary = {
        "application_id": "5fad", "application": "statsig", "closings": 9, "still_open": 1, "within_sla": 7,
        "reported_absent": 1,
        "p50": 2.0, "p90": 90.0, "p99": 7200.0, "longest": 7200.0, "at_least": ["p99", "longest"],
    }  # fmt: skip
    late = {"person": "ines.almeida", "application": "statsig", "since": when(0).isoformat()}
    answer = {
        "since": when(-1440).isoformat(),
        "until": when(0).isoformat(),
        "sla_seconds": 3600,
        "items": [summary],
        "exceptions": [
            {**late, "closed_at": None, "absent_at": None, "seconds": 9 * 86400.0},
            {**late, "closed_at": when(120).isoformat(), "absent_at": None, "seconds": 7200.0},
            {**late, "closed_at": None, "absent_at": when(120).isoformat(), "seconds": 7200.0},
        ],
        "exceptions_total": 3,
    }
    out = Console(file=StringIO(), width=80, highlight=False)
    show_report(out, answer, NOON)
    assert isinstance(out.file, StringIO)
    lines = out.file.getvalue().splitlines()
    assert lines[0] == "2026-03-18 to 2026-03-19: 7 of 9 accounts (77 %) closed within 1 h"
    assert lines[3].split() == ["statsig", "9", "7", "1", "1", "2", "s", "1", "min", ">2", "h", ">2", "h"]
    assert lines[6].rstrip().endswith("9 d   OPEN")
    assert lines[7].rstrip().endswith("2 h   closed 2026-03-19 13:00")
    assert lines[8].rstrip().endswith("2 h   absent 2026-03-19 13:00")
    assert all(len(line) <= 80 for line in lines)
    with out.capture() as again:
        show_report(out, {**answer, "until": (NOON + timedelta(hours=25)).isoformat()}, NOON)
    assert again.get().startswith("2026-03-18 to now: ")
    assert again.get().endswith("Next: idtrail exposures · idtrail exposures --report --json\n")
    with out.capture() as longer:
        show_report(out, {**answer, "sla_seconds": 7200}, NOON, since="90d")
    assert longer.get().endswith(
        "Next: idtrail exposures --sla 120 · idtrail exposures --report --since 90d --sla 120 --json\n"
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        pytest.param({"since": "3d"}, "--since and --until are the range of a --report", id="since"),
        pytest.param({"until": "3d"}, "--since and --until are the range of a --report", id="until"),
        pytest.param({"report": True, "at": "3d"}, "--at is for the accounts exposed at one time", id="a report at"),
    ],
)
def test_what_would_change_nothing_is_refused(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(BadUsage, match=f"^{told}"):
        exposures(**asked)

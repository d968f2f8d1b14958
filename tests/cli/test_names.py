"""Names come from outside: in no list do they push other columns away, or make rows of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.cells import cell_len

from idtrail.cli.alert_screens import show_alert
from idtrail.cli.commands.events import show_event, show_events
from idtrail.cli.commands.failures import Asked, show_failures
from idtrail.cli.commands.stats import show_stats
from idtrail.cli.incident_screens import show_incident
from idtrail.cli.integration_screens import show_integration
from idtrail.cli.lifecycle_screen import show_lifecycle
from queries.integrations.reports import Stuck
from tests.cli.running import within
from tests.cli.test_alert_screens import OPEN, happened
from tests.cli.test_alert_screens import whole as whole_alert
from tests.cli.test_incident_screens import STATSIG, detail, drawn
from tests.cli.test_integration_screens import whole as whole_integration
from tests.lifecycle.sample import NOW, answer_of, leaver
from tests.queries.test_integration_health import at
from tests.records import NOON

Item = dict[str, Any]

FORGED = "2026-11-30 17:03:49  user_deprovision  statsig  ines  200 success"
NAMES = [
    pytest.param("all staff of the northern plant", id="30 characters"),
    pytest.param("x" * 200, id="200 characters"),
    pytest.param("界" * 100, id="wide ones"),
    pytest.param("\x01" * 200, id="unseen ones"),
    pytest.param(f"ines\n{FORGED}", id="a line end and a row"),
    pytest.param(f"ines\r{FORGED}", id="the beginning of the line and a row"),
    pytest.param(f"ines\x85{FORGED}", id="another line end and a row"),
]


def event(name: str) -> Item:
    """A failure as a list has it."""
    return {
        "event_id": "c0a80101-0000-5000-8000-000000000000",
        "occurred_at": "2026-03-19T12:00:00Z",
        "time_quality": "ok",
        "event_type": "group_update_provision",
        "application_name": name,
        "subject_name": name,
        "subject_id": "u1",
        "outcome": "success",
        "http_status": 0,
        "cause": "",
        "detail": "",
        "attribute": "",
    }


def cause(name: str) -> Item:
    """Failures that are not folded into incidents."""
    counts = {"tries": 3, "people": 2, "groups": 0, "last": NOON.isoformat(), "state": "open"}
    text = {"cause": "quota", "detail": "", "attribute": "", "remedy": "Buy seats."}
    return {"application": name, "application_id": "a1", **counts, **text}


def listed(name: str) -> list[str]:
    """All that `idtrail events` shows."""
    return drawn(show_events, [event(name), event(name)], 50)


def of_another_type(name: str) -> list[str]:
    return drawn(show_events, [event("statsig") | {"event_type": name, "subject_name": "ines"}], 50)


def whole_event(name: str) -> list[str]:
    copy = {
        "in_force": True, "source": name, "trust": "export", "known_at": NOON.isoformat(), "place": name,
        "redacted": False, "raw": '{"a": 1,\n "b": 2}',
    }  # fmt: skip
    return drawn(show_event, {**event(name), "copies": [copy], "blame": None}, NOON)


def hit(name: str) -> list[str]:
    subject = {
        "kind": "group", "subject_id": "u1", "name": name, "attempts": 3, "first_at": NOON.isoformat(),
        "last_at": NOON.isoformat(), "mended_at": None, "accepted_at": None,
    }  # fmt: skip
    return drawn(show_incident, detail({**STATSIG, "application": name}, subjects=[subject]), NOON)


def stuck(name: str) -> list[str]:
    found = whole_integration([Stuck("g1", "group", name, 40, at(0), at(5))])
    return drawn(show_integration, {**found, "application": name})


def unfolded(name: str) -> list[str]:
    answer = {"attempts": 9, "failures": 3, "since": NOON.isoformat(), "items": [cause(name)]}
    return drawn(show_failures, answer, [], 50, Asked("24h"), NOON)


def counted(name: str) -> list[str]:
    counts = {"events": 1_204, "success": 1_204, "failure": 0, "unknown": 0, "reported_absent": 0}
    numbers = dict.fromkeys(("events", "people", "applications", "behind", "unplaced", "dead_letters"), 3)
    spanned = {"first": NOON.isoformat(), "last": NOON.isoformat()}
    return drawn(show_stats, {**numbers, **spanned, "types": [{"event_type": name, **counts}]})


def lived(name: str) -> list[str]:
    answer = answer_of(leaver(), name, name)
    for account in answer["accounts"]:
        account["application"] = name
    return drawn(show_lifecycle, answer, NOW)


def acted(name: str) -> list[str]:
    history = happened("snooze", 12, by=name, text="success", until=NOON.isoformat())
    return drawn(show_alert, whole_alert({**OPEN, "title": name, "description": "One.\nTwo."}, history), NOON)


SCREENS = [
    pytest.param(listed, "success", 2, id="events"),
    pytest.param(of_another_type, "success", 1, id="events of another type"),
    pytest.param(whole_event, "in force", 1, id="one event"),
    pytest.param(hit, "nothing", 1, id="an incident"),
    pytest.param(stuck, "ago", 1, id="an integration"),
    pytest.param(unfolded, "open", 1, id="failures"),
    pytest.param(counted, "1,204  1,204", 1, id="stats"),
    pytest.param(lived, "confirmed", 1, id="a lifecycle"),
    pytest.param(acted, "until", 1, id="an alert"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("screen", "word", "times"), SCREENS)
def test_a_name_leaves_the_other_columns_their_room_and_is_no_row(
    screen: Any, word: str, times: int, name: str
) -> None:
    lines = screen(name)
    assert not [line for line in lines if line.lstrip().startswith(FORGED[:19])]
    assert sum(word in line for line in lines) >= times
    rows = [line for line in lines if line.startswith("  ") and not line.startswith("  idtrail")]
    assert rows
    assert screen is whole_event or all(cell_len(row) <= 80 for row in rows)


def test_texts_of_several_lines_keep_them() -> None:
    assert whole_event("export")[-2:] == ['{"a": 1,', ' "b": 2}']
    assert acted("ada")[4:6] == ["One.", "Two."]


@pytest.mark.parametrize(
    ("json", "encoding", "shown"),
    [
        pytest.param(False, "utf-8", "Zoë 界", id="a screen in UTF-8"),
        pytest.param(False, "iso-8859-1", "Zoë ?", id="a screen in Latin-1"),
        pytest.param(True, "iso-8859-1", "Zoë 界", id="JSON is UTF-8 everywhere"),
    ],
)
def test_a_name_that_the_terminals_encoding_lacks_ends_no_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, json: bool, encoding: str, shown: str
) -> None:
    answer = httpx.Response(200, json={"items": [event("Zoë 界")], "next": None})
    monkeypatch.setattr(httpx.Client, "request", lambda self, method, path, **more: answer)
    settings = {
        "IDTRAIL_STATE_DIR": str(tmp_path),
        "IDTRAIL_TOKEN": "idt_x",
        "IDTRAIL_API_URL": "http://127.0.0.1:1",
        "COLUMNS": "120",
    }
    code, out, err = within(["events", *(["--json"] if json else [])], settings, encoding=encoding)
    assert (code, err) == (0, b"")
    assert shown in out.decode("utf-8" if json else encoding)

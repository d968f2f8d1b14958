"""The screens of alerts at 80 columns, and what their commands ask the API for."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import orjson
import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from idtrail.cli import alert_screens, app, register_commands
from idtrail.cli.alert_screens import show_alert, show_alerts, show_counts
from idtrail.cli.commands import alerts as alerts_command
from queries.alerts.listing import Told, alert_object
from schemas.alerts import MAX_COUNTED, Acted, Detected
from schemas.errors import BadUsage
from tests.alerts.records import ALERT_ID, acted, detected, minute
from tests.cli.test_incident_screens import drawn

Item = dict[str, Any]

NOW = minute(75)
INES, STATSIG = detected().people_named[0], detected().applications[0]


def alert(found: Detected, *acts: Acted) -> Item:
    """One as the API tells it an hour after noon."""
    told: Item = orjson.loads(orjson.dumps(alert_object(Told(found, list(acts)), minute(60))))
    return told


OPEN = alert(detected())
URGENT = alert(
    detected(
        severity="critical",
        title="Ines Almeida could not be closed in statsig after she was suspended",
        people=1_000,
        events=10_000,
        alert_id="f" * 32,
        episodes=2,
    )
)
SEEN = alert(detected(severity="low"), acted("acknowledge", 12), acted("own", 13, text="identity team"))
WAITING = alert(detected(severity="low", staging=True), acted("snooze", 40))
MENDED = alert(detected(severity="medium"), acted("resolve", 40))
ENDED = alert(detected(detection="ended", ended_at=minute(30)))
WITHDRAWN = alert(detected(detection="withdrawn"))


def happened(what: str, at: float, **more: Any) -> Item:
    """A line of a history."""
    shown = minute(at).isoformat()
    nothing = {"by": "", "text": "", "until": None, "too_late": False, "events": None, "people": None}
    return {"what": what, "at": shown, "known_at": shown, **nothing, **more}


def tried(attempt: int, succeeded: bool, detail: str = "") -> Item:
    """A line of the deliveries."""
    shown = {"destination": "on-call", "occasion": "opened 1", "at": minute(attempt).isoformat()}
    return {**shown, "attempt": attempt, "succeeded": succeeded, "detail": detail}


def whole(item: Item, *history: Item, **more: Any) -> Item:
    """The same with what happened."""
    names = {INES: "ines.almeida", STATSIG: "statsig"}
    return {**item, "history": list(history), "deliveries": [], "names": names, **more}


def test_a_list_says_how_urgent_what_and_what_to_do() -> None:
    assert drawn(show_alerts, [URGENT, OPEN, SEEN, WAITING, MENDED, ENDED, WITHDRAWN], NOW) == [
        "  severity  alert                             events     who  last  state",
        "  critical  Ines Almeida could not be close…  10,000  1,000+   1 h  open",
        "  ffffffff  again since 2026-03-19 12:00 · remedy: Re-authorise it.",
        "  high      statsig refuses its credentials        5       2   1 h  open",
        "  01234567  since 2026-03-19 12:00 · remedy: Re-authorise it.",
        "  low       statsig refuses its credentials        5       2   1 h  acknowledged",
        "  01234567  by ada 2026-03-19 12:12 · owner: identity team",
        "  low       statsig refuses its credentials        5       2   1 h  snoozed",
        "  01234567  until 2026-03-19 13:10 by ada · staging, nobody is told",
        "  medium    statsig refuses its credentials        5       2   1 h  resolved",
        "  01234567  by ada, from 2026-03-19 12:00 to 2026-03-19 12:40 (40 min)",
        "  high      statsig refuses its credentials        5       2   1 h  resolved",
        "  01234567  by itself, from 2026-03-19 12:00 to 2026-03-19 12:30 (30 min)",
        "  high      statsig refuses its credentials        5       2   1 h  withdrawn",
        "  01234567  it never held, as came out late",
    ]


def test_an_act_that_came_too_late_is_marked() -> None:
    history = [happened("resolve", 12, by="ada", text="mended"), happened("acknowledge", 13, by="lin", too_late=True)]
    (line,) = [line for line in drawn(show_alert, whole(MENDED, *history), NOW) if " lin " in line]
    assert line.split()[-6:] == ["lin", "too", "late,", "it", "was", "resolved"]


def test_one_says_where_it_stands_what_to_do_what_happened_and_who_was_told() -> None:
    history = [
        happened("opened", 0, events=1),
        happened("grew", 10, events=5),
        happened("snooze", 12, by="ada", text="deploy", until=minute(40).isoformat()),
        happened("own", 13, by="ada"),
    ]
    told = whole(OPEN, *history, deliveries=[tried(1, False, "HTTP 503"), tried(2, True)])
    assert drawn(show_alert, told, NOW) == [
        "high  statsig refuses its credentials",
        "open since 2026-03-19 12:00:00 (1 h ago), the condition held last 1 h ago",
        "5 events of 2 people and groups, the last 1 h ago",
        f"rule credentials-failing · no owner · {ALERT_ID}",
        "Nothing reaches the application.",
        "Remedy: Re-authorise it.",
        "People and groups: ines.almeida, 63ec9bba89a64e507ce0a4c3",
        "Applications: statsig",
        "",
        "  time (UTC)           what     by",
        "  2026-03-19 12:00:00  opened   -    1 event",
        "  2026-03-19 12:10:00  grew     -    5 events",
        "  2026-03-19 12:12:00  snoozed  ada  until 2026-03-19 12:40: deploy",
        "  2026-03-19 12:13:00  owner    ada  nobody",
        "",
        "  told (UTC)           destination  of        result",
        "  2026-03-19 12:01:00  on-call      opened 1  failed: HTTP 503",
        "  2026-03-19 12:02:00  on-call      opened 1  delivered (try 2)",
        "Next: idtrail alerts ack 01234567 · idtrail events 00000000-0000-0000-0000-000000000005 · idtrail"
        " lifecycle 63ec9bba89a64e507ce0a4c2",
    ]


def test_one_leads_to_the_incidents_of_its_failures() -> None:
    told = whole(alert(detected(incidents=("ab" * 16, "cd" * 16))))
    shown = drawn(show_alert, told, NOW)
    assert shown[8] == "Incidents: abababab, cdcdcdcd"
    assert "idtrail alerts ack 01234567 · idtrail incidents show abababab · " in shown[-1]


def test_one_of_which_no_event_tells() -> None:
    nothing = {
        "events": 0,
        "first_event": None,
        "last_event": None,
        "people": 0,
        "people_named": (),
        "applications": (),
    }
    found = detected(
        rule_id="pipeline-source-silent", title="No event comes any more", triggered_at=minute(0), **nothing
    )
    assert drawn(show_alert, whole(alert(found), happened("opened", 0, events=0, people=0)), NOW) == [
        "high  No event comes any more",
        "open since 2026-03-19 12:00:00 (1 h ago)",
        f"rule pipeline-source-silent · no owner · {ALERT_ID}",
        "Nothing reaches the application.",
        "Remedy: Re-authorise it.",
        "",
        "  time (UTC)           what    by",
        "  2026-03-19 12:00:00  opened  -",
        "Next: idtrail alerts ack 01234567",
    ]


@pytest.mark.parametrize(
    ("item", "stands", "next_one"),
    [
        pytest.param(
            SEEN,
            "acknowledged by ada 2026-03-19 12:12:00 (1 h ago); the condition goes on since 2026-03-19 12:00:00",
            'idtrail alerts resolve 01234567 --because "…"',
            id="acknowledged",
        ),
        pytest.param(WAITING, "snoozed by ada until 2026-03-19 13:10:00", "idtrail alerts ack 01234567", id="snoozed"),
        pytest.param(
            MENDED,
            "resolved by ada 2026-03-19 12:40:00 (35 min ago), after 40 min",
            "idtrail alerts reopen 01234567",
            id="by hand",
        ),
        pytest.param(
            ENDED,
            "resolved by itself 2026-03-19 12:30:00 (45 min ago), after 30 min",
            "idtrail alerts reopen 01234567",
            id="by itself",
        ),
        pytest.param(
            WITHDRAWN,
            "withdrawn what came late shows that its condition never held",
            "idtrail events 00000000-0000-0000-0000-000000000005",
            id="withdrawn",
        ),
    ],
)
def test_where_it_stands_and_what_to_do_next(item: Item, stands: str, next_one: str) -> None:
    lines = drawn(show_alert, whole(item), NOW)
    assert lines[1] == stands
    assert lines[-1].startswith(f"Next: {next_one}")


def test_many_people_are_counted_not_named() -> None:
    assert alert_screens.MAX_COUNTED == MAX_COUNTED
    named = detected(people=1_000, people_named=tuple(f"person{number}" for number in range(20)))
    lines = drawn(show_alert, whole(alert(named)), NOW)
    assert "People and groups: person0, person1, person2, person3, person4 and at least 995 more" in " ".join(lines)
    assert "5 events of at least 1,000 people and groups, the last 1 h ago" in lines


@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_line_of_a_list_is_wider_than_the_screen(width: int) -> None:
    odd = {"title": "[red]" + "Łukasz 日本語 " * 12, "owner": "x" * 90}
    lines = drawn(show_alerts, [{**each, **odd} for each in (URGENT, SEEN, ENDED)], NOW, width=width)
    assert max(cell_len(line) for line in lines) <= width
    assert "[red]" in lines[1]


def test_counts_say_how_many_and_how_long() -> None:
    rule = {"rule_id": "credentials-failing", "alerts": 3, "going_on": 1, "events": 1_009}
    found = {
        "alerts": 3,
        "events": 1_009,
        "acknowledge_seconds": 360,
        "resolve_seconds": None,
        "severities": {"low": 1, "high": 2},
        "states": {"resolved": 2, "open": 1},
        "rules": [{**rule, "acknowledge_seconds": 360, "resolve_seconds": None}],
    }
    assert drawn(show_counts, found, "since 7d") == [
        "since 7d: 3 alerts of 1,009 events: 1 open, 2 resolved, 2 high, 1 low",
        "median: 6 min to acknowledge, - to resolve",
        "",
        "  rule                 alerts  go on  events  to ack  to resolve",
        "  credentials-failing       3      1   1,009   6 min           -",
        "Next: idtrail alerts --rule credentials-failing",
    ]
    nothing = {**found, "alerts": 0, "events": 0, "severities": {}, "states": {}, "rules": []}
    assert drawn(show_counts, nothing, "since 7d") == ["since 7d: 0 alerts"]


class FakeApi:
    """Answers with what it is given, and remembers what it was asked."""

    asked: ClassVar[list[tuple[str, Item]]] = []

    def get(self, path: str, parameters: Item | None = None) -> Item:
        self.asked.append((path, parameters or {}))
        if path.endswith("stats"):
            times = {"acknowledge_seconds": None, "resolve_seconds": None}
            states = {} if (parameters or {})["rule"] else {"acknowledged": 40, "open": 1200}
            rule = {"rule_id": "credentials-failing", "alerts": 1240, "going_on": 1240, "events": 0, **times}
            number = sum(states.values())
            return {"alerts": number, "events": 0, "severities": {}, "states": states, "rules": [rule], **times}
        return whole(OPEN)

    def pages(self, path: str, parameters: Item, limit: int) -> list[Item]:
        self.asked.append((path, {**parameters, "limit": limit}))
        return [] if parameters["rule"] else [URGENT, SEEN]

    def post(self, path: str, body: Item) -> Item:
        self.asked.append((path, body))
        return WAITING if path.endswith("snooze") else SEEN


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Item]]:
    """What the commands ask for."""
    monkeypatch.setattr(FakeApi, "asked", [])
    monkeypatch.setattr(alerts_command, "connect", FakeApi)
    register_commands()
    return FakeApi.asked


@pytest.mark.parametrize(
    ("arguments", "path", "given"),
    [
        pytest.param([], "", {"since": "7d", "limit": 50, "staging": False}, id="the list by itself"),
        pytest.param(
            ["list", "--state", "open", "--severity", "high", "--severity", "low", "--app", "slack", "--staging"],
            "",
            {"state": ["open"], "severity": ["high", "low"], "application": "slack", "staging": True},
            id="narrowed",
        ),
        pytest.param(["--rule", "a", "--since", "1d", "--limit", "2"], "", {"rule": ["a"], "limit": 2}, id="of a rule"),
        pytest.param(["stats", "--since", "30d"], "/stats", {"since": "30d"}, id="counted"),
        pytest.param(["show", "0123"], "/0123", {}, id="one, by its beginning"),
        pytest.param(["ack", "0123"], "/0123/acknowledge", {"note": ""}, id="acknowledged"),
        pytest.param(["ack", "0123", "--note", "mine"], "/0123/acknowledge", {"note": "mine"}, id="with a note"),
        pytest.param(
            ["resolve", "0123", "--because", "new token"], "/0123/resolve", {"because": "new token"}, id="over"
        ),
        pytest.param(["reopen", "0123"], "/0123/reopen", {"note": ""}, id="opened again"),
        pytest.param(["note", "0123", "called them"], "/0123/note", {"text": "called them"}, id="noted"),
        pytest.param(["snooze", "0123", "--for", "4h"], "/0123/snooze", {"minutes": 240, "note": ""}, id="snoozed"),
        pytest.param(["own", "0123", ""], "/0123/own", {"owner": ""}, id="owned by nobody"),
    ],
)
def test_the_commands_ask_for_what_they_are_told(
    asked: list[tuple[str, Item]], arguments: list[str], path: str, given: Item
) -> None:
    for more in ([], ["--json"]):
        done = CliRunner().invoke(app, ["alerts", *arguments, *more])
        assert done.exit_code == 0, done.output
        found, parameters = asked[0]
        asked.clear()
        assert found == f"/api/v1/alerts{path}"
        assert given.items() <= parameters.items()
    for line in done.output.splitlines():
        json.loads(line)


def test_the_answer_comes_first_and_the_next_command_last(asked: list[tuple[str, Item]]) -> None:
    lines = CliRunner().invoke(app, ["alerts"]).output.splitlines()
    assert (lines[0], lines[-1]) == (
        "1,240 alerts: 1,200 open, 40 acknowledged, the first 2 shown (--limit)",
        "Next: idtrail alerts show ffffffff",
    )
    lines = CliRunner().invoke(app, ["alerts", "--rule", "quiet"]).output.splitlines()
    assert lines == ["0 alerts", "Next: idtrail rules list · idtrail incidents"]
    lines = CliRunner().invoke(app, ["alerts", "snooze", "0123", "--for", "30m"]).output.splitlines()
    assert lines == [
        "01234567 is snoozed until 2026-03-19 13:10:00: statsig refuses its credentials",
        "Next: idtrail alerts show 01234567 · idtrail alerts",
    ]
    lines = CliRunner().invoke(app, ["alerts", "own", "0123", "identity team"]).output.splitlines()
    assert lines[0] == "01234567 is acknowledged, owner identity team: statsig refuses its credentials"


@pytest.mark.parametrize("wait", ["soon", "", "0h", "-4h", "30s", "31d", "2026-03-19"])
def test_a_snooze_says_how_long(asked: list[tuple[str, Item]], wait: str) -> None:
    done = CliRunner().invoke(app, ["alerts", "snooze", "0123", f"--for={wait}"])
    assert isinstance(done.exception, BadUsage)
    assert "--for: " in str(done.exception)
    assert asked == []

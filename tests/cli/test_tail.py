"""`idtrail tail`: its lines, and how it goes on after a break."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from httpx_sse import ServerSentEvent
from typer.main import get_command

from idtrail.cli import app, register_commands
from idtrail.cli.client import Parameters
from idtrail.cli.commands.tail import Widths, line
from idtrail.cli.following import follow
from schemas.alerts import AlertRecord, dumped
from schemas.errors import Denied, FeedAway, Gone, IdtrailError
from streams.follower import event_item
from streams.rows import read
from tests.alerts.records import acted, detected
from tests.alerts.test_records import TOLD
from tests.records import NOON, event, record_of

NARROW, WIDE = Widths.of(80), Widths.of(140)


def shown(raw: dict[str, Any]) -> dict[str, Any]:
    """The object of an event, as it comes over the wire."""
    found: dict[str, Any] = orjson.loads(orjson.dumps(event_item(read(record_of(raw))), option=orjson.OPT_UTC_Z))
    return found


EXPIRED = {"response_code": "401", "message_details": '{"detail":"The access token expired","status":401}'}
CASES = [
    pytest.param(
        event(success=True),
        "11:59:30    statsig    update         ines.almeida     success",
        id="what worked",
    ),
    pytest.param(
        event("user_deprovision", success=False, message_chain=EXPIRED),
        "11:59:30    statsig    deprovision    ines.almeida     401 credentials: The acc…",
        id="what failed, cut at the edge",
    ),
    pytest.param(
        event(
            "group_update_provision", timestamp="2025-01-02T03:04:05Z", resource={"id": "g", "name": "all the staff"}
        ),
        "2025-01-02  statsig    group update   all the staff    success",
        id="long ago",
    ),
    pytest.param(
        event(timestamp="2026-03-20T08:00:00Z"),
        "2026-03-20  statsig    update         ines.almeida     success",
        id="of a clock that is 20 hours ahead",
    ),
    pytest.param(
        event("idm_integration_reauth", timestamp="soon", resource=None, success=None),
        "no time     statsig    reauth         statsig          unknown",
        id="at a time that cannot be believed",
    ),
    pytest.param(
        event(
            "admin_login_attempt_of_some_kind",
            application=None,
            resource={"id": "x\x1b[2J", "username": "日本語日本語日本語"},
        ),
        "11:59:30    -          admin_login_…  日本語日本語日…  success",
        id="wide letters, and a type of another kind",
    ),
    pytest.param(
        event(resource={"id": "x", "username": "\x1b[31mred\n"}),
        "11:59:30    statsig    update         \ufffd[31mred\ufffd        success",
        id="a name that would steer the terminal",
    ),
]


@pytest.mark.parametrize(("raw", "expected"), CASES)
def test_an_event_is_one_line_of_eighty_columns(raw: dict[str, Any], expected: str) -> None:
    found = line("event", shown(raw), NOON, NARROW)
    assert found.plain == expected
    assert found.cell_len <= 80


def test_a_wider_screen_and_a_pipe_have_room_for_more() -> None:
    raw = event("user_deprovision", success=False, message_chain=EXPIRED)
    assert line("failure", shown(raw), NOON, WIDE).plain.endswith("401 credentials: The access token expired")
    assert line("failure", shown(raw), NOON, None).plain.endswith("401 credentials: The access token expired")


def test_only_a_failure_has_a_colour() -> None:
    assert line("event", shown(event(success=False)), NOON, NARROW).style == "red"
    assert line("event", shown(event()), NOON, NARROW).style == ""


@pytest.mark.parametrize(
    ("people", "groups", "whom"),
    [
        pytest.param(9, 0, "9 people", id="people"),
        pytest.param(0, 3, "3 groups", id="groups alone"),
        pytest.param(1, 1, "1 person and 1 group", id="both"),
        pytest.param(0, 0, "the integration itself", id="nobody"),
    ],
)
def test_an_incident_says_which_it_is_and_how_it_stands(people: int, groups: int, whom: str) -> None:
    incident: dict[str, Any] = {
        "incident_id": "957f3a61" * 4,
        "last_at": "2026-03-19T11:00:00Z",
        "application": "statsig",
    }
    incident |= {"state": "open", "cause": "credentials", "detail": "token expired", "attribute": ""}
    incident |= {"people": people, "groups": groups}
    expected = f"11:00:00    statsig    incident       957f3a61         open · {whom} · credentials: token expired"
    assert line("incident", incident, NOON, None).plain.split() == expected.split()
    assert line("incident", incident, NOON, NARROW).plain[:70] == expected[:70]
    assert line("incident", incident, NOON, NARROW).cell_len == 80


def test_it_is_narrowed_as_the_list_of_events_is() -> None:
    register_commands()
    events, tail = (
        {option for parameter in found.params for option in parameter.opts}
        for found in (get_command(app).commands[name] for name in ("events", "tail"))  # type: ignore[attr-defined]  # because it is a group
    )
    of_a_list = {"event_id", "--until", "--to", "--limit", "--unplaced", "--raw"}
    assert events - of_a_list <= tail


def message(number: int, name: str = "event") -> ServerSentEvent:
    return ServerSentEvent(name, orjson.dumps({"reason": "too slow", "n": number}).decode(), str(number))


class Script:
    """An API that plays one list for each connection; an error in it breaks the connection."""

    def __init__(self, *connections: Sequence[ServerSentEvent | IdtrailError]) -> None:
        self.connections = list(connections)
        self.asked: list[tuple[str, Parameters]] = []

    def stream(self, path: str, parameters: Parameters, last_id: str) -> Iterator[ServerSentEvent]:
        self.asked.append((last_id, parameters))
        if not self.connections:
            raise KeyboardInterrupt
        for step in self.connections.pop(0):
            if isinstance(step, IdtrailError):
                raise step
            yield step


def played(*connections: Sequence[ServerSentEvent | IdtrailError]) -> tuple[Script, list[str], list[str], list[float]]:
    """What was shown, said and waited until Ctrl-C."""
    script, shown, said, waited = Script(*connections), list[str](), list[str](), list[float]()
    messages = follow(lambda: script, {"since": "10m"}, said.append, waited.append)
    with pytest.raises(KeyboardInterrupt):
        shown.extend(message.id for message in messages)
    return script, shown, said, waited


def test_a_break_is_taken_up_after_the_last_id_with_growing_waits() -> None:
    away = FeedAway("it does not answer")
    script, shown, said, waited = played([message(1), message(2)], [away], [away], [message(3), away])
    assert shown == ["1", "2", "3"]
    assert [last for last, _ in script.asked] == ["", "2", "2", "2", "3"]
    assert waited == [1, 2, 4, 1]
    assert said[:2] == ["the connection ended; trying again in 1 s", "it does not answer; trying again in 2 s"]
    assert said[3] == "connected again"


def test_no_wait_is_longer_than_half_a_minute() -> None:
    _, _, _, waited = played([message(1)], *[[FeedAway("away")]] * 8)
    assert waited == [1, 2, 4, 8, 16, 30, 30, 30, 30]


def test_a_sign_of_life_moves_the_place_and_shows_nothing() -> None:
    script, shown, _, _ = played([ServerSentEvent("", "", "7"), FeedAway("away")])
    assert (shown, script.asked[1][0]) == ([], "7")


def test_a_reader_that_was_dropped_says_why_and_goes_on() -> None:
    script, shown, said, _ = played([message(1), message(1, "dropped"), message(9)])
    assert (shown, said) == (["1"], ["too slow; trying again in 1 s"])
    assert script.asked[1][0] == "1"


def test_a_gap_is_told_and_followed_by_what_comes_now() -> None:
    script, shown, said, waited = played([message(1)], [Gone("the log does not hold it")], [message(8)])
    assert shown == ["1", "8"]
    assert said[1] == "there is a gap: the log does not hold it. Going on with what comes now"
    assert script.asked[2] == ("", {})
    assert waited == [1, 1]


@pytest.mark.parametrize("error", [FeedAway("nobody there"), Denied("no token"), Gone("it is gone")])
def test_what_cannot_work_at_the_beginning_is_an_error(error: IdtrailError) -> None:
    with pytest.raises(type(error)):
        next(follow(lambda: Script([error]), {}, lambda said: None, lambda seconds: None))


def test_a_token_that_is_revoked_ends_it() -> None:
    script = Script([message(1)], [Denied("the token was revoked")])
    messages = follow(lambda: script, {}, lambda said: None, lambda seconds: None)
    assert next(messages).id == "1"
    with pytest.raises(Denied, match="revoked"):
        next(messages)


def test_a_time_of_the_other_day_is_a_date() -> None:
    item = shown(event())
    assert line("event", item, NOON + timedelta(hours=13), NARROW).plain.startswith("2026-03-19  ")
    assert line("event", item, datetime(2026, 3, 19, 1, tzinfo=UTC), NARROW).plain.startswith("11:59:30  ")


@pytest.mark.parametrize(
    ("record", "narrow", "whole"),
    [
        pytest.param(
            detected(),
            "12:10:00    high       alert open     01234567         statsig refuses its cred…",
            "statsig refuses its credentials · 5 events of 2 people and groups",
            id="found",
        ),
        pytest.param(
            detected(staging=True, events=1, people=1),
            "12:10:00    high       staging open   01234567         statsig refuses its cred…",
            "statsig refuses its credentials · 1 event of 1 person or group",
            id="by a rule that is tried out",
        ),
        pytest.param(
            acted("resolve", 20, text="new token"),
            "12:20:00    -          alert          01234567         resolved by ada: new tok…",
            "resolved by ada: new token",
            id="done",
        ),
        pytest.param(
            TOLD,
            "12:01:00    -          alert          01234567         on-call: opened 1 not de…",
            "on-call: opened 1 not delivered: HTTP 503",
            id="not delivered",
        ),
    ],
)
def test_an_alert_says_what_happened_to_it(record: AlertRecord, narrow: str, whole: str) -> None:
    assert line("alert", dumped(record), NOON, NARROW).plain == narrow
    assert line("alert", dumped(record), NOON, None).plain.endswith(whole)

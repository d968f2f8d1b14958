"""What the board makes of answers and messages: the same whatever comes twice, late or in another order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from idtrail.cli.watch.board import MAX_FAILURES, MAX_INCIDENTS, Board, matching
from tests.watch.support import NOW, ago, answers, failure, health, incident

Item = dict[str, Any]
LATER = NOW + timedelta(seconds=10)


def loaded(**fields: Any) -> Board:
    board = Board()
    board.load(answers(**fields), board.begin())
    return board


def names(items: list[Item], key: str = "incident_id") -> list[str]:
    return [item[key] for item in items]


@pytest.mark.parametrize(
    ("fields", "told", "short"),
    [
        pytest.param(
            {},
            "0 incidents open · 0 new in the last hour · log and store agree · blind: nothing",
            "0 open · 0 new in 1 h · log = store · blind: nothing",
            id="all is well",
        ),
        pytest.param(
            {"incidents": [incident("a", 59), incident("b", 61, state="regressed")]},
            "2 incidents open · 1 new in the last hour · log and store agree · blind: nothing",
            "2 open · 1 new in 1 h · log = store · blind: nothing",
            id="one is new",
        ),
        pytest.param(
            {"incidents": [incident("a")], "health": health(1204, "jumpcloud", "sink")},
            "1 incident open · 1 new in the last hour · 1,204 records not stored yet · blind: jumpcloud, sink",
            "1 open · 1 new in 1 h · 1,204 behind · blind: jumpcloud, sink",
            id="behind and blind",
        ),
        pytest.param(
            {"incidents": [incident("a")], "more_incidents": True},
            "1+ incidents open · 1 new in the last hour · log and store agree · blind: nothing",
            "1+ open · 1 new in 1 h · log = store · blind: nothing",
            id="more than were asked for",
        ),
        pytest.param(
            {"health": {"trouble": ["the broker is away: no answer"], "blind": [], "lag": []}},
            "0 incidents open · 0 new in the last hour · the broker is away: no answer · blind: nothing",
            "0 open · 0 new in 1 h · the broker is away: no answer · blind: nothing",
            id="the broker is away",
        ),
        pytest.param(
            {"incidents": None, "health": None, "failed": {"incidents": "the store is away", "health": "x"}},
            "INCIDENTS UNKNOWN · lag and blind spots unknown",
            "INCIDENTS UNKNOWN · lag unknown",
            id="what is not known is not told as nothing",
        ),
    ],
)
def test_the_first_line_is_the_answer(fields: Item, told: str, short: str) -> None:
    board = loaded(**fields)
    assert board.headline(NOW, 200) == told
    assert board.headline(NOW, 46) == short


def test_the_first_line_says_as_much_in_words_as_there_is_room_for() -> None:
    board = loaded(incidents=[incident(str(number)) for number in range(12)])
    assert [board.headline(NOW, width) for width in (82, 80, 70, 54)] == [
        "12 incidents open · 12 new in the last hour · log and store agree · blind: nothing",
        "12 open · 12 new in the last hour · log and store agree · blind: nothing",
        "12 open · 12 new in 1 h · log and store agree · blind: nothing",
        "12 open · 12 new in 1 h · log = store · blind: nothing",
    ]


def test_before_the_first_answer_nothing_is_claimed() -> None:
    assert Board().headline(NOW, 80) == "asking …"


def test_what_goes_on_comes_first_and_what_ended_stays_for_an_hour() -> None:
    board = loaded(incidents=[incident("old", 600), incident("new", 5)])
    ended = incident("ended", 300, state="resolved", ended_at=ago(30))
    for message in (ended, incident("back", 1, state="regressed")):
        board.take("incident", message, NOW)
    assert names(board.incidents(NOW)) == ["back", "new", "old", "ended"]
    assert names(board.incidents(NOW + timedelta(minutes=31))) == ["back", "new", "old"]


def test_an_answer_asked_for_before_a_message_does_not_take_it_back() -> None:
    board = loaded(incidents=[incident("a"), incident("gone")])
    begun = board.begin()
    board.take("incident", incident("a", attempts=99), NOW)
    board.take("incident", incident("b"), NOW)
    board.load(answers(incidents=[incident("a", attempts=41)]), begun)
    assert {item["incident_id"]: item["attempts"] for item in board.incidents(NOW)} == {"a": 99, "b": 41}
    board.load(answers(incidents=[incident("a", attempts=100)]), board.begin())
    assert {item["incident_id"]: item["attempts"] for item in board.incidents(NOW)} == {"a": 100}


def test_a_question_that_failed_changes_nothing() -> None:
    board = loaded(incidents=[incident("a")], failures=[failure(1)])
    board.load(answers(incidents=None, failures=None, integrations=None, health=None), board.begin())
    assert names(board.incidents(NOW)) == ["a"]
    assert len(board.failures()) == 1
    assert board.behind() == 0


def test_failures_stand_in_the_order_of_the_log_however_they_come() -> None:
    items = [failure(1, 3), failure(2, 2), failure(3, 2), failure(4, 1, occurred_at=ago(900))]
    for order in permutations(items):
        board = Board()
        board.load(answers(failures=list(order[:2])), board.begin())
        for item in (*order, order[0]):
            board.take("failure", item, NOW)
        assert [item["event_id"] for item in board.failures()] == [items[place]["event_id"] for place in (3, 2, 1, 0)]


def test_memory_is_bounded_and_the_oldest_go() -> None:
    board = loaded()
    for number in range(MAX_FAILURES + 50):
        board.take("failure", failure(number, -number / 60), NOW)
    for number in range(MAX_INCIDENTS + 50):
        board.take("incident", incident(f"i{number}", 1000 - number), NOW)
    assert len(board.failures()) == MAX_FAILURES
    assert board.failures()[-1]["subject_id"] == "s50"
    assert len(board.incidents(NOW)) == MAX_INCIDENTS
    assert "i0" not in names(board.incidents(NOW))
    assert board.headline(NOW, 200).startswith("500+ incidents open")


@pytest.mark.parametrize(
    ("kind", "data", "reload", "notice"),
    [
        pytest.param("failure", failure(1), False, "", id="a failure"),
        pytest.param("incident", incident("a"), False, "", id="an incident"),
        pytest.param("event", failure(1), False, "", id="a kind that is not shown"),
        pytest.param(
            "gap", {"text": "older than the log"}, True, "16:42:00 gap: older than the log; lists asked for again",
            id="gap",
        ),
        pytest.param(
            "dropped", {"reason": "too slow"}, True, "16:42:00 dropped: too slow; lists asked for again", id="dropped"
        ),
        pytest.param(
            "gap", {}, True, "16:42:00 gap: messages were left out; lists asked for again", id="without a word"
        ),
    ],
)  # fmt: skip
def test_nothing_is_lost_silently(kind: str, data: Item, reload: bool, notice: str) -> None:
    board = Board()
    assert board.take(kind, data, NOW) is reload
    assert board.notice == notice
    assert notice in board.status(NOW)


def _live(board: Board) -> None:
    board.connected(NOW)


def _live_and_told(board: Board) -> None:
    board.connected(NOW)
    board.take("failure", failure(1), NOW)


def _lost(board: Board) -> None:
    board.connected(NOW)
    board.lost("refused", NOW, NOW + timedelta(seconds=1))
    board.lost("refused again", NOW + timedelta(seconds=4), NOW + timedelta(seconds=12))


def _back(board: Board) -> None:
    _lost(board)
    board.connected(NOW + timedelta(seconds=9))


def _never(board: Board) -> None:
    board.lost("no such route", NOW, NOW + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        pytest.param(lambda board: None, "connecting …", id="at the start"),
        pytest.param(_live, "live 16:42:10 UTC", id="live"),
        pytest.param(_live_and_told, "live 16:42:10 UTC, last message 10 s ago", id="with the last message's age"),
        pytest.param(_lost, "LOST since 16:42:00 UTC (10 s), again in 2 s: refused again", id="since the first loss"),
        pytest.param(_never, "LOST since 16:42:00 UTC (10 s), trying now: no such route", id="never there"),
        pytest.param(_back, "live 16:42:10 UTC · 16:42:09 the feed is back after 9 s", id="back"),
    ],
)
def test_the_second_line_says_how_current_this_is(happened: Callable[[Board], None], told: str) -> None:
    board = Board()
    happened(board)
    assert board.status(LATER) == told


def test_a_pause_holds_the_lists_and_loses_nothing() -> None:
    board = loaded(incidents=[incident("a")], failures=[failure(1)])
    board.pause(NOW)
    board.take("failure", failure(2), NOW)
    board.take("incident", incident("b"), NOW)
    assert (len(board.failures()), len(board.incidents(NOW))) == (1, 1)
    assert board.status(LATER).startswith("PAUSED 10 s, 2 came since (p goes on)")
    assert board.headline(NOW, 200).startswith("2 incidents open")
    board.pause(LATER)
    assert (len(board.failures()), len(board.incidents(NOW)), board.paused) == (2, 2, False)


def test_the_lag_is_told_by_topic_and_blind_spots_with_their_text() -> None:
    assert loaded(health=health(12, "jumpcloud")).pipeline(NOW) == [
        "lag (records not stored): events 12",
        "blind: source jumpcloud since 11-24 16:12 (30 min): no event for 30 min",
    ]
    assert loaded(health=health(0)).pipeline(NOW) == ["lag (records not stored): none"]
    assert Board().pipeline(NOW) == ["lag not known: asking …"]


def test_health_that_is_not_known_any_more_is_not_told() -> None:
    board = loaded(health=health(0))
    board.load(answers(health=None, failed={"health": "the API does not answer"}), board.begin())
    assert board.headline(NOW, 200).endswith("lag and blind spots unknown")
    assert board.pipeline(NOW) == ["lag not known: the API does not answer"]


@pytest.mark.parametrize(
    ("text", "found"),
    [("", 3), ("MIRO", 1), ("title", 1), ("person.", 3), ("expired", 2), ("nobody", 0)],
)
def test_a_text_is_found_in_any_column(text: str, found: int) -> None:
    items = [failure(1), failure(2, application_name="Miro"), failure(3, attribute="title", detail="too long")]
    assert len(list(matching(items, text))) == found

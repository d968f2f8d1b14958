"""Live detection against the same events folded at once: any order, repeats, restarts, other workers, late shows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alerts import Detected, Detection
from schemas.facts import Facts
from schemas.signature import NONE
from streams.alerts.detection import detect
from streams.alerts.endings import Endings
from streams.alerts.group import Told
from streams.alerts.in_force import InForce
from streams.alerts.index import Rules
from streams.alerts.live import PAUSE_SECONDS, Live, own_of
from streams.alerts.occurrence import Occurrence, Role
from streams.alerts.record import detected, version_of
from streams.alerts.rule import Rule
from streams.alerts.seen import Seen
from streams.alerts.telling import TOLD

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = int(datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()) * 1_000_000
FRESH = timedelta(hours=24)
NO_FACTS = Facts(
    **dict.fromkeys(Facts._fields, "") | {"changed": (), "flags": (), "http_status": 0, "retryable": False}  # type: ignore[arg-type]  # because their types differ
)


FAILED, WORKED = {"outcome": ["failure"]}, {"outcome": ["success"]}


def rule(rule_id: str, **more: Any) -> Rule:
    common = {"severity": "high", "description": "d", "remedy": "r", "title": "{subject_id}", "match": FAILED}
    return Rule.model_validate({"id": rule_id, **common, **more})


RULES = Rules(
    [
        rule("each", kind="match", group_by=["subject_id"], quiet="10m"),
        rule("many", kind="threshold", threshold=3, window="10m", group_by=[]),
        rule("unanswered", kind="absence", window="20m", then=WORKED, group_by=["subject_id"]),
        rule("until", kind="match", until=WORKED, group_by=["application_id"]),
    ]
)


_seconds = count(step=PAUSE_SECONDS)


def later() -> float:
    """So much later that everything is told."""
    return float(next(_seconds))


class Entries(dict[bytes, bytes]):
    """The table, and what it stands for on the changelog."""

    lands: int | None = None
    """How much of what is written now gets there; None: all of it."""

    def entries(self) -> Iterable[bytes]:
        return list(self)

    def entry(self, key: bytes) -> bytes:
        return self[key]

    def put_entry(self, partition: int, key: bytes, value: bytes) -> None:
        if self._gets_there():
            self[key] = value

    def delete_entry(self, partition: int, key: bytes) -> None:
        if self._gets_there():
            self.pop(key, None)

    def drop_entry(self, key: bytes) -> None:
        del self[key]

    def _gets_there(self) -> bool:
        if self.lands is not None:
            self.lands -= 1
        return self.lands is None or self.lands >= 0


def seen(minute: float, number: int, outcome: str, subject: str = "ann", known: float = 0.0, version: int = 1) -> Seen:
    facts = NO_FACTS._replace(
        event_type="user_update_provision", kind="user", outcome=outcome, subject_id=subject, application_id="slack"
    )
    at = START + int(minute * MINUTE)
    known_ms = (START + int(max(minute, known) * MINUTE)) // 1_000
    return Seen("acme", UUID(int=number).bytes, at, known_ms, version, facts, NONE, False, b"{}")


events = st.lists(
    st.builds(
        seen,
        st.integers(0, 120),
        st.integers(0, 30),
        st.sampled_from(["failure", "failure", "success"]),
        st.sampled_from(["ann", "bob"]),
        version=st.integers(1, 3),
    ),
    max_size=30,
    unique_by=lambda one: (one.event_id, one.version),
)


def flushed(live: Live, now: float) -> list[Detected]:
    """What is told, as it is then written."""
    told = live.changes(now)
    live.write()
    return told


def standing(told: Iterable[Detected]) -> dict[str, Detected]:
    """What the topic says in the end, alerts that were none left out."""
    last = {one.alert_id: one for one in told}
    return {alert_id: one for alert_id, one in last.items() if one.detection is not Detection.WITHDRAWN}


def at_once(all_of_them: list[Seen], clock: int) -> dict[str, Detected]:
    found = detect(RULES, all_of_them, clock)
    return {
        alert.alert_id: detected(RULES[alert.rule_id].rule, version_of(RULES[alert.rule_id].rule), Told(alert))
        for alert in found
    }


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_live_ends_in_the_alerts_of_all_events_at_once(data: st.DataObject) -> None:
    came = data.draw(events)
    arrivals = data.draw(
        st.permutations(came + (data.draw(st.lists(st.sampled_from(came), max_size=5)) if came else []))
    )
    table, told = Entries(), list[Detected]()
    live = Live(RULES, table, FRESH)
    unacknowledged: list[tuple[int, Seen]] = []
    of_told = 0
    for offset, one in enumerate(arrivals):
        live.take(0, offset, one)
        unacknowledged.append((offset, one))
        step = data.draw(st.sampled_from(["go on", "tell", "write what was told", "write", "kill", "time"]))
        if step == "time":
            live.advance(0, one.at + 15 * MINUTE)
        if step in ("tell", "time", "write"):
            told += live.changes(later())
            of_told = len(unacknowledged)
        if step in ("write what was told", "write"):
            live.write()
            del unacknowledged[:of_told]
            of_told = 0
        elif step == "kill":
            table.lands = data.draw(st.integers(0, 4))
            live.write()
            table.lands = None
            of_told = 0
            live = Live(RULES, table, FRESH)
            list(live.restore([0]))
            for again in unacknowledged:
                live.take(0, *again)
    clock = START + 500 * MINUTE
    for _ in range(3):  # what time brings may bring more with more time
        live.advance(0, clock)
        told += flushed(live, later())
    assert standing(told) == at_once(came, clock)


late_events = st.lists(
    st.builds(
        lambda minute, number, outcome, late: seen(minute, number, outcome, known=minute + late),
        st.integers(0, 240),
        st.integers(0, 1_000_000),
        st.sampled_from(["failure", "failure", "success"]),
        st.sampled_from([0, 0, 0, 5, 29]),
    ),
    max_size=60,
    unique_by=lambda one: one.event_id,
)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_folded_for_good_as_time_goes_by_changes_no_alert(data: st.DataObject) -> None:
    came = sorted(data.draw(late_events), key=lambda one: one.known_ms)
    table, told, fresh = Entries(), list[Detected](), timedelta(minutes=30)
    live = Live(RULES, table, fresh)
    for offset, one in enumerate(came):
        live.take(0, offset, one)
        step = data.draw(st.sampled_from(["go on", "go on", "write", "write and forget", "time", "restart"]))
        if step == "time":
            live.advance(0, one.known_ms * 1_000)
        if step != "go on":
            told += flushed(live, later())
        if step == "write and forget":
            live.forget()
        elif step == "restart":
            live = Live(RULES, table, fresh)
            list(live.restore([0]))
    clock = START + 2_000 * MINUTE
    for _ in range(3):  # what time brings may bring more with more time
        live.advance(0, clock)
        told += flushed(live, later())
    assert standing(told) == at_once(came, clock)


def test_an_alert_whose_beginning_is_folded_for_good_is_still_what_came_since_made_of_it() -> None:
    live = Live(RULES, Entries(), timedelta(minutes=30))
    live.take(0, 0, seen(0, 1, "failure"))
    live.take(0, 1, seen(10, 2, "success"))
    assert {one.detection for one in flushed(live, later()) if one.rule_id == "until"} == {Detection.ENDED}
    live.take(0, 2, seen(35, 3, "other"))
    live.forget()
    live.take(0, 3, seen(36, 4, "success"))  # ends nothing, but has the group looked at
    assert [one for one in flushed(live, later()) if one.rule_id == "until"] == []


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(
    ("first", "second", "alerts"),
    [
        pytest.param(seen(0, 1, "failure"), seen(0, 1, "failure", "bob", version=2), {"bob"}, id="somebody else's"),
        pytest.param(seen(0, 1, "failure"), seen(0, 1, "success", version=2), set(), id="no failure"),
        pytest.param(seen(0, 1, "failure"), seen(0, 1, "unknown", version=2), set(), id="nothing to any rule"),
        pytest.param(seen(0, 1, "failure", version=2), seen(0, 1, "failure", "bob"), {"ann"}, id="believed less"),
        pytest.param(seen(0, 1, "success", version=2), seen(0, 1, "failure"), set(), id="believed less, no success"),
    ],
)
def test_what_a_copy_that_is_believed_more_says_counts(
    first: Seen, second: Seen, alerts: set[str], restarts: bool
) -> None:
    table, told = Entries(), list[Detected]()
    live = Live(RULES, table, FRESH)
    for offset, one in enumerate((first, second)):
        live.take(0, offset, one)
        told += flushed(live, later())
        if restarts:
            live = Live(RULES, table, FRESH)
            list(live.restore([0]))
    for _ in range(2):  # the first finds what the restart left open
        live.advance(0, START + 500 * MINUTE)
        told += flushed(live, later())
    assert standing(told) == at_once([first, second], START + 500 * MINUTE)
    assert {one.group["subject_id"] for one in standing(told).values() if one.rule_id == "each"} == alerts


def test_copies_are_remembered_while_others_can_come_and_not_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    held = InForce()
    own = "each", "acme", ("ann",)
    for number in range(3):
        held.take(("acme", str(number)), 1, number, [own])
    held.forget(2)
    assert held.take(("acme", "1"), 1, 2, [own]) == ()
    assert held.take(("acme", "2"), 1, 2, [own]) is None
    monkeypatch.setattr("streams.alerts.in_force.MOST", 2)
    held.take(("acme", "3"), 1, 3, [own])
    assert held.take(("acme", "2"), 1, 3, [own]) == ()  # the first that came was forgotten


@pytest.mark.parametrize("lands", [None, 1], ids=["while alerts were told", "while entries were on their way"])
def test_what_only_some_entries_had_at_a_kill_counts_in_every_group(lands: int | None) -> None:
    table = Entries()
    first = Live(RULES, table, FRESH)
    first.take(0, 0, seen(0, 1, "failure"))
    told = first.changes(later())
    came = seen(1, 2, "failure", "bob")
    first.take(0, 1, came)
    if lands is not None:
        told += first.changes(later())
    table.lands = lands
    first.write()
    table.lands = None
    second = Live(RULES, table, FRESH)
    list(second.restore([0]))
    for offset, one in enumerate((seen(0, 1, "failure"), came)):
        second.take(0, offset, one)
    told += flushed(second, later())
    assert standing(told) == at_once([seen(0, 1, "failure"), came], START)


def test_what_only_the_entry_of_the_group_that_counts_it_now_had_at_a_kill_is_let_go_of_by_the_other() -> None:
    table = Entries()
    lesser, better = seen(0, 1, "failure"), seen(0, 1, "failure", "bob", version=2)
    first = Live(RULES, table, FRESH)
    first.take(0, 0, lesser)
    told = flushed(first, later())
    first.take(0, 1, better)
    told += first.changes(later())
    table.lands = 1
    first.write()
    table.lands = None
    second = Live(RULES, table, FRESH)
    list(second.restore([0]))
    second.take(0, 1, better)
    told += flushed(second, later())
    assert standing(told) == at_once([better], START)


def test_a_worker_that_wakes_up_does_not_undo_what_its_successor_wrote() -> None:
    table = Entries()
    frozen = Live(RULES, table, FRESH)
    frozen.take(0, 0, seen(0, 1, "failure"))
    flushed(frozen, later())
    successor = Live(RULES, table, FRESH)
    list(successor.restore([0]))
    frozen.take(0, 1, seen(1, 2, "failure"))
    for offset, number in ((1, 2), (2, 3)):
        successor.take(0, offset, seen(number - 1, number, "failure"))
    told = flushed(successor, later())
    flushed(frozen, later())  # wakes up, and writes what it had
    third = Live(RULES, table, FRESH)
    list(third.restore([0]))
    third.take(0, 3, seen(3, 4, "failure"))
    [each] = [one for one in flushed(third, later()) if one.rule_id == "each"]
    assert each.events == 4
    assert next(one for one in told if one.rule_id == "each").events == 3


def test_groups_that_are_over_make_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.alerts.live.MOST_GROUPS", 2)
    live = Live(Rules([rule("each", kind="match", group_by=["subject_id"])]), Entries(), FRESH)
    for number in range(6):
        minute = number * 4 * 24 * 60
        live.take(0, number, seen(minute, number, "failure", f"p{number}"))
        assert flushed(live, later())
        live.advance(0, START + (minute + 200) * MINUTE)
        flushed(live, later())
        live.forget()
    assert live.shed == {}


def test_an_alert_names_the_incidents_of_its_failures_the_first_twenty_once_each() -> None:
    live = Live(Rules([rule("all", kind="match", match={"kind": ["user"]}, group_by=[])]), Entries(), FRESH)
    for number in range(60):
        own = NONE if number % 2 else bytes([number // 2 + 1]) * 16
        live.take(0, number, seen(0, number, "success" if number % 2 else "failure")._replace(incident_id=own))
    live.take(0, 60, seen(0, 60, "failure")._replace(incident_id=bytes([1]) * 16))
    (told,) = flushed(live, later())
    assert told.incidents == tuple(f"{number:02x}" * 16 for number in range(1, 21))
    assert told.events == 61


def marks(table: Entries) -> dict[bytes, bytes]:
    """Of what was told since its entries were written."""
    return {key: value for key, value in table.items() if TOLD in orjson.loads(value)}


def test_what_was_told_and_never_written_is_taken_back_by_the_next_worker_where_nothing_speaks_for_it() -> None:
    table, fails, works = Entries(), seen(0, 1, "failure"), seen(0, 1, "success", version=2)
    first = Live(RULES, table, FRESH)
    first.take(0, 0, fails)
    told = first.changes(later())
    assert {one.rule_id for one in told} == {"each", "until"}
    assert len(marks(table)) == len(table) == 1
    second = Live(RULES, table, FRESH)
    list(second.restore([0]))
    assert flushed(second, later()) == []  # it has read nothing again, so it does not know
    second.take(0, 0, fails)
    second.take(0, 1, works)
    told += flushed(second, later())
    assert {one.detection for one in told[2:]} == {Detection.WITHDRAWN}
    assert standing(told) == at_once([works], START) == {}
    assert marks(table) == {}


def test_what_was_told_and_never_written_is_told_again_as_it_is() -> None:
    table = Entries()
    first = Live(RULES, table, FRESH)
    first.take(0, 0, seen(0, 1, "failure"))
    told = first.changes(later())
    second = Live(RULES, table, FRESH)
    list(second.restore([0]))
    second.take(0, 0, seen(0, 1, "failure"))
    assert flushed(second, later()) == told
    assert marks(table) == {}


@pytest.mark.parametrize("forgotten", [True, False], ids=["a group that is over", "a rule that says something else"])
def test_a_mark_of_which_nobody_can_say_what_became_of_it_takes_nothing_back(forgotten: bool) -> None:
    table = Entries()
    live = Live(RULES, table, FRESH)
    live.take(0, 0, seen(0, 1, "failure"))
    live.changes(later())
    left = marks(table)  # by a worker that was frozen, and wakes up long after
    table.clear()
    table.update(left)
    rules = RULES if forgotten else Rules([rule("each", kind="match", group_by=["subject_id"], quiet="11m")])
    again = Live(rules, table, FRESH)
    list(again.restore([0]))
    again.take(0, 1, seen(4 * 24 * 60 if forgotten else 1, 2, "other"))
    assert flushed(again, later()) == []
    assert marks(table) == {}


def test_groups_of_other_partitions_are_left_to_others() -> None:
    table = Entries()
    live = Live(RULES, table, FRESH)
    live.take(3, 0, seen(0, 1, "failure"))
    flushed(live, later())
    assert table
    list(live.restore([1]))
    assert not table


def test_a_group_that_is_over_is_forgotten() -> None:
    table = Entries()
    live = Live(RULES, table, FRESH)
    live.take(0, 0, seen(0, 1, "failure"))
    flushed(live, later())
    live.advance(0, START + 100 * MINUTE)
    flushed(live, later())
    assert {own_of(key)[0] for key in table} == {"each", "many", "unanswered", "until"}
    live.take(0, 1, seen(4 * 24 * 60, 2, "other"))  # nothing to any rule, but the log has come so far
    live.forget()
    flushed(live, later())
    assert {own_of(key)[0] for key in table} == {"until"}  # which nothing has ended


def test_too_many_groups_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.alerts.live.MOST_GROUPS", 2)
    live = Live(RULES, Entries(), FRESH)
    for number, subject in enumerate(["ann", "bob", "cy", "dee"]):
        live.take(0, number, seen(0, number, "failure", subject))
    told = flushed(live, later())
    assert {one.group["subject_id"] for one in told if one.rule_id == "each"} == {"ann", "bob"}
    assert live.shed == {"each": 2, "unanswered": 2}
    assert next(one for one in told if one.rule_id == "until").events == 4


def test_a_group_that_does_not_fit_into_a_record_is_left_out_and_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.alerts.live.LARGEST_ENTRY", 4_000)
    table = Entries()
    live = Live(Rules([rule("each", kind="match", group_by=[])]), table, FRESH)
    counted = []
    for number in range(60):
        live.take(0, number, seen(0, number, "failure"))
        counted += [one.events for one in flushed(live, later())]
    assert max(map(len, table.values()), default=0) <= 4_000
    assert live.shed["each"] > 20
    assert counted[:3] == [1, 2, 3]
    assert counted.count(1) > 1


def test_a_rule_that_says_something_else_begins_anew_and_says_nothing_of_what_was_open() -> None:
    table = Entries()
    live = Live(RULES, table, FRESH)
    live.take(0, 0, seen(0, 1, "failure"))
    assert "open" in {one.detection for one in flushed(live, later())}
    changed = rule("many", kind="threshold", threshold=2, window="10m", group_by=[])
    other = Live(Rules([changed]), table, FRESH)
    list(other.restore([0]))
    assert not table
    other.take(0, 1, seen(1, 2, "failure"))
    assert flushed(other, later()) == []


def test_an_alert_that_grows_is_told_now_and_then_and_in_the_end() -> None:
    table = Entries()
    live = Live(RULES, table, FRESH)
    told = []
    for offset in range(100):
        live.take(0, offset, seen(0, offset, "failure"))
        told += [one for one in flushed(live, offset / 10) if one.rule_id == "each"]
    told += [one for one in flushed(live, 100.0) if one.rule_id == "each"]
    assert [one.events for one in told] == [1, 21, 41, 61, 81, 100]


def test_what_was_not_told_for_the_pause_is_told_by_the_next_worker() -> None:
    table = Entries()
    first = Live(RULES, table, FRESH)
    first.take(0, 0, seen(0, 1, "failure"))
    flushed(first, 0.0)
    first.take(0, 1, seen(1, 2, "failure"))
    assert flushed(first, 1.0) == []
    second = Live(RULES, table, FRESH)
    list(second.restore([0]))
    assert {one.events for one in flushed(second, 0.0) if one.rule_id == "each"} == {2}


def test_many_endings_that_came_before_their_beginnings_are_all_remembered() -> None:
    table = Entries()
    live = Live(RULES, table, FRESH)
    came = [seen(2 * minute + 1, 100 + minute, "success") for minute in range(50)]
    came += [seen(2 * minute, minute, "failure") for minute in range(50)]
    told = []
    for offset, one in enumerate(came):
        live.take(0, offset, one)
        if offset == 60:  # in the midst of the beginnings
            told += flushed(live, later())
            live = Live(RULES, table, FRESH)
            list(live.restore([0]))
    clock = START + 500 * MINUTE
    for _ in range(3):
        live.advance(0, clock)
        told += flushed(live, later())
    assert standing(told) == at_once(came, clock)
    assert next(one for one in standing(told).values() if one.rule_id == "until").episodes == 50


def test_what_came_together_after_a_pause_fits_into_records_and_is_all_remembered() -> None:
    table = Entries()
    rules = Rules([rule(f"until-{number}", kind="match", until=WORKED, group_by=["subject_id"]) for number in range(4)])
    live = Live(rules, table, FRESH)
    for number in range(5_000):
        live.take(0, number, seen(1, number, "success", f"{number:024x}"))
    flushed(live, later())
    assert max(map(len, table.values())) < 500_000  # Kafka takes a million
    again = Live(rules, table, FRESH)
    list(again.restore([0]))
    for number in (0, 4_999):
        again.take(0, 5_000 + number, seen(0, 5_000 + number, "failure", f"{number:024x}"))
    assert [one.detection for one in flushed(again, later())] == [Detection.ENDED] * 8


@pytest.mark.parametrize(
    ("every", "first", "second"),
    [
        pytest.param({"quiet": "10m"}, "failure", "failure", id="ended by time"),
        pytest.param({"until": WORKED}, "failure", "success", id="ended by an event"),
    ],
)
def test_the_entry_of_a_group_whose_alerts_never_stop_grows_no_more_after_the_first_days(
    every: dict[str, Any], first: str, second: str
) -> None:
    table = Entries()
    live = Live(Rules([rule("hourly", kind="match", group_by=[], dedup="1h", **every)]), table, FRESH)
    sizes = []
    for hour in range(20 * 24):
        live.take(0, 2 * hour, seen(60 * hour, 2 * hour, first, f"{hour:024x}"))
        live.take(0, 2 * hour + 1, seen(60 * hour + 5, 2 * hour + 1, second))
        told = flushed(live, later())
        live.advance(0, START + hour * HOUR + 30 * MINUTE)
        told += flushed(live, later())
        live.forget()
        assert Detection.ENDED in {one.detection for one in told}
        sizes.append(sum(map(len, table.values())))
    assert max(sizes[3 * 24 :]) <= 1.1 * max(sizes[: 3 * 24])


def test_what_could_end_something_is_let_go_of_while_another_partition_is_quiet() -> None:
    table, numbers = Entries(), count()
    endings = Endings(table, lambda partition: b"%d %d" % (partition, next(numbers)))
    ending = Occurrence(START, "0" * 32, 1, Role.UNTIL)
    busy, quiet = ("until", "acme", ("ann",)), ("until", "quiet", ("bob",))
    endings.add(1, quiet, ending)
    for day in range(400):
        now = START + day * DAY
        endings.add(0, busy, ending._replace(at=now, event_id=f"{day:032x}"))
        endings.write({0: now, 1: START})
        endings.forget({0: now - DAY, 1: START - DAY})
    assert [one.at for one in endings.take(busy)] == [START + 398 * DAY, START + 399 * DAY]
    assert endings.take(quiet) == [ending]
    assert len(table) == 3

"""Whom to tell what, and when: tables of cases over the records of alerts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alerts import MAX_NAMED, Detection
from streams.alerts.delivery.destinations import DELIVERY_FAILING
from streams.alerts.delivery.ledger import Ledger
from streams.alerts.delivery.plan import FIRST_WAIT, JITTER, LONGEST_WAIT, Item, Message, make_plan, wait_after
from streams.alerts.delivery.story import Occasion
from streams.alerts.delivery.words import message_id
from tests.alerts.records import detected, minute
from tests.delivery.log import HOOK, PEOPLE, Partition, alert_id, destinations, told
from tests.records import NOON

DAY = 24 * 60
OTHERS = tuple(f"{number:024x}" for number in range(MAX_NAMED))


def occasions(*steps: Callable[[Partition], object]) -> list[str]:
    """What a webhook is told after each of the steps, and an hour after the last."""
    log, said = Partition(), []
    for step in steps:
        step(log)
        at = (log.records[-1][1] - minute(0)) / timedelta(minutes=1)
        said += log.tell(at)
    return [told.removeprefix("hook: ") for told in said + log.tell(at + 60)]


def grown(at: float, **fields: Any) -> Callable[[Partition], object]:
    return lambda log: log.found(at, since=minute(0), triggered_at=minute(at), last_at=minute(at), events=9, **fields)


def opened(log: Partition) -> object:
    return log.found(0)


def again(at: float, episode: int = 2, **fields: Any) -> Callable[[Partition], object]:
    return lambda log: log.found(at, episodes=episode, **fields)


def ended(at: float, **fields: Any) -> Callable[[Partition], object]:
    return lambda log: log.ended(at, **fields)


def did(act: str, at: float, **fields: Any) -> Callable[[Partition], object]:
    return lambda log: log.did(act, at, **fields)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        pytest.param([opened], ["opened 1"], id="opened"),
        pytest.param([opened, grown(5), grown(9)], ["opened 1"], id="what grows is told once"),
        pytest.param([opened, opened], ["opened 1"], id="what is detected twice is told once"),
        pytest.param([opened, ended(5)], ["opened 1", "ended 1"], id="ended"),
        pytest.param([opened, ended(5), again(9)], ["opened 1", "ended 1", "reopened 2"], id="reopened"),
        pytest.param([opened, ended(5), again(9), ended(12, episodes=2)],
                     ["opened 1", "ended 1", "reopened 2", "ended 2"], id="ended again"),
        pytest.param([lambda log: log.ended(1)], ["opened 1", "ended 1"], id="opened and ended in one record"),
        pytest.param([lambda log: log.found(0, staging=True), ended(5, staging=True)], [], id="staging"),
        pytest.param([lambda log: log.found(0, detection="withdrawn")], [], id="withdrawn"),
        pytest.param([opened, did("acknowledge", 1), grown(5)], ["opened 1"], id="acked and grown"),
        pytest.param([opened, did("acknowledge", 1), ended(5)], ["opened 1", "ended 1"], id="acked, over"),
        pytest.param([opened, did("acknowledge", 1), again(9)], ["opened 1", "reopened 2"], id="acked, reopened"),
        pytest.param([opened, did("snooze", 1), did("note", 2)], ["opened 1", "reopened 1.1"], id="snooze over"),
        pytest.param([opened, did("snooze", 1), ended(5)], ["opened 1"], id="over, snoozed"),
        pytest.param([opened, did("resolve", 1), ended(5)], ["opened 1"], id="resolved by hand"),
        pytest.param([opened, did("resolve", 1), grown(5)], ["opened 1", "reopened 1.1"], id="held after that"),
        pytest.param([opened, did("resolve", 1), grown(5), ended(9)],
                     ["opened 1", "reopened 1.1", "ended 1.1"], id="resolved, held after, ended"),
        pytest.param([opened, ended(5), did("reopen", 6)], ["opened 1", "ended 1", "reopened 1.1"], id="by hand"),
        pytest.param([opened, did("note", 1), did("own", 2)], ["opened 1"], id="notes and owners say nothing"),
        pytest.param([opened, ended(5), grown(9), grown(12), ended(20)],
                     ["opened 1", "ended 1", "reopened 1.1", "ended 1.1"], id="a late event makes it go on"),
        pytest.param([opened, ended(5), again(9), grown(11), ended(20), again(30), ended(40, episodes=2)],
                     ["opened 1", "ended 1", "reopened 2", "ended 2", "reopened 2.1", "ended 2.1"],
                     id="a late event makes two episodes one"),
        pytest.param([opened, ended(5), grown(6, detection="withdrawn"), again(9, 1)],
                     ["opened 1", "ended 1", "reopened 1.1"], id="withdrawn, and open again"),
        pytest.param([opened, ended(5), grown(9), ended(12), again(20), ended(25, episodes=2)],
                     ["opened 1", "ended 1", "reopened 1.1", "ended 1.1", "reopened 2", "ended 2"],
                     id="a new episode after one that went on"),
        pytest.param([opened, ended(5), again(9, 1, since=minute(0)), again(9.4, 1, since=minute(0)), ended(9.8)],
                     ["opened 1", "ended 1"], id="what a kill had said again"),
        pytest.param([opened, ended(5), again(9, 1, since=minute(0))],
                     ["opened 1", "ended 1", "reopened 1.1"], id="what had ended it is corrected"),
        pytest.param([opened, ended(5), again(9, 1, since=minute(0)), ended(20)],
                     ["opened 1", "ended 1", "reopened 1.1", "ended 1.1"], id="corrected, and over"),
    ],
)  # fmt: skip
def test_each_occasion_is_told_once(steps: list[Callable[[Partition], object]], said: list[str]) -> None:
    assert occasions(*steps) == said


@pytest.mark.parametrize(
    ("act", "said"),
    [
        pytest.param("acknowledge", [], id="acknowledged"),
        pytest.param("resolve", [], id="resolved"),
        pytest.param("snooze", [], id="snoozed"),
        pytest.param("note", ["hook: opened 1"], id="noted"),
    ],
)
def test_what_somebody_deals_with_before_it_was_told_is_not_told(act: str, said: list[str]) -> None:
    log = Partition()
    log.found(0)
    log.did(act, 1)
    assert log.tell(2) == said


def test_what_is_open_again_is_told_when_it_has_been_so_for_a_minute_whoever_else_is_away() -> None:
    log = Partition(destinations(hook=HOOK, away=HOOK))
    log.found(0)
    assert log.tell(0) == ["hook: opened 1", "away: opened 1"]
    log.ended(5)
    (to_hook, to_away) = log.plan(5).messages
    log.tried(to_hook, 5)
    log.tried(to_away, 5, succeeded=False)
    for at in (6, 8):
        log.tried(to_away._replace(items=(to_away.items[0]._replace(attempt=at),)), at, succeeded=False)
    again(9, 1, since=minute(0))(log)
    wake = log.plan(9).wake
    assert wake is not None
    assert wake <= minute(10)
    assert "hook: reopened 1.1" in log.tell(10)


def test_an_act_that_is_logged_twice_counts_once() -> None:
    log = Partition()
    log.found(0)
    log.tell(0)
    log.did("snooze", 1)
    log.append(log.records[-1][0], minute(2))
    assert log.tell(40) == ["hook: reopened 1.1"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({}, ["all", "apps", "urgent"], id="by filters"),
        pytest.param({"severity": "low"}, ["all", "apps"], id="by severity"),
        pytest.param({"applications": ()}, ["all", "urgent"], id="by application"),
        pytest.param({"applications": OTHERS[:19]}, ["all", "urgent"], id="of other applications"),
        pytest.param({"applications": OTHERS}, ["all", "apps", "urgent"], id="of more than are named, maybe"),
        pytest.param({"rule_id": "mass-deletion"}, ["all", "apps", "rules", "urgent"], id="by rule"),
        pytest.param({"destinations": ("rules",)}, ["rules"], id="named by the rule"),
        pytest.param({"destinations": ("rules", "nobody")}, ["rules"], id="one of the named is unknown"),
        pytest.param({"destinations": ("nobody",)}, ["all", "apps", "urgent"], id="all of the named are unknown"),
        pytest.param({"organization": "two"}, ["all", "apps", "two", "urgent"], id="by organization"),
        pytest.param({"destinations": ("two",)}, ["all", "apps", "urgent"], id="the named is another organization's"),
        pytest.param({"destinations": ("two", "rules")}, ["rules"], id="one of the named is another organization's"),
        pytest.param(
            {"rule_id": DELIVERY_FAILING, "group": {"destination": "all"}},
            ["apps", "rules", "urgent"],
            id="that a destination fails is its organization's too",
        ),
    ],
)
def test_routing(fields: dict[str, Any], said: list[str]) -> None:
    log = Partition(
        destinations(
            all=HOOK,
            urgent=HOOK + 'severities = ["high", "critical"]',
            apps=HOOK + 'apps = ["5fad07f2b9f5414721b3d797"]',
            rules=HOOK + 'rules = ["mass-deletion"]',
            two=HOOK + 'organizations = ["two"]',
        )
    )
    log.found(0, **fields)
    assert sorted(log.tell(0)) == [f"{name}: opened 1" for name in said]


def test_people_are_told_in_one_message_what_is_due_together() -> None:
    log = Partition(destinations(people=PEOPLE, hook=HOOK))
    for number in range(3):
        log.found(number / 60, number)
    assert log.tell(0.05) == ["hook: opened 1"] * 3
    assert log.tell(0.07) == []
    assert log.plan(0.07).wake == minute(5 / 60)
    log.found(4 / 60, 7)
    assert [len(message.items) for message in log.plan(5 / 60).messages if message.destination == "people"] == [4]


def test_people_are_told_of_each_organization_in_a_message_of_its_own() -> None:
    log = Partition(destinations(people=PEOPLE + "per_hour = 2"))
    for number, organization in enumerate(("one", "two", "one", "three", "two")):
        log.found(number / 600, number, organization=organization)
    messages = log.plan(1).messages
    assert [[item.alert.alert_id[-1] for item in message.items] for message in messages] == [["0", "2"], ["1", "4"]]
    assert [message.full_until for message in messages] == [None, minute(61)]
    assert log.tell(1) == ["people: opened 1, opened 1"] * 2
    assert log.tell(2) == []
    assert [message.items[0].alert.organization for message in log.plan(62).messages] == ["three"]


def test_an_organization_s_message_that_is_refused_holds_up_no_other_s() -> None:
    log = Partition(destinations(people=PEOPLE))
    log.found(0, 1, organization="one")
    (refused,) = log.plan(1).messages
    log.tried(refused, 1, succeeded=False)
    log.found(1, 2, organization="two")
    (told,) = log.plan(2).messages  # one asks whether it answers
    assert {item.alert.organization for item in told.items} == {"two"}
    log.tried(told, 2)
    assert [message.items[0].alert.organization for message in log.plan(3).messages] == ["one"]


def test_quiet_hours_hold_back_and_end_in_one_message() -> None:
    # Noon in UTC is 13:00 in Vienna.
    quiet = 'quiet_hours = {begin = "13:00", end = "15:30", zone = "Europe/Vienna"}'
    log = Partition(destinations(people=PEOPLE + quiet))
    log.found(1, 1)
    log.found(80, 2)
    log.ended(100, 1, since=minute(1))
    assert log.tell(149) == []
    assert log.plan(149).wake == minute(150) + timedelta(seconds=5)
    assert log.tell(151) == ["people: opened 1, opened 1, ended 1"]


def test_a_retry_does_not_fall_into_quiet_hours() -> None:
    log = Partition(destinations(hook=HOOK + 'quiet_hours = {begin = "12:01", end = "13:00", zone = "UTC"}'))
    log.found(0)
    assert log.tell(0.99, succeeded=False) == ["hook: opened 1"]
    assert log.tell(30) == []
    assert log.tell(60) == ["hook: opened 1"]


def test_the_rate_limit_holds_back_what_is_then_told_as_one() -> None:
    log = Partition(destinations(people=PEOPLE + "per_hour = 2"))
    said = []
    for number in range(10):
        log.found(number, number)
        said += log.tell(number + 0.5)
    assert said == ["people: opened 1"] * 2
    assert log.tell(60.4) == []
    assert log.plan(59).wake == minute(60.5)
    plan = log.plan(60.5)
    assert [len(message.items) for message in plan.messages] == [8]
    assert plan.messages[0].full_until == minute(61.5)


def test_a_webhook_with_a_rate_limit_is_told_the_rest_one_by_one() -> None:
    log = Partition(destinations(hook=HOOK + "per_hour = 2"))
    for number in range(5):
        log.found(0, number)
    assert [len(log.tell(at)) for at in (0, 59, 60.1, 119, 120.2, 180)] == [2, 0, 2, 0, 1, 0]


def test_retries_wait_longer_each_time_and_give_up_after_a_day() -> None:
    log = Partition()
    log.found(0)
    at, tries = 0.0, []
    while log.tell(at, succeeded=False):
        tries.append(at)
        wake = log.plan(at).wake
        if wake is None:
            break
        at = (wake - minute(0)) / timedelta(minutes=1)
        while not log.plan(at).messages and (wake := log.plan(at).wake) is not None and at <= DAY + 120:
            at = (wake - minute(0)) / timedelta(minutes=1)
    waits = [later - sooner for sooner, later in pairwise(tries)]
    assert waits[0] * 60 == pytest.approx(5, rel=0.51)
    assert all(later > sooner for sooner, later in pairwise(waits[:9]))
    assert 60 <= max(waits) <= 90
    assert DAY - 90 < tries[-1] < DAY
    assert 20 < len(tries) < 40
    assert log.tell(DAY + 1) == []


def test_who_asks_for_rest_is_told_nothing_until_then() -> None:
    log = Partition()
    log.found(0, 1)
    (first,) = log.plan(0).messages
    log.tried(first, 0, succeeded=False, not_before=minute(10))
    log.found(1, 2)
    assert log.plan(9.9).messages == []
    assert log.plan(9.9).wake == minute(10)
    assert log.tell(10) == ["hook: opened 1"]
    assert log.tell(10.1) == ["hook: opened 1"]


def test_what_fails_at_the_same_time_is_one_try_of_the_destination() -> None:
    log = Partition()
    for number in range(6):
        log.found(0, number)
    assert len(log.tell(0, succeeded=False)) == 6
    wake = log.plan(0.01).wake
    assert wake is not None
    assert FIRST_WAIT <= wake - minute(0) <= FIRST_WAIT * (1 + JITTER) + timedelta(seconds=1)
    assert log.tell(0.2, succeeded=False)  # one asks whether it answers
    assert log.tell(0.2 + 2 * FIRST_WAIT.total_seconds() / 60 * 0.95) == []
    assert log.tell(0.2 + 2 * FIRST_WAIT.total_seconds() / 60 * (1 + JITTER))


def test_what_is_given_up_is_an_alert_at_another_destination_and_ends_when_it_answers() -> None:
    log = Partition(destinations(dead=HOOK + 'severities = ["high"]', other=HOOK + 'severities = ["low"]'))
    log.found(0)
    log.tell(0, succeeded=False)
    for at in (1, 5, 14):
        log.tell(at, succeeded=False)
    assert log.plan(14.9).reports == []
    (report,) = log.plan(15).reports
    assert (report.rule_id, report.group, report.severity) == (DELIVERY_FAILING, {"destination": "dead"}, "critical")
    assert log.plan(16).reports[0].alert_id == report.alert_id
    log.append(report, minute(15))
    assert log.plan(16).reports == []
    assert sorted(log.tell(20)) == ["dead: opened 1", "other: opened 1"]
    (over,) = log.plan(21).reports
    assert (over.alert_id, over.detection, over.ended_at) == (report.alert_id, "ended", minute(20))
    log.append(over, minute(21))
    assert log.tell(21) == ["other: ended 1"]
    assert log.plan(22).reports == []


def reported(log: Partition, upto: int, away: Callable[[int], bool]) -> list[tuple[int, Detection, int]]:
    """Minute by minute: when, what and of which episode is said of `dead`, which fails while it is away."""
    said = []
    for at in range(upto):
        plan = log.plan(at)
        for report in plan.reports:
            log.append(report, minute(at))
            said.append((at, report.detection, report.episodes))
        for message in plan.messages:
            log.tried(message, at, not (message.destination == "dead" and away(at)))
    return said


def test_a_destination_that_fails_again_on_the_same_day_is_reported_again() -> None:
    log = Partition(destinations(dead=HOOK, other=HOOK))
    for number, at in enumerate((10, 60, 70, 200)):
        log.found(at, number)
    said = reported(log, 260, lambda at: at < 40 or 60 <= at < 150)
    assert [(detection, episode) for _, detection, episode in said] == [
        ("open", 1), ("ended", 1), ("open", 2), ("ended", 2),
    ]  # fmt: skip
    assert (said[0][0], said[2][0]) == (25, 75)
    told = [(record.occasion, record.destination) for record, _ in log.records
            if record.record == "delivered" and record.rule_id == DELIVERY_FAILING]  # fmt: skip
    assert told == [(occasion, "other") for occasion in ("opened 1", "ended 1", "reopened 2", "ended 2")]


def test_the_report_of_a_destination_that_the_file_has_no_more_ends() -> None:
    log = Partition(destinations(dead=HOOK, other=HOOK))
    log.found(0)
    assert reported(log, 30, lambda at: True) == [(15, "open", 1)]
    log.to = destinations(renamed=HOOK, other=HOOK)
    (over,) = log.plan(40).reports
    assert (over.detection, over.ended_at, over.group) == ("ended", minute(40), {"destination": "dead"})
    log.append(over, minute(40))
    assert log.plan(41).reports == []
    assert "other: ended 1" in log.tell(41)


def test_a_message_that_is_refused_holds_up_no_other() -> None:
    log = Partition()
    log.found(0, 1)
    (first,) = log.plan(0).messages
    log.tried(first, 0, succeeded=False)
    log.found(0.01, 2)
    plan = log.plan(0.5)
    assert [message.items[0].alert.alert_id[-1] for message in plan.messages] == ["2"]  # one asks whether it answers
    log.tried(plan.messages[0], 0.5)
    assert [message.items[0].alert.alert_id[-1] for message in log.plan(0.6).messages] == ["1"]


@pytest.mark.parametrize(
    ("stands", "said"),
    [pytest.param(True, ["hook: opened 1"], id="still open"), pytest.param(False, [], id="over since")],
)
def test_what_nobody_was_there_to_tell_for_a_day_is_told_while_it_stands(stands: bool, said: list[str]) -> None:
    log = Partition()
    log.found(0)
    if not stands:
        log.ended(5)
    assert log.tell(3 * DAY) == said


def test_a_broker_whose_clock_is_ahead_delays_nothing() -> None:
    log = Partition()
    log.found(0)
    ledger = Ledger()
    ledger.take(log.records[0][0], minute(10))
    assert [told(message) for message in make_plan({0: ledger}, log.to, minute(0)).messages] == ["hook: opened 1"]


def read_at(log: Partition, at: float) -> Ledger:
    """What is read of the log at that time, by whose clock some of it is still to come."""
    ledger = Ledger()
    for record, appended in log.records:
        ledger.read(record, appended, minute(at))
    return ledger


def opening_of(number: int) -> Message:
    opened = Occasion("opened 1", NOON, True)
    return Message("one", (Item(0, detected(alert_id=alert_id(number)), opened, 1),), None)


AHEAD = st.lists(
    st.tuples(st.integers(0, 3), st.floats(0, DAY), st.booleans(), st.none() | st.floats(0, 60)), min_size=1, max_size=8
)


@settings(max_examples=60, deadline=None)
@given(
    AHEAD,
    st.sampled_from([HOOK, HOOK + "per_hour = 1", PEOPLE, PEOPLE + "per_hour = 1"]),
    st.sampled_from(["opened", "ended"]),
)
def test_a_clock_that_was_ahead_delays_no_message_for_longer_than_a_failed_try(
    tries: list[tuple[int, float, bool, float | None]], to: str, kind: str
) -> None:
    log = Partition(destinations(one=to))
    for number in range(5):
        log.found(0, number)
    for number, ahead, succeeded, rest in tries:
        log.tried(opening_of(number), ahead, succeeded, not_before=None if rest is None else minute(ahead + rest))
    if kind == "ended":  # it can be told when its opening was
        log.tried(opening_of(4), DAY)
        log.ended(1, 4)
    ledger, at, waited_for = read_at(log, 1), 1.0, 1 + LONGEST_WAIT * (1 + JITTER) / timedelta(minutes=1)
    while not (messages := make_plan({0: ledger}, log.to, minute(at)).messages) and at <= waited_for:
        wake = make_plan({0: ledger}, log.to, minute(at)).wake
        assert wake is not None
        at = max(at + 0.01, (wake - NOON) / timedelta(minutes=1))
    assert messages
    assert at <= waited_for


def test_a_destination_that_took_something_by_a_clock_that_was_ahead_is_still_found_failing() -> None:
    log = Partition(destinations(one=HOOK, other=HOOK + 'severities = ["low"]'))
    log.found(0)
    log.tried(log.plan(0).messages[0], DAY)
    log.found(0, 2)
    ledger = read_at(log, 1)
    for at in range(1, 18):
        for message in make_plan({0: ledger}, log.to, minute(at)).messages:
            failed = Partition(log.to)
            failed.tried(message, at, succeeded=False)
            for record, appended in failed.records:
                ledger.read(record, appended, minute(at))
    assert [report.rule_id for report in make_plan({0: ledger}, log.to, minute(18)).reports] == [DELIVERY_FAILING]


def test_a_try_by_a_clock_that_was_behind_is_not_the_last() -> None:
    log = Partition()
    log.found(0)
    (message,) = log.plan(0).messages
    log.tried(message, -30 * DAY, succeeded=False)
    (again,) = make_plan({0: read_at(log, 1)}, log.to, minute(1)).messages
    assert told(again) == "hook: opened 1"


def test_an_end_is_told_people_soon_after_it_came() -> None:
    log = Partition(destinations(people=PEOPLE))
    log.found(0)
    assert log.tell(1) == ["people: opened 1"]
    log.ended(10)
    assert [log.plan(10).wake, log.plan(10.05).wake] == [minute(10) + timedelta(seconds=5)] * 2
    assert log.tell(10.1) == ["people: ended 1"]


@pytest.mark.parametrize("to", [pytest.param(HOOK, id="a webhook"), pytest.param(PEOPLE, id="people")])
def test_an_end_is_never_told_before_the_opening(to: str) -> None:
    log = Partition(destinations(one=to))
    log.found(0)
    assert log.tell(0.1, succeeded=False) == ["one: opened 1"]
    log.ended(0.11)
    said = [told for at in range(2, 60) for told in log.tell(0.1 + at / 60)]
    assert ", ".join(said).replace("one: ", "") == "opened 1, ended 1"


def test_a_busy_destination_gets_nothing_more() -> None:
    log = Partition(destinations(one=HOOK, two=HOOK))
    log.found(0)
    assert [message.destination for message in log.plan(1, busy=("one",)).messages] == ["two"]


def test_an_id_is_of_the_occasion_and_the_destination() -> None:
    log = Partition(destinations(one=HOOK, two=HOOK))
    log.found(0)
    ids = [message_id(message.destination, message.items[0]) for message in log.plan(0).messages]
    assert len(set(ids)) == 2
    log.tell(0, succeeded=False)
    grown(1)(log)
    assert [message_id(message.destination, message.items[0]) for message in log.plan(1).messages] == ids


@given(st.integers(1, 60), st.text(max_size=20))
def test_waits_grow_within_bounds_and_are_the_same_each_time(count: int, seed: str) -> None:
    base = min(FIRST_WAIT * 2 ** min(count - 1, 12), LONGEST_WAIT)
    assert base <= wait_after(count, seed) <= base * (1 + JITTER)
    assert wait_after(count, seed) == wait_after(count, seed)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["found", "ended", "acknowledge", "resolve", "reopen", "snooze", "tell", "fail"]),
        st.integers(0, 2),
        st.integers(1, 40) | st.integers(600, 2000),
    ),
    max_size=15,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_nothing_is_told_twice_and_a_restart_changes_no_plan(steps: list[tuple[str, int, int]]) -> None:
    """What goes on with what it holds plans as what has just read the log; what was told is in no later plan."""
    quiet = 'quiet_hours = {begin = "18:00", end = "19:30", zone = "UTC"}'
    log = Partition(destinations(hook=HOOK, people=PEOPLE + "per_hour = 3", quiet=PEOPLE + quiet))
    at, episodes = 0.0, {0: 1, 1: 1, 2: 1}
    held, read = Ledger(), 0
    for step, number, later in steps:
        at += later
        if step == "found":
            log.found(at, number, episodes=episodes[number])
        elif step == "ended":
            log.ended(at, number, since=minute(at), episodes=episodes[number])
            episodes[number] += 1
        elif step in ("tell", "fail"):
            log.tell(at, succeeded=step == "tell")
        else:
            log.did(step, at, number)
        for record, appended in log.records[read:]:
            held.take(record, appended)
        read = len(log.records)
        plan = make_plan({0: held}, log.to, minute(at + 0.01))
        assert plan._replace(done=[]) == log.plan(at + 0.01)._replace(done=[])
        for _, alert in plan.done:
            held.watched.discard(alert)
    at += 1
    for _ in range(40):
        log.tell(at)
        wake = log.plan(at + 0.01).wake
        if wake is None:
            break
        at = max(at + 0.02, (wake - minute(0)) / timedelta(minutes=1))
    assert wake is None
    for story in log.ledger(at + 0.01).stories.values():
        for destination in log.to.of(story.detected) if story.detected is not None else ():
            for occasion in story.occasions(minute(at + 0.01)):
                tries = story.told.get((destination.name, occasion.name))
                assert not occasion.stands or (
                    tries is not None and (tries.succeeded or tries.first <= minute(at - DAY))
                )
    done = [
        (record.destination, record.alert_id, record.occasion)
        for record, _ in log.records
        if record.record == "delivered" and record.succeeded
    ]
    assert len(done) == len(set(done))

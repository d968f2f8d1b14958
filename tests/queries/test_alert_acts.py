"""What acts do where the clock of a source is ahead of that of whoever acts: what the alert told of is before them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from queries.alerts.acts import act_on
from queries.alerts.listing import Told, alert_object
from schemas.alerts import Act, Acted, Detected, State, standing
from schemas.errors import Pointless
from tests.alerts.records import acted, detected, minute
from tests.delivery.log import Partition

MICROSECOND = timedelta.resolution
AHEAD = detected(since=minute(120), opened_at=minute(120), triggered_at=minute(120), last_at=minute(120))
ENDED = detected(detection="ended", ended_at=minute(130))
NOW = minute(5)


def do(act: str, detected: Detected, acts: list[Acted], now: Any = NOW) -> Acted:
    snooze = timedelta(minutes=30) if act == "snooze" else None
    return act_on(Told(detected, acts), Act(act), "ada", now, uuid4(), text="done", snooze=snooze)


@pytest.mark.parametrize(
    ("last", "before", "act", "state"),
    [
        pytest.param(AHEAD, [], "acknowledge", State.ACKNOWLEDGED, id="acknowledged"),
        pytest.param(AHEAD, [], "resolve", State.RESOLVED, id="resolved"),
        pytest.param(AHEAD, ["acknowledge"], "resolve", State.RESOLVED, id="acknowledged, then resolved"),
        pytest.param(AHEAD, ["acknowledge"], "reopen", State.OPEN, id="an acknowledgement taken back"),
        pytest.param(AHEAD, ["resolve"], "reopen", State.OPEN, id="a resolution taken back"),
        pytest.param(AHEAD, ["resolve", "reopen"], "acknowledge", State.ACKNOWLEDGED, id="and acknowledged"),
        pytest.param(AHEAD, [], "snooze", State.SNOOZED, id="snoozed"),
        pytest.param(AHEAD, ["snooze"], "acknowledge", State.ACKNOWLEDGED, id="woken and seen"),
        pytest.param(AHEAD, [], "note", State.OPEN, id="noted"),
        pytest.param(ENDED, [], "reopen", State.OPEN, id="reopened after an end that is ahead"),
        pytest.param(ENDED, ["reopen"], "resolve", State.RESOLVED, id="and resolved"),
        pytest.param(ENDED, ["reopen"], "acknowledge", State.ACKNOWLEDGED, id="and acknowledged, after its end"),
    ],
)
def test_the_alert_is_at_once_what_the_act_makes_of_it(
    last: Detected, before: list[str], act: str, state: State
) -> None:
    acts: list[Acted] = []
    for number, each in enumerate(before, -len(before)):
        acts.append(do(each, last, acts, minute(5 + number)))
    done = do(act, last, acts)
    told = alert_object(Told(last, [*acts, done]), NOW)
    assert told["state"] is state
    assert done.at == NOW
    if act != "note":
        assert (told["state_since"], told["state_by"]) == (NOW, "ada")


@pytest.mark.parametrize(
    ("act", "later", "state"),
    [
        pytest.param("resolve", {"triggered_at": minute(121)}, State.OPEN, id="resolved, and held again"),
        pytest.param("resolve", {"events": 9, "last_at": minute(121)}, State.RESOLVED, id="resolved, and only grew"),
        pytest.param("resolve", {"opened_at": minute(4)}, State.RESOLVED, id="resolved, and known to begin earlier"),
        pytest.param("acknowledge", {"triggered_at": minute(121)}, State.ACKNOWLEDGED, id="acknowledged, and goes on"),
        pytest.param(
            "acknowledge",
            {"since": minute(140), "triggered_at": minute(140), "episodes": 2},
            State.OPEN,
            id="acknowledged, and opened anew",
        ),
        pytest.param(
            "reopen", {"detection": "ended", "ended_at": minute(121)}, State.RESOLVED, id="reopened, and ended"
        ),
    ],
)
def test_what_comes_after_an_act_by_the_same_clock_counts_as_ever(
    act: str, later: dict[str, Any], state: State
) -> None:
    before = [do("acknowledge", AHEAD, [])] if act == "reopen" else []
    acts = [*before, do(act, AHEAD, before)]
    assert standing(AHEAD.model_validate({**AHEAD.model_dump(), **later}), acts, minute(6)).state is state


def test_a_snooze_is_for_its_time_from_now() -> None:
    done = do("snooze", AHEAD, [])
    assert done.until == minute(35)
    assert standing(AHEAD, [done], minute(34)).state is State.SNOOZED
    assert standing(AHEAD, [done], minute(36)).state is State.OPEN


@pytest.mark.parametrize(
    ("now", "after"),
    [
        pytest.param(minute(10) - MICROSECOND, minute(10), id="ahead"),
        pytest.param(minute(10), minute(10), id="as it held"),
        pytest.param(minute(10) + MICROSECOND, None, id="not ahead"),
    ],
)
def test_an_act_says_what_it_comes_after_only_where_the_time_does_not(now: Any, after: Any) -> None:
    done = do("acknowledge", detected(), [], now)
    assert (done.at, done.after) == (now, after)
    assert done.counts_at == (now if after is None else minute(10) + MICROSECOND)


def test_an_act_of_before_that_was_recorded_counts_when_it_was_done() -> None:
    old = Acted.model_validate_json(acted("resolve", 5).model_dump_json(exclude={"after"}))
    assert old.counts_at == minute(5)


def test_what_is_resolved_cannot_be_resolved_again() -> None:
    with pytest.raises(Pointless, match="is resolved: there is nothing to resolve"):
        do("resolve", AHEAD, [do("resolve", AHEAD, [])])


@pytest.mark.parametrize("ahead", [1.0, 120.0], ids=["a minute", "two hours"])
def test_what_somebody_resolved_pages_once_and_again_when_it_holds_again(ahead: float) -> None:
    log = Partition()
    last = log.found(0, since=minute(ahead))
    assert log.tell(0.1) == ["hook: opened 1"]
    acts = [do("acknowledge", last, [], minute(0.2))]
    log.append(acts[0], minute(0.2))
    acts.append(do("resolve", last, acts, minute(0.5)))
    log.append(acts[1], minute(0.5))
    assert log.tell(0.6) == []
    log.ended(0.7, since=minute(ahead), ended_at=minute(ahead + 0.7))
    assert log.tell(0.8) == []
    log.found(0.9, since=minute(ahead + 0.9), opened_at=minute(ahead), episodes=2)
    assert log.tell(1) == ["hook: reopened 2.1"]

"""Alerts from their records: which there are, in which state, one whole, and how many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queries.alerts.details import read_alert_details, what_changed
from queries.alerts.listing import Alerts, chosen_sql, find_alert, list_alerts
from queries.alerts.statistics import count_alerts
from schemas.alerts import Acted, AlertRecord, Delivered, Detected, State, standing
from schemas.errors import Ambiguous, BadUsage, NotFound
from tests.alerts.records import acted, detected, minute
from tests.alerts.test_records import STATES
from tests.queries.alert_rows import put_alerts
from tests.queries.support import SLACK, Trail, attempt
from tests.records import NOON, STATSIG

pytestmark = pytest.mark.store

NOW = minute(60)


def own(number: int) -> str:
    return f"{number:032x}"


def alert(number: int, **fields: Any) -> Detected:
    return detected(alert_id=own(number), **fields)


def act(number: int, what: str, at: float, **fields: Any) -> Acted:
    return acted(what, at, alert_id=own(number), **fields)


def day(trail: Trail, **conditions: Any) -> Alerts:
    asked = Alerts(trail.organization, NOON - timedelta(days=1), NOON + timedelta(days=1))
    return replace(asked, **conditions)


def numbers(items: Sequence[dict[str, Any]]) -> list[int]:
    return [int(item["alert_id"], 16) for item in items]


def listed(trail: Trail, **conditions: Any) -> list[int]:
    return numbers(list_alerts(trail.store, day(trail, **conditions), NOW).items)


def test_the_state_that_lists_filter_by_is_the_one_that_records_say(trail: Trail) -> None:
    expected = {}
    cases: list[Any] = [case.values for case in STATES]
    for number, (last, acts, state, *_) in enumerate(cases, 1):
        changes = {"alert_id": own(number)}
        put_alerts(trail, alert(number, events=1), *[acted(*each.split(), **changes) for each in acts])
        put_alerts(trail, last.model_copy(update=changes))
        expected[number] = state
    for state in State:
        found = list_alerts(trail.store, day(trail, states=(state.value,)), NOW).items
        assert set(numbers(found)) == {number for number, each in expected.items() if each is state}
        assert {item["state"] for item in found} == {state}


MINUTES = st.sampled_from(range(0, 70, 10))
"""Few: what matters is which comes first, and what comes at once."""
DETECTIONS = st.builds(
    lambda kind, since, more, end, episodes: detected(
        detection=kind,
        since=minute(since),
        triggered_at=minute(since + more),
        ended_at=minute(since + more + end) if kind == "ended" else None,
        episodes=episodes,
    ),
    st.sampled_from(["open", "ended", "withdrawn"]), MINUTES, MINUTES, MINUTES, st.integers(1, 3),
)  # fmt: skip
ACTS = st.builds(
    acted,
    st.sampled_from(["acknowledge", "resolve", "reopen", "snooze", "note", "own"]),
    MINUTES,
    after=st.none() | MINUTES.map(minute),
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(DETECTIONS, st.lists(ACTS, max_size=5)), min_size=30, max_size=30))
def test_sql_and_records_tell_the_same_state(trail: Trail, alerts: list[tuple[Detected, list[Acted]]]) -> None:
    fresh = Trail(trail.store, f"{trail.organization}{next(_FRESH)}")
    records: list[AlertRecord] = []
    for number, (last, acts) in enumerate(alerts, 1):
        mine = {"alert_id": own(number)}
        records += [last.model_copy(update=mine), *(each.model_copy(update=mine) for each in acts)]
    put_alerts(fresh, *records)
    asked = day(fresh, until=NOON + timedelta(days=9))
    found = fresh.store.query(f"SELECT id, state FROM ({chosen_sql(asked)})", asked.parameters(NOW))
    assert dict(found) == {own(number): standing(*each, NOW).state for number, each in enumerate(alerts, 1)}


_FRESH = iter(range(1_000_000))


def test_what_is_open_comes_first_and_the_urgent_before_it(trail: Trail) -> None:
    put_alerts(
        trail,
        alert(1, severity="low"),
        alert(2, severity="critical"),
        alert(3, severity="critical", triggered_at=minute(20), last_at=minute(20)),
        alert(4, severity="critical"),
        act(4, "acknowledge", 30),
        alert(5, detection="ended", ended_at=minute(59)),
        alert(6, severity="medium"),
        alert(7),
        act(7, "snooze", 45),
        alert(8, detection="withdrawn", triggered_at=minute(5)),
    )
    order = [3, 2, 6, 1, 4, 7, 5, 8]
    assert listed(trail) == order
    pages, cursor = [], None
    while True:
        page = list_alerts(trail.store, day(trail), NOW, cursor, 3)
        pages.append(numbers(page.items))
        if (cursor := page.next) is None:
            break
    assert pages == [order[:3], order[3:6], order[6:]]


def test_pages_keep_the_clock_of_the_first(trail: Trail) -> None:
    put_alerts(trail, alert(1), alert(2), act(2, "snooze", 45))
    first = list_alerts(trail.store, day(trail), NOW, None, 1)
    later = list_alerts(trail.store, day(trail), minute(600), first.next, 1)
    assert [(item["alert_id"], item["state"]) for item in later.items] == [(own(2), State.SNOOZED)]
    with pytest.raises(BadUsage, match="another filter"):
        list_alerts(trail.store, day(trail, states=("open",)), NOW, first.next, 1)


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param({}, [1, 2, 3], id="all but what is being tried out"),
        pytest.param({"staging": True}, [1, 4, 2, 3], id="that too"),
        pytest.param({"severities": ("high", "low")}, [1, 3], id="by severity"),
        pytest.param({"rules": ("token-near-expiry",)}, [2], id="by rule"),
        pytest.param({"applications": (SLACK["id"], "x")}, [2], id="by application"),
        pytest.param({"states": ("resolved",)}, [3], id="by state"),
        pytest.param({"since": minute(50)}, [1, 2], id="what is over counts only if it was lately"),
        pytest.param({"since": minute(40)}, [1, 2, 3], id="lately includes what was done"),
        pytest.param({"until": NOON}, [], id="what opened later does not count"),
    ],
)
def test_a_list_holds_what_was_asked_for(trail: Trail, conditions: dict[str, Any], expected: list[int]) -> None:
    put_alerts(
        trail,
        alert(1, triggered_at=minute(12)),
        alert(2, severity="medium", rule_id="token-near-expiry", applications=(SLACK["id"],)),
        alert(3, severity="low"),
        act(3, "resolve", 40),
        alert(4, staging=True),
        act(5, "note", 3),
    )
    assert listed(trail, **conditions) == expected


def test_another_organizations_alerts_are_not_seen(trail: Trail) -> None:
    other = Trail(trail.store, f"{trail.organization}x")
    put_alerts(other, alert(1))
    assert listed(trail) == []
    with pytest.raises(NotFound):
        find_alert(trail.store, trail.organization, own(1))
    asked = day(trail, organization=None)
    assert other.organization in {row["organization"] for row in list_alerts(trail.store, asked, NOW, None, 1000).items}


def test_the_last_record_holds_and_repeats_of_an_act_count_once(trail: Trail) -> None:
    seen = act(1, "acknowledge", 5, text="looking")
    put_alerts(trail, alert(1), seen, seen, alert(1, events=9, title="worse"))
    (item,) = list_alerts(trail.store, day(trail), NOW).items
    assert (item["events"], item["title"], item["state"], item["notes"]) == (9, "worse", State.ACKNOWLEDGED, 1)
    assert (item["state_by"], item["state_since"]) == ("ada", minute(5))


def test_one_is_found_by_the_beginning_of_its_id(trail: Trail) -> None:
    ids = [f"{beginning}{1:028x}" for beginning in ("abcd", "abce")]
    put_alerts(trail, *(detected(alert_id=each) for each in ids))
    assert find_alert(trail.store, trail.organization, "ABCD").detected.alert_id == ids[0]
    with pytest.raises(Ambiguous) as several:
        find_alert(trail.store, trail.organization, "abc")
    assert several.value.candidates == ids
    with pytest.raises(NotFound, match="no alert ffff"):
        find_alert(trail.store, trail.organization, "ffff")


def test_one_whole_tells_its_history_deliveries_and_names(trail: Trail) -> None:
    person = {"id": "63ec9bba89a64e507ce0a4c2", "type": "user", "username": "ines.almeida"}
    trail.insert(attempt(0, resource=person))
    told = Delivered(
        alert_id=own(1),
        organization="",
        rule_id="r",
        destination="on-call",
        occasion="opened 1",
        attempt=1,
        at=minute(1),
        succeeded=False,
        detail="HTTP 503",
    )
    put_alerts(
        trail,
        alert(1, events=1, people=1),
        told,
        told.model_copy(update={"attempt": 2, "succeeded": True, "detail": ""}),
        act(1, "acknowledge", 5, text="looking"),
        *(alert(1, events=2 + number) for number in range(4)),
        alert(1, events=5, detection="ended", ended_at=minute(30), ended_by=UUID(int=7)),
        *(alert(1, events=each, episodes=2, since=minute(50), last_at=minute(each)) for each in (6, 51, 52)),
    )
    found = read_alert_details(trail.store, find_alert(trail.store, trail.organization, own(1)))
    assert [(each["what"], each["at"], each["by"], each["text"], each["events"]) for each in found.history] == [
        ("opened", NOON, "", "", 1),
        ("acknowledge", minute(5), "ada", "looking", None),
        ("ended", minute(30), "", "", 5),
        ("opened again", minute(50), "", "", 6),
        ("grew", minute(52), "", "", 52),
    ]
    assert [(each["attempt"], each["succeeded"], each["detail"]) for each in found.deliveries] == [
        (1, False, "HTTP 503"),
        (2, True, ""),
    ]
    assert found.names == {person["id"]: "ines.almeida", STATSIG["id"]: "statsig"}


@pytest.mark.parametrize(
    ("record", "before", "what"),
    [
        pytest.param(detected(), None, "opened", id="the first"),
        pytest.param(detected(detection="ended", ended_at=minute(30)), None, "ended", id="ended when first told"),
        pytest.param(detected(events=9), detected(), "grew", id="grown"),
        pytest.param(
            detected(detection="ended", ended_at=minute(20)),
            detected(detection="ended", ended_at=minute(30)),
            "ended",
            id="ended earlier, as came out late",
        ),
        pytest.param(
            detected(detection="ended", ended_at=minute(30), events=9),
            detected(detection="ended", ended_at=minute(30)),
            "grew",
            id="grown after its end, as came out late",
        ),
        pytest.param(detected(), detected(detection="ended", ended_at=minute(30)), "opened again", id="its end is off"),
        pytest.param(detected(episodes=2), detected(), "opened again", id="another time"),
        pytest.param(detected(detection="withdrawn"), detected(), "withdrawn", id="withdrawn"),
    ],
)
def test_what_a_record_has_new(record: Detected, before: Detected | None, what: str) -> None:
    assert what_changed(record, before)[0] == what


def test_counts_and_medians(trail: Trail) -> None:
    put_alerts(
        trail,
        alert(1, events=3),
        act(1, "acknowledge", 4),
        alert(2, events=5, detection="ended", ended_at=minute(30)),
        act(2, "acknowledge", 6),
        alert(3, severity="low", rule_id="token-near-expiry", events=1),
        act(3, "resolve", 20),
        alert(4, staging=True),
    )
    found = count_alerts(trail.store, day(trail), NOW)
    assert {name: found[name] for name in found if name != "rules"} == {
        "alerts": 3,
        "events": 9,
        "acknowledge_seconds": 360,  # of two, the upper one
        "resolve_seconds": 1800,
        "severities": {"high": 2, "low": 1},
        "states": {"acknowledged": 1, "resolved": 2},
    }
    assert found["rules"] == [
        {
            "rule_id": "credentials-failing",
            "alerts": 2,
            "going_on": 1,
            "events": 8,
            "acknowledge_seconds": 360,
            "resolve_seconds": 1800,
        },
        {
            "rule_id": "token-near-expiry",
            "alerts": 1,
            "going_on": 0,
            "events": 1,
            "acknowledge_seconds": None,
            "resolve_seconds": 1200,
        },
    ]
    nothing = count_alerts(trail.store, day(trail, rules=("none",)), NOW)
    assert (nothing["alerts"], nothing["acknowledge_seconds"], nothing["rules"]) == (0, None, [])

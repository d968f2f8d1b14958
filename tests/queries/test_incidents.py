"""Incidents: their state, their place in lists, and what is told of one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from queries.events import list_events
from queries.incidents.listing import (
    Incidents,
    find_incident,
    incident_object,
    list_incidents,
    state_of,
)
from schemas.cause import CAUSES, Cause
from schemas.errors import Ambiguous, BadUsage, NotFound
from schemas.times import to_microseconds
from tests.queries.incident_rows import put, row
from tests.queries.support import SLACK, Trail, failed, ids, when
from tests.records import NOON

DAY = 24 * 60
ENDED = {"ended_at": when(9), "ended_by": UUID(int=9)}


def of(trail: Trail, **conditions: Any) -> Incidents:
    """The incidents of the day that tests play on."""
    return replace(Incidents(trail.organization, when(-60), NOON + timedelta(days=2)), **conditions)


def numbers(items: list[dict[str, Any]]) -> list[int]:
    """Which incidents they are."""
    return [int(item["incident_id"][-8:], 16) for item in items]


@pytest.mark.parametrize(
    ("columns", "minutes", "state"),
    [
        pytest.param({}, 4, "open", id="goes on"),
        pytest.param({"episodes": 2}, 4, "regressed", id="goes on again"),
        pytest.param({"episodes": 2}, 3 + DAY - 0.1, "regressed", id="almost a day without a failure"),
        pytest.param({"episodes": 2}, 3 + DAY, "quiet", id="a day without a failure"),
        pytest.param(ENDED, 10, "resolved", id="ended"),
        pytest.param(ENDED, 9, "resolved", id="ended just now"),
        pytest.param(ENDED, 8, "open", id="its end is ahead of the clock"),
        pytest.param({**ENDED, "episodes": 2}, 8, "regressed", id="goes on again, its end is ahead of the clock"),
        pytest.param({**ENDED, "episodes": 2}, 10, "resolved", id="ended twice"),
        pytest.param(ENDED, 3 * DAY, "resolved", id="ended long ago"),
    ],
)
@pytest.mark.store
def test_the_state_is_the_same_to_python_and_to_the_store(
    trail: Trail, columns: dict[str, Any], minutes: float, state: str
) -> None:
    now = when(minutes)
    assert state_of({"ended_at": 0, **row("00" * 12, 1, **columns)}, now) == state
    put(trail, row(trail.organization, 1, **columns))
    states = [
        item["state"]
        for chosen in ("open", "regressed", "quiet", "resolved")
        for item in list_incidents(trail.store, of(trail, states=(chosen,)), now).items
    ]
    assert states == [state]


def test_an_incident_is_told_the_same_from_the_store_and_from_the_stream() -> None:
    stored = row(
        "ab" * 12,
        7,
        **ENDED,
        change_at=when(-5),
        change_event=UUID(int=5),
        change_type="idm_integration_update",
        change_actor="ada@corp.example",
    )
    streamed = {
        name: value.bytes if isinstance(value, UUID) else to_microseconds(value) if hasattr(value, "tzinfo") else value
        for name, value in stored.items()
    }
    told = incident_object(stored, NOON)
    assert told == incident_object(streamed, NOON)
    text = CAUSES[Cause.CREDENTIALS]
    assert json.loads(orjson.dumps(told)) == {
        "incident_id": "ab" * 12 + "00000007",
        "organization": "ab" * 12,
        "application_id": "5fad07f2b9f5414721b3d797",
        "application": "statsig",
        "cause": "credentials",
        "attribute": "",
        "detail": "token expired",
        "http_status": 401,
        "state": "resolved",
        "attempts": 3,
        "people": 2,
        "groups": 0,
        "affected": 2,
        "first_at": "2026-03-19T11:01:00Z",
        "last_at": "2026-03-19T11:03:00Z",
        "first_event": str(UUID(int=1)),
        "last_event": str(UUID(int=3)),
        "episodes": 1,
        "since": "2026-03-19T11:01:00Z",
        "ended_at": "2026-03-19T11:09:00Z",
        "ended_by": str(UUID(int=9)),
        "change": {
            "event_id": str(UUID(int=5)),
            "event_type": "idm_integration_update",
            "at": "2026-03-19T10:55:00Z",
            "actor": "ada@corp.example",
        },
        "sentence": text.sentence,
        "remedy": text.remedy,
        "retryable": False,
    }
    unknown = incident_object(row("ab" * 12, 8, cause=""), NOON)
    assert (unknown["sentence"], unknown["change"], unknown["ended_at"], unknown["ended_by"]) == (
        CAUSES[Cause.UNKNOWN].sentence, None, None, None,
    )  # fmt: skip


@pytest.mark.store
def test_what_goes_on_comes_first_and_pages_hold_to_the_first_ones_clock(any_trail: Trail) -> None:
    now = when(DAY)
    put(
        any_trail,
        row(any_trail.organization, 1, first_at=when(5), last_at=when(50)),
        row(any_trail.organization, 2, first_at=when(-20), last_at=when(-10), **ENDED),
        row(any_trail.organization, 3, first_at=when(0), last_at=when(60), episodes=3),
        row(any_trail.organization, 4, first_at=when(8), last_at=when(12), ended_at=when(13), ended_by=UUID(int=1)),
        row(any_trail.organization, 5, first_at=when(-20), last_at=when(-9)),
        row(any_trail.organization, 6, first_at=when(5), last_at=when(70)),
        row(any_trail.organization, 7, attempts=0),
    )
    put(any_trail, row(any_trail.organization, 4, attempts=2, first_at=when(8), last_at=when(12), **ENDED))
    expected = [6, 1, 3, 5, 4, 2]
    chosen = of(any_trail)
    whole = list_incidents(any_trail.store, chosen, now)
    assert (numbers(whole.items), whole.next) == (expected, None)
    assert {item["attempts"] for item in whole.items if numbers([item]) == [4]} == {2}
    for size in (1, 2, 5):
        found, cursor, clock = [], None, now
        while True:
            page = list_incidents(any_trail.store, chosen, clock, cursor, size)
            found += page.items
            cursor, clock = page.next, clock + timedelta(minutes=40)
            if cursor is None:
                break
            assert len(page.items) == size
        assert found == whole.items, size
    with pytest.raises(BadUsage, match="another filter"):
        list_incidents(any_trail.store, of(any_trail, states=("open",)), now, page_of(any_trail, now))


def page_of(trail: Trail, now: Any) -> str:
    found = list_incidents(trail.store, of(trail), now, None, 1).next
    assert found
    return found


@pytest.mark.store
@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param({}, [3, 2, 1], id="all"),
        pytest.param({"causes": ("conflict", "quota")}, [2], id="cause"),
        pytest.param({"application": "SLACK"}, [3], id="name of an application"),
        pytest.param({"application": SLACK["id"]}, [3], id="id of an application"),
        pytest.param({"states": ("resolved", "quiet")}, [1], id="state"),
        pytest.param({"since": when(4)}, [3, 2], id="began before and goes on"),
        pytest.param({"since": when(4), "failing": True}, [3], id="failed in the range"),
        pytest.param({"since": when(3)}, [3, 2, 1], id="the last failure belongs to it"),
        pytest.param({"until": when(2)}, [1], id="began after the range"),
        pytest.param({"until": when(1)}, [], id="the end of a range is not in it"),
        pytest.param({"organization": "another"}, [], id="another organization"),
    ],
)
def test_incidents_hold_to_the_conditions(trail: Trail, conditions: dict[str, Any], expected: list[int]) -> None:
    put(
        trail,
        row(trail.organization, 1, **ENDED),
        row(trail.organization, 2, cause="conflict", first_at=when(2)),
        row(
            trail.organization,
            3,
            application_id=SLACK["id"],
            application_name="slack",
            first_at=when(3),
            last_at=when(5),
        ),
    )
    assert numbers(list_incidents(trail.store, of(trail, **conditions), NOON).items) == expected


@pytest.mark.store
def test_the_incidents_of_a_person_and_the_events_of_an_incident(trail: Trail) -> None:
    kofi = {"id": "73ec9bba89a64e507ce0a4c3", "type": "user", "username": "kofi.mensah"}
    records = [failed(1), failed(2, resource=kofi), failed(3, resource=kofi, code="409")]
    trail.insert(*records)
    (token,), (conflict,) = (
        trail.store.query(
            "SELECT DISTINCT incident_id FROM events WHERE organization = {o:String} AND cause = {c:String}",
            {"o": trail.organization, "c": cause},
        )[0]
        for cause in ("credentials", "conflict")
    )
    put(
        trail,
        row(trail.organization, 1, incident_id=token),
        row(trail.organization, 2, incident_id=conflict, cause="conflict"),
    )

    def found(subject: str) -> set[str]:
        return {item["incident_id"] for item in list_incidents(trail.store, of(trail, subject=subject), NOON).items}

    assert found("ines.almeida") == {token.hex()}
    assert found("KOFI.mensah") == {token.hex(), conflict.hex()}
    assert found("nobody") == set()
    events = list_events(trail.store, trail.day(incident=token.hex()), None, 10)
    assert [item["incident_id"] for item in events.items] == [token] * 2
    assert len(ids(events.items)) == 2


@pytest.mark.store
def test_one_incident_is_found_by_the_beginning_of_its_id_when_that_is_unique(trail: Trail) -> None:
    own = trail.organization
    put(trail, row(own, 0x11111111), row(own, 0x11112222), row(own, 3, attempts=0))
    one = find_incident(trail.store, own, f"{own}11112".upper())
    assert bytes(one["incident_id"]).hex() == f"{own}11112222"
    with pytest.raises(Ambiguous, match=f"{own}11111111, {own}11112222"):
        find_incident(trail.store, None, own)
    for wrong, organization in ((f"{own}1", "another"), (f"{own}00000003", own), ("%", own)):
        with pytest.raises(NotFound):
            find_incident(trail.store, organization, wrong)

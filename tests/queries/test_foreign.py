"""A copy of less trust that names somebody else makes no step of theirs, closes and opens nothing, and is no use."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from queries import histories
from queries.closings import report
from queries.exposures import SLA, list_exposures
from queries.histories import History, read_history
from queries.people import find_person
from queries.state import Asked, read_state
from tests.queries.support import INGEST, Trail, at, attempt, failed, when
from tests.records import NOON, Record, event

pytestmark = pytest.mark.store

KOFI = {"id": "5fad07f2b9f5414721b3d7a1", "type": "user", "username": "kofi.mensah"}
INES = {"id": "63ec9bba89a64e507ce0a4c2", "type": "user", "username": "ines.almeida"}
LATER = NOON + timedelta(days=1)


def forged(trail: Trail, raw: dict[str, Any], known_at: datetime = NOON, **fields: Any) -> Record:
    """A copy of the event by a way that is open to many."""
    return trail.log({**raw, **fields}, INGEST, known_at)


def history(trail: Trail, known_at: datetime | None = None) -> History:
    kofi = find_person(trail.store, trail.organization, str(KOFI["id"]))
    return read_history(trail.store, kofi, when(-6000), when(6000), timeline=True, known_at=known_at)


def answers(trail: Trail) -> dict[str, Any]:
    kofi = find_person(trail.store, trail.organization, str(KOFI["id"]))
    found = list_exposures(trail.store, trail.organization, LATER)
    closed = report(trail.store, trail.organization, when(-6000), LATER, SLA, LATER)
    return {
        "history": history(trail),
        "state": read_state(trail.store, kofi, Asked(when(100), None)),
        "exposed": [replace_(each.account) for each in found.everything() if each.subject_id == KOFI["id"]],
        "used": [each.used_since for each in found.everything() if each.subject_id == KOFI["id"]],
        "closings": [each for each in closed.exceptions if each.subject_id == KOFI["id"]],
    }


def replace_(account: Any) -> Any:
    return replace(account, changes=[])


@pytest.mark.parametrize(
    ("event_type", "minutes", "batch"),
    [
        pytest.param("user_deprovision", 20, 20_000, id="closed afterwards"),
        pytest.param("user_deprovision", 20, 2, id="closed afterwards, read in batches"),
        pytest.param("user_create_provision", 20, 20_000, id="made anew afterwards"),
        pytest.param("user_update_provision", -300, 20_000, id="updated before everything"),
    ],
)
def test_what_a_better_copy_tells_of_another_changes_no_answer_about_somebody(
    trail: Trail, event_type: str, minutes: float, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "BATCH", batch)
    other = attempt(10, event_type, resource=INES)
    trail.insert(
        attempt(0, "user_create_provision", resource=KOFI), failed(5, "user_deprovision", resource=KOFI), other
    )
    before = answers(trail)
    assert before["exposed"]
    trail.insert(forged(trail, other, resource=KOFI, timestamp=at(minutes)))
    assert answers(trail) == before


def test_what_the_better_copy_is_not_known_yet_of_is_still_theirs(trail: Trail) -> None:
    other = attempt(10, "user_deprovision", resource=INES)
    early, late = NOON, NOON + timedelta(hours=3)
    trail.insert(
        trail.log(attempt(0, "user_create_provision", resource=KOFI), known_at=early),
        forged(trail, other, early, resource=KOFI),
        trail.log(other, known_at=late),
    )
    assert [step.action for step in history(trail, early + timedelta(hours=1)).steps] == ["create", "deprovision"]
    assert [step.action for step in history(trail).steps] == ["create"]


def test_what_came_only_by_an_open_way_is_told(trail: Trail) -> None:
    raws = [attempt(0, "user_create_provision", resource=KOFI), failed(5, "user_deprovision", resource=KOFI)]
    trail.insert(*(trail.log(raw, INGEST) for raw in raws))
    assert [step.action for step in history(trail).steps] == ["create", "deprovision"]
    assert answers(trail)["exposed"]


def sign_in(minutes: float, **fields: Any) -> dict[str, Any]:
    return event("sso_auth", timestamp=at(minutes), resource=None, success=None, initiated_by=KOFI, **fields)


@pytest.mark.parametrize(
    ("worse", "used"),
    [
        pytest.param({"timestamp": at(7)}, 30, id="another time"),
        pytest.param({"success": False, "error_message": "no"}, 30, id="refused"),
        pytest.param({"application": {"id": "other", "name": "other"}}, 30, id="another application"),
        pytest.param({"initiated_by": INES}, 30, id="somebody else"),
    ],
)
@pytest.mark.parametrize("better_first", [True, False])
def test_an_account_was_used_as_the_copy_in_force_tells(
    trail: Trail, worse: dict[str, Any], used: float, better_first: bool
) -> None:
    real = sign_in(used)
    copies = [trail.log(real), forged(trail, real, **worse)]
    trail.insert(
        attempt(0, "user_create_provision", resource=KOFI),
        failed(5, "user_deprovision", resource=KOFI),
        *(copies if better_first else copies[::-1]),
    )
    assert answers(trail)["used"] == [when(used)]


@pytest.mark.parametrize(
    "better",
    [
        pytest.param({"timestamp": at(2)}, id="before the account should have been closed"),
        pytest.param({"success": False, "error_message": "no"}, id="refused"),
        pytest.param({"application": {"id": "other", "name": "other"}}, id="another application"),
        pytest.param({"initiated_by": INES}, id="somebody else"),
        pytest.param({"event_type": "user_login_attempt"}, id="no sign-in to an application"),
    ],
)
def test_a_worse_copy_that_tells_of_a_use_is_none(trail: Trail, better: dict[str, Any]) -> None:
    told = sign_in(30)
    trail.insert(
        attempt(0, "user_create_provision", resource=KOFI),
        failed(5, "user_deprovision", resource=KOFI),
        forged(trail, told),
        {**told, **better},
    )
    assert answers(trail)["used"] == [None]

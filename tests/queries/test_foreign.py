"""A copy of less trust that names somebody else makes no step of theirs, closes and opens nothing, and is no use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from queries import histories
from queries.closings import report
from queries.exposures import SLA, list_exposures
from queries.histories import History, read_history
from queries.people import find_person
from queries.state import Asked, read_state
from queries.store import Store
from tests.queries.support import INGEST, Trail, at, attempt, failed, stored, when
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
        "used": used(trail),
        "closings": [each for each in closed.exceptions if each.subject_id == KOFI["id"]],
    }


def replace_(account: Any) -> Any:
    return replace(account, changes=[])


OTHERS: dict[str, tuple[str, float, int]] = {
    "closed afterwards": ("user_deprovision", 20, 20_000),
    "closed afterwards, read in batches": ("user_deprovision", 20, 2),
    "made anew afterwards": ("user_create_provision", 20, 20_000),
    "updated before everything": ("user_update_provision", -300, 20_000),
}
"""What happened to somebody else, when it is said to have happened to them, and how many rows are read at once."""


def test_what_a_better_copy_tells_of_another_changes_no_answer_about_somebody(
    shared_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {name: attempt(10, event_type, resource=INES) for name, (event_type, *_) in OTHERS.items()}
    own = [attempt(0, "user_create_provision", resource=KOFI), failed(5, "user_deprovision", resource=KOFI)]
    trails = stored(shared_store, {name: [*own, other] for name, other in others.items()})

    def told() -> Iterator[dict[str, Any]]:
        for name, (*_, batch) in OTHERS.items():
            monkeypatch.setattr(histories, "BATCH", batch)
            yield answers(trails[name])

    before = list(told())
    assert all(answer["exposed"] for answer in before)
    Trail(shared_store, "all of them").insert(
        *(
            forged(trails[name], others[name], resource=KOFI, timestamp=at(minutes))
            for name, (_, minutes, _) in OTHERS.items()
        )
    )
    assert list(told()) == before


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


WORSE: dict[str, Any] = {
    "another time": {"timestamp": at(7)},
    "refused": {"success": False, "error_message": "no"},
    "another application": {"application": {"id": "other", "name": "other"}},
    "somebody else": {"initiated_by": INES},
}
BETTER: dict[str, Any] = {
    "before the account should have been closed": {"timestamp": at(2)},
    "refused": {"success": False, "error_message": "no"},
    "another application": {"application": {"id": "other", "name": "other"}},
    "somebody else": {"initiated_by": INES},
    "no sign-in to an application": {"event_type": "user_login_attempt"},
}


def signed_in(store: Store, told: Mapping[str, Callable[[Trail], Iterable[Record]]]) -> dict[str, Trail]:
    """What is told of uses of an account that could not be closed, each in an organization of its own."""
    trails = {name: Trail(store, uuid4().hex[:24]) for name in told}
    records: list[Record] = []
    for name, trail in trails.items():
        records.append(trail.log(attempt(0, "user_create_provision", resource=KOFI)))
        records.append(trail.log(failed(5, "user_deprovision", resource=KOFI)))
        records += told[name](trail)
    Trail(store, "all of them").insert(*records)
    return trails


def used(trail: Trail) -> list[datetime | None]:
    found = list_exposures(trail.store, trail.organization, LATER)
    return [each.used_since for each in found.everything() if each.subject_id == KOFI["id"]]


@pytest.mark.parametrize("better_first", [True, False])
def test_an_account_was_used_as_the_copy_in_force_tells(shared_store: Store, better_first: bool) -> None:
    def copies(worse: dict[str, Any]) -> Callable[[Trail], list[Record]]:
        real = sign_in(30)
        return lambda trail: [trail.log(real), forged(trail, real, **worse)][:: 1 if better_first else -1]

    trails = signed_in(shared_store, {name: copies(worse) for name, worse in WORSE.items()})
    assert {name: used(trail) for name, trail in trails.items()} == {name: [when(30)] for name in WORSE}


def test_a_worse_copy_that_tells_of_a_use_is_none(shared_store: Store) -> None:
    def copies(better: dict[str, Any]) -> Callable[[Trail], list[Record]]:
        told = sign_in(30)
        return lambda trail: [forged(trail, told), trail.log({**told, **better})]

    trails = signed_in(shared_store, {name: copies(better) for name, better in BETTER.items()})
    assert {name: used(trail) for name, trail in trails.items()} == {name: [None] for name in BETTER}

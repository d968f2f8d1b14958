"""A copy that a better one overrules makes no step of anybody's, closes and opens nothing, and is no use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from queries import histories
from queries.closings import report
from queries.exposures import SLA, list_exposures
from queries.histories import History, read_history
from queries.people.resolving import find_person
from queries.state import Asked, read_state
from queries.store import Store
from schemas.envelope import Source
from tests.queries.support import EXPORT, INGEST, TENANT, Trail, at, attempt, failed, stored, when
from tests.records import NOON, STATSIG, Record, event

pytestmark = pytest.mark.store

KOFI = {"id": "5fad07f2b9f5414721b3d7a1", "type": "user", "username": "kofi.mensah"}
MIRO = {"id": "5fad07f2b9f5414721b3d7bb", "name": "miro"}
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
        "exposed": [
            (each.reason, each.since, replace_(each.account))
            for each in found.everything()
            if each.subject_id == KOFI["id"]
        ],
        "used": used(trail),
        "closings": [each for each in closed.exceptions if each.subject_id == KOFI["id"]],
    }


def replace_(account: Any) -> Any:
    return replace(account, changes=[])


def sign_in(minutes: float, **fields: Any) -> dict[str, Any]:
    return event("sso_auth", timestamp=at(minutes), resource=None, success=None, initiated_by=KOFI, **fields)


class Overruled(NamedTuple):
    """What a better copy says, what a worse one says instead, how that came, and how many rows are read at once."""

    better: dict[str, Any]
    worse: dict[str, Any]
    by: Source = INGEST
    batch: int = 20_000


OF_KOFI: dict[str, Any] = {"resource": KOFI, "success": True}
OVERRULED: dict[str, Overruled] = {
    "closed afterwards, in truth somebody else": Overruled(
        attempt(10, "user_deprovision", resource=INES), {**OF_KOFI, "timestamp": at(20)}
    ),
    "closed afterwards, in truth somebody else, read in batches": Overruled(
        attempt(10, "user_deprovision", resource=INES), {**OF_KOFI, "timestamp": at(20)}, batch=2
    ),
    "made anew afterwards, in truth somebody else": Overruled(
        attempt(10, "user_create_provision", resource=INES), {**OF_KOFI, "timestamp": at(20)}
    ),
    "updated before everything, in truth somebody else": Overruled(
        attempt(10, resource=INES), {**OF_KOFI, "timestamp": at(-300)}
    ),
    "closed, in truth a sign-in": Overruled(
        sign_in(-10), {**OF_KOFI, "event_type": "user_deprovision", "timestamp": at(20)}
    ),
    "closed, in truth updated in another application": Overruled(
        attempt(10, resource=KOFI, application=MIRO), {"event_type": "user_deprovision", "application": STATSIG}
    ),
    "closed, in truth an update that names no application": Overruled(
        attempt(10, resource=KOFI, application=None), {"event_type": "user_deprovision", "application": STATSIG}
    ),
    "activated again, in truth a sign-in": Overruled(
        sign_in(-10), {**OF_KOFI, "event_type": "user_activated", "timestamp": at(20)}
    ),
    "the integration deleted, in truth a sign-in": Overruled(
        sign_in(-10), {"event_type": "idm_integration_delete", "success": True, "timestamp": at(20)}
    ),
    "deleted, as a later export says, in truth looked up": Overruled(
        attempt(10, "user_lookup_provision", resource=KOFI, application=None), {"event_type": "user_delete"}, EXPORT
    ),
}


def test_what_a_better_copy_overrules_changes_no_answer_about_somebody(
    shared_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = [
        attempt(0, "user_create_provision", resource=KOFI),
        attempt(0, "user_create_provision", resource=KOFI, application=MIRO),
        event("user_suspended", timestamp=at(4), resource=KOFI, application=None),
        failed(5, "user_deprovision", resource=KOFI),
    ]
    trails = stored(shared_store, {name: [*own, case.better] for name, case in OVERRULED.items()})

    def told() -> dict[str, Any]:
        found = {}
        for name, case in OVERRULED.items():
            monkeypatch.setattr(histories, "BATCH", case.batch)
            found[name] = answers(trails[name])
        return found

    before = told()
    assert all(len(answer["exposed"]) == 2 for answer in before.values())
    Trail(shared_store, "all of them").insert(
        *(trails[name].log({**case.better, **case.worse}, case.by, LATER) for name, case in OVERRULED.items())
    )
    assert told() == before


def test_vendor_s_copies_that_disagree_on_the_person_count_for_each_in_every_answer(trail: Trail) -> None:
    left = event("user_suspended", timestamp=at(4), resource=KOFI, application=None)
    trail.insert(
        *(attempt(0, "user_create_provision", resource=who) for who in (KOFI, INES)),
        *(failed(5, "user_deprovision", resource=who) for who in (KOFI, INES)),
        *(trail.log(attempt(1, resource=who), INGEST) for who in (KOFI, INES)),
        trail.log(left),
        trail.log({**left, "resource": INES}, TENANT),
    )
    told = answers(trail)
    assert [since for _, since, _ in told["exposed"]] == [when(4)]
    assert [each.since for each in told["closings"]] == [when(4)]
    assert [account.closing_since for account in told["state"].accounts] == [when(4)]


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

"""Accounts that a deleted integration left open: told while any is, and of fresh deletions only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from queries.integrations.deletions import read_deletions
from queries.store import Store
from schemas.alerts import Detected, Detection
from streams.alerts.lookout.left_open import AGAIN, LEFT_OPEN, LeftOpen
from streams.alerts.lookout.sighting import Sighting, changes, key_of
from tests.queries.support import SLACK, Trail, attempt, id_of, stored, when
from tests.records import Record

pytestmark = pytest.mark.store

DAY = timedelta(hours=24)
Raw = dict[str, Any]


def of(person: str, minutes: float, event_type: str = "user_create_provision", **fields: Any) -> Raw:
    return attempt(minutes, event_type, resource={"id": person, "type": "user", "username": person}, **fields)


def integration(minutes: float, action: str, **fields: Any) -> Raw:
    return attempt(minutes, f"idm_integration_{action}", resource=None, **fields)


def seen(trail: Trail, now: datetime, told: Sequence[Detected] = ()) -> list[Sighting]:
    """As a worker that has just begun finds it."""
    found = LeftOpen(trail.store, DAY).look(told, now)
    assert found is not None
    return [sighting for sighting in found if sighting.organization == trail.organization]


def test_a_deletion_with_open_accounts_names_them(any_trail: Trail) -> None:
    deleted = any_trail.log(integration(30, "delete"))
    any_trail.insert(
        integration(-300, "activate"),
        of("ines", -200), of("kofi", -199), of("lena", -198), of("mia", -197, application=SLACK),
        of("lena", 20, "user_deprovision"),
        deleted,
    )  # fmt: skip
    assert seen(any_trail, when(30.5)) == [], "what comes beside the deletion may close them"
    (sighting,) = seen(any_trail, when(32))
    assert sighting == Sighting(
        any_trail.organization,
        {"application_id": "5fad07f2b9f5414721b3d797"},
        "Accounts are open in statsig, whose integration was deleted",
        when(30),
        event=sighting.event,
        events=1,
        people=("ines", "kofi"),
        applications=("5fad07f2b9f5414721b3d797",),
    )
    assert str(sighting.event) == id_of(deleted)


NOTHING: dict[str, tuple[list[Raw], datetime]] = {
    "long ago": ([of("ines", 0), integration(30, "delete")], when(30) + DAY + timedelta(seconds=1)),
    "it failed": ([of("ines", 0), integration(30, "delete", success=False)], when(60)),
    "taken back": ([of("ines", 0), integration(30, "delete"), integration(40, "activate")], when(60)),
    "closed": ([of("ines", 0), of("ines", 9, "user_deprovision"), integration(30, "delete")], when(60)),
    "nobody was in it": ([integration(30, "delete")], when(60)),
    "not deleted": ([of("ines", 0)], when(60)),
}


@pytest.fixture(scope="module")
def harmless(shared_store: Store) -> dict[str, Trail]:
    """Each in an organization of its own."""
    return stored(shared_store, {name: records for name, (records, _) in NOTHING.items()})


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_told_of_a_deletion(harmless: dict[str, Trail], name: str) -> None:
    assert seen(harmless[name], NOTHING[name][1]) == []


def test_what_was_told_stands_for_as_long_as_accounts_are_open_and_ends_with_the_last(trail: Trail) -> None:
    trail.insert(of("ines", -200), of("kofi", -199), integration(30, "delete"))
    (opened,) = changes(LEFT_OPEN, {}, seen(trail, when(32)), when(32))
    assert (opened.people, opened.first_at, opened.severity) == (2, when(30), "high")
    known = {key_of(opened): opened}
    later = when(30) + 3 * DAY
    assert changes(LEFT_OPEN, known, seen(trail, later, [opened]), later) == []
    trail.insert(of("kofi", 60, "user_deprovision"))
    (fewer,) = changes(LEFT_OPEN, known, seen(trail, later, [opened]), later)
    assert (fewer.alert_id, fewer.people, fewer.detection) == (opened.alert_id, 1, Detection.OPEN)
    trail.insert(integration(90, "activate"))
    (ended,) = changes(LEFT_OPEN, {key_of(fewer): fewer}, seen(trail, later, [fewer]), later)
    assert (ended.alert_id, ended.detection, ended.ended_at) == (opened.alert_id, Detection.ENDED, later)


def test_accounts_are_folded_again_only_for_another_deletion_or_after_ten_minutes(trail: Trail) -> None:
    asker = LeftOpen(trail.store, DAY)
    assert asker.look([], when(60)) is not None
    assert asker.look([], when(60)) is None
    trail.insert(of("ines", 0), integration(30, "delete"))
    assert asker.look([], when(60)) is not None
    assert asker.look([], when(60)) is None
    assert asker.look([], when(60) + AGAIN) is not None


def test_the_last_thing_that_was_done_counts_whatever_the_order_of_arrival(trail: Trail) -> None:
    log: list[Record] = [trail.log(integration(30, "delete")), trail.log(integration(40, "activate"))]
    for record in reversed(log):
        trail.insert(record, record)
    found = read_deletions(trail.store, when(0), when(60))
    assert trail.organization not in {deletion.organization for deletion in found}

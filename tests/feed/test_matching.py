"""What the feed shows for some conditions is what the store finds for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any
from uuid import uuid4

import pytest

from queries.api.parameters import event_filter
from queries.conditions import CONDITIONS, OF_INCIDENTS
from queries.events import list_events
from queries.matching import conditions, known_ids
from queries.selection import Selection
from queries.store import Store
from schemas.cause import Cause
from schemas.events import Kind
from schemas.outcome import Outcome
from streams.follower import event_item
from streams.rows import read
from tests.fixtures_store import copied
from tests.queries.support import SLACK, Trail, attempt, failed
from tests.records import STATSIG, event

pytestmark = pytest.mark.store

ADA = {"id": "a1", "type": "admin", "email": "Ada@corp.example"}
RENAMED = {"id": "p1", "type": "user", "username": "Ünal.Maiden", "email": "unal@corp.example"}
SINCE = {"id": "p1", "type": "user", "username": "married"}
KOFI = {"id": "p2", "type": "user", "username": "kofi.MENSAH", "email": "ΣΑΣ@corp.example"}

EVENTS = [
    attempt(1, "user_create_provision", resource=RENAMED, initiated_by=ADA),
    attempt(2, resource=SINCE, application=SLACK),
    failed(3, "user_deprovision", resource=KOFI, details="The access TOKEN expired"),
    failed(4, "user_delete_provision", code="404", resource=KOFI, application=SLACK),
    failed(5, code="409", details="userName is already taken", resource=SINCE, initiated_by=KOFI),
    attempt(6, "group_update_provision", resource={"id": "g1", "name": "all the staff"}),
    attempt(7, "idm_integration_reauth", resource=None, initiated_by=ADA),
    event("sso_auth", timestamp="2026-03-19T11:07:00Z", resource=None, initiated_by=KOFI, success=None),
    event("user_update_provision", timestamp="2026-03-19T11:08:00Z", resource=None, application=None),
]

CASES: list[dict[str, Any]] = [
    {},
    {"event_types": ("user_deprovision", "sso_auth")},
    {"kinds": ("group", "integration")},
    {"kinds": ("other",)},
    {"outcomes": ("failure",)},
    {"outcomes": ("success", "reported_absent"), "kinds": ("user",)},
    {"causes": ("conflict", "credentials")},
    {"application": STATSIG["id"]},
    {"application": "SlacK"},
    {"application": "slac"},
    {"subject": "p1"},
    {"subject": "P1"},
    {"subject": "ünal.maiden"},
    {"subject": "UNAL@corp.example"},
    {"subject": "married"},
    {"subject": "kofi.mensah"},
    {"subject": "σας@corp.example"},
    {"subject": "all the staff"},
    {"subject": "statsig"},
    {"subject": "nobody"},
    {"actor": "a1"},
    {"actor": "ada@CORP.example"},
    {"actor": "p2"},
    {"text": "access token"},
    {"text": "ÜNAL"},
    {"text": "taken", "outcomes": ("failure",)},
    {"text": "SSO"},
    {"text": "%"},
    {"incident": "1" * 32},
    {"organization": "another"},
    {"organization": None, "subject": "p1"},
]


@pytest.fixture(scope="module")
def told(migrated: Store) -> Iterator[tuple[Trail, list[dict[str, Any]]]]:
    """The same events in the store and as the feed has them."""
    with copied(migrated) as store:
        trail = Trail(store, uuid4().hex[:24])
        records = [trail.log(raw) for raw in EVENTS]
        trail.insert(*records)
        yield trail, [event_item(read(record)) for record in records]


def test_every_field_of_a_selection_has_a_condition_and_a_case() -> None:
    own = {field.name for field in fields(Selection)} - {"organization", "since", "until", "asked", "unplaced"}
    assert own == set(CONDITIONS) == {name for case in CASES for name in case} - {"organization"}
    assert own > OF_INCIDENTS


def test_the_api_sets_every_condition() -> None:
    given = event_filter("o", ["t"], [Kind.USER], [Outcome.FAILURE], [Cause.QUOTA], *"abcde")
    assert given.given().keys() == CONDITIONS.keys()


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("fresh", [True, False], ids=["names learnt on the way", "names known before"])
def test_the_feed_and_the_store_agree(
    told: tuple[Trail, list[dict[str, Any]]], case: dict[str, Any], fresh: bool
) -> None:
    trail, items = told
    selection = trail.day(**case)
    known = set() if fresh else known_ids(trail.store, selection)
    meets = conditions(selection, known)
    shown = {item["event_id"] for item in items if all(condition(item) for condition in meets)}
    found = {row["event_id"] for row in list_events(trail.store, selection, None, 100).items}
    if fresh and case.get("subject") == "married":
        assert shown == found - {items[0]["event_id"]}  # it was logged before anybody called them so
    else:
        assert shown == found


def test_an_incident_of_the_store_is_the_one_of_the_feed(told: tuple[Trail, list[dict[str, Any]]]) -> None:
    trail, items = told
    named = {item["incident_id"] for item in items} - {None}
    assert named
    for incident in named:
        selection = trail.day(incident=incident)
        (meets,) = conditions(trail.day(organization=None, incident=incident), set())
        found = {row["event_id"] for row in list_events(trail.store, selection, None, 100).items}
        assert {item["event_id"] for item in items if meets(item)} == found != set()

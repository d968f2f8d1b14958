"""Whoever adds a provisioning event type or an action is asked for its meaning wherever one is needed."""

from __future__ import annotations

import pytest

from pages.transition_page import ATTEMPTS
from queries.accounts.account import CLOSED
from queries.exports.ocsf import ocsf
from queries.findings.changed import kind_of
from schemas.action import CLOSINGS, PUSHES, Action
from schemas.events import PROVISIONING_EVENTS, REMOVALS, DirectoryInsightsEvent, Kind
from schemas.facts import MEANT, facts
from tests.exports.test_ocsf import row

OF_ACCOUNTS = {event.action for event in PROVISIONING_EVENTS if event.kind is not Kind.INTEGRATION}
NO_ACTIVITY = {
    ("1.8.0", "user_update_provision"),
    *((version, "user_lookup_provision") for version in ("1.8.0", "1.9.0")),
}
"""What OCSF has no activity for."""


def test_every_event_type_has_an_action_of_its_own() -> None:
    assert {event.action for event in PROVISIONING_EVENTS} == set(Action)
    assert len({(event.kind, event.action) for event in PROVISIONING_EVENTS}) == len(PROVISIONING_EVENTS)


@pytest.mark.parametrize("event", PROVISIONING_EVENTS, ids=lambda event: event.canonical)
def test_the_store_gets_an_action_as_plain_text(event: type[DirectoryInsightsEvent]) -> None:
    action = facts(event()).action
    assert type(action) is str
    assert action == event.action


def test_every_action_is_to_give_an_account_a_state_or_none() -> None:
    assert set(MEANT) == set(Action)


def test_every_action_on_an_account_opens_closes_or_looks() -> None:
    assert sorted((*CLOSINGS, *PUSHES, Action.LOOKUP)) == sorted(action for action in OF_ACCOUNTS if action)


def test_what_closes_an_account_is_to_make_it_inactive_or_deleted() -> None:
    assert set(CLOSINGS) == {action for action, state in MEANT.items() if state in CLOSED}


@pytest.mark.parametrize("event", PROVISIONING_EVENTS, ids=lambda event: event.canonical)
def test_what_closes_an_account_may_find_it_absent_and_be_part_of_a_mass_change(
    event: type[DirectoryInsightsEvent],
) -> None:
    closes = event.kind is not Kind.INTEGRATION and MEANT[event.action] in CLOSED if event.action else False
    row = {"event_type": event.canonical, "kind": event.kind, "action": event.action}

    assert (event.canonical in REMOVALS) == closes
    assert (kind_of(row) is not None) == closes


def test_the_table_of_transitions_has_every_action_on_an_account() -> None:
    assert {action for action, _ in ATTEMPTS} - {"activate"} == OF_ACCOUNTS


@pytest.mark.parametrize("version", ["1.8.0", "1.9.0"])
@pytest.mark.parametrize("event", PROVISIONING_EVENTS, ids=lambda event: event.canonical)
def test_every_event_type_is_an_activity_of_ocsf(event: type[DirectoryInsightsEvent], version: str) -> None:
    activity = ocsf(row(event.kind, event.action or "", event.canonical), version)["activity_id"]
    assert (activity == 99) == ((version, event.canonical) in NO_ACTIVITY)

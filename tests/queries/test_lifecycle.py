"""The fold of a lifecycle: what each attempt retries, and where each account stands. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queries.accounts.account import Account
from queries.accounts.folding import Row
from queries.accounts.pushes import RETRY_WINDOW
from queries.lifecycle import fold

START: Final = datetime(2026, 3, 19, 11, tzinfo=UTC)

# Of an attempt: minute, what the account is meant to become, outcome.
Attempt = tuple[float, str, str]

_TYPES: Final = {
    "active": "user_create_provision",
    "inactive": "user_deprovision",
    "deleted": "user_delete_provision",
    "": "user_update_provision",
}


def row(number: int, minute: float, state: str, outcome: str, **fields: Any) -> Row:
    event_type = _TYPES[state]
    base: Row = {
        "event_id": UUID(int=number),
        "occurred_at": START + timedelta(minutes=minute),
        "time_quality": "ok",
        "version": 3,
        "fingerprint": b"f",
        "event_type": event_type,
        "kind": "user",
        "action": event_type.split("_")[1],
        "outcome": outcome,
        "cause": "credentials" if outcome == "failure" else "",
        "attribute": "",
        "http_status": 401 if outcome == "failure" else 200,
        "detail": "",
        "application_id": "a1",
        "application_name": "statsig",
        "actor_name": "",
        "account_state": state,
        "changed": [],
        "group_id": "",
        "group_name": "",
    }
    return {**base, **fields}


def rows(*attempts: Attempt) -> list[Row]:
    return [row(number, *attempt) for number, attempt in enumerate(attempts, 1)]


def account(*attempts: Attempt) -> Account:
    (found,) = fold(rows(*attempts)).accounts
    return found


@pytest.mark.parametrize(
    ("attempts", "state", "exposed"),
    [
        pytest.param([(0, "active", "success")], "open", False, id="opened"),
        pytest.param([(0, "active", "failure")], "unknown", False, id="opening failed"),
        pytest.param([(0, "", "success")], "open", False, id="an accepted update shows it open"),
        pytest.param([(0, "active", "success"), (1, "inactive", "success")], "closed", False, id="closed"),
        pytest.param([(0, "active", "success"), (1, "inactive", "failure")], "open", True, id="closing failed"),
        pytest.param([(0, "inactive", "failure")], "open", True, id="closing failed, opening unseen"),
        pytest.param([(0, "inactive", "unknown")], "open", True, id="closing unclear is not confirmed"),
        pytest.param([(0, "inactive", "failure"), (1, "inactive", "success")], "closed", False, id="a retry closed it"),
        pytest.param(
            [(0, "inactive", "success"), (1, "inactive", "failure")], "closed", False, id="closed stays closed"
        ),
        pytest.param(
            [(0, "inactive", "success"), (1, "deleted", "failure")], "closed", False, id="inactive, not deleted"
        ),
        pytest.param(
            [(0, "active", "success"), (1, "deleted", "success"), (2, "", "success"), (3, "inactive", "failure")],
            "open",
            True,
            id="an accepted update shows that it is there again",
        ),
        pytest.param([(0, "inactive", "reported_absent")], "reported_absent", False, id="the provider knows none"),
        pytest.param(
            [(0, "inactive", "reported_absent"), (1, "inactive", "failure")],
            "reported_absent",
            False,
            id="reported absent, then a failure tells nothing new",
        ),
        pytest.param(
            [(0, "inactive", "success"), (1, "active", "success"), (2, "inactive", "failure")],
            "open",
            True,
            id="opened again, and closing failed",
        ),
        pytest.param(
            [(0, "inactive", "success"), (1, "active", "unknown"), (2, "inactive", "failure")],
            "open",
            True,
            id="perhaps opened again: an older confirmation proves nothing",
        ),
        pytest.param(
            [(0, "inactive", "success"), (1, "active", "failure"), (2, "inactive", "failure")],
            "closed",
            False,
            id="opening again failed, so it is still closed",
        ),
    ],
)
def test_where_an_account_stands(attempts: list[Attempt], state: str, exposed: bool) -> None:
    found = account(*attempts)
    assert (found.state, found.exposed) == (state, exposed)


def test_closing_is_counted_from_when_it_was_first_meant() -> None:
    found = account(
        (0, "active", "success"), (10, "inactive", "failure"), (30, "inactive", "failure"), (50, "deleted", "failure")
    )
    assert found.closing_since == START + timedelta(minutes=10)
    assert found.closing_tries == 3
    assert found.last_try == START + timedelta(minutes=50)
    assert (found.confirmed, found.confirmed_at) == ("active", START)
    assert (found.attempted, found.last_cause) == ("deleted", "credentials")


@pytest.mark.parametrize(
    ("later", "retries"),
    [
        pytest.param({}, True, id="the same attempt"),
        pytest.param({"outcome": "success"}, True, id="one that succeeds"),
        pytest.param({"application_id": "a2"}, False, id="another application"),
        pytest.param({"event_type": "user_delete_provision"}, False, id="another action"),
        pytest.param({"changed": ["title"]}, False, id="other attributes"),
        pytest.param({"occurred_at": START + RETRY_WINDOW + timedelta(seconds=1)}, False, id="too late"),
        pytest.param({"kind": "other"}, False, id="no attempt"),
    ],
)
def test_what_counts_as_a_retry(later: dict[str, Any], retries: bool) -> None:
    first, second = row(1, 0, "inactive", "failure"), {**row(2, 20, "inactive", "failure"), **later}
    assert fold([first, second]).steps[1].retry_of == (UUID(int=1) if retries else None)


def test_a_long_run_of_retries_points_at_its_first_attempt() -> None:
    run = [row(number, number * 60 * 24, "inactive", "failure") for number in range(1, 10)]
    steps = fold(
        [*run, row(10, 10 * 60 * 24, "inactive", "success"), row(11, 11 * 60 * 24, "inactive", "failure")]
    ).steps
    assert [step.retry_of for step in steps] == [None, *[UUID(int=1)] * 9, None]


def test_a_time_that_cannot_be_believed_changes_no_state() -> None:
    garbage = row(9, 0, "active", "success", time_quality="garbage", occurred_at=datetime(1970, 1, 1, tzinfo=UTC))
    told = fold([row(1, 0, "inactive", "success"), garbage])
    assert [step.event_id.int for step in told.steps] == [9, 1]
    assert told.accounts[0].state == "closed"


some_rows = st.lists(
    st.builds(
        lambda number, minute, state, outcome, app, version: row(
            number, minute, state, outcome, application_id=app, version=version, fingerprint=bytes([version])
        ),
        st.integers(1, 12),
        st.integers(0, 5),
        st.sampled_from(sorted(_TYPES)),
        st.sampled_from(["success", "failure", "reported_absent", "unknown"]),
        st.sampled_from(["a1", "a2"]),
        st.integers(1, 200),
    ),
    max_size=30,
    # A copy is told from another of the same event by its version and fingerprint.
    unique_by=lambda found: (found["event_id"], found["version"]),
)


@settings(deadline=None)
@given(some_rows, st.randoms(use_true_random=False), st.data())
def test_order_of_arrival_repeats_and_copies_out_of_force_change_nothing(
    found: list[Row], dice: Any, data: Any
) -> None:
    told = fold(found)
    again = [*found, *data.draw(st.lists(st.sampled_from(found), max_size=10))] if found else []
    dice.shuffle(again)
    assert fold(again) == told
    best = {
        key: max((r for r in found if r["event_id"] == key), key=lambda r: r["version"])
        for key in {r["event_id"] for r in found}
    }
    assert fold(best.values()) == told
    assert len(told.steps) == len(best)

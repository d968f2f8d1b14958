"""What one event says about whether somebody is here or gone."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from queries.people.mark import Mark
from schemas.outcome import Outcome

AT = datetime(2026, 3, 19, tzinfo=UTC)


def mark(event_type: str, action: str = "", state: str = "", outcome: str = "success", changed: str = "") -> Mark:
    """A mark of one event; of a person's account if it has an action."""
    kind, changes = "user" if action else "other", [changed] if changed else []
    one = UUID(int=1)
    return Mark(
        "p", "user", "ana", "", event_type, kind, action, outcome, "", state, "", "", changes, 1, AT, one, AT, one
    )


@pytest.mark.parametrize(
    ("told", "living", "closing"),
    [
        pytest.param(mark("user_create_provision", "create", "active"), True, False, id="an account is created"),
        pytest.param(mark("user_update_provision", "update"), True, False, id="an account is updated"),
        pytest.param(mark("user_update_provision", "update", "inactive"), False, True, id="an update closes it"),
        pytest.param(mark("user_deprovision", "deprovision", "inactive"), False, True, id="an account is closed"),
        pytest.param(mark("user_delete_provision", "delete", "deleted"), False, True, id="an account is deleted"),
        pytest.param(
            mark("user_create_provision", "create", "active", Outcome.FAILURE), False, False, id="a creation is refused"
        ),
        pytest.param(
            mark("user_lookup_provision", "lookup", outcome=Outcome.UNKNOWN), False, False, id="somebody is looked up"
        ),
        pytest.param(mark("user_create"), True, False, id="somebody is hired"),
        pytest.param(mark("systemuser_update", changed="department"), True, False, id="a person is edited"),
        pytest.param(
            mark("user_update", changed="state: ACTIVATED -> SUSPENDED"), False, True, id="a person is suspended"
        ),
        pytest.param(mark("user_delete"), False, True, id="a person is deleted"),
        pytest.param(mark("user_delete", outcome=Outcome.FAILURE), False, False, id="a deletion is refused"),
        pytest.param(mark("user_login_attempt"), False, False, id="who left tries to sign in"),
        pytest.param(mark("sso_auth"), False, False, id="who left has a session"),
    ],
)
def test_an_event_takes_an_id_into_use_or_ends_its_use(told: Mark, living: bool, closing: bool) -> None:
    assert (told.living, told.closing) == (living, closing)

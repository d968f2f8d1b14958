"""Events in OCSF, against the published schema."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from ocsf.v1_7_0.events import AccountChange, Authentication, EntityManagement

from queries.exports.ocsf import ocsf

AT = datetime(2026, 3, 19, 14, 3, 11, 482_001, tzinfo=UTC)
MODELS: dict[int, Any] = {3001: AccountChange, 3002: Authentication, 3004: EntityManagement}


def row(kind: str, action: str, event_type: str = "", **fields: Any) -> dict[str, Any]:
    """An event as the API lists it."""
    return {
        "event_id": UUID(int=7), "organization": "641b3db57090821c0b2f8183", 
        "event_type": event_type or f"{kind}_{action}",
        "occurred_at": AT, "occurred_text": "2026-03-19T14:03:11.482001000Z", "time_quality": "ok", "known_at": AT,
        "kind": kind, "action": action, "outcome": "success", "cause": "", "attribute": "", "http_status": 201,
        "scim_type": "", "detail": "", "retryable": False, "subject_id": "63ec9bba", "subject_type": "user",
        "subject_name": "ines.almeida", "subject_email": "ines@corp.example", "application_id": "5fad07f2",
        "application_name": "statsig", "integration_id": "62ebd659", "actor_id": "61e536eb", "actor_type": "admin",
        "actor_name": "ada@corp.example", "account_state": "", "changed": [], "flags": [], "source": "file", "trust": 3,
        "incident_id": None,
    } | fields  # fmt: skip


CASES = [
    pytest.param(row("user", "create"), 3001, 1, id="create"),
    pytest.param(row("user", "update"), 3001, 99, id="update"),
    pytest.param(row("user", "update", account_state="active"), 3001, 2, id="update that opens"),
    pytest.param(row("user", "update", account_state="inactive"), 3001, 5, id="update that closes"),
    pytest.param(row("user", "deprovision"), 3001, 5, id="deprovision"),
    pytest.param(row("user", "delete"), 3001, 6, id="delete"),
    pytest.param(row("user", "lookup"), 3001, 99, id="lookup"),
    pytest.param(row("group", "create"), 3004, 1, id="group"),
    pytest.param(row("group", "update"), 3004, 3, id="group update"),
    pytest.param(row("group", "delete"), 3004, 4, id="group deletion"),
    pytest.param(row("integration", "activate"), 3004, 10, id="activation"),
    pytest.param(row("integration", "reauth"), 3004, 3, id="reauthorisation"),
    pytest.param(row("integration", "delete"), 3004, 11, id="deactivation"),
    pytest.param(row("other", "", "sso_auth"), 3002, 1, id="sign-in"),
    pytest.param(row("other", "", "user_update"), 0, 99, id="any other event"),
    pytest.param(row("user", "create", subject_id="", subject_name="", subject_email=""), 3001, 1, id="of nobody"),
]


@pytest.mark.parametrize(("event", "class_uid", "activity"), CASES)
def test_every_event_is_what_the_published_schema_takes(event: dict[str, Any], class_uid: int, activity: int) -> None:
    told = ocsf(event, "1.8.0")
    assert (told["class_uid"], told["activity_id"]) == (class_uid, activity)
    assert told["type_uid"] == class_uid * 100 + activity
    # The newest that is published as models; 1.8 adds to it.
    if model := MODELS.get(class_uid):  # the models' own base event cannot be built
        model.model_validate({**told, "metadata": {**told["metadata"], "version": "1.7.0"}})


@pytest.mark.parametrize(
    ("action", "state", "activity"),
    [
        pytest.param("create", "active", 1, id="create"),
        pytest.param("update", "", 2, id="update"),
        pytest.param("delete", "deleted", 3, id="delete"),
        pytest.param("update", "active", 4, id="enable"),
        pytest.param("deprovision", "inactive", 5, id="disable"),
        pytest.param("lookup", "", 99, id="lookup"),
    ],
)
def test_people_are_user_management_from_1_9_on(action: str, state: str, activity: int) -> None:
    told = ocsf(row("user", action, account_state=state), "1.9.0")
    assert (told["class_uid"], told["activity_id"], told["type_uid"]) == (3007, activity, 300_700 + activity)
    assert told["metadata"]["version"] == "1.9.0"


def test_a_failure_says_what_the_provider_said() -> None:
    told = ocsf(
        row("user", "create", outcome="failure", http_status=409, cause="conflict", detail="exists", flags=["no_id"]),
        "1.8.0",
    )
    assert (told["status_id"], told["status"], told["severity_id"]) == (2, "Failure", 3)
    assert (told["status_code"], told["status_detail"]) == ("409", "exists")
    assert told["unmapped"]["cause"] == "conflict"
    assert told["unmapped"]["application"] == {"uid": "5fad07f2", "name": "statsig"}
    assert told["message"] == "user_create of ines.almeida in statsig: failure"


def test_what_is_not_known_is_not_made_up() -> None:
    told = ocsf(row("user", "deprovision", outcome="reported_absent", actor_id="", actor_name=""), "1.8.0")
    assert (told["status_id"], told["status"]) == (99, "reported_absent")
    assert "actor" not in told
    assert ocsf(row("user", "create", outcome="unknown"), "1.8.0")["status_id"] == 0


def test_times_are_milliseconds_and_an_unbelievable_one_is_when_it_was_known() -> None:
    known = datetime(2026, 3, 19, 15, tzinfo=UTC)
    assert ocsf(row("user", "create", known_at=known), "1.8.0")["time"] == 1_773_928_991_482
    odd = row("user", "create", known_at=known, time_quality="garbage", occurred_at=datetime(1970, 1, 1, tzinfo=UTC))
    assert ocsf(odd, "1.8.0")["time"] == 1_773_932_400_000

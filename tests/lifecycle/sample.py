"""A leaver: two accounts, one that cannot be closed, as the fold tells of them and the API shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from queries.accounts.folding import Row
from queries.api.account_models import Lifecycle
from queries.lifecycle import fold
from tests.queries.test_lifecycle import START, row

Item = dict[str, Any]

NOW: Final = datetime(2026, 3, 21, 9, tzinfo=UTC)
SLACK: Final = {"application_id": "a2", "application_name": "slack"}
ADA: Final = "ada@corp.example"
DAY: Final = 24 * 60


def act(number: int, minute: float, event_type: str = "user_update", **fields: Any) -> Row:
    """Something that an administrator did in the directory."""
    directory = {
        "event_type": event_type, "kind": "other", "action": "", "application_id": "", "application_name": "",
        "account_state": "", "http_status": 0, "actor_name": ADA,
    }  # fmt: skip
    return row(number, minute, "", "success", **{**directory, **fields})


def suspended(number: int, minute: float) -> Row:
    """The person is suspended."""
    return act(number, minute, changed=["state: ACTIVATED -> SUSPENDED"])


def leaver() -> list[Row]:
    """Accounts in statsig and slack; suspended after a day; statsig refuses to close."""
    expired = {"detail": "token expired"}
    return [
        row(1, 0, "active", "success", http_status=201),
        row(2, 1, "active", "success", http_status=201, **SLACK),
        act(3, 300, changed=["jobTitle"]),
        row(4, 300.02, "", "success", changed=["title"]),
        row(5, 300.03, "", "success", changed=["title"], **SLACK),
        act(6, 600, "sso_auth", application_id="a1", application_name="statsig"),
        suspended(7, DAY),
        row(8, DAY + 0.02, "inactive", "failure", **expired),
        row(9, DAY + 0.03, "inactive", "success", **SLACK),
        *[row(10 + number, DAY + 20 * (number + 1), "inactive", "failure", **expired) for number in range(5)],
    ]


def answer_of(rows: Iterable[Row], *names: str) -> Item:
    """As `GET /api/v1/lifecycle?timeline=true` tells it."""
    found = fold(rows, timeline=True)
    accounts = [{**asdict(account), "exposed": account.exposed} for account in found.accounts]
    person = {"organization": "corp", "subject_id": "63ec9bba", "names": list(names or ("ines.almeida",))}
    person |= {"subject_ids": ["63ec9bba"], "note": ""}
    return Lifecycle.model_validate(
        {"person": person, "known_at": None, "later": 0, "accounts": accounts, "items": found.steps, "next": None},
        from_attributes=True,
    ).model_dump(mode="json")


def after(minutes: float) -> datetime:
    """A time of the sample's."""
    return START + timedelta(minutes=minutes)

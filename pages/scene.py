"""A few events about one subject and their fold: for the tables of docs/lifecycle.md and for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from queries.accounts.account import ACTIVE, DELETED, INACTIVE, Account
from queries.accounts.bindings import ACTIVATED, DEACTIVATED, Bindings, is_membership
from queries.accounts.folding import Row
from queries.integrations.uses import uses_of
from queries.lifecycle import Lifecycle, fold
from schemas.association import ASSOCIATION_CHANGE
from schemas.outcome import Outcome

_START: Final = datetime(2026, 3, 19, 9, tzinfo=UTC)
_STATES: Final = {"create": ACTIVE, "activate": ACTIVE, "deprovision": INACTIVE, "delete": DELETED}
_STATUS: Final = {Outcome.SUCCESS: 200, Outcome.FAILURE: 401, Outcome.REPORTED_ABSENT: 404, Outcome.UNKNOWN: 0}


class Scene:
    """A few events about one subject, ten minutes apart unless set otherwise, and their fold."""

    def __init__(self, kind: str = "user") -> None:
        self.kind = kind
        self.own: list[Row] = []
        self.around: list[Row] = []
        self._at = _START

    def attempt(self, action: str, outcome: str = Outcome.SUCCESS, changed: list[str] | None = None) -> Scene:
        """Add an attempt. `activate` is an update that takes an account back into use."""
        meant = "" if self.kind == "group" else _STATES.get(action, "")
        action = "update" if action == "activate" else action
        suffix = "" if action == "deprovision" else "_provision"
        self.own.append(
            self._row(
                f"{self.kind}_{action}{suffix}",
                kind=self.kind,
                action=action,
                outcome=outcome,
                http_status=_STATUS[Outcome(outcome)],
                account_state=meant,
                changed=changed or [],
                application_id="a1",
                application_name="slack",
            )
        )
        return self

    def person(self, act: str) -> Scene:
        """Add an act on the person: suspended, activated, deleted or made."""
        if act in ("deleted", "made"):
            self.own.append(self._row("user_delete" if act == "deleted" else "user_create"))
            return self
        before, after = ("ACTIVATED", "SUSPENDED") if act == "suspended" else ("SUSPENDED", "ACTIVATED")
        self.own.append(self._row("user_update", changed=[f"state: {before} -> {after}"]))
        return self

    def edit(self, attribute: str) -> Scene:
        """Add a change of an attribute in the directory."""
        self.own.append(self._row("user_update", changed=[attribute]))
        return self

    def member(self, op: str, group: str = "sales") -> Scene:
        """Add the person to a group, or remove them."""
        self.own.append(self._row(ASSOCIATION_CHANGE, action=op, group_id=group, group_name=group))
        return self

    def bound(self, op: str, group: str = "sales") -> Scene:
        """Bind a group to the application, or unbind it. In a group's own scene it is that group."""
        row = self._row(
            ASSOCIATION_CHANGE, action=op, group_id=group, group_name=group, application_id="a1",
            application_name="slack",
        )  # fmt: skip
        (self.own if self.kind == "group" else self.around).append(row)
        return self

    def direct(self, op: str) -> Scene:
        """Bind the person to the application directly, or unbind them."""
        self.own.append(
            self._row(ASSOCIATION_CHANGE, action=op, application_id="a1", application_name="slack", subject_id="p")
        )
        return self

    def group_deleted(self) -> Scene:
        """Delete the group, in its own scene."""
        self.own.append(self._row("group_delete", subject_id="sales"))
        return self

    def integration(self, active: bool) -> Scene:
        """Activate or delete the integration."""
        self.around.append(self._row(ACTIVATED if active else DEACTIVATED, application_id="a1"))
        return self

    def after(self, wait: timedelta) -> Scene:
        """Set how long after the last event the next one comes."""
        self._at += wait - timedelta(minutes=10)
        return self

    def told(self) -> Lifecycle:
        """Return the fold of the events."""
        members = [row for row in self.own if is_membership(row)] if self.kind == "group" else []
        return fold(self.own, Bindings([*self.around, *members, *uses_of(self.own)]), timeline=True)

    def account(self) -> Account:
        """Return the only account; an absent one if there is none."""
        accounts = self.told().accounts
        return accounts[0] if accounts else Account("a1", "slack")

    def _row(self, event_type: str, **fields: Any) -> Row:
        self._at += timedelta(minutes=10)
        number = len(self.own) + len(self.around) + 1
        return {
            "event_id": UUID(int=number),
            "occurred_at": self._at,
            "time_quality": "ok",
            "version": 1,
            "fingerprint": b"",
            "event_type": event_type,
            "kind": "other",
            "action": "",
            "outcome": Outcome.SUCCESS,
            "cause": "",
            "attribute": "",
            "http_status": 0,
            "detail": "",
            "subject_id": "",
            "application_id": "",
            "application_name": "",
            "actor_name": "ada@corp.example",
            "account_state": "",
            "changed": [],
            "group_id": "",
            "group_name": "",
            **fields,
        }

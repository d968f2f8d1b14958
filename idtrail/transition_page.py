"""The tables of docs/lifecycle.md: what each event makes of an account, as the fold itself says when it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from queries.account import ABSENT, ACTIVE, DELETED, INACTIVE, REPORTED_ABSENT, UNKNOWN, Account
from queries.because import BURST, MOVE, PROMPT, ROLLOUT
from queries.bindings import ACTIVATED, DEACTIVATED, Bindings, is_membership
from queries.folding import Row
from queries.lifecycle import Lifecycle, fold
from queries.pushes import INSTEAD, RETRY_WINDOW
from schemas.association import ASSOCIATION_CHANGE
from schemas.outcome import Outcome

_START: Final = datetime(2026, 3, 19, 9, tzinfo=UTC)
_STATES: Final = {"create": ACTIVE, "activate": ACTIVE, "deprovision": INACTIVE, "delete": DELETED}
_STATUS: Final = {Outcome.SUCCESS: 200, Outcome.FAILURE: 401, Outcome.REPORTED_ABSENT: 404, Outcome.UNKNOWN: 0}


class Scene:
    """A few events about one subject, ten minutes apart unless told otherwise, and what is folded of them."""

    def __init__(self, kind: str = "user") -> None:
        self.kind = kind
        self.own: list[Row] = []
        self.around: list[Row] = []
        self._at = _START

    def attempt(self, action: str, outcome: str = Outcome.SUCCESS, changed: list[str] | None = None) -> Scene:
        """`activate` is an update that takes an account back into use."""
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
        """suspended, activated or deleted in the directory."""
        if act == "deleted":
            self.own.append(self._row("user_delete"))
            return self
        before, after = ("ACTIVATED", "SUSPENDED") if act == "suspended" else ("SUSPENDED", "ACTIVATED")
        self.own.append(self._row("user_update", changed=[f"state: {before} -> {after}"]))
        return self

    def edit(self, attribute: str) -> Scene:
        """An attribute is changed in the directory."""
        self.own.append(self._row("user_update", changed=[attribute]))
        return self

    def member(self, op: str, group: str = "sales") -> Scene:
        """The person is added to a group, or removed."""
        self.own.append(self._row(ASSOCIATION_CHANGE, action=op, group_id=group, group_name=group))
        return self

    def bound(self, op: str, group: str = "sales") -> Scene:
        """A group is bound to the application, or unbound; of a group's own scene, that group."""
        row = self._row(
            ASSOCIATION_CHANGE, action=op, group_id=group, group_name=group, application_id="a1",
            application_name="slack",
        )  # fmt: skip
        (self.own if self.kind == "group" else self.around).append(row)
        return self

    def group_deleted(self) -> Scene:
        """The group, in its own scene."""
        self.own.append(self._row("group_delete", subject_id="sales"))
        return self

    def integration(self, active: bool) -> Scene:
        """The integration is activated or deleted."""
        self.around.append(self._row(ACTIVATED if active else DEACTIVATED, application_id="a1"))
        return self

    def after(self, wait: timedelta) -> Scene:
        """The next event comes so much later than the last."""
        self._at += wait - timedelta(minutes=10)
        return self

    def told(self) -> Lifecycle:
        """The fold."""
        members = [row for row in self.own if is_membership(row)] if self.kind == "group" else []
        return fold(self.own, Bindings([*self.around, *members]), timeline=True)

    def account(self) -> Account:
        """The one account that there is; absent if there is none."""
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


def _in_state(confirmed: str) -> Scene:
    scene = Scene()
    if confirmed in (ABSENT, UNKNOWN):
        return scene
    scene.attempt("create")
    if confirmed == INACTIVE:
        scene.attempt("deprovision")
    elif confirmed == DELETED:
        scene.attempt("delete")
    elif confirmed == REPORTED_ABSENT:
        scene.attempt("deprovision", Outcome.REPORTED_ABSENT)
    return scene


BEFORE: Final = (ABSENT, ACTIVE, INACTIVE, DELETED, REPORTED_ABSENT)
ATTEMPTS: Final = (
    ("create", "`user_create_provision`"),
    ("activate", "`user_update_provision` with `active: true`"),
    ("update", "`user_update_provision`"),
    ("deprovision", "`user_deprovision`"),
    ("delete", "`user_delete_provision`"),
    ("lookup", "`user_lookup_provision`"),
)
OUTCOMES: Final = (Outcome.SUCCESS, Outcome.REPORTED_ABSENT, Outcome.FAILURE, Outcome.UNKNOWN)

DECIDED: Final = (
    ("suspended in the directory", lambda scene: scene.person("suspended")),
    ("suspended, then taken back", lambda scene: scene.person("suspended").person("activated")),
    ("deleted from the directory", lambda scene: scene.person("deleted")),
    ("added to a bound group", lambda scene: scene.bound("add").member("add")),
    ("added to a bound group, then removed", lambda scene: scene.bound("add").member("add").member("remove")),
    (
        "moved from one bound group to another within a minute",
        lambda scene: scene.bound("add").bound("add", "staff").member("add").member("remove")
        .after(timedelta(seconds=1)).member("add", "staff"),
    ),
    ("added to a bound group, which is then unbound",
     lambda scene: scene.bound("add").member("add").bound("remove")),
    ("only an attempt to create it", lambda scene: scene.attempt("create", Outcome.FAILURE)),
    ("only an attempt to deactivate it", lambda scene: scene.attempt("deprovision", Outcome.FAILURE)),
    ("only an attempt to delete it", lambda scene: scene.attempt("delete", Outcome.FAILURE)),
    ("the integration deleted", lambda scene: scene.integration(active=False)),
)  # fmt: skip


def confirmed_after(before: str, action: str, outcome: str) -> str:
    """What is confirmed after the attempt. A 404 is what the outcome says of closing attempts only."""
    return _in_state(before).attempt(action, outcome).account().confirmed


def intended_after(before: str, decided: Any) -> str:
    """What is meant after what was decided in the directory."""
    scene: Scene = decided(_in_state(before))
    return scene.account().intended


HOURS: Final = round(ROLLOUT.total_seconds() / 3600)
RETRIED: Final = round(RETRY_WINDOW.total_seconds() / 3600)

_HEAD: Final = """# Lifecycles and the states of accounts

`idtrail lifecycle PERSON` replays everything that was attempted for somebody. Of every account it tells two states:

- **intended**: what the directory wants the account to be. It changes at the directory's event that decides it (a
  suspension, a deletion, a membership, a binding of a group to the application) where the log has that event, which
  is before the first attempt; else at the attempt.
- **confirmed**: what the provider last accepted. Only a provider's answer changes it, at that answer's own time.

An account that is meant to be closed and is not confirmed closed is an *exposure*. Whatever the provider did not
confirm, nobody knows: somebody may have deleted the account by hand, and a time-out may have taken effect.

Both states are functions of the set of events in the order of (occurred, event id): late, repeated and shuffled
events give the same answer. Events without a believable time change no state. This page is generated by asking the
fold itself (`make generate`).

## What an attempt confirms

The state before is at the head of each column; `=` leaves it. Before the first event of an account its state is
`absent` if that event creates it, and `unknown` if it does not: the log then begins in the middle of its life.
"""

_NOTES: Final = """
Groups' accounts the same: `group_create_provision` makes them `active`, `group_delete_provision` `deleted`. An accepted
`group_update_provision` is when the provider last took the group's members as they then were (`updated_at`).

While an **integration is deleted**, an account that was confirmed active or inactive is `unknown`, not gone
(`left_behind` tells since when); once the integration is active again, what was last accepted counts again.

**Reported absent** (a 404 on a deactivation or deletion) is listed apart: probably gone, yet not confirmed. Of what was
confirmed deleted it is no news.

## What decides what is intended

The account's state before, meant and confirmed, is at the head of each column.
"""

_TAIL: Final = f"""
- A group's account is wanted from its binding to the application until it is unbound, or the group deleted.
- A **removal from a group** ends the access only if no other bound group that the person is in gives it, nor one
  that they are added to within {MOVE.seconds} seconds. If the account is updated afterwards and no attempt is made to
  close it, the removal did not end the access: there was another group, of which the log does not tell.
- A **binding** gives access to whom the directory then pushes: who was in the group before the log began shows by
  the attempt, up to {HOURS} hours later. If several groups were bound and the log does not tell in which of
  them the person is, the state between the first and the last of those bindings is `unknown`. As long as the
  first push has not come, the account is not yet told to be wanted.
- Some applications delete the account for a **suspension**: a deletion that is the first attempt within an hour
  after it was made for it, and the account is wanted again when the person is taken back.
- A **deletion in the directory** means an account deleted if it may still be there. What was never accepted, or is
  meant closed and reported absent, stays as it is.
- An account that the log first tells of by an **update** is wanted, unless its person is suspended or deleted in the
  directory by then: it should have been closed since.
- The **test user and group** that an activation makes and takes away within {BURST.seconds} seconds are marked `test`.

## What set an attempt off

Every attempt has a `because`, with the event it points at:

| kind | what it points at |
|---|---|
| `directory` | the person suspended, activated, deleted or changed; the group changed or deleted |
| `membership` | the person added to a group or removed from it; of a group, one of its members |
| `binding` | the group bound to the application or unbound; without an event: one of several, named in the text |
| `integration` | the integration's activation |
| `retry` | the first of the failed attempts that this one repeats, at most {RETRIED} hours after the last |
| `superseded` | the update that found no account, in place of which one is created within {INSTEAD.seconds} seconds |
| `test` | the activation that tested itself with a user or group of its own |
| `unknown` | nothing: the log does not tell |

A change of a person is what an update carries if the update comes within {PROMPT.seconds // 60} minutes and sends an
attribute that the change set. A failed attempt that was overtaken before it succeeded tells by what (`superseded_by`).

Against the simulator's own record of causes none is wrong, and of those that the events allow 99.9 % are found
(`tests/replay`, six organizations of 200 people over a month; where envelopes are odd, a change has no time or no
type). Which of several groups, bound within seconds, somebody who was in them before the log began is pushed for, the
events do not tell: 3 in 100 attempts of a month that begins with such a roll-out.
"""


def transition_page() -> str:
    """The whole page."""
    return (
        "\n".join([_HEAD, *_confirmed_table(), _NOTES, *_intended_table(), _TAIL]).replace("\n\n\n", "\n\n").rstrip()
        + "\n"
    )


def _confirmed_table() -> Iterator[str]:
    yield f"| attempt | outcome | {' | '.join(f'`{state}`' for state in BEFORE)} |"
    yield "|---|---|" + "---|" * len(BEFORE)
    for action, words in ATTEMPTS:
        for outcome in OUTCOMES:
            if outcome == Outcome.REPORTED_ABSENT and action not in ("deprovision", "delete"):
                continue
            if action == "lookup" and outcome != Outcome.FAILURE:
                continue
            cells = [_cell(confirmed_after(before, action, outcome), before, action) for before in BEFORE]
            yield f"| {words} | {outcome} | {' | '.join(cells)} |"


def _intended_table() -> Iterator[str]:
    states = (ABSENT, ACTIVE, INACTIVE, DELETED)
    yield f"| decided | {' | '.join(f'`{state}`' for state in states)} |"
    yield "|---|" + "---|" * len(states)
    for words, decided in DECIDED:
        cells = [_cell(intended_after(before, decided), before) for before in states]
        yield f"| {words} | {' | '.join(cells)} |"


def _cell(after: str, before: str, action: str = "create") -> str:
    if after == before or (before == ABSENT and after == UNKNOWN and action != "create"):
        return "="
    return f"`{after}`"

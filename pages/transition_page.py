"""Generates the tables of docs/lifecycle.md by asking the fold what each event changes about an account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from pages.scene import Scene
from queries.accounts.account import ABSENT, ACTIVE, DELETED, INACTIVE, REPORTED_ABSENT, UNKNOWN
from queries.accounts.because import CLOCKS, MOVE, PROMPT, ROLLOUT
from queries.accounts.pushes import INSTEAD, RETRY_WINDOW
from queries.accounts.trial import BURST
from schemas.outcome import Outcome


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
    (
        "suspended, then an attempt to create it",
        lambda scene: scene.person("suspended").attempt("create", Outcome.FAILURE),
    ),
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
    ("bound directly, then unbound", lambda scene: scene.direct("add").direct("remove")),
    (
        "bound directly and added to a bound group, then unbound directly",
        lambda scene: scene.bound("add").member("add").direct("add").direct("remove"),
    ),
    ("only an attempt to create it", lambda scene: scene.attempt("create", Outcome.FAILURE)),
    ("only an attempt to deactivate it", lambda scene: scene.attempt("deprovision", Outcome.FAILURE)),
    ("only an attempt to delete it", lambda scene: scene.attempt("delete", Outcome.FAILURE)),
    ("the integration deleted", lambda scene: scene.integration(active=False)),
)  # fmt: skip


def confirmed_after(before: str, action: str, outcome: str) -> str:
    """Return what is confirmed after the attempt. A 404 is an outcome of closing attempts only."""
    return _in_state(before).attempt(action, outcome).account().confirmed


def intended_after(before: str, decided: Any) -> str:
    """Return what is intended after a decision of the directory."""
    scene: Scene = decided(_in_state(before))
    return scene.account().intended


HOURS: Final = round(ROLLOUT.total_seconds() / 3600)
RETRIED: Final = round(RETRY_WINDOW.total_seconds() / 3600)

_HEAD: Final = """# Lifecycles and the states of accounts

`idtrail lifecycle PERSON` replays everything that was attempted for a person. It shows two states of every account:

- **intended**: what the directory wants the account to be. If the log has the directory's event that decides it (a
  suspension, a deletion, a membership, a binding of a group to the application), the state changes at that event,
  which is before the first attempt; else at the attempt.
- **confirmed**: what the provider last accepted. Only a provider's answer changes it, at that answer's own time; an
  attempt to open the account without a clear answer makes it `unknown`.

On the screen, the same act in several applications within two minutes is one row, and retries with the same answer are
two: `...` with their number, then the last. It shows the last 24 rows (`--limit N`, 0 for all); the act that
decided that an open account is to be closed, and the first refusal to close it, are always among them. `--all` shows
every event.

An account that is meant to be closed and is not confirmed closed is an *exposure*. What the provider did not
confirm is not known: somebody may have deleted the account by hand, and a request that timed out may have taken effect.

Both states are functions of the set of events in the order of (occurred, event id): late, repeated and shuffled
events give the same answer. Events with an implausible time change no state. This page is generated by running the
fold itself (`make generate`).

## What an attempt confirms

Each column is headed by the state before; `=` means unchanged. Before an account's first event its state is `absent` if
that event creates it, else `unknown`: the log then begins in the middle of the account's life.
"""

_NOTES: Final = """
Groups' accounts behave the same: `group_create_provision` makes them `active`, `group_delete_provision` `deleted`. At
the last accepted `group_update_provision` (`updated_at`) the provider took the group's members as they then were.

While an **integration is deleted**, an account that was confirmed active or inactive is `unknown`, not gone
(`left_behind` is the time since when). Once there is an integration again, its last accepted state counts again. When
an integration counts as deleted is told [there](integrations.md#what-counts).

An attempt to open an account whose **outcome is unknown** may have opened it: an account that was not active before is
`unknown` from then on, until another answer tells its state. If it is meant to be closed, it is exposed.

**Reported absent** (a 404 on a deactivation or deletion) is listed separately: the account is probably gone, but not
confirmed gone. This does not change an account that was confirmed deleted.

## What decides what is intended

Each column is headed by the account's state before, both intended and confirmed.
"""

_TAIL: Final = f"""
- A group's account is wanted from its binding to the application until it is unbound or the group is deleted.
- **Only the directory restores access that the directory ended.** People who are suspended or deleted there, or who
  have left every bound group that the log shows them in, are meant to have no account until they are taken back,
  created again or added to a group, or a group that they may be in is bound. A late or repeated attempt that opens the
  account meanwhile changes the confirmed state, and the account is exposed. If the log has nothing from the directory,
  the attempts decide.
- A **removal from a group** ends the access only if neither another bound group of the person gives it, nor a group
  that they are added to within {MOVE.seconds} seconds. If the log does not show whether the person is in some bound
  group, and the account is updated afterwards without an attempt to close it, the removal did not end the access. A
  refused attempt shows nothing, nor does a possible retry of an attempt that was refused before the removal.
- A **direct binding** of the person to the application gives access as a group does: either is enough.
- While somebody is **suspended**, gains and losses take effect when they are taken back: their accounts are wanted
  again unless they lost what gave them access meanwhile. An attempt that closes an account because of a suspension may
  be stamped up to {CLOCKS.seconds} seconds before it.
- A **binding** gives access to the people whom the directory then pushes: an attempt up to {HOURS} hours later shows
  who was in the group before the log began. If several groups were bound and the log does not show which of them the
  person is in, the state between the first and the last of those bindings is `unknown`. Until the first push, the
  account does not count as wanted, unless it did before and the log shows that the person is in the group.
- Some applications delete the account on a **suspension**: if a deletion is the first attempt within an hour after the
  suspension, it was made because of it, and the account is wanted again when the person is taken back.
- A **deletion in the directory** means that an account that may still exist is to be deleted. An account that was never
  accepted, or that is meant to be closed and was reported absent, stays as it is.
- An account that first appears in the log with an **update** is wanted, unless the directory had ended the access by
  then: it should have been closed since.
- The **test user and group** that an activation makes and removes within {BURST.seconds} seconds are marked `test`,
  unless the log shows them elsewhere: another attempt in that application, an act of the directory, a group.

## What set an attempt off

Every attempt has a `because`, with the event that it points to:

| kind | what it points to |
|---|---|
| `directory` | the person suspended, activated, deleted or changed; the group changed or deleted |
| `membership` | the person added to a group or removed from it; of a group, one of its members |
| `binding` | the group bound to the application or unbound; without an event: one of several, which the text names |
| `integration` | the integration's activation |
| `retry` | the first of the failed attempts that this one repeats, at most {RETRIED} hours after the last |
| `superseded` | the update that found no account, after which one is created instead within {INSTEAD.seconds} seconds |
| `test` | the activation that tested itself with a user or group of its own |
| `unknown` | nothing: the log does not show it |

An update carries a change of a person if it comes within {PROMPT.seconds // 60} minutes and sends an attribute that the
change set. A failed attempt that was overtaken before it succeeded names what overtook it (`superseded_by`).

Compared with the simulator's own record of causes, none is wrong, and 99.9 % of those that the events allow are found
(`tests/replay`, six organizations of 200 people over a month; with odd envelopes, a change has no time or no
type). If somebody was in several groups before the log began, and these were bound within seconds, the events do not
show which group a push is for: 3 in 100 attempts of a month that begins with such a roll-out.
"""


def transition_page() -> str:
    """Return the whole page."""
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

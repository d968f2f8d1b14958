"""What each event makes of an account: the states, what decided them, and what set each attempt off."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pages.scene import Scene
from queries.accounts.because import MOVE, PROMPT, ROLLOUT
from queries.accounts.bindings import Bindings
from queries.accounts.pushes import MAX_RUNS
from queries.accounts.trial import BURST
from queries.exposures import SLA, reason_of
from queries.lifecycle import fold
from schemas.outcome import Outcome
from schemas.times import LATEST, SENTINEL
from tests.replay.played import state_at

FAILED, GONE, UNCLEAR = Outcome.FAILURE, Outcome.REPORTED_ABSENT, Outcome.UNKNOWN
SOON = timedelta(seconds=1)

Leave = Callable[[Scene], Scene]
LEAVINGS: Final[list[tuple[str, Leave, str]]] = [
    ("suspended", lambda scene: scene.person("suspended"), "inactive"),
    ("deleted", lambda scene: scene.person("deleted"), "deleted"),
    ("out of the only bound group", lambda scene: scene.member("remove"), "inactive"),
    ("the only bound group unbound", lambda scene: scene.bound("remove"), "inactive"),
    (
        "out of the group and unbound directly",
        lambda scene: scene.direct("add").member("remove").direct("remove"),
        "inactive",
    ),
]
"""How somebody leaves, and what their accounts are meant to be from then on."""
OPENINGS: Final = [
    ("create", Outcome.SUCCESS, "active"),
    ("create", FAILED, "absent"),
    ("create", UNCLEAR, "unknown"),
    ("activate", Outcome.SUCCESS, "active"),
    ("activate", FAILED, "absent"),
    ("activate", UNCLEAR, "unknown"),
]
"""What comes late and opens an account, its outcome, and what is confirmed after it."""


def removed(*others: str, failing: bool = False) -> Scene:
    """Out of the group that gave access, while others are bound; `failing`: the last update of before was refused."""
    scene = Scene()
    for group in others:
        scene.bound("add", group)
    scene.bound("add").member("add").attempt("create")
    return (scene.attempt("update", FAILED) if failing else scene).member("remove")


RETURNS: Final = [
    ("suspended and taken back", Scene().attempt("create").person("suspended").person("activated")),
    ("deleted and made anew", Scene().attempt("create").person("deleted").person("made")),
    ("out of the only bound group and in again", removed().member("add")),
    (
        "the only bound group unbound and bound again",
        Scene().bound("add").member("add").attempt("create").bound("remove").bound("add"),
    ),
]


@pytest.mark.parametrize(
    ("scene", "intended", "confirmed"),
    [
        pytest.param(Scene().attempt("create"), "active", "active", id="created"),
        pytest.param(Scene().attempt("create", FAILED), "active", "absent", id="creation failed"),
        pytest.param(
            Scene().attempt("create", UNCLEAR), "active", "unknown", id="creation unclear: neither is guessed"
        ),
        pytest.param(Scene().attempt("update"), "active", "active", id="updated, its creation unseen"),
        pytest.param(Scene().attempt("update", FAILED), "active", "unknown", id="update failed, its creation unseen"),
        pytest.param(Scene().attempt("deprovision"), "inactive", "inactive", id="deactivated, its creation unseen"),
        pytest.param(
            Scene().attempt("deprovision", FAILED), "inactive", "unknown", id="deactivation failed, its creation unseen"
        ),
        pytest.param(Scene().attempt("delete", GONE), "deleted", "reported_absent", id="deleted, and reported absent"),
        pytest.param(
            Scene().attempt("create").attempt("delete").attempt("delete", GONE),
            "deleted",
            "deleted",
            id="deleted, then not found",
        ),
        pytest.param(
            Scene().attempt("create").attempt("lookup", FAILED),
            "active",
            "active",
            id="a failed lookup changes nothing",
        ),
        pytest.param(Scene().attempt("lookup", FAILED), "unknown", "unknown", id="only a failed lookup tells nothing"),
        pytest.param(
            Scene().attempt("create").attempt("deprovision").after(SOON).person("suspended").person("activated"),
            "active",
            "inactive",
            id="closed as the person is suspended by a slower clock, then taken back",
        ),
        pytest.param(
            removed().after(SOON).person("suspended").person("activated"),
            "inactive",
            "active",
            id="suspended right after the group was left: taken back without the group",
        ),
        pytest.param(
            Scene().attempt("create").attempt("deprovision").attempt("create"), "active", "active", id="hired again"
        ),
        pytest.param(
            Scene().attempt("create").attempt("deprovision", GONE).attempt("create", FAILED),
            "active",
            "reported_absent",
            id="hired again, and creation fails",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended"), "inactive", "active", id="suspended, nothing attempted yet"
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").person("activated"), "active", "active", id="taken back"
        ),
        pytest.param(
            Scene().person("suspended").attempt("update"), "inactive", "active", id="suspended, then first seen updated"
        ),
        pytest.param(
            Scene().person("suspended").attempt("update", FAILED),
            "inactive",
            "unknown",
            id="suspended, then first seen by an update that failed",
        ),
        pytest.param(
            Scene().person("deleted").attempt("update"), "deleted", "active", id="deleted, then first seen updated"
        ),
        pytest.param(
            Scene().person("suspended").attempt("update").person("activated"),
            "active",
            "active",
            id="suspended, first seen updated, and taken back",
        ),
        pytest.param(
            Scene().person("suspended").person("activated").attempt("update"),
            "active",
            "active",
            id="taken back, then first seen updated",
        ),
        pytest.param(
            Scene()
            .bound("add")
            .member("add")
            .attempt("create")
            .person("suspended")
            .member("remove")
            .person("activated"),
            "inactive",
            "active",
            id="taken back, but out of the only bound group meanwhile",
        ),
        pytest.param(
            Scene()
            .bound("add")
            .bound("add", "staff")
            .member("add")
            .member("add", "staff")
            .attempt("create")
            .person("suspended")
            .member("remove")
            .person("activated"),
            "active",
            "active",
            id="taken back, and still in one of two bound groups",
        ),
        pytest.param(
            Scene()
            .bound("add")
            .member("add")
            .attempt("create")
            .member("remove")
            .person("suspended")
            .member("add")
            .person("activated"),
            "active",
            "active",
            id="out of the only bound group, and taken back after coming into it again",
        ),
        pytest.param(
            Scene()
            .bound("add")
            .member("add")
            .attempt("create")
            .member("remove")
            .person("suspended")
            .member("add")
            .member("remove")
            .person("activated"),
            "inactive",
            "active",
            id="out of the only bound group, and taken back after coming into it again and leaving it",
        ),
        pytest.param(
            Scene().attempt("create").attempt("deprovision").person("suspended").person("activated"),
            "inactive",
            "inactive",
            id="taken back, but closed before for another reason",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").person("deleted").person("activated"),
            "deleted",
            "active",
            id="deleted from the directory for good",
        ),
        pytest.param(
            Scene().attempt("create", FAILED).person("suspended").person("deleted"),
            "inactive",
            "absent",
            id="deleted from the directory, and there was no account",
        ),
        pytest.param(
            Scene().attempt("create").integration(active=False), "active", "unknown", id="integration deleted"
        ),
        pytest.param(
            Scene().attempt("create").attempt("delete").integration(active=False),
            "deleted",
            "deleted",
            id="integration deleted, the account before it",
        ),
        pytest.param(
            Scene().attempt("create").integration(active=False).integration(active=True),
            "active",
            "active",
            id="integration deleted and activated again",
        ),
        pytest.param(Scene().bound("add").member("add"), "active", "absent", id="added to a bound group"),
        pytest.param(
            Scene().person("suspended").bound("add").member("add"),
            "absent",
            "absent",
            id="suspended people get nothing by a group",
        ),
        pytest.param(
            Scene().bound("add").member("add").attempt("create").member("remove"),
            "inactive",
            "active",
            id="removed from the only bound group",
        ),
        pytest.param(
            Scene()
            .bound("add")
            .bound("add", "staff")
            .member("add")
            .member("add", "staff")
            .attempt("create")
            .member("remove"),
            "active",
            "active",
            id="removed from one of two bound groups",
        ),
        pytest.param(
            Scene()
            .bound("add")
            .bound("add", "staff")
            .member("add")
            .attempt("create")
            .member("remove")
            .after(SOON)
            .member("add", "staff"),
            "active",
            "active",
            id="moved",
        ),
        pytest.param(
            Scene()
            .bound("add")
            .bound("add", "staff")
            .member("add")
            .attempt("create")
            .member("remove")
            .after(SOON)
            .member("add", "unbound"),
            "inactive",
            "active",
            id="moved to a group that gives no access",
        ),
        pytest.param(
            removed().edit("jobTitle").attempt("update", changed=["title"]),
            "inactive",
            "active",
            id="removed from all groups that are bound, yet updated",
        ),
        pytest.param(
            removed("staff").edit("jobTitle").attempt("update", changed=["title"]),
            "active",
            "active",
            id="removed, yet updated: another group may give access",
        ),
        pytest.param(
            removed("staff").edit("jobTitle").attempt("update", FAILED, changed=["title"]),
            "inactive",
            "active",
            id="removed, and an update refused, which tells nothing",
        ),
        pytest.param(
            removed("staff", failing=True).attempt("update", FAILED).attempt("update"),
            "inactive",
            "active",
            id="removed, and an update of before tried again",
        ),
        pytest.param(
            removed("staff", failing=True).attempt("update").attempt("update"),
            "active",
            "active",
            id="removed, an update of before tried again, and another one",
        ),
        pytest.param(
            removed("staff").person("suspended").attempt("update"),
            "inactive",
            "active",
            id="removed and suspended, yet updated",
        ),
        pytest.param(
            Scene()
            .person("suspended")
            .bound("add")
            .member("add")
            .member("remove")
            .attempt("create")
            .person("activated"),
            "inactive",
            "active",
            id="out of the only bound group, first seen created while suspended, and taken back",
        ),
        pytest.param(
            Scene().attempt("deprovision", FAILED).person("suspended").attempt("activate").person("activated"),
            "active",
            "active",
            id="closed before, opened while suspended, and taken back",
        ),
        pytest.param(Scene().direct("add"), "active", "absent", id="bound directly"),
        pytest.param(
            Scene().direct("add").attempt("create").direct("remove"), "inactive", "active", id="unbound directly"
        ),
        pytest.param(Scene().direct("remove"), "inactive", "unknown", id="unbound directly, the account unseen"),
        pytest.param(
            Scene().bound("add").member("add").attempt("create").direct("add").direct("remove"),
            "active",
            "active",
            id="unbound directly, and still in a bound group",
        ),
        pytest.param(
            Scene().bound("add").member("add").direct("add").attempt("create").member("remove"),
            "active",
            "active",
            id="out of the only bound group, and still bound directly",
        ),
        pytest.param(
            Scene().bound("add").member("add").attempt("create").member("remove").direct("remove"),
            "inactive",
            "active",
            id="out of the only bound group, and unbound directly, bound before the log began",
        ),
        pytest.param(
            Scene()
            .bound("add")
            .member("add")
            .direct("add")
            .attempt("create")
            .member("remove")
            .bound("remove")
            .direct("remove"),
            "inactive",
            "active",
            id="out of everything that gave access, one after the other",
        ),
        pytest.param(
            Scene().bound("add").member("add").direct("add").attempt("create").bound("remove"),
            "active",
            "active",
            id="the group unbound, and still bound directly",
        ),
        pytest.param(removed().after(SOON).direct("add"), "active", "active", id="from the group to a direct binding"),
        pytest.param(
            Scene().attempt("create").person("suspended").direct("remove").direct("add"),
            "inactive",
            "active",
            id="suspended, and bound directly",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").direct("add").person("activated"),
            "active",
            "active",
            id="suspended, bound directly and taken back",
        ),
        pytest.param(
            Scene().attempt("create").person("deleted").direct("add"), "deleted", "active", id="deleted, and bound"
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").direct("remove").person("activated"),
            "inactive",
            "active",
            id="suspended, unbound directly and taken back",
        ),
        pytest.param(
            Scene().attempt("deprovision", FAILED).after(SOON).person("suspended").person("activated"),
            "active",
            "unknown",
            id="suspended a moment after the account was closed for it, and taken back",
        ),
        pytest.param(
            Scene()
            .attempt("create")
            .attempt("deprovision", FAILED)
            .after(timedelta())
            .person("suspended")
            .person("activated"),
            "active",
            "active",
            id="suspended at the instant at which the account was closed, and taken back",
        ),
        pytest.param(
            Scene()
            .bound("add")
            .bound("add", "staff")
            .member("add")
            .attempt("create")
            .person("suspended")
            .member("remove")
            .person("activated"),
            "inactive",
            "active",
            id="taken back, but out of the only bound group that they are known to have been in",
        ),
        pytest.param(
            Scene()
            .bound("add")
            .bound("add", "staff")
            .member("add")
            .attempt("create")
            .person("suspended")
            .bound("remove")
            .person("activated"),
            "inactive",
            "active",
            id="taken back, but the group that they are known to be in unbound meanwhile",
        ),
        pytest.param(
            Scene()
            .bound("add")
            .bound("add", "staff")
            .member("remove", "other")
            .attempt("create")
            .person("suspended")
            .person("activated"),
            "active",
            "active",
            id="taken back, in which bound group is not told",
        ),
        pytest.param(
            Scene().bound("add").member("add").attempt("create").bound("remove").bound("add"),
            "active",
            "active",
            id="the group unbound and bound again, its members told",
        ),
        pytest.param(
            Scene()
            .bound("add")
            .member("add")
            .attempt("create")
            .person("suspended")
            .bound("remove")
            .bound("add")
            .person("activated"),
            "active",
            "active",
            id="taken back, the group unbound and bound again meanwhile",
        ),
        *[
            pytest.param(left.attempt(action, outcome), intended, confirmed, id=f"{words}, then {action} {outcome}")
            for words, leave, intended in LEAVINGS
            for action, outcome, confirmed in OPENINGS
            for left in [leave(Scene().bound("add").member("add").attempt("create", FAILED))]
        ],
        *[
            pytest.param(back.attempt("create"), "active", "active", id=f"{words}, then created")
            for words, back in RETURNS
        ],
        pytest.param(
            Scene().person("suspended").attempt("create"), "inactive", "active", id="suspended, then first seen created"
        ),
        pytest.param(
            Scene().bound("add").member("add").member("remove").attempt("activate"),
            "inactive",
            "active",
            id="out of the only bound group, then first seen activated",
        ),
        pytest.param(
            removed("staff").attempt("create"),
            "inactive",
            "active",
            id="out of the only bound group that they are known to have been in, then created",
        ),
        pytest.param(
            removed().bound("add", "staff").attempt("create"),
            "active",
            "active",
            id="removed, then created for another group's binding",
        ),
        pytest.param(
            Scene().member("add").attempt("create").member("remove").attempt("create"),
            "active",
            "active",
            id="out of a group whose binding is not told, then created",
        ),
        pytest.param(
            Scene("group").bound("add").attempt("create", FAILED).bound("remove").attempt("create"),
            "deleted",
            "active",
            id="a group unbound, then created",
        ),
        pytest.param(
            Scene("group").bound("add").bound("remove").bound("add").attempt("create"),
            "active",
            "active",
            id="a group unbound, bound again and created",
        ),
        pytest.param(
            Scene().bound("add").member("add").attempt("create").bound("remove"),
            "inactive",
            "active",
            id="group unbound",
        ),
        pytest.param(Scene("group").bound("add"), "active", "absent", id="a group bound"),
        pytest.param(Scene("group").bound("add").attempt("create"), "active", "active", id="a group made"),
        pytest.param(
            Scene("group").bound("add").attempt("create").bound("remove"), "deleted", "active", id="a group unbound"
        ),
        pytest.param(
            Scene("group").bound("add").attempt("create").group_deleted(), "deleted", "active", id="a group deleted"
        ),
        pytest.param(Scene("group").attempt("update"), "active", "active", id="a group updated, its creation unseen"),
    ],
)
def test_where_an_account_stands_after(scene: Scene, intended: str, confirmed: str) -> None:
    account = scene.account()
    assert (account.intended, account.confirmed) == (intended, confirmed)


@pytest.mark.parametrize(
    ("scene", "kind", "event"),
    [
        pytest.param(Scene().attempt("create"), "unknown", None, id="nothing before it"),
        pytest.param(
            Scene().bound("add").member("add").attempt("create"), "membership", 2, id="added to a bound group"
        ),
        pytest.param(
            Scene().member("add").attempt("create"), "membership", 1, id="added to a group, its binding unseen"
        ),
        pytest.param(Scene().bound("add").attempt("create"), "binding", 1, id="a group was bound"),
        pytest.param(
            Scene().bound("add").after(ROLLOUT + SOON).attempt("create"),
            "unknown",
            None,
            id="a group was bound too long before",
        ),
        pytest.param(
            Scene().attempt("create").bound("add").bound("add", "staff").bound("remove").attempt("deprovision"),
            "binding",
            4,
            id="a group was unbound, in which the person may have been",
        ),
        pytest.param(
            Scene()
            .attempt("create")
            .bound("add")
            .bound("add", "staff")
            .bound("remove")
            .after(PROMPT + SOON)
            .attempt("deprovision"),
            "unknown",
            None,
            id="a group was unbound, in which the person may have been, but long before",
        ),
        pytest.param(
            Scene().bound("add").bound("add", "staff").attempt("create"),
            "binding",
            None,
            id="one of two groups was bound",
        ),
        pytest.param(
            Scene().bound("add").bound("add", "staff").attempt("create").member("remove", "staff"),
            "binding",
            2,
            id="two were bound, and a later removal tells in which the person was",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision"), "directory", 2, id="suspended"
        ),
        pytest.param(
            Scene().person("suspended").attempt("deprovision"), "directory", 1, id="suspended, the account unseen"
        ),
        pytest.param(
            Scene().attempt("create").person("deleted").attempt("deprovision"),
            "directory",
            2,
            id="deleted, and the account only deactivated",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("delete"),
            "directory",
            2,
            id="suspended, and the account deleted for it",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("delete", FAILED).attempt("delete"),
            "retry",
            3,
            id="suspended, and the account deleted for it at the second try",
        ),
        pytest.param(
            Scene().person("suspended").attempt("delete"),
            "directory",
            1,
            id="suspended, and the account deleted for it, which was not seen before",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision").attempt("delete"),
            "unknown",
            None,
            id="suspended, deactivated for it, and then deleted: for what, is not told",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").after(PROMPT + SOON).attempt("delete"),
            "unknown",
            None,
            id="suspended, and deleted long after",
        ),
        pytest.param(
            Scene()
            .attempt("create")
            .person("suspended")
            .attempt("deprovision", FAILED)
            .person("deleted")
            .attempt("deprovision"),
            "directory",
            4,
            id="suspended and deleted, and the account only deactivated",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision", FAILED).attempt("deprovision"),
            "retry",
            3,
            id="a retry",
        ),
        pytest.param(
            Scene().attempt("create", FAILED).person("suspended").attempt("create"),
            "retry",
            1,
            id="created at the second try, though suspended meanwhile",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("activate"),
            "unknown",
            None,
            id="suspended, and opened nevertheless: not for the suspension",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("activate").attempt("deprovision"),
            "directory",
            2,
            id="suspended, opened nevertheless, and closed for it",
        ),
        pytest.param(
            Scene().attempt("create").edit("jobTitle").attempt("update", changed=["title"]), "directory", 2, id="edited"
        ),
        pytest.param(
            Scene().attempt("create").edit("jobTitle").attempt("update", changed=["phoneNumbers"]),
            "unknown",
            None,
            id="another attribute was edited",
        ),
        pytest.param(
            Scene().attempt("create").edit("jobTitle").after(timedelta(hours=2)).attempt("update", changed=["title"]),
            "unknown",
            None,
            id="edited too long before",
        ),
        pytest.param(
            Scene()
            .attempt("create")
            .edit("jobTitle")
            .attempt("update", changed=["title"])
            .attempt("update", changed=["title"]),
            "unknown",
            None,
            id="an edit is carried once",
        ),
        pytest.param(
            Scene()
            .attempt("create")
            .edit("jobTitle")
            .attempt("update", FAILED, changed=["title"])
            .edit("jobTitle")
            .attempt("update", changed=["title"]),
            "directory",
            4,
            id="edited again, no retry",
        ),
        pytest.param(
            Scene().attempt("create").edit("jobTitle").attempt("lookup", FAILED).attempt("update", changed=["title"]),
            "retry",
            3,
            id="an update whose lookup had failed",
        ),
        pytest.param(
            Scene().bound("add").member("add").attempt("create").bound("remove").attempt("deprovision"),
            "binding",
            4,
            id="the group was unbound",
        ),
        pytest.param(
            Scene("group").bound("add").attempt("create").member("add").attempt("update"),
            "membership",
            3,
            id="a group's member was added",
        ),
        pytest.param(
            Scene("group").bound("add").attempt("create").attempt("update"),
            "binding",
            1,
            id="a group's first update, after its people",
        ),
    ],
)
def test_what_set_the_last_attempt_off(scene: Scene, kind: str, event: int | None) -> None:
    found = [step.because for step in scene.told().steps if step.kind != "other"][-1]
    assert found is not None
    assert (found.kind, found.event_id) == (kind, None if event is None else UUID(int=event))


def test_a_suspension_that_deletes_the_account_dates_from_the_suspension_and_ends_with_it() -> None:
    scene = Scene().attempt("create").person("suspended").attempt("delete")
    account, suspended = scene.account(), scene.own[1]["occurred_at"]
    assert (account.intended, account.intended_since, account.closing_since) == ("deleted", suspended, suspended)
    assert scene.person("activated").account().intended == "active"


def test_an_account_is_meant_closed_since_the_deletion_that_only_deactivated_it() -> None:
    scene = Scene().attempt("create").person("deleted").attempt("deprovision")
    account = scene.account()
    deleted = scene.own[1]["occurred_at"]
    assert (account.intended, account.intended_since, account.closing_since) == ("inactive", deleted, deleted)


def test_the_state_between_two_bindings_of_which_one_gave_access_is_unknown() -> None:
    scene = Scene().bound("add").bound("add", "staff").attempt("create")
    account = scene.account()
    first, second = (row["occurred_at"] for row in scene.around)
    states = [state_at(account, "intended", at) for at in (first - SOON, first, second - SOON, second)]
    assert states == ["absent", "unknown", "unknown", "active"]


def test_an_account_is_made_in_place_of_an_update_that_found_none() -> None:
    scene = Scene().attempt("create").edit("jobTitle").attempt("update", FAILED, changed=["title"])
    scene.own[-1]["http_status"] = 404
    step = scene.after(SOON).attempt("create").told().steps[-1]
    assert step.because is not None
    assert (step.because.kind, step.because.event_id) == ("superseded", UUID(int=3))


@pytest.mark.parametrize(
    ("scene", "text"),
    [
        pytest.param(Scene().attempt("create").person("suspended").attempt("deprovision"), "suspended", id="suspended"),
        pytest.param(
            Scene().attempt("create").edit("jobTitle").attempt("update", changed=["title"]),
            "jobTitle changed",
            id="edited",
        ),
        pytest.param(Scene().bound("add").attempt("create"), "sales bound to slack", id="bound"),
        pytest.param(Scene().bound("add").member("add").attempt("create"), "added to sales", id="added to a group"),
    ],
)
def test_what_set_an_attempt_off_is_told_in_words_with_who_did_it(scene: Scene, text: str) -> None:
    because = scene.told().steps[-1].because
    assert because is not None
    assert because.text == f"{text} by ada@corp.example"


def test_an_event_without_a_type_sets_nothing_off() -> None:
    scene = Scene().attempt("create").edit("jobTitle").edit("title")
    scene.own[-1]["event_type"] = ""
    because = scene.attempt("update", changed=["title"]).told().steps[-1].because
    assert because is not None
    assert because.event_id == UUID(int=2)


def test_an_attempt_without_a_believable_time_does_not_tell_how_an_account_began() -> None:
    scene = Scene().attempt("update").attempt("create")
    scene.own[0] |= {"time_quality": "future", "occurred_at": SENTINEL}
    assert (scene.account().initial, len(scene.told().accounts)) == ("absent", 1)
    del scene.own[1]
    assert (scene.account().initial, scene.account().confirmed) == ("unknown", "unknown")


def test_a_failed_attempt_tells_what_overtook_it() -> None:
    scene = Scene().attempt("create", FAILED).person("suspended").attempt("deprovision")
    assert [step.superseded_by for step in scene.told().steps] == [UUID(int=2), None, None]


def test_what_is_learnt_after_a_removal_is_kept_if_the_removal_is_taken_back() -> None:
    account = removed("staff").integration(active=False).attempt("update", changed=["title"]).account()
    assert (account.intended, account.confirmed, account.closing_since) == ("active", "unknown", None)
    deleted = account.left_behind
    assert deleted is not None
    assert state_at(account, "confirmed", deleted) == "unknown"
    assert state_at(account, "intended", deleted) == "active"


def burst(kind: str, wait: timedelta) -> Scene:
    scene = Scene(kind).integration(active=True).after(SOON).attempt("create").after(wait)
    return scene.attempt("delete")


@pytest.mark.parametrize("kind", ["user", "group"])
def test_an_activations_test_is_recognised(kind: str) -> None:
    told = burst(kind, SOON).told()
    assert [account.test for account in told.accounts] == [True]
    assert [step.because and (step.because.kind, step.because.event_id) for step in told.steps] == [
        ("test", UUID(int=1)), ("test", UUID(int=1)),
    ]  # fmt: skip


def test_an_account_that_stays_or_is_in_the_directory_is_not_a_test() -> None:
    assert [account.test for account in burst("user", BURST + SOON).told().accounts] == [False]
    assert [account.test for account in burst("user", SOON).edit("jobTitle").told().accounts] == [False]
    alone = Scene().integration(active=True).after(SOON).attempt("create").told()
    assert [account.test for account in alone.accounts] == [False]


def test_an_account_that_was_never_accepted_and_never_to_be_closed_is_not_exposed() -> None:
    assert not Scene().attempt("create", FAILED).person("suspended").account().exposed
    assert Scene().attempt("create", UNCLEAR).person("suspended").account().exposed
    assert Scene().attempt("create").person("suspended").account().exposed


@pytest.mark.parametrize(
    ("attempts", "told"),
    [
        pytest.param([("deprovision", "success"), ("create", "success")], 2, id="opened again"),
        pytest.param([("delete", "success"), ("update", "success")], 2, id="updated, so it is there again"),
        pytest.param([("deprovision", "success"), ("create", "unknown")], 2, id="perhaps opened again"),
        pytest.param([("deprovision", "success"), ("create", "failure")], 1, id="still closed"),
        pytest.param([("deprovision", "failure"), ("create", "success")], 1, id="open all the time"),
        pytest.param(
            [("deprovision", "success"), ("create", "unknown"), ("deprovision", "failure")],
            3,
            id="perhaps opened again, and closing it failed",
        ),
    ],
)
def test_the_last_try_is_the_last_to_close_or_what_opened_the_account_again(
    attempts: list[tuple[str, str]], told: int
) -> None:
    scene = Scene().attempt("create").person("suspended")
    for attempt in attempts:
        scene.attempt(*attempt)
    account = scene.account()
    assert (account.last_try, account.last_outcome) == (scene.own[told + 1]["occurred_at"], attempts[told - 1][1])


@pytest.mark.parametrize(
    ("scene", "reason"),
    [
        pytest.param(Scene().attempt("create"), "left_behind", id="open"),
        pytest.param(Scene().attempt("update"), "left_behind", id="shown open by an update"),
        pytest.param(Scene().attempt("create").person("suspended"), "left_behind", id="open, and to be closed"),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision").person("activated"),
            "",
            id="closed, and wanted again, and nobody opened it",
        ),
        pytest.param(Scene().attempt("create", FAILED), "", id="never made"),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision").attempt("create", UNCLEAR),
            "left_behind",
            id="closed, and perhaps opened again",
        ),
    ],
)
def test_a_deleted_integration_leaves_the_accounts_behind_that_were_open(scene: Scene, reason: str) -> None:
    assert reason_of(scene.integration(active=False).account(), LATEST, SLA) == reason


def test_what_is_remembered_of_failing_attempts_is_bounded() -> None:
    scene = Scene().attempt("create")
    for number in range(MAX_RUNS + 1):
        scene.attempt("update", FAILED, changed=[f"a{number}"])
    scene.attempt("update", changed=["a0"]).attempt("update", changed=["a1"])
    *_, first, second = scene.told().steps
    assert (first.retry_of, second.retry_of) == (None, UUID(int=3))


acts = st.lists(
    st.one_of(
        st.tuples(
            st.just("attempt"),
            st.sampled_from(["create", "activate", "update", "deprovision", "delete", "lookup"]),
            st.sampled_from(list(Outcome)),
        ),
        st.tuples(st.just("person"), st.sampled_from(["suspended", "activated", "deleted", "made"])),
        st.tuples(st.just("member"), st.sampled_from(["add", "remove"]), st.sampled_from(["sales", "staff"])),
        st.tuples(st.just("bound"), st.sampled_from(["add", "remove"]), st.sampled_from(["sales", "staff"])),
        st.tuples(st.just("direct"), st.sampled_from(["add", "remove"])),
        st.tuples(st.just("edit"), st.sampled_from(["jobTitle", "email"])),
        st.tuples(st.just("integration"), st.booleans()),
        st.tuples(st.just("after"), st.sampled_from([SOON, MOVE, BURST, timedelta(minutes=10)])),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(acts, st.randoms(use_true_random=False))
def test_order_of_arrival_and_repeats_change_nothing(played: list[tuple[Any, ...]], dice: Any) -> None:
    scene = Scene()
    for name, *arguments in played:
        getattr(scene, name)(*arguments)
    told = scene.told()
    own, around = [*scene.own, *scene.own[:5]], [*scene.around, *scene.around[:5]]
    dice.shuffle(own)
    dice.shuffle(around)
    assert fold(own, Bindings(around), timeline=True) == told
    for account in told.accounts:
        for view in ("intended", "confirmed"):
            times = [change.at for change in account.changes if change.view == view]
            assert times == sorted(times)
            if times:
                assert state_at(account, view, times[-1]) == getattr(account, view)

"""Who is the test user or group of an activation, and who only looks so; one rule wherever it is asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pages.scene import Scene
from queries.accounts.account import Account
from queries.accounts.folding import in_force
from queries.accounts.trial import only_tests, perhaps_tests
from queries.exposures import FAILING, SLA, reason_of
from schemas.outcome import Outcome
from schemas.times import LATEST

SOON = timedelta(seconds=5)
LONG = timedelta(days=60)


def activated(scene: Scene | None = None) -> Scene:
    """The next event comes just after."""
    return (scene or Scene()).integration(active=True).after(SOON)


def tried(scene: Scene | None = None, outcome: Outcome = Outcome.SUCCESS) -> Scene:
    """An activation with its test."""
    made = activated(scene).attempt("create").after(SOON).attempt("deprovision", outcome)
    return made.after(SOON).attempt("delete", outcome)


def refused(scene: Scene) -> Scene:
    """An activation, and just after it a deactivation in vain."""
    return activated(scene).attempt("deprovision", Outcome.FAILURE)


def in_vain(scene: Scene) -> Scene:
    """The same scene, but that its activation failed."""
    scene.around[0]["outcome"] = Outcome.FAILURE
    return scene


TESTS = [
    pytest.param(tried(), id="made and taken away"),
    pytest.param(tried(outcome=Outcome.FAILURE), id="taken away in vain"),
    pytest.param(tried(tried().after(LONG)), id="the same at each activation"),
    pytest.param(tried().attempt("delete"), id="taken away once more, later"),
    pytest.param(
        activated().attempt("lookup", Outcome.FAILURE).after(SOON).attempt("create").after(SOON).attempt("delete"),
        id="looked for before it was made",
    ),
]
OTHERS = [
    pytest.param(activated().attempt("create"), id="made, and kept"),
    pytest.param(in_vain(tried()), id="made and taken away just after an activation that failed"),
    pytest.param(activated().attempt("create").attempt("deprovision", Outcome.FAILURE), id="closed later"),
    pytest.param(
        refused(activated().attempt("create").attempt("update").after(LONG)), id="used, and closed after the next one"
    ),
    pytest.param(refused(activated().attempt("create").after(LONG)), id="made after one, closed after another"),
    pytest.param(refused(Scene().attempt("update")), id="there before, and closed just after"),
    pytest.param(
        activated(Scene().attempt("create")).attempt("create").after(SOON).attempt("deprovision", Outcome.FAILURE),
        id="there before, made anew and closed just after",
    ),
    pytest.param(
        tried(outcome=Outcome.FAILURE).attempt("create").attempt("deprovision", Outcome.FAILURE),
        id="made once more, later",
    ),
]


def account(scene: Scene) -> Account:
    (found,) = scene.told().accounts
    return found


def subjects(scene: Scene) -> set[Any]:
    """As findings tell, of the rows of the application."""
    return only_tests(in_force({**row, "subject_id": "u1"} for row in (*scene.own, *scene.around)))


@pytest.mark.parametrize("scene", TESTS)
def test_an_account_made_and_removed_just_after_an_activation_is_its_test(scene: Scene) -> None:
    assert account(scene).test
    assert subjects(scene) == {("user", "u1")}


@pytest.mark.parametrize(
    ("made", "taken_away", "reason"),
    [
        pytest.param(Outcome.SUCCESS, Outcome.SUCCESS, "", id="made and taken away"),
        pytest.param(Outcome.SUCCESS, Outcome.FAILURE, FAILING, id="made, and it stayed"),
        pytest.param(Outcome.UNKNOWN, Outcome.FAILURE, FAILING, id="perhaps made, and taken away in vain"),
        pytest.param(Outcome.SUCCESS, Outcome.REPORTED_ABSENT, "", id="made, and reported absent"),
        pytest.param(Outcome.FAILURE, Outcome.FAILURE, "", id="neither made nor taken away"),
        pytest.param(Outcome.FAILURE, Outcome.REPORTED_ABSENT, "", id="not made, and reported absent"),
    ],
)
def test_a_test_user_is_exposed_only_if_it_stayed_and_every_answer_says_the_same(
    made: Outcome, taken_away: Outcome, reason: str
) -> None:
    found = account(activated().attempt("create", made).after(SOON).attempt("deprovision", taken_away))
    assert (found.test, found.exposed, reason_of(found, LATEST, SLA)) == (True, reason != "", reason)


@pytest.mark.parametrize("scene", OTHERS)
def test_an_account_seen_at_another_time_is_not_a_test(scene: Scene) -> None:
    assert not account(scene).test
    assert subjects(scene) == set()
    if account(scene).last_outcome == Outcome.FAILURE:
        assert reason_of(account(scene), LATEST, SLA) == FAILING


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(lambda scene: scene.edit("jobTitle"), id="changed in the directory"),
        pytest.param(lambda scene: scene.member("add"), id="added to a group"),
        pytest.param(lambda scene: scene.person("suspended"), id="suspended"),
    ],
)
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_person_known_to_the_directory_is_not_a_test(seen: Any, before: bool) -> None:
    scene = tried(seen(Scene()), Outcome.FAILURE) if before else seen(tried(outcome=Outcome.FAILURE))
    (found,) = scene.told().accounts
    assert not found.test
    assert reason_of(found, LATEST, SLA) == FAILING


def test_more_is_read_only_of_accounts_closed_just_after_an_activation() -> None:
    scene = refused(Scene().attempt("create"))
    assert perhaps_tests(in_force({**row, "subject_id": "u1"} for row in (*scene.own, *scene.around))) == {"u1"}
    late = activated().attempt("create").attempt("deprovision")
    assert perhaps_tests(in_force({**row, "subject_id": "u1"} for row in (*late.own, *late.around))) == set()

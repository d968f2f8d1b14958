"""What is left out of people's many updates changes nothing of their accounts."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pages.scene import Scene
from queries.accounts.bindings import Bindings, Memberships
from queries.accounts.folding import Row
from queries.accounts.repeats import without_repeats
from queries.lifecycle import Fold, fold
from schemas.outcome import Outcome

ACTS: list[tuple[str, dict[str, Any]]] = [
    ("create", {}), ("deprovision", {}), ("deprovision", {"outcome": Outcome.FAILURE}), ("delete", {}),
    ("delete", {"outcome": Outcome.REPORTED_ABSENT}), ("activate", {}), ("update", {"outcome": Outcome.FAILURE}),
    ("create", {"outcome": Outcome.UNKNOWN}), ("activate", {"outcome": Outcome.UNKNOWN}),
    ("deprovision", {"outcome": Outcome.UNKNOWN}),
]  # fmt: skip


def scene_of(dice: random.Random) -> Scene:
    """A person with two applications, of which mostly updates are logged."""
    scene = Scene()
    for _ in range(60):
        what = dice.random()
        if what < 0.6:
            scene.attempt("update")
        elif what < 0.75:
            name, fields = dice.choice(ACTS)
            scene.attempt(name, **fields)
        elif what < 0.8:
            scene.person(dice.choice(["suspended", "activated", "deleted"]))
        elif what < 0.85:
            scene.edit("jobTitle")
        elif what < 0.9:
            scene.member(dice.choice(["add", "remove"]), dice.choice(["sales", "staff"]))
        elif what < 0.95:
            scene.bound(dice.choice(["add", "remove"]), dice.choice(["sales", "staff"]))
        else:
            scene.integration(dice.random() < 0.5)
    for row in [*scene.own, *scene.around]:
        if row["application_id"] and dice.random() < 0.3:
            row["application_id"], row["application_name"] = "a2", "statsig"
    return scene


@pytest.mark.parametrize("seed", range(4))
def test_the_accounts_are_the_same_to_each_field_without_repeated_updates(seed: int) -> None:
    dice = random.Random(seed)
    left_out = 0
    for _ in range(60):
        scene = scene_of(dice)
        bindings = Bindings(scene.around)
        fewer = without_repeats(scene.own, bindings)
        left_out += len(scene.own) - len(fewer)
        assert fold(fewer, bindings, timeline=True).accounts == fold(scene.own, bindings, timeline=True).accounts
    assert left_out > 200


@pytest.mark.parametrize("seed", range(4))
def test_the_accounts_are_the_same_where_nobody_asks_what_set_attempts_off(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(120):
        scene = scene_of(dice)
        bindings = Bindings(scene.around)
        unasked = Fold(bindings, Memberships(scene.own), timeline=True, explained=False)
        for row in scene.own:
            unasked.add(row)
        assert unasked.accounts() == fold(scene.own, bindings, timeline=True).accounts


def kept(scene: Scene) -> list[int]:
    """Which of its own rows are left, by number."""
    fewer: list[Row] = without_repeats(scene.own, Bindings(scene.around))
    return [scene.own.index(row) for row in fewer]


def test_a_run_of_updates_is_reduced_to_its_first_and_last() -> None:
    scene = Scene().attempt("create")
    for _ in range(5):
        scene.attempt("update")
    assert kept(scene) == [0, 1, 5]


@pytest.mark.parametrize(
    "between",
    [
        pytest.param(lambda scene: scene.person("suspended"), id="an act on the person"),
        pytest.param(lambda scene: scene.attempt("deprovision"), id="another attempt"),
        pytest.param(lambda scene: scene.attempt("update", outcome=Outcome.FAILURE), id="an update that failed"),
    ],
)
def test_what_comes_between_ends_a_run_of_updates(between: Any) -> None:
    scene = Scene().attempt("update").attempt("update").attempt("update")
    between(scene)
    scene.attempt("update").attempt("update").attempt("update")
    assert kept(scene) == [0, 2, 3, 4, 6]


def test_an_event_about_the_whole_application_ends_a_run_of_updates() -> None:
    scene = Scene().attempt("update").attempt("update").attempt("update")
    scene.integration(active=False).attempt("update").attempt("update")
    assert kept(scene) == [0, 2, 3, 4]

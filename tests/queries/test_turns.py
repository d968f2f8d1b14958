"""Accounts are told the same without the accepted updates in between, or they are not told."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from pages.scene import Scene
from queries.accounts.account import Account
from queries.accounts.bindings import Bindings
from queries.accounts.folding import Row, place_of
from queries.accounts.repeats import is_repeat
from queries.lifecycle import fold
from queries.turns import NO_UPDATE, Updates, fold_turns, updates_of
from schemas.outcome import Outcome
from schemas.times import LATEST
from tests.queries.test_repeats import scene_of

TICK = timedelta(seconds=5)
Act = Callable[[Scene], Any]


def updates(rows: list[Row]) -> dict[str, Updates]:
    """What the store keeps of those that it leaves out, whatever the time that is asked about."""
    places: dict[str, list[Row]] = {}
    for row in sorted(rows, key=place_of):
        if is_repeat(row):
            places.setdefault(row["application_id"], []).append(row)
    return {
        each: Updates(place_of(own[0]), place_of(own[-1]), (1, 1), own[-1]["application_name"], "")
        for each, own in places.items()
    }


def told(scene: Scene, application: str, until: datetime = LATEST) -> list[Account] | None:
    """The account there, by all but those."""
    around = [row for row in scene.around if row["occurred_at"] <= until]
    turns = [
        row for row in scene.own
        if not is_repeat(row) and (row["kind"] == "other" or row["application_id"] == application)
    ]  # fmt: skip
    known = {each: own for each, own in updates(scene.own).items() if each == application}
    found = fold_turns(turns, known, Bindings(around).only([application]), until)
    return None if found is None else [each for each in found.accounts if each.application_id == application]


def whole(scene: Scene, application: str, until: datetime = LATEST) -> list[Account]:
    """The same by everything."""
    own, around = ([row for row in rows if row["occurred_at"] <= until] for rows in (scene.own, scene.around))
    return [each for each in fold(own, Bindings(around)).accounts if each.application_id == application]


@pytest.mark.parametrize("seed", range(4))
def test_an_account_is_told_the_same_to_each_field_or_not_at_all(seed: int) -> None:
    dice = random.Random(seed)
    compared = 0
    for _ in range(150):
        scene = scene_of(dice)
        scene.own = scene.own[: dice.randrange(5, len(scene.own))]
        until = dice.choice([LATEST, LATEST, scene.own[dice.randrange(len(scene.own))]["occurred_at"]])
        for application in ("a1", "a2"):
            found = told(scene, application, until)
            if found is not None:
                compared += 1
                assert found == whole(scene, application, until)
    assert compared > 50


def updated(scene: Scene, times: int = 3) -> Scene:
    for _ in range(times):
        scene.attempt("update")
    return scene


@pytest.mark.parametrize(
    ("play", "is_told"),
    [
        pytest.param(lambda s: updated(s.attempt("create")), True, id="updated since it was made"),
        pytest.param(updated, True, id="only ever updated"),
        pytest.param(
            lambda s: updated(s.attempt("create")).person("suspended").attempt("deprovision", Outcome.FAILURE),
            True,
            id="closed in vain after them",
        ),
        pytest.param(
            lambda s: updated(updated(s.attempt("create")).person("suspended").person("activated")),
            True,
            id="suspended and back among them",
        ),
        pytest.param(
            lambda s: updated(updated(s.attempt("create")).integration(False).integration(True)),
            True,
            id="the integration deleted and back among them",
        ),
        pytest.param(
            lambda s: updated(updated(s.attempt("create")).attempt("delete")),
            False,
            id="deleted among them: the next one opens it again",
        ),
        pytest.param(
            lambda s: updated(updated(s.attempt("create")).attempt("delete", Outcome.REPORTED_ABSENT)),
            False,
            id="reported absent among them",
        ),
        pytest.param(
            lambda s: updated(
                updated(s.bound("add").member("add").attempt("create")).member("remove").attempt("lookup")
            ),
            False,
            id="out of the group among them: the next one tells that the access did not end",
        ),
        pytest.param(
            lambda s: updated(updated(s.integration(True).after(TICK).attempt("create").after(TICK))),
            False,
            id="perhaps an activation's test",
        ),
        pytest.param(
            lambda s: updated(updated(s.integration(True).after(TICK).attempt("create"))),
            True,
            id="made just after an activation, and not its test",
        ),
    ],
)
def test_what_an_update_in_between_could_change_is_not_told_without_it(play: Act, is_told: bool) -> None:
    scene = Scene()
    play(scene)
    found = told(scene, "a1")
    assert (found is not None) is is_told
    assert found in (None, whole(scene, "a1"))


def test_before_the_last_update_nothing_is_told_and_before_the_first_there_is_none() -> None:
    scene = updated(Scene().attempt("create"))
    times = [row["occurred_at"] for row in scene.own]
    assert [told(scene, "a1", at) is not None for at in times] == [True, False, False, True]
    assert told(scene, "a1", times[0]) == whole(scene, "a1", times[0])


def test_an_update_whose_copies_differ_is_read_from_all_copies() -> None:
    scene = updated(Scene().attempt("create"))
    scene.own.append({**scene.own[-1], "action": "delete", "account_state": "deleted", "version": 2})
    assert told(scene, "a1") is None


def test_the_store_s_numbers_are_places_and_versions() -> None:
    at, event = 1_790_000_000_123_456, 0x63EC9BBA89A64E507CE0A4C200000001
    place = (at << 192) + (event << 64)
    found = updates_of(place + (~7 & 0xFFFFFFFFFFFFFFFF), place + 9, "slack", "ines")
    assert found is not None
    assert found.first == found.last
    assert (found.versions, found.application, found.person) == ((7, 9), "slack", "ines")
    assert updates_of(NO_UPDATE, 0, "", "") is None

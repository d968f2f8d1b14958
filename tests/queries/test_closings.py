"""Which closings there are, and how they end."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from pages.scene import Scene
from queries.accounts.bindings import Bindings
from queries.closings import TIMES, Closing, closings_of, read_closers, report, summarise
from queries.histories import read_bindings
from queries.lifecycle import fold
from schemas.outcome import Outcome
from tests.queries.support import SLACK, Trail, at, attempt, when
from tests.queries.test_histories import bound
from tests.queries.test_repeats import scene_of
from tests.records import NOON, event

WEEK = timedelta(days=7)
APP = str(SLACK["id"])
FAILED, GONE, UNCLEAR = Outcome.FAILURE, Outcome.REPORTED_ABSENT, Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("scene", "told"),
    [
        pytest.param(Scene().attempt("create").person("suspended"), [(2, None, None)], id="open"),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision"), [(2, 3, None)], id="confirmed closed"
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision", GONE),
            [(2, None, 3)],
            id="reported absent",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision", GONE).attempt("deprovision", FAILED),
            [(2, None, 3)],
            id="reported absent, and a failure tells nothing new",
        ),
        pytest.param(
            Scene().attempt("create").person("deleted").attempt("delete", GONE).attempt("delete"),
            [(2, 4, None)],
            id="reported absent, then confirmed closed",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision", GONE).attempt("update"),
            [(2, None, None)],
            id="reported absent, then shown open",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision", GONE).person("activated"),
            [(2, None, 3)],
            id="reported absent, then wanted again",
        ),
        pytest.param(Scene().attempt("create").person("suspended").person("activated"), [], id="wanted again"),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision").attempt("create"),
            [(2, None, None)],
            id="confirmed closed, and opened again by a late push",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision").attempt("create", UNCLEAR),
            [(2, None, None)],
            id="confirmed closed, and perhaps opened again",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision").attempt("create", FAILED),
            [(2, 3, None)],
            id="confirmed closed, and opening it again failed",
        ),
        pytest.param(
            Scene().attempt("create").person("deleted").attempt("delete", GONE).attempt("activate", UNCLEAR),
            [(2, None, None)],
            id="reported absent, and perhaps opened again",
        ),
        pytest.param(
            Scene()
            .attempt("create")
            .person("suspended")
            .attempt("deprovision")
            .integration(False)
            .attempt("create", UNCLEAR)
            .integration(True),
            [(2, None, None)],
            id="perhaps opened again while the integration was deleted",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision").attempt("create").attempt("delete"),
            [(2, 5, None)],
            id="closed once more after a late push",
        ),
        pytest.param(
            Scene().attempt("create").person("suspended").attempt("deprovision").attempt("delete"),
            [(2, 3, None)],
            id="deactivated, and deleted later",
        ),
        pytest.param(Scene().attempt("create", FAILED).person("suspended"), [], id="never an account"),
        pytest.param(
            Scene().attempt("create", FAILED).person("suspended").attempt("deprovision", FAILED),
            [(2, None, None)],
            id="never accepted, and its closing was refused",
        ),
        pytest.param(
            Scene().attempt("create", FAILED).person("suspended").attempt("deprovision", FAILED).attempt("deprovision"),
            [(2, 4, None)],
            id="never accepted, its closing refused, then confirmed",
        ),
        pytest.param(
            Scene().attempt("create", FAILED).person("suspended").attempt("deprovision", GONE),
            [(2, None, 3)],
            id="never accepted, and reported absent",
        ),
        pytest.param(
            Scene()
            .attempt("create")
            .person("suspended")
            .attempt("deprovision")
            .integration(False)
            .person("deleted")
            .after(WEEK)
            .integration(True),
            [(2, 3, None)],
            id="confirmed closed once, whatever becomes of the integration",
        ),
        pytest.param(
            Scene()
            .attempt("create")
            .integration(False)
            .person("suspended")
            .after(WEEK)
            .integration(True)
            .attempt("deprovision"),
            [(2, 3, None)],
            id="decided while the integration was deleted, and confirmed when it was back",
        ),
    ],
)
def test_a_closing_ends_confirmed_or_reported_absent_or_not_at_all(
    scene: Scene, told: list[tuple[int, int | None, int | None]]
) -> None:
    """The n-th event of the scene; its events are all the subject's own."""
    times = [None, *(row["occurred_at"] for row in scene.own)]
    expected = [tuple(times[number or 0] for number in one) for one in told]
    assert [tuple(one) for one in closings_of(scene.account())] == expected


@pytest.mark.parametrize("seed", range(4))
def test_a_closing_is_open_since_the_same_time_as_the_account_is_exposed(seed: int) -> None:
    dice = random.Random(seed)
    for scene in (scene_of(dice) for _ in range(60)):
        for account in fold(scene.own, Bindings(scene.around), timeline=True).accounts:
            told = [span.since for span in closings_of(account) if not span.ended]
            assert told == ([account.closing_since] if account.exposed else [])


def test_what_is_reported_absent_is_counted_by_itself() -> None:
    def closing(closed: float | None = None, absent: float | None = None) -> Closing:
        ended = [None if one is None else when(one) for one in (closed, absent)]
        return Closing("o", "s", "ines", "a1", "slack", when(0), *ended)

    found = summarise([closing(10), closing(absent=20), closing(absent=90), closing()], timedelta(hours=1), when(120))
    (summary,) = found.applications
    assert (summary.closings, summary.within_sla, summary.reported_absent, summary.still_open) == (4, 1, 2, 1)
    # The account that is open by now, for two hours, may take longer than any; the one reported absent has no time.
    assert (summary.p50, summary.p90, summary.longest) == (600, 7200, 7200)
    assert summary.at_least == ("p90", "p99", "longest")
    assert [(each.absent_at, each.took(when(120))) for each in found.exceptions] == [
        (None, timedelta(hours=2)),
        (when(90), timedelta(minutes=90)),
    ]


@pytest.mark.parametrize(
    ("closed", "open_since", "times", "at_least"),
    [
        pytest.param([1, 2, 3, 4], [], (120, 240, 240, 240), (), id="all closed"),
        pytest.param([1] * 10, [-840] * 30, (57_600, 57_600, 57_600, 57_600), tuple(TIMES), id="most of them open"),
        pytest.param([1] * 99, [0], (60, 60, 60, 7200), ("longest",), id="one of many open"),
        pytest.param([1, 300, 300], [100], (1200, 18_000, 18_000, 18_000), tuple(TIMES), id="open for a shorter time"),
        pytest.param([], [0], (7200, 7200, 7200, 7200), tuple(TIMES), id="none closed"),
    ],
)
def test_an_account_that_is_open_counts_with_its_age(
    closed: list[int], open_since: list[int], times: tuple[float, ...], at_least: tuple[str, ...]
) -> None:
    """`closed` are the minutes that each took, `open_since` the minutes at which the others were to be closed."""
    found = [Closing("o", "s", "ines", "a1", "slack", when(0), when(took), None) for took in closed]
    found += [Closing("o", "s", "ines", "a1", "slack", when(since), None, None) for since in open_since]
    (summary,) = summarise(found, timedelta(hours=1), when(120)).applications
    assert (summary.p50, summary.p90, summary.p99, summary.longest) == times
    assert summary.at_least == at_least


def test_every_exception_is_counted_however_many_there_are() -> None:
    late = Closing("o", "s", "ines", "a1", "slack", when(0), None, None)
    assert len(summarise([late] * 10_001, timedelta(hours=1), when(120)).exceptions) == 10_001


GROUP = {"id": "staff", "type": "user_group", "name": "staff"}


@pytest.mark.store
@pytest.mark.parametrize(
    ("ended", "told"),
    [
        pytest.param(bound(0, "remove", "staff", application=APP), [("p1", when(0))], id="unbound"),
        pytest.param(
            event("group_delete", timestamp=at(0), resource=GROUP, application=None), [("p1", when(0))], id="deleted"
        ),
        pytest.param(
            event("group_delete", timestamp=at(0), resource={**GROUP, "id": "other"}, application=None), [],
            id="a group deleted that was bound to nothing",
        ),
        pytest.param(
            event("group_delete", timestamp=at(-90), resource=GROUP, application=None), [],
            id="deleted before the period",
        ),
    ],
)  # fmt: skip
def test_an_account_must_be_closed_when_its_group_is_lost_even_if_nobody_tries(
    trail: Trail, ended: dict[str, Any], told: list[tuple[str, datetime]]
) -> None:
    trail.insert(
        bound(-900, "add", "staff", application=APP),
        bound(-890, "add", "staff", user="p1"),
        attempt(-880, "user_create_provision", resource={"id": "p1", "username": "ines"}, application=SLACK),
        ended,
    )
    found = report(trail.store, trail.organization, when(-60), NOON, timedelta(minutes=30), NOON)
    assert [(one.subject_id, one.since) for one in found.exceptions] == told


@pytest.mark.store
@pytest.mark.parametrize(
    ("ended", "read"),
    [
        pytest.param(
            [bound(0, "remove", "project", application=APP)], {"told", "left", "untold"}, id="one of two groups"
        ),
        pytest.param(
            [event("group_delete", timestamp=at(0), resource={**GROUP, "id": "project"}, application=None)],
            {"told", "left", "untold"},
            id="one of two groups deleted",
        ),
        pytest.param(
            [bound(-1, "remove", "project", application=APP), bound(0, "remove", "staff", application=APP)],
            {"told", "left", "untold", "other", "later"},
            id="the last group",
        ),
        pytest.param([bound(-90, "remove", "project", application=APP)], set(), id="before the period"),
        pytest.param([bound(0, "remove", "project", application="another")], set(), id="from another application"),
    ],
)
def test_of_those_a_group_let_in_only_they_are_read_when_it_is_unbound(
    trail: Trail, ended: list[dict[str, Any]], read: set[str]
) -> None:
    trail.insert(
        bound(-5000, "add", "staff", application=APP),
        bound(-3000, "add", "project", application=APP),
        bound(-3000, "add", "project", user="told"),
        bound(-3000, "add", "project", user="left"),
        bound(-2000, "remove", "project", user="left"),
        bound(-5000, "add", "staff", user="other"),
        *(
            attempt(minute, "user_create_provision", resource={"id": each, "username": each}, application=SLACK)
            for each, minute in {"told": -2990, "left": -2990, "untold": -2700, "other": -4990, "later": -100}.items()
        ),
        *ended,
    )
    bindings = read_bindings(trail.store, trail.organization, NOON)
    assert set(read_closers(trail.store, trail.organization, bindings, when(-60), NOON)) == read

"""Credentials near their expiry: told once, until they are renewed or outlive it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from queries.integrations.health import fold
from queries.integrations.reports import read_healths
from queries.integrations.trouble import ConfigurationChange, Mark
from schemas.alerts import Detected
from streams.alerts.lookout.expiring import EXPIRING, expiring
from streams.alerts.lookout.sighting import Sighting, changes, key_of
from tests.queries.support import Trail, attempt, when
from tests.queries.test_integration_health import DAY, at, bad, change, good

SNOWFLAKE = 181
GIVEN: list[Mark] = [change(0, "activate"), good(1)]
APP = ("acme", "app1")


def seen(marks: Sequence[Mark], day: float, told: Sequence[Detected] = (), name: str = "snowflake") -> list[Sighting]:
    now = at(day * DAY)
    return expiring([(APP, name, fold([mark for mark in marks if _at(mark) <= now], name, now))], told, now)


def _at(mark: Mark) -> datetime:
    return mark.place.at if isinstance(mark, ConfigurationChange) else mark.last.at


@pytest.mark.parametrize(
    ("marks", "day", "near"),
    [
        pytest.param(GIVEN, SNOWFLAKE - 31, False, id="not yet"),
        pytest.param(GIVEN, SNOWFLAKE - 30, True, id="thirty days before"),
        pytest.param(GIVEN, SNOWFLAKE - 1, True, id="the day before"),
        pytest.param(GIVEN, SNOWFLAKE, False, id="long before the trail: nobody is told of a history that is over"),
        pytest.param([good(0)], SNOWFLAKE - 1, False, id="nobody knows since when it has its credentials"),
        pytest.param([*GIVEN, change(99 * DAY, "reauth")], SNOWFLAKE - 1, False, id="renewed since"),
        pytest.param([*GIVEN, change(9 * DAY, "delete")], SNOWFLAKE - 1, False, id="deleted"),
        pytest.param([*GIVEN, *[bad(5 * DAY + n) for n in range(3)]], SNOWFLAKE - 1, False, id="refused already"),
    ],
)
def test_credentials_are_near_their_expiry(marks: list[Mark], day: float, near: bool) -> None:
    assert bool(seen(marks, day)) is near


def test_an_application_whose_tokens_live_for_ever_is_never_near() -> None:
    assert not any(seen(GIVEN, day, name="slack") for day in range(0, 800, 10))


def test_the_alert_says_when_and_what_that_rests_on() -> None:
    (alert,) = changes(EXPIRING, {}, seen(GIVEN, SNOWFLAKE - 20), at((SNOWFLAKE - 20) * DAY))
    assert alert.title == "The credentials of snowflake should expire by 2026-09-16"
    assert alert.description.endswith(
        "They were entered on 2026-03-19, and Snowflake says that its tokens live 181 days."
    )
    assert (alert.first_at, alert.events, alert.applications) == (at(0), 1, ("app1",))
    lived: list[Mark] = [*GIVEN, good(90 * DAY), bad(91 * DAY), change(92 * DAY, "reauth"), good(92 * DAY + 1)]
    (sighting,) = seen(lived, 170)
    assert sighting.found == (
        "They were entered on 2026-06-19; those before them were accepted when 90 days old, and refused as expired "
        "at 91."
    )


REFUSED: list[Mark] = [bad(181 * DAY + n) for n in range(5)]


@pytest.mark.parametrize(
    ("later", "day", "stands"),
    [
        pytest.param([], 170, True, id="nearer still"),
        pytest.param([], 190, True, id="beyond it, and nobody tried"),
        pytest.param(REFUSED, 190, True, id="expired: it is still to be renewed"),
        pytest.param([change(160 * DAY, "reauth")], 170, False, id="renewed in time"),
        pytest.param([*REFUSED, change(182 * DAY, "reauth")], 190, False, id="renewed late"),
        pytest.param([change(160 * DAY, "delete")], 170, False, id="the integration was deleted"),
        pytest.param([good(183 * DAY)], 190, False, id="they outlived it"),
    ],
)
def test_what_was_told_stands_until_the_credentials_are_others(later: list[Mark], day: float, stands: bool) -> None:
    (opened,) = changes(EXPIRING, {}, seen(GIVEN, 155), at(155 * DAY))
    found = seen([*GIVEN, *later], day, [opened])
    assert bool(found) is stands
    assert len(changes(EXPIRING, {key_of(opened): opened}, found, at(day * DAY))) == (not stands)


@pytest.mark.store
def test_the_store_tells_of_every_integration_with_its_name(any_trail: Trail) -> None:
    snowflake = {"id": "app-snow", "name": "snowflake"}
    any_trail.insert(
        attempt(0, "idm_integration_activate", resource=None, application=snowflake),
        attempt(1, application=snowflake),
        attempt(2),
    )
    now = when(1) + timedelta(days=SNOWFLAKE - 20)
    found = [each for each in read_healths(any_trail.store, now, 10_000) if each[0][0] == any_trail.organization]
    assert sorted(name for _, name, _ in found) == ["snowflake", "statsig"]
    (sighting,) = expiring(found, [], now)
    assert (sighting.applications, sighting.began) == (("app-snow",), when(0))

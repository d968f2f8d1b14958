"""Which application is meant: by id, or by any name that it had; a misspelt one is told with those there are."""

from __future__ import annotations

import pytest

from queries.applications import find_application
from schemas.errors import Unknown
from tests.queries.support import SLACK, Trail, attempt
from tests.records import STATSIG

pytestmark = pytest.mark.store

OKTA = {"id": "0oa1", "name": "okta"}


def three(trail: Trail) -> None:
    """Slack, statsig (which was called Statsig Beta before), and one that only sign-ins name."""
    trail.insert(
        attempt(0, application=SLACK),
        attempt(1, application={**STATSIG, "name": "Statsig Beta"}),
        attempt(2, application=STATSIG),
        attempt(3, "sso_auth", application=OKTA),
    )


@pytest.mark.parametrize(
    ("asked", "own"),
    [
        pytest.param("slack", SLACK["id"], id="a name"),
        pytest.param("SLACK", SLACK["id"], id="in any case"),
        pytest.param(SLACK["id"], SLACK["id"], id="an id"),
        pytest.param("statsig beta", STATSIG["id"], id="a former name"),
        pytest.param("okta", OKTA["id"], id="of sign-ins alone"),
    ],
)
def test_an_application_is_found_by_its_id_and_by_every_name(any_trail: Trail, asked: str, own: str) -> None:
    three(any_trail)
    assert find_application(any_trail.store, any_trail.organization, asked) == (own,)
    assert own in find_application(any_trail.store, None, asked)


@pytest.mark.parametrize(
    ("asked", "sentence", "near"),
    [
        pytest.param(
            "nosuch",
            "no application is known as 'nosuch'; there are: okta, slack, statsig, Statsig Beta",
            [],
            id="like none",
        ),
        pytest.param(
            "STATSIC",
            "no application is known as 'STATSIC'; there are: statsig, Statsig Beta, okta, slack",
            ["statsig", "Statsig Beta"],
            id="near ones first",
        ),
    ],
)
def test_one_that_no_event_names_is_told_with_those_there_are(
    trail: Trail, asked: str, sentence: str, near: list[str]
) -> None:
    three(trail)
    with pytest.raises(Unknown) as caught:
        find_application(trail.store, trail.organization, asked)
    assert (str(caught.value), caught.value.near) == (sentence, near)


def test_of_many_the_first_are_told_and_the_others_counted(trail: Trail) -> None:
    trail.insert(*(attempt(n, application={"id": f"a{n}", "name": f"app {n}"}) for n in range(10)))
    with pytest.raises(Unknown, match=r"there are: app 0, .*, app 7 and 2 more$"):
        find_application(trail.store, trail.organization, "zoom")


def test_those_of_another_organization_are_neither_found_nor_told(trail: Trail) -> None:
    three(trail)
    with pytest.raises(Unknown, match=r"^no application is known as 'slack'; no event names one yet$"):
        find_application(trail.store, "another", "slack")

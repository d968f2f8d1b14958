"""Which known name somebody meant."""

from __future__ import annotations

import pytest

from schemas.near import meant, nearest


@pytest.mark.parametrize(
    ("name", "most", "found"),
    [
        pytest.param("statsik", 1, ["statsig"], id="the most similar"),
        pytest.param("statsik", 3, ["statsig", "Statsig Beta"], id="several, the most similar first"),
        pytest.param("SLACC", 1, ["Slack"], id="whatever the case, as it is known"),
        pytest.param("slac" + "x" * 1_000, 1, [], id="like none"),
    ],
)
def test_the_nearest_names_are_found(name: str, most: int, found: list[str]) -> None:
    assert nearest(name, {"Statsig Beta", "statsig", "Slack", "okta"}, most) == found


def test_without_one_that_is_like_it_all_are_told() -> None:
    assert meant("zoom", ("slack", "okta")) == "expected one of: okta, slack"
    assert meant("octa", ("slack", "okta")) == "did you mean okta?"

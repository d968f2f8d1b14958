"""The page on incidents says what the code does: its examples are run, its picture is the fold's."""

from __future__ import annotations

import re

import pytest

from pages.cause_page import ENDINGS
from pages.incident_page import APART, SAME, Same, incident_page
from pages.incident_picture import picture, runs_of
from queries.incidents.listing import IncidentState
from schemas.cause import CAUSES, Cause
from schemas.signature import pattern
from streams.incidents import episodes


@pytest.mark.parametrize("same", SAME, ids=[same.noise for same in SAME])
def test_the_examples_of_noise_are_one_incident(same: Same) -> None:
    assert len(same.texts) > 1
    assert len({pattern(text, same.own) for text in same.texts}) == 1


@pytest.mark.parametrize(("one", "other"), APART)
def test_the_examples_that_stay_apart_do(one: str, other: str) -> None:
    assert pattern(one) != pattern(other)


def test_every_state_and_every_cause_with_what_ends_it_is_on_the_page() -> None:
    page = incident_page()
    assert all(f"| `{state}` |" in page for state in IncidentState)
    for cause in Cause:
        (line,) = [line for line in page.splitlines() if f"causes.md#{cause})" in line]
        assert line.endswith(f"| {ENDINGS[CAUSES[cause].ends_with]}. |")


def test_the_picture_shows_the_episodes_that_the_fold_makes() -> None:
    drawn = " ".join(re.findall(r">([^<>]+)</text>", picture()))
    made = episodes(run for name in ("Ines", "Kofi", "Lena") for run in runs_of(name))
    assert [(stretch.since, stretch.ended_at) for stretch in made] == [(1, 9), (14, 21)]
    assert "episode 1: open" in drawn
    assert "episode 2: regressed" in drawn
    assert drawn.count("resolved") == 2

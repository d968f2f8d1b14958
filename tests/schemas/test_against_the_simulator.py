"""Outcome, cause and attribute of simulated attempts are what the simulator knows; it never saw the rules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from producers.simulation import Organisation
from schemas.events import parse
from schemas.facts import facts
from schemas.outcome import Outcome


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (2, 3))])
def test_outcome_cause_and_attribute_are_the_truth(seed: int) -> None:
    start = datetime(2026, 9, 1, tzinfo=UTC)
    wrong: list[tuple[str | None, ...]] = []
    causes: set[str] = set()
    attributes: set[str] = set()
    for event in Organisation(seed, 60, 6, 40, start, oddities=0.0, story=False):
        if event.outcome == "other":
            continue
        found = facts(parse(event.raw))
        if found.outcome != event.outcome:
            wrong.append((event.event_type, event.outcome, found.outcome))
        if found.outcome == Outcome.FAILURE:
            causes.add(found.cause)
            if found.cause != event.cause:
                wrong.append((event.event_type, event.cause, found.cause, found.detail))
            if found.attribute != event.attribute:
                wrong.append((event.event_type, event.attribute, found.attribute, found.detail))
            attributes.add(found.attribute)
    assert wrong == []
    assert len(causes) >= 6
    assert len(attributes) >= 3

"""However many events somebody has, folding them holds a bounded number of them."""

from __future__ import annotations

import tracemalloc
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from pages.scene import Scene
from queries.accounts.folding import Row
from queries.lifecycle import Fold
from schemas.outcome import Outcome

ACTS: list[tuple[str, dict[str, Any]]] = [
    ("suspended", {}), ("deprovision", {"outcome": Outcome.FAILURE}), ("deprovision", {}), ("activated", {}),
    ("activate", {}), ("title", {}), ("update", {"outcome": Outcome.FAILURE}), ("update", {}),
]  # fmt: skip


def year(rounds: int) -> Any:
    """A person who is suspended and taken back again and again, edited meanwhile, with failures of every kind."""
    scene = Scene().attempt("create")
    templates: list[Row] = []
    for act, fields in ACTS:
        if act in ("suspended", "activated"):
            scene.person(act)
        elif act == "title":
            scene.edit("jobTitle")
        else:
            scene.attempt(act, **fields, changed=["title"] if act == "update" else None)
        templates.append(scene.own[-1])
    numbers = count(100)
    for number in range(rounds):
        for row in templates:
            changed = [f"a{number}"] if row["outcome"] == Outcome.FAILURE else row["changed"]
            later = row["occurred_at"] + timedelta(hours=2 * number)
            yield {**row, "event_id": UUID(int=next(numbers)), "occurred_at": later, "changed": changed}


def held(rounds: int) -> int:
    """Bytes that a fold of so many rounds holds at the end."""
    folding = Fold()
    tracemalloc.start()
    try:
        for row in year(rounds):
            folding.add(row)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "rounds", [pytest.param(200, id="1,600 events"), pytest.param(12_500, id="100,000 events", marks=pytest.mark.soak)]
)
def test_a_fold_holds_no_more_after_many_events_than_after_some(rounds: int) -> None:
    held(10)
    assert held(rounds) < 1.5 * held(100)

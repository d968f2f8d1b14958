"""What the benchmark of replay relies on, at a small scale: what is read of a person does not grow with the log."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from bench import replay
from queries.exposures import list_exposures
from queries.histories import read_history
from queries.migrate import Deployment, migrate
from queries.state import Asked, read_state
from queries.store import Store
from schemas.times import EARLIEST, LATEST

pytestmark = [pytest.mark.store, pytest.mark.soak]


def test_granules_read_for_a_person_and_for_exposures_do_not_grow_and_the_exposed_are_those_put_in(
    engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "PEOPLE", 2_000)
    monkeypatch.setattr(replay, "_GONE", 200)
    read, exposed = [], []
    for events in (60_000, 240_000):
        store = Store.open(f"chdb://{engine}", database=f"t{uuid4().hex[:12]}")
        try:
            migrate(store, Deployment("embedded", synced=False))
            replay.fill(store, events)
            store.command("OPTIMIZE TABLE events_by_subject FINAL")
            read.append(replay.granules(store, replay.person(7)))
            store.command("OPTIMIZE TABLE account_turns FINAL")
            exposed.append(replay.granules_of_exposures(store))
            found = list_exposures(store, replay.ORGANIZATION, replay.END)
            assert (len(found.failing), len(found.never_attempted), len(found.left_behind)) == (16, 2, 300)
            past = Asked(replay.END - timedelta(days=64), None)
            assert read_state(store, replay.person(7), past).accounts
            assert read_history(store, replay.person(7), EARLIEST, LATEST).steps
        finally:
            store.command(f"DROP DATABASE `{store.database}` SYNC")
            store.close()
    assert read[1] <= read[0] + 2
    assert exposed[1] <= exposed[0] * 1.5

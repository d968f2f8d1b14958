"""Exposures told without the accepted updates in between are those told by every event, whatever comes in which order,
how often, and in which copies."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson
import pytest

from queries import exposures
from queries.exposures import Exposure, list_exposures, turned_exposures
from queries.store import Store
from queries.suspects import Key
from tests.fixtures_store import copied
from tests.queries.support import INGEST, TENANT, Trail
from tests.records import Record
from tests.replay.played import troubled

pytestmark = pytest.mark.store


@dataclass
class Muddled:
    """An organisation in a store: shuffled, in part twice, and some events in copies that say something else."""

    trail: Trail
    first: datetime
    last: datetime


@pytest.fixture(scope="module", params=[pytest.param(11, id="one seed"), pytest.param(12, marks=pytest.mark.soak)])
def muddled(migrated: Store, request: pytest.FixtureRequest) -> Iterator[Muddled]:
    dice = random.Random(request.param)
    raws = [orjson.loads(event.raw) for event in troubled(request.param, 40, 24.0)]
    times = [datetime.fromisoformat(raw["timestamp"]) for raw in raws]
    with copied(migrated) as store:
        trail = Trail(store, uuid4().hex[:24])
        records: list[Record] = []
        for raw in raws:
            copies = [trail.log(raw, TENANT if dice.random() < 0.5 else source_of(dice), max(times))]
            if dice.random() < 0.02:
                copies.append(trail.log(otherwise(raw, raws, dice), INGEST, max(times) - timedelta(seconds=9)))
            records += copies * (2 if dice.random() < 0.05 else 1)
        dice.shuffle(records)
        for start in range(0, len(records), 1500):
            trail.insert(*records[start : start + 1500])
        yield Muddled(trail, min(times), max(times))


def source_of(dice: random.Random) -> Any:
    """Mostly the vendor, now and then anybody: of such an event no better copy is there."""
    return INGEST if dice.random() < 0.02 else TENANT


def otherwise(raw: dict[str, Any], raws: list[dict[str, Any]], dice: random.Random) -> dict[str, Any]:
    """The event's id on what another event tells, in part."""
    other = dice.choice(raws)
    fields = dice.sample(["event_type", "timestamp", "success", "resource", "application"], dice.randrange(1, 5))
    return {**raw, **{field: other[field] for field in fields if field in other}}


def by_every_event(monkeypatch: pytest.MonkeyPatch, muddled: Muddled, at: datetime | None) -> list[Exposure]:
    def nothing(_: str, __: list[Any], accounts: Mapping[Key, Any], *___: Any, **____: Any) -> Any:
        return [], set(accounts)

    with monkeypatch.context() as patched:
        patched.setattr(exposures, "turned_exposures", nothing)
        return told(muddled, at)


def told(muddled: Muddled, at: datetime | None) -> list[Exposure]:
    now = muddled.last + timedelta(days=9)
    return list_exposures(muddled.trail.store, muddled.trail.organization, now, at).everything()


def test_they_are_the_same_to_each_field_now_and_then(muddled: Muddled, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(4)
    length = muddled.last - muddled.first
    times = [None, *(muddled.first + length * dice.uniform(0.3, 1) for _ in range(3))]
    expected = [by_every_event(monkeypatch, muddled, at) for at in times]
    untold: list[int] = []
    suspects: list[int] = []

    def counted(*given: Any, **named: Any) -> Any:
        exposed, others = turned_exposures(*given, **named)
        untold.append(len(others))
        suspects.append(len(given[2]))
        return exposed, others

    monkeypatch.setattr(exposures, "turned_exposures", counted)
    assert [told(muddled, at) for at in times] == expected
    assert all(expected)
    assert 0 < sum(untold) < sum(suspects) / 2

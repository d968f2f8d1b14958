"""An organisation's events in a store of its own, in any order and some of them twice."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import uuid4

import orjson

from queries.store import Store
from tests.fixtures_store import copied
from tests.queries.support import Trail


@contextmanager
def filled_store(migrated: Store, raws: Sequence[bytes], seed: int) -> Iterator[tuple[Trail, datetime, datetime]]:
    """The trail, and when the first and the last event occurred; all were known at the latter."""
    told = [orjson.loads(raw) for raw in raws]
    random.Random(seed).shuffle(told)
    times = [datetime.fromisoformat(raw["timestamp"]) for raw in told]
    first, last = min(times), max(times)
    with copied(migrated) as store:
        trail = Trail(store, uuid4().hex[:24])
        records = [trail.log(raw, known_at=last) for raw in told]
        for start in range(0, len(records), 2000):
            trail.insert(*records[start : start + 2000])
        trail.insert(*records[:500])
        yield trail, first, last

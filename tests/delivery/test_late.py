"""Late events and corrections renumber episodes, take them back, make one go on that was over: all of it is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alerts import Delivered, State, standing, utc
from streams.alerts.delivery.story import STANDS
from streams.alerts.live import Live
from streams.alerts.seen import Seen
from tests.alerts.records import minute
from tests.alerts.test_live import FRESH, MINUTE, RULES, START, Entries, flushed, later, seen
from tests.delivery.log import Partition

Event = tuple[int, int, str]
"""The half minute at which it was, how many later it came, and what it says."""
event = st.tuples(
    st.integers(0, 300), st.sampled_from([0, 0, 0, 4, 16, 30]), st.sampled_from(["failure", "failure", "success"])
)
Correction = tuple[int, str]
"""How many half minutes after an event another copy of it comes that is believed more, and what that says."""
correction = st.tuples(st.integers(1, 24), st.sampled_from(["failure", "success", "unknown"]))


@settings(max_examples=30, deadline=None)
@given(st.lists(event, min_size=3, max_size=14))
def test_what_was_told_last_of_an_alert_is_how_it_stands(events: list[Event]) -> None:
    for log, now, new in played(arrivals((one, None) for one in events)):
        if new:
            assert told_wrong(log, now) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(event, st.none() | correction), min_size=3, max_size=10))
def test_what_was_told_last_is_soon_how_it_stands_also_after_corrections(
    events: list[tuple[Event, Correction | None]],
) -> None:
    changed = utc(START)
    for log, now, new in played(arrivals(events)):
        if new:
            changed = now
        elif now - changed == STANDS + timedelta(seconds=30):
            assert told_wrong(log, now) == []


def arrivals(events: Iterable[tuple[Event, Correction | None]]) -> Mapping[int, list[Seen]]:
    """By the half minute at which they come."""
    found: dict[int, list[Seen]] = {}
    for number, ((half, late, outcome), corrected) in enumerate(events):
        come = half + late
        found.setdefault(come, []).append(seen(half / 2, number, outcome, known=come / 2))
        if corrected is not None:
            come += corrected[0]
            copy = seen(half / 2, number, corrected[1], known=come / 2, version=2)
            found.setdefault(come, []).append(copy)
    return found


def played(coming: Mapping[int, list[Seen]]) -> Iterator[tuple[Partition, datetime, bool]]:
    """Every half minute: the log, with all that is told by then, and whether anything was found in it."""
    live, log, offsets = Live(RULES, Entries(), FRESH), Partition(), count()
    for half in range(520):
        for one in coming.get(half, ()):
            live.take(0, next(offsets), one)
        live.advance(0, START + (half - 1) * MINUTE // 2)
        now = utc(START + half * MINUTE // 2)
        found = flushed(live, later())
        for record in found:
            log.append(record, now)
        at = (now - minute(0)) / timedelta(minutes=1) + 0.01
        recent = any(appended > now - 2 * STANDS for _, appended in log.records[-1:])
        while recent and log.tell(at):
            at += 0.01
        yield log, now, bool(found)
    done = [(one.alert_id, one.occasion) for one, _ in log.records if isinstance(one, Delivered)]
    assert len(done) == len(set(done))


def told_wrong(log: Partition, now: datetime) -> list[tuple[str, State]]:
    """Alerts of which whoever follows them by what is told believes something else."""
    last = {
        one.alert_id: State.RESOLVED if one.occasion.startswith("ended") else State.OPEN
        for one, _ in log.records
        if isinstance(one, Delivered)
    }
    records = log.ledger((now - minute(0)) / timedelta(minutes=1) + 1).stories.values()
    states = {
        one.detected.alert_id: standing(one.detected, (), now).state for one in records if one.detected is not None
    }
    return [
        (own, state) for own, state in states.items() if state is not State.WITHDRAWN and last.get(own) is not state
    ]

"""Late events renumber episodes, take them back, and make one go on that was over: all of it is told."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alerts import Delivered, State, standing, utc
from streams.alerts.live import Live
from streams.alerts.seen import Seen
from tests.alerts.records import minute
from tests.alerts.test_live import FRESH, MINUTE, RULES, START, Entries, flushed, later, seen
from tests.delivery.log import Partition

came_late = st.lists(
    st.tuples(
        st.integers(0, 300), st.sampled_from([0, 0, 0, 4, 16, 30]), st.sampled_from(["failure", "failure", "success"])
    ),
    min_size=3,
    max_size=14,
)


@given(came_late)
@settings(max_examples=60, deadline=None)
def test_what_was_told_last_of_an_alert_is_how_it_stands(came: list[tuple[int, int, str]]) -> None:
    """Of each event the half minute at which it was, how many later it came, and what it says."""
    arrivals: dict[int, list[Seen]] = {}
    for number, (half, late, outcome) in enumerate(came):
        one = seen(half / 2, number, outcome, known=(half + late) / 2)
        arrivals.setdefault(half + late, []).append(one)
    live, log, offsets = Live(RULES, Entries(), FRESH), Partition(), count()
    for half in range(520):
        for one in arrivals.get(half, ()):
            live.take(0, next(offsets), one)
        live.advance(0, START + (half - 1) * MINUTE // 2)
        found = flushed(live, later())
        now = utc(START + half * MINUTE // 2)
        for record in found:
            log.append(record, now)
        at = (now - minute(0)) / timedelta(minutes=1) + 0.01
        while found and log.tell(at):
            at += 0.01
        for story in log.ledger(at).stories.values() if found else ():
            assert story.detected is not None
            state = standing(story.detected, (), now).state
            if state is not State.WITHDRAWN:
                assert told_last(log, story.detected.alert_id) == ("open" if state is State.OPEN else "over")
    done = [(one.alert_id, one.occasion) for one, _ in log.records if isinstance(one, Delivered)]
    assert len(done) == len(set(done))


def told_last(log: Partition, own: str) -> str:
    """`open` or `over`, as a receiver has it."""
    said = [
        "over" if record.occasion.startswith("ended") else "open"
        for record, _ in log.records
        if isinstance(record, Delivered) and record.alert_id == own
    ]
    return said[-1] if said else "nothing"

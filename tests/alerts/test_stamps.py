"""Live detection of events that say of themselves anything at all about when they occurred.

Held against the plain reference of those that can be believed: the others belong into no window, and end nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.alerts import Detected
from schemas.envelope import Source, Trust
from schemas.times import to_microseconds
from streams.alerts.detection import detect
from streams.alerts.fresh import MARGIN
from streams.alerts.group import Told
from streams.alerts.live import Live
from streams.alerts.record import detected, version_of
from streams.alerts.seen import Seen, seen_of
from streams.forwarded import read_forwarded
from streams.rows import decode_events
from tests.alerts.plain_rules import expected_of
from tests.alerts.reference import Expected
from tests.alerts.test_detection import EVERY_KIND
from tests.alerts.test_live import Entries, flushed, later, standing
from tests.records import Record, event, record_of, seen_in

HORIZON = timedelta(hours=24)
AHEAD = timedelta(hours=24)
"""Of the broker's clock: what says that it occurred later than that is not believed."""
BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)
END = BEGIN + timedelta(days=40)
GARBAGE: list[Any] = [
    None, "", "yesterday", "2026-13-45T09:00:00Z", "2026-01-05T25:00:00Z", "20260105", "9" * 200, 1767603600, True, [],
    {}, "1969-12-31T23:59:59Z", "1999-12-31T23:59:59.999Z", "2100-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "0",
]  # fmt: skip
"""No times, and times that no event has."""


class Stamp(NamedTuple):
    """What an event says of when it occurred."""

    ahead: timedelta | None
    """Of the log's clock when the log had it first; its other copies say the same time, or none that is one."""
    garbage: Any = None
    """Instead."""


class Came(NamedTuple):
    """One copy of an event as the log had it."""

    number: int
    stamp: Stamp
    after: timedelta
    """The copy before it."""
    failed: bool
    person: str
    trust: Trust
    then: str
    """What happens to the worker."""


def ahead(*low_and_high: int) -> st.SearchStrategy[Stamp]:
    return st.integers(*low_and_high).map(lambda minutes: Stamp(timedelta(minutes=minutes)))


DAY = 24 * 60
stamps = st.one_of(
    ahead(-30, 0),
    ahead(-DAY, DAY),
    ahead(DAY + 1, 400 * DAY),
    ahead(-400 * DAY, -DAY - 1),
    st.sampled_from([-DAY, DAY]).flatmap(lambda minutes: ahead(minutes - 1, minutes + 1)),
    st.sampled_from(GARBAGE).map(lambda garbage: Stamp(None, garbage)),
)
histories = st.lists(
    st.builds(
        Came,
        st.integers(0, 15),
        stamps,
        st.sampled_from([0, 1, 9, 60, 1_000]).map(lambda minutes: timedelta(minutes=minutes)),
        st.sampled_from([True, True, False]),
        st.sampled_from(["ann", "bob"]),
        st.sampled_from([Trust.WEBHOOK, Trust.EXPORT, Trust.TENANT_API]),
        st.sampled_from(["goes on", "tells", "writes", "forgets", "is killed"]),
    ),
    max_size=30,
)


class Logged(NamedTuple):
    """A record in the order of the log, with its clock."""

    record: Record
    believed: bool
    """Whether rules see the event, as docs/rules.md says."""


def logged(history: list[Came]) -> list[Logged]:
    found, now, times = [], BEGIN, dict[int, datetime]()
    for offset, came in enumerate(history):
        now += came.after
        at: Any = came.stamp.garbage
        believed = False
        if came.stamp.ahead is not None:
            time = times.setdefault(came.number, now + came.stamp.ahead)
            at, believed = time.isoformat(), -HORIZON <= time - now <= AHEAD
        who = {"id": came.person, "type": "user"}
        raw = {**event(id=f"{came.number:024x}", success=not came.failed, resource=who), "timestamp": at}
        source = Source(f"test:{came.trust.name}", came.trust)
        found.append(Logged(record_of(raw, offset=offset, source=source, known_at=now), believed))
    return found


def lived(history: list[Came]) -> dict[str, Detected]:
    """By a worker that is killed now and then, and reads again what it had not acknowledged."""
    table, told = Entries(), list[Detected]()
    live = Live(EVERY_KIND, table, HORIZON + MARGIN)
    unacknowledged: list[tuple[int, Seen]] = []
    for came, (record, _) in zip(history, logged(history), strict=True):
        for produced in decode_events([record], HORIZON).forward:
            seen = seen_of(read_forwarded(produced.value, dict(produced.headers)))
            if seen is not None:
                live.take(0, record.offset, seen)
                unacknowledged.append((record.offset, seen))
        live.advance(0, record.timestamp * 1_000)
        if came.then == "tells":
            told += live.changes(later())
        elif came.then in ("writes", "forgets"):
            told += live.changes(later())
            if came.then == "forgets":
                live.forget()
            live.write()
            unacknowledged.clear()
        elif came.then == "is killed":
            live = Live(EVERY_KIND, table, HORIZON + MARGIN)
            list(live.restore([0]))
            for again in unacknowledged:
                live.take(0, *again)
    for _ in range(3):  # what time brings may bring more with more time
        live.advance(0, to_microseconds(END))
        told += flushed(live, later())
    return standing(told)


def in_force(copies: Iterable[Seen]) -> list[Seen]:
    best: dict[bytes, Seen] = {}
    for one in copies:
        if one.event_id not in best or one.version > best[one.event_id].version:
            best[one.event_id] = one
    return list(best.values())


def copy(
    number: int,
    stamp: Stamp,
    after: int = 0,
    *,
    failed: bool = True,
    person: str = "ann",
    trust: Trust = Trust.EXPORT,
    then: str = "writes",
) -> Came:
    return Came(number, stamp, timedelta(minutes=after), failed, person, trust, then)


FUTURE = Stamp(timedelta(minutes=DAY - 1))
EVEN = Stamp(timedelta(minutes=-160))
NOW = Stamp(timedelta())
LATER_BOB = copy(2, NOW, 1_590, person="bob", then="forgets")


@given(histories)
@example([copy(1, FUTURE), LATER_BOB, copy(1, FUTURE, failed=False, trust=Trust.TENANT_API)])
@example([copy(1, FUTURE, failed=False), LATER_BOB, copy(3, NOW, person="bob", then="is killed"), copy(4, EVEN)])
@settings(max_examples=100, deadline=None)
def test_only_what_can_be_believed_makes_alerts_and_ends_them(history: list[Came]) -> None:
    seen = [(seen_in(record), believed) for record, believed in logged(history)]
    believed = in_force(one for one, believed in seen if believed and one is not None)
    assert all(one is not None for one, believed in seen if believed)
    clock = to_microseconds(END)
    found = detect(EVERY_KIND, believed, clock)
    plainly = expected_of([watched.rule for watched in EVERY_KIND], believed, clock)
    assert {
        (one.rule_id, one.organization, one.group, one.bucket): Expected(
            *(getattr(one, name) for name in Expected._fields)
        )
        for one in found
    } == plainly
    assert lived(history) == {
        one.alert_id: detected(rule, version_of(rule), Told(one))
        for one in found
        for rule in [EVERY_KIND[one.rule_id].rule]
    }


@pytest.mark.parametrize("stamp", [Stamp(None, garbage) for garbage in GARBAGE], ids=repr)
def test_what_has_no_time_is_no_failure_of_a_window_and_ends_nothing(stamp: Stamp) -> None:
    history = [copy(1, NOW), copy(2, stamp), copy(3, stamp, failed=False)]
    assert [seen_in(record) is None for record, _ in logged(history)] == [False, True, True]
    found = lived(history).values()
    assert {(one.rule_id, one.events) for one in found} == {
        (rule_id, 1) for rule_id in ("each", "until", "unanswered", "silent", "mass")
    }
    assert {one.rule_id for one in found if one.ended_at is None} == {"until"}

"""Decoded records of one partition: their rows as the Arrow tables that the store takes, and the rest for other topics.

Pure: the same records always give the same tables, however they are divided among processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple, Protocol

import pyarrow as pa

from queries.arrow import (
    ALERT_RECORDS_ARROW_SCHEMA,
    DEAD_LETTERS_ARROW_SCHEMA,
    EVENTS_ARROW_SCHEMA,
    LETTER_DECISIONS_ARROW_SCHEMA,
    batch,
)
from schemas.times import SENTINEL
from streams.alert_records import decode_alerts
from streams.blocks import Block
from streams.chunk import MAX_MONTHS, Span, cut_at_months
from streams.letters import decode_dead_letters
from streams.rows import Decoded, LogRecord, Produced, Row, decode_events

_SHORTEST_MONTH: Final = 28 * 24 * 60 * 60 * 1_000_000


class Runs(NamedTuple):
    """Runs of unreadable records: the length at the start, the longest, and the length at the end."""

    leading: int
    longest: int
    trailing: int
    whole: bool
    """Whether all of the records are unreadable."""

    def then(self, others: Runs) -> Runs:
        """Return the runs of these records followed by the `others`."""
        return Runs(
            self.leading + others.leading if self.whole else self.leading,
            max(self.longest, others.longest, self.trailing + others.leading if others.leading else 0),
            self.trailing + others.trailing if others.whole else others.trailing,
            self.whole and others.whole,
        )


@dataclass(frozen=True, slots=True)
class Portion:
    """Contiguous decoded records: what goes into the store, to the dead letters, and on to detection."""

    span: Span
    blocks: list[Block]
    """Blocks of different tables, none of them empty."""
    dead: list[Produced]
    forward: list[Produced]
    unreadable: Runs

    def rows(self, table: str) -> pa.Table | None:
        """Return the rows for `table`; None if there are none."""
        return next((block.rows for block in self.blocks if block.table == table), None)


class Portions(Protocol):
    """Makes portions of records."""

    @property
    def events(self) -> str:
        """The topic of events."""

    def portion(self, records: Sequence[LogRecord]) -> Portion:
        """Decode records of one partition, at least one."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How records are decoded. Any topic other than these two holds dead letters and decisions about them."""

    events: str
    alerts: str
    horizon: timedelta
    also: frozenset[str] = frozenset()
    """Event types that detection wants besides those of provisioning."""

    def portion(self, records: Sequence[LogRecord]) -> Portion:
        """Decode records of one partition, at least one."""
        topic = records[0].topic
        if topic == self.events:
            return _portion(decode_events(records, self.horizon, self.also), "events", EVENTS_ARROW_SCHEMA)
        if topic == self.alerts:
            return _portion(decode_alerts(records), "alert_records", ALERT_RECORDS_ARROW_SCHEMA)
        return _portion(decode_dead_letters(records), "dead_letters", DEAD_LETTERS_ARROW_SCHEMA)


def _portion(decoded: Decoded, table: str, schema: pa.Schema) -> Portion:
    made: list[tuple[str, list[Row], pa.Schema]] = [
        (table, decoded.rows, schema),
        ("letter_decisions", decoded.decisions, LETTER_DECISIONS_ARROW_SCHEMA),
    ]
    blocks = [Block(name, batch(rows, columns)) for name, rows, columns in made if rows]
    runs = Runs(decoded.leading, decoded.most_unreadable, decoded.unreadable, whole=not decoded.rows)
    return Portion(decoded.span, blocks, decoded.dead, decoded.forward, runs)


def join(portions: Sequence[Portion]) -> Portion:
    """Join consecutive portions into the one that all their records would have given at once."""
    first, *others = portions
    tables: dict[str, list[pa.Table]] = {}
    runs = first.unreadable
    for other in others:
        runs = runs.then(other.unreadable)
    for portion in portions:
        for block in portion.blocks:
            tables.setdefault(block.table, []).append(block.rows)
    return Portion(
        Span(first.span.first, portions[-1].span.last),
        # One batch, as one process makes it: ClickHouse numbers the blocks that an insert comes in under its token.
        [Block(table, pa.concat_tables(parts).combine_chunks()) for table, parts in tables.items()],
        [letter for portion in portions for letter in portion.dead],
        [record for portion in portions for record in portion.forward],
        runs,
    )


def cut(records: Sequence[LogRecord], portion: Portion) -> Iterator[Sequence[LogRecord]]:
    """Yields pieces of a portion's records, each of which touches at most `MAX_MONTHS` months of the events.

    Nearly always there is one piece; backfills of many years are cut.
    """
    events = portion.rows("events")
    if events is None:
        yield records
        return
    occurred = events["occurred_at"].cast(pa.int64()).to_numpy()
    real = occurred[occurred > 0]
    if not len(real) or real.max() - real.min() < (MAX_MONTHS - 2) * _SHORTEST_MONTH:
        yield records
        return
    by_offset = dict(zip(events["log_offset"].to_pylist(), occurred.tolist(), strict=True))
    months = [_month(by_offset.get(record.offset, 0)) for record in records]
    start = 0
    for end in cut_at_months(months):
        yield records[start:end]
        start = end


def _month(occurred_us: int) -> int:
    at = SENTINEL + timedelta(microseconds=occurred_us)
    return at.year * 12 + at.month

"""Verification: compares the log with the store, record by record, up to what the sinks have committed. Reads only."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final

import pyarrow as pa
import structlog

from queries.arrow import (
    ALERT_RECORDS_ARROW_SCHEMA,
    DEAD_LETTERS_ARROW_SCHEMA,
    EVENTS_ARROW_SCHEMA,
    LETTER_DECISIONS_ARROW_SCHEMA,
)
from queries.checks.derivation import Difference
from queries.checks.verification import ALERTS, COPIED, BadRecord, Reader
from queries.contradictions import Contradiction, contradictions
from queries.store import Store
from schemas.kafka import KafkaConnection
from schemas.letters import Coordinates
from streams.decoders import Decoding, Read
from streams.lag import Bounds, read_bounds, read_lag
from streams.replaying import Replay
from streams.sink import SinkOptions
from streams.span_reader import Place, Stretch
from streams.verify_derived import find_differences, read_undetected

MOST_NAMED: Final = 100_000
"""Findings kept in memory by name; all are counted."""
COUNTS: Final = ("log", "repeats", "dead_lettered", "missing", "extra", "altered", "doubled")
NO_DAY: Final = ""
PAUSE_SECONDS: Final = 0.3

log = structlog.get_logger(__name__)


@dataclass
class Report:
    """The findings of a verification."""

    named: list[BadRecord] = field(default_factory=list)
    counts: dict[tuple[str, int, str], Counter[str]] = field(default_factory=dict)
    """By topic, partition and day of the log."""
    off: Counter[str] = field(default_factory=Counter)
    """The number of findings of each kind."""
    differences: list[Difference] = field(default_factory=list)
    """Differences in tables that do not have one row per record; they are named by key."""
    tables: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    """Their numbers, by table and day of occurrence."""
    undetected: dict[str, int] = field(default_factory=dict)
    """How many items were left out because detection may not have finished with them."""
    dead_lettered: list[dict[str, Any]] = field(default_factory=list)
    conflicting: list[Contradiction] = field(default_factory=list)
    conflicts: int = 0
    """The number of events whose copies contradict each other, named or not."""
    read_to: list[dict[str, Any]] = field(default_factory=list)
    _counting: Lock = field(default_factory=Lock)

    def count(self, topic: str, partition: int, day: str, what: str, number: int = 1) -> None:
        """Add to one counter."""
        with self._counting:
            self.counts.setdefault((topic, partition, day), Counter())[what] += number

    def add(self, finding: BadRecord) -> None:
        """Name and count a finding."""
        self.off[finding.kind] += 1
        self.count(finding.place.topic, finding.place.partition, day_of(finding.known_ms), finding.kind)
        if len(self.named) < MOST_NAMED:
            self.named.append(finding)

    def add_difference(self, found: Difference) -> None:
        """Name a difference by its key, and count it."""
        self.off[found.kind] += 1
        self.tables.setdefault((found.table, found.day), Counter())[found.kind] += 1
        if len(self.differences) < MOST_NAMED:
            self.differences.append(found)

    def add_conflict(self, conflict: Contradiction) -> None:
        """Name an event whose copies contradict each other, and count it."""
        self.conflicts += 1
        if len(self.conflicting) < MOST_NAMED:
            self.conflicting.append(conflict)

    def told(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "sound": not self.off,
            "found": dict(sorted(self.off.items())),
            "findings": [
                {
                    "kind": found.kind,
                    "table": found.table,
                    "place": "{}[{}]@{}".format(*found.place),
                    "event_id": found.event_id,
                    "organization": found.organization,
                    "day": day_of(found.known_ms),
                    "detail": found.detail,
                    "key": {},
                }
                for found in sorted(self.named, key=lambda found: (found.place, found.kind, found.table))
            ]
            + [
                {
                    "kind": found.kind,
                    "table": found.table,
                    "place": "",
                    "event_id": found.key.get("event_id", ""),
                    "organization": found.key["organization"],
                    "day": found.day,
                    "detail": ", ".join(found.columns),
                    "key": found.key,
                }
                for found in sorted(self.differences, key=lambda found: (found.table, found.kind, *found.key.values()))
            ],
            "unnamed": sum(self.off.values()) - len(self.named) - len(self.differences),
            "days": [
                {"topic": topic, "partition": partition, "day": day} | {name: counts[name] for name in COUNTS}
                for (topic, partition, day), counts in sorted(self.counts.items())
            ],
            "tables": [
                {"table": table, "day": day} | {name: counts[name] for name in ("missing", "extra", "altered")}
                for (table, day), counts in sorted(self.tables.items())
            ],
            "undetected": self.undetected,
            "dead_lettered": self.dead_lettered,
            "conflicting": [conflict._asdict() for conflict in self.conflicting],
            "unnamed_conflicts": self.conflicts - len(self.conflicting),
            "read_to": self.read_to,
        }


def day_of(known_ms: int) -> str:
    """Return the day a record was logged; `NO_DAY` if it is not in the log."""
    return datetime.fromtimestamp(known_ms / 1000, UTC).strftime("%Y-%m-%d") if known_ms else NO_DAY


async def find_outside(connection: KafkaConnection, reader: Reader, table: str, topic: str) -> list[BadRecord]:
    """Return rows whose place is not in the log, at most `MOST_NAMED`. Raises `Away` when log or store is.

    Compares twice with the log's ends: a record that comes meanwhile is past the first and before the second.
    """
    found = await asyncio.to_thread(reader.outside, table, await read_bounds(connection, [topic]), MOST_NAMED)
    if not found:
        return []
    bounds = await read_bounds(connection, [topic])
    return [finding for finding in found if not _holds(bounds, finding.place)]


def _holds(bounds: Mapping[Place, Bounds], place: Coordinates) -> bool:
    begin, end = bounds.get(place[:2], (0, 0))
    return begin <= place.offset < end


class Verification:
    """One verification: call `run()` once."""

    def __init__(
        self,
        connection: KafkaConnection,
        store: Store,
        options: SinkOptions,
        *,
        decoders: int,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        """`pause_seconds` is how long to wait for inserts in flight before checking differences again."""
        self._connection = connection
        self._store = store
        self._options = options
        self._topics = options.stored
        self._decoders = decoders
        self._pause_seconds = pause_seconds
        self._report = Report()
        self.step = "reading"
        self.done = 0
        self.total = 0

    async def run(self) -> dict[str, Any]:
        """Return the report. Raises `Away` when log or store is."""
        reader = await asyncio.to_thread(Reader, self._store)
        bounds = await read_bounds(self._connection, self._topics)
        lag = await read_lag(self._connection, self._options.group, self._topics)
        ends = {(place.topic, place.partition): min(place.stored, place.end) for place in lag}
        begins = {place: bounds[place].begin for place in ends}
        self._report.read_to = [
            {"topic": topic, "partition": partition, "offset": end, "log_end": bounds[topic, partition].end}
            for (topic, partition), end in sorted(ends.items())
        ]
        self.total = sum(max(0, ends[place] - begins[place]) for place in ends)

        async def handle(stretch: Stretch, read: Read) -> None:
            for finding in await asyncio.to_thread(self.compare, reader, stretch, read):
                self._report.add(finding)

        async def reached(next_offsets: Mapping[Place, int]) -> None:
            self.done = sum(at - begins[place] for place, at in next_offsets.items())

        how = Decoding(self._connection, self._options.reading)
        with Replay(how, self._decoders) as replay:
            await replay.each(begins, ends, handle, reached)
        self.step = "comparing"
        await self._look_outside(reader)
        await asyncio.to_thread(self._find_conflicts)
        self.step = "deriving"
        await asyncio.to_thread(self._find_differences)
        return self._report.told()

    def compare(self, reader: Reader, stretch: Stretch, read: Read) -> list[BadRecord]:
        """Return what is wrong with the store's rows of a stretch, and count its records."""
        topic, partition, first, end = stretch
        alerts = topic == self._options.alerts
        if topic != self._topics[0] and not alerts:
            self._report.count(topic, partition, NO_DAY, "log", read.records)
            return self._compare_letters(reader, stretch, read)
        findings = self._unreadable(reader, stretch, read)
        schema = ALERT_RECORDS_ARROW_SCHEMA if alerts else EVENTS_ARROW_SCHEMA
        rows = pa.concat_tables([block.rows for block in read.blocks]) if read.blocks else schema.empty_table()
        times: list[Any] = rows["known_at"].cast(pa.int64()).to_pylist()
        days = Counter(map(day_of, times))
        days.update(day_of(known_ms) for _, known_ms, _ in read.unreadable)
        for day, number in days.items():
            self._report.count(topic, partition, day, "log", number)
        if alerts:
            return findings + reader.compare_alerts(rows, *stretch)
        for table in COPIED:
            compared = reader.compare(table, rows, topic, partition, first, end)
            findings += compared.findings
            if table == "events" and compared.repeats:
                self._report.count(topic, partition, NO_DAY, "repeats", compared.repeats)
        return findings

    def _compare_letters(self, reader: Reader, stretch: Stretch, read: Read) -> list[BadRecord]:
        tables = {block.table: block.rows for block in read.blocks}
        nothing = {
            "dead_letters": DEAD_LETTERS_ARROW_SCHEMA.empty_table(),
            "letter_decisions": LETTER_DECISIONS_ARROW_SCHEMA.empty_table(),
        }
        return [
            finding
            for table, rows in (nothing | tables).items()
            for finding in reader.compare_letters(table, rows, *stretch)
        ]

    def _unreadable(self, reader: Reader, stretch: Stretch, read: Read) -> list[BadRecord]:
        places = {f"{stretch.topic}[{stretch.partition}]@{offset}": offset for offset, _, _ in read.unreadable}
        unlettered = reader.unlettered(places) if places else set()
        findings = []
        for offset, known_ms, reason in read.unreadable:
            at = Coordinates(stretch.topic, stretch.partition, offset)
            place = "{}[{}]@{}".format(*at)
            self._report.count(stretch.topic, stretch.partition, day_of(known_ms), "dead_lettered")
            if len(self._report.dead_lettered) < MOST_NAMED:
                self._report.dead_lettered.append({"place": place, "day": day_of(known_ms), "reason": reason})
            if place in unlettered:
                detail = f"unreadable ({reason}), and no dead letter tells of it"
                findings.append(BadRecord("missing", "dead_letters", at, "", "", known_ms, detail))
        return findings

    async def _look_outside(self, reader: Reader) -> None:
        for table, topic in {**dict.fromkeys(COPIED, self._topics[0]), ALERTS: self._options.alerts}.items():
            for finding in await find_outside(self._connection, reader, table, topic):
                self._report.add(finding)

    def _find_conflicts(self) -> None:
        for conflict in contradictions(self._store):
            self._report.add_conflict(conflict)

    def _find_differences(self) -> None:
        topic = self._topics[0]
        undetected = read_undetected(self._store, topic)
        self._report.undetected = {name: len(found) for name, found in undetected._asdict().items()}
        for found in find_differences(self._store, topic, undetected, pause_seconds=self._pause_seconds):
            self._report.add_difference(found)

"""The delivery state of one partition of `idtrail.alerts`: its alerts, and how destinations answered. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from schemas.alerts import AlertRecord, Delivered, Detected, Detection
from schemas.times import SENTINEL
from streams.alerts.delivery.destinations import DELIVERY_FAILING
from streams.alerts.delivery.story import Story

HOUR: Final = timedelta(hours=1)
FORGET_AFTER: Final = timedelta(days=30)
"""Alerts that are over are dropped when no record of them came for this long."""


@dataclass(slots=True)
class Answers:
    """The record of a destination's answers."""

    succeeded: datetime = SENTINEL
    """When it last accepted a message."""
    failed: set[datetime] = field(default_factory=set)
    """The failed tries since then."""
    sent: set[datetime] = field(default_factory=set)
    """When it accepted messages, within about the last hour."""
    not_before: datetime = SENTINEL
    """Until when it asked for no more messages."""

    def take(self, record: Delivered) -> None:
        """Record one try; several records of the same try count once."""
        self.not_before = max(self.not_before, record.not_before or SENTINEL)
        if not record.succeeded:
            if record.at > self.succeeded:
                self.failed.add(record.at)
            return
        if record.at > self.succeeded:
            self.succeeded = record.at
            self.failed = {at for at in self.failed if at > record.at}
            self.sent = {at for at in self.sent if at > record.at - HOUR}
        if record.at > self.succeeded - HOUR:
            self.sent.add(record.at)

    def and_those(self, other: Answers) -> Answers:
        """Return these answers combined with those in another partition."""
        succeeded = max(self.succeeded, other.succeeded)
        failed = {at for at in self.failed | other.failed if at > succeeded}
        return Answers(succeeded, failed, self.sent | other.sent, max(self.not_before, other.not_before))


class Ledger:
    """The records of a partition, taken in order. The courier's own records may be taken before they are read back."""

    def __init__(self) -> None:
        self.stories: dict[str, Story] = {}
        self.watched: set[str] = set()
        """Alerts for which something may be due."""
        self.reported: set[str] = set()
        """Open alerts about destinations that could not be reached."""
        self.answers: dict[str, Answers] = defaultdict(Answers)
        self._looked: datetime = SENTINEL

    def read(self, record: AlertRecord, at: datetime, now: datetime) -> None:
        """Take a record that, by its stamps, was appended at `at`. What is stamped later than `now` was stamped by a
        clock that was ahead, and counts as now: else nothing would be sent until the clock gets there."""
        if isinstance(record, Delivered) and (ahead := record.at - now) > timedelta(0):
            until = None if record.not_before is None else record.not_before - ahead
            record = record.model_copy(update={"at": now, "not_before": until})
        self.take(record, min(at, now))

    def take(self, record: AlertRecord, at: datetime) -> None:
        """Take a record that was appended at `at`."""
        story = self.stories.setdefault(record.alert_id, Story())
        story.take(record, at)
        self.watched.add(record.alert_id)
        if isinstance(record, Delivered):
            self.answers[record.destination].take(record)
        elif isinstance(record, Detected) and record.rule_id == DELIVERY_FAILING:
            keep = self.reported.add if record.detection is Detection.OPEN else self.reported.discard
            keep(record.alert_id)

    def forget(self, now: datetime) -> None:
        """Drop alerts that were over long ago; checks once an hour."""
        if now - self._looked < HOUR:
            return
        self._looked = now
        old = [
            alert_id
            for alert_id, story in self.stories.items()
            if alert_id not in self.watched
            and story.known is not None
            and now - story.known > FORGET_AFTER
            and story.over(now)
        ]
        for alert_id in old:
            del self.stories[alert_id]

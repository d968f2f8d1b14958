"""Checks the settings of existing topics: which break a promise of the trail, and which are only unwise. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.kafka import DAY_MS, EVENTS, FOR_EVER, TopicSpec

LOOKED_AT: Final = (
    "cleanup.policy",
    "retention.ms",
    "retention.bytes",
    "message.timestamp.type",
    "min.insync.replicas",
    "max.message.bytes",
)
"""The settings that are read from the broker."""


@dataclass(frozen=True, slots=True)
class Objection:
    """One setting of one topic that is not as it should be; without a setting, the topic is missing."""

    topic: str
    setting: str
    found: str
    needed: str
    because: str
    breaks: bool
    """Whether a promise of the trail does not hold with it: nothing may start on such a topic."""

    def __str__(self) -> str:
        if not self.setting:
            return f"topic {self.topic} is missing: {self.because}"
        return f"topic {self.topic} has {self.setting}={self.found}, needed is {self.needed}: {self.because}"


def missing(topic: TopicSpec) -> Objection:
    """Return what is wrong where there is no such topic."""
    return Objection(topic.name, "", "", "", "a worker creates it when it starts", breaks=True)


def judge(topic: TopicSpec, found: Mapping[str, str], replicas: int) -> list[Objection]:
    """Return everything that is wrong with a topic that has the settings `found`; breaches come first."""
    objections: list[Objection] = []

    def object_to(setting: str, needed: str, because: str, *, breaks: bool) -> None:
        objections.append(Objection(topic.name, setting, found[setting], needed, because, breaks))

    policies = {word.strip() for word in found.get("cleanup.policy", topic.cleanup_policy).split(",")} - {""}
    deletes = "delete" in policies
    retention = int(found.get("retention.ms", topic.retention_ms))
    if topic.cleanup_policy == "delete" and "compact" in policies:
        object_to("cleanup.policy", "delete", "compaction removes all but the last record of a key", breaks=True)
    if topic.retention_ms == FOR_EVER and deletes:
        if retention != FOR_EVER:
            object_to(
                "retention.ms", "-1", f"what is kept for ever would be gone after {_span(retention)}", breaks=True
            )
        if found.get("retention.bytes", "-1") != "-1":
            object_to(
                "retention.bytes", "-1", "what is kept for ever would be gone when that size is reached", breaks=True
            )
    if topic.cleanup_policy == "compact" and "compact" not in policies:
        object_to(
            "cleanup.policy", "compact", "it grows for ever, and a worker reads all of it at its start", breaks=False
        )
    if topic.retention_ms != FOR_EVER and deletes and FOR_EVER < retention < topic.retention_ms:
        object_to(
            "retention.ms",
            str(topic.retention_ms),
            f"records are gone after {_span(retention)}, not {_span(topic.retention_ms)}",
            breaks=False,
        )
    if found.get("message.timestamp.type", "LogAppendTime") != "LogAppendTime":
        object_to(
            "message.timestamp.type",
            "LogAppendTime",
            "the time at which an event became known would be whatever its producer says",
            # No answer depends on the times in the other topics.
            breaks=topic.name == EVENTS,
        )
    if int(found.get("max.message.bytes", topic.record_bytes)) < topic.record_bytes:
        object_to(
            "max.message.bytes", str(topic.record_bytes), "a busy group of an alert rule ends the worker", breaks=False
        )
    least = int(found.get("min.insync.replicas", "1"))
    if replicas > 1 and least < 2:
        object_to("min.insync.replicas", "2", "a receipt would stand for a single disk", breaks=False)
    if least > replicas:
        object_to(
            "min.insync.replicas", f"at most {replicas}", "with so few replicas nothing can be written", breaks=False
        )
    return sorted(objections, key=lambda objection: not objection.breaks)


def _span(milliseconds: int) -> str:
    days = milliseconds / DAY_MS
    return f"{days:g} days" if days == int(days) else f"{milliseconds / 3_600_000:.3g} hours"

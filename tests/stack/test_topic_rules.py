"""Settings of topics that exist: which of them break a promise, which are unwise, and what is said."""

from __future__ import annotations

import pytest

from idtrail.stack.topic_rules import judge
from schemas.kafka import (
    DAY_MS,
    DEAD_LETTERS,
    EVENTS,
    FOR_EVER,
    LARGEST_RECORD,
    LETTER_DECISIONS,
    PROVISIONING,
    TOPICS,
    TopicSpec,
)

CHANGELOG = TopicSpec("idtrail-detection-changelog", FOR_EVER, "compact", record_bytes=LARGEST_RECORD)
SPECS = {topic.name: topic for topic in (*TOPICS, CHANGELOG)}


def _as_made(topic: TopicSpec) -> dict[str, str]:
    return {
        "cleanup.policy": topic.cleanup_policy,
        "retention.ms": str(topic.retention_ms),
        "retention.bytes": "-1",
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": "2",
        "max.message.bytes": str(topic.record_bytes or 1_048_588),
    }


@pytest.mark.parametrize("topic", SPECS.values(), ids=SPECS)
def test_a_topic_that_we_made_is_as_it_should_be(topic: TopicSpec) -> None:
    assert judge(topic, _as_made(topic), 3) == []


@pytest.mark.parametrize(
    ("name", "setting", "found", "needed", "breaks"),
    [
        pytest.param(EVENTS, "cleanup.policy", "compact", "delete", True, id="the truth compacted"),
        pytest.param(EVENTS, "cleanup.policy", "compact,delete", "delete", True, id="compacted and deleted"),
        pytest.param(DEAD_LETTERS, "cleanup.policy", "compact", "delete", True, id="dead letters compacted"),
        pytest.param(EVENTS, "retention.ms", str(7 * DAY_MS), "-1", True, id="the truth kept a week"),
        pytest.param(EVENTS, "retention.bytes", "1000000", "-1", True, id="the truth kept to a size"),
        pytest.param(LETTER_DECISIONS, "retention.ms", str(90 * DAY_MS), "-1", True, id="decisions gone with letters"),
        pytest.param(EVENTS, "message.timestamp.type", "CreateTime", "LogAppendTime", True, id="a forgeable time"),
        pytest.param(CHANGELOG.name, "cleanup.policy", "delete", "compact", False, id="a changelog that only grows"),
        pytest.param(
            PROVISIONING, "message.timestamp.type", "CreateTime", "LogAppendTime", False, id="not the truth's"
        ),
        pytest.param(DEAD_LETTERS, "retention.ms", str(DAY_MS), str(90 * DAY_MS), False, id="dead letters kept a day"),
        pytest.param(
            CHANGELOG.name, "max.message.bytes", "1048588", str(LARGEST_RECORD), False, id="too small for a busy group"
        ),
        pytest.param(EVENTS, "min.insync.replicas", "1", "2", False, id="one disk is enough"),
        pytest.param(EVENTS, "min.insync.replicas", "4", "at most 3", False, id="more copies than replicas"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_found_and_what_is_needed(
    name: str, setting: str, found: str, needed: str, breaks: bool
) -> None:
    (objection,) = judge(SPECS[name], _as_made(SPECS[name]) | {setting: found}, 3)
    assert (objection.breaks, objection.needed) == (breaks, needed)
    assert str(objection).startswith(f"topic {name} has {setting}={found}, needed is {needed}: ")


def test_a_changelog_that_forgets_breaks_a_promise() -> None:
    found = _as_made(CHANGELOG) | {"cleanup.policy": "compact,delete", "retention.ms": str(DAY_MS)}
    (objection,) = judge(CHANGELOG, found, 3)
    assert (objection.setting, objection.breaks) == ("retention.ms", True)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        pytest.param(EVENTS, {"cleanup.policy": ""}, id="never cleaned at all"),
        pytest.param(DEAD_LETTERS, {"retention.ms": "-1"}, id="dead letters kept for ever"),
        pytest.param(DEAD_LETTERS, {"retention.ms": str(365 * DAY_MS)}, id="dead letters kept longer"),
        pytest.param(CHANGELOG.name, {"retention.ms": str(DAY_MS)}, id="a compacted topic's retention is not used"),
    ],
)
def test_keeping_more_is_no_fault(name: str, changed: dict[str, str]) -> None:
    assert judge(SPECS[name], _as_made(SPECS[name]) | changed, 3) == []


def test_a_single_replica_needs_no_second_one_to_confirm() -> None:
    assert judge(SPECS[EVENTS], _as_made(SPECS[EVENTS]) | {"min.insync.replicas": "1"}, 1) == []


def test_what_breaks_a_promise_comes_first() -> None:
    found = _as_made(SPECS[EVENTS]) | {"min.insync.replicas": "1", "message.timestamp.type": "CreateTime"}
    assert [objection.breaks for objection in judge(SPECS[EVENTS], found, 3)] == [True, False]

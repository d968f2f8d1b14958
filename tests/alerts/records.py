"""Records of one alert, for tests: detected at noon, held last ten minutes later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from schemas.alerts import Acted, AlertRecord, Detected, seal_record
from schemas.kafka import ALERTS
from tests.records import NOON, ORGANIZATION, Record

ALERT_ID = "0123456789abcdef0123456789abcdef"
SNOOZE = timedelta(minutes=30)


def minute(count: float) -> datetime:
    """So many minutes after noon."""
    return NOON + timedelta(minutes=count)


def detected(**fields: Any) -> Detected:
    """Open, of five events from noon on."""
    return Detected.model_validate(
        {
            "alert_id": ALERT_ID,
            "organization": ORGANIZATION,
            "rule_id": "credentials-failing",
            "rule_version": "00c0ffee00c0ffee",
            "severity": "high",
            "title": "statsig refuses its credentials",
            "description": "Nothing reaches the application.",
            "remedy": "Re-authorise it.",
            "cause": "credentials",
            "group": {"application_id": "5fad07f2b9f5414721b3d797"},
            "staging": False,
            "owner": "",
            "destinations": (),
            "detection": "open",
            "opened_at": NOON,
            "since": NOON,
            "triggered_at": minute(10),
            "ended_at": None,
            "ended_by": None,
            "episodes": 1,
            "events": 5,
            "first_at": NOON,
            "first_event": UUID(int=1),
            "last_at": minute(10),
            "last_event": UUID(int=5),
            "people": 2,
            "people_named": ("63ec9bba89a64e507ce0a4c2", "63ec9bba89a64e507ce0a4c3"),
            "applications": ("5fad07f2b9f5414721b3d797",),
            **fields,
        }
    )


def acted(act: str, at: str | float, **fields: Any) -> Acted:
    """By Ada, so many minutes after noon; a snooze is for half an hour."""
    done = minute(float(at))
    return Acted.model_validate(
        {
            "alert_id": ALERT_ID,
            "organization": ORGANIZATION,
            "rule_id": "credentials-failing",
            "act": act,
            "act_id": uuid4(),
            "by": "ada",
            "at": done,
            "until": done + SNOOZE if act == "snooze" else None,
            **fields,
        }
    )


def logged(record: AlertRecord, offset: int = 0, topic: str = ALERTS) -> Record:
    """As it stands on the log."""
    key, value, headers = seal_record(record)
    return Record(value, headers, offset, topic=topic, key=key)

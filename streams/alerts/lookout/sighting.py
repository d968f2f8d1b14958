"""What is found about the trail as a whole, and its alerts: opened once, kept while it lasts, ended with it. Pure.

No event says that events have stopped coming. So no rule makes these alerts: the current state is measured at intervals
and compared with the published alerts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas.alerts import MAX_NAMED, Detected, Detection, Severity
from schemas.times import to_microseconds
from streams.alerts.alert import alert_id

DAY_MICROS: Final = 86_400_000_000
"""An alert that opens again on the day (UTC) of its first opening keeps its id, as with a rule's `dedup`."""
_VERSION: Final = "0" * 16

Key = tuple[str, tuple[str, ...]]
"""Organization, and the values of the group."""


class Concern(NamedTuple):
    """One condition that is watched: the words of its alert, and when the alert opens."""

    rule_id: str
    severity: Severity
    opens: str
    """When the alert opens, for the documentation."""
    ends: str
    description: str
    remedy: str


class Sighting(NamedTuple):
    """An instance of a concern that stands at the time of the look."""

    organization: str
    group: Mapping[str, str]
    title: str
    began: datetime
    """When the condition itself began: often long before it could be known."""
    found: str = ""
    """A sentence about what was found, appended to the description when the alert opens."""
    event: UUID | None = None
    """The event that it is about, if there is one."""
    events: int = 0
    people: tuple[str, ...] = ()
    """The ids of all people concerned."""
    applications: tuple[str, ...] = ()
    as_told: bool = False
    """Whether it is already published, and nothing new is known."""

    @property
    def key(self) -> Key:
        """Identifies the alert of its concern."""
        return self.organization, tuple(self.group.values())


def key_of(alert: Detected) -> Key:
    """Return the key of the sighting that an alert was made of."""
    return alert.organization, tuple(alert.group.values())


def changes(concern: Concern, told: Mapping[Key, Detected], seen: Sequence[Sighting], now: datetime) -> list[Detected]:
    """Return the alerts to publish, where `seen` is all that stands and `told` the last published alert of each key.

    A sighting that is already published changes nothing, whoever looks and however often.
    """
    standing = {sighting.key: sighting for sighting in seen}
    records = [
        record
        for key, sighting in standing.items()
        if (record := _told(concern, told.get(key), sighting, now)) is not None
    ]
    for key, alert in told.items():
        if alert.detection is Detection.OPEN and key not in standing:
            records.append(alert.model_copy(update={"detection": Detection.ENDED, "ended_at": now}))
    return records


def still(alert: Detected) -> Sighting:
    """Return the sighting of an open alert, unchanged."""
    return Sighting(alert.organization, alert.group, alert.title, alert.first_at, as_told=True)


def going_on(told: Iterable[Detected]) -> list[Detected]:
    """Return the open alerts."""
    return [alert for alert in told if alert.detection is Detection.OPEN]


def _told(concern: Concern, known: Detected | None, sighting: Sighting, now: datetime) -> Detected | None:
    content = _content(sighting)
    if known is not None and known.detection is Detection.OPEN:
        same = sighting.as_told or all(getattr(known, name) == value for name, value in content.items())
        return None if same else known.model_copy(update={**content, "last_at": now})
    bucket = to_microseconds(now) // DAY_MICROS
    own = alert_id(concern.rule_id, *sighting.key, bucket)
    again = known if known is not None and known.alert_id == own else None
    return Detected(
        alert_id=own,
        organization=sighting.organization,
        rule_id=concern.rule_id,
        rule_version=_VERSION,
        severity=concern.severity,
        description=" ".join(filter(None, (concern.description, sighting.found))),
        remedy=concern.remedy,
        cause="",
        group=dict(sighting.group),
        staging=False,
        owner="",
        destinations=(),
        detection=Detection.OPEN,
        opened_at=now if again is None else again.opened_at,
        since=now,
        triggered_at=now,
        ended_at=None,
        ended_by=None,
        episodes=1 if again is None else again.episodes + 1,
        first_at=sighting.began,
        last_at=now,
        **content,
    )


def _content(sighting: Sighting) -> dict[str, Any]:
    """Return what may change while the alert stands."""
    return {
        "title": sighting.title,
        "events": sighting.events,
        "first_event": sighting.event,
        "last_event": sighting.event,
        "people": len(sighting.people),
        "people_named": sighting.people[:MAX_NAMED],
        "applications": sighting.applications[:MAX_NAMED],
    }

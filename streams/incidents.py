"""Incidents: failures with the same application, cause, attribute and text, folded into one row with an end.

The fold is pure and a function of the *set* of events. A run is the failures of one person or group until a success
ends them; an incident is in trouble while any of its runs is, and each stretch of trouble is an episode. See
docs/incidents.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

NEVER: Final = 0
NOBODY: Final = bytes(16)
_FOR_EVER: Final = 2**63 - 1


class Run(NamedTuple):
    """Consecutive failures of one subject, with the success that ended them. Times are microseconds since 1970."""

    subject_id: str
    kind: str
    """`user` or `group`."""
    attempts: int
    first_at: int
    last_at: int
    first_event: bytes
    last_event: bytes
    ended_at: int
    """`NEVER` while it goes on."""
    ended_by: bytes
    detail: str
    """The provider's text of the last failure; the fields below are the last failure's too."""
    http_status: int
    application_name: str
    cause: str
    attribute: str


class ConfigurationChange(NamedTuple):
    """A change of the integration's configuration."""

    at: int
    event_id: bytes
    event_type: str
    actor: str


_NO_CHANGE: Final = ConfigurationChange(NEVER, NOBODY, "", "")


class Incident(NamedTuple):
    """One row of `incidents`, in the order of its Arrow batch except for the last column."""

    organization: str
    incident_id: bytes
    application_id: str
    application_name: str = ""
    cause: str = ""
    attribute: str = ""
    detail: str = ""
    """The provider's text of the last failure."""
    http_status: int = 0
    attempts: int = 0
    """0 where better copies of all its events say something else: the row stays, because its old version would
    otherwise stand."""
    people: int = 0
    groups: int = 0
    affected: int = 0
    """The people and groups that are still in trouble."""
    first_at: int = NEVER
    last_at: int = NEVER
    first_event: bytes = NOBODY
    last_event: bytes = NOBODY
    episodes: int = 0
    since: int = NEVER
    """When the last episode began."""
    ended_at: int = NEVER
    """When the last episode ended; `NEVER` while it goes on."""
    ended_by: bytes = NOBODY
    change_at: int = NEVER
    """The last change of the integration's configuration before `since`."""
    change_event: bytes = NOBODY
    change_type: str = ""
    change_actor: str = ""


class Episode(NamedTuple):
    """A stretch of time in which somebody was in trouble."""

    since: int
    begun_by: bytes
    ended_at: int
    ended_by: bytes


def episodes(runs: Iterable[Run]) -> list[Episode]:
    """Return the union of the runs' times, in order. Only the last can be open."""
    found: list[Episode] = []
    for run in sorted(runs, key=lambda run: (run.first_at, run.first_event)):
        begin, end = (run.first_at, run.first_event), (run.ended_at or _FOR_EVER, run.ended_by)
        if not found or begin > found[-1][2:]:
            found.append(Episode(*begin, *end))
        elif end > found[-1][2:]:
            found[-1] = Episode(*found[-1][:2], *end)
    if found and found[-1].ended_at == _FOR_EVER:
        found[-1] = Episode(*found[-1][:2], NEVER, NOBODY)
    return found


def fold(
    organization: str,
    application_id: str,
    incident_id: bytes,
    runs: Sequence[Run],
    changes: Iterable[ConfigurationChange],
) -> Incident:
    """Return the incident that these runs make, with the last of these changes before its last episode."""
    if not runs:
        return Incident(organization, incident_id, application_id)
    first = min(runs, key=lambda run: (run.first_at, run.first_event))
    last = max(runs, key=lambda run: (run.last_at, run.last_event))
    stretches = episodes(runs)
    since, begun_by, ended_at, ended_by = stretches[-1]
    change = max((change for change in changes if change[:2] < (since, begun_by)), default=_NO_CHANGE)
    return Incident(
        organization,
        incident_id,
        application_id,
        last.application_name,
        last.cause,
        last.attribute,
        last.detail,
        last.http_status,
        attempts=sum(run.attempts for run in runs),
        people=len({run.subject_id for run in runs if run.kind == "user"} - {""}),
        groups=len({run.subject_id for run in runs if run.kind == "group"} - {""}),
        affected=len({(run.kind, run.subject_id) for run in runs if run.ended_at == NEVER}),
        first_at=first.first_at,
        last_at=last.last_at,
        first_event=first.first_event,
        last_event=last.last_event,
        episodes=len(stretches),
        since=since,
        ended_at=ended_at,
        ended_by=ended_by,
        change_at=change.at,
        change_event=change.event_id,
        change_type=change.event_type,
        change_actor=change.actor,
    )

"""Finds the incidents that an event may change, which are then folded anew. One too many only costs time.

Pure, and derived: it knows the rows of `incidents`, and is given them whenever they change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from schemas.cause import Scope, scope_of
from schemas.signature import NONE
from streams.incidents import NEVER, Incident

_FOR_EVER: Final = 2**63 - 1

Application = tuple[str, str]
"""Organization and application id."""


class Attempt(NamedTuple):
    """The part of one copy of a provisioning event that incidents need."""

    event_id: bytes
    application: Application
    incident_id: bytes
    """`NONE` unless it failed."""
    kind: str
    subject_id: str
    accepted: bool
    occurred_us: int


class Known(NamedTuple):
    """An incident, and the subjects that it concerns."""

    incident: Incident
    subjects: frozenset[str] | None = None
    """None where they are unknown, so that any subject may count."""

    @property
    def until(self) -> int:
        """The time of its last episode's end; for an emptied incident, one before any other."""
        if not self.incident.attempts:
            return NEVER
        return _FOR_EVER if self.incident.ended_at == NEVER else self.incident.ended_at

    def changes_with(self, attempt: Attempt) -> bool:
        """Whether the attempt, which is not after the incident's end, may count for it."""
        if attempt.kind == "integration":
            return True
        if attempt.occurred_us < self.incident.first_at:
            return False
        if attempt.accepted and scope_of(self.incident.cause) is not Scope.SUBJECT:
            return True
        if self.subjects is None or attempt.subject_id in self.subjects:
            return True
        return attempt.accepted and self.incident.application_id in self.subjects  # the integration itself failed


class Interest:
    """The known incidents of all applications."""

    def __init__(self) -> None:
        self._known: dict[Application, dict[bytes, Known]] = {}
        self._latest: dict[Application, list[Known]] = {}
        """The incidents in order of `until`, latest first."""

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()
        self._latest.clear()

    def learn(self, told: Iterable[Known]) -> None:
        """Take incidents as they are now. A row without subjects keeps those it had."""
        changed = set()
        for known in told:
            application = known.incident.organization, known.incident.application_id
            mine = self._known.setdefault(application, {})
            before = mine.get(known.incident.incident_id)
            if known.subjects is None and before is not None and before.incident == known.incident:
                continue
            mine[known.incident.incident_id] = known
            changed.add(application)
        for application in changed:
            self._latest[application] = sorted(
                self._known[application].values(), key=lambda known: known.until, reverse=True
            )

    def knows(self, organization: str) -> bool:
        """Whether the organization has incidents."""
        return any(own == organization for own, _ in self._known)

    def touched(self, attempts: Iterable[Attempt]) -> dict[Application, set[bytes]]:
        """Return the incidents to fold anew, by application. The attempts must include what other copies of the same
        events say, which these may have replaced."""
        found: dict[Application, set[bytes]] = {}
        for attempt in attempts:
            own = {known.incident.incident_id for known in self._going_on(attempt) if known.changes_with(attempt)}
            own |= {attempt.incident_id} - {NONE}
            if own:
                found.setdefault(attempt.application, set()).update(own)
        return found

    def _going_on(self, attempt: Attempt) -> Iterator[Known]:
        for known in self._latest.get(attempt.application, ()):
            if known.until < attempt.occurred_us:
                return
            yield known

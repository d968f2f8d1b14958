"""Contradictory copies of one event: one alert per organization, while any copies of the last day contradict."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from queries.contradictions import Several, contradictions_among, several_copies
from queries.store import Store
from schemas.alerts import Detected, Severity
from streams.alerts.lookout.sighting import Concern, Sighting, going_on, still

CONFLICTING: Final = Concern(
    "conflicting-copies",
    Severity.MEDIUM,
    "an event that occurred within `IDTRAIL_HORIZON_HOURS` has copies that contradict each other, rather than one "
    "saying less than the other",
    "no event of the last `IDTRAIL_HORIZON_HOURS` has",
    "One event arrived more than once, and its copies say different things. All are kept, and the copy from the most "
    "trusted route is in force; but either a source is misconfigured, or somebody sends false events.",
    "Compare the copies (idtrail events, with the event's id): the less trusted route is the one to investigate. "
    "idtrail verify counts all contradictions, whatever their time.",
)
MOST: Final = 50_000
"""Events with several copies that are watched."""
JUDGED_AT_ONCE: Final = 2_000
"""Copies compared in one look, in Python, at ten thousand a second: the rest is left to the next look."""

Key = tuple[str, str]
"""Organization and event id."""


class Contradicting:
    """Asks the store which events have several copies, and reads only those that it has not judged yet."""

    def __init__(self, store: Store, horizon: timedelta) -> None:
        self._store = store
        self._horizon = horizon
        self._judged: dict[Key, tuple[tuple[int, int], bool]] = {}
        """The copies of each event that were compared, and whether any contradict."""

    def look(self, told: Iterable[Detected], now: datetime) -> list[Sighting]:
        """Return all conflicts that stand. Blocks: run it in a thread."""
        since = now - self._horizon
        several = {(each.organization, each.event_id): each for each in several_copies(self._store, since, MOST)}
        self._judged = {key: known for key, known in self._judged.items() if key in several}
        new = [key for key, each in several.items() if key not in self._judged or self._judged[key][0] != each.copies]
        some = new[:JUDGED_AT_ONCE]
        found = contradictions_among(self._store, [event_id for _, event_id in some], since)
        bad = {(each.organization, each.event_id) for each in found}
        self._judged |= {key: (several[key].copies, key in bad) for key in some}
        whole = len(new) == len(some) and len(several) < MOST
        worse = [each for key, each in several.items() if key in self._judged and self._judged[key][1]]
        return conflicts(worse, told, whole=whole)


def conflicts(events: Sequence[Several], told: Iterable[Detected], *, whole: bool) -> list[Sighting]:
    """Return one sighting per organization. An alert does not end while other copies contradict, or while not all
    copies were compared (`whole` is false); over the moving day it keeps its highest count. Pure."""
    by_organization: dict[str, list[Several]] = defaultdict(list)
    for each in events:
        by_organization[each.organization].append(each)
    known = {alert.organization: alert for alert in going_on(told)}
    found = {own: _seen(own, theirs) for own, theirs in by_organization.items()}
    return [
        sighting
        for own in sorted(known.keys() | found.keys())
        if (sighting := _larger(found.get(own), known.get(own), whole=whole)) is not None
    ]


def _larger(seen: Sighting | None, known: Detected | None, *, whole: bool) -> Sighting | None:
    if known is None or (seen is not None and seen.events > known.events):
        return seen
    return None if seen is None and whole else still(known)


def _seen(organization: str, events: Sequence[Several]) -> Sighting:
    return Sighting(
        organization,
        {},
        "Copies of one event contradict each other",
        min(each.known_at for each in events),
        event=UUID(events[0].event_id),
        events=len(events),
        people=tuple(sorted({each.subject_id for each in events if each.subject_id})),
        applications=tuple(sorted({each.application_id for each in events if each.application_id})),
    )

"""Tells whether the trail itself is blind: a sink or rules that are behind, a silent source, a rise of dead letters.
Pure.

The measurements are those of `idtrail doctor` (queries/checks/blindness.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from queries.checks.blindness import SHORTEST_SILENCE, Habit, LetterRate, detection_behind, silent_sources, sink_behind
from queries.checks.lag_watch import LagWatch
from schemas.alerts import Detected, Severity
from streams.alerts.lookout.sighting import Concern, Sighting, going_on, key_of, still

BEHIND: Final = Concern(
    "pipeline-behind",
    Severity.CRITICAL,
    "for a minute, records of a partition waited and none was stored; or for ten minutes, stored records were more "
    "than a minute old, and not only those of a backfill",
    "nothing has waited for a minute",
    "New events are on the log but not stored: answers lack them, and rules do not see them.",
    "Read the worker's log, and check that the store answers (idtrail doctor). If the sink progresses but is slow, "
    "start more workers.",
)
UNEXAMINED: Final = Concern(
    "pipeline-detection-behind",
    Severity.CRITICAL,
    "for a minute, records of a partition waited for the rules and none was examined; or for ten minutes, examined "
    "records were more than a minute old",
    "nothing has waited for a minute",
    "New events are stored, but no rule has seen them yet: alerts and incidents lack them.",
    "Read the workers' logs: they say why detection stops. If it progresses but is slow, start more workers.",
)
SILENT: Final = Concern(
    "pipeline-source-silent",
    Severity.HIGH,
    "a source has been silent for longer than ever before",
    "it sends something again",
    "A source that usually sends events has been silent for longer than ever before. No rule sees what happens there "
    "meanwhile.",
    "Check that the sender of its events still runs, and that its token is still valid.",
)
LETTERS: Final = Concern(
    "pipeline-dead-letters",
    Severity.HIGH,
    "in the last hour at least ten records from sources other than files were unreadable, and three times the hourly "
    "mean of the last 7 days",
    "the number falls again",
    "Far more records than usual are unreadable. They are kept byte for byte, but no answer and no rule includes their "
    "content.",
    "See why with idtrail dead-letters stats, fix the sender, then redrive them (idtrail dead-letters redrive).",
)


def late(watch: LagWatch, now: datetime, *, live: bool) -> list[Sighting] | None:
    """Return whether the sink is behind; None while that is unknown, or what waits is a backfill. `live` says that a
    fresh event waits."""
    blind = sink_behind(watch, now)
    if watch.stalls() or (blind and live):
        since = min(each.since for each in blind)
        title = "Nothing is stored" if watch.stalls() else "The sink does not catch up with the log"
        return [Sighting("", {}, title, since, found=_sentence(blind[0].text))]
    return [] if watch.late() is False else None


def unexamined(watch: LagWatch, now: datetime) -> list[Sighting] | None:
    """Return whether the rules are behind; None while that is unknown."""
    blind = detection_behind(watch, now)
    if blind:
        return [
            Sighting("", {}, "Rules do not see new events", min(each.since for each in blind), _sentence(blind[0].text))
        ]
    return [] if watch.late() is False else None


def silences(
    habits: Iterable[Habit], told: Iterable[Detected], now: datetime, looking_since: datetime
) -> list[Sighting]:
    """Return the silent sources: those whose habit says so, and those already alerted that have sent nothing since.

    A habit is forgotten after some days without an event, which does not end the silence. After the trail itself was
    away, its sources get some time to reconnect.
    """
    by_source = {(habit.organization, habit.source): habit for habit in habits}
    listened = now - looking_since >= SHORTEST_SILENCE
    found = [_silence(habit, now) for habit in by_source.values() if listened and habit.broken(now)]
    keys = {sighting.key for sighting in found}
    for alert in going_on(told):
        source = alert.group["source"]
        habit = by_source.get((alert.organization, source))
        if key_of(alert) not in keys and (habit is None or habit.last <= alert.first_at):
            found.append(still(alert))
    return found


def _silence(habit: Habit, now: datetime) -> Sighting:
    (blind,) = silent_sources([habit], now)
    title = f"No event comes from {habit.source} any more"
    return Sighting(habit.organization, {"source": habit.source}, title, habit.last, _sentence(blind.text))


def rises(rates: Iterable[LetterRate]) -> list[Sighting]:
    """Return the organizations with far more unreadable records than usual."""
    return [
        Sighting(
            rate.organization,
            {},
            "Records cannot be read, far more than usual",
            rate.since,
            f"{rate.lately:,} in the last hour, usually {rate.usual:.1f}.",
        )
        for rate in rates
        if rate.rising()
    ]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('?') else '.'}"

"""What the trail does not see, and since when: silent sources, a sink or rules that lag, rising dead letters, a cut
log. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from uuid import UUID

from queries.checks.lag_watch import LagWatch

SHORTEST_SILENCE: Final = timedelta(minutes=15)
"""A shorter silence is never reported: a poller or an upload may be late."""
TIMES_USUAL: Final = 4
BEYOND_REPEATED: Final = 1.25
FEWEST_TALKS: Final = 20
"""The number of different minutes with events below which a source has no habit yet."""
FEWEST_DAYS: Final = 3
FEWEST_LETTERS: Final = 10
"""The number of dead letters in an hour below which no rise is reported: people look into a few one by one."""
TIMES_LETTERS: Final = 3


class Blind(NamedTuple):
    """A reason why the trail may miss events."""

    what: Literal["source", "sink", "detection", "dead_letters", "log"]
    name: str
    since: datetime
    text: str
    """A sentence: what is missing, how that differs from the usual, and what to check."""


class Habit(NamedTuple):
    """How often a source sent events in the last days."""

    organization: str
    source: str
    talks: int
    """The number of different minutes with events."""
    days: int
    """The number of different days with events."""
    last: datetime
    usual_gap: timedelta
    """99 of 100 silences were no longer than this."""
    repeated_gap: timedelta
    """The second-longest silence. What happened twice, such as a night, is usual."""

    def patience(self) -> timedelta:
        """Return how long the source may be silent before it is reported."""
        return max(SHORTEST_SILENCE, TIMES_USUAL * self.usual_gap, BEYOND_REPEATED * self.repeated_gap)

    def broken(self, now: datetime) -> bool:
        """Whether the source usually sends events and has been silent for longer than usual."""
        return self.talks >= FEWEST_TALKS and self.days >= FEWEST_DAYS and now - self.last > self.patience()


class LetterRate(NamedTuple):
    """Dead letters of one organization; the organization is empty if it is not known."""

    organization: str
    lately: int
    """The number in the last hour."""
    since: datetime
    """The time of the first in the last hour."""
    usual: float
    """The number per hour in the days before."""

    def rising(self) -> bool:
        """Whether there are far more than usual."""
        return self.lately >= max(FEWEST_LETTERS, TIMES_LETTERS * self.usual)


def silent_sources(habits: Iterable[Habit], now: datetime) -> list[Blind]:
    """Return the sources that usually send events and are silent for longer than usual, the longest silent first."""
    return sorted(
        (
            Blind(
                "source",
                habit.source,
                habit.last,
                f"no event from {habit.source} of organization {habit.organization} for {_span(now - habit.last)}; "
                f"its silences are usually shorter than {_span(habit.patience())}: is what sends them running?",
            )
            for habit in habits
            if habit.broken(now)
        ),
        key=lambda blind: blind.since,
    )


def rising_letters(rates: Iterable[LetterRate]) -> list[Blind]:
    """Return the organizations with far more dead letters than usual in the last hour."""
    return [
        Blind(
            "dead_letters",
            rate.organization,
            rate.since,
            f"{rate.lately:,} records of {rate.organization or 'no known organization'} could not be read in the last "
            f"hour, usually {rate.usual:.1f}: `idtrail dead-letters stats` says why",
        )
        for rate in rates
        if rate.rising()
    ]


class CutLog(NamedTuple):
    """A dead letter of the sink that reports records lost from the log."""

    letter_id: UUID
    reason: str
    position: str
    message: str
    known_at: datetime


def cut_logs(letters: Iterable[CutLog]) -> list[Blind]:
    """Return the losses of the log that nobody has looked into yet."""
    return [
        Blind(
            "log",
            letter.position,
            letter.known_at,
            f"{letter.message}. When that is done: `idtrail dead-letters discard {letter.letter_id} --because ...`",
        )
        for letter in letters
    ]


def sink_behind(watch: LagWatch, now: datetime) -> list[Blind]:
    """Return the topics of which nothing is stored. If there are none, report that the sink never catches up."""
    return _behind("sink", watch, now, "the sink has not caught up with the log", "answers lack them")


def detection_behind(watch: LagWatch, now: datetime) -> list[Blind]:
    """Return whether the rules examine nothing of what is stored, or never catch up with it."""
    return _behind("detection", watch, now, "the rules have not caught up with what is stored", "alerts lack them")


def _behind(what: Literal["sink", "detection"], watch: LagWatch, now: datetime, late: str, hence: str) -> list[Blind]:
    stalls = watch.stalls()
    if stalls:
        return [Blind(what, stall.topic, stall.since, str(stall)) for stall in stalls]
    behind = watch.behind()
    if behind is None:
        return []
    since, waiting = behind
    text = f"{late} for {_span(now - since)}; {waiting:,} records wait: {hence}. Start more workers if it stays so"
    return [Blind(what, "", since, text)]


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"

"""What the watch screen knows: answers and messages of the API, folded. No clock, no I/O; the time is passed in.

The board ends the same if answers and messages come repeatedly or late, and it never grows past its bounds.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from idtrail.cli.screen import counted, moment, number, span
from idtrail.item import Item

MAX_FAILURES: Final = 1000
MAX_INCIDENTS: Final = 500
NEW_FOR: Final = timedelta(hours=1)
SHOWN_AFTER_END: Final = timedelta(hours=1)
"""How long an ended incident stays on the screen."""
GOING_ON: Final = ("open", "regressed")
_RANKS: Final = {"regressed": 0, "open": 0, "quiet": 1, "resolved": 2}

PARTS: Final = ("incidents", "failures", "integrations", "health")


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers of one round of queries. None if that query failed; `failed` says why."""

    incidents: list[Item] | None = None
    more_incidents: bool = False
    failures: list[Item] | None = None
    integrations: list[Item] | None = None
    health: Item | None = None
    failed: Mapping[str, str] = field(default_factory=dict)


class Link(NamedTuple):
    """The state of the feed."""

    live: bool
    since: datetime | None
    why: str = ""
    retry_at: datetime | None = None


class _Failure(NamedTuple):
    """Ordered by arrival on the log; ties by what the event says."""

    known_at: datetime
    occurred_at: datetime
    event_id: str


class Board:
    """Call `begin` before a query, `load` with its answers, and `take` with each message; then read the rows."""

    def __init__(self) -> None:
        self.loaded = False
        self.link = Link(live=False, since=None)
        self.notice = ""
        """The last interruption of the feed, with its time."""
        self.failed: Mapping[str, str] = {}
        self.more_incidents = False
        self.integrations: list[Item] = []
        self.health: Item | None = None
        self.last_message: datetime | None = None
        self.messages = 0
        self._incidents: dict[str, tuple[int, Item]] = {}
        self._order: list[_Failure] = []
        self._failures: dict[str, Item] = {}
        self._paused: tuple[datetime, int, list[Item], list[Item]] | None = None

    # Input

    def begin(self) -> int:
        """Start a round of queries: messages that come after this are newer than its answers."""
        return self.messages

    def load(self, answers: Answers, begun: int) -> None:
        """Fold in a round of answers. An incident that is in no answer any more has ended or become quiet."""
        self.loaded = True
        self.failed = answers.failed
        if answers.incidents is not None:
            newer = {key: kept for key, kept in self._incidents.items() if kept[0] > begun}
            ended = {key: kept for key, kept in self._incidents.items() if kept[1]["state"] not in GOING_ON}
            listed = {item["incident_id"]: (begun, item) for item in answers.incidents}
            self._incidents = {**ended, **listed, **newer}
            self.more_incidents = answers.more_incidents
        for item in answers.failures or ():
            self._add_failure(item)
        if answers.integrations is not None:
            self.integrations = answers.integrations
        if answers.health is not None:
            self.health = answers.health

    def take(self, kind: str, item: Item, now: datetime) -> bool:
        """Fold in one message of the feed; returns True if the lists must be queried again."""
        self.messages += 1
        self.last_message = now
        if kind == "incident":
            self._incidents[item["incident_id"]] = (self.messages, item)
            self._forget_incidents(now)
        elif kind == "failure":
            self._add_failure(item)
        elif kind in ("gap", "dropped"):
            why = item.get("reason") or item.get("text") or "messages were left out"
            self.notice = f"{now:%H:%M:%S} {kind}: {why}; lists asked for again"
            return True
        return False

    def connected(self, now: datetime) -> None:
        """Record that the feed answers."""
        if not self.link.live and self.link.since is not None:
            self.notice = f"{now:%H:%M:%S} the feed is back after {span(now - self.link.since)}"
        self.link = Link(live=True, since=now)

    def lost(self, why: str, now: datetime, retry_at: datetime) -> None:
        """Record that the feed is away; the time of the loss is kept over retries."""
        since = now if self.link.live or self.link.since is None else self.link.since
        self.link = Link(live=False, since=since, why=why, retry_at=retry_at)

    def pause(self, now: datetime) -> None:
        """Freeze the lists while new messages are kept, or continue."""
        held = None if self._paused else (now, self.messages, self.incidents(now), self.failures())
        self._paused = held

    # Output

    @property
    def paused(self) -> bool:
        """Whether the lists are frozen."""
        return self._paused is not None

    def incidents(self, now: datetime) -> list[Item]:
        """Return incidents, ongoing ones first; within each state the newest trouble first."""
        if self._paused:
            return self._paused[2]
        shown = [item for _, item in self._incidents.values() if _still_shown(item, now)]
        return sorted(shown, key=_incident_order)

    def failures(self) -> list[Item]:
        """Return failures, the latest arrival first."""
        if self._paused:
            return self._paused[3]
        return [self._failures[place.event_id] for place in reversed(self._order)]

    def behind(self) -> int:
        """Return the number of records on the log that are not stored yet, as far as known."""
        return sum(self._lags().values())

    def _lags(self) -> dict[str, int]:
        """Return that number by topic."""
        lags: dict[str, int] = {}
        for place in (self.health or {}).get("lag") or ():
            lags[place["topic"]] = lags.get(place["topic"], 0) + max(int(place["behind"]), 0)
        return lags

    def headline(self, now: datetime, width: int) -> str:
        """Return the headline: what is ongoing, what is new, whether log and store agree, and blind spots."""
        if not self.loaded:
            return "asking …"
        full, short = self._headlines(now)
        forms = [[*short[:given], *full[given:]] for given in range(len(full) + 1)]
        return next((told for form in forms if len(told := " · ".join(form)) <= width), " · ".join(short))

    def _headlines(self, now: datetime) -> tuple[list[str], list[str]]:
        """Return the parts of the headline, in full and for narrow terminals."""
        going_on = [item for _, item in self._incidents.values() if item["state"] in GOING_ON]
        fresh = sum(now - _time(item["since"]) < NEW_FOR for item in going_on)
        more = "+" if self.more_incidents else ""
        incidents = f"{number(len(going_on))}{more}"
        full, short = [f"{incidents} incident{'s' * (incidents != '1')} open"], [f"{incidents} open"]
        if "incidents" in self.failed:
            full, short = ["INCIDENTS UNKNOWN"], ["INCIDENTS UNKNOWN"]
        else:
            full.append(f"{number(fresh)} new in the last hour")
            short.append(f"{number(fresh)} new in 1 h")
        if self.health is None or "health" in self.failed:
            return [*full, "lag and blind spots unknown"], [*short, "lag unknown"]
        behind, trouble = self.behind(), self.health.get("trouble")
        if trouble:
            full += trouble
            short += trouble
        elif behind:
            full.append(f"{counted(behind, 'record')} not stored yet")
            short.append(f"{number(behind)} behind")
        else:
            full.append("log and store agree")
            short.append("log = store")
        blind = [str(spot["name"] or spot["what"]) for spot in (self.health or {}).get("blind") or ()]
        told = f"blind: {', '.join(blind)}" if blind else "blind: nothing"
        return [*full, told], [*short, told]

    def status(self, now: datetime) -> str:
        """Return how current the screen is: the feed, pauses, unreadable messages, the last interruption."""
        parts = [self._feed(now)]
        if self._paused:
            since, messages, *_ = self._paused
            parts.insert(0, f"PAUSED {span(now - since)}, {number(self.messages - messages)} came since (p goes on)")
        parts += [f"{part}: {why}" for part, why in self.failed.items()]
        if self.notice:
            parts.append(self.notice)
        return " · ".join(parts)

    def _feed(self, now: datetime) -> str:
        if self.link.live:
            last = f", last message {span(now - self.last_message)} ago" if self.last_message else ""
            return f"live {now:%H:%M:%S} UTC{last}"
        if self.link.since is None:
            return "connecting …"
        wait = max(int((self.link.retry_at - now).total_seconds() + 0.999), 0) if self.link.retry_at else 0
        again = f"again in {wait} s" if wait else "trying now"
        return f"LOST since {self.link.since:%H:%M:%S} UTC ({span(now - self.link.since)}), {again}: {self.link.why}"

    def pipeline(self, now: datetime) -> list[str]:
        """Return the lag of each topic that has one, and each blind spot with its text."""
        if self.health is None or "health" in self.failed:
            return [f"lag not known: {self.failed.get('health', 'asking …')}"]
        lags = sorted(self._lags().items(), key=lambda topic: -topic[1])
        told = ", ".join(f"{topic.removeprefix('idtrail.')} {number(lag)}" for topic, lag in lags if lag)
        lines = [f"lag (records not stored): {told or ('none' if lags else 'not known')}"]
        lines += self.health.get("trouble") or ()
        for spot in self.health.get("blind") or ():
            since = moment(spot.get("since"))
            age = f" since {since:%m-%d %H:%M} ({span(now - since)})" if since else ""
            lines.append(f"blind: {spot['what']} {spot['name']}{age}: {spot['text']}")
        return lines

    def _add_failure(self, item: Item) -> None:
        event_id = item["event_id"]
        if event_id in self._failures:
            self._failures[event_id] = item
            return
        insort(self._order, _Failure(_time(item["known_at"]), _time(item["occurred_at"]), event_id))
        self._failures[event_id] = item
        if len(self._order) > MAX_FAILURES:
            del self._failures[self._order.pop(0).event_id]

    def _forget_incidents(self, now: datetime) -> None:
        if len(self._incidents) <= MAX_INCIDENTS:
            return
        kept = sorted(self._incidents.items(), key=lambda entry: _incident_order(entry[1][1]))
        self._incidents = dict(kept[:MAX_INCIDENTS])
        self.more_incidents = True


def matching(items: Iterable[Item], text: str) -> Iterator[Item]:
    """Yield the items that contain `text`, in any case."""
    wanted = text.casefold()
    return (item for item in items if not wanted or any(wanted in value.casefold() for value in _texts(item)))


def _texts(item: Item) -> Iterator[str]:
    return (value for value in item.values() if isinstance(value, str))


def _incident_order(item: Item) -> tuple[int, float, str]:
    return (_RANKS.get(item["state"], 1), -_time(item["since"]).timestamp(), item["incident_id"])


def _still_shown(item: Item, now: datetime) -> bool:
    ended = moment(item.get("ended_at"))
    return item["state"] in GOING_ON or (now - (ended or _time(item["last_at"])) < SHOWN_AFTER_END)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)

"""Timestamps as the vendor writes them: 0 to 9 fractional digits, sometimes null, garbage or in the future.

No timestamp causes an event to be dropped. One that cannot be placed in time is kept as text, flagged, and sorted at
`SENTINEL`, so that it never looks like the latest event.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from schemas.errors import BadUsage

SENTINEL: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The vendor was founded in 2012; an older timestamp comes from a broken clock."""
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)
"""The smallest step of time: anything before `at + TICK` is not after `at`."""
FUTURE_TOLERANCE: Final = timedelta(hours=24)
"""A timestamp further than this past the broker's append time is not believed."""

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?\s*([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_AGO: Final = re.compile(r"([0-9]{1,6})\s*([smhdw])")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MINUTE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2})(\s*(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})?)")
"""A time without seconds, as the screens show it."""
_LOST_PLUS: Final = re.compile(r"(:[0-9]{2}(?:[.,][0-9]+)?) ([0-9]{2}:?[0-9]{2})")
"""The end of a time whose offset began with `+`, which means a space in a URL."""
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_STRICT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
MAX_TEXT: Final = 64


class TimeQuality(StrEnum):
    """Whether an event's own timestamp is credible."""

    OK = "ok"
    FUTURE = "future"
    MISSING = "missing"
    GARBAGE = "garbage"
    OUT_OF_RANGE = "out_of_range"


class Moment(NamedTuple):
    """When an event says it occurred."""

    at: datetime
    """Aware UTC, to the microsecond; `SENTINEL` unless the quality is ok."""
    text: str
    """The timestamp as written, in whatever precision the vendor gave."""
    quality: TimeQuality


def parse_timestamp(value: object) -> Moment:
    """Parse a raw `timestamp` value. Never raises; a timestamp without a zone is UTC."""
    if isinstance(value, str) and len(value) == 24 and value[19::4] == ".Z" and value[10] == "T" and value[7] == "-":
        # The common form, 2026-03-19T14:03:11.482Z, without the regular expression.
        try:
            return _in_range(datetime.fromisoformat(value), value)
        except ValueError:
            pass
    if value is None or value == "":
        return Moment(SENTINEL, "", TimeQuality.MISSING)
    if not isinstance(value, str):
        return Moment(SENTINEL, str(value)[:MAX_TEXT], TimeQuality.GARBAGE)
    match = _RFC3339.fullmatch(value.strip()) if len(value) <= MAX_TEXT else None
    if match is None:
        return Moment(SENTINEL, value[:MAX_TEXT], TimeQuality.GARBAGE)
    day, clock, fraction, zone = match.groups()
    micros = (fraction or "").ljust(6, "0")[:6]
    offset = "+00:00" if zone in (None, "Z", "z") else zone
    try:
        at = datetime.fromisoformat(f"{day}T{clock}.{micros}{offset}").astimezone(UTC)
    except OverflowError:
        return Moment(SENTINEL, value, TimeQuality.OUT_OF_RANGE)
    except ValueError:
        return Moment(SENTINEL, value, TimeQuality.GARBAGE)
    return _in_range(at, value)


def _in_range(at: datetime, text: str) -> Moment:
    if EARLIEST <= at < LATEST:
        return Moment(at, text, TimeQuality.OK)
    return Moment(SENTINEL, text, TimeQuality.OUT_OF_RANGE)


def rfc3339(moment: Moment) -> str:
    """Return a placed moment as RFC 3339 text, respelt if other programs could not read it."""
    if _STRICT.fullmatch(moment.text):
        return moment.text
    return moment.at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def believed(moment: Moment, known_at: datetime) -> Moment:
    """Return `moment` as far as the log can believe it: a timestamp far ahead of the broker's append time counts as in
    the future."""
    if moment.quality is TimeQuality.OK and moment.at > known_at + FUTURE_TOLERANCE:
        return Moment(SENTINEL, moment.text, TimeQuality.FUTURE)
    return moment


def to_microseconds(at: datetime) -> int:
    """Return whole microseconds since 1970: exact, unlike `timestamp()`."""
    return (at - SENTINEL) // timedelta(microseconds=1)


def parse_when(text: str, now: datetime, name: str) -> datetime:
    """Parse a time (RFC 3339, also without seconds or zone; or a date), or an age such as `24h` or `7d`. Raises
    `BadUsage`."""
    text = _LOST_PLUS.sub(r"\1+\2", text.strip())
    ago = _AGO.fullmatch(text)
    if ago:
        try:
            return max(now - timedelta(**{_UNITS[ago[2]]: int(ago[1])}), EARLIEST)
        except OverflowError:
            return EARLIEST
    minute = _MINUTE.fullmatch(f"{text}T00:00Z" if _DATE.fullmatch(text) else text)
    moment = parse_timestamp(f"{minute[1]}:00{minute[2]}" if minute else text)
    if moment.quality is TimeQuality.OUT_OF_RANGE:
        raise BadUsage(f"{name}: {text[:40]!r} is out of range: times are from {EARLIEST:%Y} to {LATEST.year - 1}")
    if moment.quality is not TimeQuality.OK:
        raise BadUsage(
            f"{name}: {text[:40]!r} is neither a time (2026-03-19 14:00, in UTC) or date, nor an age (24h, 7d)"
        )
    return moment.at


def parse_span(text: str, name: str) -> timedelta:
    """Parse a duration: `30m`, `4h`, `2d`. Raises `BadUsage`."""
    found = _AGO.fullmatch(text.strip())
    if not found or not int(found[1]):
        raise BadUsage(f"{name}: {text[:40]!r} is not a length of time such as 30m, 4h or 2d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def parse_past(text: str, now: datetime, name: str) -> datetime:
    """Parse a time as `parse_when` does. Raises `BadUsage` also for one in the future, of which nothing is known."""
    at = parse_when(text, now, name)
    if at > now:
        raise BadUsage(f"{name}: {_told(at)} is in the future, it is {_told(now)}: ask for a time at or before that")
    return at


def require_order(since: datetime, until: datetime, names: tuple[str, str] = ("since", "until")) -> None:
    """Raises `BadUsage` if `since` is not before `until`; the message has both times, because ages are compared by
    them."""
    if since >= until:
        mend = "swap them" if since > until else "they are the same"
        raise BadUsage(f"{names[0]} ({_told(since)}) must be before {names[1]} ({_told(until)}): {mend}")


def _told(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

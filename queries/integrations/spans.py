"""The time ranges of an integration that are read in full, stretches with refused credentials, and those between, of
which a few attempts suffice. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from schemas.times import EARLIEST

APART: Final = timedelta(hours=24)
"""Refusals further apart than this belong to two stretches, and what lies between is not read."""
MAX_STRETCHES: Final = 200
"""How many stretches of an integration are read, the latest. Earlier troubles are not reported."""
SLICE: Final = timedelta(days=10)
"""Longer stretches are read in slices, since a statement holds all their attempts in memory. A run that is cut in two
means the same."""

App = tuple[str, str]
"""(organization, application id)."""


class Span(NamedTuple):
    """A time range of one integration: a stretch with refused credentials, or a gap around or between stretches."""

    app: App
    begin: datetime
    end: datetime
    """Exclusive."""


def stretches_of(app: App, hours: Iterable[datetime], end: datetime) -> list[Span]:
    """Return the stretches around these hours, the latest, none beyond `end`. Hours less than `APART` from each other
    share a stretch."""
    found: list[Span] = []
    for hour in sorted(hours):
        until = min(hour + timedelta(hours=1), end)
        if found and hour - found[-1].end < APART:
            found[-1] = found[-1]._replace(end=until)
        else:
            found.append(Span(app, hour, until))
    return found[-MAX_STRETCHES:]


def slices_of(stretch: Span) -> Iterator[Span]:
    """Yield the stretch in slices of at most `SLICE`, the latest first."""
    end = stretch.end
    while end > stretch.begin:
        begin = max(end - SLICE, stretch.begin)
        yield stretch._replace(begin=begin, end=end)
        end = begin


def gaps_of(app: App, stretches: Sequence[Span], end: datetime) -> list[Span]:
    """Return the gaps around the stretches; before the first only if it is known to be the first."""
    begin = EARLIEST if len(stretches) < MAX_STRETCHES else stretches[0].begin
    edges = [begin, *(edge for stretch in stretches for edge in (stretch.begin, stretch.end)), end]
    return [Span(app, *pair) for pair in list(pairwise(edges))[::2] if pair[0] < pair[1]]


def parts_of(gap: Span, cuts: Iterable[datetime]) -> list[Span]:
    """Return the gap, cut at those of the times that are within it. Pure."""
    edges = [gap.begin, *sorted(cut for cut in cuts if gap.begin < cut < gap.end), gap.end]
    return [gap._replace(begin=begin, end=end) for begin, end in pairwise(edges)]

"""The drawing of a lifecycle: a lane per application, over time. Pure; it needs no script and nothing from outside."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Final

from idtrail.characters import seen
from idtrail.lifecycle_lanes import Lane, Lanes, Mark, Stretch, heaped
from queries.accounts.account import ACTIVE, DELETED, INACTIVE, REPORTED_ABSENT, UNKNOWN
from queries.pieces import pieces

WIDTH: Final = 1080
LEFT: Final = 164
RIGHT: Final = 24
LANE: Final = 50
ACT: Final = 80
"""The width of an act's word, in units."""
NAME: Final = 16
"""How many characters of a name are shown beside its lane; its title has the full name."""
MARK: Final = 11
"""Marks closer than this, in units, are drawn as one."""
BRIEF: Final = 2
"""A difference shorter than this, in units, is only the time that an attempt takes."""
TICKS: Final = 8
EDGE: Final = 40
"""A date closer than this to the right edge, in units, ends at its line instead of being centred on it."""
LANES: Final = 15
"""As many lanes as a printed page has room for."""
TOLD: Final = 5
"""How many events the title of a heap of marks lists one by one."""

STYLE: Final = """
.lanes { --ink: #1c2126; --dim: #59636e; --line: #d5dae0; --there: #4a7fb5; --gone: #aeb8c2; --bad: #b3261e;
  --good: #1b6e37; --warn: #8a5200; --paper: #ffffff; font: 13px system-ui, sans-serif; }
@media screen and (prefers-color-scheme: dark) { .lanes { --ink: #e6eaee; --dim: #a3adb8; --line: #39424c;
  --there: #5b93cc; --gone: #55606b; --bad: #ff8a80; --good: #7fd49a; --warn: #ffc266; --paper: #14181d; } }
.lanes text { fill: var(--ink); } .lanes .dim { fill: var(--dim); } .lanes .bold { font-weight: 600; }
.lanes .open, .lanes .absent { fill: var(--warn); font-weight: 600; } .lanes .closed { fill: var(--good); }
.lanes .paper { fill: var(--paper); }
.lanes .grid { stroke: var(--line); } .lanes .base { stroke: var(--line); stroke-width: 2; }
.lanes .there { fill: var(--there); } .lanes .gone { fill: var(--gone); }
.lanes .dashed { fill: none; stroke: var(--dim); stroke-dasharray: 3 3; }
.lanes .hatch { stroke: var(--bad); stroke-width: 3; } .lanes .hatched { stroke: var(--bad); stroke-width: 1.5; }
.lanes .failure { stroke: var(--bad); stroke-width: 2.2; fill: none; }
.lanes .success { fill: var(--good); } .lanes .act { fill: var(--ink); } .lanes .other { fill: var(--dim); }
.lanes .reported_absent { fill: var(--paper); stroke: var(--warn); stroke-width: 2; }
.lanes .unknown { fill: var(--paper); stroke: var(--dim); stroke-width: 2; }
.lanes .sign_in { fill: var(--paper); stroke: var(--ink); stroke-width: 1.5; }
"""

_STEPS: Final = (
    *(timedelta(seconds=seconds) for seconds in (1, 5, 15, 30)),
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30)),
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12)),
    *(timedelta(days=days) for days in (1, 2, 7, 14, 28, 91, 182, 364, 728, 1820)),
)


def told(text: str) -> str:
    """Return text from outside for HTML and SVG: escaped, on one line, and unable to change the direction of text
    around it."""
    plain = seen(" ".join(text.split()))
    turned = any(unicodedata.bidirectional(each) in ("R", "AL", "AN") for each in plain)
    return escape(f"\u2068{plain}\u2069" if turned else plain)


def moment_of(at: datetime) -> str:
    """Return a time as `2026-11-22 17:00:02`."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


class _Axis:
    """Maps times to positions."""

    def __init__(self, since: datetime, until: datetime) -> None:
        self.since, self.until = since, until
        self._span = until - since

    def x(self, at: datetime) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * ((at - self.since) / self._span), 1)

    def wide(self, units: float) -> timedelta:
        return self._span * (units / (WIDTH - LEFT - RIGHT))

    def ticks(self) -> Iterator[tuple[datetime, str]]:
        step = next((step for step in _STEPS if self._span / step <= TICKS), self._span / TICKS)
        midnight = self.since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        at = midnight + step * -(-(self.since - midnight) // step)
        form = (
            "%Y-%m-%d" if step >= timedelta(days=1) else "%m-%d %H:%M" if step >= timedelta(minutes=1) else "%H:%M:%S"
        )
        while at <= self.until:
            yield at, at.strftime(form)
            at += step


def picture(drawn: Lanes, who: str) -> str:
    """Return the SVG, with a title and a description for screen readers.

    Beyond `LANES` lanes there are several, one below the other, each with its dates and whole on a printed page.
    """
    groups = list(pieces(drawn.lanes, LANES)) or [()]
    return "".join(
        _svg(drawn, lanes, who, number, last=number == len(groups)) for number, lanes in enumerate(groups, 1)
    )


def _svg(drawn: Lanes, lanes: Sequence[Lane], who: str, number: int, *, last: bool) -> str:
    axis = _Axis(drawn.since, drawn.until)
    parts = list(_directory(axis, drawn.directory))
    top = 62
    for place, lane in enumerate(lanes):
        parts += _lane(axis, lane, top + place * LANE)
    bottom = top + len(lanes) * LANE
    grid = [part for at, text in axis.ticks() for part in _tick(axis.x(at), text, bottom)]
    height = bottom + (74 if last else 26)
    body = "\n".join((*grid, *parts, *(_legend(bottom + 40) if last else ())))
    shared = (
        f"<style>{STYLE}</style>\n"
        '<defs><pattern id="lanes-hatch" width="7" height="7" patternUnits="userSpaceOnUse"'
        ' patternTransform="rotate(45)"><path class="hatch" d="M0 0V7"/></pattern></defs>\n'
    )
    return (
        f'<svg class="lanes" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-labelledby="lanes-title-{number} lanes-words-{number}">\n'
        f'<title id="lanes-title-{number}">The accounts of {told(who)} from {moment_of(drawn.since)} to'
        f" {moment_of(drawn.until)} UTC</title>\n"
        f'<desc id="lanes-words-{number}">{" ".join(_words(lane) for lane in lanes)}</desc>\n'
        f"{shared if number == 1 else ''}"
        f'<rect class="paper" width="100%" height="100%"/>\n{body}\n</svg>\n'
    )


def _words(lane: Lane) -> str:
    failed = sum(mark.outcome == "failure" for mark in lane.marks)
    now, since = lane.stretches[-1], ""
    if now.differs:
        since = f", meant {now.intended} but {now.confirmed.replace('_', ' ')} since {moment_of(now.since)}"
    return f"{told(lane.application)}: {lane.standing}{since}, {failed} failed attempts."


def _tick(x: float, text: str, bottom: int) -> Iterator[str]:
    yield f'<path class="grid" d="M{x} 28V{bottom}"/>'
    anchor = "end" if x > WIDTH - EDGE else "middle"
    yield f'<text class="dim" x="{x}" y="{bottom + 16}" text-anchor="{anchor}">{text}</text>'


def _directory(axis: _Axis, marks: Sequence[Mark]) -> Iterator[str]:
    yield '<text class="bold" x="0" y="45">directory</text>'
    free = 0.0
    for heap in heaped(marks, axis.wide(MARK)):
        x, act = axis.x(heap[0].at), heap[0].act
        shape = f'<path class="{"act" if act else "other"}" d="M{x} 34l6 6l-6 6l-6 -6z"/>'
        yield f"<g><title>{_title(heap)}</title>{shape}</g>"
        begin = min(x - ACT / 2, WIDTH - ACT)
        if act and begin >= free:
            yield f'<text x="{begin + ACT / 2:.1f}" y="24" text-anchor="middle">{act}</text>'
            free = begin + ACT


def _lane(axis: _Axis, lane: Lane, top: int) -> Iterator[str]:
    name = lane.application if len(lane.application) <= NAME else lane.application[: NAME - 1] + "…"
    style = {"OPEN": "open", "absent?": "absent", "closed": "closed"}.get(lane.standing, "dim")
    yield f"<g><title>{told(lane.application)}</title>"
    yield f'<text class="bold" x="0" y="{top + 22}">{told(name)}</text>'
    yield f'<text class="{style}" x="0" y="{top + 38}">{lane.standing}</text></g>'
    yield f'<path class="base" d="M{LEFT} {top + 31}H{WIDTH - RIGHT}"/>'
    for stretch in lane.stretches:
        lasts = stretch is lane.stretches[-1] or stretch.until - stretch.since > axis.wide(BRIEF)
        yield from _bar(axis.x(stretch.since), axis.x(stretch.until), stretch, top + 24, stretch.differs and lasts)
    for heap in heaped(lane.marks, axis.wide(MARK)):
        height = {"success": 44, "sign_in": 31}.get(heap[0].outcome, 15)
        shape = _shape(heap[0].outcome, axis.x(heap[0].at), top + height)
        yield f"<g><title>{_title(heap)}</title>{shape}</g>"


def _bar(x: float, end: float, stretch: Stretch, y: int, hatched: bool) -> Iterator[str]:
    width = round(max(end - x, 2), 1)
    box = f'x="{x}" y="{y}" width="{width}" height="14"'
    style = {
        ACTIVE: "there", INACTIVE: "gone", DELETED: "gone", UNKNOWN: "dashed", REPORTED_ABSENT: "dashed",
    }.get(stretch.confirmed)  # fmt: skip
    words = (
        f"meant {stretch.intended}, confirmed {stretch.confirmed.replace('_', ' ')}:"
        f" {moment_of(stretch.since)} to {moment_of(stretch.until)}"
    )
    if style or hatched:
        yield f"<g><title>{words}</title>"
        if style:
            yield f'<rect class="{style}" {box}/>'
        if hatched:
            yield f'<rect class="hatched" fill="url(#lanes-hatch)" {box}/>'
        yield "</g>"


def _shape(outcome: str, x: float, y: int) -> str:
    if outcome == "failure":
        return f'<path class="failure" d="M{x - 4:.1f} {y - 4}l8 8m-8 0l8 -8"/>'
    if outcome == "success":
        return f'<circle class="success" cx="{x}" cy="{y}" r="3.5"/>'
    if outcome == "sign_in":
        return f'<path class="sign_in" d="M{x - 4:.1f} {y + 4}h8l-4 -8z"/>'
    style = outcome if outcome == REPORTED_ABSENT else "unknown"
    return f'<rect class="{style}" x="{x - 4:.1f}" y="{y - 4}" width="8" height="8"/>'


def _title(heap: Sequence[Mark]) -> str:
    lines = [f"{moment_of(mark.at)} {mark.what}: {mark.outcome.replace('_', ' ')}" for mark in heap[:TOLD]]
    if len(heap) > TOLD:
        lines.append(f"and {len(heap) - TOLD} more to {moment_of(heap[-1].at)}")
    return "\n".join(told(line) for line in lines)


def _legend(y: int) -> Iterator[str]:
    x = float(LEFT)
    for style, text, width in (
        ("there", "active", 122),
        ("gone", "deactivated or deleted", 212),
        ("hatched", "not as meant", 168),
        ("dashed", "unknown, or reported absent", 216),
    ):
        fill = ' fill="url(#lanes-hatch)"' if style == "hatched" else ""
        yield f'<rect class="{style}"{fill} x="{x}" y="{y - 6}" width="24" height="12"/>'
        yield f'<text x="{x + 31}" y="{y + 4}">{text}</text>'
        x += width
    x, y = float(LEFT) + 12, y + 24
    for outcome, text, width in (
        ("success", "accepted", 86),
        ("failure", "failed", 70),
        (REPORTED_ABSENT, "reported absent", 126),
        ("unknown", "outcome unknown", 144),
        ("sign_in", "signed in", 90),
    ):
        yield _shape(outcome, x, y)
        yield f'<text x="{x + 19}" y="{y + 4}">{text}</text>'
        x += width + 19
    yield f'<path class="act" d="M{x} {y - 6}l6 6l-6 6l-6 -6z"/><text x="{x + 12}" y="{y + 4}">directory</text>'

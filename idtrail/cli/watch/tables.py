"""The watch screen's lists as columns: what each column shows, and which ones there is room for. Pure.

A row is always one line: names are cut, and control characters never reach the terminal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size

from idtrail.cli.screen import moment, number, span, why
from idtrail.item import Item
from idtrail.lifecycle_steps import VERBS

Cell = Callable[[Item, datetime], str]

MARKER: Final = 1
"""The width left of every row, for the marker of the chosen one."""


class Column(NamedTuple):
    """One column."""

    title: str
    width: int
    cell: Cell
    right: bool = False
    least: int = 0
    """The column is shown in lists at least this wide,"""
    most: int = 10_000
    """and at most this wide."""
    grows: bool = False
    """The column takes the room that others leave; `width` is then its minimum."""


class Place(NamedTuple):
    """A column and its width in a list of some width."""

    column: Column
    width: int


def places(columns: tuple[Column, ...], width: int) -> list[Place]:
    """Return the columns that fit; the last one that grows takes the remaining room."""
    shown = [column for column in columns if column.least <= width <= column.most]
    spare = width - MARKER - sum(column.width for column in shown) - (len(shown) - 1)
    growing = [column for column in shown if column.grows]
    found = []
    for column in shown:
        extra = spare // len(growing) if column.grows else 0
        if growing and column is growing[-1]:
            extra = spare - spare // len(growing) * (len(growing) - 1)
        found.append(Place(column, max(column.width + extra, 1)))
    return found


class Heights(NamedTuple):
    """Lines of each part of the screen."""

    incidents: int
    failures: int
    integrations: int
    pipeline: int


def heights(lines: int, incidents: int, integrations: int, pipeline: int, *, beside: bool) -> Heights:
    """Return how `lines` are shared among these numbers of rows; failures, of which there are always more, take the
    rest."""
    listed = min(max(incidents, 1) + 1, max(lines // 3, 2))
    if beside:
        told = min(pipeline, 8)
        return Heights(listed, lines - listed, min(max(integrations, 1) + 1, lines - told), told)
    told = min(pipeline, 1 if lines < 24 else 3)
    below = min(max(integrations, 1) + 1 + told, max(lines // 3, 3))
    return Heights(listed, lines - listed - below, below - told, told)


def heading(shown: list[Place]) -> str:
    """Return the line of titles."""
    return " ".join(fitted(place.column.title, place.width, right=place.column.right) for place in shown)


def row(shown: list[Place], item: Item, now: datetime) -> list[str]:
    """Return the cells of one row, each exactly as wide as its column."""
    return [fitted(place.column.cell(item, now), place.width, right=place.column.right) for place in shown]


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """Return `text` in exactly `width` cells of the terminal: cut with an ellipsis, or padded."""
    text = plain(text)
    taken = cell_len(text)
    if taken > width:
        text = set_cell_size(text, max(width - 1, 0)) + "…" * (width > 0)
        taken = width
    return " " * (width - taken) + text if right else text + " " * (width - taken)


def plain(text: str) -> str:
    """Return a text from outside without what a terminal would obey."""
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


def clock(text: str | None, now: datetime) -> str:
    """Return a time as `16:40:02` if it is today, else as `11-22 16:40`."""
    at = moment(text)
    if at is None:
        return "never"
    at = at.astimezone(UTC)
    return f"{at:%H:%M:%S}" if at.date() == now.astimezone(UTC).date() else f"{at:%m-%d %H:%M}"


def _occurred(item: Item, now: datetime) -> str:
    """Return the event's time, or its quality if the time cannot be believed."""
    quality = item["time_quality"]
    return clock(item["occurred_at"], now) if quality == "ok" else f"time {quality}"


def _aged(item: Item, now: datetime) -> str:
    return age(item["occurred_at"] if item["time_quality"] == "ok" else item["known_at"], now)


def age(text: str | None, now: datetime) -> str:
    """Return an age as `2 d`; `+2 min` if the sender's clock is ahead."""
    at = moment(text)
    if at is None:
        return "never"
    return f"+{span(at - now)}" if at - now > timedelta(seconds=1) else span(now - at)


def _app(item: Item, now: datetime) -> str:
    return str(item.get("application") or item.get("application_name") or item["application_id"] or "-")


def _cause(item: Item, now: datetime) -> str:
    cause = item["cause"] or "unknown"
    return f"{cause} ({item['attribute']})" if item["attribute"] else str(cause)


def _who(item: Item, now: datetime) -> str:
    return str(item["subject_name"] or item["subject_email"] or item["subject_id"] or "-")


def attempt(item: Item) -> str:
    """Return what was attempted, in words."""
    kind, verb = item["kind"], VERBS.get(item["action"], item["action"])
    return f"{kind} {verb}" if kind in ("integration", "group") else verb or item["event_type"] or "event"


def _why(item: Item, now: datetime) -> str:
    status = f"{item['http_status']} " if item["http_status"] else ""
    return status + why(item["cause"] or "unknown", item["detail"], item["attribute"])


def _people(item: Item, now: datetime) -> str:
    return number(item["people"]) if item["people"] or not item["groups"] else f"{number(item['groups'])} gr."


def _change(item: Item, now: datetime) -> str:
    change = item["change"]
    if change is None:
        return "-"
    did = change["event_type"].removeprefix("idm_integration_")
    return f"{did} {age(change['at'], now)} ago by {change['actor'] or 'unknown'}"


def _gone(item: Item) -> bool:
    """Whether it was deleted and nothing was attempted since."""
    change, attempted = item["change"], moment(item["last_attempt"])
    deleted = moment(change["at"]) if change and change["event_type"].endswith("_delete") else None
    return deleted is not None and (attempted is None or attempted <= deleted)


def _last_failure(item: Item, now: datetime) -> str:
    failure = item["last_failure"]
    if _gone(item):
        return "deleted"
    if failure is None or not item["failures_since_success"]:
        return "works" if item["last_success"] else "-"
    return f"{failure['cause'] or 'unknown'}: {failure['detail']}"


INCIDENTS: Final = (
    Column("incident in", 12, _app),
    Column("cause", 14, _cause, grows=True, most=109),
    Column("cause", 30, _cause, least=110),
    Column("tries", 6, lambda item, now: number(item["attempts"]), right=True),
    Column("people", 6, _people, right=True),
    Column("in trouble", 10, lambda item, now: number(item["affected"]), right=True, least=90),
    Column("since", 6, lambda item, now: age(item["since"], now), most=99),
    Column("since (UTC)", 19, lambda item, now: f"{clock(item['since'], now)} ({age(item['since'], now)})", least=100),
    Column("last", 6, lambda item, now: age(item["last_at"], now), least=74),
    Column("state", 9, lambda item, now: item["state"]),
    Column("what the provider says", 10, lambda item, now: item["detail"], least=110, grows=True),
)
FAILURES: Final = (
    Column("failed (UTC)", 12, _occurred, least=74),
    Column("failed", 6, _aged, most=73),
    Column("age", 6, _aged, least=74),
    Column("app", 9, _app, most=99),
    Column("app", 14, _app, least=100),
    Column("attempt", 10, lambda item, now: attempt(item), most=73),
    Column("attempt", 12, lambda item, now: attempt(item), least=74, most=99),
    Column("attempt", 18, lambda item, now: attempt(item), least=100),
    Column("person", 12, _who, most=99),
    Column("person", 26, _who, least=100),
    Column("why", 12, _why, grows=True),
)
INTEGRATIONS: Final = (
    Column("integration", 12, _app),
    Column("last success", 12, lambda item, now: age(item["last_success"], now), most=73),
    Column(
        "last success (UTC)",
        20,
        lambda item, now: (
            f"{clock(item['last_success'], now)} ({age(item['last_success'], now)})"
            if item["last_success"]
            else "never"
        ),
        least=74,
    ),
    Column("fails", 6, lambda item, now: number(item["failures_since_success"]), right=True),
    Column("24 h", 6, lambda item, now: number(item["attempts_last_day"]), right=True, least=50),
    Column("last change", 14, _change, grows=True),
    Column("last failure", 20, _last_failure, least=110, grows=True),
)

_FULL: Final = "Tab list  Enter open  l lifecycle  / filter  p pause  r refresh  ? help  q quit"
_SHORT: Final = "Tab list Enter open l lifecycle / filter p pause ? help q"


def footer(width: int) -> str:
    """Return the line of keys."""
    return _FULL if len(_FULL) <= width else _SHORT

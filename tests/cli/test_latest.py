"""The next commands lead to something, and of an empty range it is told what came last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from idtrail.cli import app, register_commands
from schemas.errors import StoreAway
from tests.records import NOON

Item = dict[str, Any]
NOTHING: Item = {
    "attempts": 0, "failures": 0, "items": [], "since": NOON.isoformat(), "until": NOON.isoformat(), "types": [],
    "first": None, "last": None,
    **dict.fromkeys(("events", "people", "applications", "behind", "unplaced", "dead_letters"), 0),
}  # fmt: skip


class Empty:
    """A trail whose range is empty, with one event before it."""

    def __init__(self, *, away: bool = False) -> None:
        self.asked: list[Item] = []
        self._away = away

    def get(self, path: str, parameters: Item) -> Item:
        return NOTHING

    def pages(self, path: str, parameters: Item, limit: int) -> Iterator[Item]:
        if path == "/api/v1/events" and parameters["since"] == "2000-01-01":
            self.asked.append(parameters)
            if self._away:
                raise StoreAway("too much to read")
            yield {"occurred_at": NOON.isoformat()}


@pytest.mark.parametrize(
    ("arguments", "told", "again"),
    [
        pytest.param(
            ("failures",), "The last attempt was 2026-03-19 12:00", "failures --since 2026-03-19", id="failures"
        ),
        pytest.param(
            ("failures", "--app", "Google Workspace", "--until", "2d"),
            "The last attempt was",
            "failures --until 2d --app 'Google Workspace' --since 2026-03-19",
            id="failures of an application",
        ),
        pytest.param(
            ("events", "--subject", "ines.almeida", "--type", "sso_auth", "--type", "user_update"),
            "The last such event was",
            "events --type sso_auth --type user_update --subject ines.almeida --since 2026-03-19",
            id="events",
        ),
        pytest.param(
            ("incidents", "--cause", "quota"),
            "The last failure was",
            "incidents --cause quota --since 2026-03-19",
            id="incidents",
        ),
        pytest.param(
            ("stats", "--since", "1d"), "The last event was 2026-03-19 12:00", "stats --since 2026-03-19", id="counts"
        ),
    ],
)
def test_of_an_empty_range_it_is_told_what_came_last_and_how_to_see_it(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str, again: str
) -> None:
    trail = Empty()
    done = run(monkeypatch, trail, arguments)
    assert done[-2].startswith(told)
    assert done[-1] == f"Next: idtrail {again}"
    assert [asked["since"] for asked in trail.asked] == ["2000-01-01"]


def test_what_came_last_may_stay_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, Empty(away=True), ("failures",))[-1] == "Nothing was attempted in that time."
    assert run(monkeypatch, Empty(), ("failures", "--json")) == []


def run(monkeypatch: pytest.MonkeyPatch, trail: Empty, arguments: tuple[str, ...]) -> list[str]:
    """The lines that the command prints."""
    register_commands()
    monkeypatch.setattr(f"idtrail.cli.commands.{arguments[0]}.connect", lambda: trail)
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("first", "told"),
    [
        pytest.param(
            NOON.isoformat(), "idtrail failures --since 2026-03-19 · idtrail events --since 2026-03-19", id="some"
        ),
        pytest.param(None, "idtrail import FILE… · idtrail doctor", id="none"),
    ],
)
def test_after_counting_the_next_ranges_begin_with_the_first_event(
    monkeypatch: pytest.MonkeyPatch, first: str | None, told: str
) -> None:
    trail = Empty()
    monkeypatch.setattr(trail, "get", lambda path, parameters: {**NOTHING, "first": first, "last": first})
    assert run(monkeypatch, trail, ("stats",))[-1] == f"Next: {told}"

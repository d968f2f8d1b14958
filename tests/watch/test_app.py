"""The screen as a person sees it, at several sizes, with keys pressed; no terminal is needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from idtrail.cli.watch.app import WatchApp
from idtrail.cli.watch.pages import help_page, text_of
from idtrail.cli.watch.source import Message
from schemas.errors import Away
from tests.watch.support import NOW, PlayedSource, ago, answers, failure, health, incident, integration, uuid

Item = dict[str, Any]

BROKEN = {"cause": "credentials", "detail": "token expired", "event_id": uuid(1), "at": ago(1), "attribute": ""}
ROUND = answers(
    incidents=[
        incident("i1", 60 * 48),
        incident("i2", 20, application="miro", cause="invalid_value", attribute="title", state="regressed", attempts=7),
    ],
    failures=[failure(1, 1), failure(2, 2, application_name="miro", cause="invalid_value", detail="title too long")],
    integrations=[
        integration("statsig", failures_since_success=41, last_success=ago(60 * 48), last_failure=BROKEN),
        integration("slack"),
    ],
)
COPY = {
    "in_force": True, "source": "jumpcloud", "trust": "tenant_api", "known_at": ago(1), "place": "idtrail.events[0]@7",
    "redacted": False, "raw": "{}",
}  # fmt: skip
WHO = {"organization": "o", "subject_id": "s1", "names": ["ines.almeida"]}
INES: Item = {"person": WHO, "known_at": None, "later": 0, "accounts": [], "items": [], "next": None}


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def played() -> PlayedSource:
    events = {item["event_id"]: {**item, "copies": [COPY]} for item in ROUND.failures or ()}
    return PlayedSource(ROUND, events=events, lifecycles={"s1": INES, "s2": INES, "ines": INES})


def seen(app: WatchApp) -> list[str]:
    """What stands on the terminal, line by line."""
    lines = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


async def until(pilot: Pilot[Exception], app: WatchApp, found: Callable[[list[str]], bool]) -> list[str]:
    """The screen, as soon as it shows what is waited for."""
    deadline = time.monotonic() + 30
    while True:
        app.draw()
        await pilot.pause(0.01)
        if found(lines := seen(app)):
            return lines
        assert time.monotonic() < deadline, "\n".join(lines)


def shows(*texts: str) -> Callable[[list[str]], bool]:
    return lambda lines: all(any(text in line for line in lines) for text in texts)


AT_80 = """\
2 incidents open · 1 new in the last hour · log and store agree · blind: nothing
live 16:42:00 UTC
>incident in  cause                         tries people since  last   state
>miro         invalid_value (title)             7      9 20 min 1 min  regressed
 statsig      credentials                      41      9 2 d    1 min  open
 failed (UTC) age    app       attempt      person       why
 16:41:00     1 min  statsig   update       person.1     401 credentials: token…
 16:40:00     2 min  miro      update       person.2     401 invalid_value: tit…







 integration  last success (UTC)    fails   24 h last change
 statsig      11-22 16:42 (2 d)        41  1,904 -
 slack        16:39:00 (3 min)          0  1,904 -
lag (records not stored): none
Tab list  Enter open  l lifecycle  / filter  p pause  r refresh  ? help  q quit"""


async def test_the_whole_screen_at_80_columns() -> None:
    app = WatchApp(played(), Clock())
    async with app.run_test(size=(80, 20)) as pilot:
        await until(pilot, app, lambda lines: lines == AT_80.splitlines())


SIZES = {
    (60, 20): (["2 open · 1 new in 1 h", "lag (", "Tab list Enter open"], ["in trouble"]),
    (80, 24): (["2 incidents open", "last success (UTC)"], ["in trouble"]),
    (120, 40): (["in trouble", "last failure", "what the pro"], ["needs 60"]),
    (200, 60): (["in trouble", "what the provider says"], ["needs 60"]),
    (59, 20): (["idtrail watch needs 60 columns"], ["incident in"]),
    (80, 11): (["and 12 lines; this has 80 and 11"], ["incident in"]),
}


async def test_every_size_shows_what_it_has_room_for_and_may_change() -> None:
    app = WatchApp(played(), Clock())
    async with app.run_test(size=(80, 24)) as pilot:
        for size, (there, absent) in SIZES.items():
            await pilot.resize_terminal(*size)
            lines = await until(pilot, app, fits(size, there, absent))
            # From 140 columns on, the integrations stand beside the lists.
            assert ("integration " in lines[2]) is (size[0] == 200)


async def test_keys_are_for_the_same_list_after_the_terminal_was_too_small() -> None:
    app = WatchApp(played(), Clock())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, app, shows(">miro"))
        await pilot.press("tab")
        await until(pilot, app, shows(">16:41:00"))
        await pilot.resize_terminal(50, 24)
        await until(pilot, app, shows("idtrail watch needs 60 columns"))
        await pilot.resize_terminal(80, 24)
        await until(pilot, app, shows(">16:41:00"))
        await pilot.press("enter")
        await until(pilot, app, shows("user_update_provision · failure"))


@pytest.mark.parametrize("width", [60, 80])
def test_the_keys_wrap_under_themselves(width: int) -> None:
    lines = text_of(help_page(), width - 2, NOW).splitlines()
    assert all(len(line) <= width - 2 for line in lines)
    wrapped = lines[lines.index(next(line for line in lines if "Tab," in line)) + 1]
    assert wrapped.startswith(" " * 18)
    assert wrapped.strip()


def fits(size: tuple[int, int], there: list[str], absent: list[str]) -> Callable[[list[str]], bool]:
    return lambda lines: (
        len(lines) == size[1]
        and all(len(line) <= size[0] for line in lines)
        and shows(*there)(lines)
        and not any(text in line for text in absent for line in lines)
    )


async def test_failures_and_incidents_come_by_the_feed_and_the_chosen_row_stays() -> None:
    source, clock = played(), Clock()
    app = WatchApp(source, clock)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, app, shows("live"))
        await pilot.press("tab", "j")
        await until(pilot, app, shows(">16:40:00     2 min  miro"))
        source.feed.put_nowait(Message("failure", failure(3, 0, application_name="box"), "p1"))
        source.feed.put_nowait(Message("incident", incident("i1", 60 * 48, attempts=42), "p2"))
        lines = await until(pilot, app, shows("box", "42"))
        assert any(line.startswith(">16:40:00     2 min  miro") for line in lines)


async def test_a_lost_feed_is_shown_and_goes_on_after_the_last_id() -> None:
    source, clock, over = played(), Clock(), asyncio.Event()
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await over.wait()

    app = WatchApp(source, clock, sleep)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, app, shows("live"))
        source.feed.put_nowait(Message("failure", failure(3), "p7"))
        source.feed.put_nowait(Message("", {}, "p8"))
        source.feed.put_nowait(Away("connection refused"))
        await until(pilot, app, shows("LOST since 16:42:00 UTC (0 s), again in 1 s: connection refused"))
        asked = source.asked
        clock.now += timedelta(seconds=1)
        over.set()
        await until(pilot, app, shows("the feed is back after 1 s"))
        assert (source.followed, waited) == (["", "p8"], [1])
        await until(pilot, app, lambda lines: source.asked > asked)  # what the lists missed is asked for


@pytest.mark.parametrize("kind", ["gap", "dropped"])
async def test_a_gap_asks_for_the_lists_again_and_says_so(kind: str) -> None:
    source = played()
    app = WatchApp(source, Clock())
    async with app.run_test(size=(120, 24)) as pilot:
        await until(pilot, app, shows("live", "slack"))
        asked = source.asked
        source.feed.put_nowait(Message(kind, {"reason": "too slow"}, "p1"))
        await until(pilot, app, shows(f"16:42:00 {kind}: too slow; lists asked for again"))
        await until(pilot, app, lambda lines: source.asked > asked)


async def test_an_incident_opens_with_remedy_people_and_texts_and_a_digit_opens_a_lifecycle() -> None:
    app = WatchApp(played(), Clock())
    async with app.run_test(size=(80, 40)) as pilot:
        await until(pilot, app, shows("live", "slack"))
        await pilot.press("enter")
        await until(
            pilot,
            app,
            shows(
                "miro  invalid_value (title): token expired",
                "regressed",
                "Remedy: Re-authorise",
                "person.7",
                "title too long",
                "Lifecycles: 1 person.1 · 2 person.2",
            ),
        )
        await pilot.press("2")
        await until(pilot, app, shows("ines.almeida  (s1) · 0 events"))
        await pilot.press("escape", "q")
        await until(pilot, app, shows("incident in"))


KEYS = [
    (("enter",), "user_update_provision · failure", "Enter on a failure: its details"),
    (("l",), "ines.almeida  (s1)", "l on a failure: its person"),
    (("shift+tab", "l"), "ines.almeida  (s1)", "l on an incident: whom it hit"),
    (("tab", "tab", "enter"), "user_update_provision · failure", "Enter on an integration: what failed last"),
    (("l", *"ines", "enter"), "ines.almeida  (s1)", "l elsewhere: a name is asked for"),
    (("question_mark",), "idtrail watch: failures and incidents as they come", "?: the keys"),
]


async def test_keys_open_what_they_promise() -> None:
    app = WatchApp(played(), Clock())
    async with app.run_test(size=(80, 30)) as pilot:
        await until(pilot, app, shows("live", "slack"))
        await pilot.press("tab")
        for keys, text, _ in KEYS:
            await pilot.press(*keys)
            await until(pilot, app, shows(text))
            await pilot.press("slash", "p", "r", "question_mark")  # keys of the lists do nothing on a page
            await until(pilot, app, shows(text))
            await pilot.press("escape")
            await until(pilot, app, shows("incident in"))
        await pilot.press("l", *"no", "enter")
        await until(pilot, app, shows("nobody is known as 'no'"))
        await pilot.press("q")
    assert not app.is_running


async def test_a_filter_acts_while_it_is_typed_and_esc_takes_it_away() -> None:
    app = WatchApp(played(), Clock())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, app, shows("live", "slack"))
        await pilot.press("slash", "q", "backspace", *"miro", "enter")
        lines = await until(pilot, app, shows("only rows with 'miro'", "no row has 'miro'"))
        assert not any(line.startswith(" statsig") for line in lines)
        await pilot.press("escape")
        await until(pilot, app, shows(" statsig"))


async def test_a_pause_holds_the_lists() -> None:
    source = played()
    app = WatchApp(source, Clock())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, app, shows("live", "slack"))
        await pilot.press("p")
        source.feed.put_nowait(Message("failure", failure(3, application_name="box"), "p1"))
        lines = await until(pilot, app, shows("PAUSED 0 s, 1 came since"))
        assert not any("box" in line for line in lines)
        await pilot.press("p")
        await until(pilot, app, shows("box"))


async def test_what_could_not_be_read_is_told_and_the_rest_is_shown() -> None:
    source = played()
    source.round = answers(
        incidents=None,
        failures=ROUND.failures,
        failed={"incidents": "the store is away"},
        health=health(7, "jumpcloud"),
    )
    app = WatchApp(source, Clock())
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, app, shows("INCIDENTS UNKNOWN", "7 records not stored yet", "blind: jumpcloud", "person.1"))
        await until(pilot, app, shows("  not known: the store is away", "incidents: the store is away"))


async def test_only_lines_that_changed_are_drawn_and_a_storm_is_drawn_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = played()
    app = WatchApp(source, Clock())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, app, shows("live", "slack"))
        drawn: list[int] = []
        listing = app._list("failures")
        monkeypatch.setattr(listing, "_draw", lambda: drawn.append(1))
        for number in range(2000):
            source.feed.put_nowait(Message("failure", failure(10 + number), str(number)))
        await until(pilot, app, lambda lines: len(app.board.failures()) == 1000)
        assert len(drawn) < 200  # a few times a second, not once a message
        assert len(app.board.failures()) == 1000


async def test_a_defect_ends_the_screen_and_is_handed_over() -> None:
    source = played()
    app = WatchApp(source, Clock())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, app, shows("live"))
        source.feed.put_nowait(Message("failure", {"no": "event"}, "p1"))
        deadline = time.monotonic() + 30
        while app.return_value is None:
            assert time.monotonic() < deadline
            await pilot.pause(0.01)
    assert isinstance(app.return_value, KeyError)

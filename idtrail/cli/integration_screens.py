"""The health of integrations in a terminal: a list, and one in full."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from rich.console import Console
from rich.text import Text

from idtrail.cli.screen import (
    ago,
    coloured,
    command,
    counted,
    cut,
    moment,
    name_width,
    named_apart,
    next_commands,
    number,
    span,
    table,
    when,
)
from idtrail.item import Item
from queries.integrations.expiry import SOON
from queries.integrations.health import MEANINGS, State

WORDS: Final = {
    State.STILL_FAILING: "still failing",
    State.REAUTHORISED: "re-authorised",
}
_STYLES: Final = {
    State.FAILING: "red",
    State.STILL_FAILING: "red",
    State.DEGRADING: "yellow",
    State.REAUTHORISED: "yellow",
    State.RECOVERED: "green",
    State.HEALTHY: "green",
}
_ACTS: Final = {
    "idm_integration_activate": "activated",
    "idm_integration_update": "changed",
    "idm_integration_reauth": "re-authorised",
    "idm_integration_delete": "deleted",
}
_ENDS: Final = {"reauthorised": "re-authorisation", "by_itself": "nothing in the log", "deleted": "deletion"}
SHOWN_TROUBLES: Final = 20
SHOWN_STUCK: Final = 10


def state_text(item: Item) -> Text:
    """Return the state in words and colour."""
    state = State(item["state"])
    return coloured(WORDS.get(state, state.value), _STYLES.get(state, ""))


def show_integrations(out: Console, items: Sequence[Item], at: datetime) -> None:
    """Print one line per integration, in the order of the API: those in trouble first."""
    rows = table("integration", "credentials", "since", "accepted", "stuck", "expires", "changed")
    for item in items:
        rows.add_row(
            "  " + cut(app_name(item), name_width(out)),
            state_text(item),
            _age(item["since"], at),
            ago(item["last_good_at"], at),
            number(item["people_stuck"] + item["groups_stuck"]) if item["people_stuck"] + item["groups_stuck"] else "-",
            _expires(item["forecast"], at),
            _changed(item["change"], at),
        )
    out.print(rows)


def soon(items: Sequence[Item], at: datetime) -> list[Item]:
    """Return the integrations whose credentials expire within a month or should have already; the earliest first."""
    near = [item for item in items if item["forecast"] and _left(item["forecast"], at) <= SOON]
    return sorted(near, key=lambda item: (_left(item["forecast"], at), app_name(item)))


def soon_lines(items: Sequence[Item], at: datetime) -> Iterator[str]:
    """Yield sentences about those integrations."""
    for item in soon(items, at):
        yield f"{app_name(item)}: {_forecast(item['forecast'], at)}"


def show_integration(out: Console, item: Item) -> None:
    """Print one integration at the time of the answer."""
    at = moment(item["at"])
    assert at is not None
    since = f" since {when(item['since'], seconds=False)} ({_age(item['since'], at)})" if item["since"] else ""
    out.print(Text.assemble(app_name(item), "  credentials: ", state_text(item), since), soft_wrap=True)
    out.print(MEANINGS[State(item["state"])], markup=False)
    for line in _facts(item, at):
        out.print(line, markup=False)
    if item["stuck"]:
        out.print()
        _show_stuck(out, item, at)
    out.print()
    if item["episodes"]:
        _show_troubles(out, item, at)
    else:
        out.print("No trouble of its credentials is known.")
    commands = [command("idtrail", "events", "--app", app_name(item), *_telling(item))]
    if item["stuck"]:
        commands.append(command("idtrail", "lifecycle", item["stuck"][0]["subject_id"]))
    out.print(next_commands(*commands), soft_wrap=True)


def app_name(item: Item) -> str:
    """Return its name, else its id."""
    return str(item["application"] or item["application_id"])


def _age(text: str | None, at: datetime) -> str:
    found = moment(text)
    return span(at - found) if found else "-"


def _left(forecast: Item, at: datetime) -> timedelta:
    earliest = moment(forecast["earliest"])
    assert earliest is not None
    return earliest - at


def _expires(forecast: Item | None, at: datetime) -> str:
    if forecast is None:
        return "-"
    left = _left(forecast, at)
    return f"in {span(left)}" if left > timedelta() else "passed"


def _changed(change: Item | None, at: datetime) -> str:
    if change is None:
        return "-"
    by = f" by {change['actor']}" if change["actor"] else ""
    return f"{ago(change['at'], at)}{by}"


def _act(change: Item) -> str:
    act = _ACTS.get(change["event_type"], change["event_type"])
    by = f" by {change['actor']}" if change["actor"] else ""
    if change["outcome"] == "success":
        came = ""
    else:
        came = ", refused" if change["cause"] == "credentials" else f", {change['outcome']}"
    return f"{act} {when(change['at'], seconds=False)}{by}{came}"


def _facts(item: Item, at: datetime) -> Iterator[str]:
    good = item["last_good_at"]
    yield f"last accepted   {when(good)} ({ago(good, at)})" if good else "last accepted   never"
    yield f"last change     {_act(item['change'])}" if item["change"] else "last change     none in the log"
    authorised = item["authorised"]
    if authorised and authorised != item["change"]:
        yield f"credentials     {_act(authorised)}"
    if item["failures"]:
        told = ", ".join(_failed(failures) for failures in item["failures"])
        yield f"failed since    {told}"
    if item["people_stuck"] or item["groups_stuck"]:
        people = counted(item["people_stuck"], "person", "people")
        yield f"stuck           {people}, {counted(item['groups_stuck'], 'group')}"
    if item["forecast"]:
        yield f"expires         {_forecast(item['forecast'], at)}"


def _failed(failures: Item) -> str:
    status = f" ({failures['http_status']})" if failures["http_status"] else ""
    return f"{number(failures['attempts'])} {failures['cause'] or 'unknown'}{status}"


def _forecast(forecast: Item, at: datetime) -> str:
    earliest, latest = when(forecast["earliest"], seconds=False), when(forecast["latest"], seconds=False)
    left = _left(forecast, at)
    told = f"in {span(left)}, " if left > timedelta() else f"{span(-left)} ago by the reckoning, "
    told += f"about {earliest}" if earliest[:10] == latest[:10] else f"{earliest[:10]} to {latest[:10]}"
    authorised, begun = moment(forecast["authorised"]["at"]), moment(forecast["earliest"])
    assert authorised is not None
    assert begun is not None
    lived = span(begun - authorised)
    if forecast["basis"] == "observed":
        seen = counted(forecast["expiries"], "expiry", "expiries")
        return f"{told}; those that expired last lived {lived} ({seen} seen)"
    return f"{told}; {forecast['vendor']} says they live {lived}"


def _show_stuck(out: Console, item: Item, at: datetime) -> None:
    rows = table("person or group", "refused", "first (UTC)", "last", right=("refused",))
    stuck = item["stuck"][:SHOWN_STUCK]
    for subject, name in zip(stuck, named_apart(stuck, name_width(out)), strict=True):
        rows.add_row(
            f"  {name}",
            number(subject["refusals"]),
            when(subject["first_at"], seconds=False),
            ago(subject["last_at"], at),
        )
    out.print(rows)
    left = item["people_stuck"] + item["groups_stuck"] - SHOWN_STUCK
    if left > 0:
        out.print(f"  {number(left)} more (--json)", style="dim")


def _show_troubles(out: Console, item: Item, at: datetime) -> None:
    rows = table("refused from (UTC)", "to", "for", "refused", "ended by", right=("refused",))
    for trouble in item["episodes"][:SHOWN_TROUBLES]:
        begun, ended = moment(trouble["started_at"]), moment(trouble["ended_at"])
        assert begun is not None
        rows.add_row(
            "  " + when(trouble["started_at"], seconds=False),
            when(trouble["ended_at"], seconds=False) if ended else coloured("goes on", "yellow"),
            span((ended or at) - begun),
            number(trouble["refusals"]),
            _ENDS.get(trouble["end"] or "", "-"),
        )
    out.print(rows)
    left = len(item["episodes"]) - SHOWN_TROUBLES
    if left > 0:
        out.print(f"  {number(left)} more (--json)", style="dim")
    last = item["episodes"][0]
    for line in _story(last):
        out.print(Text(f"  {line}", no_wrap=True, overflow="ellipsis"))


def _story(trouble: Item) -> Iterator[str]:
    """Yield the last trouble's text, the age of the refused credentials, and who did what about it."""
    begun = moment(trouble["started_at"])
    assert begun is not None
    yield f"last: {trouble['detail'] or 'the provider gave no text'}"
    if trouble["authorised"]:
        given = moment(trouble["authorised"]["at"])
        assert given is not None
        made = when(trouble["authorised"]["at"], seconds=False)
        yield f"the credentials refused were of {made}, {span(begun - given)} old"
    for change in trouble["changes"]:
        yield _act(change)


def _telling(item: Item) -> tuple[str, ...]:
    """Return the options for the events that tell most: refusals, else other failures, else the last that is known."""
    if item["episodes"]:
        return "--cause", "credentials", "--since", when(item["episodes"][-1]["started_at"])[:10]
    if item["failures"]:
        return "--outcome", "failure", "--since", when(min(each["last_at"] for each in item["failures"]))[:10]
    last = item["last_good_at"] or (item["change"] or {}).get("at")
    return "--since", when(last)[:10] if last else "30d"

"""`idtrail lifecycle`: one person's attempts in every application, and where each account stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final, NamedTuple

import typer
from rich.console import Console

from idtrail.cli import Json, app
from idtrail.cli.client import Api
from idtrail.cli.screen import (
    ago,
    coloured,
    console,
    counted,
    cut,
    moment,
    next_commands,
    print_json,
    span,
    table,
    when,
    why,
)
from idtrail.settings import load_settings

Item = dict[str, Any]
SHOWN: Final = 24
"""Lines of steps on the screen."""
SIGN_INS: Final = frozenset({"sso_auth", "user_login_attempt"})
"""Not steps of a lifecycle: only `--all` shows them."""


@app.command()
def lifecycle(
    person: Annotated[str, typer.Argument(help="Id, user name or mail address.")],
    since: Annotated[str, typer.Option(help="From this time on: a time, a date, or an age (24h, 7d).")] = "2000-01-01",
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    app_name: Annotated[str | None, typer.Option("--app", help="Only this application.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every event, none folded together.")] = False,
    as_json: Json = False,
) -> None:
    """Replay a person's lifecycle: every attempt in order, and what each account came to."""
    answer = Api(load_settings()).get(
        "/api/v1/lifecycle", {"person": person, "since": since, "until": until, "limit": 10_000}
    )
    if app_name:
        wanted = app_name.lower()
        for key in ("items", "accounts"):
            answer[key] = [
                item for item in answer[key] if wanted in (item["application"].lower(), item["application_id"])
            ]
    if as_json:
        print_json(answer)
    else:
        show_lifecycle(console(), answer, datetime.now(UTC), everything=everything)


def show_lifecycle(out: Console, answer: dict[str, Any], now: datetime, *, everything: bool = False) -> None:
    """The screen: who, where each account stands, then the steps."""
    person, items = answer["person"], answer["items"]
    names = [name for name in person["names"] if name != person["subject_id"]]
    who = names[0] if names else person["subject_id"]
    others = ", ".join([*names[1:3], person["subject_id"]] if names else [])
    period = f", {when(items[0]['occurred_at'])[:10]} to {when(items[-1]['occurred_at'])[:10]}" if items else ""
    out.print(f"{who}{f'  ({others})' if others else ''} · {counted(len(items), 'event')}{period}", soft_wrap=True)
    accounts = table("", "", "")
    for account in sorted(answer["accounts"], key=lambda account: not account["exposed"]):
        accounts.add_row(account["application"] or account["application_id"], *_standing(account, now))
    if answer["accounts"]:
        out.print(accounts)
    out.print()
    rows = table("time (UTC)", "app", "attempt", "result")
    shown = steps(items, everything=everything)
    for row in shown if everything else shown[-SHOWN:]:
        rows.add_row(f"  {row.time}", row.app, cut(row.attempt, 22), coloured(row.result, row.style))
    if len(shown) > SHOWN and not everything:
        out.print(f"  ... {len(shown) - SHOWN} earlier rows: --all shows every event ...", style="dim")
    out.print(rows)
    if answer["next"]:
        out.print("  ... more: narrow the range with --since and --until")
    for account in answer["accounts"]:
        if account["exposed"]:
            out.print(
                f"{account['application']}: meant to be closed since {when(account['closing_since'])}, "
                f"{counted(account['closing_tries'], 'try', 'tries')}, last {ago(account['last_try'], now)}: "
                f"{why(account['last_cause'], account['last_detail'])}",
                soft_wrap=True,
            )
    out.print(next_commands("idtrail failures --since 7d", f"idtrail events --subject {who} --json"), soft_wrap=True)


def _standing(account: Item, now: datetime) -> tuple[Any, str]:
    state = account["state"]
    if state == "closed":
        return coloured("closed"), f"confirmed {when(account['confirmed_at'])}"
    if account["exposed"]:
        since = moment(account["closing_since"])
        confirmed = (
            f", last confirmed active {when(account['confirmed_at'])}" if account["confirmed"] == "active" else ""
        )
        open_for = f" ({span(now - since)})" if since else ""
        return coloured("OPEN"), f"meant closed since {when(account['closing_since'])}{open_for}{confirmed}"
    if state == "reported_absent":
        return "absent?", f"the provider said 404 at {when(account['last_try'])}: gone, but not confirmed"
    if state == "open":
        return "active", f"confirmed {when(account['confirmed_at'])}"
    return "unknown", f"last attempt {when(account['last_try'])}: {account['last_outcome'] or 'none seen'}"


class Row(NamedTuple):
    """One line of the screen."""

    time: str
    app: str
    attempt: str
    result: str
    style: str


def steps(items: list[Item], *, everything: bool) -> list[Row]:
    """The lines: the same thing done to several applications at once is one, and so is a run of retries."""
    if everything:
        return [_row([item], items) for item in items]
    rows = []
    for group in _grouped([item for item in items if item["event_type"] not in SIGN_INS]):
        if len({item["application_id"] for item in group}) > 1 or len(group) < 3:
            rows += [_row(group, items)] if _at_once(group) else [_row([item], items) for item in group]
            continue
        times = [datetime.fromisoformat(item["occurred_at"]) for item in group]
        every = span((times[-1] - times[0]) / (len(times) - 1))
        rows.append(_row([group[0]], items))
        more = f"... {len(group) - 2} more with the same answer, about every {every} ..."
        rows.append(Row("", "", "", more, "dim"))
        rows.append(_row([group[-1]], items))
    return rows


def _grouped(items: list[Item]) -> Iterator[list[Item]]:
    """Neighbours that say the same; retries of one attempt are neighbours across what came between."""
    group: list[Item] = []
    for item in items:
        if group and _same(group[-1], item) and (_at_once([group[0], item]) or item["retry_of"]):
            group.append(item)
            continue
        if group:
            yield group
        group = [item]
    if group:
        yield group


def _at_once(group: list[Item]) -> bool:
    first, last = (datetime.fromisoformat(group[place]["occurred_at"]) for place in (0, -1))
    return (last - first).total_seconds() < 120 and len({item["application_id"] for item in group}) == len(group)


def _same(left: Item, right: Item) -> bool:
    keys = ("event_type", "outcome", "cause", "detail", "changed", "http_status")
    if not all(left[key] == right[key] for key in keys):
        return False
    return left["application_id"] == right["application_id"] or not (left["retry_of"] or right["retry_of"])


def _row(group: list[Item], items: list[Item]) -> Row:
    item = group[0]
    time = when(item["occurred_at"]) if item["time_quality"] == "ok" else f"time {item['time_quality']}"
    app = f"{len(group)} apps" if len(group) > 1 else cut(item["application"], 12) or "-"
    because = _because(item, items)
    result = f"{_result(item)} · {because}" if because else _result(item)
    return Row(time, app, _attempt(item), result, "red" if item["outcome"] == "failure" else "")


def _attempt(item: Item) -> str:
    if item["group"]:
        return f"{'added to' if item['action'] == 'add' else 'removed from'} {item['group']}"
    verb = {"deprovision": "deactivate"}.get(item["action"], item["action"]) or item["event_type"] or "event"
    changed = [short(name) for name in item["changed"] if item["action"] == "update" or item["kind"] == "other"]
    return f"{verb} {', '.join(changed)}" if changed else verb


def short(attribute: str) -> str:
    """`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User` is `enterprise` to people."""
    match = re.match(r"urn:ietf:params:scim:schemas:extension:(\w+):", attribute)
    return match[1] if match else attribute


def _result(item: Item) -> str:
    status = str(item["http_status"]) if item["http_status"] else ""
    if item["outcome"] == "success":
        if item["kind"] == "other":
            return "ok"
        words = {"create": "created", "deprovision": "confirmed", "delete": "deleted"}.get(item["action"], "ok")
        return f"{status} {words}".strip()
    if item["outcome"] == "reported_absent":
        return f"{status} reported absent"
    return f"{status} {why(item['cause'], item['detail'], item['attribute']) or item['outcome']}".strip()


def _because(item: Item, items: list[Item]) -> str:
    """What it repeats, or who did it."""
    if item["retry_of"]:
        first = next((other for other in items if other["event_id"] == item["retry_of"]), None)
        if first is not None:
            same_day = when(first["occurred_at"])[:10] == when(item["occurred_at"])[:10]
            return f"retry of {when(first['occurred_at'])[11 if same_day else 5 :]}"
    return str(item["actor"]) if item["kind"] == "other" or "@" in str(item["actor"]) else ""

"""`idtrail exposures`: lists accounts that should be closed and are not confirmed closed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from idtrail.cli import SINCE, UNTIL, Json, app, connect, say
from idtrail.cli.screen import (
    WIDE,
    ago,
    coloured,
    command,
    console,
    counted,
    cut,
    ending,
    moment,
    named,
    next_commands,
    number,
    options,
    print_json,
    span,
    table,
    times_that_fit,
    when,
    why_still_open,
)
from idtrail.item import Item
from schemas.errors import BadUsage

SHOWN: Final = 20
"""How many accounts of each kind the screen shows by default."""
NAMED: Final = 2
"""How many applications without sign-ins are named."""
MOST: Final = 10_000
"""The most accounts of each kind in one answer of the API."""
KINDS: Final = {
    "items": "total",
    "left_behind": "left_behind_total",
    "reported_absent": "reported_absent_total",
}
"""The lists in the API's answer, and the field with the number of each."""
SLA: Final = 60
"""Minutes allowed for the first attempt to close, by default."""
_CUT: Final = "Not complete: more accounts may be exposed than were looked at"


@app.command()
def exposures(
    at: Annotated[
        str | None, typer.Option(help="As of this time: a time, a date, or an age (24h, 7d).", show_default=False)
    ] = None,
    sla: Annotated[int, typer.Option(min=0, help="Minutes allowed for the first attempt to close.")] = SLA,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST,
            help=f"Maximum number of accounts of each kind; without it {SHOWN}, with --json all, up to {number(MOST)}.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Instead: how long closing took, by application.")] = False,
    since: Annotated[
        str | None,
        typer.Option(*SINCE, help="For a report: from this time on; 30d by default.", show_default=False),
    ] = None,
    until: Annotated[
        str | None, typer.Option(*UNTIL, help="For a report: before this time.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Show who still has an account that should be closed: since when, why, and whether it was used since."""
    if report and at is not None:
        raise BadUsage("--at is for the accounts exposed at one time, --report for a range: give one of them")
    if not report and (since or until):
        raise BadUsage("--since and --until are the range of a --report; for who was exposed at one time give --at")
    api = connect()
    limit = limit or (MOST if as_json else SHOWN)
    if report:
        period = {"since": since or "30d", "until": until, "sla": sla * 60, "limit": limit}
        told = api.get("/api/v1/exposures/report", period)
        if as_json:
            print_json(told)
        else:
            show_report(console(), told, datetime.now(UTC), since=since, until=until)
        return
    answer = api.get("/api/v1/exposures", {"at": at, "sla": sla * 60, "limit": limit})
    if as_json:
        if not answer["complete"]:
            say(_CUT)
        for kind, total in KINDS.items():
            if answer[total] > len(answer[kind]):
                what = "exposed" if kind == "items" else kind.replace("_", " ")
                told = f"only {number(len(answer[kind]))} of {counted(answer[total], 'account')} {what}"
                say(f"{told}: idtrail export exposures has all")
            print_json(answer[kind])
    else:
        show_exposures(console(), answer, datetime.now(UTC), past=at is not None, sla=sla)


def show_exposures(out: Console, answer: Item, now: datetime, *, past: bool = False, sla: int = SLA) -> None:
    """Print the screen: how many there are, the open accounts with their causes, then the others. It shows the time if
    it is past, and the minutes of an SLA other than the default."""
    items, at = answer["items"], answer["at"]
    verb = ("was" if answer["total"] == 1 else "were") if past else ("is" if answer["total"] == 1 else "are")
    told = f"{counted(answer['total'], 'account')} meant to be closed {verb} not confirmed closed"
    out.print(f"{told}{_used(answer)}", soft_wrap=True)
    if past:
        out.print(f"at {when(at)} ({ago(at, now)})", soft_wrap=True)
        now = datetime.fromisoformat(at)
    if sla != SLA:
        out.print(f"{span(timedelta(minutes=sla))} allowed for the first attempt to close", soft_wrap=True)
    if not answer["complete"]:
        out.print(_CUT, style="yellow", soft_wrap=True)
    if unknown := _unknown(answer):
        out.print(unknown, soft_wrap=True)
    _rows(out, items, answer["total"], now)
    for key, title in (
        ("left_behind", "Left behind by a deleted integration, nobody closes them any more"),
        ("reported_absent", "Said to be absent by the application (404), not confirmed closed"),
    ):
        if answer[key]:
            out.print()
            out.print(f"{title}: {number(answer[KINDS[key]])}", soft_wrap=True)
            _rows(out, answer[key], answer[KINDS[key]], now)
    out.print()
    lifecycle = [command("idtrail", "lifecycle", _ask(items[0]))] if items else []
    again = {"--at": at.replace("+00:00", "Z") if past else None, "--sla": str(sla) if sla != SLA else None}
    export = command("idtrail", "export", "exposures", *options(again))
    out.print(next_commands(*lifecycle, "idtrail incidents", f"{export} -o exposures.zip"), soft_wrap=True)


def show_report(
    out: Console, answer: Item, now: datetime, *, since: str | None = None, until: str | None = None
) -> None:
    """Print a report: how many kept the SLA, the applications, the exceptions; then the commands for the list and for
    the same report as JSON."""
    closings = sum(item["closings"] for item in answer["items"])
    kept = sum(item["within_sla"] for item in answer["items"])
    share = f" ({kept * 100 // closings} %)" if closings else ""
    out.print(
        f"{when(answer['since'])[:10]} to {ending(answer['until'], now)}: {kept} of {counted(closings, 'account')}"
        f"{share} closed within {span(timedelta(seconds=answer['sla_seconds']))}",
        soft_wrap=True,
    )
    if answer["items"]:
        rows = table(
            "app", "closings", "in time", "open", "absent", "p50", "p90", "p99", "longest",
            right=("closings", "in time", "open", "absent"),
        )  # fmt: skip
        for item in answer["items"]:
            taken = [_time(item, name) for name in ("p50", "p90", "p99", "longest")]
            counts = [str(item[name]) for name in ("closings", "within_sla", "still_open", "reported_absent")]
            rows.add_row(f"  {cut(item['application'] or item['application_id'], 16)}", *counts, *taken)
        out.print()
        out.print(rows)
    if answer["exceptions"]:
        out.print()
        rows = table("person", "app", "meant closed (UTC)", "took", "")
        for each in answer["exceptions"]:
            took = span(timedelta(seconds=each["seconds"]))
            rows.add_row(
                f"  {cut(each['person'], 16)}", cut(each["application"], 12), when(each["since"]), took, _ended(each)
            )
        out.print(rows)
        _say_more(out, answer["exceptions_total"] - len(answer["exceptions"]))
    out.print()
    minutes = answer["sla_seconds"] // 60
    sla = {"--sla": str(minutes) if minutes != SLA else None}
    report = command(
        "idtrail", "exposures", "--report", *options({"--since": since, "--until": until, **sla}), "--json"
    )
    out.print(next_commands(command("idtrail", "exposures", *options(sla)), report), soft_wrap=True)


def _time(summary: Item, name: str) -> str:
    """Return one of its times, as `>14 h` if accounts that are still open may take longer."""
    seconds = summary[name]
    if seconds is None:
        return "-"
    return f"{'>' if name in summary['at_least'] else ''}{span(timedelta(seconds=seconds))}"


def _rows(out: Console, items: list[Item], total: int, now: datetime) -> None:
    if not items:
        return
    rows = table("person", "app", "since (UTC)", "for", "tries", "used since", "cause", right=("tries",))
    stamps = _times([item[name] for item in items for name in ("since", "used_since")], out)
    for item, since_text, used in zip(items, stamps[::2], stamps[1::2], strict=True):
        since = moment(item["since"])
        rows.add_row(
            f"  {named(item['person'], item['subject_id'], 16, shared=item['namesakes'])}",
            cut(item["application"] or item["application_id"], 10),
            since_text,
            coloured(span(now - since) if since else "-", "yellow"),
            str(item["closing_tries"]),
            used if item["used_since"] else "none seen" if item["sign_ins_known"] else "unknown",
            _cause(item),
        )
    out.print()
    out.print(rows)
    _say_more(out, total - len(items))


def _times(texts: Sequence[str | None], out: Console) -> list[str]:
    """Return the times; if room is scarce, without the year if all share it, else the days alone."""
    times = times_that_fit([when(text, seconds=False) for text in texts], out)
    return times if out.width >= WIDE else [time[:10] if time[4:5] == "-" else time for time in times]


def _used(answer: Item) -> str:
    """Return how many are seen to be used, as the end of a sentence."""
    if not answer["total"]:
        return ""
    if answer["sign_ins_unknown_total"] == answer["total"]:
        return "; use since unknown"
    return f"; {number(answer['used_total'])} seen used since"


def _unknown(answer: Item) -> str:
    """Return of how many accounts the use is unknown, and which applications' sign-ins are missing; empty if none."""
    total = answer["sign_ins_unknown_total"]
    unknown = {kind: [item for item in answer[kind] if not item["sign_ins_known"]] for kind in KINDS}
    names = sorted({item["application"] or item["application_id"] for items in unknown.values() for item in items})
    if not names and not total:
        return ""
    others = len(names) > NAMED or total > len(unknown["items"])
    told = [
        *(cut(name, 16) for name in names[:NAMED]),
        *(["others" if names else "their applications"] if others else []),
    ]
    listed = " and ".join(filter(None, (", ".join(told[:-1]), told[-1])))
    return f"unknown{f' of {number(total)}' if total else ''}: the trail has no recent sign-in to {listed}"


def _say_more(out: Console, more: int) -> None:
    if more > 0:
        out.print(f"  ... {number(more)} more: --limit, or --json for all", style="dim")


def _ask(item: Item) -> str:
    """Return the text to ask for the person by."""
    return str(item["subject_id"] if item["namesakes"] else item["person"])


def _ended(each: Item) -> str | Text:
    if each["closed_at"]:
        return f"closed {when(each['closed_at'], seconds=False)}"
    return f"absent {when(each['absent_at'], seconds=False)}" if each["absent_at"] else coloured("OPEN")


def _cause(item: Item) -> str:
    because = item["intended_because"]
    if item["reason"] == "never_attempted":
        return f"never attempted{' (' + because['text'] + ')' if because else ''}"
    if item["reason"] == "left_behind":
        return f"integration deleted {when(item['left_behind'], seconds=False)}" if item.get("left_behind") else "-"
    return why_still_open(item)

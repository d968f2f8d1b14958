"""Findings in a terminal: a list, and one in full with the steps to undo it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Final

from rich.console import Console

from idtrail.cli.screen import (
    ago,
    coloured,
    command,
    counted,
    cut,
    ending,
    moment,
    next_commands,
    number,
    span,
    table,
    times_that_fit,
    when,
)
from idtrail.item import Item

WORDS: Final = {
    "mass_deactivations": "deactivations",
    "mass_deletions": "deletions",
    "mass_group_deletions": "groups deleted",
    "mass_removals": "removals",
    "orphaned_values": "values left",
    "stale_people": "stale people",
    "twice_groups": "group twice",
}
STEPS: Final = {
    "activate_integration": "activate the integration",
    "activate_person": "activate in the directory",
    "recreate_person": "create in the directory anew",
    "bind_group": "bind the group",
    "add_member": "add to the group",
    "reactivate_account": "take the account back into use",
    "recreate_account": "create the account anew",
    "recreate_group": "create the group anew",
}
SHORT: Final = 8
SHOWN: Final = 15


def show_findings(out: Console, answer: Item, now: datetime) -> None:
    """Print how many there are of each kind, then each finding, the latest first."""
    items, total = answer["items"], answer["total"]
    counts = Counter(WORDS.get(item["kind"], item["kind"]) for item in items)
    told = ", ".join(f"{word} {number(count)}" for word, count in counts.most_common())
    more = f", the latest {number(len(items))} shown (--limit)" if total > len(items) else ""
    out.print(f"{counted(total, 'finding')}{more}{': ' if told else ''}{told}", soft_wrap=True)
    if not items:
        out.print(f"Nothing of the sort from {when(answer['since'])[:10]} until {ending(answer['until'], now)}.")
        return
    out.print()
    rows = table("finding", "what", "app", "people", "since (UTC)", "why", right=("people",))
    times = times_that_fit([when(item["since"], seconds=False) for item in items], out)
    for item, since in zip(items, times, strict=True):
        rows.add_row(
            "  " + item["id"][:SHORT],
            coloured(WORDS.get(item["kind"], item["kind"]), "yellow"),
            cut(_app(item), out.width // 8),
            number(item["people"]),
            since,
            (item["act"]["text"] if item["act"] else "the log does not tell") if item["threshold"] else item["text"],
        )
    out.print(rows)
    out.print(next_commands(_whole(items[0])), soft_wrap=True)


def show_finding(out: Console, item: Item, now: datetime) -> None:
    """Print one finding."""
    begun, ended = moment(item["since"]), moment(item["until"])
    assert begun is not None
    assert ended is not None
    out.print(f"{_app(item)}: {item['text']} ({item['sure']})", soft_wrap=True, markup=False)
    within = f", within {span(ended - begun)}" if ended > begun else ""
    out.print(f"  when        {when(item['since'])} ({ago(item['since'], now)}){within}")
    act = item["act"]
    if act or item["threshold"]:
        out.print(f"  set off by  {act['text'] if act else 'the log does not tell'}", markup=False, soft_wrap=True)
    if act:
        out.print(f"              {when(act['at'])}, event {act['event_id'] or 'not told'}", markup=False)
    if not item["threshold"]:
        who = ", ".join(subject["name"] or subject["subject_id"] for subject in item["subjects"][:SHOWN])
        left = len(item["subjects"]) - SHOWN
        out.print(f"  who         {who}{f' and {number(left)} more (--json)' if left > 0 else ''}", markup=False)
        out.print(f"  {item['next']}", soft_wrap=True, markup=False)
        out.print(next_commands(f"{_whole(item)} --json"), soft_wrap=True)
        return
    usual = "not known yet: the application is new" if item["usual"] is None else number(item["usual"])
    out.print(f"  baseline    {usual}; from {number(item['threshold'])} in an hour on it is a mass change")
    _show_accounts(out, item)
    _show_steps(out, item)
    out.print(f"  {item['next']}", soft_wrap=True, markup=False)
    first = item["accounts"][0] if item["accounts"] else None
    commands = [f"{_whole(item)} --json"]
    if first:
        commands.append(command("idtrail", "lifecycle", first["subject_id"]))
    out.print(next_commands(*commands), soft_wrap=True)


def _show_accounts(out: Console, item: Item) -> None:
    was = Counter(f"{account['was']} before, {account['now']} now" for account in item["accounts"])
    for told, count in was.most_common():
        out.print(f"  {'who' if told == was.most_common(1)[0][0] else '   '}         {number(count)} {told}")


def _show_steps(out: Console, item: Item) -> None:
    steps = item["restore"]
    out.print()
    if not steps:
        out.print("Nothing to restore: nobody who was in one minute before is out now.")
        return
    out.print(f"To restore, in this order ({counted(len(steps), 'step')}):")
    rows = table("", "", "")
    for place, step in enumerate(steps[:SHOWN], 1):
        whom = step["name"] or step["subject_id"]
        if step["do"] == "bind_group":
            whom = f"{step['group'] or step['group_id']} to {whom}"
        elif step["do"] == "add_member":
            whom = f"{whom} to {step['group'] or step['group_id']}"
        rows.add_row(f"  {place}", STEPS[step["do"]], whom)
    out.print(rows)
    if len(steps) > SHOWN:
        out.print(f"  {number(len(steps) - SHOWN)} more (--json)", style="dim")


def _whole(item: Item) -> str:
    """Return the command that shows it in full, with a range that contains it; the user may have asked for another
    one."""
    return command("idtrail", "findings", item["id"][:SHORT], "--since", when(item["since"])[:10])


def _app(item: Item) -> str:
    return str(item["application"] or item["application_id"])

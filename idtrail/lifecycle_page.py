"""The report of a lifecycle: one self-contained HTML page, without scripts or anything from outside.

Pure. Every text that comes from events is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from idtrail.cli.lifecycle_screen import LAST_TRY
from idtrail.cli.screen import ago, counted, later, moment, number, span, when, why, why_still_open
from idtrail.item import Item
from idtrail.lifecycle_lanes import account_name, by_urgency, lanes, standing
from idtrail.lifecycle_picture import moment_of, picture, told
from idtrail.lifecycle_steps import Group, attempt, because, gave_way, grouped, result

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2126; --dim: #59636e; --line: #d5dae0; --paper: #ffffff; --band: #f4f6f8;
  --bad: #b3261e; --good: #1b6e37; --warn: #8a5200; }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e6eaee; --dim: #a3adb8; --line: #39424c;
  --paper: #14181d; --band: #1c2229; --bad: #ff8a80; --good: #7fd49a; --warn: #ffc266; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 24px; color: var(--ink); background: var(--paper);
  font: 15px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 26px; line-height: 1.2; } h2 { margin: 32px 0 8px; font-size: 18px; }
p { margin: 6px 0; } .dim { color: var(--dim); } .answer { margin: 16px 0; font-size: 18px; font-weight: 600; }
.open, .absent { color: var(--warn); font-weight: 600; } .closed { color: var(--good); } .failure { color: var(--bad); }
.wide { overflow-x: auto; } .wide svg { display: block; width: 100%; min-width: 860px; }
table { width: 100%; border-collapse: collapse; font-size: 13.5px; }
th, td { padding: 5px 14px 5px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-weight: 600; white-space: nowrap; } tbody th { color: var(--ink); white-space: normal; }
.time, .whole { white-space: nowrap; font-variant-numeric: tabular-nums; }
.steps td { min-width: 90px; } .steps td.time { min-width: 150px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0; } dt { color: var(--dim); }
dd { margin: 0; }
@media (max-width: 700px) {
  body { padding: 14px; }
  .stacked, .stacked tbody, .stacked tr, .stacked td, .stacked th { display: block; }
  .stacked thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .stacked tr { padding: 6px 0; border-bottom: 1px solid var(--line); }
  .stacked td, .stacked tbody th { padding: 0; border: 0; }
  .stacked td[data-name]::before { content: attr(data-name) ": "; color: var(--dim); }
  .stacked td:empty { display: none; }
  .steps td, .steps td.time { min-width: 0; } .steps td:nth-child(-n+3) { display: inline-block; margin-right: 12px; }
  .steps br { display: none; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 11pt; } * { print-color-adjust: exact; }
  .wide { overflow: visible; } .wide svg { min-width: 0; } table { font-size: 9pt; }
  th, td { overflow-wrap: break-word; padding-right: 8px; } .whole { white-space: normal; }
  tr, svg { break-inside: avoid; } h2 { break-after: avoid; } thead { display: table-header-group; }
}
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def report(
    answer: dict[str, Any],
    filters: Mapping[str, str],
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
) -> str:
    """Return the page: the answer, the picture, the steps, and what it was made from.

    `answer`: all pages of `GET /api/v1/lifecycle?timeline=true` in one. If it has `next`, steps are left out, and the
    page says so. `filters`: how the command asked for it. `since` and `until`: the range, unless it was everything.
    """
    who, others = names(answer["person"])
    as_of = f"As of {moment_of(until)} UTC: " if until and until < now else ""
    if answer["known_at"]:
        as_of += f"As known at {when(answer['known_at'])} UTC ({later(answer['later'])}): "
    drawn = lanes(answer, min(until or now, now), since)
    groups = grouped(answer["items"])
    by_id = {item["event_id"]: item for item in answer["items"]}
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Lifecycle of {told(who)}</title><style>{STYLE}</style></head><body>",
        f"<header><h1>{told(who)}</h1>",
        f'<p class="dim">{told(", ".join(others))}</p>' if others else "",
        f'<p class="dim">{told(answer["person"]["note"])}</p>' if answer["person"]["note"] else "",
        f'<p class="answer">{told(as_of + summary(answer["accounts"], now))}</p></header>',
        "<main>",
        *_accounts(answer["accounts"], now),
        *(
            ("<h2>Over time</h2>", f'<div class="wide" tabindex="0">{picture(drawn, who)}</div>')
            if drawn is not None
            else ()
        ),
        f"<h2>{counted(len(answer['items']), 'event')}</h2>",
        *_steps(groups, by_id),
        "</main>",
        *_made_of(answer, filters, now, len(groups)),
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def names(person: Item) -> tuple[str, list[str]]:
    """Return the person's name, and their other names."""
    known = [name for name in person["names"] if name != person["subject_id"]]
    return (known[0], [*known[1:3], person["subject_id"]]) if known else (person["subject_id"], [])


def summary(accounts: Sequence[Item], now: datetime) -> str:
    """Return which accounts are open that should not be, and the states of the others."""
    found: dict[str, list[Item]] = {}
    ids = {account["subject_id"] for account in accounts}
    for account in accounts:
        found.setdefault(standing(account), []).append(account)
    exposed = found.get("OPEN", [])
    sentences = []
    if exposed:
        named = ", ".join(account_name(account, ids) for account in exposed[:6]) + (", …" if len(exposed) > 6 else "")
        since = min((account["closing_since"] for account in exposed), key=datetime.fromisoformat)
        one = len(exposed) == 1
        sentences.append(
            f"{counted(len(exposed), 'account')} meant to be closed {'is' if one else 'are'} not confirmed"
            f" closed: {named}, since {when(since)} UTC ({ago(since, now)})"
        )
    elif accounts:
        sentences.append("No account that is meant to be closed is known to be open")
    words = {"closed": "closed", "active": "active", "absent?": "reported absent", "unknown": "unknown"}
    counts = [f"{number(len(found[name]))} {word}" for name, word in words.items() if name in found]
    if counts:
        sentences.append(("The others: " if exposed else "") + ", ".join(counts))
    return ". ".join(sentences or ["No account is known"]) + "."


def _accounts(accounts: Sequence[Item], now: datetime) -> Iterator[str]:
    if not accounts:
        return
    ids = {account["subject_id"] for account in accounts}
    yield "<h2>Accounts</h2>"
    yield (
        '<table class="stacked"><thead><tr><th scope="col">application</th><th scope="col">state</th>'
        f'<th scope="col">meant to be</th><th scope="col">confirmed</th><th scope="col">{LAST_TRY}</th></tr></thead>'
        "<tbody>"
    )
    for account in by_urgency(accounts):
        state = standing(account)
        style = {"OPEN": "open", "absent?": "absent", "closed": "closed"}.get(state, "dim")
        yield (
            f'<tr><th scope="row">{told(account_name(account, ids))}{" (test)" if account["test"] else ""}</th>'
            f'<td class="whole {style}">{state}</td>'
            f'<td data-name="meant to be">{_meant(account, now)}</td>'
            f'<td class="whole" data-name="confirmed">{_since(account["confirmed"], account["confirmed_since"])}</td>'
            f'<td data-name="{LAST_TRY}">{_last(account, now)}</td></tr>'
        )
    yield "</tbody></table>"


def _since(state: str, at: str | None) -> str:
    return state.replace("_", " ") + (f" since {when(at)}" if at else "")


def _meant(account: Item, now: datetime) -> str:
    since, decided = moment(account["intended_since"]), account["intended_because"]
    text = _since(account["intended"], account["intended_since"])
    if account["exposed"] and since:
        text += f" ({span(now - since)})"
    if decided:
        text += f": {'cause unknown' if decided['kind'] == 'unknown' else decided['text']}"
    return told(text)


def _last(account: Item, now: datetime) -> str:
    if not account["last_try"]:
        return ""
    tries, said = "", why(account["last_cause"], account["last_detail"])
    if account["exposed"] and account["closing_tries"]:
        tries = f"{counted(account['closing_tries'], 'try', 'tries')} to close, last "
        said = why_still_open(account)
    elif account["exposed"]:
        tries = "nobody tried to close it, last "
    said = said or account["last_outcome"].replace("_", " ")
    return told(f"{tries}{when(account['last_try'])} ({ago(account['last_try'], now)}): {said}")


def _steps(groups: Sequence[Group], by_id: Mapping[str, Item]) -> Iterator[str]:
    yield (
        '<table class="stacked steps"><thead><tr><th scope="col">time (UTC)</th><th scope="col">application</th>'
        '<th scope="col">attempt</th><th scope="col">result</th><th scope="col">because</th></tr></thead><tbody>'
    )
    for group in groups:
        last = group.last
        failed = ' class="failure"' if last["outcome"] == "failure" else ""
        reasons = [because(group.first, by_id), gave_way(last, by_id)]
        yield (
            f'<tr><td class="time">{_time(group)}</td><td>{_applications(group)}</td><td>{_attempt(group)}</td>'
            f'<td{failed}>{told(result(last))}</td><td data-name="because">'
            f"{told('; '.join(reason for reason in reasons if reason) or '-')}</td></tr>"
        )
    yield "</tbody></table>"


def _time(group: Group) -> str:
    if group.first["time_quality"] != "ok":
        return told(f"time {group.first['time_quality'].replace('_', ' ')}")
    first, last = when(group.first["occurred_at"]), when(group.last["occurred_at"])
    return f"{first}<br> to {last}" if group.again else first


def _applications(group: Group) -> str:
    items = group.items[:1] if group.again else group.items
    return told(", ".join(item["application"] or item["application_id"] or "-" for item in items))


def _attempt(group: Group) -> str:
    text = told(attempt(group.first))
    return f"{text}, {number(len(group.items))} times, about every {span(group.every)}" if group.again else text


def _made_of(answer: dict[str, Any], filters: Mapping[str, str], now: datetime, rows: int) -> Iterator[str]:
    person, items = answer["person"], answer["items"]
    facts = {
        "Person": ", ".join(person["subject_ids"]),
        "Organization": person["organization"],
        **{name: value for name, value in filters.items() if value},
        "Events": f"{number(len(items))}, in {counted(rows, 'row')} (sign-ins are in the picture only)",
    }
    if items:
        facts["Last event"] = f"{items[-1]['event_id']}, {when(items[-1]['occurred_at'])} UTC"
    if answer["next"]:
        facts["Left out"] = "later events: there are more than the report takes; narrow the range"
    facts["Made"] = f"{moment_of(now)} UTC by idtrail"
    yield "<footer><h2>What this is made of</h2><dl>"
    for name, value in facts.items():
        yield f"<dt>{told(name)}</dt><dd>{told(value)}</dd>"
    yield "</dl></footer>"

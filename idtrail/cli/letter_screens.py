"""Dead letters in a terminal: lists, and the results of acts on many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.console import Console

from idtrail.cli.screen import ago, counted, cut, next_commands, number
from idtrail.item import Item

SHOWN_RESULTS: Final = 20
"""How many results of each outcome are shown: thousands of lines would push the answer off the screen."""
_WORDS: Final = {
    "still_unreadable": "still unreadable",
    "already_redriven": "already redriven",
    "already_discarded": "already discarded",
    "gone": "gone from the log",
}


def headline(out: Console, counts: Sequence[Item]) -> None:
    """`12 dead letters wait: 9 no_timestamp, 3 not_json · 4 redriven · 1 discarded`."""
    waiting: Counter[str] = Counter()
    for item in counts:
        waiting[item["reason"]] += item["waiting"]
    total = waiting.total()
    reasons = ", ".join(f"{number(count)} {reason}" for reason, count in waiting.most_common() if count)
    told = [
        f"{counted(total, 'dead letter')} {'waits' if total == 1 else 'wait'}" + (f": {reasons}" if reasons else "")
    ]
    for state in ("redriven", "discarded"):
        count = sum(item[state] for item in counts)
        told += [f"{number(count)} {state}"] if count else []
    out.print(" · ".join(told), soft_wrap=True, markup=False)


def show_letters(out: Console, items: Sequence[Item], counts: Sequence[Item], now: datetime) -> None:
    """Print how many wait and why, then each of `items` with its last decision."""
    headline(out, counts)
    for item in items:
        _row(out, f"  {item['letter_id']}  {item['state']}  {ago(item['known_at'], now)}  ", item["source"])
        _row(out, f"    {item['position']}: {item['message']}")
        if item["decision"]:
            _row(out, f"    {decided(item, now)}")
    left = sum(count["letters"] for count in counts) - len(items)
    if left > 0:
        out.print(f"  {number(left)} more (--limit)")
    waiting = [item for item in items if item["state"] == "waiting"]
    if waiting:
        first = waiting[0]
        redrive = f"idtrail dead-letters redrive --reason {first['reason']} --dry-run"
        out.print(next_commands(f"idtrail dead-letters show {first['letter_id']}", redrive), soft_wrap=True)


def show_other_reasons(out: Console, reason: str, counts: Sequence[Item]) -> None:
    """Print the reasons that exist, for a reason that no letter has and that may be misspelt."""
    reasons = ", ".join(sorted({item["reason"] for item in counts}))
    out.print(f"  none was ever dead-lettered for {reason!r}" + (f"; there are {reasons}" if reasons else ""))


def show_results(out: Console, results: Sequence[Item], *, dry_run: bool, done: tuple[str, str]) -> None:
    """Print how many letters had which result, then the first ones of each."""
    words = {**_WORDS, done[0]: done[1] if dry_run else done[0]}
    counts = Counter(words[item["outcome"]] for item in results)
    told = ", ".join(f"{number(counts[word])} {word}" for word in (words[done[0]], *_WORDS.values()) if counts[word])
    out.print(counted(len(results), "dead letter") + (f": {told}" if told else ""), soft_wrap=True, markup=False)
    shown: Counter[str] = Counter()
    for item in results:
        word = words[item["outcome"]]
        shown[word] += 1
        if shown[word] > SHOWN_RESULTS:
            continue
        _row(out, f"  {item['letter_id']}  {word}  ", item["source"])
        why = f"{item['reason']}: {item['message']}" if item["reason"] else item["message"]
        _row(out, f"    {item['position']}: {why or 'event ' + str(item['event_id'])}")
    for word, count in counts.items():
        if count > SHOWN_RESULTS:
            out.print(f"  {number(count - SHOWN_RESULTS)} more {word} (--json tells each)")
    if dry_run and counts[done[1]]:
        out.print(next_commands("the same without --dry-run"), soft_wrap=True)
    elif counts["redriven"]:
        event = next(item["event_id"] for item in results if item["outcome"] == "redriven")
        out.print(next_commands(f"idtrail events {event}"), soft_wrap=True)
    elif results:
        out.print(next_commands("idtrail dead-letters list --state waiting"), soft_wrap=True)


def decided(item: Item, now: datetime) -> str:
    """Return the decision as `discarded 3 min ago by local: test data`."""
    at = f"{ago(item['decided_at'], now)} by {item['decided_by']}"
    if item["decision"] == "redriven":
        return f"redriven {at}: event {item['event_id']}"
    if item["decision"] == "discarded":
        return f"discarded {at}: {item['decision_message']}"
    times = f" ({item['attempts']} times so far)" if item["attempts"] > 1 else ""
    return f"tried again {at}{times}: {item['decision_reason']}: {item['decision_message']}"


def _row(out: Console, text: str, source: str = "") -> None:
    """Print one line. A source that is too long keeps its end, since names of exports differ in the time at their
    end."""
    left = max(8, out.width - len(text))
    if not out.is_terminal:
        text += source
    else:
        text = cut(text + (source if len(source) <= left else "…" + source[1 - left :]), out.width)
    out.print(text, soft_wrap=True, markup=False)

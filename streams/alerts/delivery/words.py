"""What a message says: a text for people, JSON for programs. Pure."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from hashlib import blake2b
from typing import Final

import orjson

from schemas.alerts import Severity, dumped
from streams.alerts.delivery.plan import Item, Message

MOST_SHOWN: Final = 20
"""Occasions that one text tells of; it counts them all."""
MOST_LETTERS: Final = 300

_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_CALLS: Final = re.compile(r"@(?=(?:here|channel|everyone|all|room)\b)|(?<![^\W_])@(?=\S)", re.IGNORECASE)
"""Anywhere, or what begins a word: an address holds others."""
_LEADS: Final = re.compile(r"\](?=[(\[])|:(?=//)")


def title_of(message: Message) -> str:
    """Of the text for people, in one line."""
    items = message.items
    if len(items) == 1:
        return _line(items[0])
    urgent = max((item.alert.severity for item in items), key=_RANK.index)
    return f"{len(items)} alerts, the most urgent {urgent}"


def text_of(message: Message, api_url: str = "", *, room: int = sys.maxsize) -> str:
    """For people: the most urgent first, and of what has no room in so many letters how much it is."""
    shown = sorted(message.items, key=lambda item: (-_RANK.index(item.alert.severity), item.occasion.begin))
    blocks = [_block(item, api_url) for item in shown[:MOST_SHOWN]]
    last = [f"organization {foreign(shown[0].alert.organization)}"]
    if message.full_until is not None:
        last.append(
            f"This was the last message that this destination takes within an hour: what else comes before "
            f"{_clock(message.full_until)} is told then, in one message."
        )
    while True:
        more = len(shown) - len(blocks)
        text = "\n\n".join(blocks + [f"... and {more} more: idtrail alerts list"] * (more > 0) + last)
        if len(text) <= room or len(blocks) == 1:
            return text
        blocks.pop()


def urgency_of(message: Message) -> Severity | None:
    """Of what it tells that goes on, the most urgent; None if all of it is over."""
    going_on = [item.alert.severity for item in message.items if item.occasion.kind != "ended"]
    return max(going_on, key=_RANK.index, default=None)


def body_of(destination: str, item: Item, now: datetime, api_url: str = "") -> bytes:
    """For programs: one occasion."""
    alert = dumped(item.alert)
    del alert["record"], alert["destinations"], alert["staging"]
    return orjson.dumps(
        {
            "type": f"alert.{item.occasion.kind}",
            "timestamp": now,
            "data": {
                "destination": destination,
                "occasion": item.occasion.name,
                "link": link_of(item, api_url) or None,
                **alert,
            },
        }
    )


def link_of(item: Item, api_url: str) -> str:
    """Where the alert is, as it stands when somebody looks; empty where nobody said where the API is."""
    return f"{api_url.rstrip('/')}/api/v1/alerts/{item.alert.alert_id}" if api_url else ""


def message_id(destination: str, item: Item) -> str:
    """Of what a program is told: the same however often it is told it."""
    told = f"{destination}\n{item.alert.organization}\n{item.alert.alert_id}\n{item.occasion.name}"
    return f"msg_{blake2b(told.encode(), digest_size=16).hexdigest()}"


def incident_of(item: Item) -> str:
    """The key of the incident that an opening of an alert is, and that its end ends: no other has it."""
    opening = item.occasion.name.partition(" ")[2]
    told = f"{item.alert.organization}\n{item.alert.alert_id}\n{opening}"
    return blake2b(told.encode(), digest_size=16).hexdigest()


def foreign(text: str) -> str:
    """What others have written, so that it leads nobody anywhere either: names are anybody's to choose."""
    return _LEADS.sub(r"\g<0> ", plain(text))


def plain(text: str) -> str:
    """In one line, not too long, so that it neither calls people nor hides anything."""
    shown = _CALLS.sub("@ ", _UNSEEN.sub(" ", text).replace("<", "(").replace(">", ")"))
    return shown if len(shown) <= MOST_LETTERS else shown[: MOST_LETTERS - 1] + "…"


_RANK: Final = list(Severity)


def _line(item: Item) -> str:
    what = {"opened": "", "reopened": "open again: ", "ended": "over: "}[item.occasion.kind]
    return f"{item.alert.severity.upper()} {what}{foreign(item.alert.title)}"


def _block(item: Item, api_url: str) -> str:
    alert = item.alert
    ended = item.occasion.kind == "ended"
    when = alert.ended_at if ended and alert.ended_at is not None else alert.since
    facts = [f"{'ended' if ended else 'since'} {_clock(when)}"]
    if alert.events:
        facts.append(_counted(alert.events, "event"))
    if alert.people:
        facts.append(f"people or groups: {alert.people}")
    if alert.cause:
        facts.append(f"cause {plain(alert.cause)}")
    lines = [_line(item), " · ".join(facts)]
    if not ended:
        lines += [plain(alert.description), plain(alert.remedy)]
    lines += [f"idtrail alerts show {alert.alert_id[:8]}", link_of(item, api_url)]
    return "\n".join(line for line in lines if line)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")

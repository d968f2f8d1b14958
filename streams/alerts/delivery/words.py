"""The content of messages: a text for people, JSON for programs. Pure."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from hashlib import blake2b
from typing import Final

import orjson

from schemas.alerts import MAX_COUNTED, Severity, dumped
from streams.alerts.delivery.plan import Item, Message

MOST_SHOWN: Final = 20
"""The most occasions that one text lists; it counts them all."""
MOST_LETTERS: Final = 300

_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_CALLS: Final = re.compile(r"@(?=(?:here|channel|everyone|all|room)\b)|(?<![^\W_])@(?=\S)", re.IGNORECASE)
"""An @ before a word for everybody, anywhere, or an @ that begins a word; addresses hold others."""
_LEADS: Final = re.compile(r"\](?=[(\[])|:(?=//)")


def title_of(message: Message) -> str:
    """Return the title of the text for people, in one line."""
    items = message.items
    if len(items) == 1:
        return _line(items[0])
    urgent = max((item.alert.severity for item in items), key=_RANK.index)
    return f"{len(items)} alerts, the most urgent {urgent}"


def text_of(message: Message, api_url: str = "", *, room: int = sys.maxsize) -> str:
    """Return the text for people, most urgent first, within `room` characters; what does not fit is counted."""
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
    """Return the highest severity among the occasions that go on; None if all are over."""
    going_on = [item.alert.severity for item in message.items if item.occasion.kind != "ended"]
    return max(going_on, key=_RANK.index, default=None)


def body_of(destination: str, item: Item, now: datetime, api_url: str = "") -> bytes:
    """Return the JSON body for programs, about one occasion."""
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
    """Return the link to the alert as it stands when followed; empty where the API's URL is not configured."""
    return f"{api_url.rstrip('/')}/api/v1/alerts/{item.alert.alert_id}" if api_url else ""


def message_id(destination: str, item: Item) -> str:
    """Return the id of a message to a program: the same however often it is sent."""
    told = f"{destination}\n{item.alert.organization}\n{item.alert.alert_id}\n{item.occasion.name}"
    return f"msg_{blake2b(told.encode(), digest_size=16).hexdigest()}"


def incident_of(item: Item) -> str:
    """Return the key of the incident that an opening of an alert makes and that its end closes; it is unique to
    them."""
    opening = item.occasion.name.partition(" ")[2]
    told = f"{item.alert.organization}\n{item.alert.alert_id}\n{opening}"
    return blake2b(told.encode(), digest_size=16).hexdigest()


def foreign(text: str) -> str:
    """Makes text from outside safe to show: it forms no links, because anybody can choose names."""
    return _LEADS.sub(r"\g<0> ", plain(text))


def plain(text: str) -> str:
    """Return the text as one line of bounded length that mentions nobody and hides nothing."""
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
        least = "at least " * (alert.people >= MAX_COUNTED)
        facts.append(f"people or groups: {least}{alert.people:,}")
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

"""The words for the steps of a lifecycle from the API, and which of them are shown as one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from idtrail.cli.screen import when, why
from idtrail.item import Item
from queries.accounts.because import act_on_person
from schemas.action import Action

SIGN_INS: Final = frozenset({"sso_auth", "user_login_attempt"})
"""Not steps of a lifecycle: they change no account."""
AT_ONCE: Final = timedelta(minutes=2)
"""The same act on several applications within this time is shown as one."""
CAUSE_UNKNOWN: Final = "cause unknown"

_EVENTS: Final = {"user_update": "changed", "systemuser_update": "changed", "group_update": "changed"}
VERBS: Final[dict[str, str]] = {Action.DEPROVISION: "deactivate"}
"""Actions that people call otherwise than the log does."""
_DONE: Final[dict[str, str]] = {Action.CREATE: "created", Action.DEPROVISION: "confirmed", Action.DELETE: "deleted"}
_ONE_ANSWER: Final = ("event_type", "outcome", "cause", "http_status")
_ONE_THING: Final = (*_ONE_ANSWER, "detail", "changed", "kind", "group", "action", "time_quality")


class Group(NamedTuple):
    """Steps that are shown as one: repeated in one application, or in several applications at once."""

    items: list[Item]

    @property
    def first(self) -> Item:
        """The earliest step."""
        return self.items[0]

    @property
    def last(self) -> Item:
        """The latest step."""
        return self.items[-1]

    @property
    def again(self) -> bool:
        """Whether they are retries of one attempt in one application."""
        return len(self.items) > 1 and self.first["application_id"] == self.last["application_id"]

    @property
    def every(self) -> timedelta:
        """The average time from one step to the next."""
        return (at(self.last) - at(self.first)) / max(len(self.items) - 1, 1)


def at(item: Item) -> datetime:
    """Return when the item occurred."""
    return datetime.fromisoformat(item["occurred_at"])


def grouped(items: Iterable[Item]) -> list[Group]:
    """Return the steps, without sign-ins, in groups. Retries are ordered by their last step, the others by their first.

    Retries of one attempt with the same answer are one group, whatever came between. So is the same act on several
    applications at once for the same reason.
    """
    acts: dict[tuple[Any, ...], list[Item]] = {}
    runs: dict[tuple[Any, ...], list[Item]] = {}
    found: list[list[Item]] = []
    for item in items:
        if item["event_type"] in SIGN_INS:
            continue
        if item["retry_of"]:
            key = (item["retry_of"], item["application_id"], *(item[name] for name in _ONE_ANSWER))
            run = runs.setdefault(key, [])
            if run:
                run.append(item)
                continue
            run.append(item)
            found.append(run)
            continue
        thing = (*(str(item[name]) for name in _ONE_THING), _set_off(item))
        if item["application_id"] and _at_once(acts.get(thing, []), item):
            acts[thing].append(item)
        else:
            acts[thing] = [item]
            found.append(acts[thing])
    return sorted(map(Group, found), key=lambda group: at(group.last if group.again else group.first))


def _at_once(group: Sequence[Item], item: Item) -> bool:
    return (
        bool(group)
        and at(item) - at(group[0]) <= AT_ONCE
        and item["application_id"] not in {other["application_id"] for other in group}
    )


def _set_off(item: Item) -> tuple[str, Any] | None:
    because = item["because"]
    return (because["kind"], because["event_id"]) if because else None


def attempt(item: Item) -> str:
    """Return what was done or tried."""
    if item["group"]:
        return f"{'added to' if item['action'] == 'add' else 'removed from'} {item['group']}"
    if act := act_on_person(item) if item["kind"] == "other" else "":
        return act
    verb = VERBS.get(item["action"], item["action"]) or _EVENTS.get(item["event_type"], item["event_type"]) or "event"
    changed = [short(name) for name in item["changed"] if item["action"] == "update" or item["kind"] == "other"]
    return f"{verb} {', '.join(changed)}" if changed else verb


def short(attribute: str) -> str:
    """Shorten an attribute for people: `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User` is `enterprise`."""
    match = re.match(r"urn:ietf:params:scim:schemas:extension:(\w+):", attribute)
    return match[1] if match else attribute


def result(item: Item) -> str:
    """Return the result of the step."""
    status = str(item["http_status"]) if item["http_status"] else ""
    if item["outcome"] == "success":
        if item["kind"] == "other":
            states = (name.partition(": ")[2] for name in item["changed"] if act_on_person(item))
            return next(filter(None, states), "ok")
        words = _DONE.get(item["action"], "ok")
        return f"{status} {words}".strip()
    if item["outcome"] == "reported_absent":
        return f"{status} reported absent".strip()
    return f"{status} {why(item['cause'], item['detail'], item['attribute']) or item['outcome']}".strip()


def because(item: Item, by_id: Mapping[str, Item]) -> str:
    """Return what set the step off; for the directory's own acts, who did them.

    `by_id`: the person's steps. Causes and retried attempts among them are referred to by their time.
    """
    told = item["because"]
    if not told:
        return str(item["actor"]) if item["kind"] == "other" else ""
    if told["kind"] == "unknown":
        return CAUSE_UNKNOWN
    other = by_id.get(told["event_id"] or "")
    if other is None:
        return str(told["text"])
    if told["kind"] == "retry":
        return f"retry of {clock(other, item)}"
    if told["kind"] == "superseded":
        return str(told["text"])
    return f"{str(told['text']).removesuffix(' by ' + other['actor'])} {clock(other, item)}"


def gave_way(item: Item, by_id: Mapping[str, Item]) -> str:
    """Return what superseded an attempt that was not retried."""
    if not item["superseded_by"]:
        return ""
    other = by_id.get(item["superseded_by"])
    return f"superseded by {attempt(other)} {clock(other, item)}" if other else "superseded"


def clock(other: Item, item: Item) -> str:
    """Return the other's time as `17:00:02`, with the day if it is not the item's own."""
    told, own = when(other["occurred_at"]), when(item["occurred_at"])
    if told[:10] == own[:10]:
        return told[11:]
    return told[5:] if told[:4] == own[:4] else told

"""A lifecycle over time: a lane per application with the account's intended and confirmed states and the attempts.

Pure: made from the API's answer with the timeline of states.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from idtrail.item import Item
from idtrail.lifecycle_steps import SIGN_INS, at, attempt
from queries.accounts.account import ACTIVE, UNKNOWN
from queries.accounts.because import act_on_person

SHORTEST: Final = timedelta(minutes=1)
"""The shortest span of time that is drawn."""


class Stretch(NamedTuple):
    """A time in which neither state changed."""

    since: datetime
    until: datetime
    intended: str
    confirmed: str

    @property
    def differs(self) -> bool:
        """Whether the account existed without being wanted, or was wanted without existing."""
        if UNKNOWN in (self.intended, self.confirmed):
            return False
        return (self.intended == ACTIVE) != (self.confirmed == ACTIVE)


class Mark(NamedTuple):
    """Something that happened."""

    at: datetime
    outcome: str
    """success, failure, reported_absent or unknown; for a sign-in: sign_in."""
    what: str
    act: str = ""
    """For an act of the directory: suspended, activated or deleted."""


class Lane(NamedTuple):
    """One application."""

    application: str
    standing: str
    """OPEN, closed, absent?, active or unknown."""
    stretches: list[Stretch]
    marks: list[Mark]


class Lanes(NamedTuple):
    """All lanes between two times, and what happened in the directory."""

    since: datetime
    until: datetime
    directory: list[Mark]
    lanes: list[Lane]


def standing(account: Item) -> str:
    """Return the account's state in a word. Capitals mean that it should be closed and is not confirmed closed."""
    if account["exposed"]:
        return "OPEN"
    return {"open": "active", "closed": "closed", "reported_absent": "absent?"}.get(account["state"], "unknown")


def account_name(account: Item, ids: Collection[str]) -> str:
    """Return the application, and for a person with several ids also the id."""
    name = str(account["application"] or account["application_id"])
    return f"{name} ({account['subject_id'][-6:]})" if len(ids) > 1 else name


def by_urgency(accounts: Iterable[Item]) -> list[Item]:
    """Return the accounts, those first that are open and should not be."""
    return sorted(accounts, key=lambda account: not account["exposed"])


def lanes(answer: dict[str, Any], until: datetime, since: datetime | None = None) -> Lanes | None:
    """Return the lanes up to `until`, from `since` or the first event on; None if nothing has a believable time."""
    dated = [item for item in answer["items"] if item["time_quality"] == "ok" and at(item) <= until]
    if not dated:
        return None
    since = min(since or at(dated[0]), until - SHORTEST)
    own: dict[tuple[str, str], list[Mark]] = {}
    ids = {account["subject_id"] for account in answer["accounts"]}
    directory: list[Mark] = []
    for item in dated:
        if item["application_id"]:
            own.setdefault((item["application_id"], item["subject_id"]), []).append(_mark(item))
        elif item["event_type"] not in SIGN_INS:
            directory.append(_mark(item))
    return Lanes(
        since,
        until,
        directory,
        [
            Lane(
                account_name(account, ids),
                standing(account),
                stretches(account, since, until),
                own.get((account["application_id"], account["subject_id"]), []),
            )
            for account in by_urgency(answer["accounts"])
        ],
    )


def _mark(item: Item) -> Mark:
    if item["event_type"] in SIGN_INS:
        return Mark(at(item), "sign_in", "signed in" if item["outcome"] != "failure" else "failed to sign in")
    return Mark(at(item), item["outcome"], attempt(item), act_on_person(item) if item["kind"] == "other" else "")


def stretches(account: Item, since: datetime, until: datetime) -> list[Stretch]:
    """Return the account's intended and confirmed states from `since` to `until`, without gaps."""
    states = {"intended": account["initial"], "confirmed": account["initial"]}
    begun, found = since, list[Stretch]()
    for change in sorted(account["changes"], key=lambda change: datetime.fromisoformat(change["at"])):
        happened = datetime.fromisoformat(change["at"])
        if happened >= until:
            break
        if happened > begun:
            _append(found, Stretch(begun, happened, **states))
            begun = happened
        states[change["view"]] = change["state"]
    _append(found, Stretch(begun, until, **states))
    return found


def _append(found: list[Stretch], stretch: Stretch) -> None:
    if found and found[-1][2:] == stretch[2:]:
        found[-1] = found[-1]._replace(until=stretch.until)
    else:
        found.append(stretch)


def heaped(marks: Sequence[Mark], width: timedelta) -> list[list[Mark]]:
    """Group marks of the same kind that would overlap, within `width` of the first."""
    heaps: dict[tuple[str, str], list[list[Mark]]] = {}
    for mark in marks:
        own = heaps.setdefault((mark.outcome, mark.act), [])
        if own and mark.at - own[-1][0].at < width:
            own[-1].append(mark)
        else:
            own.append([mark])
    return sorted((heap for own in heaps.values() for heap in own), key=lambda heap: heap[0].at)

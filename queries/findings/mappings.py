"""Finds what changes of attribute mappings leave behind: values that nothing manages any more, and people not pushed
since.

Pure. Rows may come in any order and repeat.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from queries.accounts.account import ACTIVE, DELETED, INACTIVE, SHOWS_IT_OPEN, UNKNOWN, Because
from queries.accounts.folding import Row, in_force
from queries.findings.finding import CERTAIN, LIKELY, Act, App, Finding, Kind
from schemas.action import CLOSINGS, PUSHES
from schemas.attribute import spelling
from schemas.events import Event
from schemas.outcome import Outcome
from schemas.parts import Change
from schemas.sent import fields_for, sent
from schemas.times import TimeQuality

_NAMED: Final = ("attribute", "mapping")
"""A field of an integration's `changes` is about mappings if its name contains one of these."""
_KEYS: Final = ("name", "target", "attribute")
"""The keys under which a mapping that is an object may hold the attribute's name."""
_SANITISED_URN: Final = re.compile(r"urn_ietf_params_scim_schemas_\w+?_2_0_[A-Za-z]+_")


class Remap(NamedTuple):
    """An accepted change of an application's mappings."""

    event_id: UUID
    at: datetime
    event_type: str
    actor: str
    removed: frozenset[str]
    """Attributes whose mapping was removed, in RFC 7643's spelling."""
    altered: frozenset[str]
    """Attributes with a new or different mapping."""


def remapped(changes: Iterable[Change]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the attributes whose mapping was removed, and those with a new or different one, from an event's
    `changes`.

    Nothing after is no mapping at all, and so is null before: exports write an empty list as null. Without a value
    before, the change does not say what there was.
    """
    removed: set[str] = set()
    altered: set[str] = set()
    for change in changes:
        if not any(part in (change.field or "").lower() for part in _NAMED):
            continue
        if "from_" not in change.model_fields_set:
            continue
        before, after = _mappings(change.from_), _mappings(change.to)
        if before is None or after is None:
            continue  # both are needed to know what was removed
        removed |= before.keys() - after.keys()
        altered |= {name for name, how in after.items() if name not in before or before[name] != how}
    return frozenset(removed), frozenset(altered)


def _mappings(told: Any) -> dict[str, Any] | None:
    """Return the mappings by attribute; None if the value is not a list of mappings."""
    if told is None:
        return {}
    if isinstance(told, dict):
        return {own: how for name, how in told.items() if (own := _own(str(name)))}
    if not isinstance(told, list):
        return None
    found = {}
    for one in told:
        named = next((one[key] for key in _KEYS if isinstance(one.get(key), str)), "") if isinstance(one, dict) else one
        if isinstance(named, str) and (own := spelling(named)):
            found[own] = one
    return found


def _own(key: str) -> str:
    """Return the attribute that a key names, also in the export whose keys are sanitised: `name_familyName`."""
    dotted = _SANITISED_URN.sub("", key).replace("_", ".")
    return spelling(key, known=True) or spelling(dotted, known=True) or spelling(key)


class Left(NamedTuple):
    """An attribute of a person with an open account that was accepted before its mapping was removed, and not since."""

    remap: Remap
    attribute: str
    subject_id: str
    event_id: UUID
    """The last accepted push with the attribute."""
    at: datetime


def left_behind(remaps: Sequence[Remap], rows: Iterable[Row]) -> list[Left]:
    """Return the attributes left behind. A mapping that came back leaves nothing. `rows`: the users' attempts on the
    application."""
    open_accounts, accepted = _accepted(rows)
    found = []
    for remap in remaps:
        back = {name for later in remaps if later.at > remap.at for name in later.altered}
        for attribute in sorted(remap.removed - back):
            fields = fields_for(attribute)
            for subject in open_accounts:
                last = next((row for row in reversed(accepted[subject]) if _sets(row, fields)), None)
                if last is not None and last["occurred_at"] < remap.at:
                    found.append(Left(remap, attribute, subject, last["event_id"], last["occurred_at"]))
    return found


def empties(event: Event, attribute: str) -> bool:
    """Whether the event took the attribute's value away. A change with neither value, before or after, does not say."""
    told = [change for change in event.changes or () if change.model_fields_set & {"from_", "to"}]
    value = sent(event.model_copy(update={"changes": told}), attribute)
    return value.present and value.value in (None, "", [], {})


def orphaned_values(app: App, left: Iterable[Left]) -> list[Finding]:
    """Return a finding for each removal of mappings. `left`: the attributes left behind whose last push did not empty
    them."""
    by_remap: dict[Remap, list[Left]] = defaultdict(list)
    for one in left:
        by_remap[one.remap].append(one)
    found = []
    for remap, those in by_remap.items():
        people: dict[str, UUID] = {}
        for one in those:
            people.setdefault(one.subject_id, one.event_id)
        names = sorted({one.attribute for one in those})
        exact = all("." not in name for name in names)
        what = f"{', '.join(names)} no longer mapped; the value stays at the provider for {_people(people)}"
        found.append(_finding(Kind.ORPHANED_VALUES, app, remap, people, what, exact, names))
    return found


def stale_people(app: App, remaps: Sequence[Remap], rows: Iterable[Row]) -> list[Finding]:
    """Return people with an open account and no successful push since a mapping became new or different.

    The finding of each person is about the first such change since the last push. `rows`: as for `left_behind`, at
    least everybody's last attempts.
    """
    open_accounts, accepted = _accepted(rows)
    changes = sorted((remap for remap in remaps if remap.altered), key=lambda one: (one.at, one.event_id.int))
    stale: dict[Remap, dict[str, UUID]] = defaultdict(dict)
    for subject in open_accounts:
        last = accepted[subject][-1]
        for remap in changes:
            if remap.at > last["occurred_at"]:
                stale[remap][subject] = last["event_id"]
                break
    found = []
    for remap, people in stale.items():
        names = remap.altered
        what = f"mapping of {', '.join(sorted(names))} changed; {_people(people)} not pushed since"
        found.append(_finding(Kind.STALE_PEOPLE, app, remap, people, what, True, names))
    return found


def _accepted(rows: Iterable[Row]) -> tuple[list[str], dict[str, list[Row]]]:
    """Return who has an open account by the last accepted attempt, and everybody's accepted pushes in order since their
    account was last made."""
    pushes: dict[str, list[Row]] = defaultdict(list)
    confirmed: dict[str, str] = {}
    for row in in_force(rows):
        if row["time_quality"] != TimeQuality.OK or row["kind"] != "user":
            continue
        if row["action"] in CLOSINGS and row["outcome"] in (Outcome.SUCCESS, Outcome.REPORTED_ABSENT):
            gone = row["action"] == "delete" or row["outcome"] == Outcome.REPORTED_ABSENT
            confirmed[row["subject_id"]] = DELETED if gone else INACTIVE
            if gone:
                pushes[row["subject_id"]] = []  # the account's values went with it
        elif row["action"] in PUSHES and row["outcome"] == Outcome.SUCCESS:
            if row["action"] == "create":
                pushes[row["subject_id"]] = []
            pushes[row["subject_id"]].append(row)
            state = ACTIVE if row["action"] == "create" else row["account_state"]
            if state or confirmed.get(row["subject_id"], UNKNOWN) in SHOWS_IT_OPEN:
                confirmed[row["subject_id"]] = state or ACTIVE
    return sorted(subject for subject, state in confirmed.items() if state == ACTIVE and pushes[subject]), pushes


def _sets(row: Row, fields: Sequence[str]) -> bool:
    return any(name.lower() in fields for name in row["changed"])


def _people(people: dict[str, UUID]) -> str:
    return "1 person" if len(people) == 1 else f"{len(people)} people"


def _finding(
    kind: Kind, app: App, remap: Remap, people: dict[str, UUID], text: str, exact: bool, names: Iterable[str]
) -> Finding:
    by = f" by {remap.actor}" if remap.actor else ""
    because = Because("integration", remap.event_id, f"mappings changed{by}")
    return Finding(
        kind, app, remap.at, remap.at, CERTAIN if exact else LIKELY, text, tuple(people),
        (remap.event_id, *dict.fromkeys(people.values())), len(people),
        act=Act(because, remap.event_type, remap.at, remap.actor),
        attributes=tuple(sorted(names)),
    )  # fmt: skip


def remaps_of(events: Iterable[tuple[Row, Iterable[Change]]]) -> Iterator[Remap]:
    """Yield the mapping changes among accepted changes of the integration, each given with its `changes`."""
    for row, changes in events:
        removed, altered = remapped(changes)
        if removed or altered:
            yield Remap(row["event_id"], row["occurred_at"], row["event_type"], row["actor_name"], removed, altered)

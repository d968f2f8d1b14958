"""Decides which ids belong to one person, with the evidence. Pure.

Ids are linked by evidence that names its events, or by hand. A similar name is a hint and never a link.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations
from typing import Final, NamedTuple
from uuid import UUID

from queries.people.aliases import CALLED, MAX_HOLDERS, Alias, Known, Life
from schemas.identifiers import IdentifierKind
from schemas.identity import IdentityDecision
from schemas.times import LATEST

_PROOF: Final = (IdentifierKind.EMPLOYEE, IdentifierKind.EXTERNAL)


class Strength(StrEnum):
    """How sure a link is."""

    BY_HAND = "by_hand"
    STRONG = "strong"
    LIKELY = "likely"


class Evidence(NamedTuple):
    """What two ids have in common, and the events that show it."""

    kind: str
    """employee, external, email, name, full_name; account: the account at the provider that both had."""
    value: str
    first_event: UUID
    second_event: UUID


class Link(NamedTuple):
    """Two ids of one person."""

    first: str
    second: str
    strength: Strength
    evidence: list[Evidence]
    decision: IdentityDecision | None


class Hint(NamedTuple):
    """Another id that may be worth a look, and why it is not linked."""

    first: str
    second: str
    why: str
    evidence: list[Evidence]
    decision: IdentityDecision | None


@dataclass(frozen=True, slots=True)
class Identity:
    """One person."""

    subject_ids: tuple[str, ...]
    """The person's ids, the earliest first."""
    links: list[Link] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)


def identify(known: Known, subject_id: str) -> Identity:
    """Return the person that an id belongs to."""
    found = _Findings(known)
    persons = _Persons(known.lives)
    apart = found.decide(persons)
    links = list(apart.links)
    hints: list[Hint] = []
    for link in sorted(found.links, key=lambda link: (link.strength != Strength.STRONG, link.first, link.second)):
        parting = persons.parting(link.first, link.second)
        if parting is not None:
            hints.append(Hint(link.first, link.second, "told apart by hand", link.evidence, parting))
        elif not any(frozenset((link.first, link.second)) == other.decision.pair for other in links if other.decision):
            persons.join(link.first, link.second)
            links.append(link)
    own = persons.of(subject_id)
    ordered = sorted(
        own, key=lambda each: (known.lives[each].first_seen, each) if each in known.lives else (LATEST, each)
    )
    shown = [hint for hint in [*apart.hints, *hints, *found.hints] if (hint.first in own) != (hint.second in own)]
    once = {frozenset((hint.first, hint.second)): hint for hint in reversed(shown)}
    return Identity(
        tuple(ordered),
        [link for link in links if link.first in own],
        sorted(once.values(), key=lambda hint: (hint.first, hint.second)),
    )


class _Apart(NamedTuple):
    links: list[Link]
    hints: list[Hint]


class _Persons:
    """Groups of ids that belong together, and pairs that must stay apart."""

    def __init__(self, ids: Iterable[str]) -> None:
        self._of = {each: {each} for each in ids}
        self._apart: dict[frozenset[str], IdentityDecision] = {}

    def of(self, subject_id: str) -> set[str]:
        return self._of.setdefault(subject_id, {subject_id})

    def part(self, decision: IdentityDecision) -> None:
        self._apart[decision.pair] = decision

    def parting(self, first: str, second: str) -> IdentityDecision | None:
        """Return the decision that keeps two ids apart, or any ids joined with them."""
        left, right = self.of(first), self.of(second)
        if left is right:
            return None
        return next((self._apart[pair] for one in left for other in right
                     if (pair := frozenset((one, other))) in self._apart), None)  # fmt: skip

    def join(self, first: str, second: str) -> None:
        left, right = self.of(first), self.of(second)
        if left is not right:
            left |= right
            for each in right:
                self._of[each] = left


class _Findings:
    """The evidence that two ids are one person, pair by pair."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self.links: list[Link] = []
        self.hints: list[Hint] = []
        self._by_id: dict[str, list[Alias]] = {}
        self._holders: dict[tuple[str, str], set[str]] = {}
        for alias in known.aliases:
            self._by_id.setdefault(alias.subject_id, []).append(alias)
            self._holders.setdefault((alias.kind, alias.value), set()).add(alias.subject_id)
        people = [life for life in known.lives.values() if life.person]
        people.sort(key=lambda life: (life.first_seen, life.subject_id))
        for first, second in combinations(people, 2):
            self._compare(first, second)

    def decide(self, persons: _Persons) -> _Apart:
        """Apply the decisions made by hand, the latest first: a later one wins."""
        done = _Apart([], [])
        seen: set[frozenset[str]] = set()
        for decision in sorted(self.known.decisions, key=lambda one: (one.at, one.event_id.int), reverse=True):
            if decision.pair in seen or len(decision.pair) != 2:
                continue
            seen.add(decision.pair)
            evidence = self._evidence(decision.first, decision.second)
            if not decision.linked:
                if persons.of(decision.first) is not persons.of(decision.second):
                    persons.part(decision)
                    done.hints.append(Hint(decision.first, decision.second, "told apart by hand", evidence, decision))
            elif persons.parting(decision.first, decision.second) is None:
                persons.join(decision.first, decision.second)
                done.links.append(Link(decision.first, decision.second, Strength.BY_HAND, evidence, decision))
        return done

    def _compare(self, first: Life, second: Life) -> None:
        evidence = self._evidence(first.subject_id, second.subject_id)
        if not evidence:
            return
        kinds = {each.kind for each in evidence}
        ids = first.subject_id, second.subject_id
        if kinds & set(_PROOF):
            self.links.append(Link(*ids, Strength.STRONG, evidence, None))
            return
        why = self._against(first, second, kinds)
        if why:
            self.hints.append(Hint(*ids, why, evidence, None))
        else:
            sure = "email" in kinds and kinds & {"account", "full_name"}
            self.links.append(Link(*ids, Strength.STRONG if sure else Strength.LIKELY, evidence, None))

    def _evidence(self, first: str, second: str) -> list[Evidence]:
        """Return what the two ids have in common, the strongest kind first."""
        mine = {(alias.kind, alias.value): alias for alias in reversed(self._by_id.get(first, []))}
        theirs = {(alias.kind, alias.value): alias for alias in reversed(self._by_id.get(second, []))}
        found = []
        for kind in (*_PROOF, *CALLED, IdentifierKind.FULL_NAME):
            shared = sorted(key for key in mine.keys() & theirs.keys() if key[0] == kind)
            for key in shared:
                if kind is IdentifierKind.FULL_NAME or self._exclusive(key):
                    found.append(Evidence(kind.value, key[1], mine[key].last_event, theirs[key].first_event))
        # An external id may be the other id itself.
        for told, other in ((theirs, first), (mine, second)):
            alias = told.get((IdentifierKind.EXTERNAL, other))
            if alias is not None:
                found.insert(0, Evidence("external", other, alias.first_event, alias.first_event))
        if any(each.kind in ("email", "name") for each in found):
            found += self._taken_over(first, second)
        return found

    def _exclusive(self, key: tuple[str, str]) -> bool:
        return key not in self.known.crowded and len(self._holders[key]) <= MAX_HOLDERS

    def _taken_over(self, first: str, second: str) -> Iterator[Evidence]:
        """Yield accounts of the first id that were refused to the second and later given to it."""
        before = {each.application_id: each for each in self.known.standings if each.subject_id == first}
        for each in sorted(self.known.standings, key=lambda one: (one.application, one.application_id)):
            had = before.get(each.application_id)
            if each.subject_id != second or had is None or had.accepted_at is None or had.accepted_event is None:
                continue
            if each.refused_at is None or each.refused_event is None or each.accepted_last is None:
                continue
            gone = (
                had.deleted_at is not None and (had.accepted_last or had.accepted_at) < had.deleted_at < each.refused_at
            )
            if had.accepted_at < each.refused_at < each.accepted_last and not gone:
                yield Evidence("account", each.application, had.accepted_event, each.refused_event)

    def _against(self, first: Life, second: Life, kinds: set[str]) -> str:
        """Return why two ids that share a name or an address are not taken for one person; empty if nothing speaks
        against it."""
        if not kinds & {"email", "name"}:
            return "the same full name"
        for kind, word in ((IdentifierKind.EMPLOYEE, "employee numbers"), (IdentifierKind.FULL_NAME, "full names")):
            mine, theirs = self._values(first, kind), self._values(second, kind)
            if mine and theirs and not mine & theirs:
                return f"different {word}"
        if first.ended_at is None or first.ended_at > second.first_seen:
            return "both were in use at the same time"
        shared = [kind for kind in CALLED if kind.value in kinds and self._handed_on(first, second, kind)]
        if not shared:
            return "it was given up before, or taken later"
        if IdentifierKind.EMAIL not in shared and "account" not in kinds:
            return "the same user name, one after the other"
        return ""

    def _values(self, life: Life, kind: IdentifierKind) -> set[str]:
        return {alias.value for alias in self._by_id.get(life.subject_id, []) if alias.kind == kind}

    def _handed_on(self, first: Life, second: Life, kind: IdentifierKind) -> bool:
        """Whether the first id had it to its end and the second from its beginning, with nobody else in between."""
        last = [alias for alias in self._by_id[first.subject_id] if alias.kind == kind][-1]
        born = next(alias for alias in self._by_id[second.subject_id] if alias.kind == kind)
        if last.value != born.value:
            return False
        others = self._holders[kind, last.value] - {first.subject_id, second.subject_id}
        return not any(
            alias.value == last.value and last.since < alias.since < born.since
            for other in others
            for alias in self._by_id[other]
        )

"""The directory during a fold: what it says of the subject and its groups, and which decision an attempt carries
out."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Final

from queries.accounts.account import ACTIVE, DELETED, INACTIVE
from queries.accounts.because import MOVE, PROMPT, REMEMBERED, ROLLOUT, one_of
from queries.accounts.bindings import Bindings, Memberships
from queries.accounts.entry import Decision, Entry, not_told, told
from queries.accounts.folding import Place, Row, place_of
from queries.accounts.trial import BURST

LEAVES: Final = {"suspended": INACTIVE, "deleted": DELETED}
"""The intended account state after each act that ends a person's access."""


class Directory:
    """The state of the directory at the event being folded."""

    def __init__(self, bindings: Bindings, memberships: Memberships) -> None:
        self.bindings: Final = bindings
        self.memberships: Final = memberships
        self.bound: Final[dict[str, dict[str, Row]]] = {}
        """The bindings in effect, by application and group."""
        self.moves: Final[deque[Row]] = deque(maxlen=REMEMBERED)
        """The latest additions to groups and removals from them."""
        self.act: Row | None = None
        self.acted = ""
        """suspended, activated or deleted: the effect of the last `act` on the person."""
        self.left: Final[dict[str, Row]] = {}
        """By application, the event that last ended the access: a removal from a group, or the end of a binding."""
        self.knows_subject = False
        """True once the directory knows the subject, so it is not the test of an activation."""

    def gives_elsewhere(self, application: str, row: Row) -> bool:
        """Whether the person has access by another bound group or directly, or gets it within a moment.

        The group or binding of the row itself does not count.
        """
        own = row["group_id"] or row["application_id"]
        others = [source for source in (*self.bound.get(application, ()), application) if source != own]
        place = place_of(row)
        return any(self.memberships.holds(source, place) for source in others) or self.memberships.joined_within(
            others, place, MOVE
        )

    def just_activated(self, row: Row) -> Row | None:
        """Return the activation just before the attempt, if any."""
        return self.bindings.activation_before(row["application_id"], row["occurred_at"], BURST)

    def suspended_by(self, decision: Decision) -> bool:
        """Whether the person's suspension made the decision."""
        by = self.act is not None and decision.because.event_id == self.act["event_id"]
        return by and self.acted == "suspended"

    def end(self, entry: Entry, row: Row) -> Decision | None:
        """Return the decision that ended the access, if the directory ended it and nothing in the log gives it again.

        While there is one, no attempt makes the account wanted, whatever it opens.
        """
        if entry.kind == "user" and self.act is not None and self.acted in LEAVES:
            return told(LEAVES[self.acted], self.act)
        return self._taken(entry, row)

    def returns(self, entry: Entry, row: Row) -> bool:
        """Whether the person's suspension is the only reason that the account the attempt opens is not wanted."""
        return self.acted == "suspended" and self._taken(entry, row) is None

    def _taken(self, entry: Entry, row: Row) -> Decision | None:
        left = self.left.get(row["application_id"])
        if left is None or (entry.kind == "user" and self._given_since(left, row)):
            return None
        return told(DELETED if entry.kind == "group" else INACTIVE, left)

    def _given_since(self, left: Row, row: Row) -> bool:
        """Whether the person has access again, or may have it by a later binding of a group they may be in."""
        if self.memberships.holds(row["application_id"], place_of(row)):
            return True
        for group, bound in self.bound.get(row["application_id"], {}).items():
            held = self.memberships.holds(group, place_of(row))
            if held or (held is None and _after(bound, place_of(left))):
                return True
        return False

    def may_give(self, row: Row) -> bool:
        """Whether a bound group may hold the person, who is not suspended or deleted: the log does not say."""
        bound, place = self.bound.get(row["application_id"], ()), place_of(row)
        return self.acted not in LEAVES and any(self.memberships.holds(group, place) is None for group in bound)

    def decision(self, entry: Entry, row: Row, meant: str) -> Decision:
        """Return the decision that an attempt carries out, when no earlier event decided it for certain."""
        found = None
        if entry.kind == "user":
            found = self._opening(entry, row) if meant == ACTIVE else self._closing(entry, row, meant)
        return found or not_told(meant, row)

    def _opening(self, entry: Entry, row: Row) -> Decision | None:
        application, at = row["application_id"], row["occurred_at"]
        if entry.testing:
            return None
        act, floor = self.act, entry.decided
        last: Row | None = None
        if act is not None and _after(act, floor):
            last, floor = act, place_of(act)
        bound = self.bound.get(application, {})
        for move in self.moves:
            granted = move["action"] == "add" and (not bound or move["group_id"] in bound)
            if granted and _after(move, floor) and at - move["occurred_at"] <= PROMPT:
                last, floor = move, place_of(move)
        since = [
            one for one in bound.values()
            if _after(one, floor)
            and at - one["occurred_at"] <= ROLLOUT
            and self.memberships.holds(one["group_id"], place_of(one)) is not False
        ]  # fmt: skip
        since.sort(key=place_of)
        sure = [one for one in since if self.memberships.holds(one["group_id"], place_of(one))]
        if sure or len(since) == 1:
            return told(ACTIVE, (sure or since)[0])
        if since:
            first, final = since[0], since[-1]
            because = one_of(since, "binding")
            return Decision(ACTIVE, final["occurred_at"], place_of(final), because, "", first["occurred_at"])
        if last is not None:
            return told(ACTIVE, last)
        activation = self.bindings.activation_before(application, at, ROLLOUT)
        if activation is not None and bound and _after(activation, floor):
            return told(ACTIVE, activation)
        return None

    def _closing(self, entry: Entry, row: Row, meant: str) -> Decision | None:
        act, at = self.act, row["occurred_at"]
        if act is not None and entry.decided in (None, place_of(act)):
            asked_for = (meant, self.acted) != (DELETED, "suspended") or self._promptly_deleted(entry, act, at)
            if self.acted in ("suspended", "deleted") and asked_for:
                return told(meant, act)
        for move in reversed(self.moves):
            if at - move["occurred_at"] > PROMPT or not _after(move, entry.decided):
                break
            if move["action"] == "remove" and not self.bound.get(row["application_id"]):
                return told(meant, move)
        recent = [one for one in entry.unbound if at - one["occurred_at"] <= PROMPT]
        if not recent:
            return None
        if len(recent) == 1:
            return told(meant, recent[0])
        because = one_of(recent, "binding")
        return Decision(meant, recent[-1]["occurred_at"], place_of(recent[-1]), because, "", recent[0]["occurred_at"])

    def _promptly_deleted(self, entry: Entry, act: Row, at: datetime) -> bool:
        """Whether the deletion may be an application's way to suspend: it is prompt, and the first attempt since the
        act."""
        return (entry.decided is None or not entry.pushes.tried) and at - act["occurred_at"] <= PROMPT


def _after(row: Row, floor: Place | None) -> bool:
    return floor is None or place_of(row) > floor

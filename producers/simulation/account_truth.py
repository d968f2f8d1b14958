"""What really became of one account: what was meant, confirmed and real, how closing it was tried, when it was used."""

from dataclasses import dataclass, field
from typing import NamedTuple

from producers.simulation.model import ABSENT, CLOSED


class Change(NamedTuple):
    """From `at` (microseconds since 1970) the state held.

    `event_id` is the logged event that shows it, None if none does.
    """

    state: str
    at: int
    event_id: str | None


class Try(NamedTuple):
    """An attempt to deactivate or delete an account.

    cause: why it failed; "" when it did not, or was answered with 404.
    """

    at: int
    cause: str


@dataclass(slots=True)
class AccountTruth:
    """The states of one subject (a user or a group) in one application, each until the next change; at first absent.

    intended: what the directory wants. It changes at the directory's event that decides it (a suspension, a binding,
        a removal from a group, a hard delete), which is before the first attempt; event_id None: no event
        decides it (an activation's test user and group). Who leaves before a rollout reached them was never meant.
    confirmed: what the log confirms: only a successful attempt changes it, at that event's own instant. `absent` with
        an event means the provider answered 404 to a deactivation or deletion (reported absent).
    actual: what the provider really holds, also where no event shows it (event_id None, or of an attempt that was
        logged as failed yet took effect).
    tries: the attempts to deactivate or delete it, of whatever answer.
    uses: the sign-ins.
    pushed_at: when the last creation or update was accepted; made_at: when the last creation was.
    """

    application: str
    subject_type: str
    subject_name: str
    intended: list[Change] = field(default_factory=list)
    confirmed: list[Change] = field(default_factory=list)
    actual: list[Change] = field(default_factory=list)
    tries: list[Try] = field(default_factory=list)
    uses: list[int] = field(default_factory=list)
    pushed_at: int | None = None
    made_at: int | None = None

    def state(self, view: str, at: int) -> str:
        """The state at that instant; `view` is intended, confirmed or actual."""
        held = ABSENT
        for change in getattr(self, view):
            if change.at > at:
                break
            held = change.state
        return held

    def meant_closed(self, at: int | None = None) -> Change | None:
        """What first meant it closed, if it is meant to be at that instant, or at the end."""
        begun = None
        for change in self.intended:
            if at is not None and change.at > at:
                break
            begun = (begun or change) if change.state in CLOSED else None
        return begun

    def tries_since(self, since: int, until: int | None = None) -> list[Try]:
        """The attempts to close it from an instant on, up to another."""
        return [one for one in self.tries if one.at >= since and (until is None or one.at <= until)]

    def used_since(self, since: int, until: int | None = None) -> int | None:
        """The first sign-in from an instant on, up to another."""
        return next((at for at in self.uses if at >= since and (until is None or at <= until)), None)

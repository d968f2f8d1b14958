"""What really happened to one account: its intended, confirmed and actual states, the attempts to close it, its use."""

from dataclasses import dataclass, field
from typing import NamedTuple

from producers.simulation.model import ABSENT, CLOSED


class Change(NamedTuple):
    """The state that holds from `at` (microseconds since 1970).

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
    """The states of one subject (a user or a group) in one application, each until the next change; absent at first.

    intended: what the directory wants. It changes with the directory event that decides it (a suspension, a binding,
        a removal from a group, a hard delete), which precedes the first attempt; event_id None: no event decides it
        (an activation's test user and group). People who leave before a rollout reaches them never had an account
        intended.
    confirmed: what the log confirms: only a successful attempt changes it, at that event's own instant. `absent` with
        an event means the provider answered 404 to a deactivation or deletion (reported absent).
    actual: what the provider really has, even where no event shows it (event_id None, or that of an attempt that was
        logged as failed but took effect).
    tries: the attempts to deactivate or delete it, whatever the answer.
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
        """Return the state at an instant; `view` is intended, confirmed or actual."""
        held = ABSENT
        for change in getattr(self, view):
            if change.at > at:
                break
            held = change.state
        return held

    def meant_closed(self, at: int | None = None) -> Change | None:
        """Return the change since which the account is meant to be closed, if it is at that instant, or at the end."""
        begun = None
        for change in self.intended:
            if at is not None and change.at > at:
                break
            begun = (begun or change) if change.state in CLOSED else None
        return begun

    def tries_since(self, since: int, until: int | None = None) -> list[Try]:
        """Return the attempts to close it between two instants."""
        return [one for one in self.tries if one.at >= since and (until is None or one.at <= until)]

    def used_since(self, since: int, until: int | None = None) -> int | None:
        """Return the first sign-in between two instants."""
        return next((at for at in self.uses if at >= since and (until is None or at <= until)), None)

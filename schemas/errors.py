"""Every error of idtrail, and what each one requires of whoever catches it.

    IdtrailError
    ├── RecordError            dead-letter: this record can never be read
    │   ├── MalformedRecord        not one JSON object with a timestamp
    │   └── ForeignOrganization    belongs to another organization, or to none we know
    ├── Away                   retry with growing waits: nothing was done, nothing moved
    │   ├── BrokerAway
    │   ├── StoreAway
    │   ├── FeedAway
    │   ├── Busy
    │   └── SpoolFull
    ├── Fatal                  end the process before offsets move; its supervisor starts it anew
    │   └── Refused                ClickHouse rejects a statement of ours (queries/refusals.py)
    └── UserError              tell the user: nothing was done
        ├── BadUsage               a wrong argument or setting
        │   ├── BrokerRefuses          Kafka answers and refuses the connection: waiting does not help
        │   └── BadRule                an alert rule that cannot be used
        ├── NotFound               no such thing, or none this token may see
        │   └── Unknown                with names like the one asked for
        ├── Ambiguous              several things match: ask for one of the candidates
        ├── Pointless              an act that makes no sense in an alert's state
        ├── TooLarge               a request's body is too large
        ├── Unreadable             a request's body has an encoding that is not read
        ├── Gone                   a position that the log does not have any more, or never had
        ├── Denied                 no token, or none that is valid
        │   └── Forbidden              a valid token without the scope
        └── AlreadyRunning         another process holds the state directory

Two exceptions are no part of it, because none leaves its package: `Refused` of streams/alerts/sigma/tree.py and
`Unreachable` of streams/alerts/delivery/address.py.

Messages are sentences for people. They name the record, the setting or the field, and the fix;
they never carry payloads or secrets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class IdtrailError(Exception):
    """The root of all errors: any other exception that escapes is a defect."""


class RecordError(IdtrailError):
    """This record can never be read; it belongs in the dead letters."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason
        """A short, stable word for counting and filtering, such as `no_timestamp`."""


class MalformedRecord(RecordError):
    """The bytes are not one JSON object with a timestamp."""


class ForeignOrganization(RecordError):
    """The record belongs to another organization than its source, or to none at all."""


class Away(IdtrailError):
    """Something outside is away. Nothing was done; try again with growing waits."""


class BrokerAway(Away):
    """Kafka does not answer."""


class StoreAway(Away):
    """ClickHouse does not answer."""


class FeedAway(Away):
    """The live feed has no place for another reader, is being stopped, or broke off."""


class Busy(Away):
    """The API has as much to do, or in memory, as it takes at once, or as this client's share is."""


class SpoolFull(Away):
    """The broker is away and the disk spool has no room left: the record was not accepted."""


class Fatal(IdtrailError):
    """Going on could lose or double events: end the process before offsets move."""


class UserError(IdtrailError):
    """The request cannot be served as asked; the message says what to change."""


class BadUsage(UserError):
    """A wrong argument or setting."""


class BrokerRefuses(BadUsage):
    """Kafka answers and refuses the connection: user name, password, rights or certificate. The message names the
    settings."""


class BadRule(BadUsage):
    """Alert rules that cannot be used."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
        """One message per problem, with file, line and field."""


class NotFound(UserError):
    """No such thing, or none that this token may see."""


class Unknown(NotFound):
    """Nothing has the given name. `near` lists similar names."""

    def __init__(self, message: str, near: Sequence[str]) -> None:
        super().__init__(message)
        self.near = list(near)


class Ambiguous(UserError):
    """Several things match. The caller must ask again for one of the candidates."""

    def __init__(self, message: str, candidates: Sequence[Any]) -> None:
        super().__init__(message)
        self.candidates = list(candidates)
        """As JSON shows them."""


class Pointless(UserError):
    """The act makes no sense in the alert's state."""


class TooLarge(UserError):
    """The request's body is larger than allowed."""


class Unreadable(UserError):
    """The request's body has an encoding that is not supported."""


class Gone(UserError):
    """The log does not have a position any more, or never had it: start again without it."""


class Denied(UserError):
    """There is no token, or it is unknown, revoked or expired."""


class Forbidden(Denied):
    """The token is valid but does not allow this."""


class AlreadyRunning(UserError):
    """Another process holds this state directory."""

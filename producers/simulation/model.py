"""The organisation's entities: people, groups, applications, and accounts of people and groups in applications."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from producers.simulation.providers import Manner
    from producers.simulation.truth import Episode

MILLISECOND = 1_000  # all instants are whole microseconds since 1970, UTC
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
THURSDAY = 3  # the weekday of 1970-01-01, counting from Monday

ABSENT, ACTIVE, INACTIVE, DELETED = "absent", "active", "inactive", "deleted"
CLOSED = (INACTIVE, DELETED)

CREATE, UPDATE = "user_create_provision", "user_update_provision"
DEPROVISION, DELETE = "user_deprovision", "user_delete_provision"
LOOKUP = "user_lookup_provision"
GROUP_CREATE, GROUP_UPDATE, GROUP_DELETE = (
    "group_create_provision",
    "group_update_provision",
    "group_delete_provision",
)
ACTIVATE, RECONFIGURE = "idm_integration_activate", "idm_integration_update"
REAUTHORISE, DEACTIVATE = "idm_integration_reauth", "idm_integration_delete"
TWELVE = (
    ACTIVATE, RECONFIGURE, REAUTHORISE, DEACTIVATE,
    CREATE, UPDATE, DEPROVISION, DELETE, LOOKUP,
    GROUP_CREATE, GROUP_UPDATE, GROUP_DELETE,
)  # fmt: skip
MEANT = {CREATE: ACTIVE, DEPROVISION: INACTIVE, DELETE: DELETED, GROUP_CREATE: ACTIVE, GROUP_DELETE: DELETED}


@dataclass(slots=True, eq=False)
class Application:
    index: int
    id: str
    name: str
    label: str
    idm_client_id: str
    groups: frozenset[int]  # indices of the groups bound to it, once it is rolled out
    title_limit: int = 0  # the longest title it accepts; 0: any
    keeps_groups: bool = False  # refuses to delete groups, by design
    json: orjson.Fragment = field(default_factory=lambda: orjson.Fragment(b"{}"))
    integrated: bool = False
    rolled_out: bool = False
    unmapped: set[str] = field(default_factory=set)  # attributes of people that are no longer pushed
    paused_until: int = 0  # no push leaves before this time: the integration is being set up again
    live: "list[Manner]" = field(default_factory=list)  # how it misbehaves now
    standing: "dict[str, Episode]" = field(default_factory=dict)  # troubles without a window of their own


@dataclass(slots=True, eq=False)
class Subject:
    """The holder of accounts: a person, a group, or the vendor's test user and group."""

    index: int
    id: str
    name: str
    json: orjson.Fragment
    accounts: "dict[int, Account]" = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Person(Subject):
    given: str = ""
    family: str = ""
    department: int = 0
    title: str = ""
    cost_center: int = 100
    employed: bool = False
    moved_at: int = -1  # when they last joined, changed department or came back

    @property
    def groups(self) -> tuple[int, int]:
        return (0, self.department + 1)

    @property
    def email(self) -> str:
        return f"{self.name}@corp.example"


@dataclass(slots=True, eq=False)
class Group(Subject):
    pass


@dataclass(slots=True, eq=False)
class Account:
    """One subject in one application; keeps what the truth records of it while the simulation runs."""

    app: Application
    subject: Subject
    intended: str = ABSENT
    confirmed: str = ABSENT
    actual: str = ABSENT
    serial: int = 0  # of the latest push: an older one that still waits for a retry is dropped
    waiting: str | None = None  # the failed attempt that is to be tried again
    draw: float = 0.0  # decides whether a provider's lasting quirk touches this account


def account_of(subject: Subject, app: Application) -> Account:
    account = subject.accounts.get(app.index)
    if account is None:
        draw = (subject.index * 7919 + app.index * 104_729 + 31) % 1000 / 1000
        account = subject.accounts[app.index] = Account(app, subject, draw=draw)
    return account


@dataclass(slots=True, eq=False)
class Admin:
    id: str
    email: str
    initiated_by: orjson.Fragment
    client_ip: str
    geoip: orjson.Fragment
    useragent: orjson.Fragment

"""The answers of applications to a push: correct, or misbehaving as real ones do. Pure: state and chance come as
arguments."""

from dataclasses import dataclass
from typing import NamedTuple

from producers.simulation.dice import Dice
from producers.simulation.model import (
    ABSENT,
    ACTIVE,
    CREATE,
    DELETE,
    DELETED,
    DEPROVISION,
    GROUP_CREATE,
    GROUP_DELETE,
    GROUP_UPDATE,
    INACTIVE,
    REAUTHORISE,
    UPDATE,
    Account,
    Person,
)
from producers.simulation.truth import Episode

REASONS = {
    200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 409: "Conflict", 413: "Payload Too Large", 429: "Too Many Requests",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
}  # fmt: skip

_NO_MEMBER = "No valid resources: [{memberId=<member>, display=null}]"


class Reply(NamedTuple):
    """One answer. `applied`: the provider did what was asked, whatever it said. `<user>` and `<id>` stand for the
    subject's."""

    status: int | None  # None: no HTTP answer came at all
    details: str = "OK"
    error: str = ""
    cause: str = ""
    attribute: str = ""
    retry: bool = False
    applied: bool = False
    success: bool = False
    lookup: bool = False  # the lookup before the push failed, and is what gets logged


def _scim(status: int, detail: str, scim_type: str = "") -> str:
    kind = f'"scimType":"{scim_type}",' if scim_type else ""
    return (
        f'{{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],{kind}"detail":"{detail}","status":"{status}"}}'
    )


def _failed(status: int, detail: str, cause: str, scim_type: str = "", attribute: str = "", **more: bool) -> Reply:
    return Reply(status, _scim(status, detail, scim_type), detail, cause, attribute, **more)


OK = {
    kind: Reply(status, applied=True, success=True)
    for kind, status in (
        (CREATE, 201), (UPDATE, 200), (DEPROVISION, 200), (DELETE, 204),
        (GROUP_CREATE, 201), (GROUP_UPDATE, 200), (GROUP_DELETE, 204),
    )
}  # fmt: skip
ADOPTED = Reply(200, applied=True, success=True)
GONE = _failed(404, "Resource <id> not found", "not_found")
TITLE_TOO_LONG = _failed(400, "title: value must not exceed 100 characters", "invalid_value", "invalidValue", "title")
GROUP_DELETE_REFUSED = _failed(403, "Deleting groups through SCIM is not supported for project groups", "unsupported")
_HTML_502 = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_HTML_404 = "<!DOCTYPE html><html><body><h1>Page not found</h1><p>No such page: /scim/v2/</p></body></html>"
ACTIVATION_REFUSED = Reply(404, _HTML_404, "There was a problem activating identity management", "configuration")
_TAKEN = "User already exists in the database."


class Trouble(NamedTuple):
    """A kind of misbehaviour: what it affects and how it answers."""

    cause: str
    operations: frozenset[str]
    replies: tuple[Reply, ...]
    share: float = 1.0  # of the attempts, or with `lasting` of the accounts
    lasting: bool = False  # the same accounts every time, so that a retry gets the same answer
    hours: tuple[int, int] = (1, 6)  # how long it lasts when chance decides
    attribute: str = ""


_USERS = frozenset((CREATE, UPDATE, DEPROVISION, DELETE))
_PUSHES = _USERS | {GROUP_CREATE, GROUP_UPDATE, GROUP_DELETE}
_WRITES = frozenset((CREATE, UPDATE, GROUP_UPDATE))  # a 404 to a deactivation would read as "already gone"

TROUBLES = {
    "token_expired": Trouble(
        "credentials", _PUSHES | {REAUTHORISE},
        (_failed(401, "Unauthorized: the access token expired", "credentials", retry=True),),
        hours=(4, 40),
    ),
    "switched_off": Trouble(
        "permission", _PUSHES,
        (
            _failed(
                403, "Forbidden: the token lacks permission, an admin switched SCIM off", "permission", retry=True
            ),
        ),
        hours=(2, 8),
    ),
    "outage": Trouble(
        "provider_error", _PUSHES,
        (
            _failed(503, "Service Unavailable", "provider_error", retry=True),
            Reply(502, _HTML_502, "502 Bad Gateway", "provider_error", retry=True),
            Reply(503, "upstream connect error", "503 Service Unavailable", "provider_error", retry=True),
        ),
        share=0.9, hours=(1, 4),
    ),
    "unreachable": Trouble(
        "network", _PUSHES,
        (
            Reply(None, "", "dial tcp: lookup scim.<app>.example: no such host", "network", retry=True),
            Reply(None, "", "connection reset by peer", "network", retry=True),
            Reply(None, "", "request timed out after 60s (Client.Timeout exceeded)", "network", retry=True),
        ),
        share=0.8, hours=(1, 3),
    ),
    "timed_out_but_done": Trouble(
        "network", frozenset((CREATE,)),
        (
            Reply(
                None, "", "request timed out after 60s (Client.Timeout exceeded)", "network", retry=True, applied=True
            ),
        ),
        share=0.3, lasting=True, hours=(4, 30),
    ),
    "rate_limited": Trouble(
        "rate_limited", _PUSHES,
        (
            _failed(
                429, "The user has sent too many requests in a given amount of time", "rate_limited", "tooManyRequests",
                retry=True,
            ),
        ),
        share=0.5, hours=(1, 8),
    ),
    "duplicates": Trouble(
        "conflict", frozenset((CREATE,)),
        (
            Reply(
                409,
                '{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],'
                '"detail":"User already exists in the database."}',
                _TAKEN, "conflict", retry=True,
            ),
            _failed(409, "userName <user> is already taken", "conflict", "uniqueness", "userName", retry=True),
            _failed(400, "A user with this userName already exists", "conflict", "uniqueness", "userName", retry=True),
        ),
        share=0.1, lasting=True, hours=(4, 30),
    ),
    "no_family_name": Trouble(
        "missing_attribute", frozenset((CREATE,)),
        (
            _failed(
                400, "Required attribute name.familyName is missing", "missing_attribute", "invalidValue",
                "name.familyName", retry=True,
            ),
        ),
        share=0.1, lasting=True, hours=(4, 30), attribute="name.familyName",
    ),
    "unknown_member": Trouble(
        "not_found", frozenset((GROUP_UPDATE,)),
        (
            _failed(404, _NO_MEMBER, "not_found", "", "members", retry=True),
            _failed(400, _NO_MEMBER, "not_found", "", "members", retry=True),
        ),
        share=0.4, lasting=True, hours=(6, 40), attribute="members",
    ),
    "too_large": Trouble(
        "too_large", frozenset((GROUP_UPDATE,)),
        (_failed(413, "Payload exceeds the limit of 800000 bytes", "too_large"),),
        share=0.3, lasting=True, hours=(6, 40),
    ),
    "no_seats": Trouble(
        "quota", frozenset((CREATE,)),
        (_failed(403, "Seat limit reached: no licenses left on this plan", "quota", retry=True),),
        hours=(6, 40),
    ),
    "says_yes_does_nothing": Trouble(
        "", frozenset((DEPROVISION,)), (Reply(200, success=True),), share=0.3, lasting=True, hours=(24, 72)
    ),
    "two_matches": Trouble(
        "conflict", frozenset((UPDATE,)),
        (
            Reply(
                200, "2 resources match userName", "lookup is ambiguous: multiple users match", "conflict", "userName",
                lookup=True
            ),
        ),
        share=0.1, lasting=True, hours=(6, 40),
    ),
    "lookup_breaks": Trouble(
        "provider_error", frozenset((UPDATE,)),
        (_failed(500, "Internal Server Error", "provider_error", retry=True, lookup=True),),
        share=0.4, hours=(1, 8),
    ),
    "wrong_address": Trouble(
        "configuration", _WRITES, (Reply(404, _HTML_404, "404 Not Found", "configuration", retry=True),), hours=(1, 6)
    ),
    "odd_answer": Trouble(
        "malformed_response", frozenset((CREATE,)),
        (
            Reply(
                201, '{"id":48213,"userName":"<user>"}', "json: cannot unmarshal number into field id of type string",
                "malformed_response", retry=True, applied=True,
            ),
        ),
        share=0.3, lasting=True, hours=(4, 30),
    ),
    "unexplained": Trouble("unknown", frozenset((UPDATE,)), (Reply(400, "", "", "unknown"),), share=0.3, hours=(1, 6)),
}  # fmt: skip


@dataclass(slots=True, eq=False)
class Manner:
    """One trouble at one application for a while, for everybody it fits or for `subjects` (ids) only."""

    name: str
    trouble: Trouble
    episode: Episode
    subjects: frozenset[str] | None = None
    member: str = ""  # the id that a group push fails on

    def touches(self, operation: str, account: Account, dice: Dice) -> bool:
        if operation not in self.trouble.operations:
            return False
        if self.subjects is not None:
            return account.subject.id in self.subjects
        if self.trouble.lasting:
            return account.draw < self.trouble.share
        return self.trouble.share >= 1 or dice.roll() < self.trouble.share

    def reply(self, account: Account, dice: Dice) -> Reply:
        replies = self.trouble.replies
        if len(replies) == 1:
            return replies[0]
        if self.trouble.lasting:
            return replies[int(account.draw * 1000) % len(replies)]
        return dice.pick(replies)


def answer(operation: str, account: Account, attribute: str, dice: Dice) -> tuple[Reply, Episode | str | None]:
    """Return the application's answer now, and the live trouble's episode or the standing trouble's name behind it."""
    app = account.app
    for manner in app.live:
        if manner.touches(operation, account, dice):
            reply = manner.reply(account, dice)
            if reply.applied and operation == CREATE and account.actual == ACTIVE:
                return ADOPTED, None  # the attempt before took effect unseen; the lookup finds the account
            return reply, manner.episode if reply.cause else None
    if operation == GROUP_DELETE and app.keeps_groups and account.subject.index >= 0:
        return GROUP_DELETE_REFUSED, "keeps_groups"
    if operation in (UPDATE, DEPROVISION, DELETE) and account.actual in (ABSENT, DELETED):
        return GONE, "gone"
    if app.title_limit and attribute in ("title", "") and operation in (CREATE, UPDATE):
        subject = account.subject
        if isinstance(subject, Person) and len(subject.title) > app.title_limit:
            return TITLE_TOO_LONG, "long_title"
    if operation == CREATE and account.actual in (ACTIVE, INACTIVE):
        return ADOPTED, None
    return OK[operation], None


STANDING = {
    # name: (cause, attribute)
    "keeps_groups": ("unsupported", ""),
    "gone": ("not_found", ""),
    "long_title": ("invalid_value", "title"),
    "activation_refused": ("configuration", ""),
}

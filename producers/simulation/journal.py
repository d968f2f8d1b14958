"""Writes the simulated events as the vendor would log them.

This is the JSON of an event, its id and its timestamp, with no field that the vendor does not write.
"""

import time
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from producers.simulation.model import Account, Admin, Application
from producers.simulation.oddities import Oddities
from producers.simulation.providers import REASONS, Reply
from producers.simulation.truth import OTHER, Truth, instant

Json = dict[str, Any]
_EMPTY = orjson.Fragment(b"{}")
_CHAINS = {
    status: orjson.Fragment(
        orjson.dumps({"response_code": str(status), "response_message": REASONS[status], "message_details": "OK"})
    )
    for status in (200, 201, 204)
}


_NO_REPLY = Reply(None)


class SimulatedEvent(NamedTuple):
    """One event as logged, with what the simulation knows about it.

    at: when it happened (events come in this order; an oddity may change the timestamp). event_id, event_type: as
    written, None where an oddity removed them. outcome: as the log states it, "other" outside the twelve types. cause,
    attribute, episode: why it really failed, "" if it did not. oddity: the name of the oddity it carries, or "".
    """

    at: datetime
    raw: bytes
    event_id: str | None
    event_type: str | None
    outcome: str
    cause: str = ""
    attribute: str = ""
    episode: str = ""
    oddity: str = ""


class Journal:
    def __init__(self, organization: str, machine: str, oddities: Oddities, truth: Truth) -> None:
        self.organization = organization
        self.oddities = oddities
        self.truth = truth
        self._machine = machine
        self._counter = 0
        self._second = -1
        self._second_text = ""

    def event_id(self, at: int) -> str:
        self._counter = (self._counter + 1) & 0xFFFFFF
        return f"{at // 1_000_000:08x}{self._machine}{self._counter:06x}"

    def stamp(self, at: int) -> str:
        second, micro = divmod(at, 1_000_000)
        if second != self._second:
            self._second, self._second_text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second_text}.{micro // 1000:03d}Z"

    def push(
        self,
        at: int,
        operation: str,
        account: Account,
        actor: Admin,
        changes: Any,
        reply: Reply,
        outcome: str,
        episode: str,
    ) -> SimulatedEvent:
        """Log one attempt on a user or a group in an application."""
        body: Json = {
            "@version": "1",
            "id": self.event_id(at),
            "event_type": operation,
            "service": "directory",
            "organization": self.organization,
            "timestamp": self.stamp(at),
            "success": reply.success,
            "initiated_by": actor.initiated_by,
            "resource": account.subject.json,
            "application": account.app.json,
            "idm_client_id": account.app.idm_client_id,
        }
        if changes is not None:
            body["changes"] = changes
        body["correlation"] = _EMPTY
        _chain(body, reply, account)
        body["auth_method"] = "session"
        body["client_ip"] = actor.client_ip
        body["geoip"] = actor.geoip
        body["useragent"] = actor.useragent
        return self._log(at, body, outcome, reply, episode)

    def integration(
        self, at: int, operation: str, app: Application, actor: Admin, reply: Reply, episode: str, changes: Any = None
    ) -> SimulatedEvent:
        """Log an admin's act on an integration; the credentials themselves are never logged."""
        body = self._head(at, operation, actor)
        body["success"] = reply.success
        body["application"] = app.json
        body["idm_client_id"] = app.idm_client_id
        if changes is not None:
            body["changes"] = changes
        if reply.success:
            body["message_chain"] = {
                "response_code": str(reply.status), "response_message": reply.details, "message_details": "OK"
            }  # fmt: skip
        else:
            _chain(body, reply, None)
        return self._log(at, body, "success" if reply.success else "failure", reply, episode)

    def directory(self, at: int, event_type: str, actor: Admin, **fields: Any) -> SimulatedEvent:
        """Log an event of the directory itself, outside the twelve types."""
        body = self._head(at, event_type, actor)
        body["success"] = True
        body["provider"] = None
        body.update(fields)
        return self._log(at, body, OTHER)

    def sign_in(self, at: int, account: Account, actor: Admin, nanoseconds: int) -> SimulatedEvent:
        """Log a sign-in to an application: it comes from another service of the vendor, with nine digits and no
        `success`."""
        app = account.app
        body: Json = {
            "@version": "1",
            "id": self.event_id(at),
            "event_type": "sso_auth",
            "service": "sso",
            "organization": self.organization,
            "timestamp": f"{self.stamp(at)[:19]}.{at % 1_000_000:06d}{nanoseconds:03d}Z",
            "initiated_by": {"id": account.subject.id, "type": "user", "username": account.subject.name},
            "application": {
                "id": app.id, "name": app.name, "display_label": app.label, "sso_type": "saml",
                "sso_url": f"https://sso.jumpcloud.com/saml2/{app.name}",
            },
            "mfa": False,
            "provider": "",
            "idp_initiated": False,
            "sso_token_success": True,
            "error_message": "",
            "auth_context": {"auth_methods": {}},
            "client_ip": actor.client_ip,
            "geoip": actor.geoip,
            "useragent": actor.useragent,
        }  # fmt: skip
        return self._log(at, body, OTHER)

    def _head(self, at: int, event_type: str, actor: Admin) -> Json:
        return {
            "@version": "1",
            "id": self.event_id(at),
            "event_type": event_type,
            "service": "directory",
            "organization": self.organization,
            "timestamp": self.stamp(at),
            "initiated_by": actor.initiated_by,
            "auth_method": "session",
            "client_ip": actor.client_ip,
            "geoip": actor.geoip,
            "useragent": actor.useragent,
        }

    def _log(self, at: int, body: Json, outcome: str, reply: Reply = _NO_REPLY, episode: str = "") -> SimulatedEvent:
        event_id, event_type, oddity = body["id"], body["event_type"], ""
        odd = self.oddities
        if odd.share and odd.dice.roll() < odd.share:
            oddity, outcome = odd.apply(at, body, outcome)
            event_id, event_type = body.get("id"), body.get("event_type")
            if oddity:
                self.truth.oddities[oddity] += 1
        self.truth.count(event_type or "", outcome)
        return SimulatedEvent(
            instant(at),
            orjson.dumps(body),
            event_id,
            event_type,
            outcome,
            reply.cause,
            reply.attribute,
            episode,
            oddity,
        )


def _chain(body: Json, reply: Reply, account: Account | None) -> None:
    if reply.success:
        body["message_chain"] = _CHAINS[reply.status or 200]
        return
    details, error = reply.details, reply.error
    if account is not None and ("<" in details or "<" in error):
        for mark, value in (
            ("<user>", account.subject.name),
            ("<id>", account.subject.id),
            ("<app>", account.app.name),
        ):
            details, error = details.replace(mark, value), error.replace(mark, value)
    if reply.status is None:
        body["message_chain"] = _EMPTY
    else:
        body["message_chain"] = {
            "response_code": str(reply.status), "response_message": REASONS[reply.status], "message_details": details
        }  # fmt: skip
    body["error_message"] = error

"""Pushes of users and groups to applications: attempts, answers, retries, and their effects."""

from typing import Any

import orjson

from producers.simulation.journal import SimulatedEvent
from producers.simulation.model import (
    ABSENT,
    ACTIVE,
    CREATE,
    DELETE,
    DEPROVISION,
    GROUP_CREATE,
    GROUP_DELETE,
    GROUP_UPDATE,
    LOOKUP,
    MEANT,
    MILLISECOND,
    MINUTE,
    SECOND,
    UPDATE,
    Account,
    Admin,
    Person,
)
from producers.simulation.providers import STANDING, Reply, answer
from producers.simulation.truth import Episode, SetOff
from producers.simulation.world import World

WAITS = tuple(minutes * MINUTE for minutes in (20, 40, 80, 160, 320, 360))
STEADY_WAIT = 20 * MINUTE  # closing an account is retried at a constant interval
MAX_TRIES = 8  # of an update; opening or closing an account is tried until it works or is overtaken
_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
_ACTIVE_FALSE = orjson.Fragment(b'[{"field":"active","to":false}]')
_TERMINAL = (CREATE, DEPROVISION, DELETE, GROUP_CREATE)


class Pushes:
    def __init__(self, world: World) -> None:
        self.world = world

    def send(
        self,
        at: int,
        account: Account,
        operation: str,
        actor: Admin,
        event_id: str | None,
        attribute: str = "",
        kind: str = "act",
    ) -> None:
        """Attempt the operation at that instant, and again as long as needed. An earlier push that waits for its retry
        is dropped.

        `attribute`: which one an update carries ("active": reactivate the account), or a group's changed member.
        `event_id`: the event that causes it; `kind`: see `SetOff`.
        """
        account.serial += 1
        self.world.truth.overtake(account, event_id)
        set_off = SetOff(kind, event_id)
        self.world.agenda.add(at, self.attempt, account, operation, actor, attribute, account.serial, 1, set_off)

    def update(self, at: int, account: Account, actor: Admin, attribute: str, event_id: str | None) -> None:
        """Push a change, if the account exists as far as the directory knows."""
        if account.confirmed == ACTIVE and account.intended == ACTIVE and attribute not in account.app.unmapped:
            self.send(
                at, account, UPDATE if isinstance(account.subject, Person) else GROUP_UPDATE, actor, event_id, attribute
            )

    def attempt(
        self,
        at: int,
        account: Account,
        operation: str,
        actor: Admin,
        attribute: str,
        serial: int,
        tries: int,
        set_off: SetOff,
    ) -> SimulatedEvent | None:
        if serial != account.serial:
            return None
        world, app = self.world, account.app
        if not app.integrated:
            return None
        if app.paused_until > at:
            later = app.paused_until + world.dice.below(60) * SECOND
            world.agenda.add(later, self.attempt, account, operation, actor, attribute, serial, tries, set_off)
            return None
        reply, part_of = answer(operation, account, attribute, world.dice)
        episode = self._standing(at, account, part_of) if isinstance(part_of, str) else part_of
        closing = operation in (DEPROVISION, DELETE)
        outcome = "success" if reply.success else "failure"
        if closing and reply.status == 404:
            outcome = "reported_absent"
        logged_as = LOOKUP if reply.lookup else operation
        changes = None if reply.lookup else _changes(operation, account, attribute)
        if changes and operation == CREATE and app.unmapped:
            changes = [change for change in changes if change["field"] not in app.unmapped]
        if episode is not None and "<member>" in reply.details:
            member = _member(account)
            reply = reply._replace(
                details=reply.details.replace("<member>", member), error=reply.error.replace("<member>", member)
            )
        event = world.journal.push(
            at, logged_as, account, actor, changes, reply, outcome, episode.id if episode else ""
        )
        self._settle(at, account, operation, attribute, reply, outcome, event, episode)
        world.truth.attempt(event.event_id, set_off)
        account.waiting = None
        if closing:
            world.truth.close_tried(account, at, "" if outcome == "reported_absent" else reply.cause)
        if reply.retry and (tries < MAX_TRIES or operation in _TERMINAL):
            wait = STEADY_WAIT if closing else WAITS[min(tries, len(WAITS)) - 1]
            if not closing:
                wait += world.dice.below(5000) * MILLISECOND
            account.waiting = event.event_id
            again = set_off if set_off.kind == "retry" else SetOff("retry", event.event_id)
            world.agenda.add(at + wait, self.attempt, account, operation, actor, attribute, serial, tries + 1, again)
        elif operation == UPDATE and reply.status == 404 and not reply.retry:
            # Missing at the provider, wanted by the directory.
            self.send(at + 2 * SECOND, account, CREATE, actor, event.event_id, kind="instead")
        return event

    def _standing(self, at: int, account: Account, name: str) -> Episode:
        found = account.app.standing.get(name)
        if found is None:
            cause, attribute = STANDING[name]
            found = account.app.standing[name] = self.world.episode(at, account.app, name, cause, attribute)
        return found

    def _settle(
        self, at: int, account: Account, operation: str, attribute: str, reply: Reply, outcome: str,
        event: SimulatedEvent, episode: Episode | None,
    ) -> None:  # fmt: skip
        truth, event_id = self.world.truth, event.event_id
        if episode is not None:
            if truth.recording:
                episode.subjects[account.subject.id] = None
                episode.events.append(event_id)
            if episode.trouble == "duplicates":  # somebody had created the account by hand before
                truth.happen(account, ACTIVE, episode.started, None)
        if outcome == "success" and operation in (CREATE, UPDATE):
            truth.pushed(account, at, made=operation == CREATE)
        if reply.applied and operation == GROUP_CREATE:
            truth.hold_group(account, at, event_id)
        elif reply.applied and operation == GROUP_DELETE:
            truth.drop_group(account)
        meant = ACTIVE if attribute == "active" else MEANT.get(operation, "")
        if not meant:
            return
        if outcome == "success":
            truth.confirm(account, meant, at, event_id)
        elif outcome == "reported_absent":
            truth.confirm(account, ABSENT, at, event_id)
        if reply.applied:
            truth.happen(account, meant, at, event_id)


def _member(account: Account) -> str:
    return f"{(account.subject.index + 11) * 0x9E3779B97F4A7C15 & (1 << 64) - 1:016x}{account.app.id[:8]}"


def _changes(operation: str, account: Account, attribute: str) -> Any:
    subject = account.subject
    if operation == UPDATE and isinstance(subject, Person):
        return _update(subject, attribute)
    if operation == DEPROVISION:
        return _ACTIVE_FALSE
    if operation == CREATE and isinstance(subject, Person):
        full = f"{subject.given} {subject.family}"
        return [
            {"field": "active", "to": True},
            {"field": "displayName", "to": full},
            {"field": "emails", "to": [{"primary": True, "type": "work", "value": subject.email}]},
            {"field": "externalId", "to": subject.id},
            {"field": "name", "to": {"familyName": subject.family, "givenName": subject.given}},
            {"field": "schemas", "to": [_USER, _ENTERPRISE]},
            {"field": "title", "to": subject.title},
            {"field": "userName", "to": subject.name},
        ]
    if operation == GROUP_CREATE:
        return [
            {"field": "displayName", "to": subject.name},
            {"field": "externalId", "to": subject.id},
            {"field": "schemas", "to": [_GROUP]},
        ]
    if operation == GROUP_UPDATE:
        members = [{"value": attribute}] if attribute else []
        return [{"field": "displayName", "to": subject.name}, {"field": "members", "to": members}]
    return None


def _update(person: Person, attribute: str) -> Any:
    if attribute == "active":
        return [{"field": "active", "to": True}]
    if attribute == "title":
        return [{"field": "title", "to": person.title}]
    if attribute == "phone":
        number = f"+351 21 {person.cost_center:03d} {person.index % 10000:04d}"
        return [{"field": "phoneNumbers", "to": [{"type": "work", "value": number}]}]
    return [{"field": _ENTERPRISE, "to": {"costCenter": str(person.cost_center)}}]

"""The lives of people in the directory.

People join, change, move, leave and return; each step grants or removes access.
"""

from typing import Any

from producers.simulation.journal import SimulatedEvent
from producers.simulation.model import (
    ABSENT,
    ACTIVE,
    CREATE,
    DELETE,
    DELETED,
    DEPROVISION,
    INACTIVE,
    MILLISECOND,
    SECOND,
    UPDATE,
    Account,
    Admin,
    Group,
    Person,
    account_of,
)
from producers.simulation.names import DEPARTMENTS, LONG_TITLE
from producers.simulation.pushes import Pushes
from producers.simulation.truth import Leaver
from producers.simulation.world import World


class People:
    def __init__(self, world: World, pushes: Pushes) -> None:
        self.world = world
        self.pushes = pushes

    def join(self, at: int, actor: Admin) -> SimulatedEvent:
        person = self.world.roster.hire()
        person.employed, person.moved_at = True, at
        for place, group in enumerate(person.groups):
            self.world.agenda.add(at + (place + 1) * 300 * MILLISECOND, self.member, person, group, "add", actor)
        changes = [
            {"field": "department", "to": DEPARTMENTS[person.department].name},
            {"field": "email", "to": person.email},
            {"field": "firstname", "to": person.given},
            {"field": "jobTitle", "to": person.title},
            {"field": "lastname", "to": person.family},
            {"field": "username", "to": person.name},
        ]
        return self.world.journal.directory(at, "user_create", actor, resource=person.json, changes=changes)

    def member(self, at: int, person: Person, group_index: int, op: str, actor: Admin) -> SimulatedEvent | None:
        """Add a person to a group or remove them; the applications bound to it follow."""
        if not person.employed:
            return None
        group = self.world.roster.groups[group_index]
        event = self.world.journal.directory(
            at, "association_change", actor, association=association(op, group, person.id, "USER", person.name)
        )
        for app in self.world.roster.applications:
            if not app.rolled_out or group_index not in app.groups:
                continue
            account, push_at = account_of(person, app), at + (1 + app.index) * 400 * MILLISECOND
            if op == "add" and account.intended != ACTIVE:
                self.grant(at, account, actor, event.event_id, push_at)
            elif op == "remove" and account.intended == ACTIVE and app.groups.isdisjoint(person.groups):
                self.revoke(at, account, actor, event.event_id, push_at)
            self.pushes.update(at + 6 * SECOND, account_of(group, app), actor, person.id, event.event_id)
        return event

    def grant(self, at: int, account: Account, actor: Admin, event_id: str | None, push_at: int) -> None:
        self.world.truth.intend(account, ACTIVE, at, event_id)
        if account.confirmed in (ABSENT, DELETED):
            self.pushes.send(push_at, account, CREATE, actor, event_id)
        else:
            self.pushes.send(push_at, account, UPDATE, actor, event_id, "active")

    def revoke(self, at: int, account: Account, actor: Admin, event_id: str | None, push_at: int) -> None:
        self.world.truth.intend(account, INACTIVE, at, event_id)
        account.serial += 1  # whatever still waits for a retry is over
        self.world.truth.overtake(account, event_id)
        if (account.subject.id, account.app.index) in self.world.neglected:
            return
        if account.confirmed == ACTIVE:
            self.pushes.send(push_at, account, DEPROVISION, actor, event_id)

    def edit(self, at: int, person: Person, actor: Admin, attribute: str, title: str = "") -> SimulatedEvent | None:
        """Change an attribute in the directory; every account of the person is updated. `title` is one from an HR
        import."""
        if not person.employed:
            return None
        more: dict[str, Any] = {}
        before: str
        if attribute == "title":
            before, person.title = person.title, title or self._other_title(person)
            changes = [{"field": "jobTitle", "from": before, "to": person.title}]
        else:
            before, person.cost_center = str(person.cost_center), self.world.dice.between(100, 999)
            field = "costCenter" if attribute == "costCenter" else "phoneNumbers"
            changes = [{"field": field, "from": before, "to": str(person.cost_center)}]
        if title:
            more["correlation"] = {"id": self.world.dice.object_id(), "type": "user_import"}
        event = self.world.journal.directory(at, "user_update", actor, resource=person.json, changes=changes, **more)
        for account in person.accounts.values():
            push_at = at + SECOND + account.app.index * 350 * MILLISECOND
            self.pushes.update(push_at, account, actor, attribute, event.event_id)
        return event

    def _other_title(self, person: Person) -> str:
        titles = DEPARTMENTS[person.department].titles
        other = self.world.dice.pick(titles)
        return other if other != person.title else titles[(titles.index(other) + 1) % len(titles)]

    def import_titles(self, at: int, people: list[Person], actor: Admin, long: bool) -> None:
        """Run an HR import that gives everybody in the list a title too long for some application, or reverts it."""
        for app in () if long else self.world.roster.applications:
            episode = app.standing.pop("long_title", None)
            if episode is not None:
                episode.ended = at + len(people) * SECOND
        for place, person in enumerate(people):
            title = LONG_TITLE if long else DEPARTMENTS[person.department].titles[0]
            self.world.agenda.add(at + place * 900 * MILLISECOND, self.edit, person, actor, "title", title)

    def transfer(self, at: int, person: Person, actor: Admin) -> SimulatedEvent | None:
        if not person.employed:
            return None
        before, person.moved_at = person.department, at
        person.department = (before + 1 + self.world.dice.below(len(DEPARTMENTS) - 1)) % len(DEPARTMENTS)
        self.world.agenda.add(at + 400 * MILLISECOND, self.member, person, before + 1, "remove", actor)
        self.world.agenda.add(at + 800 * MILLISECOND, self.member, person, person.department + 1, "add", actor)
        names = DEPARTMENTS[before].name, DEPARTMENTS[person.department].name
        changes = [{"field": "department", "from": names[0], "to": names[1]}]
        return self.world.journal.directory(at, "user_update", actor, resource=person.json, changes=changes)

    def leave(self, at: int, person: Person, actor: Admin) -> SimulatedEvent | None:
        if not person.employed:
            return None
        person.employed = False
        event = self._state(at, person, actor, "ACTIVATED", "SUSPENDED")
        if self.world.truth.recording:
            self.world.truth.leavers[person.id] = Leaver(person.id, person.name, at, event.event_id or "")
        for account in person.accounts.values():
            if account.intended == ACTIVE:
                push_at = at + 2 * SECOND + account.app.index * 350 * MILLISECOND
                self.revoke(at, account, actor, event.event_id, push_at)
        return event

    def come_back(self, at: int, person: Person, actor: Admin) -> SimulatedEvent | None:
        if person.employed:
            return None
        person.employed, person.moved_at = True, at
        event = self._state(at, person, actor, "SUSPENDED", "ACTIVATED")
        self.world.truth.leavers.pop(person.id, None)
        for app in self.world.roster.applications:
            if app.rolled_out and not app.groups.isdisjoint(person.groups):
                push_at = at + 2 * SECOND + app.index * 350 * MILLISECOND
                self.grant(at, account_of(person, app), actor, event.event_id, push_at)
        return event

    def remove(self, at: int, person: Person, actor: Admin) -> SimulatedEvent | None:
        """Delete somebody suspended from the directory; their accounts that the log knows of are deleted too."""
        if person.employed:
            return None
        event = self.world.journal.directory(at, "user_delete", actor, resource=person.json)
        for account in person.accounts.values():
            if account.confirmed in (ACTIVE, INACTIVE):
                self.world.truth.intend(account, DELETED, at, event.event_id)
                push_at = at + 2 * SECOND + account.app.index * 350 * MILLISECOND
                self.pushes.send(push_at, account, DELETE, actor, event.event_id)
        return event

    def sign_in(self, at: int, account: Account, actor: Admin) -> SimulatedEvent | None:
        """Sign in to an account, if it is really open, whatever the directory believes."""
        if account.actual != ACTIVE:
            return None
        self.world.truth.used(account, at)
        return self.world.journal.sign_in(at, account, actor, self.world.dice.below(1000))

    def sneak(self, at: int, person: Person, actor: Admin) -> SimulatedEvent | None:
        """Let a leaver try what still works: an account that was reported closed but is not."""
        for account in person.accounts.values():
            if account.confirmed == INACTIVE and account.actual == ACTIVE:
                return self.sign_in(at, account, actor)
        return None

    def _state(self, at: int, person: Person, actor: Admin, before: str, after: str) -> SimulatedEvent:
        changes = [{"field": "state", "from": before, "to": after}]
        return self.world.journal.directory(at, "user_update", actor, resource=person.json, changes=changes)


def association(op: str, group: Group, object_id: str, kind: str, name: str) -> dict[str, Any]:
    """Return a binding between a group and a person or an application, as the vendor logs it."""
    return {
        "op": op,
        "connection": {
            "from": {"name": group.name, "type": "USER_GROUP", "object_id": group.id},
            "to": {"name": name, "type": kind, "object_id": object_id},
        },
    }

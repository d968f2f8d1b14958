"""The life of an integration: set up, bound to groups, in trouble, repaired, set up again, retired."""

from producers.simulation.journal import SimulatedEvent
from producers.simulation.model import (
    ABSENT,
    ACTIVATE,
    ACTIVE,
    CREATE,
    DEACTIVATE,
    DELETE,
    DELETED,
    DEPROVISION,
    GROUP_CREATE,
    GROUP_DELETE,
    GROUP_UPDATE,
    HOUR,
    INACTIVE,
    MEANT,
    MILLISECOND,
    MINUTE,
    REAUTHORISE,
    RECONFIGURE,
    SECOND,
    Account,
    Admin,
    Application,
    Group,
    account_of,
)
from producers.simulation.people import People, association
from producers.simulation.providers import ACTIVATION_REFUSED, STANDING, TROUBLES, Manner, Reply
from producers.simulation.pushes import MAX_TRIES, Pushes
from producers.simulation.truth import SetOff
from producers.simulation.world import World

_BURST = (CREATE, GROUP_CREATE, GROUP_UPDATE, DEPROVISION, DELETE, GROUP_DELETE)
_AT_ROLLOUT = ("duplicates", "odd_answer", "timed_out_but_done", "no_family_name", "no_seats")
_NAMES = tuple(TROUBLES)


class Integrations:
    def __init__(self, world: World, pushes: Pushes, people: People) -> None:
        self.world = world
        self.pushes = pushes
        self.people = people

    def activate(self, at: int, app: Application, actor: Admin) -> SimulatedEvent:
        """Activate an integration: the vendor creates and removes a test user and a test group."""
        app.integrated = True
        self.world.truth.integrate(app.id, at, active=True)
        reply = Reply(200, "Application successfully activated", success=True)
        event = self.world.journal.integration(at, ACTIVATE, app, actor, reply, "")
        for place, operation in enumerate(_BURST):
            push_at = at + (place + 1) * 700 * MILLISECOND
            self.world.agenda.add(push_at, self._test, app, operation, actor, event.event_id)
        return event

    def _test(
        self, at: int, app: Application, operation: str, actor: Admin, event_id: str | None
    ) -> SimulatedEvent | None:
        roster = self.world.roster
        subject = roster.test_groups[app.index] if operation.startswith("group") else roster.test_users[app.index]
        account = account_of(subject, app)
        account.serial += 1
        self.world.truth.overtake(account, event_id)
        if operation in MEANT:
            self.world.truth.intend(account, MEANT[operation], at, None)
        paused, app.paused_until = app.paused_until, 0  # the test goes first
        event = self.pushes.attempt(
            at, account, operation, actor, "", account.serial, MAX_TRIES, SetOff("act", event_id)
        )
        app.paused_until = paused
        return event

    def refuse(self, at: int, app: Application, actor: Admin) -> SimulatedEvent:
        """Log an activation that fails because the base address is wrong."""
        cause, attribute = STANDING["activation_refused"]
        episode = self.world.episode(at, app, "activation_refused", cause, attribute)
        episode.ended = at + 5 * MINUTE
        event = self.world.journal.integration(at, ACTIVATE, app, actor, ACTIVATION_REFUSED, episode.id)
        episode.events.append(event.event_id)
        return event

    def roll_out(self, at: int, app: Application, actor: Admin) -> None:
        """Bind the application to its groups: their people are created in it, one after the other."""
        for place, group_index in enumerate(sorted(app.groups)):
            self.world.agenda.add(at + place * 2 * SECOND, self._bind, app, group_index, actor)

    def _bind(self, at: int, app: Application, group_index: int, actor: Admin) -> SimulatedEvent:
        app.rolled_out = True
        group = self.world.roster.groups[group_index]
        event = self.world.journal.directory(
            at, "association_change", actor, association=association("add", group, app.id, "APPLICATION", app.name)
        )
        account = account_of(group, app)
        self.world.truth.intend(account, ACTIVE, at, event.event_id)
        self.pushes.send(at + SECOND, account, GROUP_CREATE, actor, event.event_id)
        self.world.agenda.add(at + 2 * SECOND, self._next_member, app, group_index, actor, event.event_id, at, 0)
        return event

    def _next_member(
        self, at: int, app: Application, group_index: int, actor: Admin, event_id: str | None, bound_at: int, index: int
    ) -> None:
        people = self.world.roster.people
        while index < len(people):
            person = people[index]
            index += 1
            if not person.employed or group_index not in person.groups or person.moved_at > bound_at:
                continue  # people who joined, moved or came back meanwhile are granted access by that very act
            account = account_of(person, app)
            if account.intended != ACTIVE:
                self.people.grant(bound_at, account, actor, event_id, at)
                self.world.agenda.add(
                    at + 250 * MILLISECOND, self._next_member, app, group_index, actor, event_id, bound_at, index
                )
                return
        group = self.world.roster.groups[group_index]
        self.pushes.update(at + 5 * SECOND, account_of(group, app), actor, "", event_id)

    def reauthorise(self, at: int, app: Application, actor: Admin, manner: Manner | None) -> SimulatedEvent:
        """Change the credentials. With `manner`, the new ones do not work either."""
        if manner is None:
            return self.world.journal.integration(
                at, REAUTHORISE, app, actor, Reply(200, "Credentials updated", success=True), ""
            )
        reply = manner.trouble.replies[0]
        event = self.world.journal.integration(at, REAUTHORISE, app, actor, reply, manner.episode.id)
        if self.world.truth.recording:
            manner.episode.events.append(event.event_id)
        return event

    def reconfigure(self, at: int, app: Application, actor: Admin) -> SimulatedEvent:
        """Change the attribute mappings; nothing is pushed before a group is touched."""
        changes = [{"field": "attributes", "from": ["userName", "emails"], "to": ["userName", "emails", "title"]}]
        app.unmapped.discard("title")
        reply = Reply(200, "Application successfully updated", success=True)
        event = self.world.journal.integration(at, RECONFIGURE, app, actor, reply, "", changes)
        self.world.truth.remap(app.id, at, event.event_id)
        return event

    def unmap(self, at: int, app: Application, actor: Admin) -> SimulatedEvent:
        """Remove the title from the attribute mappings: the provider keeps the values it has."""
        app.unmapped.add("title")
        changes = [{"field": "attributes", "from": ["userName", "emails", "title"], "to": ["userName", "emails"]}]
        reply = Reply(200, "Application successfully updated", success=True)
        event = self.world.journal.integration(at, RECONFIGURE, app, actor, reply, "", changes)
        kept = [each.subject.id for each in self._accounts(app) if each.confirmed in (ACTIVE, INACTIVE)]
        self.world.truth.unmap(app.id, at, event.event_id, "title", kept)
        return event

    def renew(self, at: int, app: Application, actor: Admin) -> SimulatedEvent:
        """Deactivate the integration and set it up again half an hour later; pushes wait."""
        app.paused_until = at + 31 * MINUTE
        self.world.agenda.add(at + 30 * MINUTE, self.activate, app, actor)
        return self._deactivate(at, app, actor)

    def take_group(self, at: int, app: Application, group: Group, actor: Admin) -> SimulatedEvent:
        """Unbind a group: the provider is to delete it."""
        event = self.world.journal.directory(
            at, "association_change", actor, association=association("remove", group, app.id, "APPLICATION", app.name)
        )
        self.world.truth.intend(account_of(group, app), DELETED, at, event.event_id)
        self.pushes.send(at + SECOND, account_of(group, app), GROUP_DELETE, actor, event.event_id)
        return event

    def unbind(self, at: int, app: Application, group_index: int, actor: Admin) -> SimulatedEvent:
        """Unbind one of the application's groups: members of none of the others lose access."""
        app.groups -= {group_index}
        event = self.take_group(at, app, self.world.roster.groups[group_index], actor)
        for place, person in enumerate(self.world.roster.people):
            account = person.accounts.get(app.index)
            if account is not None and account.intended == ACTIVE and app.groups.isdisjoint(person.groups):
                self.people.revoke(at, account, actor, event.event_id, at + SECOND + place * 250 * MILLISECOND)
        return event

    def _deactivate(self, at: int, app: Application, actor: Admin) -> SimulatedEvent:
        self.world.truth.integrate(app.id, at, active=False)
        reply = Reply(200, "Application successfully deactivated", success=True)
        return self.world.journal.integration(at, DEACTIVATE, app, actor, reply, "")

    def retire(self, at: int, app: Application, actor: Admin) -> None:
        """Give the application up: close and delete every account, then deactivate the integration."""
        for group_index in sorted(app.groups):
            self.world.agenda.add(at, self._unbind, app, group_index, actor)
        self.world.agenda.add(at + HOUR, self._delete_all, app, actor)
        self.world.agenda.add(at + 2 * HOUR, self.drop, app, actor)

    def _unbind(self, at: int, app: Application, group_index: int, actor: Admin) -> SimulatedEvent:
        app.rolled_out = False
        group = self.world.roster.groups[group_index]
        event = self.world.journal.directory(
            at, "association_change", actor, association=association("remove", group, app.id, "APPLICATION", app.name)
        )
        accounts = self._accounts(app)
        lost = [each.subject.id for each in accounts if (each.intended, each.confirmed) == (ACTIVE, ACTIVE)]
        self.world.truth.take_away("deactivations", app.id, at, event.event_id, lost)
        for place, account in enumerate(accounts):
            if account.intended == ACTIVE:
                self.people.revoke(at, account, actor, event.event_id, at + SECOND + place * 250 * MILLISECOND)
        bound = account_of(group, app)
        self.world.truth.intend(bound, DELETED, at, event.event_id)
        self.pushes.send(at + 40 * SECOND, bound, GROUP_DELETE, actor, event.event_id)
        return event

    def _delete_all(self, at: int, app: Application, actor: Admin) -> None:
        accounts = self._accounts(app)
        known = [each.subject.id for each in accounts if each.confirmed in (ACTIVE, INACTIVE)]
        self.world.truth.take_away("deletions", app.id, at, None, known)
        for place, account in enumerate(accounts):
            self.world.agenda.add(at + place * 250 * MILLISECOND, self._delete, account, actor)

    def _delete(self, at: int, account: Account, actor: Admin) -> None:
        """Delete an account; nothing in the directory announces it, so it is intended from the attempt on."""
        if account.confirmed in (ACTIVE, INACTIVE):
            self.world.truth.intend(account, DELETED, at, None)
            self.pushes.send(at, account, DELETE, actor, None)

    def drop(self, at: int, app: Application, actor: Admin) -> SimulatedEvent:
        """Deactivate the integration for good; its accounts stay, and nobody closes them."""
        app.integrated = False
        return self._deactivate(at, app, actor)

    def _accounts(self, app: Application) -> list[Account]:
        return [each.accounts[app.index] for each in self.world.roster.people if app.index in each.accounts]

    def begin(
        self, at: int, app: Application, name: str, until: int | None, subjects: frozenset[str] | None = None
    ) -> None:
        """Make the application misbehave from now on until `until` (None: for good)."""
        trouble = TROUBLES[name]
        episode = self.world.episode(at, app, name, trouble.cause, trouble.attribute)
        manner = Manner(name, trouble, episode, subjects)
        app.live.append(manner)
        if until is None:
            return
        self.world.agenda.add(until, self._mend, app, manner)
        if name == "token_expired":
            admin = self.world.roster.admins[app.index % len(self.world.roster.admins)]
            self.world.agenda.add(until - 10 * MINUTE, self.reauthorise, app, admin, manner)
            self.world.agenda.add(until, self.reauthorise, app, admin, None)

    def _mend(self, at: int, app: Application, manner: Manner) -> None:
        app.live.remove(manner)
        manner.episode.ended = at

    def vanish(self, at: int, app: Application, number: int) -> None:
        """Simulate somebody who deletes accounts by hand at the provider: nothing logs it."""
        for account in self._accounts(app):
            if number and account.actual == ACTIVE and account.confirmed == ACTIVE and account.draw > 0.5:
                self.world.truth.happen(account, ABSENT, at, None)
                number -= 1

    def by_chance(self, at: int, app: Application, turn: int) -> None:
        """Start the next trouble, every kind in its turn."""
        dice = self.world.dice
        name = _AT_ROLLOUT[app.index % len(_AT_ROLLOUT)] if turn == 0 else _NAMES[(app.index * 5 + turn) % len(_NAMES)]
        low, high = TROUBLES[name].hours
        until = at + dice.between(low * 60, high * 60) * MINUTE
        self.begin(at, app, name, until)
        if turn % 7 == 3:
            self.vanish(at, app, 1 + len(self.world.roster.people) // 500)
        if turn % 11 == 6:
            self.world.agenda.add(until + 20 * MINUTE, self.renew, app, dice.pick(self.world.roster.admins))
        self.world.agenda.add(until + dice.between(4 * 60, 24 * 60) * MINUTE, self.by_chance, app, turn + 1)

"""Random everyday events, planned one hour at a time, at a rate that follows working hours."""

from collections.abc import Callable

from producers.simulation.integrations import Integrations
from producers.simulation.journal import SimulatedEvent
from producers.simulation.model import (
    ACTIVE,
    DAY,
    DELETED,
    GROUP_CREATE,
    GROUP_DELETE,
    HOUR,
    MILLISECOND,
    MINUTE,
    SECOND,
    THURSDAY,
    Admin,
    Application,
    Group,
    account_of,
)
from producers.simulation.people import People, association
from producers.simulation.pushes import Pushes
from producers.simulation.world import World


class Background:
    def __init__(self, world: World, pushes: Pushes, people: People, integrations: Integrations) -> None:
        self.world = world
        self.pushes = pushes
        self.people = people
        self.integrations = integrations
        self._projects = 0

    def plan_hour(self, at: int) -> None:
        world, pace = self.world, self.world.pace
        weight = _weight(at) / 24
        people = len(world.roster.people) * weight
        for mean, act in (
            (people * pace.edits, self._edit),
            (people * pace.sign_ins, self._sign_in),
            (pace.touches * 9 * weight, self._touch),
            (pace.admin_acts * weight, self._admin_act),
            (pace.admin_acts * weight / 20, self.project),
            (pace.admin_acts * weight / 60, self._reconfigure),
        ):
            self._spread(at, mean, act)
        if at < world.calm_from:
            self._spread(at, people * pace.joins, self._join)
            self._spread(at, people * pace.leaves, self._leave)
            self._spread(at, people * pace.transfers, self._transfer)
        world.agenda.add(at + HOUR, self.plan_hour)

    def _spread(self, at: int, mean: float, act: Callable[[int], SimulatedEvent | None]) -> None:
        for _ in range(self.world.dice.about(mean)):
            # Whole milliseconds, as the vendor's directory logs them.
            self.world.agenda.add(at + self.world.dice.below(3_600_000) * MILLISECOND, act)

    def _actor(self) -> Admin:
        return self.world.dice.pick(self.world.roster.admins)

    def _edit(self, at: int) -> SimulatedEvent | None:
        person = self.world.employee()
        if person is None:
            return None
        attribute = self.world.dice.pick(("title", "phone", "costCenter"))
        if attribute == "title" and len(person.title) > 100:
            attribute = "phone"
        return self.people.edit(at, person, self._actor(), attribute)

    def _sign_in(self, at: int) -> SimulatedEvent | None:
        person = self.world.employee()
        if person is None or not person.accounts:
            return None
        account = person.accounts.get(self.world.dice.below(len(self.world.roster.applications)))
        if account is None or account.intended != ACTIVE:
            return None
        return self.people.sign_in(at, account, self._actor())

    def _touch(self, at: int) -> SimulatedEvent:
        group = self.world.roster.groups[self.world.dice.below(9)]
        actor = self._actor()
        changes = [{"field": "description", "to": f"reviewed {self.world.journal.stamp(at)[:10]}"}]
        event = self.world.journal.directory(at, "group_update", actor, resource=group.json, changes=changes)
        for account in group.accounts.values():
            push_at = at + SECOND + account.app.index * 200 * MILLISECOND
            self.pushes.update(push_at, account, actor, "", event.event_id)
        return event

    def _admin_act(self, at: int) -> SimulatedEvent:
        actor = self._actor()
        resource = {"id": actor.id, "type": "admin", "email": actor.email}
        return self.world.journal.directory(at, "admin_login_attempt", actor, resource=resource, mfa=True)

    def project(self, at: int, app: Application | None = None) -> SimulatedEvent:
        """Create a group for a project, push it to one application, and remove it later."""
        self._projects += 1
        group, actor = self.world.roster.found(f"project {self._projects}"), self._actor()
        app = app or self.world.dice.pick(self.world.roster.applications)
        self.world.agenda.add(at + MINUTE, self._bind_project, group, app, actor)
        changes = [{"field": "name", "to": group.name}]
        return self.world.journal.directory(at, "group_create", actor, resource=group.json, changes=changes)

    def _bind_project(self, at: int, group: Group, app: Application, actor: Admin) -> SimulatedEvent:
        event = self.world.journal.directory(
            at, "association_change", actor, association=association("add", group, app.id, "APPLICATION", app.name)
        )
        account = account_of(group, app)
        if app.rolled_out:
            self.world.truth.intend(account, ACTIVE, at, event.event_id)
            self.pushes.send(at + SECOND, account, GROUP_CREATE, actor, event.event_id)
        self.world.agenda.add(at + DAY + self.world.dice.below(48) * HOUR, self._end_project, group, actor)
        return event

    def _end_project(self, at: int, group: Group, actor: Admin) -> SimulatedEvent:
        event = self.world.journal.directory(at, "group_delete", actor, resource=group.json)
        for account in group.accounts.values():
            self.world.truth.intend(account, DELETED, at, event.event_id)
            account.serial += 1
            self.world.truth.overtake(account, event.event_id)
            if account.confirmed == ACTIVE:
                self.pushes.send(at + SECOND, account, GROUP_DELETE, actor, event.event_id)
        return event

    def _reconfigure(self, at: int) -> SimulatedEvent | None:
        app = self.world.dice.pick(self.world.roster.applications)
        return self.integrations.reconfigure(at, app, self._actor()) if app.integrated else None

    def _join(self, at: int) -> SimulatedEvent:
        return self.people.join(at, self._actor())

    def _transfer(self, at: int) -> SimulatedEvent | None:
        person = self.world.employee(free=True)
        return self.people.transfer(at, person, self._actor()) if person else None

    def _leave(self, at: int) -> SimulatedEvent | None:
        """Somebody leaves; later some return, some are deleted, and some try what still works."""
        person, dice = self.world.employee(free=True), self.world.dice
        if person is None:
            return None
        actor, then = self._actor(), at + dice.between(60, 240) * HOUR
        if dice.chance(0.3):
            self.world.agenda.add(at + dice.between(8, 30) * HOUR, self.people.sneak, person, actor)
        if then < self.world.calm_from:
            follow = self.people.come_back if dice.chance(0.3) else self.people.remove
            if dice.chance(0.8):
                self.world.agenda.add(then, follow, person, actor)
        return self.people.leave(at, person, actor)


def _weight(at: int) -> float:
    day, rest = divmod(at, DAY)
    if (day + THURSDAY) % 7 >= 5:
        return 0.2
    return 2.5 if 7 <= rest // HOUR < 18 else 0.2

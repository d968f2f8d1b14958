"""A simulated organisation: the events its directory would log, in order of time, and the truth behind them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from producers.simulation import story as told
from producers.simulation.background import Background
from producers.simulation.dice import Dice
from producers.simulation.integrations import Integrations
from producers.simulation.journal import Journal, SimulatedEvent
from producers.simulation.model import DAY, HOUR, MINUTE
from producers.simulation.oddities import Oddities
from producers.simulation.people import People
from producers.simulation.pushes import Pushes
from producers.simulation.roster import draw_roster
from producers.simulation.truth import EPOCH, Truth
from producers.simulation.world import Agenda, Pace, World

DEFAULT_START = datetime(2026, 10, 25, 17, tzinfo=UTC)
DEFAULT_PACE = Pace()


class Organisation(Iterator[SimulatedEvent]):
    """An iterator of events, generated on demand; it can be used once.

    No clock: the same arguments give the same bytes.

    `applications` is their number or their names; `oddities` the share of events with an odd envelope. With `story`,
    the default when it fits, the period ends with the scripted events (see `story`); otherwise everything is random.
    `truth` is filled during iteration; with `truth=False` it only has its counts, for streams too long to remember.
    """

    def __init__(
        self,
        seed: int = 1,
        people: int = 41,
        applications: int | Sequence[str] = 6,
        days: float = 30,
        start: datetime = DEFAULT_START,
        *,
        oddities: float = 0.01,
        story: bool = True,
        truth: bool = True,
        pace: Pace = DEFAULT_PACE,
    ) -> None:
        if start.tzinfo is None:
            raise ValueError("start has no time zone: give an aware datetime, for instance with tzinfo=UTC")
        fits = (
            people >= told.MIN_PEOPLE
            and days >= told.MIN_DAYS
            and isinstance(applications, int)
            and applications >= told.MIN_APPLICATIONS
        )
        if story and not fits:
            raise ValueError(
                f"the story needs people >= {told.MIN_PEOPLE}, a number of applications >= {told.MIN_APPLICATIONS} "
                f"and days >= {told.MIN_DAYS}: give more of them, or story=False"
            )
        begin = (start - EPOCH) // timedelta(milliseconds=1) * 1000
        end = begin + int(days * DAY)
        self.truth = Truth(recording=truth)
        roster = draw_roster(seed, people, applications)
        journal = Journal(roster.organization, roster.machine, Oddities(Dice(seed, "oddities"), oddities), self.truth)
        calm_from = end - told.CALM if story else end
        dice = Dice(seed, "chance")
        self.world = World(begin, end, calm_from, Agenda(), dice, roster, journal, self.truth, pace)
        pushes = Pushes(self.world)
        self.people = People(self.world, pushes)
        self.integrations = Integrations(self.world, pushes, self.people)
        background = Background(self.world, pushes, self.people, self.integrations)
        for person in roster.people:
            person.employed = True
        if story:
            told.tell(self.world, self.people, self.integrations, background)
        else:
            self._leave_to_chance()
        self.world.agenda.add(begin, background.plan_hour)
        self._events = self._play()

    def _leave_to_chance(self) -> None:
        world = self.world
        for app in world.roster.applications:
            admin = world.dice.pick(world.roster.admins)
            at = world.start + app.index * 10 * MINUTE
            world.agenda.add(at + MINUTE, self.integrations.activate, app, admin)
            world.agenda.add(at + 10 * MINUTE, self.integrations.by_chance, app, 0)
            world.agenda.add(at + 30 * MINUTE, self.integrations.roll_out, app, admin)
            people = [person for person in world.roster.people if person.index % 11 == 3][:40]
            if app.title_limit:
                first = world.start + 30 * HOUR
                world.agenda.add(first, self.people.import_titles, people, admin, True)
                world.agenda.add(first + 2 * DAY, self.people.import_titles, people, admin, False)

    def __next__(self) -> SimulatedEvent:
        return next(self._events)

    def __iter__(self) -> Iterator[SimulatedEvent]:
        return self._events

    def _play(self) -> Iterator[SimulatedEvent]:
        agenda, end = self.world.agenda, self.world.end
        while (at := agenda.next_at()) is not None and at <= end:
            at, act, arguments = agenda.take()
            event = act(at, *arguments)
            if event is not None:
                yield event

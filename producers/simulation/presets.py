"""Predefined organisations: one for the demo, one for load, one for the sample exports."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from producers.simulation.journal import SimulatedEvent
from producers.simulation.model import DAY, HOUR
from producers.simulation.organisation import Organisation
from producers.simulation.world import Pace

DEMO_SEED = 1
DEMO_PACE = Pace(edits=0.7, sign_ins=1.6)
SAMPLE_START = datetime(2026, 9, 7, 8, tzinfo=UTC)


def demo(end: datetime, *, oddities: float = 0.01) -> Organisation:
    """Return about 12,000 events of 41 people and 6 applications over the 30 days that end at `end`, including the
    story."""
    return Organisation(DEMO_SEED, 41, 6, 30, end - timedelta(days=30), oddities=oddities, pace=DEMO_PACE)


def load(
    seed: int,
    events: int,
    start: datetime,
    *,
    days: float = 30,
    people: int = 2000,
    applications: int = 8,
    oddities: float = 0.0,
) -> Iterator[SimulatedEvent]:
    """Yields exactly `events` events, nearly all of provisioning, over about `days` from `start`: the rate is adjusted.

    `start` alone decides how many are fresh: nothing here knows the time.
    """
    per_edit = 1 + 0.8 * applications
    edits = max(0.5, (events / days / people) / per_edit * 1.05)
    pace = Pace(edits=edits, sign_ins=edits / 10)
    # The horizon is far off, so that the number of events decides where it ends.
    organisation = Organisation(
        seed, people, applications, 20 * days + 30, start, oddities=oddities, story=False, truth=False, pace=pace
    )
    return islice(organisation, events)


def samples() -> Organisation:
    """Return a pilot of two more applications in the demo's organisation, some weeks before it, given up after two
    days."""
    pace = Pace(edits=0.5, sign_ins=0.5, joins=0, leaves=0, transfers=0, touches=0.8, admin_acts=3)
    organisation = Organisation(
        DEMO_SEED, 12, ("asana", "box"), 2.5, SAMPLE_START, oddities=0.02, story=False, pace=pace
    )
    world = organisation.world
    for app in world.roster.applications:
        at = world.start + 2 * DAY + app.index * 3 * HOUR
        world.agenda.add(at, organisation.integrations.retire, app, world.roster.admins[0])
    return organisation

"""Ninety days of an organisation in which every shipped rule has something to find, and how its events get to the log:
late, again, by several routes, in part, and with times that are yet to come.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import orjson

from producers.simulation import Organisation, Pace, SimulatedEvent
from producers.simulation.model import DAY, MINUTE
from schemas.envelope import Source, Trust, seal
from tests.records import Record

START = datetime(2026, 9, 1, tzinfo=UTC)
DAYS = 90
END = START + timedelta(days=DAYS + 20)
"""When everything is over that time alone brings."""
_SECOND = timedelta(seconds=1)


def ninety_days(seed: int, people: int, pace: Pace) -> Iterator[SimulatedEvent]:
    """The everyday and the told troubles of the simulation, and beside them what these leave out."""
    made = Organisation(seed, people, 8, DAYS, START, oddities=0.02, truth=False, pace=pace)
    world, integrations, staff = made.world, made.integrations, made.people
    _, slack, miro, zoom, figma, _, asana, box = world.roster.applications
    ada, everybody = world.roster.admins[0], world.roster.people[17:]
    mallory = replace(
        ada, id="0" * 24, initiated_by=orjson.Fragment(b'{"id":"000000000000000000000000","type":"admin"}')
    )

    def day(number: float) -> int:
        return world.start + int(number * DAY)

    add = world.agenda.add
    # Credentials that are renewed and still refused.
    add(day(20.3), integrations.begin, zoom, "token_expired", day(20.7))
    add(day(20.4), integrations.reauthorise, zoom, ada, None)
    add(day(20.45), staff.import_titles, everybody, ada, False)
    # A mapping after whose change a value is refused.
    add(day(30.4), integrations.reconfigure, miro, ada)
    add(day(30.45), staff.import_titles, everybody, ada, True)
    add(day(31.45), staff.import_titles, everybody, ada, False)
    # More pushes than an application takes, and one that is down.
    add(day(33.4), integrations.begin, zoom, "rate_limited", day(33.6))
    add(day(33.4), integrations.begin, slack, "outage", day(33.6))
    for minute in range(0, 10, 2):
        add(day(33.45) + minute * MINUTE, staff.import_titles, everybody, ada, False)
    # An application that is given up, and another that the directory forgets.
    add(day(45.5), integrations.retire, asana, ada)
    gone = {"id": box.id, "type": "application", "name": box.name}
    add(day(50.5), partial(world.journal.directory, resource=gone), "application_delete", ada)
    # Somebody whose accounts nobody closes, an intruder, and an event of a type that nobody knows.
    world.neglected.update((everybody[0].id, app.index) for app in world.roster.applications)
    world.reserved.add(everybody[0].id)
    add(day(55.5), staff.leave, everybody[0], ada)
    add(day(60.1), integrations.reconfigure, figma, mallory)
    add(day(65.5), world.journal.directory, "user_teleport", ada)
    return made


class Arrivals:
    """What the log has of the events, in its order."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._came: list[tuple[datetime, bytes, Trust]] = []

    def add(self, event: SimulatedEvent) -> None:
        """One event by the routes it takes."""
        draw, raw = self._draw, event.raw
        known, trust = event.at + self._late(), Trust.EXPORT
        self._append(known, raw, trust)
        if draw.random() < 0.1:  # again, by a route that may be believed more
            self._append(known + timedelta(minutes=draw.expovariate(0.1)), raw, draw.choice(list(Trust)))
        if draw.random() < 0.02:  # with a time that is yet to come, and can be believed or not
            ahead = timedelta(hours=draw.choice([3, 100]))
            stamp = (event.at + ahead).isoformat().replace("+00:00", "Z")
            other = orjson.dumps({**orjson.loads(raw), "timestamp": stamp})
            self._append(known + draw.choice([-1, 1]) * _SECOND / 10, other, draw.choice(list(Trust)))

        if draw.random() < 0.02:  # before, by a webhook that tells less of it
            less = {name: value for name, value in orjson.loads(raw).items() if name not in ("resource", "changes")}
            self._append(known - _SECOND / 10, orjson.dumps(less), Trust.WEBHOOK)

    def _late(self) -> timedelta:
        chance = self._draw.random()
        if chance < 0.9:
            return timedelta(seconds=self._draw.uniform(0.2, 20))
        if chance < 0.99:
            return timedelta(hours=self._draw.uniform(0, 23))
        return timedelta(days=self._draw.uniform(1.1, 5))

    def _append(self, known: datetime, raw: bytes, trust: Trust) -> None:
        self._came.append((known, raw, trust))

    def records(self) -> list[Record]:
        """In the order of the log."""
        return [
            Record(sealed.value, sealed.headers, offset, int(known.timestamp() * 1_000), key=sealed.key)
            for offset, (known, raw, trust) in enumerate(sorted(self._came, key=lambda each: each[0]))
            for sealed in [seal(raw, Source(f"test:{trust.name}", trust), known)]
        ]

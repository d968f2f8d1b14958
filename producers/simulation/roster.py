"""Draws an organisation's people, groups, admins and applications.

The seed alone determines who they are and their ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from producers.simulation.dice import Dice
from producers.simulation.model import Admin, Application, Group, Person
from producers.simulation.names import COUNTRIES, DEPARTMENTS, FAMILY, GIVEN, department

CATALOGUE = ("statsig", "slack", "miro", "zoom", "figma", "notion", "asana", "box", "sentry", "lattice")
BOUND = {"statsig": (1, 2, 3), "figma": (1, 3, 4), "sentry": (1, 6)}  # group 0 is everybody
NAMED = (("Ines", "Almeida", 1), ("Kofi", "Mensah", 4), ("Lena", "Berg", 0))
INES_ID = "63ec9bba89a64e507ce0a4c2"


@dataclass(slots=True)
class Roster:
    """The people, groups, admins and applications; `hire` adds people over time."""

    seed: int
    organization: str
    machine: str  # ten digits in the middle of every event id
    applications: list[Application]
    groups: list[Group]
    admins: list[Admin]
    people: list[Person] = field(default_factory=list)
    test_users: list[Person] = field(default_factory=list)
    test_groups: list[Group] = field(default_factory=list)
    _taken: dict[str, int] = field(default_factory=dict)

    def hire(self) -> Person:
        index = len(self.people)
        dice = Dice(self.seed, "person", index)
        subject_id, given, family, where = dice.object_id(), dice.pick(GIVEN), dice.pick(FAMILY), department(dice)
        if index < len(NAMED):
            given, family, where = NAMED[index]
        if index == 0:
            subject_id = INES_ID
        name = f"{given}.{family}".lower()
        self._taken[name] = again = self._taken.get(name, 0) + 1
        name = name if again == 1 else f"{name}{again}"
        title = dice.pick(DEPARTMENTS[where].titles)
        json = _resource(subject_id, "user", name)
        person = Person(
            index, subject_id, name, json, given=given, family=family, department=where, title=title,
            cost_center=dice.between(100, 999),
        )  # fmt: skip
        self.people.append(person)
        return person

    def found(self, name: str) -> Group:
        group = _group(self.seed, len(self.groups), name)
        self.groups.append(group)
        return group


def draw_roster(seed: int, people: int, applications: int | Sequence[str]) -> Roster:
    dice = Dice(seed, "organization")
    names = [_app_name(i) for i in range(applications)] if isinstance(applications, int) else list(applications)
    groups = [_group(seed, 0, "all staff")]
    groups += [_group(seed, index + 1, each.name) for index, each in enumerate(DEPARTMENTS)]
    roster = Roster(
        seed,
        dice.object_id(),
        dice.object_id()[:10],
        [_application(seed, index, name) for index, name in enumerate(names)],
        groups,
        [_admin(seed, index, name) for index, name in enumerate(("ada", "noor", "tomas"))],
    )
    for _ in range(people):
        roster.hire()
    for app in roster.applications:
        person_id, group_id = Dice(seed, "test", app.name).object_id(), Dice(seed, "test group", app.name).object_id()
        name = f"scim.test.{app.name}"
        roster.test_users.append(
            Person(-1, person_id, name, _resource(person_id, "user", name), given="Scim", family="Test")
        )
        roster.test_groups.append(Group(-1, group_id, "scim test", _resource(group_id, "user_group", "scim test")))
    return roster


def _app_name(index: int) -> str:
    again, place = divmod(index, len(CATALOGUE))
    return CATALOGUE[place] if not again else f"{CATALOGUE[place]}-{again + 1}"


def _application(seed: int, index: int, name: str) -> Application:
    dice = Dice(seed, "application", name)
    app_id, client_id = dice.object_id(), dice.object_id()
    kind = name.partition("-")[0]
    json = {"id": app_id, "name": name, "display_label": name.title()}
    return Application(
        index, app_id, name, name.title(), client_id,
        frozenset(BOUND.get(kind, (0,))),
        title_limit=100 if kind in ("miro", "box") else 0,
        keeps_groups=kind == "statsig",
        json=orjson.Fragment(orjson.dumps(json)),
    )  # fmt: skip


def _group(seed: int, index: int, name: str) -> Group:
    group_id = Dice(seed, "group", index, name).object_id()
    return Group(index, group_id, name, _resource(group_id, "user_group", name))


def _resource(subject_id: str, kind: str, name: str) -> orjson.Fragment:
    key = "username" if kind == "user" else "name"
    return orjson.Fragment(orjson.dumps({"id": subject_id, "type": kind, key: name}))


def _admin(seed: int, index: int, name: str) -> Admin:
    admin_id, email = Dice(seed, "admin", name).object_id(), f"{name}@corp.example"
    country, continent, code, region, timezone, latitude, longitude = COUNTRIES[index]
    return Admin(
        admin_id,
        email,
        orjson.Fragment(orjson.dumps({"id": admin_id, "type": "admin", "email": email})),
        f"203.0.113.{index + 7}",
        orjson.Fragment(
            orjson.dumps(
                {
                    "country_code": country, "continent_code": continent, "region_code": code,
                    "region_name": region, "timezone": timezone, "latitude": latitude, "longitude": longitude,
                }
            )
        ),
        orjson.Fragment(
            orjson.dumps(
                {
                    "os": "Mac OS X", "os_name": "Mac OS X", "os_full": "Mac OS X 10.15.7", "os_version": "10.15.7",
                    "os_major": "10", "os_minor": "15", "os_patch": "7", "name": "Chrome", "major": "139",
                    "minor": "0", "patch": "0", "version": "139.0.0.0", "device": "Mac",
                }
            )
        ),
    )  # fmt: skip

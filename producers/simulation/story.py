"""The scripted part of the default organisation.

It has accounts that could not be closed, and one episode of each trouble. All times count back from the end.
"""

from producers.simulation.background import Background
from producers.simulation.integrations import Integrations
from producers.simulation.model import DAY, HOUR, MINUTE, SECOND, THURSDAY, Person
from producers.simulation.people import People
from producers.simulation.world import World

MIN_PEOPLE, MIN_APPLICATIONS, MIN_DAYS = 24, 6, 27
CALM = 3 * DAY
TOKEN_LIFE = 365 * DAY
TOKEN_ENDS = 2 * DAY + 50 * MINUTE  # before the end
STATSIG, SLACK, MIRO, ZOOM, FIGMA, NOTION = range(6)
_TROUBLES = (
    # application, trouble, days before the end (or the working day before that), hours it lasts
    (MIRO, "token_expired", 25, 7),
    (ZOOM, "outage", 20, 2),
    (NOTION, "unreachable", 18, 3),
    (FIGMA, "rate_limited", 16, 8),
    (ZOOM, "unexplained", 15, 8),
    (SLACK, "lookup_breaks", 14, 6),
    (MIRO, "two_matches", 13, 24),
    (NOTION, "wrong_address", 10, 4),
    (FIGMA, "switched_off", 9, 4),
)
_GROUP_TROUBLES = ((MIRO, "unknown_member", 8, 6), (NOTION, "too_large", 7, 8))  # of the group of everybody


def tell(world: World, people: People, integrations: Integrations, background: Background) -> None:
    """Put the story on the agenda. The applications are rolled out first; statsig's integration is a year old."""
    apps, staff, admins = world.roster.applications, world.roster.people, world.roster.admins
    add, end = world.agenda.add, world.end
    ada = admins[0]
    ines, kofi, lena = staff[:3]
    known, titled, returning, removed = staff[5:8], staff[10:17], staff[8], staff[9]
    world.reserved.update(person.id for person in (*staff[:10], *titled))

    token_ends = end - TOKEN_ENDS
    add(token_ends - TOKEN_LIFE, integrations.activate, apps[STATSIG], ada)
    add(world.start + 20 * MINUTE, integrations.refuse, apps[ZOOM], ada)
    for app in apps:
        if app.index != STATSIG:
            add(world.start + 25 * MINUTE + app.index * 3 * MINUTE, integrations.activate, app, ada)
        add(world.start + HOUR + app.index * 15 * MINUTE, integrations.roll_out, app, ada)
    add(token_ends, integrations.begin, apps[STATSIG], "token_expired", None)

    linked = world.start + HOUR + SLACK * 15 * MINUTE + 4 * HOUR + 30 * MINUTE
    add(world.start, integrations.begin, apps[SLACK], "duplicates", linked, _some(known))
    add(world.start, integrations.begin, apps[ZOOM], "odd_answer", world.start + DAY, _some(titled[:2]))
    add(world.start, integrations.begin, apps[SLACK], "no_family_name", linked, _some(staff[17:18]))
    add(world.start, integrations.begin, apps[NOTION], "timed_out_but_done", world.start + DAY, _some(titled[2:5]))
    everybody = frozenset((world.roster.groups[0].id,))
    for troubles, subjects in ((_TROUBLES, None), (_GROUP_TROUBLES, everybody)):
        for index, name, before, hours in troubles:
            at = _morning(end - before * DAY)
            add(at, integrations.begin, apps[index], name, at + hours * HOUR, subjects)
    add(end - 290 * HOUR, integrations.begin, apps[ZOOM], "no_seats", end - 263 * HOUR)
    for hour in (289, 288, 286):
        add(end - hour * HOUR, people.join, admins[1])
    add(_morning(end - 21 * DAY), background.project, apps[STATSIG])  # statsig will not delete its group
    add(end - 17 * DAY, integrations.vanish, apps[ZOOM], 2)
    add(end - 19 * DAY, integrations.reconfigure, apps[SLACK], admins[1])
    add(end - 9 * DAY, integrations.renew, apps[NOTION], admins[2])
    add(end - 6 * DAY, people.import_titles, titled, admins[1], True)

    add(end - 20 * DAY, people.leave, returning, admins[1])
    add(end - 14 * DAY, people.come_back, returning, admins[1])
    add(end - 22 * DAY, people.leave, removed, admins[2])
    add(end - 15 * DAY, people.remove, removed, admins[2])

    gone = end - 4 * DAY - 9 * HOUR + 15 * MINUTE + 8 * SECOND
    add(gone - HOUR, integrations.begin, apps[MIRO], "says_yes_does_nothing", gone + HOUR, frozenset((kofi.id,)))
    add(gone, people.leave, kofi, ada)
    add(gone + 23 * HOUR + 43 * MINUTE, people.sneak, kofi, ada)

    add(end - 2 * DAY, people.leave, ines, ada)
    world.neglected.add((lena.id, STATSIG))
    add(end - 5 * HOUR, people.leave, lena, ada)


def _morning(at: int) -> int:
    """Return 09:00 of that day, or of the Friday before a weekend: when there is work for a trouble to hinder."""
    day = at // DAY
    weekday = (day + THURSDAY) % 7
    return (day - max(0, weekday - 4)) * DAY + 9 * HOUR


def _some(people: list[Person]) -> frozenset[str]:
    return frozenset(person.id for person in people)

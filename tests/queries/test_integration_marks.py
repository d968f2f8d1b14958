"""Health read from a store against what a simulated organisation knows to have happened to its credentials."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest

from producers.simulation import Organisation
from producers.simulation.journal import SimulatedEvent
from producers.simulation.model import HOUR, MINUTE
from producers.simulation.truth import Episode, instant
from queries.failures import list_failures
from queries.integrations import marks as integration_marks
from queries.integrations import spans
from queries.integrations.health import Health, State, fold
from queries.integrations.marks import CHANGES_SQL, HOURS_SQL, edges_sql, read_marks, runs_sql
from queries.integrations.reports import report_one
from queries.integrations.spans import APART, MAX_STRETCHES, App, Span, gaps_of, slices_of, stretches_of
from queries.integrations.trouble import Attempts, ConfigurationChange, End, Mark, Place
from queries.store import Store
from schemas.envelope import Source, Trust, seal
from tests.queries.support import INGEST, SLACK, TENANT, Trail, at, attempt, failed, id_of, when
from tests.records import NOON, Record

pytestmark = pytest.mark.store

START = datetime(2026, 2, 2, 7, tzinfo=UTC)
END = START + timedelta(days=5)
EXPIRIES = ((0, 25 * HOUR, 7 * HOUR), (1, 50 * HOUR, 30 * HOUR), (0, 74 * HOUR, 5 * HOUR), (4, 112 * HOUR, 20 * HOUR))
"""Application, when its token expires, for how long; the last beyond the end."""


class Played(NamedTuple):
    organization: str
    applications: list[App]
    events: list[SimulatedEvent]
    expiries: list[Episode]
    records: list[Record]


def play(seed: int) -> Played:
    """Five days of an organisation whose tokens expire, re-authorised in vain ten minutes before each end."""
    organisation = Organisation(seed, 9, 5, 5, START, oddities=0.0, story=False)
    world, source = organisation.world, Source("simulator", Trust.TENANT_API)
    for index, begin, lasts in EXPIRIES:
        until = world.start + begin + lasts
        app = world.roster.applications[index]
        world.agenda.add(world.start + begin, organisation.integrations.begin, app, "token_expired", until)
    events = list(organisation)
    sealed = [seal(event.raw, source, NOON) for event in events]
    records = [Record(one.value, one.headers, offset, key=one.key) for offset, one in enumerate(sealed)]
    expiries = [each for each in organisation.truth.episodes if each.cause == "credentials" and each.events]
    own = world.roster.organization
    return Played(own, [(own, app.id) for app in world.roster.applications], events, expiries, records)


@pytest.fixture(
    scope="module",
    params=[3, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (11, 42))],
    ids="seed {}".format,
)
def played(request: pytest.FixtureRequest, shared_store: Store) -> Played:
    found = play(request.param)
    Trail(shared_store, found.organization).insert(*found.records)
    return found


def accepted_after(played: Played, application: str, at: int) -> datetime | None:
    """When somebody was first accepted from then on, by the simulation's own record."""
    for event in played.events:
        told = event.outcome == "success" and application.encode() in event.raw and b"idm_integration" not in event.raw
        if told and event.at >= instant(at):
            return event.at
    return None


def failed_at(played: Played, episode: Episode) -> list[datetime]:
    return [event.at for event in played.events if event.episode == episode.id]


def test_every_expiry_is_one_trouble_with_its_times_and_no_other_is_found(played: Played, shared_store: Store) -> None:
    assert len(played.expiries) >= len(EXPIRIES)
    marks = read_marks(shared_store, played.applications, END)
    found = [
        (app[1], trouble.start.at, trouble.last.at, trouble.ended and trouble.ended.at, trouble.refusals)
        for app, some in marks.items()
        for trouble in fold(some, "", END).troubles
    ]
    expected = []
    for episode in played.expiries:
        times = failed_at(played, episode)
        ended = accepted_after(played, episode.application_id, episode.ended) if episode.ended else None
        expected.append((episode.application_id, times[0], times[-1], ended, len(times)))
        assert instant(episode.started) <= times[0]
        assert ended is None or episode.ended is None or times[-1] <= instant(episode.ended) <= ended
    assert sorted(found) == sorted(expected)


def test_the_state_goes_with_the_expiry_and_the_vain_re_authorisation(played: Played, shared_store: Store) -> None:
    still = 0
    for episode in played.expiries:
        app = (played.organization, episode.application_id)
        times = failed_at(played, episode)
        marks = every_mark(shared_store, app, END)

        def state(at: datetime, marks: list[Mark] = marks) -> State:
            return fold([mark for mark in marks if _at(mark) <= at], "", at).state

        assert state(times[0] - timedelta(milliseconds=1)) not in (State.FAILING, State.STILL_FAILING)
        assert state(times[0]) is State.DEGRADING
        vain = instant(episode.ended - 10 * MINUTE) if episode.ended else END + timedelta(days=1)
        before = [at for at in times if at < vain]
        if len(before) >= 3:
            assert state(before[2]) is State.FAILING
        if vain <= END and before:
            assert state(vain) is State.STILL_FAILING
            still += 1
        if episode.ended and before and instant(episode.ended) <= END:
            ended = accepted_after(played, episode.application_id, episode.ended)
            assert ended is not None
            assert state(ended - timedelta(milliseconds=1)) is State.REAUTHORISED
            assert state(ended) is State.RECOVERED
    assert still >= 2


@pytest.mark.parametrize("part", [timedelta(days=10), timedelta(minutes=50)], ids=["whole stretches", "in slices"])
def test_what_is_read_says_the_same_as_every_event(
    played: Played, shared_store: Store, monkeypatch: pytest.MonkeyPatch, part: timedelta
) -> None:
    """Of stretches and gaps, and of all there is: the same health, at times all over."""
    monkeypatch.setattr(spans, "SLICE", part)
    for app in played.applications[:2]:
        for hours in (29, 61, 5 * 24):
            at = START + timedelta(hours=hours)
            read = fold(read_marks(shared_store, [app], at)[app], "snowflake", at)
            assert read == fold(every_mark(shared_store, app, at), "snowflake", at)


_EVERY = """
SELECT occurred_at, event_id, kind, event_type, action, outcome, cause, actor_name, detail
FROM attempts_by_application WHERE organization = {organization:String} AND application_id = {application:String}
    AND occurred_at <= {until:DateTime64(6, 'UTC')}
"""


def _at(mark: Mark) -> datetime:
    return mark.place.at if isinstance(mark, ConfigurationChange) else mark.first.at


def every_mark(store: Store, app: App, at: datetime) -> list[Mark]:
    found: list[Mark] = []
    parameters = {"organization": app[0], "application": app[1], "until": at}
    for when_, event_id, kind, event_type, action, outcome, cause, actor, detail in store.query(_EVERY, parameters):
        place = Place(when_, event_id)
        if kind == "integration":
            found.append(ConfigurationChange(place, event_type, action, outcome, cause, actor, detail))
        elif outcome == "success":
            found.append(Attempts(place, place, accepted=True))
        elif (outcome, cause) == ("failure", "credentials"):
            found.append(Attempts(place, place, accepted=False, detail=detail))
    return found


def own_app(trail: Trail) -> App:
    return trail.organization, "5fad07f2b9f5414721b3d797"


def health(trail: Trail, minutes: float) -> tuple[State, int]:
    found = folded(trail, minutes)
    return found.state, sum(trouble.refusals for trouble in found.troubles)


def folded(trail: Trail, minutes: float) -> Health:
    app = own_app(trail)
    return fold(read_marks(trail.store, [app], when(minutes))[app], "", when(minutes))


def test_a_better_copy_takes_a_refusal_back(any_trail: Trail) -> None:
    refused = failed(2)
    worked = {name: value for name, value in refused.items() if name != "message_chain"} | {"success": True}
    any_trail.insert(any_trail.log(refused, INGEST), attempt(1))
    assert health(any_trail, 3) == (State.DEGRADING, 1)
    any_trail.insert(any_trail.log(worked, TENANT))
    assert health(any_trail, 3) == (State.HEALTHY, 0)


def test_a_success_that_a_better_copy_denies_is_none(any_trail: Trail) -> None:
    denied = failed(9, code="500")
    worked = {name: value for name, value in denied.items() if name != "message_chain"} | {"success": True}
    any_trail.insert(any_trail.log(worked, INGEST), any_trail.log(denied, TENANT), failed(5), attempt(1))
    assert health(any_trail, 10) == (State.DEGRADING, 1)


def test_copies_at_other_times_are_the_one_event_that_the_copy_in_force_tells(any_trail: Trail) -> None:
    """However they came: a timestamp cut short by one way, and a success sent under the id of a refusal."""
    trail = any_trail
    refused, accepted, expired = failed(2), attempt(4), failed(7, "idm_integration_reauth")

    def stamped(raw: dict[str, Any], minutes: float) -> dict[str, Any]:
        return raw | {"timestamp": at(minutes)}

    worked = {name: value for name, value in refused.items() if name != "message_chain"} | {"success": True}
    renewed = {name: value for name, value in expired.items() if name != "message_chain"} | {"success": True}
    tenant, partial = (trail.log(one, TENANT) for one in (refused, accepted))
    trail.insert(attempt(1), tenant, trail.log(stamped(refused, 2.5)), trail.log(stamped(refused, 3), INGEST))
    assert health(trail, 3.5) == (State.DEGRADING, 1)
    trail.insert(trail.log(stamped(worked, 5), INGEST))
    assert health(trail, 6) == (State.DEGRADING, 1)
    trail.insert(partial, trail.log(stamped(accepted, 6), INGEST))
    (trouble,) = folded(trail, 6.5).troubles
    assert trouble.ended == Place(when(4), UUID(id_of(partial)))
    trail.insert(trail.log(expired, TENANT), trail.log(stamped(renewed, 8), INGEST))
    assert health(trail, 9) == (State.DEGRADING, 2)
    report, (stuck,) = report_one(trail.store, trail.organization, "statsig", when(3.5))
    assert [(failures.attempts, failures.last_at) for failures in report.failures] == [(1, when(2))]
    assert (stuck.refusals, stuck.first_at, stuck.last_at) == (1, when(2), when(2))


def test_an_event_whose_copy_in_force_has_no_time_counts_for_nothing(trail: Trail) -> None:
    refused = failed(2)
    trail.insert(attempt(1), trail.log(refused, INGEST), trail.log(refused | {"timestamp": "never"}, TENANT))
    assert health(trail, 3) == (State.HEALTHY, 0)


@pytest.mark.parametrize(
    ("own_store", "successes", "first_looked_at"),
    [
        pytest.param("shared_store", 6, 4, id="a few"),
        pytest.param("shared_http_store", 3_500, 100, id="more than a server takes the ids of at once"),
    ],
)
def test_more_denied_successes_than_are_looked_at_first_hide_no_true_one(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    own_store: str,
    successes: int,
    first_looked_at: int,
) -> None:
    monkeypatch.setattr(integration_marks, "CANDIDATES", first_looked_at)
    trail = Trail(request.getfixturevalue(own_store), uuid4().hex[:24])
    app = own_app(trail)
    records = []
    for number in range(successes):
        denied = failed(6 * number / successes, code="500")
        worked = {name: value for name, value in denied.items() if name != "message_chain"} | {"success": True}
        records += [trail.log(worked, INGEST), trail.log(denied, TENANT)]
    trail.insert(*records, attempt(7))
    (mark,) = read_marks(trail.store, [app], when(9))[app]
    assert isinstance(mark, Attempts)
    assert (mark.first.at, mark.last.at) == (when(7), when(7))


def test_a_deletion_between_two_accepted_attempts_is_seen(trail: Trail) -> None:
    trail.insert(attempt(1), attempt(4, "idm_integration_delete"), attempt(6))
    assert health(trail, 7) == (State.DEACTIVATED, 0)
    trail.insert(attempt(70), attempt(80), attempt(90))
    assert health(trail, 91) == (State.HEALTHY, 0)
    assert folded(trail, 91).since == when(70)
    trail.insert(attempt(95, "idm_integration_delete"), attempt(97, "idm_integration_activate"), attempt(98))
    assert folded(trail, 200).since == when(98)
    assert health(trail, 7) == (State.DEACTIVATED, 0)


def test_a_deletion_of_what_another_one_had_replaced_changes_nothing(trail: Trail) -> None:
    trail.insert(
        attempt(1, "idm_integration_activate", idm_client_id="one"), attempt(2),
        attempt(3, "idm_integration_activate", idm_client_id="two"), *map(failed, (4, 5, 6)),
        attempt(7, "idm_integration_delete", idm_client_id="one"),
    )  # fmt: skip
    assert health(trail, 8) == (State.FAILING, 3)
    (group,) = list_failures(trail.store, trail.day(), 10, when(8)).groups
    assert group["state"] == "open"
    trail.insert(attempt(9, "idm_integration_delete", idm_client_id="two"))
    assert health(trail, 10) == (State.DEACTIVATED, 3)
    (group,) = list_failures(trail.store, trail.day(), 10, when(10)).groups
    assert group["state"] == "resolved"


def test_the_last_silence_is_seen_between_however_many_accepted_attempts(trail: Trail) -> None:
    days = 24 * 60
    trail.insert(*(attempt(day * days) for day in (-60, -59, -40, -39, -38, -30, -25, -20, -15)))
    assert folded(trail, -14 * days).since == when(-30 * days)
    assert folded(trail, -31 * days).since == when(-40 * days)


def test_a_trouble_of_weeks_ends_where_it_was_last_tried(trail: Trail) -> None:
    days = 24 * 60
    trail.insert(attempt(-9 * days), failed(-8 * days), failed(-5 * days), failed(-2 * days), attempt(-days))
    app = own_app(trail)
    (trouble,) = fold(read_marks(trail.store, [app], when(0))[app], "", when(0)).troubles
    assert (trouble.start.at, trouble.last.at, trouble.end) == (when(-8 * days), when(-2 * days), End.BY_ITSELF)
    assert trouble.last_good is not None
    assert trouble.last_good.at == when(-9 * days)


HOUR_AT = NOON.replace(hour=0)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param([0, 1, 2], [(0, 3)], id="side by side"),
        pytest.param([0, 24], [(0, 25)], id="a day between"),
        pytest.param([0, 25], [(0, 1), (25, 26)], id="apart"),
        pytest.param([25, 0], [(0, 1), (25, 26)], id="in any order"),
        pytest.param([], [], id="none"),
    ],
)
def test_hours_make_stretches_and_the_rest_is_gaps(hours: list[int], expected: list[tuple[int, int]]) -> None:
    app, end = ("o", "a"), HOUR_AT + timedelta(days=9)
    times = [HOUR_AT + timedelta(hours=hour) for hour in hours]
    found = stretches_of(app, times, end)
    assert [
        ((one.begin - HOUR_AT) // timedelta(hours=1), (one.end - HOUR_AT) // timedelta(hours=1)) for one in found
    ] == (expected)
    gaps = gaps_of(app, found, end)
    parts = sorted((one.begin, one.end) for one in [*found, *gaps])
    assert all(one[1] == other[0] for one, other in pairwise(parts))
    assert parts[-1][1] == end


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param(1, [(0, 1)], id="short"),
        pytest.param(240, [(0, 240)], id="as long as a slice"),
        pytest.param(500, [(260, 500), (20, 260), (0, 20)], id="longer, the latest slice first"),
    ],
)
def test_a_long_stretch_is_read_in_slices_that_make_it_up(hours: int, expected: list[tuple[int, int]]) -> None:
    times = [HOUR_AT + timedelta(hours=hour) for hour in (0, hours)]
    found = slices_of(Span(("o", "a"), *times))
    assert [
        tuple((one - HOUR_AT) // timedelta(hours=1) for one in (part.begin, part.end)) for part in found
    ] == expected


def test_of_endless_trouble_the_latest_is_read() -> None:
    app, end = ("o", "a"), HOUR_AT + timedelta(days=999)
    times = [HOUR_AT + number * 2 * (APART + timedelta(hours=1)) for number in range(MAX_STRETCHES + 5)]
    found = stretches_of(app, times, end)
    assert (len(found), found[-1].begin) == (MAX_STRETCHES, times[-1])
    assert gaps_of(app, found, end)[0].begin == found[0].end


def test_repeats_in_any_order_change_nothing(trail: Trail) -> None:
    events = [attempt(1), failed(2), failed(3), failed(4, "idm_integration_reauth"), attempt(6), failed(7), failed(8)]
    log = [trail.log(raw) for raw in events]
    trail.insert(*log)
    app = own_app(trail)
    first = read_marks(trail.store, [app], when(9))[app]
    again = [replace(record, offset=record.offset + 1_000_000) for record in log]
    Random(5).shuffle(again)
    for some in (again[:1], again[1:4], again[4:]):
        trail.insert(*some)
    assert fold(read_marks(trail.store, [app], when(9))[app], "", when(9)) == fold(first, "", when(9))


@pytest.mark.parametrize("at_once", [20, 1])
def test_of_turns_without_end_the_latest_are_told(trail: Trail, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(integration_marks, "MAX_RUNS", 4)
    monkeypatch.setattr(spans, "SLICE", timedelta(minutes=1))
    monkeypatch.setattr(integration_marks, "AT_ONCE", at_once)
    trail.insert(*(failed(minute) if minute % 2 else attempt(minute) for minute in range(10)))
    app = own_app(trail)
    troubles = fold(read_marks(trail.store, [app], when(9))[app], "", when(9)).troubles
    assert [trouble.start.at for trouble in troubles] == [when(7), when(9)]


def test_of_several_organizations_each_has_its_own(trail: Trail) -> None:
    other = Trail(trail.store, trail.organization[::-1])
    trail.insert(attempt(1), failed(2), attempt(3, "idm_integration_activate", application=SLACK))
    other.insert(attempt(1, application=SLACK), attempt(2, "idm_integration_delete"), attempt(3, application=SLACK))
    apps = [own_app(trail), (other.organization, SLACK["id"])]
    read = read_marks(trail.store, apps, when(9))
    assert [fold(read[app], "", when(9)).state for app in apps] == [State.DEGRADING, State.HEALTHY]
    assert set(read) == set(apps)


def test_the_hours_are_searched_for_in_the_attempts_of_that_application_alone(trail: Trail) -> None:
    trail.store.command(
        "INSERT INTO attempts_by_application"
        " (organization, application_id, occurred_at, event_id, kind, time_quality, outcome, cause)"
        " SELECT {organization:String}, if(number < 5, 'broken', 'busy'), toDateTime64('2026-03-01', 6, 'UTC')"
        " + number, generateUUIDv4(number), 'user', 'ok', 'failure', 'credentials' FROM numbers(50000)",
        {"organization": trail.organization},
    )
    values = {"organizations": [trail.organization], "applications": ["broken"], "until": 2**51, "limit": 10}
    for sql in (HOURS_SQL, CHANGES_SQL):
        plan = trail.store.query(f"EXPLAIN ESTIMATE {sql}", {**values, "changes": 10})
        (read,) = (rows for _, table, _, rows, _ in plan if table == "attempts_by_application")
        assert read <= 3 * 8192  # a granule, and what other tests left


def test_without_trouble_two_rows_are_fetched_however_many_there_are(trail: Trail) -> None:
    trail.store.command(
        "INSERT INTO attempts_by_application"
        " (organization, application_id, occurred_at, event_id, kind, time_quality, outcome)"
        " SELECT {organization:String}, 'busy', toDateTime64('2026-03-01', 6, 'UTC')"
        " + number, generateUUIDv4(number), 'user', 'ok', 'success' FROM numbers(20000)",
        {"organization": trail.organization},
    )
    app = (trail.organization, "busy")
    (mark,) = read_marks(trail.store, [app], NOON)[app]
    assert isinstance(mark, Attempts)
    assert (mark.last.at - mark.first.at) // timedelta(seconds=1) == 19_999


def test_no_value_is_in_a_statement_and_every_list_has_a_limit() -> None:
    for sql in (runs_sql(2), edges_sql([False, True])):
        assert "LIMIT {limit:UInt32}" in sql
        assert "organization = {organization_1:String}" in sql

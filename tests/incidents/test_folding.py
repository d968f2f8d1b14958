"""Incidents in the store: whatever the order, the repeats and the way, they are what the events make them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from queries.failures import list_failures
from queries.incidents.listing import Incidents, list_incidents
from queries.incidents.runs import copies_sql
from queries.selection import Selection
from queries.store import Store
from schemas.envelope import Source, Trust
from schemas.times import EARLIEST, LATEST
from streams.failures import place
from streams.forwarded import read_forwarded
from streams.incident_writer import IncidentWriter, LiveIncidents
from streams.incidents import Incident
from streams.rows import Row, decode_events
from tests.incidents.oracle import incidents_of, written
from tests.records import NOON, Record, event, record_of

pytestmark = pytest.mark.store

ANSWERS: dict[str, dict[str, Any]] = {
    "success": {"success": True},
    "credentials": {"success": False, "error_message": "401 Unauthorized: token expired"},
    "permission": {"success": False, "error_message": "403 Forbidden"},
    "title": {"success": False, "error_message": "400 invalidValue: title is too long: 104 characters"},
    "conflict": {"success": False, "error_message": "409 Conflict: user already exists"},
    "broken": {"success": False, "error_message": "500 Internal Server Error"},
    "last owner": {"success": False, "error_message": "400 Cannot remove the last owner of the organization"},
}
SUBJECTS = {
    "ines": {"id": "u1", "type": "user", "username": "ines.almeida"},
    "kofi": {"id": "u2", "type": "user", "username": "kofi.mensah"},
    "data": {"id": "g1", "type": "user_group", "name": "data"},
}
TYPES = {
    "ines": ["user_update_provision", "user_deprovision", "user_create_provision"],
    "kofi": ["user_update_provision", "user_deprovision", "user_create_provision"],
    "data": ["group_update_provision", "group_create_provision", "group_delete_provision"],
}
CHANGES = ("title", "x"), ("active", False), ("active", True)
BEGIN = NOON - timedelta(hours=3)
_organizations = count()
_tokens = count()


@st.composite
def attempts(draw: st.DrawFn) -> dict[str, Any]:
    """One attempt, at one of 60 seconds, or an event of the integration: several share an instant."""
    when = (BEGIN + timedelta(seconds=draw(st.integers(0, 60)))).isoformat()
    application = {"id": draw(st.sampled_from(["a1", "a2"])), "name": "miro"}
    if draw(st.integers(0, 9)) == 0:
        kind = f"idm_integration_{draw(st.sampled_from(['update', 'reauth', 'activate', 'delete']))}"
        answer = ANSWERS[draw(st.sampled_from(["success", "credentials", "conflict"]))]
        own = draw(st.sampled_from([None, "one", "two"]))
        return event(kind, timestamp=when, resource=None, application=application, idm_client_id=own, **answer)
    who = draw(st.sampled_from(sorted(SUBJECTS)))
    return event(
        draw(st.sampled_from(TYPES[who])),
        timestamp=when,
        resource=SUBJECTS[who],
        application=application,
        changes=[dict(zip(("field", "to"), draw(st.sampled_from(CHANGES)), strict=True))],
        **ANSWERS[draw(st.sampled_from(sorted(ANSWERS)))],
    )


class Trail:
    """An organization of its own in the shared store, with live folding on it."""

    def __init__(self, store: Store) -> None:
        self.organization = f"incidents-{next(_organizations)}"
        self.published: list[Incident] = []
        self.rows: list[Row] = []
        self._store = store
        self.writer = IncidentWriter(store, 10, self._publish)
        self.live = LiveIncidents(self.writer)

    async def _publish(self, incidents: Sequence[Incident]) -> None:
        self.published += incidents

    def record(self, one: dict[str, Any], trust: Trust = Trust.EXPORT) -> Record:
        return record_of(
            {**one, "organization": self.organization}, source=Source("file:x", trust), known_at=datetime.now(UTC)
        )

    def id_of(self, one: dict[str, Any]) -> str:
        """The id of its event, in hex."""
        return UUID(dict(self.record(one).headers)["ce_id"].decode()).hex

    async def sink(self, records: Sequence[Record], seen: bool = True) -> None:
        """Store, and then show to live detection, as the sink does."""
        decoded = decode_events(records, timedelta(days=100_000))
        self.rows += decoded.rows
        self._store.insert_arrow("events", batch(decoded.rows, EVENTS_ARROW_SCHEMA), f"incidents-{next(_tokens)}")
        if seen:
            placed = [place(read_forwarded(one.value, dict(one.headers))) for one in decoded.forward]
            await self.live.take([one.attempt for one in placed if one is not None])

    def states(self, now: datetime) -> dict[tuple[str, ...], tuple[int, bool]]:
        """Tries and whether anything goes on, by application, cause and attribute: by the incidents."""
        found: dict[tuple[str, ...], tuple[int, bool]] = {}
        for item in list_incidents(self._store, Incidents(self.organization, EARLIEST, LATEST), now).items:
            key = item["application_id"], item["cause"], item["attribute"]
            tries, goes_on = found.get(key, (0, False))
            found[key] = tries + item["attempts"], goes_on or item["state"] != "resolved"
        return found

    def states_of_failures(self, now: datetime) -> dict[tuple[str, ...], tuple[int, bool]]:
        """The same by the failures."""
        groups = list_failures(self._store, Selection(self.organization, EARLIEST, LATEST), 100, now).groups
        return {
            (group["application_id"], group["cause"], group["attribute"]): (group["tries"], group["state"] == "open")
            for group in groups
        }

    def check(self) -> None:
        assert written(self._store, self.organization) == incidents_of(self.rows)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(attempts(), min_size=1, max_size=25), st.data())
def test_any_order_of_arrival_any_repeats_live_or_backfilled_the_same_rows_and_the_states_of_failures(
    shared_store: Store, drawn: list[dict[str, Any]], data: st.DataObject
) -> None:
    async def run() -> None:
        trail, backfilled = Trail(shared_store), Trail(shared_store)
        arriving = data.draw(st.permutations([*drawn, *data.draw(st.lists(st.sampled_from(drawn), max_size=5))]))
        while arriving:
            size = data.draw(st.integers(1, 12))
            some, arriving = arriving[:size], arriving[size:]
            await trail.sink([trail.record(one) for one in some])
            if data.draw(st.integers(0, 3)) == 0:
                trail.live.forget()
        trail.check()
        backfilled.organization = trail.organization
        rows = written(shared_store, trail.organization)
        for application in ("a1", "a2"):
            await backfilled.writer.settle((trail.organization, application))
        assert written(shared_store, trail.organization) == rows
        assert backfilled.published == []  # not one of them was another
        for minutes in (0, 0.5, 180):
            assert trail.states(BEGIN + timedelta(minutes=minutes)) == trail.states_of_failures(
                BEGIN + timedelta(minutes=minutes)
            )

    asyncio.run(run())


async def test_older_events_that_live_folding_has_not_seen_join_by_the_backfill(shared_store: Store) -> None:
    trail = Trail(shared_store)
    long_ago, later, now = (BEGIN + timedelta(minutes=n) for n in (0, 10, 20))
    await trail.sink([trail.record(event(timestamp=long_ago.isoformat(), **ANSWERS["credentials"]))], seen=False)
    await trail.sink([trail.record(event(timestamp=later.isoformat(), **ANSWERS["credentials"]))])
    await trail.writer.settle((trail.organization, event()["application"]["id"]))
    trail.check()
    await trail.sink([trail.record(event(timestamp=now.isoformat(), **ANSWERS["success"]))])
    trail.check()


async def test_a_backfilled_incident_ends_with_a_success_that_came_live(shared_store: Store) -> None:
    """Live folding has never seen the failure: it learns of the incident from its row."""
    trail = Trail(shared_store)
    await trail.sink([trail.record(event(timestamp=BEGIN.isoformat(), **ANSWERS["title"]))])
    other = Trail(shared_store)
    other.organization = trail.organization
    failed = trail.record(event(timestamp=(BEGIN + timedelta(minutes=1)).isoformat(), **ANSWERS["conflict"]))
    await trail.sink([failed], seen=False)
    await other.writer.settle((trail.organization, event()["application"]["id"]))
    await trail.sink([trail.record(event(timestamp=(BEGIN + timedelta(minutes=2)).isoformat()))])
    trail.check()


async def test_a_success_that_comes_while_the_backfill_writes_ends_what_it_writes(shared_store: Store) -> None:
    """Live folding does not know the incident yet, so the backfill must look again."""
    live, backfill = Trail(shared_store), Trail(shared_store)
    await live.sink([live.record(attempt("a1", 10, "title"))], seen=False)

    async def meanwhile(incidents: Sequence[Incident]) -> None:
        if not backfill.published:
            await live.sink([live.record(attempt("a1", 20, "success"))])
        backfill.published += incidents

    await IncidentWriter(shared_store, 10, meanwhile).settle((live.organization, "a1"))
    live.check()
    assert written(shared_store, live.organization)[0][-3] > 0


async def test_a_row_that_was_folded_before_others_and_written_after_them_is_seen(shared_store: Store) -> None:
    live = Trail(shared_store)
    await live.sink([live.record(attempt("a1", 10, "title"))], seen=False)

    async def meanwhile(_: Sequence[Incident]) -> None:
        await live.sink([live.record(attempt("a2", 11, "conflict"))])
        await live.sink([live.record(attempt("a2", 12, "conflict"))])

    await IncidentWriter(shared_store, 10, meanwhile).fold([(live.organization, "a1")])
    await live.sink([live.record(attempt("a1", 20, "success"))])
    live.check()


async def test_a_better_copy_that_says_otherwise_empties_the_incident(shared_store: Store) -> None:
    trail = Trail(shared_store)
    failed = event(timestamp=BEGIN.isoformat(), **ANSWERS["title"])
    await trail.sink([trail.record(failed, Trust.WEBHOOK)])
    assert len(written(shared_store, trail.organization)) == 1
    await trail.sink([trail.record({**failed, "success": True, "error_message": ""})])
    trail.check()
    assert written(shared_store, trail.organization) == []


@pytest.mark.parametrize("live", [True, False], ids=["live", "backfilled"])
@pytest.mark.parametrize("better_first", [True, False], ids=["the better copy first", "the better copy last"])
async def test_a_copy_out_of_force_neither_begins_nor_ends_an_incident_of_another_application(
    shared_store: Store, live: bool, better_first: bool
) -> None:
    """`a1` has an incident that goes on, `a2` none, although copies of others' events tell otherwise."""
    trail = Trail(shared_store)
    accepted, refused = attempt("a3", 30, "success", id="1"), attempt("a3", 40, "success", id="2")
    worse = [{**accepted, "application": {"id": "a1"}}, {**refused, "application": {"id": "a2"}, **ANSWERS["title"]}]
    await trail.sink([trail.record(attempt("a1", 20, "title"))])
    copies = [[(one, Trust.WEBHOOK) for one in worse], [(one, Trust.EXPORT) for one in (accepted, refused)]]
    for some in copies[::-1] if better_first else copies:
        await trail.sink([trail.record(*one) for one in some], seen=live)
        if not live:
            for application in ("a1", "a2"):
                await trail.writer.settle((trail.organization, application))
    trail.check()
    assert {row[1]: row[-3] > 0 for row in written(shared_store, trail.organization)} == {"a1": False}


async def test_a_copy_that_tells_more_moves_the_failure_to_its_incident(shared_store: Store) -> None:
    """A webhook passes less on than the export that follows."""
    trail = Trail(shared_store)
    failed = event(timestamp=BEGIN.isoformat(), **ANSWERS["title"])
    await trail.sink([trail.record({**failed, "error_message": None}, Trust.WEBHOOK)])
    await trail.sink([trail.record(failed)])
    trail.check()
    (row,) = written(shared_store, trail.organization)
    assert row[2] == "invalid_value"


def attempt(application: str, minute: int, answer: str, who: str = "ines", **parts: Any) -> dict[str, Any]:
    when = (BEGIN + timedelta(minutes=minute)).isoformat()
    told = {"resource": SUBJECTS[who], "application": {"id": application}, **ANSWERS[answer], **parts}
    return event(timestamp=when, **told)


async def test_what_a_copy_did_is_undone_by_a_better_copy_that_says_it_of_another_time_or_person(
    shared_store: Store,
) -> None:
    copies = [
        (attempt("earlier failure", 10, "conflict", id="1"), attempt("earlier failure", 5, "credentials", id="1")),
        (attempt("later failure", 10, "conflict", id="2"), attempt("later failure", 40, "credentials", id="2")),
        (attempt("later success", 30, "success", id="3"), attempt("later success", 40, "success", id="3")),
        (attempt("another's", 30, "success", id="4"), attempt("another's", 30, "success", "kofi", id="4")),
    ]
    trail = Trail(shared_store)
    await trail.sink([trail.record(attempt(first["application"]["id"], 20, "title")) for first, _ in copies])
    await trail.sink([trail.record(first, Trust.WEBHOOK) for first, _ in copies])
    await trail.sink([trail.record(attempt("later failure", 25, "success"))])
    trail.check()
    await trail.sink([trail.record(better) for _, better in copies])
    trail.check()


async def test_a_failed_activation_ends_when_the_integration_is_activated(shared_store: Store) -> None:
    """Nobody's account is needed for that; people's own trouble goes on. A person's success shows it as well."""
    trail = Trail(shared_store)
    activate: dict[str, Any] = {"event_type": "idm_integration_activate", "resource": None}
    await trail.sink([trail.record(attempt("a2", 10, "conflict", **activate))])
    await trail.sink([trail.record(attempt("a2", 20, "success"))])
    assert written(shared_store, trail.organization)[0][-3] > 0
    trail = Trail(shared_store)
    await trail.sink([trail.record(attempt("a1", 10, "conflict", **activate))])
    await trail.sink([trail.record(attempt("a1", 11, "credentials"))])
    await trail.sink([trail.record(attempt("a1", 20, "success", **activate))])
    trail.check()
    assert {row[2]: row[-3] > 0 for row in written(shared_store, trail.organization)} == {
        "conflict": True,
        "credentials": False,
    }


async def test_what_changes_nothing_is_neither_written_nor_published_again(shared_store: Store) -> None:
    trail = Trail(shared_store)
    failed = trail.record(event(timestamp=BEGIN.isoformat(), **ANSWERS["title"]))
    await trail.sink([failed])
    await trail.sink([failed])
    assert len(trail.published) == 1


async def test_an_unplaced_failure_belongs_to_no_incident(shared_store: Store) -> None:
    trail = Trail(shared_store)
    await trail.sink([trail.record(event(timestamp="no time", **ANSWERS["title"]))])
    trail.check()
    assert written(shared_store, trail.organization) == []


async def test_a_better_copy_without_a_time_undoes_what_the_copy_before_it_did(shared_store: Store) -> None:
    """Live, and where the older copy comes last; the success that ended a trouble is none any more either."""
    trail = Trail(shared_store)
    failure, success = attempt("a1", 10, "title", id="1"), attempt("a2", 30, "success", id="2")
    await trail.sink([trail.record(attempt("a2", 20, "conflict"))])
    await trail.sink([trail.record(failure, Trust.WEBHOOK), trail.record(success, Trust.WEBHOOK)])
    trail.check()
    assert {row[1]: row[-3] > 0 for row in written(shared_store, trail.organization)} == {"a1": False, "a2": True}
    await trail.sink([trail.record({**failure, "timestamp": "no time"}), trail.record({**success, "timestamp": ""})])
    trail.check()
    assert {row[1]: row[-3] > 0 for row in written(shared_store, trail.organization)} == {"a2": False}

    trail = Trail(shared_store)
    await trail.sink([trail.record({**failure, "timestamp": "no time"})])
    await trail.sink([trail.record(failure, Trust.WEBHOOK)])
    trail.check()
    assert written(shared_store, trail.organization) == []


@pytest.mark.parametrize("backwards", [False, True])
async def test_events_of_one_instant_come_in_the_order_of_their_ids(shared_store: Store, backwards: bool) -> None:
    trail = Trail(shared_store)
    own = {trail.id_of(attempt("a1", 10, "title", id=str(number))): str(number) for number in range(12)}
    *_, failure, next_one = sorted(own)[:7]  # about half of the successes have smaller ids
    drawn = [attempt("a1", 10, "title" if one == failure else "success", id=number) for one, number in own.items()]
    await trail.sink([trail.record(one) for one in (drawn[::-1] if backwards else drawn)])
    assert written(shared_store, trail.organization)[0][-2] == next_one
    trail.check()


async def test_a_failure_after_the_end_at_the_same_instant_is_the_next_episode(shared_store: Store) -> None:
    trail = Trail(shared_store)
    ids = sorted(map(str, range(3)), key=lambda one: trail.id_of(attempt("a1", 10, "title", id=one)))
    answers = zip(("title", "success", "title"), ids, strict=True)
    await trail.sink([trail.record(attempt("a1", 10, answer, id=one)) for answer, one in answers])
    trail.check()
    (row,) = written(shared_store, trail.organization)
    assert row[11] == 2
    assert row[-3] == 0


async def test_where_each_kind_of_attempt_ends_by_itself_at_one_instant_the_last_id_is_told(
    shared_store: Store,
) -> None:
    for id_of_first in ("1", "3"):
        trail = Trail(shared_store)
        types = {"event_type": "user_update_provision"}, {"event_type": "user_deprovision"}
        await trail.sink([trail.record(attempt("a1", 10, "permission", **one)) for one in types])
        ends = [
            attempt("a1", 20, "success", id=number, **one)
            for number, one in zip((id_of_first, "2"), types, strict=True)
        ]
        await trail.sink([trail.record(one) for one in ends])
        trail.check()
        (row,) = written(shared_store, trail.organization)
        assert (row[3], row[-2]) == (2, max(trail.id_of(one) for one in ends))


BY_UPDATE: Final = {"changes": [{"field": "active", "to": False}]}


CLOSING: Final = {"event_type": "user_deprovision"}
ENDED: dict[str, tuple[dict[str, Any], str, dict[str, Any], bool]] = {
    "another's closing": (CLOSING, "last owner", {"who": "kofi", **CLOSING}, False),
    "rights for another": (CLOSING, "permission", {"who": "kofi", **CLOSING}, False),
    "the person's own title": (CLOSING, "broken", {}, False),
    "the own closing": (CLOSING, "broken", CLOSING, True),
    "the own deletion": (CLOSING, "broken", {"event_type": "user_delete_provision"}, True),
    "an update that closes": (CLOSING, "broken", BY_UPDATE, True),
    "wanted again": (CLOSING, "broken", {"event_type": "user_create_provision"}, True),
    "wanted again, by an update": (CLOSING, "broken", {"changes": [{"field": "active", "to": True}]}, True),
    "credentials: the whole integration's": (CLOSING, "credentials", {"who": "kofi"}, True),
    "update: another's closing": (BY_UPDATE, "last owner", {"who": "kofi", **BY_UPDATE}, False),
    "update: the person's own title": (BY_UPDATE, "broken", {}, False),
    "update: the own closing": (BY_UPDATE, "broken", CLOSING, True),
}
"""The closing that failed, with what, what succeeded since, and whether that ends it: each in an application."""


async def test_a_closing_that_failed_ends_with_nothing_but_what_closes_or_opens_the_account(
    shared_store: Store,
) -> None:
    trail = Trail(shared_store)
    await trail.sink([trail.record(attempt(name, 10, why, **closing)) for name, (closing, why, *_) in ENDED.items()])
    await trail.sink([trail.record(attempt(name, 20, "success", **since)) for name, (*_, since, _) in ENDED.items()])
    trail.check()
    found = {row[1]: row[-3] > 0 for row in written(shared_store, trail.organization)}
    assert found == {name: ended for name, (*_, ended) in ENDED.items()}


async def test_a_worse_copy_without_a_time_changes_nothing(shared_store: Store) -> None:
    trail = Trail(shared_store)
    failure = attempt("a1", 10, "title", id="1")
    await trail.sink([trail.record(failure)])
    await trail.sink([trail.record({**failure, "timestamp": "no time"}, Trust.WEBHOOK)])
    trail.check()
    assert len(written(shared_store, trail.organization)) == 1


def test_an_incident_row_has_the_columns_of_its_table(shared_store: Store) -> None:
    columns = [name for (name,) in shared_store.query("SELECT name FROM system.columns WHERE table = 'incidents'")]
    assert [*Incident._fields, "folded_at"] == list(dict.fromkeys(columns))
    assert orjson.dumps(Incident._fields)


def test_the_copies_of_an_event_are_found_without_reading_the_other_events_of_its_application(store: Store) -> None:
    trail = Trail(store)
    store.command(
        "INSERT INTO attempts_by_application (organization, application_id, event_id, occurred_at, time_quality)"
        f" SELECT '{trail.organization}', 'a1', toUUID(concat('00000000-0000-0000-0000-', leftPad(toString(number),"
        " 12, '0'))), toDateTime64(1.76e9 + number, 6, 'UTC'), 'ok' FROM numbers(40000)"
    )
    parameters = {
        "ours": [(trail.organization, "a1")],
        "events": ["00000000-0000-0000-0000-000000000007"],
        "better": [trail.organization],
    }
    plan = "\n".join(line for (line,) in store.query(f"EXPLAIN indexes = 1 {copies_sql()}", parameters))
    read = plan[plan.index("Name: by_event") :]
    assert int(read[read.index("Granules: ") + len("Granules: ") :].partition("/")[0]) == 1, plan

"""The statements themselves: names come from us, values only ever stand as `{name:Type}`."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from queries.alerts.listing import ONE as ONE_ALERT
from queries.alerts.listing import Alerts, alerts_sql
from queries.alerts.statistics import counts_sql as alert_counts_sql
from queries.alerts.statistics import rules_sql, times_sql
from queries.blame import accepted_rows_sql, accepted_sql
from queries.closings import closers_sql
from queries.counts import Dimension, counts_sql
from queries.drift import FINDINGS, SAMPLES
from queries.events import ONE as ONE_EVENT
from queries.events import places_sql, rows_sql
from queries.failures import failures_sql, windows_sql
from queries.histories import batch_sql, bindings_sql, history_sql, memberships_sql
from queries.incidents.details import hours_sql, own_successes_sql, subjects_sql, texts_sql
from queries.incidents.listing import ONE as ONE_INCIDENT
from queries.incidents.listing import Incidents, incidents_sql
from queries.integrations.replaced import replaced_sql
from queries.integrations.uses import COPIES_SQL as USES_SQL
from queries.scope import SCOPE
from queries.selection import Selection
from queries.state import later_sql
from queries.statistics import statistics_sql
from queries.suspects import suspects_sql
from tests.records import NOON

VALUE = "va'lue"
FULL = Selection(
    VALUE,
    NOON - timedelta(days=1),
    NOON,
    event_types=(VALUE,),
    kinds=(VALUE,),
    outcomes=(VALUE,),
    causes=(VALUE,),
    application=VALUE,
    subject=VALUE,
    actor=VALUE,
    incident=VALUE,
    text=VALUE,
)
WINDOWS = Selection(VALUE, FULL.since, NOON, event_types=(VALUE,), causes=(VALUE,), application=VALUE)
INCIDENTS = Incidents(VALUE, FULL.since, NOON, states=(VALUE,), causes=(VALUE,), application=VALUE, subject=VALUE)
ALERTS = Alerts(VALUE, FULL.since, NOON, states=(VALUE,), severities=(VALUE,), rules=(VALUE,), applications=(VALUE,))
STATEMENTS = {
    "places": places_sql(FULL, after=True),
    "rows": rows_sql(FULL, 1),
    "one": ONE_EVENT,
    "statistics": statistics_sql(FULL),
    "failures": " ".join(failures_sql(FULL)),
    "windows": windows_sql(WINDOWS),
    "incidents": incidents_sql(INCIDENTS, after=True),
    "incident": ONE_INCIDENT,
    "incident's people": subjects_sql(after=True),
    "incident's own successes": own_successes_sql(),
    "incident's texts": texts_sql(FULL),
    "incident's hours": hours_sql(FULL),
    "alerts": alerts_sql(ALERTS, after=True),
    "alert": ONE_ALERT,
    "alerts counted": alert_counts_sql(ALERTS),
    "alerts' times": times_sql(ALERTS),
    "alerts by rule": rules_sql(ALERTS),
    "history": history_sql(),
    "batch of a history": batch_sql(),
    "accepted": accepted_sql(same=True),
    "accepted of others": accepted_sql(same=False),
    "accepted rows": accepted_rows_sql(),
    "suspects": suspects_sql(past=False, parted=False),
    "suspects of the past": suspects_sql(past=True, parted=True),
    "closers": closers_sql(),
    "bindings": bindings_sql(members=True),
    "memberships": memberships_sql(),
    "later": later_sql(),
    "replaced integrations": replaced_sql("organization IN {organizations:Array(String)}"),
    "uses": USES_SQL,
    "drift": FINDINGS,
    "drift's samples": SAMPLES,
    **{f"counts {by}": counts_sql(FULL, [by]) for by in Dimension},
}


UNLIMITED = ("statistics", "one", "bindings", "memberships", "replaced integrations", "uses")
"""One row, or all that surrounds a lifecycle."""


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_value_is_in_a_statement_and_the_organization_always_is(name: str) -> None:
    sql = " ".join(STATEMENTS[name].split())
    assert VALUE not in sql
    for read in re.findall(
        r"FROM (?:events|events_by_subject|attempts|associations|subjects|failure_windows|incidents|schema_drift"
        r"|alert_records|account_marks|account_turns)\b(.{0,100})",
        sql,
    ):
        some = (
            "organization = {organization:String}", SCOPE, "organization IN {better:Array(String)}",
            "organization IN {organizations:Array(String)}",
        )  # fmt: skip
        assert any(own in read for own in some), read


@pytest.mark.parametrize("name", [name for name in STATEMENTS if name not in UNLIMITED])
def test_every_list_has_a_limit(name: str) -> None:
    assert (
        re.search(r"LIMIT (\{limit:UInt32\}|10000|50000|100000|5|1)\s*(SETTINGS [\w =,]+)?$", STATEMENTS[name])
        or name == "rows"
    )


def test_only_events_with_several_rows_are_chosen_from_and_their_copy_in_force_is_judged_alone() -> None:
    chosen = Selection("o", NOON - timedelta(days=1), NOON, outcomes=("failure",))
    wanted = (
        "occurred_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"
        " AND occurred_at < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AND outcome IN {outcomes:Array(String)}"
    )
    bits = "toUInt32(cityHash64(event_id))"
    assert chosen.in_force_sql(["cause"]) == (
        f"WITH (SELECT groupArray(event_id) FROM (SELECT event_id FROM events WHERE {SCOPE} AND {bits} GLOBAL IN ("
        f"SELECT {bits} FROM events WHERE {SCOPE} AND {wanted}) GROUP BY event_id HAVING count() > 1)) AS several"
        " SELECT event_id, occurred_at, time_quality, cause, outcome"
        f" FROM events WHERE {SCOPE} AND {wanted} AND event_id GLOBAL NOT IN (SELECT arrayJoin(several))"
        " UNION ALL SELECT event_id, occurred_at, time_quality, cause, outcome FROM ("
        "SELECT event_id, tupleElement(copy, 1) AS occurred_at, tupleElement(copy, 2) AS time_quality,"
        " tupleElement(copy, 3) AS cause, tupleElement(copy, 4) AS outcome FROM ("
        "SELECT event_id, argMax(tuple(occurred_at, time_quality, cause, outcome), tuple(version, fingerprint)) AS copy"
        f" FROM events WHERE {SCOPE} AND event_id GLOBAL IN (SELECT arrayJoin(several)) GROUP BY event_id))"
        f" WHERE {wanted}"
    )

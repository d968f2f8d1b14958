"""Records of alerts: written and read back, refused where they are none, and where an alert stands by them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from schemas.alerts import (
    MEANT_FOR,
    Act,
    AlertRecord,
    Delivered,
    State,
    read_alert_record,
    seal_record,
    standing,
    too_late,
)
from schemas.errors import MalformedRecord
from tests.alerts.records import acted, detected, minute
from tests.records import ORGANIZATION

OPEN = detected()
ENDED = detected(detection="ended", ended_at=minute(30))
TOLD = Delivered(
    alert_id=OPEN.alert_id,
    organization=ORGANIZATION,
    rule_id=OPEN.rule_id,
    destination="on-call",
    occasion="opened 1",
    attempt=1,
    at=minute(1),
    succeeded=False,
    detail="HTTP 503",
)
STATES = [
    # id, detected, acts as (act, minute), state, since, by, reopened
    pytest.param(OPEN, [], State.OPEN, 0, "", False, id="open"),
    pytest.param(OPEN, ["acknowledge 5"], State.ACKNOWLEDGED, 5, "ada", False, id="acknowledged"),
    pytest.param(OPEN, ["note 5", "own 6"], State.OPEN, 0, "", False, id="what is noted changes no state"),
    pytest.param(OPEN, ["resolve 20"], State.RESOLVED, 20, "ada", False, id="resolved by hand"),
    pytest.param(OPEN, ["resolve 10"], State.RESOLVED, 10, "ada", False, id="resolved as it held"),
    pytest.param(OPEN, ["resolve 5"], State.OPEN, 10, "", True, id="resolved, and held again"),
    pytest.param(OPEN, ["resolve 5", "acknowledge 12"], State.ACKNOWLEDGED, 12, "ada", True, id="held again, and seen"),
    pytest.param(OPEN, ["resolve 20", "reopen 21"], State.OPEN, 21, "ada", True, id="reopened by hand"),
    pytest.param(OPEN, ["acknowledge 5", "reopen 6"], State.OPEN, 6, "ada", False, id="an acknowledgement taken back"),
    pytest.param(
        OPEN, ["resolve 20", "acknowledge 21"], State.RESOLVED, 20, "ada", False, id="resolved, then seen late"
    ),
    pytest.param(OPEN, ["resolve 20", "snooze 50"], State.RESOLVED, 20, "ada", False, id="resolved, then snoozed late"),
    pytest.param(
        OPEN, ["resolve 20", "acknowledge 21", "reopen 22"], State.OPEN, 22, "ada", True, id="and reopened by hand"
    ),
    pytest.param(
        OPEN, ["resolve 20", "reopen 22", "snooze 50"], State.SNOOZED, 50, "ada", True, id="reopened, then snoozed"
    ),
    pytest.param(OPEN, ["snooze 50"], State.SNOOZED, 50, "ada", False, id="snoozed"),
    pytest.param(OPEN, ["snooze 10"], State.OPEN, 40, "", False, id="a snooze that is over"),
    pytest.param(OPEN, ["acknowledge 5", "snooze 10"], State.OPEN, 40, "", False, id="acknowledged, then snoozed"),
    pytest.param(OPEN, ["snooze 50", "reopen 55"], State.OPEN, 55, "ada", False, id="woken"),
    pytest.param(OPEN, ["snooze 50", "acknowledge 51"], State.ACKNOWLEDGED, 51, "ada", False, id="woken and seen"),
    pytest.param(
        detected(episodes=2, since=minute(8)), ["acknowledge 5"], State.OPEN, 8, "", True, id="opened anew after that"
    ),
    pytest.param(
        detected(episodes=2, since=minute(8)), ["snooze 50"], State.SNOOZED, 50, "ada", True, id="opened anew, snoozed"
    ),
    pytest.param(detected(episodes=2, since=minute(8)), [], State.OPEN, 8, "", True, id="opened twice"),
    pytest.param(ENDED, [], State.RESOLVED, 30, "", False, id="ended by itself"),
    pytest.param(ENDED, ["acknowledge 40"], State.RESOLVED, 30, "", False, id="acknowledged as it ended"),
    pytest.param(ENDED, ["snooze 50"], State.RESOLVED, 30, "", False, id="snoozed as it ended"),
    pytest.param(ENDED, ["reopen 20"], State.RESOLVED, 30, "", False, id="reopened, then ended"),
    pytest.param(ENDED, ["reopen 30"], State.RESOLVED, 30, "", False, id="reopened as it ended"),
    pytest.param(ENDED, ["reopen 40"], State.OPEN, 40, "ada", True, id="reopened after its end"),
    pytest.param(ENDED, ["reopen 40", "acknowledge 41"], State.ACKNOWLEDGED, 41, "ada", True, id="reopened and seen"),
    pytest.param(ENDED, ["reopen 40", "resolve 41"], State.RESOLVED, 41, "ada", False, id="reopened and resolved"),
    pytest.param(detected(detection="withdrawn"), ["reopen 40"], State.WITHDRAWN, 10, "", False, id="withdrawn"),
]


@pytest.mark.parametrize(("last", "acts", "state", "since", "by", "reopened"), STATES)
def test_where_an_alert_stands(last: Any, acts: list[str], state: State, since: int, by: str, reopened: bool) -> None:
    found = standing(last, [acted(*act.split()) for act in acts], now=minute(60))
    assert (found.state, found.since, found.by, found.reopened) == (state, minute(since), by, reopened)
    assert (found.snoozed_until is not None) == (state is State.SNOOZED)


@pytest.mark.parametrize(
    ("acts", "late"),
    [
        pytest.param(["resolve 20", "acknowledge 21", "note 22", "snooze 23"], [1, 3], id="after a resolution"),
        pytest.param(["acknowledge 5", "resolve 20"], [], id="before it"),
        pytest.param(["resolve 20", "acknowledge 21", "reopen 22", "acknowledge 23"], [], id="taken back"),
        pytest.param(["resolve 5", "acknowledge 12"], [], id="held again"),
        pytest.param(["acknowledge 5"], [], id="not resolved"),
    ],
)
def test_which_acts_came_too_late(acts: list[str], late: list[int]) -> None:
    done = [acted(*act.split()) for act in acts]
    assert too_late(OPEN, done) == {done[number].act_id for number in late}


def test_the_last_owner_holds_before_the_rules() -> None:
    ruled = detected(owner="identity team")
    assert standing(ruled, [], minute(60)).owner == "identity team"
    acts = [acted("own", "5", text="ada"), acted("own", "6", text="lin")]
    assert standing(ruled, acts, minute(60)).owner == "lin"


def test_every_act_means_something_somewhere() -> None:
    assert set(MEANT_FOR) == set(Act)
    assert State.WITHDRAWN not in {state for act in (Act.ACKNOWLEDGE, Act.REOPEN) for state in MEANT_FOR[act]}


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(OPEN, id="detected"),
        pytest.param(ENDED, id="ended"),
        pytest.param(detected(ended_by=UUID(int=9), title="Łukasz \N{GRINNING FACE}", group={}), id="odd texts"),
        pytest.param(acted("snooze", "5"), id="acted"),
        pytest.param(TOLD, id="delivered"),
    ],
)
def test_a_record_is_read_back_as_it_was_written(record: AlertRecord) -> None:
    key, value, headers = seal_record(record)
    assert read_alert_record(value) == record
    assert key == record.alert_id.encode()
    assert dict(headers)["idtrail_record"] == record.record.encode()


def test_fields_of_a_later_release_are_passed_over() -> None:
    value = orjson.dumps({**orjson.loads(seal_record(OPEN).value), "mood": "grave"})
    assert read_alert_record(value) == OPEN


def test_records_of_before_incidents_were_told_have_none() -> None:
    value = orjson.loads(seal_record(OPEN).value)
    del value["incidents"]
    assert read_alert_record(orjson.dumps(value)) == OPEN


def changed(record: AlertRecord, /, **fields: Any) -> bytes:
    return orjson.dumps({**orjson.loads(seal_record(record).value), **fields})


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="no value"),
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="not JSON"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"record": "detected"}', id="fields missing"),
        pytest.param(changed(OPEN, record="dreamt"), id="of no kind"),
        pytest.param(changed(OPEN, alert_id="ABC"), id="no id"),
        pytest.param(changed(OPEN, severity="grave"), id="no severity"),
        pytest.param(changed(OPEN, events=-1), id="a count below zero"),
        pytest.param(changed(OPEN, people=2**40), id="a count that no column takes"),
        pytest.param(changed(OPEN, since="2026-03-19T12:00:00"), id="a time without a zone"),
        pytest.param(changed(OPEN, since="1823-03-19T12:00:00Z"), id="a time before all"),
        pytest.param(changed(OPEN, last_at="9999-12-31T23:59:59Z"), id="a time after all"),
        pytest.param(changed(OPEN, detection="ended"), id="ended without a time"),
        pytest.param(changed(ENDED, detection="open"), id="open with an end"),
        pytest.param(changed(OPEN, people_named=["x"] * 21), id="too many names"),
        pytest.param(changed(acted("note", "5"), until="2026-03-20T12:00:00Z"), id="a note with an end"),
        pytest.param(changed(acted("snooze", "5"), until=None), id="a snooze without end"),
        pytest.param(changed(acted("note", "5"), text="x" * 2_001), id="a note too long"),
        pytest.param(changed(OPEN, title="x").replace(b'"x"', b'"\\ud800"'), id="half a character"),
    ],
)
def test_what_is_none_is_refused(value: bytes | None) -> None:
    with pytest.raises(MalformedRecord) as refused:
        read_alert_record(value)
    assert refused.value.reason == "no_alert_record"


def test_times_are_told_in_utc() -> None:
    found = read_alert_record(changed(OPEN, since="2026-03-19T14:00:00+02:00"))
    assert found == OPEN
    assert found.model_dump_json() == OPEN.model_dump_json()
    assert OPEN.since.utcoffset() == timedelta(0)

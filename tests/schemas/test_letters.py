"""Dead letters sealed again, and decisions written and read back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from schemas.envelope import Header, Source, Trust, dead_letter, seal
from schemas.errors import ForeignOrganization, MalformedRecord, RecordError
from schemas.letters import DECISION, Coordinates, Decision, Letter, Verdict, read_decision, seal_again
from tests.records import NOON, ORGANIZATION, Record, event
from tests.streams.test_rows import decode

PLACE = Coordinates("idtrail.dead-letters", 2, 41)
FILE = Source("file:export.json.gz", Trust.EXPORT, "another")
LETTER = Letter(UUID(int=7), "o", "file:x", "element 1", "no_timestamp", "no timestamp", NOON, 12, *PLACE)


def letter_of(raw: bytes, source: Source = FILE) -> tuple[bytes, list[Header]]:
    _, value, headers = dead_letter(raw, source, MalformedRecord("x", reason="x"), "element 77, byte 9")
    return value, headers


def test_a_letter_becomes_the_event_it_would_have_been_but_for_its_place_of_origin() -> None:
    raw = orjson.dumps(event())
    value, headers = letter_of(raw)
    again = seal_again(value, headers, PLACE, NOON, into=ORGANIZATION)
    direct = seal(raw, Source(FILE.name, FILE.trust, ORGANIZATION), NOON)
    assert again[:2] == direct[:2]
    assert again.headers == [
        *direct.headers,
        ("idtrail_position", b"element 77, byte 9"),
        ("idtrail_redriven_from", b"idtrail.dead-letters/2/41"),
    ]


def test_without_a_word_about_it_the_source_speaks_for_the_organization_it_spoke_for() -> None:
    with pytest.raises(ForeignOrganization, match="speaks for another"):
        seal_again(*letter_of(orjson.dumps(event())), PLACE, NOON)


def test_a_letter_of_what_is_no_organization_needs_a_word_about_it() -> None:
    value, headers = letter_of(orjson.dumps(event()))
    odd = [*headers, ("idtrail_organization", b"*")]
    with pytest.raises(ForeignOrganization, match="not a valid organization id"):
        seal_again(value, odd, PLACE, NOON)
    assert seal_again(value, odd, PLACE, NOON, ORGANIZATION).organization == ORGANIZATION


def test_a_letter_that_does_not_say_how_it_came_gets_the_least_trust() -> None:
    value, headers = letter_of(orjson.dumps(event()))
    old = [(name, content) for name, content in headers if name != "idtrail_trust"]
    assert dict(seal_again(value, old, PLACE, NOON, ORGANIZATION).headers)["idtrail_trust"] == b"open_ingest"


def test_what_was_cut_out_of_a_letter_is_said_of_its_event() -> None:
    secret = orjson.dumps(event(note="Authorization: Bearer abcDEF1234567890"))
    value, headers = letter_of(secret)
    assert b"abcDEF1234567890" not in value
    assert dict(seal_again(value, headers, PLACE, NOON, ORGANIZATION).headers)["idtrail_redacted"] == b"1"


def test_a_letter_of_the_sink_keeps_the_source_and_trust_of_its_record() -> None:
    raw = orjson.dumps(event())
    sealed = seal(raw, Source("api:hr", Trust.WEBHOOK, ORGANIZATION), NOON)
    (dead,) = decode(Record(b"broken", sealed.headers, offset=9)).dead
    headers = dict(seal_again(raw, dead.headers, PLACE, NOON).headers)
    assert (headers["ce_source"], headers["idtrail_trust"]) == (b"api:hr", b"webhook")
    assert headers["idtrail_position"] == b"idtrail.events[0]@9"


@pytest.mark.parametrize(
    ("more", "raw", "reason"),
    [
        pytest.param([], b'{"id": ', "not_json", id="still not JSON"),
        pytest.param([], b"{}", "no_timestamp", id="still without a timestamp"),
        pytest.param([("idtrail_truncated_from", b"2000000")], b"{}", "truncated", id="only its beginning was kept"),
    ],
)
def test_what_cannot_be_read_says_why(more: list[Header], raw: bytes, reason: str) -> None:
    value, headers = letter_of(raw)
    with pytest.raises(RecordError) as raised:
        seal_again(value, [*headers, *more], PLACE, NOON, ORGANIZATION)
    assert raised.value.reason == reason


@pytest.mark.parametrize(
    "decision",
    [
        pytest.param(Decision(LETTER, Verdict.REDRIVEN, NOON, "ada", event_id=UUID(int=3)), id="redriven"),
        pytest.param(Decision(LETTER, Verdict.STILL_UNREADABLE, NOON, "ada", "not_json", "not JSON"), id="unreadable"),
        pytest.param(Decision(LETTER, Verdict.DISCARDED, NOON, "ada", message="test data, “ä”"), id="discarded"),
    ],
)
def test_a_decision_is_read_back_as_it_was_written(decision: Decision) -> None:
    _, value, headers = decision.record()
    assert read_decision(value, headers) == decision


def _broken(**changes: Any) -> bytes:
    _, value, _ = Decision(LETTER, Verdict.DISCARDED, NOON, "ada").record()
    return orjson.dumps({**orjson.loads(value), **changes})


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="no object"),
        pytest.param(_broken(verdict="burnt"), id="no verdict of ours"),
        pytest.param(_broken(letter={}), id="no letter"),
        pytest.param(_broken(letter=None), id="null for a letter"),
        pytest.param(_broken(at=datetime(2026, 1, 1).isoformat()), id="a time of no zone"),
        pytest.param(_broken(more=1), id="a field more"),
    ],
)
def test_what_is_no_decision_of_ours_is_a_letter(value: bytes) -> None:
    assert read_decision(value, [(DECISION, b"discarded")]) is None


def test_a_bad_record_cannot_pass_for_a_decision() -> None:
    """A letter keeps its record's headers: whoever writes to the log could add that of a decision."""
    _, value, headers = Decision(LETTER, Verdict.DISCARDED, datetime.now(UTC), "mallory").record()
    (dead,) = decode(Record(value, headers, offset=9)).dead
    assert read_decision(dead.value, dead.headers) is None

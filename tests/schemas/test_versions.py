"""A record of an older version reads as one of today; its bytes stay as they are."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from pages.event_schemas import documents
from schemas.envelope import Source, Trust, seal, unseal
from schemas.errors import MalformedRecord
from schemas.events import UserDeprovision, from_object, parse
from schemas.facts import facts
from schemas.versions import CURRENT, dataschema, upcast, version_in
from tests.schemas.strategies import RECEIVED

Record = dict[str, Any]


def one_person(record: Mapping[str, Any]) -> Record:
    """From the first version: `person` became `resource`."""
    return {("resource" if name == "person" else name): value for name, value in record.items()}


def one_name(record: Mapping[str, Any]) -> Record:
    """From the second: the type got its present name."""
    kind = record.get("event_type")
    return {**record, "event_type": "user_deprovision" if kind == "user_disable" else kind}


TABLE = (one_person, one_name)
RECORDS: dict[int, Record] = {
    1: {"timestamp": "2026-03-19T14:03:11Z", "event_type": "user_disable", "person": {"id": "w", "type": "user"}},
    2: {"timestamp": "2026-03-19T14:03:11Z", "event_type": "user_disable", "resource": {"id": "w", "type": "user"}},
    3: {"timestamp": "2026-03-19T14:03:11Z", "event_type": "user_deprovision", "resource": {"id": "w", "type": "user"}},
}


@pytest.mark.parametrize("version", RECORDS)
@pytest.mark.parametrize("told", [None, "user_disable", "user_deprovision"])
def test_every_version_reads_as_today_s_class(version: int, told: str | None) -> None:
    raw = orjson.dumps(RECORDS[version])

    found = parse(raw, told, version, TABLE)

    assert isinstance(found, UserDeprovision)
    assert facts(found) == facts(from_object(RECORDS[3]))
    assert orjson.loads(raw) == RECORDS[version]


@pytest.mark.parametrize("version", [None, 3, 4, 900])
def test_a_record_without_a_version_or_of_a_later_one_is_read_as_it_is(version: int | None) -> None:
    assert parse(orjson.dumps({**RECORDS[3], "later": 1}), None, version, TABLE).model_extra == {"later": 1}


@pytest.mark.parametrize("version", RECORDS)
def test_upcasters_leave_their_argument_alone(version: int) -> None:
    record, before = copy.deepcopy(RECORDS[version]), RECORDS[version]

    assert upcast(record, version, TABLE) == RECORDS[3] == upcast(record, version, TABLE)
    assert record == before


def test_the_version_travels_in_a_header_and_names_a_schema_file() -> None:
    envelope = seal(orjson.dumps({**RECORDS[3], "organization": "o"}), Source("x", Trust.CONNECTOR), RECEIVED)
    name = dataschema("user_deprovision")
    headers = [*envelope.headers, ("ce_dataschema", name.encode())]

    assert unseal(envelope.value, headers, RECEIVED).version == CURRENT == version_in(name)
    assert unseal(envelope.value, envelope.headers, RECEIVED).version is None
    assert orjson.loads(documents()["schemas/json/user_deprovision.json"])["$id"] == name


@pytest.mark.parametrize("text", ["", "x", "urn:idtrail:event:x", "urn:idtrail:event:x:0", "urn:idtrail:event:x:1 "])
def test_an_invalid_version_is_refused(text: str) -> None:
    with pytest.raises(MalformedRecord):
        version_in(text)

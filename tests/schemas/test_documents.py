"""What is generated from the models agrees with them, and the files in the tree are current."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from pages.__main__ import stale_files
from pages.event_page import events_page
from pages.event_schemas import HEADERS, documents, event_schema, header_schema
from schemas.cause import Cause
from schemas.envelope import Source, Trust, seal
from schemas.events import ALIASES, EVENT_TYPES, PROVISIONING_EVENTS, DirectoryInsightsEvent


def test_the_generated_files_are_current() -> None:
    assert sorted(stale_files()) == []


def test_there_is_a_schema_for_each_type_and_for_the_headers() -> None:
    assert set(documents()) == {f"schemas/json/{name}.json" for name in (*EVENT_TYPES, "headers")}


@pytest.mark.parametrize("event", PROVISIONING_EVENTS, ids=EVENT_TYPES)
def test_a_schema_takes_every_name_of_its_type_and_needs_a_timestamp(event: type[DirectoryInsightsEvent]) -> None:
    schema = event_schema(event)
    names = {event.canonical, *(alias for alias, name in ALIASES.items() if name == event.canonical)}
    types = schema["properties"]["event_type"]

    assert set(types.get("enum", [types.get("const")])) == names
    assert schema["required"] == ["timestamp", "event_type"]
    assert schema["additionalProperties"] is True
    assert {"@version", "id", "changes", "message_chain"} <= schema["properties"].keys()


def test_no_title_repeats_a_name() -> None:
    text = json.dumps(event_schema(PROVISIONING_EVENTS[0]))

    assert text.count('"title": "') == 1


def test_the_headers_that_seal_writes_fit_their_schema() -> None:
    raw = b'{"timestamp":"2026-03-19T14:03:11Z","event_type":"user_deprovision","resource":{"id":"u"},"token":"abcd"}'
    found = dict(seal(raw, Source("x", Trust.EXPORT, "o"), datetime(2026, 3, 19, tzinfo=UTC)).headers)

    assert found.keys() | {"ce_dataschema"} == header_schema()["properties"].keys()  # that one is for our own events
    for name, value in found.items():
        assert re.search(HEADERS[name].pattern, value.decode()), name
    least = dict(seal(b'{"timestamp":null}', Source("x", Trust.EXPORT, "o"), datetime(2026, 1, 1, tzinfo=UTC)).headers)
    assert set(least) == set(header_schema()["required"])


@pytest.mark.parametrize("word", [*EVENT_TYPES, *ALIASES, *Cause, *HEADERS, "reported_absent", "out_of_range"])
def test_the_page_names_everything(word: str) -> None:
    assert f"`{word}`" in events_page()


def test_every_field_on_the_page_has_a_meaning() -> None:
    rows = events_page().split("## Fields")[1].split("## Outcome")[0].splitlines()

    assert not [row for row in rows if row.endswith("|  |")]

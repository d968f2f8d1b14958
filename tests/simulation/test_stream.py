"""The simulated stream: repeatable bytes, in order, in the vendor's own fields, in bounded memory."""

from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest

from producers.simulation import Organisation, SimulatedEvent, demo, exports, load, samples

END = datetime(2026, 11, 24, 17, tzinfo=UTC)
START = datetime(2026, 9, 1, tzinfo=UTC)
TWELVE = {
    "idm_integration_activate", "idm_integration_update", "idm_integration_reauth", "idm_integration_delete",
    "user_create_provision", "user_update_provision", "user_deprovision", "user_delete_provision",
    "user_lookup_provision", "group_create_provision", "group_update_provision", "group_delete_provision",
}  # fmt: skip
CAUSES = {
    "credentials", "permission", "conflict", "invalid_value", "missing_attribute", "not_found", "unsupported",
    "rate_limited", "quota", "too_large", "provider_error", "network", "malformed_response", "configuration", "unknown",
}  # fmt: skip
# Every field that the vendor is known to write, by where it stands.
KNOWN = {
    "": {
        "@version", "id", "event_type", "service", "organization", "timestamp", "success", "initiated_by", "resource",
        "application", "association", "idm_client_id", "changes", "correlation", "message_chain", "error_message",
        "auth_method", "auth_context", "client_ip", "geoip", "useragent", "provider", "mfa", "idp_initiated",
        "sso_token_success",
    },
    "initiated_by": {"id", "type", "email", "username"},
    "resource": {"id", "type", "username", "email", "name"},
    "application": {"id", "name", "display_label", "sso_type", "sso_url"},
    "association": {"op", "connection"},
    "message_chain": {"response_code", "response_message", "message_details"},
    "correlation": {"id", "type"},
    "auth_context": {"auth_methods"},
    "geoip": {
        "country_code", "continent_code", "region_code", "region_name", "timezone", "latitude", "longitude",
    },
    "useragent": {
        "os", "os_name", "os_full", "os_version", "os_major", "os_minor", "os_patch", "name", "major", "minor",
        "patch", "version", "device",
    },
}  # fmt: skip


def digest(events: Iterable[SimulatedEvent]) -> str:
    found = hashlib.sha256()
    for event in events:
        found.update(event.raw + b"\n")
    return found.hexdigest()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(
            lambda: demo(END), "777f99bfcee30a8f324144b49e485e97eda02bf532c711f2af4175b58331169e", id="the demo"
        ),
        pytest.param(
            samples, "e610d376f5adcf9b147a7639ccbe6937d53c8f6946484d6521490062d3a83933", id="the sample exports"
        ),
        pytest.param(
            lambda: load(3, 20_000, START),
            "a4ea6f51fcbdcbe8fe81d3274b0aaf453a0f72600c550d2d0d7ebd079b0c823c",
            id="load",
        ),
        pytest.param(
            lambda: Organisation(5, 60, 9, 10, START, oddities=0.2, story=False),
            "ff8841288771ff39249fe0a8d93930b76f701505f1a8cae5630db138c6f5c77b",
            id="chance and many oddities",
        ),
    ],
)
def test_the_same_arguments_give_the_same_bytes(make: Callable[[], Iterable[SimulatedEvent]], expected: str) -> None:
    """A change here is a change of what the simulator draws: deliberate, or a mistake."""
    assert digest(make()) == expected


def test_another_seed_gives_other_people_and_other_events() -> None:
    one, two = (list(Organisation(seed, 30, 6, 2, START, story=False)) for seed in (1, 2))
    assert not {event.event_id for event in one} & {event.event_id for event in two} - {None}


def test_oddities_change_envelopes_and_nothing_that_happens() -> None:
    plain = list(Organisation(4, 40, 6, 8, START, oddities=0.0, story=False))
    odd = list(Organisation(4, 40, 6, 8, START, oddities=0.3, story=False))
    assert [event.at for event in plain] == [event.at for event in odd]
    same = [two for one, two in zip(plain, odd, strict=True) if one.raw == two.raw]
    assert all(event.oddity == "" for event in same)
    assert 0.6 < len(same) / len(odd) < 0.8


@pytest.mark.parametrize("hours", range(0, 168, 41))
def test_the_demo_shows_every_type_and_every_cause_whenever_it_ends(hours: int) -> None:
    organisation = demo(END + timedelta(hours=hours))
    events = list(organisation)
    assert 10_000 < len(events) < 13_500
    assert set(organisation.truth.counts) >= TWELVE
    assert {event.cause for event in events} == CAUSES | {""}
    top = Counter(event.cause for event in events if event.cause).most_common(1)
    assert top[0][0] == "credentials"


def test_events_come_in_order_within_the_period() -> None:
    events = list(Organisation(6, 40, 6, 9, START, story=False))
    assert all(one.at <= two.at for one, two in pairwise(events))
    assert events[0].at >= START
    assert events[-1].at <= START + timedelta(days=9)


def test_every_event_is_json_of_fields_that_the_vendor_writes() -> None:
    for event in (*demo(END), *Organisation(8, 40, 8, 15, START, oddities=0.3, story=False)):
        body: dict[str, Any] = json.loads(event.raw)
        assert set(body) <= KNOWN[""]
        for place, known in KNOWN.items():
            assert set(body.get(place, ())) <= known, (place, body)
        for change in body.get("changes", ()):
            assert {"field"} <= set(change) <= {"field", "from", "to"}
        for side in body.get("association", {"connection": {}})["connection"].values():
            assert set(side) == {"name", "type", "object_id"}
        assert body.get("id") == event.event_id
        assert body.get("event_type") == event.event_type


def test_every_oddity_appears_at_about_its_share() -> None:
    organisation = Organisation(9, 60, 6, 20, START, oddities=0.1, story=False)
    events = list(organisation)
    odd = Counter(event.oddity for event in events)
    del odd[""]
    assert odd == organisation.truth.oddities
    assert 0.09 < odd.total() / len(events) < 0.11
    assert set(odd) == {
        "no_success", "empty_chain", "no_chain", "plain_details", "status_in_text", "no_provider", "whole_version",
        "more_digits", "no_digits", "future", "null_time", "no_type", "no_id", "states_nothing", "unknown_type",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        pytest.param({"start": datetime(2026, 1, 1)}, "time zone", id="a naive start"),
        pytest.param({"people": 5}, "people >= 24", id="too few people for the story"),
        pytest.param({"days": 3}, "days >= 27", id="too few days for the story"),
        pytest.param({"applications": 2}, "applications >= 6", id="too few applications for the story"),
    ],
)
def test_a_wrong_argument_is_named_with_its_remedy(arguments: dict[str, Any], names: str) -> None:
    with pytest.raises(ValueError, match=names):
        Organisation(**arguments)


def test_load_gives_exactly_as_many_events_nearly_all_of_provisioning() -> None:
    events = list(load(2, 30_000, START, people=300))
    assert len(events) == 30_000
    assert sum(event.event_type in TWELVE for event in events) > 0.75 * len(events)


@pytest.mark.soak
def test_two_hundred_thousand_events_stream_in_bounded_memory() -> None:
    stream = load(1, 200_000, START, people=200)
    tracemalloc.start()
    try:
        deque(islice(stream, 40_000), maxlen=0)
        early, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        deque(stream, maxlen=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < early + 4_000_000
    assert peak < 12_000_000


def unwrapped(content: bytes, shape: str) -> list[dict[str, Any]]:
    if shape in ("multi-line", "single-line"):
        return list(reversed(json.loads(gzip.decompress(content))))
    found = [json.loads(line) for line in content.splitlines()]
    if shape == "google":
        return found
    return [{"timestamp": each["jumpcloud"].pop("jc_timestamp"), **each["jumpcloud"]} for each in found]


def without_nothing(value: Any) -> Any:
    """What Google's form leaves of an event, written anew here: clean keys, and nothing empty."""
    if isinstance(value, dict):
        kept = {key.replace("@", "_"): without_nothing(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None} or None
    if isinstance(value, list):
        return [without_nothing(item) for item in value] or None
    return value


@pytest.mark.parametrize("shape", list(exports.SHAPES))
def test_an_export_holds_the_events_it_was_made_of(shape: str) -> None:
    raws = [event.raw for event in islice(demo(END), 500)]
    found = unwrapped(exports.SHAPES[shape][1](raws), shape)
    events = [json.loads(raw) for raw in raws]
    if shape == "google":
        assert [without_nothing(each) for each in found] == [without_nothing(each) for each in events]
        assert all("@version" not in each for each in found)
    else:
        assert found == events


def test_neighbouring_sample_files_share_an_event() -> None:
    files = exports.sample_files()
    parts = [
        [each["id"] for each in unwrapped(content, name.split("_")[-1].split(".")[0])]
        for name, content in files.items()
    ]
    assert all(one[-1] == two[0] for one, two in pairwise(parts))

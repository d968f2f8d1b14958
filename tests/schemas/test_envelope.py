"""Received bytes go on the log as they came, with their context in headers, and come back."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.envelope import Envelope, Source, Trust, dead_letter, seal, unseal, unwrap
from schemas.errors import ForeignOrganization, MalformedRecord, RecordError
from schemas.events import parse
from schemas.facts import facts
from tests.schemas.strategies import OBJECTS, events

ORGANIZATION = "641b3db57090821c0b2f8183"
RECEIVED = datetime(2026, 3, 19, 14, 5, 0, 123456, tzinfo=UTC)
EXPORT = Source("file:export.json.gz", Trust.EXPORT, ORGANIZATION)

EVENT: dict[str, Any] = {
    "@version": "1",
    "id": "65a1f0c2e4b0a1b2c3d4e5f6",
    "event_type": "user_create_provision",
    "service": "directory",
    "organization": ORGANIZATION,
    "timestamp": "2026-03-19T14:03:11.482Z",
    "success": False,
    "initiated_by": {"id": "61e536ebdbbe784cb2e55fb5", "type": "admin", "email": "admin@example.com"},
    "resource": {"id": "63ec9bba89a64e507ce0a4c2", "type": "user", "username": "w.wonka"},
    "application": {"id": "5fad07f2b9f5414721b3d797", "name": "statsig", "display_label": "Statsig"},
    "idm_client_id": "62ebd659c306695de4eb9c75",
    "message_chain": {"response_code": "409", "message_details": "member already exists"},
}
RAW = orjson.dumps(EVENT)


def sealed(record: dict[str, Any], source: Source = EXPORT) -> Envelope:
    return seal(json.dumps(record).encode(), source, RECEIVED)


def header(envelope: Envelope, name: str) -> str:
    return dict(envelope.headers)[name].decode()


def test_the_headers_of_an_event() -> None:
    """Golden: other consumers read these."""
    envelope = seal(RAW, EXPORT, RECEIVED)

    assert envelope.key == b"641b3db57090821c0b2f8183|63ec9bba89a64e507ce0a4c2"
    assert envelope.value == RAW
    assert envelope.headers == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"25bcd683-9c1d-534a-9b8a-fec7e04237fb"),
        ("ce_type", b"idtrail.user_create_provision"),
        ("ce_source", b"file:export.json.gz"),
        ("content-type", b"application/json"),
        ("idtrail_organization", b"641b3db57090821c0b2f8183"),
        ("idtrail_received_at", b"2026-03-19T14:05:00.123456+00:00"),
        ("idtrail_fingerprint", b"9f434c0d65beab7556874d60b5f46387"),
        ("idtrail_digest", hashlib.sha256(RAW).hexdigest().encode()),
        ("idtrail_trust", b"export"),
        ("ce_time", b"2026-03-19T14:03:11.482Z"),
        ("ce_subject", b"63ec9bba89a64e507ce0a4c2"),
    ]


def test_the_headers_of_a_dead_letter() -> None:
    """Golden: the dead letters are read by people and by the replay."""
    reason = MalformedRecord("no timestamp", reason="no_timestamp")

    assert dead_letter(b'{"token":"abcdef", "x"', EXPORT, reason, "#77") == (
        b"641b3db57090821c0b2f8183|file:export.json.gz",
        b'{"token":"[redacted]", "x"',
        [
            ("idtrail_source", b"file:export.json.gz"),
            ("idtrail_position", b"#77"),
            ("idtrail_reason", b"no_timestamp"),
            ("idtrail_message", b"no timestamp"),
            ("idtrail_organization", b"641b3db57090821c0b2f8183"),
            ("idtrail_trust", b"export"),
            ("idtrail_redacted", b"1"),
        ],
    )


@given(events(), st.integers(0, 4), st.booleans())
def test_the_bytes_on_the_log_are_those_received(record: dict[str, Any], indent: int, ascii_only: bool) -> None:
    record.pop("organization", None)
    raw = json.dumps(record, indent=indent or None, ensure_ascii=ascii_only).encode()
    envelope = seal(b"\n " + raw + b"\r\n", EXPORT, RECEIVED)

    if "idtrail_redacted" not in dict(envelope.headers):
        assert envelope.value == raw
    assert header(envelope, "idtrail_digest") == hashlib.sha256(envelope.value).hexdigest()


@given(st.binary(max_size=60) | OBJECTS.map(lambda record: json.dumps(record).encode()))
@example(b"")
@example(b"\xef\xbb\xbf")
@example(b"{" * 600)
@example(b'{"timestamp":"x","a":' + b"[" * 5000 + b"]" * 5000 + b"}")
@example(b'{"timestamp":"x","a":' + b"[" * 990 + b"]" * 990 + b"}")
@example(b'{"timestamp":"x","a":' + b'{"b":' * 300 + b"1" + b"}" * 300 + b"}")
@example(b'{"timestamp":"x","changes":[{"field":"a","to":' + b"[" * 450 + b"]" * 450 + b"}]}")
@example(b'{"timestamp":NaN}')
@example(b'{"timestamp":1e999}')
@example(b'{"timestamp":"x","id":' + b"9" * 5000 + b"}")
@example(b'{"timestamp":"x","id":123456789012345678901234567890}')
@example(b'{"timestamp":"x","event_type":"\\ud800","id":"\\udfff"}')
@example(b'{"timestamp":"x","event_type":"user_create_provision","changes":[{"field":"active","to":"\\ud800"}]}')
@example(b'{"jumpcloud":{"timestamp":"x"},"jumpcloud":{}}')
@example(b'{"timestamp":"x","message_chain":{"message_details":"{\\"errors\\":' + b"[" * 980 + b"]" * 980 + b'}"}}')
@example(b'{"timestamp":"x","organization":7,"resource":{"id":{}},"@version":{},"_version":[]}')
def test_nothing_but_a_record_error_comes_out(raw: bytes) -> None:
    for source in (EXPORT, Source("kafka", Trust.OPEN_INGEST)):
        try:
            envelope = seal(raw, source, RECEIVED)
        except RecordError as error:
            dead_letter(raw, source, error, "#1")
        else:
            found = unseal(envelope.value, envelope.headers, RECEIVED)
            assert facts(parse(envelope.value, found.event_type)) == facts(parse(envelope.value))


@given(events(), st.data())
def test_a_broken_record_is_refused_or_read_never_worse(record: dict[str, Any], data: st.DataObject) -> None:
    raw = json.dumps(record).encode()
    at = data.draw(st.integers(0, len(raw) - 1))
    broken = raw[:at] + data.draw(st.binary(max_size=3)) + raw[at + data.draw(st.integers(0, 3)) :]
    try:
        envelope = seal(broken, EXPORT, RECEIVED)
    except RecordError as error:
        dead_letter(broken, EXPORT, error, "#1")
    else:
        facts(parse(envelope.value))


@given(events())
def test_unseal_reads_back_what_seal_wrote(record: dict[str, Any]) -> None:
    record.pop("organization", None)
    envelope = sealed(record)
    found = unseal(envelope.value, envelope.headers, RECEIVED)

    assert found.event_id == envelope.event_id.bytes
    assert found.fingerprint.hex() == header(envelope, "idtrail_fingerprint")
    assert found.organization == envelope.organization == ORGANIZATION
    assert (found.source, found.trust, found.received_at) == (EXPORT.name, EXPORT.trust, RECEIVED)
    assert found.redacted is ("idtrail_redacted" in dict(envelope.headers))
    assert facts(parse(envelope.value, found.event_type)) == facts(parse(envelope.value))


def test_a_record_of_another_producer_is_given_the_lowest_trust() -> None:
    found = unseal(RAW, [("traceparent", b"00-abc")], RECEIVED)

    assert found == unseal(RAW, seal(RAW, Source("kafka", Trust.OPEN_INGEST), RECEIVED).headers, RECEIVED)
    assert (found.source, found.trust, found.organization) == ("kafka", Trust.OPEN_INGEST, ORGANIZATION)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("ce_id", b"no uuid", id="id"),
        pytest.param("idtrail_fingerprint", b"xyz", id="fingerprint"),
        pytest.param("idtrail_received_at", b"yesterday", id="received"),
        pytest.param("ce_source", b"\xff\xfe", id="not UTF-8"),
    ],
)
def test_a_header_that_cannot_be_read_is_a_record_error(name: str, value: bytes) -> None:
    headers = [(key, value if key == name else old) for key, old in seal(RAW, EXPORT, RECEIVED).headers]

    with pytest.raises(MalformedRecord) as caught:
        unseal(RAW, headers, RECEIVED)
    assert caught.value.reason == "bad_headers"


@pytest.mark.parametrize("trust", [b"emperor", b"", b"EXPORT "])
def test_an_unknown_trust_is_not_granted(trust: bytes) -> None:
    headers = [(key, trust if key == "idtrail_trust" else old) for key, old in seal(RAW, EXPORT, RECEIVED).headers]

    with pytest.raises(MalformedRecord):
        unseal(RAW, headers, RECEIVED)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        pytest.param(b'{"timestamp":"x"}', b'{"timestamp":"x"}', id="plain"),
        pytest.param(b'\xef\xbb\xbf{"timestamp":"x"}\n', b'{"timestamp":"x"}', id="byte-order mark"),
        pytest.param(b'{"jumpcloud":{ "timestamp": "x" }}', b'{ "timestamp": "x" }', id="a shipper's wrapper"),
        pytest.param(b'{"h":"}","jumpcloud_bridge":{"jc_timestamp":"x"}}', b'{"jc_timestamp":"x"}', id="another's"),
        pytest.param(b'{"a":{"di_event":1},"di_event":{"timestamp":"x"}}', b'{"timestamp":"x"}', id="an alert"),
        pytest.param(
            b'{"jumpcloud":{"a":1},"timestamp":"x"}', b'{"jumpcloud":{"a":1},"timestamp":"x"}', id="its own timestamp"
        ),
        pytest.param(
            b'{"timestamp":1,"jumpcloud":{"jc_timestamp":"x"}}', b'{"jc_timestamp":"x"}', id="a shipper's own timestamp"
        ),
        pytest.param(
            b'{"timestamp":1,"event_type":"e","di_event":{"timestamp":"x"}}',
            b'{"timestamp":1,"event_type":"e","di_event":{"timestamp":"x"}}',
            id="an event that holds another",
        ),
        pytest.param(b'{"jc_timestamp":"x"}', b'{"jc_timestamp":"x"}', id="a renamed timestamp"),
        pytest.param(b'{"timestamp":null}', b'{"timestamp":null}', id="a null timestamp is one"),
    ],
)
def test_the_vendor_s_object_is_found_in_what_came(raw: bytes, value: bytes) -> None:
    assert unwrap(raw) == (value, orjson.loads(value))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(b"", "not_json", id="nothing"),
        pytest.param(b"[]", "not_an_object", id="a list"),
        pytest.param(b"null", "not_an_object", id="null"),
        pytest.param(b'{"a":1}', "no_timestamp", id="no timestamp"),
        pytest.param(b'{"jumpcloud":{"a":1}}', "no_timestamp", id="a wrapper around no event"),
        pytest.param(b'{"jumpcloud":[{"timestamp":"x"}]}', "no_timestamp", id="a wrapper around a list"),
        pytest.param(b'{"timestamp":"x"', "not_json", id="cut short"),
        pytest.param(b'{"timestamp":"x"}{"timestamp":"y"}', "not_json", id="two objects"),
        pytest.param(b'{"timestamp":NaN}', "not_json", id="NaN"),
        pytest.param(b'{"timestamp":"\xff"}', "invalid_utf8", id="not UTF-8"),
        pytest.param(b'{"timestamp":"x","a":' + b"[" * 600 + b"]" * 600 + b"}", "too_deep", id="too deep"),
        pytest.param(
            b'{"jumpcloud":{"timestamp":"x"},"jumpcloud":{"timestamp":"y"}}', "repeated_key", id="two inner events"
        ),
    ],
)
def test_what_is_not_one_event_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(MalformedRecord) as caught:
        seal(raw, EXPORT, RECEIVED)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("own", "bound", "expected"),
    [
        pytest.param(ORGANIZATION, ORGANIZATION, ORGANIZATION, id="its source's own"),
        pytest.param(None, ORGANIZATION, ORGANIZATION, id="none belongs to the source's"),
        pytest.param("", ORGANIZATION, ORGANIZATION, id="empty is none"),
        pytest.param(ORGANIZATION, None, ORGANIZATION, id="an unbound source takes the record's word"),
        pytest.param("another", ORGANIZATION, "foreign_organization", id="another's is refused"),
        pytest.param(None, None, "no_organization", id="nobody's is refused"),
    ],
)
def test_an_event_belongs_to_one_organization(own: str | None, bound: str | None, expected: str) -> None:
    record = {**EVENT, "organization": own}
    source = Source("webhook", Trust.WEBHOOK, bound)
    if expected == ORGANIZATION:
        assert sealed(record, source).organization == expected
    else:
        with pytest.raises(ForeignOrganization) as caught:
            sealed(record, source)
        assert caught.value.reason == expected


def test_an_organization_of_an_odd_shape_is_not_taken_for_none() -> None:
    with pytest.raises(RecordError):
        sealed({**EVENT, "organization": {"id": "another"}})


@pytest.mark.parametrize(
    ("record", "key"),
    [
        pytest.param({}, "63ec9bba89a64e507ce0a4c2", id="a person's events share the person's"),
        pytest.param(
            {"event_type": "integration_activate"}, "5fad07f2b9f5414721b3d797", id="an integration's the application's"
        ),
        pytest.param({"event_type": "idm_integration_reauth", "application": None}, "62ebd659c306695de4eb9c75",
                     id="without an application, the integration's own"),
        pytest.param({"event_type": "group_update_provision", "resource": {"id": "g1"}}, "g1", id="a group's its own"),
        pytest.param({"event_type": "sso_auth", "resource": None}, "61e536ebdbbe784cb2e55fb5", id="a sign-in's"),
        pytest.param({"resource": None}, "", id="nobody"),
    ],
)  # fmt: skip
def test_the_key_keeps_what_belongs_together_in_order(record: dict[str, Any], key: str) -> None:
    assert sealed({**EVENT, **record}).key == f"{ORGANIZATION}|{key}".encode()


@pytest.mark.parametrize(
    ("event_type", "expected"),
    [
        pytest.param("integration_activate", "idtrail.idm_integration_activate", id="an alias"),
        pytest.param("integration_deactivate", "idtrail.idm_integration_delete", id="another alias"),
        pytest.param("sso_auth", "idtrail.sso_auth", id="another type"),
        pytest.param(None, "idtrail.directory_event", id="no type"),
        pytest.param(7, "idtrail.directory_event", id="no text"),
    ],
)
def test_the_type_is_the_event_s_own_name(event_type: Any, expected: str) -> None:
    assert header(sealed({**EVENT, "event_type": event_type}), "ce_type") == expected


def test_a_time_that_cannot_be_believed_is_not_in_the_headers() -> None:
    assert "ce_time" not in dict(sealed({**EVENT, "timestamp": None}).headers)
    assert "ce_time" not in dict(sealed({**EVENT, "timestamp": "yesterday"}).headers)


@pytest.mark.parametrize("own_id", [EVENT["id"], None], ids=["with an id", "without"])
def test_nothing_on_the_log_tells_whether_a_guess_at_a_secret_is_right(own_id: str | None) -> None:
    first, second = (
        sealed({**EVENT, "id": own_id, "changes": [{"field": "password", "to": secret}]})
        for secret in ("Welcome2026!", "another-secret")
    )

    assert header(first, "idtrail_redacted") == "1"
    assert first == second


@given(events(), st.text())
def test_what_is_on_the_log_is_sealed_again_as_the_same_event(record: dict[str, Any], secret: str) -> None:
    envelope = sealed({**record, "organization": EVENT["organization"], "token": [secret]})
    again = seal(envelope.value, EXPORT, RECEIVED)

    assert (again.event_id, again.value) == (envelope.event_id, envelope.value)
    assert header(again, "idtrail_fingerprint") == header(envelope, "idtrail_fingerprint")


def test_secrets_are_cut_out_of_the_key_and_the_subject() -> None:
    envelope = sealed({**EVENT, "resource": {"type": "user", "username": "Bearer Xk9vQ2mZ7pLr4TtW"}})

    assert header(envelope, "ce_subject") == "Bearer [redacted]"
    assert envelope.key.endswith(b"|Bearer [redacted]")


def test_copies_by_different_routes_are_one_event() -> None:
    tenant = seal(RAW, Source("api", Trust.TENANT_API), RECEIVED)
    google = {**{k: v for k, v in EVENT.items() if k != "@version"}, "_version": "1", "correlation": None}
    wrapped = {"jumpcloud": {("jc_timestamp" if k == "timestamp" else k): v for k, v in EVENT.items()}}
    for copy in (google, wrapped):
        other = seal(orjson.dumps(copy, option=orjson.OPT_INDENT_2), EXPORT, RECEIVED)
        assert other.event_id == tenant.event_id
        assert header(other, "idtrail_fingerprint") == header(tenant, "idtrail_fingerprint")
        assert other.key == tenant.key


def test_event_ids_are_name_based() -> None:
    assert sealed(EVENT).event_id.version == 5
    assert isinstance(sealed(EVENT).event_id, UUID)

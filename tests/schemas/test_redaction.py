"""Secrets are cut out of a record's bytes, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import redaction
from schemas.facts import shown
from schemas.redaction import MARK, redact, redact_text
from tests.schemas.strategies import JSON, OBJECTS, TEXT

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
SECRET = "S3cr3tValue12345"


@pytest.mark.parametrize(
    ("record", "cleaned"),
    [
        pytest.param({"password": SECRET}, {"password": MARK}, id="a password"),
        pytest.param({"Client-Secret": SECRET}, {"Client-Secret": MARK}, id="a name in another spelling"),
        pytest.param({"headers": {"Authorization": "x"}}, {"headers": {"Authorization": MARK}}, id="a header, short"),
        pytest.param({"token": 12345678}, {"token": MARK}, id="a number"),
        pytest.param({"token": ["a", {"b": "c"}]}, {"token": [MARK, {"b": MARK}]}, id="everything under the name"),
        pytest.param({"p\u0061ssword": "x"}, {"password": MARK}, id="an escaped letter in the name"),
        pytest.param(
            {"changes": [{"field": "password", "from": "a", "to": "b"}]},
            {"changes": [{"field": "password", "from": MARK, "to": MARK}]},
            id="a change of a password",
        ),
        pytest.param(
            {"changes": [{"to": "b", "field": "password"}]},
            {"changes": [{"to": MARK, "field": "password"}]},
            id="the name after the value",
        ),
        pytest.param(
            {"error_message": f"refused: Bearer {SECRET}."},
            {"error_message": f"refused: Bearer {MARK}"},
            id="bearer in running text",
        ),
        pytest.param({"m": f"password={SECRET}&x=1"}, {"m": f"password={MARK}&x=1"}, id="a form in running text"),
        pytest.param({"m": f"token: {SECRET}, then"}, {"m": f"token: {MARK}, then"}, id="token with a colon"),
        pytest.param({"m": f"api key = {SECRET}"}, {"m": f"api key = {MARK}"}, id="api key with an equals sign"),
        pytest.param({"m": json.dumps({"token": SECRET})}, {"m": f'{{"token": "{MARK}"}}'}, id="JSON in a string"),
        pytest.param({"m": f"saw {JWT} here"}, {"m": f"saw {MARK} here"}, id="a JSON web token"),
        pytest.param({"m": f"session-{JWT}"}, {"m": f"session-{MARK}"}, id="a JSON web token behind a word"),
        pytest.param({"m": "key scim_0123456789abcdef"}, {"m": f"key {MARK}"}, id="a SCIM key"),
        pytest.param({"url": "https://x.example/?api_key=abcd1234"}, {"url": f"https://x.example/?api_key={MARK}"},
                     id="in an address"),
    ],
)  # fmt: skip
def test_a_secret_is_cut_out(record: dict[str, Any], cleaned: dict[str, Any]) -> None:
    value, cut = redact(orjson.dumps(record))

    assert orjson.loads(value) == cleaned
    assert cut >= 1


def test_an_escaped_name_hides_no_secret() -> None:
    assert redact(rb'{"p\u0061ssword":"x"}') == (rb'{"p\u0061ssword":"[redacted]"}', 1)
    assert redact(rb'{"m":"B\u0065arer S3cr3tValue12345"}')[1] == 1


@pytest.mark.parametrize(
    "text",
    [
        "token: expired",
        "Token expired",
        "token has expired",
        "Bearer authentication required",
        "basic authentication is not supported",
        "password must be at least 8 characters",
        "password: must contain a digit",
        "authorization: missing",
        "Unauthorized: api key user not found",
        "invalid api key",
        "secret not found",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "urn:ietf:params:scim:api:messages:2.0:Error",
        "SCIM provisioning is not enabled",
        "scim-provisioning-disabled",
        "There was a problem activating identity management",
        '{"detail":"User already exists in the database."}',
    ],
)
def test_a_cause_is_not_taken_for_a_secret(text: str) -> None:
    raw = orjson.dumps({"error_message": text})

    assert redact(raw) == (raw, 0)
    assert redact_text(text) == text


def test_facts_about_passwords_are_no_secrets() -> None:
    raw = b'{"auth_methods":{"password":{"success":true}},"user_password_enabled":false,"token":null,"secret":""}'

    assert redact(raw) == (raw, 0)


def test_only_the_secret_s_own_bytes_change() -> None:
    raw = b'{ "a" : 1.50,\n "token" :\t"abc",  "b":"\\u00e9\\/", "b": 2 }'

    assert redact(raw) == (b'{ "a" : 1.50,\n "token" :\t"[redacted]",  "b":"\\u00e9\\/", "b": 2 }', 1)


def test_what_is_not_json_is_searched_as_text() -> None:
    assert redact(b'\xff\xfe{"password":"abcdefgh"') == (b'\xff\xfe{"password":"[redacted]"', 1)


def test_a_record_without_secrets_is_returned_itself() -> None:
    raw = b'{"timestamp":"2026-03-19T14:03:11.482Z","error_message":"member already exists"}'

    assert redact(raw)[0] is raw


SECRETS = st.sampled_from(
    [f"Bearer {SECRET}", f"basic {SECRET}", f"password={SECRET}", f"x-api-key: {SECRET}", f"token = {SECRET}", JWT,
     f'"secret": "{SECRET}"', "scim-abcdef0123456789", "SCIM_abcdef0123456789", f"Authorization={SECRET}",
     f"passphrase={SECRET}", f"api_key='{SECRET}'", "passwd=abcd", "EYJabcdefgh.abcdefgh.x"]
)  # fmt: skip
NAMES = st.sampled_from(sorted(redaction._SENSITIVE))


@given(JSON, SECRETS, TEXT, TEXT)
def test_every_secret_in_text_is_suspected(value: Any, secret: str, before: str, after: str) -> None:
    raw = orjson.dumps({"m": f"{before} {secret} {after}"})

    assert redaction._suspicious(raw)
    assert redact(raw)[1] >= 1


@given(NAMES, st.lists(st.sampled_from(["-", "_", " ", "."]), max_size=3), st.booleans(), st.data())
def test_every_credential_s_name_is_suspected(name: str, marks: list[str], upper: bool, data: st.DataObject) -> None:
    spelt = name.upper() if upper else name
    for mark in marks:
        at = data.draw(st.integers(0, len(spelt)))
        spelt = spelt[:at] + mark + spelt[at:]

    assert redact(orjson.dumps({spelt: "hidden"})) == (orjson.dumps({spelt: MARK}), 1)


@given(OBJECTS)
@example({"m": "İ token: abcde1"})
def test_a_record_that_is_not_suspected_holds_nothing_to_cut(record: dict[str, Any]) -> None:
    raw = json.dumps(record, ensure_ascii=False).encode()
    if not redaction._suspicious(raw):
        assert redaction._redact_json(raw) == (raw, 0)


@given(st.binary(max_size=200) | SECRETS.map(lambda text: b"\xff" + text.encode() + b"{"))
def test_any_bytes_can_be_searched(raw: bytes) -> None:
    value, cut = redact(raw)

    assert cut or value == raw


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    ["token:", "scim-", "eyJ-", "bearer=", "bearer ", 'password\\"', "basic:\\t", "eyJaaaaaaaa.", "secret=", "a"],
)
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    raw = json.dumps({"m": piece * 40_000}).encode()

    redact(raw)
    redact(raw[:-1])
    shown(piece * 2_000)


@given(OBJECTS, SECRETS)
def test_redaction_is_idempotent_and_keeps_every_other_leaf(record: dict[str, Any], secret: str) -> None:
    raw = json.dumps({**record, "error_message": f"seen: {secret}"}).encode()
    value, cut = redact(raw)
    before, after = dict(leaves(json.loads(raw))), dict(leaves(json.loads(value)))

    assert redact(value)[0] == value
    assert before.keys() == after.keys()
    changed = {path for path in before if before[path] != after[path]}
    assert changed
    assert len(changed) <= cut
    for path in changed:
        assert MARK in after[path]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every leaf of a JSON value by its path."""
    if isinstance(value, dict | list) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, key))
    else:
        yield path, value

"""Secrets are cut out of a record's bytes, and nothing else is."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas import redaction
from schemas.credentials import MARK, NAME_ENDINGS, may_hold_secrets
from schemas.echoes import MAX_KNOWN, Echoes
from schemas.redaction import redact, redact_text
from schemas.verdict import shown
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
        pytest.param({"m": "key scim.0123456789abcdef. Then"}, {"m": f"key {MARK}. Then"}, id="a SCIM key with a dot"),
        pytest.param({"m": "https://x.example/scim-1f0c2d3e4b5a/Users"}, {"m": f"https://x.example/{MARK}/Users"},
                     id="a SCIM key in a path"),
        pytest.param({"m": "basic YTpiY2RlZmc="}, {"m": f"basic {MARK}"}, id="basic in running text"),
        pytest.param({"m": "sent Basic dXNlcjpwYXNz."}, {"m": f"sent Basic {MARK}"}, id="basic without a digit"),
        pytest.param({"m": '{"Authorization":"Bearer abcdefgh"}'}, {"m": f'{{"Authorization":"{MARK}"}}'},
                     id="a header in the JSON of a string"),
        pytest.param({"m": '{"password":12345}'}, {"m": f'{{"password":"{MARK}"}}'}, id="a number in it"),
        pytest.param({"m": json.dumps({"n": json.dumps({"pwd": 'a"b, c'})})},
                     {"m": json.dumps({"n": json.dumps({"pwd": MARK})})}, id="JSON in JSON in JSON"),
        pytest.param({"m": '[{"name":"Authorization","value":"Basic eDp5"}]'},
                     {"m": f'[{{"name":"Authorization","value":"{MARK}"}}]'}, id="a list of headers in a string"),
        pytest.param({"m": 'sent {"password":"hunter, two" and'}, {"m": f'sent {{"password":"{MARK}" and'},
                     id="a quoted one in broken JSON, to its end"),
        pytest.param({"m": r'sent {\"password\":\"hunter, two\"'}, {"m": rf'sent {{\"password\":\"{MARK}\"'},
                     id="the same, escaped"),
        pytest.param({"m": "Authorization: Bearer abcdefgh"}, {"m": f"Authorization: Bearer {MARK}"},
                     id="a header whose value looks like a word"),
        *(
            pytest.param({"m": f"{before} {SECRET} refused"}, {"m": f"{before} {MARK} refused"}, id=before)
            for before in ("Authorization: SSWS", "authorization: ssws", "Authorization: ApiKey",
                           "Authorization: GenieKey", "Authorization: Custom-Scheme", "authorization=Splunk",
                           "headers: map[Authorization:[SSWS",
                           "('Authorization', 'SSWS", '"Authorization": [Zoho-oauthtoken')
        ),
        pytest.param({"m": f"map[Authorization:[SSWS {SECRET}] A:[x]]"},
                     {"m": f"map[Authorization:[SSWS {MARK}] A:[x]]"},
                     id="a header in brackets"),
        pytest.param({"headers": [["Authorization", f"SSWS {SECRET}"], ["Accept", "x"], ["X-Api-Key", SECRET]]},
                     {"headers": [["Authorization", MARK], ["Accept", "x"], ["X-Api-Key", MARK]]}, id="pairs"),
        pytest.param({"tokens": [SECRET], "passwords": {"a": "xyz"}, "secrets": "x", "apiKeys": ["x"],
                      "cookies": {"sid": "x"}},
                     {"tokens": [MARK], "passwords": {"a": MARK}, "secrets": MARK, "apiKeys": [MARK],
                      "cookies": {"sid": MARK}},
                     id="names in the plural"),
        pytest.param({"changes": [{"field": "api_keys", "new_value": ["xyz"]},
                                  {"field": "scim.token.value", "to": "x"}]},
                     {"changes": [{"field": "api_keys", "new_value": [MARK]},
                                  {"field": "scim.token.value", "to": MARK}]},
                     id="changes of several and of a value"),
        pytest.param({"m": "Get https://jo:s3c:re@x.example/v2?a=b@c"},
                     {"m": f"Get https://jo:{MARK}@x.example/v2?a=b@c"},
                     id="in front of a host"),
        pytest.param({"m": r'{"url":"redis:\/\/:hidden@x\/1"'}, {"m": rf'{{"url":"redis:\/\/:{MARK}@x\/1"'},
                     id="in front of a host, escaped"),
        pytest.param({"m": "Cookie: a=1; session=xyz, then"}, {"m": f"Cookie: {MARK}, then"}, id="cookies"),
        pytest.param({"m": "body a=x&client_secret%3Dabcd1234&b"}, {"m": f"body a=x&client_secret%3D{MARK}&b"},
                     id="a form that is escaped"),
        pytest.param({"newPassword": "x"}, {"newPassword": MARK}, id="a name that ends in one"),
        pytest.param({"AWS_SECRET_ACCESS_KEY": "x"}, {"AWS_SECRET_ACCESS_KEY": MARK}, id="an access key"),
        pytest.param({"op": "replace", "path": "password", "value": "x"},
                     {"op": "replace", "path": "password", "value": MARK}, id="a SCIM patch"),
        pytest.param({"password": "this is not secure"}, {"password": MARK}, id="a passphrase like an error"),
        pytest.param([{"password": "x"}], [{"password": MARK}], id="a list"),
        pytest.param("token=abcd1234", f"token={MARK}", id="a string"),
        pytest.param({"m": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"},
                     {"m": f"-----BEGIN RSA PRIVATE KEY-----{MARK}-----END RSA PRIVATE KEY-----"}, id="a private key"),
        *(
            pytest.param({"m": said.replace("@", secret)}, {"m": said.replace("@", MARK)}, id=f"{name}, {kind}")
            for name, said in {
                "an element": "<Envelope><password>@</password><n>1</n>",
                "an element with a name space": '<w:Password Type="w#PasswordText" >@</w:Password>',
                "an element as text": "&lt;newPassword&gt;@&lt;/newPassword&gt;",
                "an element's data": "<clientSecret><![CDATA[@]]></clientSecret>",
                "an escaped element": r"<password>@<\/password>",
                "Ruby": '{:user=>"x", "password"=>"@", "n"=>1}',
                "Ruby's symbols": "{:password=>'@'}",
                "Go": 'password := "@"',
                "PHP": "[password] => @ [n] => 1",
                "a sentence": "temporary password: @ (once)",
                "a header": "x-api-key: @, accept: x",
            }.items()
            for kind, secret in {"with digits": "Zk39fLq8vXw2", "letters": "qWertzuiOpasdfghJklyxcvb",
                                 "small letters": "qwertzuiopasdfghjklyxcvb", "a mark": "CorrectHorse!",
                                 "a word and a mark": "Monkey!"}.items()
        ),
        pytest.param({"m": "<pwd>a&lt;b&amp;c</pwd>"}, {"m": f"<pwd>{MARK}</pwd>"}, id="an element's own escapes"),
        pytest.param({"m": "Your password is Zk39fLq8vXw2."}, {"m": f"Your password is {MARK}"}, id="said"),
        pytest.param({"m": 'The password was: "Zk39fLq8vXw2"'}, {"m": f'The password was: "{MARK}"'}, id="quoted"),
        pytest.param({"url": "https://x.example/?api_key=abcd1234"}, {"url": f"https://x.example/?api_key={MARK}"},
                     id="in an address"),
    ],
)  # fmt: skip
def test_a_secret_is_cut_out(record: Any, cleaned: Any) -> None:
    value, cut = redact(orjson.dumps(record))

    assert orjson.loads(value) == cleaned
    assert cut >= 1


WHEN = "2026-11-30T19:00:00.123Z"


@pytest.mark.parametrize(
    ("record", "cleaned"),
    [
        pytest.param({"credential": {"id": "c-123456", "type": "scim", "last_used": WHEN, "status": "rejected_by_it",
                                     "issued_to": "203.0.113.77", "exp": WHEN, "value": "xyz"}},
                     {"credential": {"id": "c-123456", "type": "scim", "last_used": WHEN, "status": "rejected_by_it",
                                     "issued_to": "203.0.113.77", "exp": WHEN, "value": MARK}},
                     id="what is told about a credential"),
        pytest.param({"api_key": {"keyId": "k-123456", "name": "for CI", "createdAt": 1764529200, "uses": 3}},
                     {"api_key": {"keyId": "k-123456", "name": "for CI", "createdAt": 1764529200, "uses": MARK}},
                     id="numbers"),
        pytest.param({"token": {"token": "a", "value": "b", "key": "c", "new": ["d"], "token_value": "e", "hash": "f"}},
                     {"token": {"token": MARK, "value": MARK, "key": MARK, "new": [MARK], "token_value": MARK,
                                "hash": MARK}},
                     id="never its value"),
        pytest.param({"token": {"id": f"Bearer {SECRET}", "name": JWT}},
                     {"token": {"id": f"Bearer {MARK}", "name": MARK}}, id="never what looks like one"),
        pytest.param({"password": WHEN, "token": "203.0.113.77", "changes": [{"field": "password", "to": WHEN}]},
                     {"password": MARK, "token": MARK, "changes": [{"field": "password", "to": MARK}]},
                     id="never a value itself"),
        pytest.param({"secret": {"rotated": "2026-11-30", "by": "2001:db8::1", "url": "https://acme.example/scim"},
                      "error_message": "2026-11-30 https://acme.example/scim/Users 2001:db8::1"},
                     {"secret": {"rotated": MARK, "by": "2001:db8::1", "url": MARK},
                      "error_message": "2026-11-30 https://acme.example/scim/Users 2001:db8::1"},
                     id="dates and addresses are no repeated secrets"),
        pytest.param({"token": "user_deprovision and org-12345", "event_type": "user_deprovision and org-12345",
                      "organization": "user_deprovision and org-12345", "error_message": "an org-12345"},
                     {"token": MARK, "event_type": "user_deprovision and org-12345",
                      "organization": "user_deprovision and org-12345", "error_message": "an org-12345"},
                     id="what places the event"),
    ],
)  # fmt: skip
def test_what_an_event_tells_besides_its_secrets_stays(record: dict[str, Any], cleaned: dict[str, Any]) -> None:
    placed = {"timestamp": WHEN, "client_ip": "203.0.113.77"}

    assert orjson.loads(redact(orjson.dumps({**record, **placed}))[0]) == {**cleaned, **placed}


def password_change(secret: str, **others: Any) -> dict[str, Any]:
    return {"changes": [{"field": "password", "to": secret}], **others}


@pytest.mark.parametrize(
    "secret",
    [
        SECRET,
        "CorrectHorseBattery",
        "correct horse battery",
        'qu"ote\\d',
        "<b>&'x1'",
        "pässwörd",
        "12345678",
        "\U0001f600 1234",
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Password '", "' does not meet the policy"),
        ("", ""),
        ("the value\n", "\n\tis weak: \\"),
        ('["', '"] is too "old"'),
    ],
    ids=["quoted", "alone", "on a line of its own", "in brackets"],
)
def test_a_secret_is_cut_out_where_the_provider_repeats_it(
    secret: str, ascii_only: bool, before: str, after: str
) -> None:
    def record(shown: str) -> dict[str, Any]:
        said = json.dumps({"detail": f"{before}{shown}{after}"}, ensure_ascii=ascii_only)
        return password_change(
            shown,
            error_message=f"{before}{shown}{after}",
            message_chain={"message_details": said, "errors": [{"rejected": shown}]},
            wrapped=json.dumps({"body": said}, ensure_ascii=ascii_only),
        )

    value, cut = redact(json.dumps(record(secret), ensure_ascii=ascii_only).encode())

    assert json.loads(value) == record(MARK)
    assert cut == 5


@pytest.mark.parametrize(
    ("record", "cleaned"),
    [
        pytest.param({"error_message": "saw abcd-1234 first", "headers": {"Authorization": "Bearer abcd-1234"}},
                     {"error_message": f"saw {MARK} first", "headers": {"Authorization": MARK}},
                     id="without its scheme"),
        pytest.param({"m": json.dumps({"token": "abcd-1234"}), "error_message": "abcd-1234"},
                     {"m": json.dumps({"token": MARK}), "error_message": MARK}, id="one that JSON in a string named"),
        pytest.param(password_change("abcd-1234", m='{"token":"xyz","n":"abcd-1234 abcd-1234"}'),
                     password_change(MARK, m=f'{{"token":"{MARK}","n":"{MARK} {MARK}"}}'), id="beside other cuts"),
        pytest.param(password_change("abcd-1234", m="password=abcd-1234xyz"),
                     password_change(MARK, m=f"password={MARK}"), id="in another cut"),
        pytest.param(password_change("abcd-1234 xyz", m="password=abcd-1234 xyz"),
                     password_change(MARK, m=f"password={MARK}"), id="beyond another cut"),
    ],
)  # fmt: skip
def test_a_secret_is_known_again(record: Any, cleaned: Any) -> None:
    assert orjson.loads(redact(orjson.dumps(record))[0]) == cleaned


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(password_change("hunter2", error_message="hunter2 is too short"), id="a short one"),
        pytest.param(password_change("disabled", error_message="the user is disabled"), id="a word"),
        pytest.param(password_change("********", error_message="******** not allowed"), id="a mask"),
        pytest.param(password_change("12345678", error_message="at 123456789"), id="a part of a longer number"),
        pytest.param(password_change("must be at least 8", error_message="it must be at least 8"),
                     id="an error's text"),
        pytest.param(password_change("jane.doe1", resource={"username": "jane.doe1"}, error_message="jane.doe1 exists"),
                     id="the person's own name"),
        pytest.param({"changes": [{"field": "userName", "to": "jane.doe1"}, {"field": "password", "to": "jane.doe1"}]},
                     id="the account's own name"),
        pytest.param({"id": "63ec9bba89a64e507ce0a4c2", "token": "63ec9bba89a64e507ce0a4c2"}, id="the event's own id"),
        pytest.param({"event_type-1": "x", "token": "event_type-1"}, id="a key"),
        pytest.param({"token": "12345678", "n": 12345678}, id="a number"),
    ],
)  # fmt: skip
def test_what_only_looks_like_a_secret_that_is_known_stays(record: dict[str, Any]) -> None:
    assert redact(orjson.dumps(record))[1] == 1


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
        "scim2-integration-name",
        "scimEnterpriseExtension2",
        "token=expired",
        "error=invalid_token token = revoked",
        "Authorization: Bearer token is missing",
        "Bearer realm=example2, error=invalid_token",
        'Bearer error="invalid_token", error_description="The access token expired"',
        "Bearer InvalidTokenException: expired",
        "bearer token-based authentication required.",
        'invalid field: "password": "is required"',
        '{"errors":{"password":["is too short (minimum is 8 characters)","must contain a digit"],"token":"expired"}}',
        "There was a problem activating identity management",
        'Post "https://scim.eu-central-1.amazonaws.com/f7a0b1c2-x/scim/v2/Users": EOF',
        "https://scim.ap-southeast-2.amazonaws.com/",
        "https://scim.example-customer2024.com/v2",
        "lookup scim.example-customer2024.com: no such host",
        "https://scim-a1b2c3d4e5f6g7.example.com/Users",
        "lookup scim-a1b2c3d4e5f6g7.corp.example.com: no such host",
        "scim-customer-portal-2024",
        "SCIM_provisioning_v2_2024_prod",
        "https://example.com/scim_v2_users_12345",
        "User has basic aaaaaaaa1",
        "Cookie: session=expired",
        "client_secret%3Dmissing",
        "Authorization: User 63ec9bba89a64e507ce0a4c2 lacks a role",
        "Authorization: Invalid scope2admin",
        "authorization: account jane.doe2 has no licence",
        "Authorization: SSWS token is missing",
        "https://x.example:8443/users/jane@x.example",
        "see https://x.example:8443?user=jane@x.example",
        "token: not-found",
        "Password: Unacceptable",
        "TOKEN: EXPIRED_ALREADY",
        "invalid credentials: jane.doe@x.example",
        "token: PasswordTooWeak",
        "bad token: https://idp.example.com/oauth",
        "token: (unusable), sorry",
        "private key: /etc/ssl/private/host.pem",
        "token: ung\u00fcltig abgelaufen",
        "<error><password>Password is too short</password><token>expired</token></error>",
        "<passwordPolicy>strict1</passwordPolicy>",
        "{'password': [ErrorDetail(string='This password is too short.', code='short')]}",
        '{:password=>"is too short"}',
        "if (password == null) throw",
        "your password was 2026-03-19 last changed",
        "password is case-sensitive2",
        "mailto:jane@x.example http://x.example/a:b@c",
        "Basic aaaaaaaaaaaaa1 plan required",
        "Basic authentication2 plan",
        "Basic UserAccountType1 plan",
        "your plan Basic: 50-seats-2024 limit reached",
        "Plan basic 2024-03-19T14 expired",
        '{"detail":"User already exists in the database."}',
    ],
)
def test_a_cause_is_not_taken_for_a_secret(text: str) -> None:
    raw = orjson.dumps({"error_message": text})

    assert redact(raw) == (raw, 0)
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "record",
    [
        {"application": {"id": "5fad07f2b9f5414721b3d797", "name": "Secret"}},
        {"resource": {"id": "g1", "type": "user_group", "name": "token"}},
        {"changes": [{"field": "password_expiration_date", "to": "2026-03-19"}]},
        {"message_chain": {"message_details": {"errors": {"password": ["must be at least 8 characters"]}}}},
        {"usage": {"total_tokens": 1500, "max_tokens": "1500"}, "token_type": "admin"},
        {"tokens": [{"id": "5fad07f2", "name": "for CI", "createdAt": "2026-03-19", "uses": 3}]},
        {"required": ["password", "userName"], "sorted": [["token", "expired"], ["token", "user_name", "address-12"]]},
    ],
)
def test_what_only_has_the_name_of_a_secret_stays(record: dict[str, Any]) -> None:
    raw = orjson.dumps(record)

    assert redact(raw) == (raw, 0)


def test_facts_about_passwords_are_no_secrets() -> None:
    raw = b'{"auth_methods":{"password":{"success":true}},"user_password_enabled":false,"token":null,"secret":""}'

    assert redact(raw) == (raw, 0)


def test_only_the_secret_s_own_bytes_change() -> None:
    raw = b'{ "a" : 1.50,\n "token" :\t"abc",  "b":"\\u00e9\\/", "b": 2 }'

    assert redact(raw) == (b'{ "a" : 1.50,\n "token" :\t"[redacted]",  "b":"\\u00e9\\/", "b": 2 }', 1)


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        (rb'{"m":"\u00e9\/ token=abcd1234 \ud83d\ude00\ud800\t"}',
         rb'{"m":"\u00e9\/ token=[redacted] \ud83d\ude00\ud800\t"}'),
        (rb'{"m":"tok\u0065n=\u0061bcd1234 \u00e9"}', rb'{"m":"tok\u0065n=[redacted] \u00e9"}'),
        (rb'{"m":"{ \"a\":\"\\u00e9\", \"token\" :\"\\u00e9\" }"}',
         rb'{"m":"{ \"a\":\"\\u00e9\", \"token\" :\"[redacted]\" }"}'),
        ('{"m":"\u00e9\U0001f600 pwd=\u00e9\u00e9\u00e9\u00e9, \u00e9"}'.encode(),
         '{"m":"\u00e9\U0001f600 pwd=[redacted], \u00e9"}'.encode()),
        (b'\xef\xbb\xbf {"token":"abc", "a":1 }\n', b'\xef\xbb\xbf {"token":"[redacted]", "a":1 }\n'),
    ],
    ids=["around it", "escapes in it", "around it in JSON in a string", "letters beyond ASCII", "around all"],
)  # fmt: skip
def test_only_the_secret_s_own_bytes_change_inside_strings(raw: bytes, cleaned: bytes) -> None:
    assert redact(raw) == (cleaned, 1)


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        (b'\xff\xfe{"password":"abcdefgh"', b'\xff\xfe{"password":"[redacted]"'),
        (b'{"password": "hunter, two", "x', b'{"password": "[redacted]", "x'),
        (b'{"password": "a\\"b, c", "x', b'{"password": "[redacted]", "x'),
        (b'{"token": 123456, "x', b'{"token": [redacted], "x'),
        (b'{"a":1}{"pwd":"abcdef"}', b'{"a":1}{"pwd":"[redacted]"}'),
        (b'{"m":"{\\"token\\":\\"abc\\"}"', b'{"m":"{\\"token\\":\\"[redacted]\\"}"'),
        (b'{"password":"cut sho', b'{"password":"[redacted]'),
    ],
)
def test_what_is_not_json_is_searched_as_text(raw: bytes, cleaned: bytes) -> None:
    assert redact(raw) == (cleaned, 1)


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        pytest.param(b'{"x":NaN,"changes":[{"field":"password","to":"abc"}]}',
                     b'{"x":NaN,"changes":[{"field":"password","to":"[redacted]"}]}', id="a change beside NaN"),
        pytest.param(b'{"n":"Jos\xe9","changes":[{"field":"password","to":"abc"}]}',
                     b'{"n":"Jos\xe9","changes":[{"field":"password","to":"[redacted]"}]}',
                     id="a change beside Latin-1"),
        pytest.param(b'{"n":"Jos\xe9","credentials":{"user":"u","value":"v"}}',
                     b'{"n":"Jos\xe9","credentials":{"user":"[redacted]","value":"[redacted]"}}',
                     id="all under a name"),
        pytest.param(b'{"n":"Jos\xe9","token":["abc"]}', b'{"n":"Jos\xe9","token":["[redacted]"]}', id="a list"),
        pytest.param(b'{"tokenKey":"Jos\xe9"}', b'{"tokenKey":"[redacted]"}', id="Latin-1 in it"),
        pytest.param(b'{"n":"\xe9","token":{"a":-1.5}}', b'{"n":"\xe9","token":{"a":"[redacted]"}}', id="a number"),
        pytest.param(b'{"tokenKey":"abc","n":"cut sho', b'{"tokenKey":"[redacted]","n":"cut sho', id="cut off"),
        pytest.param(b'{"a":1]}{"token":["abc"],"b":"c"}', b'{"a":1]}{"token":["[redacted]"],"b":"c"}',
                     id="a bracket too many"),
        pytest.param(b'{"token":["abc","n":"x"},{"m":"y"}',
                     b'{"token":["[redacted]","[redacted]":"[redacted]"},{"m":"y"}',
                     id="a list that is not closed"),
        pytest.param(b'{"token":{"a":"b"\n{"m":"y"}', b'{"token":{"a":"[redacted]"\n{"m":"y"}',
                     id="an object that is not closed"),
        pytest.param(b'{"token":{"a":"b",\n{"m":"y"}', b'{"token":{"a":"[redacted]",\n{"m":"y"}',
                     id="an object that is not closed, behind a comma"),
        pytest.param(b'{"token":"b"\n[{"m":"y"}]', b'{"token":"[redacted]"\n[{"m":"y"}]', id="a list out of place"),
        pytest.param(b'{"token" "m":"y"}', b'{"token" "m":"y"}', id="a name without a value"),
        pytest.param(b'{"n":"\xe9","token":"abcd-1234","m":"saw abcd-1234 and","x":abcd-1234}',
                     b'{"n":"\xe9","token":"[redacted]","m":"saw [redacted] and","x":[redacted]}',
                     id="one that is repeated"),
        pytest.param(b'{"n":"\\x \xe9 password=abcd\\x","token":"\\y"}',
                     b'{"n":"\\x \xe9 password=[redacted]\\x","token":"[redacted]"}',
                     id="escapes that are none"),
        pytest.param(b'{"m":"409: {\\"tokenKey\\":\\"abc\\"}!"}', b'{"m":"409: {\\"tokenKey\\":\\"[redacted]\\"}!"}',
                     id="JSON within a text"),
        pytest.param(b'{"m":"sent [{\\"field\\":\\"password\\",\\"to\\":\\"abc\\"}]"}',
                     b'{"m":"sent [{\\"field\\":\\"password\\",\\"to\\":\\"[redacted]\\"}]"}',
                     id="a change within a text"),
        pytest.param(b'{"m":"Token Key: abcde-1 was refused"}', b'{"m":"Token Key: [redacted] was refused"}',
                     id="a name of two words in a text"),
    ],
)  # fmt: skip
def test_what_is_not_json_is_searched_by_its_structure(raw: bytes, cleaned: bytes) -> None:
    assert redact(raw)[0] == cleaned
    assert redact(cleaned) == (cleaned, 0)


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\x00\xd8"], ids=["whole", "half a letter behind", "a lone surrogate"])
def test_utf_16_loses_its_secrets_and_nothing_else(codec: str, end: bytes) -> None:
    def spelt(shown: str) -> bytes:
        text = (
            f'[{{"user":"Zo\u00eb \U0001f600","changes":[{{"field":"password","to":"{shown}"}}],"m":"token={shown}"}}]'
        )
        return text.encode(codec) + end

    assert redact(spelt(SECRET)) == (spelt(MARK), 2)
    assert redact(spelt(MARK)) == (spelt(MARK), 0)


def test_a_line_of_utf_16_that_begins_with_half_a_letter_loses_its_secrets() -> None:
    line = f'\n{{"password":"{SECRET}"}}\r\n'.encode("utf-16-le")[1:]

    assert redact(line) == (f'\n{{"password":"{MARK}"}}\r\n'.encode("utf-16-le")[1:], 1)


def test_a_secret_among_zeros_is_cut_out() -> None:
    assert redact(bytes(99) + b"token=abcd1234") == (bytes(99) + b"token=[redacted]", 1)


@pytest.mark.parametrize("broken", [b"\xe9", b""])
@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":NaN,"errors":{"password":["is too short","must contain a digit"]},"n":"x"}',
        b'{"a":NaN,"auth_methods":{"password":{"success":true}},"token":null,"n":"x"}',
        b'{"m":"the body {\\"errors\\":{\\"password\\":[\\"is too short\\"],\\"token\\":\\"expired\\"}} was sent"}',
        b'{"m":"user {name} [\\"jane\\"] has a token {of: some} \\"kind\\""}',
    ],
)
def test_what_is_not_json_keeps_its_causes(raw: bytes, broken: bytes) -> None:
    assert redact(raw + broken) == (raw + broken, 0)


def test_a_record_without_secrets_is_returned_itself() -> None:
    raw = b'{"timestamp":"2026-03-19T14:03:11.482Z","error_message":"member already exists"}'

    assert redact(raw)[0] is raw


SECRETS = st.sampled_from(
    [f"Bearer {SECRET}", f"basic {SECRET}", f"password={SECRET}", f"x-api-key: {SECRET}", f"token = {SECRET}", JWT,
     f'"secret": "{SECRET}"', "scim-abcdef0123456789", "SCIM_abcdef0123456789", f"Authorization={SECRET}",
     f"passphrase={SECRET}", f"api_key='{SECRET}'", "passwd=abcd", "EYJabcdefgh.abcdefgh.x"]
)  # fmt: skip
NAMES = st.sampled_from(NAME_ENDINGS)


@given(JSON, SECRETS, TEXT, TEXT)
def test_every_secret_in_text_is_suspected(value: Any, secret: str, before: str, after: str) -> None:
    raw = orjson.dumps({"m": f"{before} {secret} {after}"})

    assert may_hold_secrets(raw)
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
    echoes = Echoes()
    looked_at = list(redaction._json_cuts(raw, 0, echoes))
    if not may_hold_secrets(raw) or not redaction._worth_parsing(raw):
        assert looked_at == []
    assert redact(raw)[1] == len(redaction._with_echoes(raw, looked_at, echoes))


@given(JSON, SECRETS, TEXT, st.booleans(), st.integers(0, 5))
def test_every_byte_outside_a_cut_is_as_it_was(
    value: Any, secret: str, text: str, ascii_only: bool, level: int
) -> None:
    record: Any = {"a": value, "m": f"{text} {secret}", "token": [text]}
    for _ in range(level):
        record = {"m": json.dumps(record, ensure_ascii=ascii_only), "n": text}
    raw = json.dumps(record, ensure_ascii=ascii_only).encode()
    cleaned, cut = redact(raw)
    kept = cleaned.split(MARK.encode())

    assert len(kept) == cut + 1
    # A number is replaced by a string, whose quotes are ours.
    assert re.fullmatch(b"(?s)" + b"\\W*.+?\\W*".join(re.escape(piece.strip(b'\\"')) for piece in kept), raw)
    assert secret.encode() not in cleaned


@given(st.binary(max_size=200) | SECRETS.map(lambda text: b"\xff" + text.encode() + b"{"))
def test_any_bytes_can_be_searched(raw: bytes) -> None:
    value, cut = redact(raw)

    assert cut or value == raw


@pytest.mark.parametrize(
    "piece",
    ["token:", "scim-", "scimA", "eyJ-", "bearer=", "bearer ", "bearer a-", "basic aA", "basic A", "scim.a", "scim-a.",
     "scim-a-1", 'password\\"', "password='", "basic:\\t", "eyJaaaaaaaa.", "secret=", "authorization: bearer ",
     "-----BEGIN PRIVATE KEY-----", "pwd: x1", "authorization: A", "://a:", "cookie: a=b;",
     "<password>", "<token ", "token&gt;", "token>", "password is 1", "password is  ", "token: a-", "token: [",
     "password => ", "<![CDATA[", ":\\", "'Authorization','Ab 1", '{"token":',
     '["token",', '{"token":[}', "token\\\\", "a", '\\"://[scimcookie'],
)  # fmt: skip
def test_no_text_takes_more_than_linear_time(piece: str) -> None:
    raw = json.dumps({"m": piece * 4_000}).encode()
    began = time.process_time()

    redact(raw)
    redact(raw[:-1])
    shown(piece * 2_000)

    assert time.process_time() - began < 0.8  # a tenth of a second; far more if it grew with the square


MARKED = [f'Ab{number:03}-xYz!<é\\"{number:03}' for number in range(MAX_KNOWN)]
TURNED = "".join(chr(ord("!") + number) for number in range(8))


@pytest.mark.parametrize(
    "record",
    [
        *(
            pytest.param({"token": [f"{secret[number:]}{number}!" for number in range(2 * MAX_KNOWN)],
                          "m": secret * (100_000 // len(secret))}, id=f"one secret of {shape} again and again")
            for shape, secret in {"marks": "a-1-" * 2000, "letters": "aA" * 4000, "escapes": '"\\' * 1000}.items()
        ),
        pytest.param({"password": MARKED, "m": [f"s{number:08}" for number in range(10_000)]},
                     id="many secrets, many strings"),
        pytest.param({"password": [secret * 100 for secret in MARKED], "m": [f"s{n:08}" for n in range(5_000)]},
                     id="long secrets, many strings"),
        pytest.param({"password": [(TURNED * 3)[at : at + size] for at in range(8) for size in range(8, 12)],
                      "m": TURNED * 10_000}, id="secrets that overlap"),
        pytest.param({"password": [f"{'a' * at}bcd{'a' * (90 - at)}" for at in range(MAX_KNOWN)],
                      "m": ["a" * 10_000] * 5}, id="secrets that nearly match"),
        pytest.param({"password": MARKED, "m": "\\" * 40_000}, id="escapes of escapes"),
        pytest.param({"password": MARKED, "m": "\\x" * 20_000 + "\\ud800" * 1_000}, id="escapes that are none"),
        pytest.param({"password": MARKED, "m": MARKED * 250}, id="many repeated"),
        pytest.param([["password", f"a1b2c3d4e{number}"] for number in range(3_000)], id="many pairs"),
        pytest.param({"token": "abcd-1234", "members": [{"value": f"{n:032x}"} for n in range(4_000)]},
                     id="a large group and one secret"),
        pytest.param({str(number): {"token": {"id": "abcdefgh1"}} for number in range(3_000)}, id="many names"),
    ],
)  # fmt: skip
def test_no_record_takes_more_than_linear_time(record: Any) -> None:
    raw = json.dumps(record).encode()
    began = time.process_time()

    redact(raw)
    redact(raw[:-1])

    assert time.process_time() - began < 2  # a quarter of a second; minutes if strings were searched one by one


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

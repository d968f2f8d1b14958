"""What is asked about many at once reaches a ClickHouse server in pieces that it takes."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from queries.exposures import list_exposures
from queries.pieces import ACCOUNTS_AT_ONCE, pieces, subjects_at_once
from queries.store import Store
from schemas.errors import IdtrailError
from tests.queries.support import Trail, at, attempt
from tests.records import NOON, event

APPS = [{"id": f"5fad07f2b9f5414721b3d7{number:02x}", "name": f"app{number}"} for number in range(8)]
PEOPLE = [
    {"id": f"63ec9bba89a64e507ce0{number:04x}", "type": "user", "username": f"u{number}"} for number in range(320)
]
SIGN_INS = 11
"""Of each person."""


@pytest.mark.parametrize(
    ("accounts", "most", "expected"),
    [
        pytest.param({}, 2, [], id="nobody"),
        pytest.param({"a": [1], "b": [1], "c": [1]}, 2, [["a", "b"], ["c"]], id="so many people"),
        pytest.param(
            {"a": range(ACCOUNTS_AT_ONCE - 1), "b": [1], "c": [1]}, 9, [["a", "b"], ["c"]], id="so many accounts"
        ),
        pytest.param(
            {"a": [1], "b": range(ACCOUNTS_AT_ONCE + 1), "c": [1]}, 9, [["a"], ["b"], ["c"]], id="one with too many"
        ),
    ],
)
def test_people_are_asked_about_as_many_at_once_as_their_accounts_allow(
    accounts: dict[str, Any], most: int, expected: list[list[str]]
) -> None:
    assert list(subjects_at_once(accounts, most)) == expected


def test_a_list_in_pieces_is_the_list() -> None:
    assert [list(piece) for piece in pieces(range(5), 2)] == [[0, 1], [2, 3], [4]]


@pytest.mark.store
def test_a_server_refuses_a_value_that_is_too_long(shared_http_store: Store) -> None:
    sql = "SELECT length({value:String})"
    assert shared_http_store.query(sql, {"value": "x" * 128 * 1024}) == [(128 * 1024,)]
    with pytest.raises(IdtrailError, match="too long"):
        shared_http_store.query(sql, {"value": "x" * (128 * 1024 + 1)})


@pytest.mark.store
def test_thousands_of_exposed_accounts_and_their_sign_ins_are_read_from_a_server(shared_http_store: Store) -> None:
    trail = Trail(shared_http_store, uuid4().hex[:24])
    suspended = [{"field": "state", "from": "ACTIVATED", "to": "SUSPENDED"}]
    trail.insert(
        *(attempt(-9000, "user_create_provision", resource=who, application=app) for who in PEOPLE for app in APPS),
        *(
            event("user_update", timestamp=at(-5000), resource=who, application=None, changes=suspended)
            for who in PEOPLE
        ),
        *(
            event("sso_auth", timestamp=at(-4000 + n), resource=who, application=APPS[0])
            for who in PEOPLE
            for n in range(SIGN_INS)
        ),
    )
    found = list_exposures(trail.store, trail.organization, NOON).never_attempted
    assert len(found) == len(PEOPLE) * len(APPS)
    assert sum(1 for each in found if each.used_since is not None) == len(PEOPLE)

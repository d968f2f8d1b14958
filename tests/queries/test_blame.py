"""What was refused beside what was last accepted: whose, when, and never a value."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from queries.blame import Blame, read_blame
from queries.store import Store
from schemas.errors import NotFound, UserError
from schemas.events import parse
from tests.queries.support import EXPORT, INGEST, SLACK, TENANT, Trail, attempt, failed, id_of, versioned, when
from tests.records import Record

pytestmark = pytest.mark.store

INES = {"id": "63ec9bba89a64e507ce0a4c2", "type": "user", "username": "ines.costa"}
KOFI = {"id": "73ec9bba89a64e507ce0a4c3", "type": "user", "username": "kofi.mensah"}
STAFF = {"id": "83ec9bba89a64e507ce0a4c4", "type": "user_group", "name": "staff"}
TOO_LONG = "title: value must not exceed 100 characters"


def setting(field: str, to: Any) -> list[dict[str, Any]]:
    return [{"field": field, "to": to}]


def refused(minutes: float, **fields: Any) -> dict[str, Any]:
    given = {"code": "400", "details": TOO_LONG, "resource": INES, "changes": setting("title", "x" * 104)}
    return failed(minutes, **(given | fields))


def accepted(minutes: float, title: str = "Chief of chiefs", **fields: Any) -> dict[str, Any]:
    return attempt(minutes, **({"resource": INES, "changes": setting("title", title)} | fields))


def blame(trail: Trail, record: Record) -> Blame:
    found = read_blame(trail.store, trail.organization, UUID(id_of(record)))
    assert found is not None
    return found


def test_the_same_person_s_last_accepted_value_is_shown(any_trail: Trail) -> None:
    bad, good = any_trail.log(refused(10)), any_trail.log(accepted(5))
    others = accepted(6, resource=KOFI), accepted(7, application=SLACK), accepted(11), accepted(1)
    any_trail.insert(bad, good, *others, attempt(8, resource=INES, changes=setting("active", True)))

    assert blame(any_trail, bad) == Blame(
        "title", "", "text, 104 characters", "text, 15 characters, with spaces",
        UUID(id_of(good)), when(5), "same person",
    )  # fmt: skip


def test_another_person_s_is_shown_where_the_same_has_none(trail: Trail) -> None:
    bad, good = trail.log(refused(10)), trail.log(accepted(5, resource=KOFI))
    trail.insert(bad, good, accepted(4, resource=KOFI), accepted(6, application=SLACK), refused(7, resource=KOFI))

    found = blame(trail, bad)
    assert (found.accepted_event, found.whose) == (UUID(id_of(good)), "another person")


def test_nobody_s_value_may_have_been_accepted(trail: Trail) -> None:
    bad = trail.log(refused(10))
    trail.insert(bad, accepted(11))
    Trail(trail.store, f"not {trail.organization}").insert(accepted(5))

    assert blame(trail, bad) == Blame("title", "", "text, 104 characters", "", None, None, "")


def test_a_part_is_looked_for_in_what_holds_it(trail: Trail) -> None:
    enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    bad = trail.log(
        refused(10, details="Property 'costCenter' is invalid", changes=setting(enterprise, {"costCenter": "PT-7"}))
    )
    good = trail.log(accepted(5, changes=setting(enterprise, {"costCenter": "7"})))
    trail.insert(bad, good, accepted(6, changes=setting(enterprise, {"department": "x"})))

    found = blame(trail, bad)
    assert (found.refused_shape, found.accepted_shape) == ("text, 4 characters", "text of digits, 1 character")
    assert found.accepted_event == UUID(id_of(good))


def test_a_value_that_was_left_out_is_said_to_be(trail: Trail) -> None:
    bad = trail.log(
        refused(
            10, details="Required attribute name.familyName is missing", changes=setting("name", {"givenName": "I"})
        )
    )
    trail.insert(bad, accepted(5, changes=setting("name", {"givenName": "I", "familyName": "Costa"})))

    found = blame(trail, bad)
    assert (found.attribute, found.refused_shape) == ("name.familyName", "not sent")
    assert found.accepted_shape == "text, 5 characters"


def test_a_group_s_member_is_named_by_id(trail: Trail) -> None:
    kind, members = "group_update_provision", "No valid resources: [{memberId=3074457345618265000, display=null}]"
    bad = trail.log(
        refused(10, event_type=kind, details=members, resource=STAFF, changes=setting("members", [{"value": "a"}]))
    )
    trail.insert(bad, attempt(5, kind, resource=STAFF, changes=setting("members", [{"value": "b" * 24}])))

    found = blame(trail, bad)
    assert (found.attribute, found.member, found.whose) == ("members", "3074457345618265000", "same group")


def test_what_an_older_record_sent_is_read_as_of_its_version(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of version 1, which had another name for it; what names no version is read as it is."""

    def renamed(record: Mapping[str, Any]) -> dict[str, Any]:
        changes = [{**change, "field": "title"} for change in record["changes"] if change["field"] == "caption"]
        return {**record, "changes": changes}

    bad = versioned(trail.log(refused(10, changes=setting("caption", "x" * 104))), 1)
    trail.insert(bad, trail.log(accepted(5)))
    assert blame(trail, bad).refused_shape == "not sent"
    monkeypatch.setattr("queries.blame.parse", partial(parse, upcasters=[renamed]))

    found = blame(trail, bad)
    assert (found.refused_shape, found.accepted_shape) == ("text, 104 characters", "text, 15 characters, with spaces")


def test_only_the_copy_in_force_is_an_accepted_one(trail: Trail) -> None:
    bad, good = trail.log(refused(10)), trail.log(accepted(4))
    claimed = accepted(5, id="f" * 24)
    truth = {**failed(5, code="400", details=TOO_LONG, resource=INES, changes=setting("title", "y")), "id": "f" * 24}
    trail.insert(bad, good, trail.log(claimed, INGEST), trail.log(truth, TENANT))

    assert blame(trail, bad).accepted_event == UUID(id_of(good))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(accepted(5), None, id="it did not fail"),
        pytest.param(refused(5, details="Bad request"), Blame("", "", "", "", None, None, ""), id="unknown"),
        pytest.param(
            {**refused(5), "timestamp": "soon"},
            Blame("title", "", "text, 104 characters", "", None, None, ""),
            id="unplaced",
        ),
        pytest.param(
            refused(5, details="Password is too short", changes=setting("password", "correct horse battery")),
            Blame("password", "", "cut out as a secret", "", None, None, ""),
            id="a secret",
        ),
    ],
)
def test_blame_is_not_guessed(trail: Trail, record: dict[str, Any], expected: Blame | None) -> None:
    logged = trail.log(record, EXPORT)
    trail.insert(logged, accepted(1))

    assert read_blame(trail.store, trail.organization, UUID(id_of(logged))) == expected


def test_an_event_of_another_organization_is_not_there(trail: Trail) -> None:
    logged = trail.log(refused(5))
    trail.insert(logged)

    with pytest.raises(NotFound):
        read_blame(trail.store, "another", UUID(id_of(logged)))


def test_a_search_that_takes_too_long_costs_only_its_own_answer(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = trail.log(refused(10))
    trail.insert(bad, accepted(5))

    def slow(self: Store, *_: object) -> list[tuple[Any, ...]]:
        raise UserError("the query is too large")

    monkeypatch.setattr(Store, "query", slow)
    assert blame(trail, bad).refused_shape == "text, 104 characters"

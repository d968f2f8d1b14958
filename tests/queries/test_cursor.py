"""What binds a cursor to its question."""

from __future__ import annotations

from dataclasses import make_dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from queries.cursor import Cursor, decode_cursor, encode_cursor, question_of
from queries.dead_letters import LetterFilter
from queries.incidents.listing import Incidents
from queries.selection import Selection
from schemas.errors import BadUsage
from schemas.times import EARLIEST, LATEST

NOON = datetime(2026, 3, 19, 12, tzinfo=UTC)
LONGEST = 512
"""What the API takes."""

Asked = Selection | Incidents | LetterFilter


@pytest.mark.parametrize(
    ("asked", "other"),
    [
        pytest.param(Selection("o", NOON, LATEST), {"causes": ("credentials",)}, id="events"),
        pytest.param(Incidents("o", NOON, LATEST), {"failing": True}, id="incidents"),
        pytest.param(LetterFilter("o"), {"state": "waiting"}, id="dead letters"),
    ],
)
def test_a_cursor_is_of_its_filter_whatever_the_clock_says(asked: Asked, other: dict[str, object]) -> None:
    cursor = encode_cursor(Cursor(NOON, UUID(int=7)), question_of(asked))
    assert decode_cursor(cursor, question_of(replace(asked, since=EARLIEST, until=NOON))).id == UUID(int=7)
    with pytest.raises(BadUsage, match="another filter"):
        decode_cursor(cursor, question_of(replace(asked, **other)))  # type: ignore[arg-type]  # because each field has a type of its own


def test_the_same_filter_of_another_list_is_another_question() -> None:
    one, other = (make_dataclass(name, ["organization"])("o") for name in ("OfEvents", "OfIncidents"))
    assert question_of(one) != question_of(other)


def test_a_filter_of_many_ids_has_a_cursor_that_the_api_takes() -> None:
    many = LetterFilter("o", tuple(UUID(int=number) for number in range(100)))
    assert len(encode_cursor(Cursor(NOON, UUID(int=7)), question_of(many))) <= LONGEST

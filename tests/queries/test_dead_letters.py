"""Dead letters: lists in pages, one of them, never another organization's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from queries.arrow import DEAD_LETTERS_ARROW_SCHEMA, LETTER_DECISIONS_ARROW_SCHEMA, batch
from queries.dead_letters import LetterFilter, count_dead_letters, get_dead_letter, list_dead_letters
from schemas.errors import BadUsage, NotFound
from tests.queries.support import Trail
from tests.records import NOON

pytestmark = pytest.mark.store


def letters(trail: Trail, count: int) -> list[UUID]:
    """Two in each second, every third of a file; newest last."""
    start = int(NOON.timestamp() * 1000)
    ids = [UUID(int=(int(trail.organization[:8], 16) << 64) + number) for number in range(count)]
    rows = [
        (
            letter_id.bytes, trail.organization,
            "file:Export.json" if number % 3 == 0 else "api:x", f"element {number}",
            "no_timestamp" if number % 2 else "not_json", "no timestamp", start + number // 2 * 1000, 10,
            "idtrail.dead-letters", 1, number, -start,
        )
        for number, letter_id in enumerate(ids)
    ]  # fmt: skip
    trail.store.insert_arrow("dead_letters", batch(rows, DEAD_LETTERS_ARROW_SCHEMA), trail.organization)
    return ids


def test_pages_are_the_whole_list(any_trail: Trail) -> None:
    ids = letters(any_trail, 11)
    found: list[UUID] = []
    cursor = None
    while True:
        page = list_dead_letters(any_trail.store, LetterFilter(any_trail.organization), cursor=cursor, limit=3)
        found += [row["letter_id"] for row in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert sorted(found) == sorted(ids)
    whole = list_dead_letters(any_trail.store, LetterFilter(any_trail.organization), limit=100)
    assert [row["letter_id"] for row in whole.items] == found
    times = [row["known_at"] for row in whole.items]
    assert times == sorted(times, reverse=True)
    assert times[0] == NOON + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param({"source": "export"}, {0, 3, 6, 9}, id="the beginning of a file's name"),
        pytest.param({"source": "FILE:"}, {0, 3, 6, 9}, id="a kind of source"),
        pytest.param({"source": "*.JSON"}, {0, 3, 6, 9}, id="a pattern"),
        pytest.param({"source": "fil?:ex*"}, {0, 3, 6, 9}, id="a pattern of the whole name"),
        pytest.param({"source": "port.json"}, set(), id="not just any part"),
        pytest.param({"source": "%"}, set(), id="signs of SQL's own stand for themselves"),
        pytest.param({"source": "x' OR 1"}, set(), id="no SQL"),
        pytest.param({"source": "\\"}, set(), id="a backslash"),
        pytest.param({"reason": "no_timestamp"}, {1, 3, 5, 7, 9}, id="a reason"),
        pytest.param({"source": "export", "reason": "not_json"}, {0, 6}, id="both"),
        pytest.param({"since": NOON + timedelta(seconds=4)}, {8, 9, 10}, id="since"),
        pytest.param({"until": NOON + timedelta(seconds=1)}, {0, 1}, id="until"),
    ],
)
def test_letters_hold_to_the_conditions(trail: Trail, wanted: dict[str, Any], expected: set[int]) -> None:
    letters(trail, 11)
    found = list_dead_letters(trail.store, LetterFilter(trail.organization, **wanted))
    assert {row["log_offset"] for row in found.items} == expected


def test_letters_are_found_by_their_ids(trail: Trail) -> None:
    ids = letters(trail, 6)
    found = list_dead_letters(trail.store, LetterFilter(trail.organization, ids[2:4]))
    assert {row["letter_id"] for row in found.items} == set(ids[2:4])
    assert list_dead_letters(trail.store, LetterFilter("another", ids)).items == []


def test_letters_are_counted_by_reason_and_source_with_the_first_and_last(any_trail: Trail) -> None:
    letters(any_trail, 11)
    found = count_dead_letters(any_trail.store, LetterFilter(any_trail.organization, source="api:"))
    assert [(row["reason"], row["source"], row["letters"]) for row in found] == [
        ("not_json", "api:x", 4),
        ("no_timestamp", "api:x", 3),
    ]
    assert (found[0]["first"], found[0]["last"]) == (NOON + timedelta(seconds=1), NOON + timedelta(seconds=5))


def test_one_is_shown_to_its_organization_only(trail: Trail) -> None:
    letter_id = letters(trail, 1)[0]
    assert get_dead_letter(trail.store, trail.organization, letter_id)["position"] == "element 0"
    assert get_dead_letter(trail.store, None, letter_id)["position"] == "element 0"
    with pytest.raises(NotFound):
        get_dead_letter(trail.store, "another", letter_id)
    assert list_dead_letters(trail.store, LetterFilter("another")).items == []


def test_one_of_several_organizations_is_not_guessed(trail: Trail) -> None:
    (letter_id,) = letters(trail, 1)
    other = f"{trail.organization}-other"
    letters(replace(trail, organization=other), 1)
    with pytest.raises(BadUsage, match=f"name one of '{trail.organization}', '{other}'"):
        get_dead_letter(trail.store, None, letter_id)
    assert get_dead_letter(trail.store, other, letter_id)["organization"] == other


def test_an_age_means_the_same_times_on_every_page(trail: Trail) -> None:
    letters(trail, 4)
    first = LetterFilter(trail.organization, since=NOON, until=NOON + timedelta(hours=1), range_asked="1h to now")
    page = list_dead_letters(trail.store, first, limit=2)
    later = replace(first, since=NOON + timedelta(seconds=1), until=NOON + timedelta(hours=2))  # time went by
    rest = list_dead_letters(trail.store, later, cursor=page.next, limit=2)
    assert sorted(row["log_offset"] for row in [*page.items, *rest.items]) == [0, 1, 2, 3]


def test_a_cursor_of_another_list_is_refused(trail: Trail) -> None:
    letters(trail, 3)
    cursor = list_dead_letters(trail.store, LetterFilter(trail.organization), limit=1).next
    with pytest.raises(BadUsage, match="another filter"):
        list_dead_letters(trail.store, LetterFilter(trail.organization, source="x"), cursor=cursor)


@pytest.mark.parametrize(
    ("decisions", "state", "attempts", "last"),
    [
        pytest.param([], "waiting", 0, "", id="none"),
        pytest.param([("still_unreadable", 3), ("still_unreadable", 1)], "waiting", 2, "3", id="tried in vain"),
        pytest.param([("discarded", 1), ("still_unreadable", 3)], "discarded", 1, "1", id="discarded, then tried"),
        pytest.param([("redriven", 1), ("discarded", 3)], "redriven", 1, "1", id="redriven, then discarded"),
        pytest.param([("discarded", 1), ("redriven", 3)], "redriven", 1, "3", id="discarded, then redriven"),
        pytest.param([("redriven", 1), ("redriven", 3)], "redriven", 2, "3", id="redriven by two at once"),
    ],
)
def test_a_state_is_a_function_of_the_set_of_decisions(
    trail: Trail, decisions: list[tuple[str, int]], state: str, attempts: int, last: str
) -> None:
    (letter_id,) = letters(trail, 1)
    rows = [
        (
            trail.organization,
            letter_id.bytes,
            decision,
            minute * 60_000,
            "ada",
            "",
            str(minute),
            bytes(16),
            "t",
            0,
            minute,
        )
        for decision, minute in decisions
    ]
    for number, order in enumerate((rows, rows[::-1])):  # each comes twice, in both orders
        if order:
            table = batch(order, LETTER_DECISIONS_ARROW_SCHEMA)
            trail.store.insert_arrow("letter_decisions", table, f"{trail.organization}{number}")
        found = get_dead_letter(trail.store, trail.organization, letter_id)
        assert (found["state"], found["attempts"], found["decision_message"]) == (state, attempts, last)
        assert len(found["decisions"]) == len(decisions)
        page = list_dead_letters(trail.store, LetterFilter(trail.organization, state=state))
        assert [row["letter_id"] for row in page.items] == [letter_id]

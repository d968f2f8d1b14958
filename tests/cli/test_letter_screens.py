"""The screens of dead letters: the answer first, and no more lines than somebody reads."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from idtrail.cli.letter_screens import SHOWN_RESULTS, show_letters, show_other_reasons, show_results
from tests.records import NOON

Item = dict[str, Any]


def written(out: Console) -> list[str]:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue().splitlines()


@pytest.fixture
def out() -> Console:
    return Console(file=io.StringIO(), width=200)


def letter(place: int, **more: Any) -> Item:
    return {
        "letter_id": f"id-{place}",
        "state": "waiting",
        "known_at": NOON.isoformat(),
        "source": "file:a.json",
        "position": f"element {place}",
        "reason": "not_json",
        "message": "not JSON",
        "decision": None,
        "event_id": None,
    } | more


def count(letters: int, reason: str = "not_json") -> Item:
    return {"reason": reason, "letters": letters, "waiting": letters, "redriven": 0, "discarded": 0}


@pytest.mark.parametrize(
    ("letters", "left"), [pytest.param(2, None, id="all of them"), pytest.param(778, "776 more (--limit)", id="some")]
)
def test_a_list_tells_how_many_it_leaves_out(out: Console, letters: int, left: str | None) -> None:
    show_letters(out, [letter(1), letter(2)], [count(letters)], NOON)

    lines = written(out)
    assert lines[0] == f"{letters} dead letters wait: {letters} not_json"
    assert lines[1:5:2] == ["  id-1  waiting  0 s ago  file:a.json", "  id-2  waiting  0 s ago  file:a.json"]
    assert [line.strip() for line in lines if " more" in line] == ([left] if left else [])
    assert (
        lines[-1] == "Next: idtrail dead-letters show id-1 · idtrail dead-letters redrive --reason not_json --dry-run"
    )


def test_of_many_results_the_first_of_each_outcome_are_shown(out: Console) -> None:
    many = [
        letter(place, outcome="redriven", event_id="e", reason="", message="") for place in range(SHOWN_RESULTS + 7)
    ]

    show_results(out, [*many, letter(99, outcome="gone")], dry_run=False, done=("redriven", "would be redriven"))

    lines = written(out)
    assert lines[0] == f"{SHOWN_RESULTS + 8} dead letters: {SHOWN_RESULTS + 7} redriven, 1 gone from the log"
    assert sum("  redriven  " in line for line in lines) == SHOWN_RESULTS
    assert sum("  gone from the log  " in line for line in lines) == 1
    assert "  7 more redriven (--json tells each)" in lines
    assert lines[-1] == "Next: idtrail events e"


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        pytest.param([], "  none was ever dead-lettered for 'not_jsn'", id="no letter at all"),
        pytest.param(
            [count(1, "too_large"), count(3), count(2)],
            "  none was ever dead-lettered for 'not_jsn'; there are not_json, too_large",
            id="others",
        ),
    ],
)
def test_a_reason_that_no_letter_has_is_told_with_those_there_are(out: Console, counts: list[Item], told: str) -> None:
    show_other_reasons(out, "not_jsn", counts)

    assert written(out) == [told]

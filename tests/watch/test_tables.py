"""The lists at every width: rows are one line, whatever the names hold."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len

from idtrail.cli.watch.tables import (
    FAILURES,
    INCIDENTS,
    INTEGRATIONS,
    MARKER,
    Column,
    fitted,
    footer,
    heading,
    heights,
    places,
    row,
)
from tests.watch.support import NOW, ago, failure, incident, integration

Item = dict[str, Any]
LISTS: dict[str, tuple[tuple[Column, ...], list[Item]]] = {
    "incidents": (INCIDENTS, [incident("a", 60), incident("b", application="", change=None, people=0, groups=3)]),
    "failures": (FAILURES, [failure(1), failure(2, kind="group", subject_name="", cause="", http_status=0)]),
    "integrations": (INTEGRATIONS, [integration("slack"), integration("box", last_success=None)]),
}
NASTY = "日本語\x1b[31m\r\n" + "x" * 300


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("width", [60, 61, 73, 74, 80, 89, 90, 99, 100, 109, 110, 139, 140, 200, 400])
def test_a_row_fills_the_width_exactly(name: str, width: int) -> None:
    columns, items = LISTS[name]
    shown = places(columns, width)
    assert cell_len(heading(shown)) == width - MARKER
    for item in items:
        nasty = {key: NASTY if isinstance(value, str) and not _fixed(key) else value for key, value in item.items()}
        for shape in (item, nasty):
            line = " ".join(row(shown, shape, NOW))
            assert cell_len(line) == width - MARKER
            assert line.isprintable()


def _fixed(key: str) -> bool:
    return key.endswith("_at") or key in ("since", "last_success", "last_attempt", "time_quality")


@pytest.mark.parametrize(
    ("name", "width", "line"),
    [
        pytest.param(
            "incidents", 60, "statsig      credentials         41      9 1 h    open     ", id="incidents, 60"
        ),
        pytest.param(
            "incidents",
            80,
            "statsig      credentials                      41      9 1 h    1 min  open     ",
            id="incidents, 80",
        ),
        pytest.param("failures", 60, "0 s    statsig   update     person.1     401 credentials: …", id="failures, 60"),
        pytest.param(
            "failures",
            80,
            "16:42:00     0 s    statsig   update       person.1     401 credentials: token…",
            id="failures, 80",
        ),
        pytest.param(
            "integrations",
            80,
            "slack        16:39:00 (3 min)          0  1,904 -                              ",
            id="integrations, 80",
        ),
    ],
)
def test_what_a_row_shows(name: str, width: int, line: str) -> None:
    columns, items = LISTS[name]
    assert " ".join(row(places(columns, width), items[0], NOW)) == line


@pytest.mark.parametrize(
    ("columns", "item", "title", "cell"),
    [
        pytest.param(INCIDENTS, incident("a", people=0, groups=3), "people", "3 gr.", id="only groups"),
        pytest.param(INCIDENTS, incident("a", attribute="title"), "cause", "credentials (title)", id="attribute"),
        pytest.param(FAILURES, failure(1, 60 * 24), "failed (UTC)", "11-23 16:42", id="another day"),
        pytest.param(
            FAILURES, failure(1, time_quality="garbage"), "failed (UTC)", "time garbage", id="no believable time"
        ),
        pytest.param(FAILURES, failure(1, -5), "age", "+5 min", id="a clock ahead"),
        pytest.param(FAILURES, failure(1, kind="group"), "attempt", "group update", id="a group"),
        pytest.param(FAILURES, failure(1, action="deprovision"), "attempt", "deactivate", id="closing"),
        pytest.param(FAILURES, failure(1, subject_name=""), "person", "s1", id="no name"),
        pytest.param(INTEGRATIONS, integration("x", last_success=None), "last success (UTC)", "never", id="never"),
        pytest.param(
            INTEGRATIONS,
            integration("x", change={"event_type": "idm_integration_reauth", "at": ago(60), "actor": ""}),
            "last change",
            "reauth 1 h ago by unknown",
            id="an unknown actor",
        ),
        pytest.param(
            INTEGRATIONS,
            integration(
                "x", failures_since_success=3, last_failure={"cause": "conflict", "detail": "taken", "event_id": "e"}
            ),
            "last failure",
            "conflict: taken",
            id="what fails",
        ),
        pytest.param(
            INTEGRATIONS,
            integration("x", change={"event_type": "idm_integration_delete", "at": ago(0), "actor": ""}),
            "last failure",
            "deleted",
            id="what is gone does not work",
        ),
    ],
)
def test_what_a_cell_says(columns: tuple[Column, ...], item: Item, title: str, cell: str) -> None:
    shown = places(columns, 200)
    (at,) = [at for at, place in enumerate(shown) if place.column.title == title]
    assert row(shown, item, NOW)[at].strip() == cell


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 5, "abc  "),
        ("abcdef", 4, "abc…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日 …"),
        ("a\tb\x1b[0m", 6, "a b […"),
        ("x", 0, ""),
    ],
)
def test_a_text_is_cut_by_the_cells_that_it_takes(text: str, width: int, shown: str) -> None:
    assert fitted(text, width) == shown


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("lines", [9, 12, 17, 21, 37, 57])
def test_the_parts_of_the_screen_share_its_lines(lines: int, beside: bool) -> None:
    for incidents, integrations, pipeline in ((0, 0, 1), (3, 5, 1), (500, 200, 9)):
        parts = heights(lines, incidents, integrations, pipeline, beside=beside)
        assert min(parts) >= 1
        assert parts.incidents + parts.failures == lines if beside else sum(parts) == lines
        assert parts.failures >= lines // 3


@pytest.mark.parametrize("width", [60, 77, 78, 80, 200])
def test_the_keys_fit(width: int) -> None:
    assert len(footer(width)) <= width

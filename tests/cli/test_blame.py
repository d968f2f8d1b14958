"""What the screen of one event says of a refused value."""

from __future__ import annotations

from typing import Any

import pytest

from idtrail.cli.blame import blame_lines

NONE: dict[str, Any] = {
    "attribute": "", "member": "", "refused_shape": "", "accepted_shape": "", "accepted_event": None,
    "accepted_at": None, "whose": "",
}  # fmt: skip
EVENT = "c0a80101-0000-5000-8000-000000000000"


@pytest.mark.parametrize(
    ("blame", "lines"),
    [
        pytest.param(None, [], id="it did not fail"),
        pytest.param(NONE, ["Refused: unknown; the answer names no attribute"], id="unknown"),
        pytest.param(
            NONE | {"attribute": "title", "refused_shape": "text, 104 characters"},
            ["Refused: title: text, 104 characters", "Last accepted: none before it"],
            id="never accepted",
        ),
        pytest.param(
            NONE
            | {"attribute": "members", "member": "42", "refused_shape": "list of 1: text of digits, 2 characters"}
            | {"accepted_shape": "empty", "accepted_event": EVENT, "accepted_at": "2026-03-19T11:02:00Z"}
            | {"whose": "same group"},
            [
                "Refused: members (member 42): list of 1: text of digits, 2 characters",
                "Last accepted: empty",
                "  by the same group, 2026-03-19 11:02:00",
                f"  idtrail events {EVENT}",
            ],
            id="a member",
        ),
        pytest.param(
            NONE
            | {"attribute": "members", "refused_shape": "empty", "accepted_shape": "empty", "accepted_event": EVENT}
            | {"accepted_at": "2026-03-19T11:02:00Z", "whose": "another group"},
            [
                "Refused: members: empty",
                "Last accepted: empty: its shape is not the reason",
                "  by another group, 2026-03-19 11:02:00",
                f"  idtrail events {EVENT}",
            ],
            id="what looks alike was accepted",
        ),
    ],
)
def test_what_was_refused_stands_beside_what_was_accepted(blame: dict[str, Any] | None, lines: list[str]) -> None:
    assert blame_lines(blame, "invalid_value") == lines


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        pytest.param("invalid_value", True, id="a value"),
        pytest.param("missing_attribute", True, id="one that was not sent"),
        pytest.param("conflict", True, id="one that another has"),
        pytest.param("credentials", False, id="a token"),
        pytest.param("network", False, id="nobody answered"),
        pytest.param("unknown", False, id="nobody knows what"),
    ],
)
def test_that_no_attribute_is_named_is_told_where_one_is_at_fault(cause: str, told: bool) -> None:
    assert bool(blame_lines(NONE, cause)) == told

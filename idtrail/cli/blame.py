"""What an application refused compared with what it last accepted, for a terminal."""

from __future__ import annotations

from typing import Final

from idtrail.cli.screen import when
from idtrail.item import Item
from schemas.cause import Cause

_OF_A_VALUE: Final = frozenset({Cause.INVALID_VALUE, Cause.MISSING_ATTRIBUTE, Cause.CONFLICT})
"""If no attribute is named, blame is shown only for these causes: for others no attribute is at fault."""


def blame_lines(blame: Item | None, cause: str) -> list[str]:
    """Return lines that compare what was refused with what was last accepted; none if no value was refused."""
    if blame is None:
        return []
    if not blame["attribute"]:
        return ["Refused: unknown; the answer names no attribute"] if cause in _OF_A_VALUE else []
    member = f" (member {blame['member']})" if blame["member"] else ""
    lines = [
        f"Refused: {blame['attribute']}{member}" + (f": {blame['refused_shape']}" if blame["refused_shape"] else "")
    ]
    if blame["accepted_event"]:
        same = blame["accepted_shape"] == blame["refused_shape"]
        lines.append(f"Last accepted: {blame['accepted_shape']}" + (": its shape is not the reason" if same else ""))
        whose = blame["whose"].replace("same", "the same")
        lines.append(f"  by {whose}, {when(blame['accepted_at'])}")
        lines.append(f"  idtrail events {blame['accepted_event']}")
    else:
        lines.append("Last accepted: none before it")
    return lines

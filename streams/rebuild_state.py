"""The state of a rebuild, as kept in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import orjson

from queries.store import Store
from schemas.errors import UserError
from streams.span_reader import Place

_LATEST: Final = "SELECT state, version FROM rebuilds ORDER BY version DESC LIMIT 1"
_SAVE: Final = "INSERT INTO rebuilds VALUES ({id:UUID}, {state:String}, {version:UInt64})"


class Step(StrEnum):
    """The steps of a rebuild."""

    FILLING = "filling"
    """The new generation is filled from the log."""
    FOLDING = "folding"
    """Windows and incidents are folded from the new generation."""
    HOLDING = "holding"
    """The sinks are held: the rest is filled, and both generations are compared."""
    SWAPPING = "swapping"
    """Tables are exchanged: from here it can only go forward."""
    SETTLING = "settling"
    """The sinks were not held all the time: what they stored meanwhile is filled again."""
    DROPPING = "dropping"
    """The old generation is dropped."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class RebuildState:
    """The state of one rebuild."""

    rebuild_id: str = ""
    owner: str = ""
    """The process that works on it, or took it over."""
    code: str = ""
    step: Step = Step.FILLING
    next: Mapping[Place, int] = field(default_factory=dict)
    """By topic and partition, up to where the new generation is filled."""
    goal: Mapping[Place, int] = field(default_factory=dict)
    """Up to where it is being filled: a continued rebuild cuts the same inserts up to there."""
    done: int = 0
    """The number of records filled."""
    total: int = 0
    """The number of records to fill, as far as known."""
    barrier: Mapping[Place, int] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    """The tables that are exchanged, each with the identity of its new table."""
    differences: list[dict[str, Any]] = field(default_factory=list)
    version: int = 0

    def unfinished(self, code: str) -> bool:
        """Whether it must be continued. One filled by other code is not, unless its tables are being exchanged
        already."""
        if self.step in (Step.FILLING, Step.FOLDING, Step.HOLDING):
            return self.code == code
        return self.step is not Step.DONE

    def taken_over(self, owner: str) -> RebuildState:
        """Return the state with a new owner. A hold does not outlive its process."""
        step = Step.FILLING if self.step in (Step.FOLDING, Step.HOLDING) else self.step
        return replace(self, owner=owner, step=step)

    def changed(self, **changes: Any) -> RebuildState:
        """Return the state with other values."""
        return replace(self, **changes)


class States:
    """The table `rebuilds`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def latest(self) -> RebuildState | None:
        """Return the last rebuild, however it ended."""
        found = self._store.query(_LATEST)
        return _read(*found[0]) if found else None

    def save(self, state: RebuildState) -> RebuildState:
        """Save the state and return it as saved. Raises `UserError` when somebody else has taken it over."""
        latest = self.latest()
        version = 0 if latest is None else latest.version
        if latest is not None and latest.owner != state.owner and version > state.version > 0:
            raise UserError("another process has taken this rebuild over")
        saved = replace(state, version=version + 1)
        self._store.command(_SAVE, {"id": str(UUID(saved.rebuild_id)), "state": _text(saved), "version": saved.version})
        return saved


def _text(state: RebuildState) -> str:
    told = asdict(state) | {name: _places(getattr(state, name)) for name in ("next", "goal", "barrier")}
    return orjson.dumps(told).decode()


def _read(text: str, version: int) -> RebuildState:
    told = orjson.loads(text)
    return RebuildState(
        **{
            **told,
            "step": Step(told["step"]),
            "next": _by_place(told["next"]),
            "goal": _by_place(told.get("goal", [])),
            "barrier": _by_place(told["barrier"]),
            "version": version,
        }
    )


def _places(offsets: Mapping[Place, int]) -> list[tuple[str, int, int]]:
    return [(*place, offset) for place, offset in sorted(offsets.items())]


def _by_place(told: list[tuple[str, int, int]]) -> dict[Place, int]:
    return {(topic, partition): offset for topic, partition, offset in told}

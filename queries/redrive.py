"""Redrives dead letters, which makes events of those that can be read now, or discards them. Each decision is recorded.

The event goes on the log before the decision about its letter. If the process is killed in between, the letter still
waits, and redriving it again appends the same event: its identity makes that harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID

from queries.dead_letters import Row
from schemas.envelope import Envelope, Header
from schemas.errors import RecordError
from schemas.letters import Coordinates, Decision, Letter, Verdict, seal_again


class Logged(Protocol):
    """A record at a place of the log."""

    @property
    def value(self) -> bytes: ...
    @property
    def headers(self) -> Sequence[Header]: ...


class Redriven(Protocol):
    """Where events and decisions go: the emitter. When it returns, they are durable."""

    async def emit_sealed(self, envelope: Envelope) -> object: ...
    async def decide(self, decision: Decision) -> object: ...


ReadRecords = Callable[[Sequence[Coordinates]], Awaitable[Mapping[Coordinates, Logged]]]


class RedriveOutcome(StrEnum):
    """The result for a letter, or what it would be."""

    REDRIVEN = "redriven"
    STILL_UNREADABLE = "still_unreadable"
    DISCARDED = "discarded"
    ALREADY_REDRIVEN = "already_redriven"
    ALREADY_DISCARDED = "already_discarded"
    GONE = "gone"
    """The log no longer has its bytes."""


class Result(NamedTuple):
    """One letter and its result."""

    letter_id: UUID
    source: str
    position: str
    outcome: RedriveOutcome
    reason: str = ""
    """A short word for why it cannot be read."""
    message: str = ""
    event_id: UUID | None = None


class Redrive(NamedTuple):
    """How letters are redriven."""

    by: str
    """The token's name."""
    into: str = ""
    """The organization that their sources belong to now; empty keeps the original one."""
    named: bool = False
    """Whether the letters were named one by one: then a discarded one is redriven too."""
    dry_run: bool = False


async def redrive(
    rows: Iterable[Row], how: Redrive, read_records: ReadRecords, log: Redriven, now: datetime
) -> list[Result]:
    """Make events of the letters that can be read now. The others keep waiting, with their new reason.

    Raises what `log` raises when it accepts nothing more: letters whose decisions are not recorded keep waiting.
    """
    letters = [(_letter(row), row) for row in rows]
    to_try = [letter.place for letter, row in letters if _settled(letter, row, how.named) is None]
    found = await read_records(to_try)

    async def one(letter: Letter, row: Row) -> Result:
        settled = _settled(letter, row, how.named)
        return settled or await _redrive(letter, found.get(letter.place), how, log, now)

    return await asyncio.gather(*(one(letter, row) for letter, row in letters))


async def discard(
    rows: Iterable[Row], because: str, by: str, log: Redriven, now: datetime, *, dry_run: bool
) -> list[Result]:
    """Record that nobody wants events of these letters. Nothing is deleted."""

    async def one(letter: Letter, row: Row) -> Result:
        settled = _settled(letter, row, named=False)
        if settled is not None:
            return settled
        if not dry_run:
            await log.decide(Decision(letter, Verdict.DISCARDED, now, by, message=because))
        return _result(letter, RedriveOutcome.DISCARDED, message=because)

    return await asyncio.gather(*(one(_letter(row), row) for row in rows))


async def _redrive(letter: Letter, logged: Logged | None, how: Redrive, log: Redriven, now: datetime) -> Result:
    if logged is None:
        return _result(
            letter,
            RedriveOutcome.GONE,
            message="its bytes are not on the log any more: the topic keeps them for 90 days",
        )
    try:
        envelope = seal_again(logged.value, logged.headers, letter.place, now, how.into)
        if not how.dry_run:
            await log.emit_sealed(envelope)
    except RecordError as error:
        reason, message = error.reason, str(error)
        if not how.dry_run:
            await log.decide(Decision(letter, Verdict.STILL_UNREADABLE, now, how.by, reason, message))
        return _result(letter, RedriveOutcome.STILL_UNREADABLE, reason=reason, message=message)
    if not how.dry_run:
        await log.decide(Decision(letter, Verdict.REDRIVEN, now, how.by, event_id=envelope.event_id))
    return _result(letter, RedriveOutcome.REDRIVEN, event_id=envelope.event_id)


def _letter(row: Row) -> Letter:
    return Letter(**{name: row[name] for name in Letter._fields})


def _settled(letter: Letter, row: Row, named: bool) -> Result | None:
    """Return the existing result of a letter that needs nothing; None if something is to be done."""
    if row["state"] == "redriven":
        return _result(letter, RedriveOutcome.ALREADY_REDRIVEN, event_id=row["event_id"])
    if row["state"] == "discarded" and not named:
        return _result(letter, RedriveOutcome.ALREADY_DISCARDED, message=row["decision_message"])
    return None


def _result(
    letter: Letter, outcome: RedriveOutcome, *, reason: str = "", message: str = "", event_id: UUID | None = None
) -> Result:
    return Result(letter.letter_id, letter.source, letter.position, outcome, reason, message, event_id)

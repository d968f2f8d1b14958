"""Dead letters on the log: sealed again when they can be read, and the decision about each. Pure.

A decision is kept forever on a topic of its own; its letter is not. So a decision repeats the letter's metadata: the
log alone shows what became of which letter, why and by whom.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from schemas.envelope import TRUSTS, Envelope, Header, Source, Trust, seal
from schemas.errors import ForeignOrganization, MalformedRecord
from schemas.events import parse
from schemas.organization import is_organization

DECISION: Final = "idtrail_decision"
"""The header that only decisions have."""
REDRIVEN_FROM: Final = "idtrail_redriven_from"
"""On a redriven event: the letter's place, `topic/partition/offset`."""

LOST_END: Final = "lost_end"
"""Reason of a letter that the sink writes: the log lost records that had been read."""
LOST_BEGINNING: Final = "lost_beginning"
"""The log lost records that had not been stored."""
OLDER_STORE: Final = "older_store"
"""The store lacked records that had been stored: it was emptied, or put back from a copy."""
CUTS: Final = (LOST_END, LOST_BEGINNING, OLDER_STORE)


class Coordinates(NamedTuple):
    """The place of a record on the log."""

    topic: str
    partition: int
    offset: int


class Letter(NamedTuple):
    """A dead letter's metadata, as in the store."""

    letter_id: UUID
    organization: str
    source: str
    position: str
    reason: str
    message: str
    known_at: datetime
    size: int
    log_topic: str
    log_partition: int
    log_offset: int

    @property
    def place(self) -> Coordinates:
        """The place of its bytes."""
        return Coordinates(self.log_topic, self.log_partition, self.log_offset)


class Verdict(StrEnum):
    """The decision or finding about a letter."""

    REDRIVEN = "redriven"
    """It can be read now, and is an event on the log."""
    STILL_UNREADABLE = "still_unreadable"
    """It was tried again and still cannot be read."""
    DISCARDED = "discarded"
    """Somebody does not want it as an event. Its bytes stay for as long as the topic keeps them."""


class Decision(NamedTuple):
    """A verdict, with who gave it and when."""

    letter: Letter
    verdict: Verdict
    at: datetime
    by: str
    """The token's name."""
    reason: str = ""
    """For a letter that is still unreadable: the reason code of the new error."""
    message: str = ""
    """That error's message; for a discarded letter, the comment of whoever discarded it."""
    event_id: UUID | None = None
    """The event's id, for a redriven letter."""

    def record(self) -> tuple[bytes, bytes, list[Header]]:
        """Return key, value and headers for the log."""
        letter = self.letter
        value = orjson.dumps({**self._asdict(), "letter": letter._asdict()})
        headers: list[Header] = [
            (DECISION, self.verdict.encode()),
            ("idtrail_organization", letter.organization.encode()),
            ("content-type", b"application/json"),
        ]
        return f"{letter.organization}|{letter.source}".encode(), value, headers


def read_decision(value: bytes, headers: Sequence[Header]) -> Decision | None:
    """Return the decision in a record about dead letters; None for a letter, or a decision that is not ours."""
    names = {name for name, _ in headers}
    # A letter keeps the headers it came with, whatever they are, but always has a reason too.
    if DECISION not in names or "idtrail_reason" in names:
        return None
    try:
        found: dict[str, Any] = orjson.loads(value)
        letter = found.pop("letter")
        letter["letter_id"] = UUID(letter["letter_id"])
        letter["known_at"] = datetime.fromisoformat(letter["known_at"])
        found["verdict"] = Verdict(found["verdict"])
        found["at"] = datetime.fromisoformat(found["at"])
        found["event_id"] = UUID(found["event_id"]) if found["event_id"] else None
        decision = Decision(letter=Letter(**letter), **found)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return decision if decision.at.tzinfo and decision.letter.known_at.tzinfo else None


def seal_again(
    value: bytes, headers: Sequence[Header], place: Coordinates, received_at: datetime, into: str = ""
) -> Envelope:
    """Seal a letter as the event that it can now be read as, with its original source and trust.

    `into` is the organization that its source speaks for, in place of the original one. Raises `RecordError` when it
    still cannot be read.
    """
    # Kafka allows a header's value to be null.
    found = {name: (content or b"").decode(errors="replace") for name, content in headers}
    if "idtrail_truncated_from" in found:
        whole = found["idtrail_truncated_from"]
        raise MalformedRecord(f"only its beginning was kept, of {whole} bytes", reason="truncated")
    # A letter that does not say how it came gets the least trust: never guess more.
    trust = TRUSTS.get(found.get("idtrail_trust", "").encode(), Trust.OPEN_INGEST)
    organization = into or found.get("idtrail_organization") or None
    if organization and not is_organization(organization):
        raise ForeignOrganization("its source's organization is not a valid organization id", reason="odd_organization")
    sealed = seal(value, Source(found.get("idtrail_source") or "kafka", trust, organization), received_at)
    parse(sealed.value, sealed.event_type)  # as the sink will
    more: list[Header] = [
        ("idtrail_position", found.get("idtrail_position", "").encode()),
        (REDRIVEN_FROM, f"{place.topic}/{place.partition}/{place.offset}".encode()),
    ]
    if "idtrail_redacted" in found and "idtrail_redacted" not in dict(sealed.headers):
        more.append(("idtrail_redacted", found["idtrail_redacted"].encode()))
    return sealed._replace(headers=[*sealed.headers, *more])

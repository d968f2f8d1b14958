"""Routes about who is one person: ids, names and addresses over time, what links ids, and decisions by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from queries.api import account_models
from queries.api.access import IN_TURN, Admin, Given, Organization
from queries.api.models import Answer
from queries.people.identities import Strength
from queries.people.resolving import Found, read_person, read_two, require_person
from queries.people.spellings import read_spellings
from queries.store import Store
from schemas.identity import MAX_BECAUSE, IdentityDecision, seal_decision
from schemas.times import SENTINEL, parse_past

router = APIRouter(prefix="/api/v1/people", tags=["people"], dependencies=[IN_TURN])

Who = Annotated[str, Field(min_length=1, max_length=256, description="Id, user name or mail address.")]


class SubjectId(BaseModel):
    """One of the person's ids in the directory."""

    subject_id: str
    first_seen: datetime | None = Field(description="Null if no event has a time that can be believed.")
    last_seen: datetime | None
    events: int
    ended_at: datetime | None = Field(
        description="When it was suspended or deleted, or all its accounts closed, if nothing took it into use again."
    )
    ended_by: UUID | None = Field(description="The event that did it.")


class Alias(BaseModel):
    """A name, address or number of an id, from the first event that shows it."""

    subject_id: str
    kind: str = Field(description="name, email, employee, external or full_name.")
    value: str = Field(description="In lower case.")
    spelt: str = Field(description="For a full name, the spelling of its first event; otherwise the same.")
    since: datetime | None
    first_event: UUID
    last_seen: datetime | None
    last_event: UUID
    until: datetime | None = Field(description="When another replaced it; null if none was seen.")
    until_event: UUID | None


class Evidence(Answer):
    """What two ids have in common, and the events that show it."""

    kind: str = Field(
        description="employee, external, email, name, full_name; account: the account that the second took over."
    )
    value: str
    first_event: UUID
    second_event: UUID


class Decision(Answer):
    """What somebody decided about two ids."""

    first: str
    second: str
    linked: bool
    at: datetime
    by: str = Field(description="The token's name.")
    because: str
    event_id: UUID


class Decided(Decision):
    """The decision, with the ids that it is about."""

    note: str = Field(description="Who else had the given names, and when; empty if nobody had.")


class Link(Answer):
    """Two ids of one person."""

    first: str
    second: str
    strength: Strength
    evidence: list[Evidence]
    decision: Decision | None


class Hint(Answer):
    """Another id that shares something and is not linked."""

    first: str
    second: str
    why: str = Field(description="Why it is not linked.")
    evidence: list[Evidence]
    decision: Decision | None


class PersonDetail(BaseModel):
    """Who one person is, as far as the log says."""

    person: account_models.Person
    at: datetime | None = Field(description="The time asked about; null stands for now.")
    ids: list[SubjectId] = Field(description="The earliest first.")
    aliases: list[Alias] = Field(description="In order of time. With `at`, those in force then.")
    links: list[Link]
    hints: list[Hint]


class Wanted(BaseModel):
    """A decision about two ids."""

    model_config = ConfigDict(extra="forbid")

    first: Who
    second: Who
    because: str = Field(min_length=1, max_length=MAX_BECAUSE, description="Kept on the log with the token's name.")


@router.get("/{who:path}", response_model=PersonDetail)
def person(
    context: Given,
    organization: Organization,
    who: Annotated[str, Path(min_length=1, max_length=256, description="Id, user name or mail address.")],
    at: Annotated[
        str | None, Query(max_length=64, description="Who had the name then: a time, a date, an age.")
    ] = None,
) -> dict[str, Any]:
    """Return who somebody is: all ids with what links them, and every name and address with when it was in force.

    A name means who has it now, or had it `at`; `person.note` says who else had it. 409 with `candidates` if several
    people have it; 404 with `near` names if nobody does, and for what is not a person.
    """
    when = parse_past(at, context.clock(), "at") if at else None
    return _detail(context.store, require_person(read_person(context.store, organization, who, when)), when)


def _detail(store: Store, found: Found, at: datetime | None) -> dict[str, Any]:
    ids, known = found.identity.subject_ids, found.known
    own = [alias for alias in known.aliases if alias.subject_id in ids and alias.kind != "decided"]
    shown = own if at is None else [alias for alias in own if alias.held(at)]
    shown.sort(key=lambda alias: (alias.since, alias.kind, alias.value))
    spelt = read_spellings(store, found.person.organization, shown)
    return {
        "person": found.person,
        "at": at,
        "ids": [
            {**life._asdict(), "first_seen": _placed(life.first_seen), "last_seen": _placed(life.last_seen)}
            for life in (known.lives[each] for each in ids if each in known.lives)
        ],
        "aliases": [
            {
                **alias._asdict(),
                "spelt": spelt.get(alias.first_event, alias.value) if alias.kind == "full_name" else alias.value,
                "since": _placed(alias.since),
                "last_seen": _placed(alias.last_seen),
            }
            for alias in shown
        ],
        "links": found.identity.links,
        "hints": found.identity.hints,
    }


def _placed(at: datetime) -> datetime | None:
    return at if at > SENTINEL else None


@router.post("/link", response_model=Decided)
async def link(context: Given, token: Admin, wanted: Wanted) -> dict[str, Any]:
    """Record that two ids are one person. On return the decision is on the log; it is in force once it is stored.

    A name means the id of whoever has it now; 409 with `candidates` if several people have it. Decisions by hand take
    precedence over any evidence, and the later of two about the same ids wins.
    """
    return await _decide(context, token, wanted, linked=True)


@router.post("/separate", response_model=Decided)
async def separate(context: Given, token: Admin, wanted: Wanted) -> dict[str, Any]:
    """Record that two ids are two people, whatever they share. Names mean ids as for `link`."""
    return await _decide(context, token, wanted, linked=False)


async def _decide(context: Given, token: Admin, wanted: Wanted, *, linked: bool) -> dict[str, Any]:
    found = await run_in_threadpool(read_two, context.store, token.only, wanted.first, wanted.second)
    first, second = (each.person for each in found)
    decision = IdentityDecision(
        first.subject_id, second.subject_id, linked, context.clock(), token.name, wanted.because, uuid4()
    )
    envelope = seal_decision(first.organization, decision)
    await context.ingest.emit_sealed(envelope)
    note = "; ".join(each.note for each in (first, second) if each.note)
    return {**decision._asdict(), "event_id": envelope.event_id, "note": note}

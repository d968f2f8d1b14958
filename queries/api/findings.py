"""Routes about findings, which several events prove together, and the steps to undo a mass change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from queries.api.access import Given, Organization
from queries.api.models import Answer
from queries.api.parameters import ApplicationIds, Name, Since, Until, time_range
from queries.findings import finding as values
from queries.findings.finding import EVIDENCE, MASS, Kind
from queries.findings.listing import NAMED, Asked, find_finding, list_findings, names
from queries.store import Store

router = APIRouter(prefix="/api/v1", tags=["findings"])

Names = Mapping[tuple[str, str], str]
"""Maps (organization, id) to a name."""


class Act(BaseModel):
    """The act that set a finding off."""

    kind: str = Field(description="directory, membership, binding or integration.")
    event_id: UUID | None = Field(description="The event of the act; of several acts, the first.")
    event_type: str
    at: datetime
    actor: str = Field(description="Empty if several people did it, or the log names nobody.")
    text: str


class FindingSubject(BaseModel):
    """A person or group that a finding is about."""

    subject_id: str
    name: str


class Finding(BaseModel):
    """Something that the events prove or make likely."""

    id: str
    kind: str = Field(description="See docs/findings.md.")
    organization: str
    application_id: str
    application: str
    since: datetime
    until: datetime
    sure: str = Field(description="`certain` or `likely`.")
    text: str
    people: int = Field(description="How many people or groups it is about.")
    accepted: int = Field(description="How many of these changes were accepted.")
    usual: int | None = Field(description="For mass changes: the usual busiest hour; null if not known yet.")
    threshold: int = Field(description="For mass changes: how many in an hour make one.")
    act: Act | None = Field(description="The act that set it off; null if the log has none.")
    attributes: list[str] = Field(description="Whose mappings changed.")
    subjects: list[FindingSubject] = Field(description=f"The first {NAMED}.")
    evidence: list[UUID] = Field(description=f"The events that prove it, in order; the first {EVIDENCE}.")
    events: int = Field(description="How many events prove it.")
    next: str = Field(description="What to do.")


class Findings(BaseModel):
    """A list of findings, the latest first."""

    since: datetime = Field(description="The range that was searched.")
    until: datetime
    items: list[Finding]
    total: int = Field(description="The total number, including those beyond the limit.")


class FindingAccount(Answer):
    """An account of a finding."""

    subject_id: str
    name: str
    was: str = Field(description="The state one minute before: `active`, `inactive` and so on; for a group `member`.")
    now: str
    back_as: str = Field(
        description="The other id under which a person is back in the directory, if any; `now` is its account."
    )


class RestoreStep(Answer):
    """One step to undo a change."""

    do: str = Field(description="See docs/findings.md.")
    subject_id: str = Field(
        description="The person or group; the application for `bind_group` and `activate_integration`."
    )
    name: str
    group_id: str
    group: str
    because: UUID = Field(description="The event that the step undoes.")


class FindingDetail(Finding):
    """One finding in full. Its lists are complete."""

    accounts: list[FindingAccount]
    restore: list[RestoreStep] = Field(description="In order; empty if nothing is to be undone.")


def asked_findings(
    context: Given,
    organization: Organization,
    known: ApplicationIds,
    since: Since = "30d",
    until: Until = None,
    application: Name = "",
    kind: Annotated[list[Kind] | None, Query(description="Matches any of these.", max_length=50)] = None,
) -> Asked:
    """Return what the parameters ask for."""
    begin, end, _ = time_range(since, until, context.clock())
    return Asked(organization, begin, end, application, tuple(kind or ()))


AskedFindings = Annotated[Asked, Depends(asked_findings)]


@router.get("/findings", response_model=Findings)
def findings(context: Given, asked: AskedFindings, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> dict[str, Any]:
    """List what the events of a time range prove together: mass changes, leftovers of mappings, and duplicate
    groups."""
    found = list_findings(context.store, asked)
    told = told_all(context.store, found[:limit])
    return {"since": asked.since, "until": asked.until, "items": told, "total": len(found)}


@router.get("/findings/{finding}", response_model=FindingDetail)
def finding(
    context: Given,
    asked: AskedFindings,
    finding: Annotated[str, Path(min_length=4, max_length=16, description="Its id, or the beginning of it.")],
) -> dict[str, Any]:
    """Return one finding with everybody it is about, and the steps to undo it."""
    whole = find_finding(context.store, asked, finding, context.clock())
    people = names(context.store, [whole.finding], len(whole.finding.subjects))
    return {
        **_told(whole.finding, people),
        "subjects": _subjects(whole.finding, whole.finding.subjects, people),
        "evidence": whole.finding.events,
        "accounts": whole.stood,
        "restore": whole.steps,
        "next": next_of(whole.finding, steps=bool(whole.steps)),
    }


def told_all(store: Store, found: Sequence[values.Finding]) -> list[dict[str, Any]]:
    """Return the findings as the API shows them."""
    known = names(store, found)
    return [_told(one, known) for one in found]


def _told(found: values.Finding, known: Names) -> dict[str, Any]:
    act = found.act
    return {
        "id": found.id,
        "kind": found.kind.value,
        **found.app._asdict(),
        "since": found.since,
        "until": found.until,
        "sure": found.sure,
        "text": found.text,
        "people": len(found.subjects),
        "accepted": found.accepted,
        "usual": found.usual,
        "threshold": found.threshold,
        "act": act
        and {
            **act.because._asdict(),
            "event_type": act.event_type,
            "at": act.at,
            "actor": act.actor,
        },
        "attributes": list(found.attributes),
        "subjects": _subjects(found, found.subjects[:NAMED], known),
        "evidence": list(found.events[:EVIDENCE]),
        "events": len(found.events),
        "next": next_of(found),
    }


def _subjects(found: values.Finding, subjects: Sequence[str], known: Names) -> list[dict[str, str]]:
    return [{"subject_id": own, "name": known.get((found.app.organization, own), "")} for own in subjects]


_NEXT = {
    Kind.ORPHANED_VALUES: "clear the value at the provider, or map the attribute again; then save each person's group",
    Kind.STALE_PEOPLE: "save a group of theirs in the directory: that pushes its people with the new mapping",
    Kind.TWICE_GROUPS: "see at the provider which of the two has the members and rights; unbind and delete the other",
}


def next_of(found: values.Finding, steps: bool = True) -> str:
    """Return what to do about the finding. `steps`: whether there are steps to undo it, as far as known."""
    if found.kind in MASS:
        whom = f"ask {found.act.actor}" if found.act and found.act.actor else "ask the administrators"
        if not found.accepted:
            return f"{whom} whether it was meant; nothing was accepted: if it was, all is still to be done"
        if not steps:
            return f"{whom} whether it was meant; there is nothing to undo"
        whole = f"idtrail findings {found.id[:8]} --since {found.since:%Y-%m-%d}"
        return f"{whom} whether it was meant; if not: {whole} has the steps back, in order"
    return _NEXT[found.kind]

"""A simulated organisation on the log, and what its truth says the store must hold."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from producers.simulation import Organisation, Truth
from queries.store import Store
from schemas.envelope import Source, Trust, seal
from tests.records import NOON, Record

_STATES = (
    "SELECT application_id, subject_id, argMax(account_state, (occurred_at, toString(event_id), version))"
    " FROM account_turns WHERE kind = 'user' AND account_state != '' AND outcome = 'success'"
    " GROUP BY application_id, subject_id"
)


def simulate(seed: int, start: datetime, *, people: int = 40, days: float = 12) -> tuple[list[Record], Truth]:
    """Sealed records without odd envelopes, in the order in which they happened, and the truth behind them."""
    organisation = Organisation(seed, people, 6, days, start, oddities=0.0, story=False)
    source = Source("simulator", Trust.TENANT_API)
    records = []
    for event in organisation:
        sealed = seal(event.raw, source, NOON)
        records.append(Record(sealed.value, sealed.headers, key=sealed.key))
    return records, organisation.truth


def provisioning(records: list[Record]) -> int:
    """How many of them are of the twelve types."""
    names = [dict(record.headers)["ce_type"].decode().removeprefix("idtrail.") for record in records]
    return sum(name.endswith("_provision") or name == "user_deprovision" or "integration" in name for name in names)


def confirmed_by_truth(truth: Truth) -> dict[tuple[str, str], str]:
    """Each account's state as the last successful attempt left it; accounts without one are left out."""
    states = {}
    for key, account in truth.accounts.items():
        accepted = [change.state for change in account.confirmed if change.state != "absent"]
        if accepted and account.subject_type == "user":
            states[key] = accepted[-1]
    return states


def confirmed_in_store(store: Store) -> dict[tuple[str, str], str]:
    """The same, from what may change where accounts stand."""
    return {(application, subject): state for application, subject, state in store.query(_STATES) if state}


def distinct(records: list[Record]) -> int:
    """How many events they are."""
    return len({UUID(dict(record.headers)["ce_id"].decode()) for record in records})

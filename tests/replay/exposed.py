"""Which accounts were truly exposed, when, and why: told from the simulator's truth alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from producers.simulation import Truth
from producers.simulation.account_truth import AccountTruth
from producers.simulation.model import ABSENT, ACTIVE, CLOSED
from producers.simulation.truth import instant

Key = tuple[str, str]
"""Of an account: application and subject."""

MICROSECOND = timedelta(microseconds=1)


class Exposed(NamedTuple):
    """What is to be told of an exposed account."""

    reason: str
    since: datetime
    tries: int
    cause: str
    used_since: datetime | None


class Span(NamedTuple):
    """For how long an account was meant closed before it was; the same fields as the report's."""

    since: datetime
    closed_at: datetime | None
    absent_at: datetime | None


def micros(at: datetime) -> int:
    return (at - instant(0)) // MICROSECOND


def people(truth: Truth) -> dict[Key, AccountTruth]:
    """All accounts but groups', and those of activations' tests: no event of the directory decides what these are
    meant to be."""
    return {
        key: account
        for key, account in truth.accounts.items()
        if account.subject_type == "user"
        and account.intended
        and any(change.event_id is not None for change in account.intended)
    }


def deleted_since(truth: Truth, application: str, at: int) -> int | None:
    """When the integration was deleted, if it is at that instant."""
    deleted = None
    for own, changed_at, active in truth.integrations:
        if own == application and changed_at <= at:
            deleted = None if active else changed_at
    return deleted


def exposed(truth: Truth, at: datetime, sla: timedelta) -> dict[Key, Exposed]:
    """Everybody at that instant."""
    found = {key: exposure_of(truth, key, account, micros(at), sla) for key, account in people(truth).items()}
    return {key: exposure for key, exposure in found.items() if exposure is not None}


def exposure_of(truth: Truth, key: Key, account: AccountTruth, at: int, sla: timedelta) -> Exposed | None:
    """What the account is at that instant; None: not exposed."""
    meant, deleted = account.meant_closed(at), deleted_since(truth, key[0], at)
    confirmed = account.state("confirmed", at)
    if confirmed == ABSENT:
        reason = "reported_absent" if meant and _reported(account, at) else ""
    elif confirmed != ACTIVE:
        reason = ""
    elif deleted is not None:
        reason = "left_behind" if meant or account.state("intended", at) == ACTIVE else ""
    elif meant is None:
        reason = ""
    elif account.tries_since(meant.at, at):
        reason = "failing"
    else:
        reason = "never_attempted" if instant(meant.at) + sla < instant(at) else ""
    if not reason:
        return None
    begun = [meant.at] if meant else []
    begun += [deleted] if deleted is not None and reason == "left_behind" else []
    tries = account.tries_since(meant.at, at) if meant else []
    used = account.used_since(min(begun), at)
    return Exposed(
        reason,
        instant(min(begun)),
        len(tries),
        tries[-1].cause if tries else "",
        None if used is None else instant(used),
    )


def _reported(account: AccountTruth, at: int) -> bool:
    """Whether the last that was told of the account is that there is none, and not of what was confirmed closed."""
    told = [change.state for change in account.confirmed if change.at <= at]
    while told and told[-1] == ABSENT:
        told.pop()
    return bool(told) and told[-1] not in CLOSED


def spans(account: AccountTruth) -> Iterator[Span]:
    """Each time that it came to be meant closed while it was confirmed active, but where it was wanted again first."""
    stretches: list[tuple[int, int | None]] = []
    for change in account.intended:
        open_end = bool(stretches) and stretches[-1][1] is None
        if change.state in CLOSED and not open_end:
            stretches.append((change.at, None))
        elif change.state not in CLOSED and open_end:
            stretches[-1] = stretches[-1][0], change.at
    for begun, wanted in stretches:
        if account.state("confirmed", begun) != ACTIVE:
            continue
        within = [one for one in account.confirmed if one.at > begun and (wanted is None or one.at < wanted)]
        closed = next((one.at for one in within if one.state in CLOSED), None)
        absent = [one.at for one in within if one.state == ABSENT and closed is None]
        if closed or absent or wanted is None:
            yield Span(instant(begun), instant(closed) if closed else None, instant(absent[-1]) if absent else None)


def edges(truth: Truth, key: Key, sla: timedelta) -> set[datetime]:
    """Every instant at which what is to be told of the account may change."""
    account = people(truth)[key]
    found = {change.at for view in (account.intended, account.confirmed) for change in view}
    found |= {one.at for one in account.tries} | set(account.uses)
    found |= {at for application, at, _ in truth.integrations if application == key[0]}
    decided = {instant(change.at) + sla for change in account.intended if change.state in CLOSED}
    return {instant(at) for at in found} | decided

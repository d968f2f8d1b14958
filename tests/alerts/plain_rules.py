"""Which events the rules that ship are about, once more and plainly: no table, no expression engine, no index."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from streams.alerts.occurrence import Occurrence, Role
from streams.alerts.rule import Condition, Rule
from streams.alerts.seen import Seen
from streams.alerts.terms import terms_of
from tests.alerts.reference import Expected, expected_alerts

Facts = dict[str, Any]
Found = dict[tuple[str, str, tuple[str, ...], int], Expected]
"""By rule, organization, group and stretch of `dedup`: what an alert's id is made of."""

SUSPENDED: Final = {
    "state: ACTIVATED -> SUSPENDED",
    "state: STAGED -> SUSPENDED",
    "state: SUSPENDED",
    "suspended: false -> true",
    "suspended: true",
}
WHERE: Final[dict[tuple[str, str], Callable[[Facts], bool]]] = {
    ("account-used-after-closing", "until"): lambda fact: fact["account_state"] == "active",
    ("deprovision-missing", "match"): lambda fact: (
        fact["event_type"] in ("user_suspended", "user_delete") or not SUSPENDED.isdisjoint(fact["changed"])
    ),
    ("event-of-another-shape", "match"): lambda fact: fact["drift"],
    ("integration-changed-outside-hours", "match"): lambda fact: (
        not 6 <= fact["hour"] < 20 or fact["weekday"] in ("saturday", "sunday")
    ),
}
"""What the expressions say, by rule and condition."""


def expected_of(rules: Iterable[Rule], events: Iterable[Seen], clock: int) -> Found:
    """The alerts of events, of which each comes once."""
    told = [(seen, facts_of(seen)) for seen in events]
    found: Found = {}
    for rule in rules:
        for (organization, *group), occurrences in occurrences_of(rule, told).items():
            for alert in expected_alerts(terms_of(rule), occurrences, clock):
                found[rule.id, organization, tuple(group), alert.bucket] = alert
    return found


def facts_of(seen: Seen) -> Facts:
    """By their names in docs/rules.md, as far as the rules that ship need them."""
    weekdays = ("thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday")
    hours = seen.at // 3_600_000_000
    return {
        **seen.facts._asdict(),
        "organization": seen.organization,
        "drift": seen.drifted,
        "hour": hours % 24,
        "weekday": weekdays[hours // 24 % 7],
    }


def occurrences_of(rule: Rule, events: list[tuple[Seen, Facts]]) -> dict[tuple[str, ...], list[Occurrence]]:
    """What the rule counts, by organization and group."""
    found: dict[tuple[str, ...], list[Occurrence]] = {}
    for seen, fact in events:
        role = 0
        if _meets(rule, "match", fact) and not _meets(rule, "unless", fact):
            role = Role.MATCH + (Role.FAILED if _meets(rule, "failed", fact) else 0)
        role += Role.THEN if _meets(rule, "then", fact) else 0
        role += Role.UNTIL if _meets(rule, "until", fact) else 0
        if role:
            group = (seen.organization, *(fact[name] for name in rule.group_by))
            found.setdefault(group, []).append(
                Occurrence(
                    seen.at,
                    seen.event_id.hex(),
                    seen.version,
                    role,
                    fact[rule.of] if rule.of else "",
                    "" if fact["kind"] == "integration" else fact["subject_id"],
                    fact["application_id"],
                    fact["cause"],
                    rule.title.format(**fact),
                    "" if seen.incident_id == bytes(16) else seen.incident_id.hex(),
                )
            )
    return found


def _meets(rule: Rule, name: str, fact: Facts) -> bool:
    condition: Condition | None = getattr(rule, name)
    if condition is None or (not condition.type and fact["kind"] == "other" and not fact["drift"]):
        return False
    listed = {"event_type": condition.type, "kind": condition.kind, "action": condition.action}
    listed |= {"outcome": condition.outcome, "cause": condition.cause}
    if any(values and fact[field] not in values for field, values in listed.items()):
        return False
    if not condition.where:
        return True
    assert (rule.id, name) in WHERE, f"{rule.id}: say in WHERE, as a function, what `{name}.where` says"
    return WHERE[rule.id, name](fact)

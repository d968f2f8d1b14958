"""What Sigma means, slowly and as docs/rules.md says it: what imported rules are held against.

Nothing here is shared with the code: rules are plain dictionaries, events are records as the vendor writes them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any

ABSENT = object()
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
COMPARED: dict[str, Callable[[Any, Any], bool]] = {"lt": lt, "lte": le, "gt": gt, "gte": ge}


def meets(detection: dict[str, Any], record: dict[str, Any]) -> bool:
    """Whether the record meets the condition."""
    held = {name: selected(asked, record) for name, asked in detection.items() if name != "condition"}
    words = []
    for word in re.findall(r"(?:1|all) of [\w*]+|[\w-]+|[()]", detection["condition"]):
        of = re.fullmatch(r"(1|all) of ([\w*]+)", word)
        if of:
            pattern = ".*" if of[2] == "them" else of[2].replace("*", ".*")
            each = [value for name, value in held.items() if re.fullmatch(pattern, name)]
            words.append(str(any(each) if of[1] == "1" else all(each)))
        else:
            words.append(word if word in ("and", "or", "not", "(", ")") else str(held[word]))
    return bool(eval(" ".join(words)))  # noqa: S307  of True, False, and, or, not and brackets


def selected(asked: Any, record: dict[str, Any]) -> bool:
    if isinstance(asked, list):
        return any(selected(each, record) for each in asked)
    return all(has(key, values, record) for key, values in asked.items())


def has(key: str, values: Any, record: dict[str, Any]) -> bool:
    field, *modifiers = key.split("|")
    listed = values if isinstance(values, list) else [values]
    found = value_at(record, field)
    held = [one(modifiers, value, found) for value in listed]
    result = all(held) if "all" in modifiers else any(held)
    return not result if "neq" in modifiers else result


def value_at(record: Any, field: str) -> Any:
    for name in field.split("."):
        if not isinstance(record, dict) or name not in record:
            return ABSENT
        record = record[name]
    return record


def text_of(found: Any) -> str | None:
    """None of what has none: nothing, null, a list, an object."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int | float):
        return re.sub(r"\.0$", "", format(Decimal(repr(found)), "f"))
    return found if isinstance(found, str) else None


def one(modifiers: list[str], value: Any, found: Any) -> bool:
    if "exists" in modifiers:
        return (found is not ABSENT) is value
    if value is None:
        return found is ABSENT or found is None
    text = text_of(found)
    if isinstance(value, bool):
        return found is value
    if "cidr" in modifiers:
        return isinstance(found, str) and in_network(found, value)
    for name, compare in COMPARED.items():
        if name in modifiers:
            plain = None if text is None or isinstance(found, bool) else NUMBER.fullmatch(text)
            return plain is not None and compare(float(text or ""), value)
    if "re" in modifiers:
        return text is not None and re.search(value, text, re.IGNORECASE if "i" in modifiers else 0) is not None
    wanted = text_of(value)
    assert wanted is not None
    for name, form in (("contains", "*{}*"), ("startswith", "{}*"), ("endswith", "*{}")):
        if name in modifiers:
            wanted = form.format(wanted)
    if set(wanted) == {"*"}:
        return found is not ABSENT and found is not None
    pattern = "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in wanted)
    flags = re.DOTALL if "cased" in modifiers else re.DOTALL | re.IGNORECASE
    return text is not None and re.fullmatch(pattern, text, flags) is not None


def in_network(text: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(text) in ipaddress.ip_network(network)
    except ValueError:
        return False


def first_alerts(
    correlation: dict[str, Any], rules: dict[str, dict[str, Any]], records: list[tuple[int, dict[str, Any]]], span: int
) -> dict[tuple[str, ...], int]:
    """When a correlation holds for the first time, by group; `records` have their times, all different."""
    found: dict[tuple[str, ...], int] = {}
    named = correlation["rules"]
    for now, last in sorted(records, key=lambda each: each[0]):
        group = group_of(correlation, last)
        if group is None or not any(meets(rules[name], last) for name in named):
            continue
        within = [(at, one) for at, one in records if now - span < at <= now and group_of(correlation, one) == group]
        if holds(correlation, [rules[name] for name in named], within, (now, last), span, records):
            found.setdefault(group, now)
    return found


def group_of(correlation: dict[str, Any], record: dict[str, Any]) -> tuple[str, ...] | None:
    values = [value_at(record, field) for field in correlation["group-by"]]
    return tuple(values) if all(isinstance(value, str) and value for value in values) else None


def holds(
    correlation: dict[str, Any],
    rules: list[dict[str, Any]],
    within: list[tuple[int, dict[str, Any]]],
    last: tuple[int, dict[str, Any]],
    span: int,
    records: list[tuple[int, dict[str, Any]]],
) -> bool:
    condition = correlation.get("condition", {"gte": len(rules)})
    least: int = condition["gt"] + 1 if "gt" in condition else condition["gte"]
    if correlation["type"] == "event_count":
        return len([one for _, one in within if meets(rules[0], one)]) >= least
    if correlation["type"] == "value_count":
        values = {value_at(one, condition["field"]) for _, one in within if meets(rules[0], one)}
        values = {value for value in values if isinstance(value, str) and value}
        return value_at(last[1], condition["field"]) in values and len(values) >= least
    if correlation["type"] == "temporal":
        return sum(any(meets(rule, one) for _, one in within) for rule in rules) >= least
    group = group_of(correlation, last[1])
    earlier = [one for at, one in records if last[0] - span <= at < last[0] and group_of(correlation, one) == group]
    return meets(rules[1], last[1]) and any(meets(rules[0], one) for one in earlier)

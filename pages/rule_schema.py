"""The JSON Schema of a rule, made from its model: editors use it to complete and check rules."""

from __future__ import annotations

import json
from typing import Any, Final

from pages.event_schemas import DIALECT, DIRECTORY, plain
from streams.alerts.rule import ALLOWED, REQUIRED, Rule, RuleKind

NAME: Final = "rule"


def rule_schema() -> dict[str, Any]:
    """Return the schema of one rule. It treats expressions as plain texts: `idtrail rules check` checks those."""
    schema = plain(Rule.model_json_schema(mode="validation"))
    return {
        "$schema": DIALECT,
        "$id": "urn:idtrail:rule",
        "title": "Alert rule",
        **schema,
        "allOf": [*map(_of_kind, RuleKind), {"not": {"required": ["until", "quiet"]}}],
    }


def _of_kind(kind: RuleKind) -> dict[str, Any]:
    needed = [name for name, kinds in REQUIRED.items() if kind in kinds]
    refused = {name: False for name, kinds in ALLOWED.items() if kind not in kinds}
    return {
        "if": {"properties": {"kind": {"const": kind.value}}, "required": ["kind"]},
        "then": {"required": needed, "properties": refused},
    }


def documents() -> dict[str, str]:
    """Return the schema file's content by its path."""
    return {f"{DIRECTORY}/{NAME}.json": json.dumps(rule_schema(), indent=2) + "\n"}

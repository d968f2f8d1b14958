"""Writes a rule as YAML that people can read and edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import yaml

WIDTH: Final = 118
_LONG: Final = 80


class _Writer(yaml.SafeDumper):
    """Writes long texts as blocks, and repeats nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else ">" if len(text) > _LONG and "'" not in text else None
    return writer.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)


def _list(writer: yaml.SafeDumper, values: list[Any]) -> yaml.SequenceNode:
    return writer.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


_Writer.add_representer(str, _text)
_Writer.add_multi_representer(str, _text)
_Writer.add_representer(list, _list)


def rule_text(fields: Mapping[str, Any]) -> str:
    """Return the text of the rule's file. Fields that are None are omitted."""
    given = {name: value for name, value in fields.items() if value is not None}
    return yaml.dump(given, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=WIDTH, indent=2)
